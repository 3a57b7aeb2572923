"""Where in Slack a conversation is held, as one string that the desk keeps for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["Place", "person_id", "user_of"]

PRIVATE: Final = "~"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A thread, or (with `private`) what one person alone sees: the answer to a command or a shortcut.

    `ts` is the thread's root. A private place has an id of its own in `private`, and the thread it was called from
    in `ts`, if any.
    """

    team: str
    channel: str
    ts: str = ""
    private: str = ""

    @property
    def key(self) -> str:
        """What the desk knows the place by: team:channel:ts, or team:channel:ts~private."""
        return f"{self.team}:{self.channel}:{self.ts}" + (f"{PRIVATE}{self.private}" if self.private else "")

    @property
    def is_dm(self) -> bool:
        """Whether it is a direct message with the bot."""
        return self.channel.startswith("D")

    @classmethod
    def read(cls, key: str) -> Place | None:
        """The place of a key; None if it is no key of Slack's."""
        head, _, private = key.partition(PRIVATE)
        parts = head.split(":")
        if len(parts) != 3 or not parts[0] or not parts[1]:
            return None
        return cls(team=parts[0], channel=parts[1], ts=parts[2], private=private)


def person_id(team: str, user: str) -> str:
    """A Slack user as the desk knows them: unique over workspaces."""
    return f"{team}:{user}"


def user_of(person: str) -> str:
    """The Slack user id of a person's id."""
    return person.rpartition(":")[2]
