"""Hear what a message does besides asking: it thanks, refuses, wants a person, gives up (speech acts, Austin 1962).

Learnt from the operator's own lines (`bot/phrases.yaml`) by ridge regression over words, pairs of words and runs of
letters, and over the encoder's vectors where there is one. A message that is none of the acts is what the knowledge's
own questions and the `other` lines look like.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from math import log
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from helpbot.later import dataclass
from helpbot.understanding.classifier import fit

__all__ = ["ACTS", "OTHER", "Encode", "Heard", "SpeechActs"]

ACTS: Final = ("solved", "thanks", "not_solved", "person", "cancel", "none", "why", "news", "will_try", "greeting")
OTHER: Final = "other"
_CLASSES: Final = (*ACTS, OTHER)

Encode = Callable[[Sequence[str]], NDArray[np.float32]]
Floats = NDArray[np.float32]

# The share of each view in the likeness of two texts; chosen on the lines of bench/phrases.py that may be tuned on.
_VIEWS_ALONE: Final = {"w": 0.5, "p": 0.35, "c": 0.4}
_VIEWS_BESIDE_MEANING: Final = {"w": 0.3, "p": 0.25, "c": 0.2}
_MEANING: Final = 0.9
_SHARPNESS: Final = 3.0  # of the Gaussian over 1 - cosine
_RIDGE: Final = 0.22
_READ: Final = 400  # characters: an act is told in few words
_GRAMS: Final = (2, 3, 4)
_WORD: Final = re.compile(r"[\w']+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Heard:
    """Scores by act: near 1 for what its own lines get, near 0 for what the others get."""

    scores: Mapping[str, float]

    def leading(self, expected: Sequence[str], alike: Sequence[frozenset[str]] = ()) -> tuple[str, float]:
        """The likeliest of the acts that can be expected here, and how far everything else is behind it.

        Acts of one set of `alike` come to the same here, so they do not count as rivals of each other.
        """
        best = max(expected, key=lambda act: self.scores[act])
        friends = next((group for group in alike if best in group), frozenset({best}))
        rival = max(score for act, score in self.scores.items() if act not in friends)
        return best, self.scores[best] - rival


class SpeechActs:
    """Hears acts in short messages. `unseen` holds what each line would have scored, had it not been learnt from."""

    __slots__ = ("_columns", "_dual", "_encode", "_examples", "_idf", "_linear", "labels", "unseen")

    def __init__(
        self,
        columns: Mapping[str, int],
        idf: Floats,
        linear: Floats,
        dual: Floats,
        examples: Floats,
        encode: Encode | None,
    ) -> None:
        """`linear` (features, acts); `examples` (lines, width) and `dual` (lines, acts) are empty for words alone."""
        self._columns, self._idf, self._linear = columns, idf, linear
        self._dual, self._examples, self._encode = dual, examples, encode
        self.unseen: NDArray[np.float64] | None = None
        self.labels: NDArray[np.intp] | None = None

    @classmethod
    def learn(
        cls, phrases: Mapping[str, Sequence[str]], others: Sequence[str], encode: Encode | None = None
    ) -> SpeechActs:
        """Learn from lines by act; `others` are messages that are none, beside the lines of `other`."""
        lines = [(text, act) for act in _CLASSES for text in phrases.get(act, ())]
        lines += [(text, OTHER) for text in others]
        texts = [text for text, _ in lines]
        counts: dict[str, int] = {}
        for text in texts:
            for feature in _features(text):
                counts[feature] = counts.get(feature, 0) + 1
        kept = sorted(feature for feature, count in counts.items() if count > 1)
        idf = np.array([log((len(texts) + 1) / (counts[feature] + 1)) + 1 for feature in kept], np.float32)
        columns = {feature: number for number, feature in enumerate(kept)}
        labels = np.array([_CLASSES.index(act) for _, act in lines], np.intp)
        vectors = np.asarray(encode(texts), np.float32) if encode else np.empty((0, 0), np.float32)

        dense = np.zeros((len(texts), len(kept)), np.float32)
        for row, text in enumerate(texts):
            at, values = _row(text, columns, idf, meaning=encode is not None)
            dense[row, at] = values
        products = dense @ dense.T
        if encode:
            products += np.float32(_MEANING) * np.exp(np.float32(_SHARPNESS) * (vectors @ vectors.T - 1))
        wanted = np.zeros((len(texts), len(_CLASSES)))
        wanted[np.arange(len(texts)), labels] = 1.0
        learnt = fit(products, wanted, _RIDGE)
        dual = learnt.dual
        linear = dense.T @ dual.astype(np.float32)
        made = cls(
            columns, idf, linear, dual.astype(np.float32) if encode else np.empty((0, 0), np.float32), vectors, encode
        )
        made.unseen, made.labels = learnt.unseen, labels
        return made

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Everything learnt, as plain arrays to be stored."""
        features = sorted(self._columns, key=self._columns.__getitem__)
        return {
            "features": np.frombuffer("\0".join(features).encode(), np.uint8), "idf": self._idf, "linear": self._linear,
            "dual": self._dual, "examples": self._examples,
        }  # fmt: skip

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], encode: Encode | None) -> SpeechActs:
        """What `arrays` gave. Raises KeyError or ValueError for anything else."""
        features = arrays["features"].tobytes().decode().split("\0")
        linear = np.asarray(arrays["linear"], np.float32)
        if linear.shape != (len(features), len(_CLASSES)):
            raise ValueError("the stored speech acts are of another shape")
        columns = {feature: number for number, feature in enumerate(features)}
        idf, dual, examples = (np.asarray(arrays[name], np.float32) for name in ("idf", "dual", "examples"))
        return cls(columns, idf, linear, dual, examples, encode)

    def hear(self, text: str) -> Heard:
        """What the message does."""
        at, values = _row(text, self._columns, self._idf, meaning=self._encode is not None)
        scores = values @ self._linear[at] if len(at) else np.zeros(len(_CLASSES), np.float32)
        if self._encode is not None and len(self._examples):
            vector = np.asarray(self._encode([text[:_READ]])[0], np.float32)
            near = _MEANING * np.exp(_SHARPNESS * (self._examples @ vector - 1))
            scores = scores + near.astype(np.float32) @ self._dual
        return Heard(dict(zip(_CLASSES, (float(score) for score in scores), strict=True)))


def _features(text: str) -> dict[str, float]:
    """Words, pairs of words and runs of letters, each with how often it stands in the text."""
    found: dict[str, float] = {}
    words = _WORD.findall(text[:_READ].lower().replace("’", "'"))
    before = "^"
    for word in words:
        grams = [f"c{gram}" for size in _GRAMS for gram in _runs(f" {word[:30]} ", size)] if word[0].isalnum() else []
        for feature in (f"w{word}", f"p{before} {word}", *grams):
            found[feature] = found.get(feature, 0.0) + 1.0
        before = word
    return found


def _runs(word: str, size: int) -> list[str]:
    return [word[at : at + size] for at in range(len(word) - size + 1)]


def _row(text: str, columns: Mapping[str, int], idf: Floats, *, meaning: bool) -> tuple[NDArray[np.intp], Floats]:
    """A text's known features and their values; each view is of length one, times the root of its share."""
    shares = _VIEWS_BESIDE_MEANING if meaning else _VIEWS_ALONE
    by_view: dict[str, list[tuple[int, float]]] = {view: [] for view in shares}
    for feature, count in _features(text).items():
        column = columns.get(feature)
        if column is not None:
            by_view[feature[0]].append((column, (1 + log(count)) * float(idf[column])))
    at: list[int] = []
    values: list[float] = []
    for view, entries in by_view.items():
        length = sum(value * value for _, value in entries) ** 0.5
        at += [column for column, _ in entries]
        values += [value / length * shares[view] ** 0.5 for _, value in entries]
    return np.array(at, np.intp), np.array(values, np.float32)
