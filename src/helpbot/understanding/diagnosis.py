"""What a message was understood to mean, with the evidence for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from enum import StrEnum
from typing import overload

from helpbot.later import dataclass
from helpbot.messages import NOTHING

__all__ = ["Candidate", "Diagnosis", "Evidence", "InputKind", "Passage", "Problem", "Reasons"]


class InputKind(StrEnum):
    """What sort of text it is: the two want different weights (docs/quality.md)."""

    ERROR = "error"
    QUESTION = "question"
    EMPTY = "empty"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One reason for or against a candidate. The weights of a candidate's evidence add up to its score."""

    kind: str  # signature | question | words | meaning | chunk | facet | missing
    label: str  # for people: which signature, which words, which example question
    weight: float


class Reasons(Sequence[Evidence]):
    """Evidence that is put into words when somebody reads it: an answer is given a thousand times before one asks."""

    __slots__ = ("_held", "_work_out")

    def __init__(self, work_out: Callable[[], tuple[Evidence, ...]]) -> None:
        """`work_out` must give the same whenever, and by whichever thread, it is called."""
        self._work_out: Callable[[], tuple[Evidence, ...]] | None = work_out
        self._held: tuple[Evidence, ...] = ()

    def _all(self) -> tuple[Evidence, ...]:
        work_out = self._work_out
        if work_out is not None:
            self._held = work_out()
            self._work_out = None
        return self._held

    @overload
    def __getitem__(self, at: int) -> Evidence: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[Evidence, ...]: ...
    def __getitem__(self, at: int | slice) -> Evidence | tuple[Evidence, ...]:
        return self._all()[at]

    def __len__(self) -> int:
        return len(self._all())

    def __eq__(self, other: object) -> bool:
        return self._all() == tuple(other) if isinstance(other, (Reasons, tuple)) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._all())

    def __repr__(self) -> str:
        return repr(self._all())


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A section found in the articles, for what no resolution covers."""

    article: str
    title: str
    section: str
    anchor: str
    text: str
    score: float
    fix_shaped: bool = False  # has a cause and steps of its own that can be quoted
    about: str = ""  # the pattern of the known error that it tells of: one row of its table may be that error's own


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One thing that may be meant: a resolution (by id), or a passage where there is none.

    `confidence` is calibrated: of all candidates given 0.8, about 80 in 100 are right.
    """

    resolution: str | None
    confidence: float
    score: float
    evidence: Sequence[Evidence] = ()
    captured: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    exact: bool = False  # an error signature of it stands in the text
    passage: Passage | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One of the things that a message asks about; `text` is the part of the message that does."""

    text: str
    candidates: tuple[Candidate, ...]  # best first
    known: float  # calibrated: how likely it is that the knowledge covers this at all
    unknown_error: str = ""  # an error message stands in it that no signature knows


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What one message means: its problems in the order they were told.

    `error_text` is the pasted error exactly as it stands in the message (empty if there is none).
    `facets` are the systems it names, such as {"psa": "autotask"}.
    """

    text: str
    kind: InputKind
    problems: tuple[Problem, ...]
    error_text: str = ""
    facets: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    handover: float = 0.0  # calibrated: how likely it is that a person is asked for
    cut: bool = False  # the text was longer than is read
    encoder: bool = False  # meaning was compared, not words alone
