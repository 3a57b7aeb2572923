"""Hear what a message does besides asking: it thanks, refuses, wants a person, gives up (speech acts, Austin 1962).

Learnt from the operator's own lines (`bot/phrases.yaml`) with the same classifier that learns questions; a message
that is none of these is what the knowledge's own questions and the `other` lines look like.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from helpbot.retrieval.tokens import Tokenizer
from helpbot.understanding.classifier import Classifier, Fit, Kernel, Vectoriser, fit

__all__ = ["ACTS", "OTHER", "Encode", "Heard", "SpeechActs"]

ACTS: Final = ("solved", "thanks", "not_solved", "person", "cancel", "none", "why", "news", "will_try", "greeting")
OTHER: Final = "other"

_WORDS_ONLY: Final = Kernel(words=0.5, pairs=0.35, letters=0.4, ridge=0.2)
_WITH_MEANING: Final = Kernel(words=0.3, pairs=0.25, letters=0.2, meaning=0.9, sharpness=3.0, ridge=0.25)

Encode = Callable[[Sequence[str]], NDArray[np.float32]]


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
    """Hears acts in short messages."""

    __slots__ = ("_classifier", "_encode", "fit", "labels")

    def __init__(
        self,
        classifier: Classifier,
        encode: Encode | None,
        learnt: Fit | None = None,
        labels: NDArray[np.intp] | None = None,
    ) -> None:
        """`learnt` and `labels` are there after learning, for measuring; not when opened from arrays."""
        self._classifier, self._encode, self.fit, self.labels = classifier, encode, learnt, labels

    @classmethod
    def learn(
        cls, phrases: Mapping[str, Sequence[str]], others: Sequence[str], encode: Encode | None = None
    ) -> SpeechActs:
        """Learn from lines by act; `others` are messages that are none, beside the lines of `other`."""
        classes = (*ACTS, OTHER)
        lines = [(text, act) for act in classes for text in phrases.get(act, ())]
        lines += [(text, OTHER) for text in others]
        texts = [text for text, _ in lines]
        kernel = _WITH_MEANING if encode else _WORDS_ONLY
        tokenizer = Tokenizer(stop_words=())
        vectoriser = Vectoriser.learn(texts, kernel, tokenizer, tokenizer)
        labels = np.array([classes.index(act) for _, act in lines], np.intp)
        vectors = encode(texts) if encode else None
        learnt = fit([vectoriser.row(text) for text in texts], labels, classes, vectoriser, vectors=vectors)
        return cls(learnt.classifier, encode, learnt, labels)

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Everything learnt, as plain arrays to be stored."""
        classifier = self._classifier
        features = sorted(classifier.vectoriser.columns, key=classifier.vectoriser.columns.__getitem__)
        return {
            "features": np.frombuffer("\0".join(features).encode(), np.uint8), "idf": classifier.vectoriser.idf,
            "linear": classifier.linear, "dual": classifier.dual, "examples": classifier.examples,
        }  # fmt: skip

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]], encode: Encode | None) -> SpeechActs:
        """What `arrays` gave. Raises KeyError or ValueError for anything else."""
        kernel = _WITH_MEANING if encode else _WORDS_ONLY
        features = arrays["features"].tobytes().decode().split("\0")
        tokenizer = Tokenizer(stop_words=())
        columns = {feature: number for number, feature in enumerate(features)}
        vectoriser = Vectoriser(columns, np.asarray(arrays["idf"], np.float32), kernel, tokenizer, tokenizer)
        linear, dual = np.asarray(arrays["linear"], np.float32), np.asarray(arrays["dual"], np.float32)
        if linear.shape != (len(features), len(ACTS) + 1):
            raise ValueError("the stored speech acts are of another shape")
        examples = np.asarray(arrays["examples"], np.float32)
        return cls(Classifier((*ACTS, OTHER), vectoriser, linear, dual, examples), encode)

    def hear(self, text: str) -> Heard:
        """What the message does."""
        classifier = self._classifier
        scores = classifier.words_part(classifier.vectoriser.row(text))
        if self._encode is not None and len(classifier.examples):
            vector = self._encode([text])[0]
            scores = scores + classifier.meaning_part(classifier.examples @ vector)
        return Heard(dict(zip(classifier.classes, (float(score) for score in scores), strict=True)))
