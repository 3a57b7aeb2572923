"""The structured answer to one problem."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from enum import StrEnum
from types import MappingProxyType

from helpbot.errors import Origin
from helpbot.later import dataclass
from helpbot.messages import Field

__all__ = ["Escalate", "Kind", "Older", "Point", "Resolution", "Source", "Step"]


class Kind(StrEnum):
    """What an answer is: something to do, something to know, or something that cannot be had."""

    FIX = "fix"
    EXPLANATION = "explanation"
    LIMITATION = "limitation"


@dataclass(frozen=True, slots=True)
class Source:
    """An article's section, written `article#anchor`."""

    article: str
    anchor: str

    def __str__(self) -> str:
        return f"{self.article}#{self.anchor}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing to do. `text` is a template over the captured values; `go` is a literal menu path."""

    text: str
    source: Source
    go: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One fact; `term` is what it is about (a status, a permission)."""

    text: str
    source: Source
    term: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Older:
    """What to do where the user sees what an older article describes."""

    text: str
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalate:
    """When a person is needed, and what they will ask for."""

    when: str
    needs: tuple[Field, ...] = (Field.PRODUCT_NAME, Field.ERROR_MESSAGE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """One problem, its cause and what to do. `applies_to` maps a facet (psa, distributor) to its ids; empty: any."""

    id: str
    title: str
    label: str
    kind: Kind
    topic: str
    source: Source
    cause: str
    applies_to: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    errors: tuple[str, ...] = ()
    questions: Sequence[str] = ()
    points: tuple[Point, ...] = ()
    steps: tuple[Step, ...] = ()
    check: str = ""
    older: Older | None = None
    see_also: tuple[str, ...] = ()
    escalate: Escalate | None = None
    origin: Origin = Origin("")
    lines: Mapping[str, int] = field(default_factory=dict, compare=False, repr=False)  # "steps.0.go" -> its line

    def line(self, *place: str | int) -> int:
        """The line of a field, or of the nearest thing around it that is known."""
        while place:
            found = self.lines.get(".".join(map(str, place)))
            if found:
                return found
            place = place[:-1]
        return self.origin.line
