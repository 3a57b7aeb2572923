"""What a turn is judged against: the knowledge, the engine, the words to say and the operator's wishes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field, replace
from datetime import date, datetime, time, timedelta, tzinfo
from typing import TYPE_CHECKING, Final

from helpbot.knowledge.base import KnowledgeBase
from helpbot.later import dataclass
from helpbot.messages import Channel
from helpbot.understanding.diagnosis import Diagnosis
from helpbot.understanding.marks import Marks
from helpbot.understanding.speech import Heard

if TYPE_CHECKING:
    from helpbot.dialogue.policy import Policy
    from helpbot.dialogue.replies import Replies

__all__ = ["Hours", "Manners", "World"]

OFFERED: Final = 4  # problems in a greeting, where the operator does not name more
OFTEN: Final = 3  # times that something must have been asked to count as often asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """When people are there: opening times by weekday (0 is Monday), in a time zone, except on holidays."""

    zone: tzinfo
    week: Mapping[int, tuple[time, time]]
    holidays: frozenset[date] = frozenset()

    def open_at(self, moment: datetime) -> bool:
        """Whether people are there at that moment (an aware time)."""
        local = moment.astimezone(self.zone)
        times = None if local.date() in self.holidays else self.week.get(local.weekday())
        return times is not None and times[0] <= local.time() < times[1]

    def next_opening(self, moment: datetime) -> datetime | None:
        """When people are there again, in the local time zone; None if not within a year."""
        local = moment.astimezone(self.zone)
        for days in range(366):
            day = local.date() + timedelta(days=days)
            times = None if day in self.holidays else self.week.get(day.weekday())
            if times is None:
                continue
            opening = datetime.combine(day, times[0], tzinfo=self.zone)
            if opening > local:
                return opening
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """The operator's wishes for conversations (bot/helpbot.toml). Times are lengths of silence."""

    name: str = "helpbot"  # what the bot calls itself
    company: str = ""
    remind_after: timedelta | None = timedelta(minutes=30)
    end_after: timedelta = timedelta(hours=24)
    hours: Hours | None = None  # None: somebody is always there
    acknowledge: bool = True  # while an agent holds a conversation, say that a message was passed on
    frequent: tuple[str, ...] = ()  # resolutions to offer in the greeting
    ask_address: frozenset[Channel] = field(default_factory=lambda: frozenset({Channel.WIDGET}))


def deaf(text: str) -> Heard | None:
    """Hear nothing beyond the phrases."""
    del text
    return None


def unmarked(text: str, asked: str) -> Marks | None:
    """Mark nothing: the patterns decide."""
    del text, asked
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Everything a turn needs besides the conversation and the event. Swapped whole when knowledge changes.

    `diagnose` takes a text and the known facets ({"psa": "autotask"}); `hear` tells what a message does besides
    asking, for those that no phrase of `dialogue.phrases` fits; `mark` cuts out the values that a message gives to the
    form, told what was asked for (one of `understanding.marks.ASKED`).
    """

    knowledge: KnowledgeBase
    diagnose: Callable[[str, Mapping[str, str]], Diagnosis]
    replies: Replies
    policy: Policy
    manners: Manners = Manners()
    hear: Callable[[str], Heard | None] = deaf
    mark: Callable[[str, str], Marks | None] = unmarked

    def offering(self, asked: Mapping[str, int]) -> World:
        """The same world, whose greeting offers what was asked most; the operator's choice fills what is left."""
        chosen, known = self.manners.frequent, self.knowledge.resolutions
        often = [
            name for name, times in asked.items() if times >= OFTEN and name in known and "{" not in known[name].label
        ]
        often.sort(key=lambda name: (-asked[name], name not in chosen, name))
        wanted = tuple(dict.fromkeys((*often, *chosen)))[: max(OFFERED, len(chosen))]
        return replace(self, manners=replace(self.manners, frequent=wanted))
