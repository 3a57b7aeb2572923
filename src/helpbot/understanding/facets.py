"""Which systems and things a text names: the PSA, the distributor, the entities that a question is about."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from helpbot.later import dataclass

if TYPE_CHECKING:
    from helpbot.knowledge.vocabulary import Vocabulary

__all__ = ["FacetReader", "Named"]

_WORD: Final = re.compile(r"[^\W_]+(?:[&'][^\W_]+)*")
_SHORT: Final = 3  # letters: "AT" is Autotask and "IM" Ingram Micro, "at" and "im" are neither
_WELL_KNOWN: Final = frozenset({"cw", "cwm", "tds", "sb"})  # short, but no words of any language spoken here
# A name that is also a verb stands for the system only after one of these ("in Manage", "pushed it to manage").
_VERBS: Final = frozenset({"manage", "sell", "automate", "control"})
_PLACES: Final = frozenset(
    {
        "in",
        "to",
        "into",
        "from",
        "on",
        "with",
        "cw",
        "connectwise",
        "of",
        "our",
        "by",
        "for",
        "via",
        "inside",
        "between",
        "against",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """What a text names: the ids of each facet in the order of the text, and the entities."""

    facets: Mapping[str, tuple[str, ...]]
    entities: frozenset[str]

    @property
    def single(self) -> dict[str, str]:
        """The facets of which exactly one is named."""
        return {facet: ids[0] for facet, ids in self.facets.items() if len(ids) == 1}


class FacetReader:
    """Finds the vocabulary's names in any text, the longest at each place. Linear in the text; safe to share."""

    __slots__ = ("_entities", "_longest", "_names", "_short")

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._names: dict[str, tuple[str, str]] = {}
        self._short: dict[str, tuple[str, str]] = {}
        self._entities: dict[str, tuple[str, ...]] = {}
        for facet, values in vocabulary.facets.items():
            for value, ways in values.items():
                for way in (value, *ways):
                    words = _words(way)
                    short = len(way) <= _SHORT and way.isupper() and way.lower() not in _WELL_KNOWN
                    if short:
                        self._short[way] = (facet, value)
                    elif words:
                        self._names[words] = (facet, value)
        for entity, ways in vocabulary.entities.items():
            for way in ways:
                words = _words(way)
                if words:
                    self._entities[words] = (*self._entities.get(words, ()), entity)
        self._longest: dict[str, int] = {}  # of the names that begin with a word, the most words
        for name in (*self._names, *self._entities):
            first, length = name.partition(" ")[0], name.count(" ") + 1
            self._longest[first] = max(length, self._longest.get(first, 0))

    def read(self, text: str) -> Named:
        """What the text names."""
        written = _WORD.findall(text)
        folded = [word.lower() for word in written]
        facets: dict[str, dict[str, None]] = {}
        entities: set[str] = set()
        upto = 0  # words before this one belong to a name already found
        for place, word in enumerate(folded):
            if written[place] in self._short and not text.isupper():
                facet, value = self._short[written[place]]
                facets.setdefault(facet, {})[value] = None
            for length in range(min(self._longest.get(word, 0), len(folded) - place), 0, -1):
                name = word if length == 1 else " ".join(folded[place : place + length])
                known = self._names.get(name)
                if known and (name not in _VERBS or (place and folded[place - 1] in _PLACES)):
                    facets.setdefault(known[0], {})[known[1]] = None
                if place >= upto and (things := self._entities.get(name)):
                    entities.update(things)
                    upto = place + length
        return Named(facets={facet: tuple(ids) for facet, ids in facets.items()}, entities=frozenset(entities))


def _words(name: str) -> str:
    return " ".join(word.lower() for word in _WORD.findall(name))
