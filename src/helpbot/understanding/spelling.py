"""Correct misspelt words, against the knowledge's own words only.

A word is corrected only if the knowledge does not have it, is not a name, is long enough to carry a slip, and exactly
one word of the knowledge is a slip or two away: "vpn" never becomes "van", "conectwise" becomes "connectwise".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from rapidfuzz.distance import OSA

__all__ = ["Spelling"]

_WORD: Final = re.compile(r"[^\W\d_]{5,30}")  # shorter words have too many neighbours
_LONG: Final = 9  # letters: from here on two slips are forgiven
_RARE: Final = 2  # a correction must be used this often: a misspelling in an example question is no model
_MOST: Final = 40  # words of a text that are looked up


class Spelling:
    """The words of one knowledge, arranged to find the one that was meant. Immutable, safe to share."""

    __slots__ = ("_by_start", "_counts", "_known", "_memory")

    def __init__(self, counts: Mapping[str, int], protected: Iterable[str] = ()) -> None:
        """`counts` says how often each word (lower case) is used; `protected` words are never changed."""
        self._known = frozenset(counts) | frozenset(protected)
        self._counts = counts
        self._by_start: dict[str, list[str]] = {}  # arranged when the first unknown word comes
        self._memory: dict[str, str] = {}

    def correct(self, text: str) -> str:
        """The text with misspelt words replaced; most texts come back as they are."""
        looked = 0
        out: list[str] = []
        done = 0
        for found in _WORD.finditer(text):
            word = found[0].lower()
            if word in self._known:
                continue
            looked += 1
            if looked > _MOST:
                break
            meant = self._meant(word)
            if meant:
                out += [text[done : found.start()], meant]
                done = found.end()
        return "".join(out) + text[done:] if out else text

    def _arranged(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for word, count in self._counts.items():
            if count >= _RARE and _WORD.fullmatch(word):
                found.setdefault(word[0], []).append(word)
        self._by_start = found  # whole or not at all: several threads may ask
        return found

    def _meant(self, word: str) -> str:
        """The one word that was meant; "" if none or several may be."""
        known = self._memory.get(word)
        if known is None:
            by_start = self._by_start or self._arranged()
            slips = 2 if len(word) >= _LONG else 1
            near: list[tuple[int, str]] = []
            # The first letter is hardly ever wrong; the second may have been typed before it.
            for start in {word[0], word[1]}:
                for other in by_start.get(start, ()):
                    if abs(len(other) - len(word)) <= slips:
                        distance = OSA.distance(word, other, score_cutoff=slips)
                        if distance <= slips and not _inflected(word, other):
                            near.append((distance, other))
            near.sort()
            alone = len(near) == 1 or (len(near) > 1 and near[0][0] < near[1][0])
            known = near[0][1] if near and alone else ""
            if len(self._memory) > 20_000:
                self._memory.clear()
            self._memory[word] = known
        return known


def _inflected(word: str, other: str) -> bool:
    """Whether the two differ by an ending only: that is grammar, and the stemmer's business."""
    short, long = sorted((word, other), key=len)
    return long.startswith(short[:-1]) and long[len(short) - 1 :] in ("s", "es", "d", "ed", "er", "ing", "y", "ies")
