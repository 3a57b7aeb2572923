"""What a message was understood to mean, with the evidence for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum

from helpbot.later import dataclass
from helpbot.messages import NOTHING

__all__ = ["Candidate", "Diagnosis", "Evidence", "InputKind", "Passage", "Problem"]


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
    evidence: tuple[Evidence, ...] = ()
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
