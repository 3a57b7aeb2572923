"""Play a conversation without a store: what `replay`, the tests and an author's trial run on. No side effects."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from helpbot.dialogue import events
from helpbot.dialogue.actions import Action, OpenCase, Say
from helpbot.dialogue.conversation import CaseRef, Conversation
from helpbot.dialogue.events import Event
from helpbot.dialogue.machine import Step, step
from helpbot.dialogue.world import World
from helpbot.messages import Channel, Person, Reply

__all__ = ["Rehearsal", "joined", "perform"]

_FIRST_NUMBER = 1001


def perform(now: Conversation, event: Event, world: World, number: int) -> Step:
    """One whole turn: where it opens a case, the case gets that number and is told in the same turn."""
    done = step(now, event, world)
    if not any(isinstance(action, OpenCase) for action in done.actions):
        return done
    opened = events.CaseOpened(at=event.at, id=f"HB-{number}", number=f"HB-{number}")
    after = step(done.conversation, opened, world)
    return Step(conversation=after.conversation, actions=(*done.actions, *after.actions))


def joined(actions: tuple[Action, ...]) -> Reply | None:
    """All that the actions tell the user, as one reply; None if they tell nothing."""
    replies = [action.reply for action in actions if isinstance(action, Say)]
    if not replies:
        return None
    last = replies[-1]
    if len(replies) == 1:
        return last
    return replace(
        last,
        text="\n\n".join(reply.text for reply in replies),
        parts=tuple(part for reply in replies for part in reply.parts),
    )


class Rehearsal:
    """One conversation in memory. `at` is the time of every turn: nothing is due, nothing is late."""

    def __init__(
        self, world: World, *, at: datetime, name: str = "rehearsal", channel: Channel = Channel.TERMINAL
    ) -> None:
        self._world, self._at = world, at
        self.conversation = Conversation(id=name, channel=channel, person=Person(id=name))
        self.actions: tuple[Action, ...] = ()

    def say(self, text: str) -> Reply:
        """What the bot replies to a message."""
        reply = self.happen(events.UserSaid(at=self._at, text=text))
        assert reply is not None, "every message gets a reply"
        return reply

    def happen(self, event: Event) -> Reply | None:
        """Let any event happen; None where nothing is said."""
        number = _FIRST_NUMBER + len(self.conversation.cases)
        done = perform(self.conversation, event, self._world, number)
        self.conversation, self.actions = done.conversation, done.actions
        return joined(done.actions)

    @property
    def cases(self) -> tuple[CaseRef, ...]:
        """All cases opened so far, oldest first."""
        return self.conversation.cases
