"""What Slack asks of the knowledge, from the desk's own world: one answer, fixes by words, what to suggest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

from helpbot.channels.slack.deeds import Engine
from helpbot.channels.slack.settings import Prompt
from helpbot.dialogue.actions import Say
from helpbot.dialogue.acts import Aside, Asked, Greeted, SaidNothing
from helpbot.dialogue.conversation import Conversation, Phase
from helpbot.dialogue.events import UserSaid
from helpbot.dialogue.machine import step
from helpbot.dialogue.reading import read
from helpbot.dialogue.world import World
from helpbot.messages import Channel, Outcome, Person, Reply

__all__ = ["engine_of"]

_NOBODY: Final = Conversation(id="", channel=Channel.SLACK, person=Person(id="nobody"))
_ANEW: Final = (Asked, Aside, Greeted, SaidNothing)  # what begins something rather than going on with it
_ANY_TIME: Final = datetime(2000, 1, 1, tzinfo=UTC)  # what is answered does not depend on it


def engine_of(world: Callable[[], World]) -> Engine:
    """The engine over the knowledge of the moment."""

    def answer(text: str) -> Reply:
        done = step(_NOBODY, UserSaid(at=_ANY_TIME, text=text), world())
        said = [action.reply for action in done.actions if isinstance(action, Say)]
        return said[0] if said else Reply(outcome=Outcome.NO_ANSWER, text="")

    def title(resolution: str) -> str:
        found = world().knowledge.resolutions.get(resolution)
        return found.title if found is not None else resolution

    def source(resolution: str) -> str:
        found = world().knowledge.resolutions.get(resolution)
        return str(found.source) if found is not None else ""

    def search(words: str, most: int) -> Sequence[tuple[str, str]]:
        now = world()
        names: dict[str, None] = {}
        for problem in now.diagnose(words, {}).problems:
            names.update(dict.fromkeys(c.resolution for c in problem.candidates if c.resolution))
        wanted = [word for word in words.casefold().split() if len(word) > 1][:10]
        for name, found in now.knowledge.resolutions.items():
            if wanted and all(word in f"{found.title} {name}".casefold() for word in wanted):
                names[name] = None
        return [(name, title(name)) for name in names][:most]

    def prompts() -> Sequence[Prompt]:
        now = world()
        known = now.knowledge.resolutions
        return [
            Prompt(title=known[name].title, message=(*known[name].questions, known[name].title)[0])
            for name in now.manners.frequent
            if name in known
        ]

    def leans(now: Conversation, text: str) -> bool:
        if now.phase in {Phase.CLOSED, Phase.WITH_AGENT}:
            return now.phase is Phase.WITH_AGENT
        return not isinstance(read(now, UserSaid(at=_ANY_TIME, text=text), world()), _ANEW)

    return Engine(answer=answer, search=search, title=title, source=source, prompts=prompts, leans=leans)
