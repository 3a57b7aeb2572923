"""Names and words that mean the same, as an author lists them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from helpbot.later import dataclass

__all__ = ["Vocabulary"]

_EMPTY: Mapping[str, tuple[str, ...]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """Each mapping goes from an id to the ways people write it; the first way is the one to show.

    `facets` holds one mapping a facet (`psa`, `distributor`): the systems that separate one fix from another.
    `entities` are the things that questions are about, also those that no article covers.
    """

    products: tuple[str, ...] = ()
    facets: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    entities: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: _EMPTY)
    synonyms: tuple[tuple[str, ...], ...] = ()

    def name(self, facet: str, value: str) -> str:
        """How to write a facet's value for people: `autotask` -> `Autotask`."""
        ways = self.facets.get(facet, {}).get(value)
        return ways[0] if ways else value
