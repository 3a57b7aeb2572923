"""One tree of errors, a branch for each person who can mend the fault.

    HelpbotError
    ├── KnowledgeError      an author must change a file under knowledge/ or bot/replies/
    ├── SettingError        an operator must change a setting
    ├── CallError           the caller asked for something that cannot be had; carries a code for programs
    ├── OutsideError        a service outside did not do what it was asked; may say when to try again
    └── SnapshotError       a stored index cannot be used and is to be rebuilt

Each message is one line that says where, what is wrong and what to do. A `Fault` is the same as a value: checks
collect faults and report them all at once instead of stopping at the first.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from helpbot.later import dataclass

__all__ = [
    "CallError",
    "Code",
    "Fault",
    "HelpbotError",
    "KnowledgeError",
    "Origin",
    "OutsideError",
    "SettingError",
    "SnapshotError",
]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where something was written: a path as the author knows it, and a line counted from 1 (0: the whole file)."""

    path: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.path}:{self.line}" if self.line else self.path


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One thing that somebody must mend: `origin` says where, `remedy` what to do about the `problem`."""

    path: str
    line: int
    problem: str
    remedy: str
    grave: bool = True  # a warning (False) is reported but does not make `check` fail

    def __str__(self) -> str:
        where = Origin(self.path, self.line)
        return f"{where}: {self.problem}. {self.remedy}."


class HelpbotError(Exception):
    """Anything this program reports in one clear line."""


class KnowledgeError(HelpbotError):
    """An author must change a file. Carries every fault found, not only the first."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(sorted(faults))
        super().__init__("\n".join(str(fault) for fault in self.faults))


class SettingError(HelpbotError):
    """An operator must change settings. Carries every fault found; never prints a secret's value."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(sorted(faults))
        super().__init__("\n".join(str(fault) for fault in self.faults))


class Code(StrEnum):
    """What a caller's program can act on; the web edge maps each to one HTTP status."""

    INVALID = "invalid"  # 422
    UNAUTHORISED = "unauthorised"  # 401
    FORBIDDEN = "forbidden"  # 403
    NOT_FOUND = "not-found"  # 404, also for what the caller may not know exists
    CONFLICT = "conflict"  # 409: the thing is not in a state that allows this
    IN_PROGRESS = "in-progress"  # 409 with Retry-After: the same key is being worked on
    KEY_REUSED = "key-reused"  # 422: the same key came with another body
    TOO_LARGE = "too-large"  # 413
    TOO_MANY = "too-many"  # 429 with Retry-After
    UNAVAILABLE = "unavailable"  # 503 with Retry-After: storage is locked, full or down


class CallError(HelpbotError):
    """The caller asked for what cannot be done; nothing was changed. `retry_after` is in seconds."""

    def __init__(self, code: Code, problem: str, remedy: str, *, retry_after: float | None = None) -> None:
        self.code, self.problem, self.remedy, self.retry_after = code, problem, remedy, retry_after
        super().__init__(f"{problem}. {remedy}.")


class OutsideError(HelpbotError):
    """A service outside failed. `permanent` ones are not tried again; `retry_after` is in seconds.

    With `alone` only this one thing has to wait: the service takes what is for others.
    """

    def __init__(
        self, problem: str, *, permanent: bool = False, retry_after: float | None = None, alone: bool = False
    ) -> None:
        self.permanent, self.retry_after, self.alone = permanent, retry_after, alone
        super().__init__(problem)


class SnapshotError(HelpbotError):
    """A stored index is of another format, cut short or changed; the caller rebuilds it."""
