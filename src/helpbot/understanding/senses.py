"""What the encoder says of a text's words: with which of them a value begins and ends, and whether there is one at all.

A network with one hidden layer for the words and one for the text as a whole. The words' vectors are reduced to their
main directions (principal components) first; a word is seen with its neighbours and with what was asked. It is learnt
by Adam (Kingma and Ba, ICLR 2015), with dropout (Srivastava et al., JMLR 2014), together with what `marks` learns of
the words themselves: both add to one score.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from helpbot.later import dataclass

__all__ = ["KINDS", "Learner", "Read", "Seen", "Sense", "Told", "seen"]

KINDS: Final = 3  # of scores for a word: that a value begins with it, ends with it, holds it
_FIELDS: Final = 2
_DIRECTIONS: Final = 96
_HIDDEN: Final = 64  # units for a word
_HIDDEN_WHOLE: Final = 32  # units for the text
_BESIDE: Final = 1  # words on each side that are seen together
_WORDS: Final = 300  # the encoder reads fewer; what comes after looks like nothing
_DROPPED: Final = 0.2  # of a word's inputs and units, while it is learnt
_DROPPED_WHOLE: Final = 0.3
_RATE: Final = 2e-3
_SLOWEST: Final = 0.1  # of the rate, at the end
_SHRINK: Final = 2e-5  # of all weights, at each step
_MEAN: Final = 0.9  # Adam's memory
_MEAN_SQUARE: Final = 0.999
_TINY: Final = 1e-8

Floats = NDArray[np.float32]


class Told(Protocol):
    """What an encoder tells of a text: its tokens' places (begin, end) and vectors, and its own vector."""

    @property
    def places(self) -> NDArray[np.intp]:
        """(tokens, 2), in characters; those of marks that stand nowhere are empty."""

    @property
    def tokens(self) -> Floats:
        """(tokens, width)."""

    @property
    def whole(self) -> Floats:
        """(width)."""


Read = Callable[[Sequence[str]], Sequence[Told]]


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A text as the encoder sees it: its words (as many as were read, width), and all of it."""

    words: Floats
    whole: Floats


def seen(told: Told, starts: Sequence[int], ends: Sequence[int]) -> Seen:
    """The words that stand there, each the mean of its tokens; one without any is nothing."""
    inside = np.flatnonzero(told.places[:, 1] > told.places[:, 0])
    places, vectors = told.places[inside], told.tokens[inside]
    starts, ends = starts[:_WORDS], ends[:_WORDS]
    first = np.searchsorted(places[:, 1], np.array(starts, np.intp), "right")
    behind = np.maximum(np.searchsorted(places[:, 0], np.array(ends, np.intp), "left"), first)
    sums = np.concatenate([np.zeros((1, vectors.shape[1])), np.cumsum(vectors, 0, np.float64)])
    words = (sums[behind] - sums[first]) / np.maximum(behind - first, 1)[:, None]
    return Seen(words.astype(np.float32), told.whole)


@dataclass(frozen=True, slots=True, eq=False)
class Sense:
    """The network, and how vectors become its inputs. Weights: (inputs, hidden), (hidden, scores), (inputs, scores)."""

    mean: Floats  # of the words' vectors
    directions: Floats  # (width, _DIRECTIONS)
    middle: Floats  # of the texts' vectors
    spread: Floats
    weights: tuple[Floats, ...]  # three for the words, three for the text

    @classmethod
    def start(cls, texts: Sequence[Seen], asked: int) -> Sense:
        """One that has learnt nothing yet but what these texts look like; `asked` is how many things may be asked."""
        words = np.concatenate([text.words[np.any(text.words, axis=1)] for text in texts])
        mean = words.sum(0) / np.float32(max(len(words), 1))
        apart = (words - mean).astype(np.float64)
        values, vectors = np.linalg.eigh(apart.T @ apart / max(len(words), 1))
        count = min(_DIRECTIONS, len(values))
        scale = max(float(values[-count:].mean()), 0.0) ** 0.5 or 1.0
        directions = (vectors[:, ::-1][:, :count] / scale).astype(np.float32)
        wholes = np.stack([text.whole for text in texts])
        random = np.random.default_rng(1)

        def some(inputs: int, outputs: int, share: float) -> Floats:
            return np.asarray(random.standard_normal((inputs, outputs)) * share / inputs**0.5, np.float32)

        def parts(inputs: int, hidden: int, outputs: int) -> tuple[Floats, Floats, Floats]:
            return some(inputs, hidden, 1.0), some(hidden, outputs, 0.3), np.zeros((inputs, outputs), np.float32)

        return cls(
            mean, directions, wholes.mean(0), wholes.std(0) + np.float32(1e-3),
            (*parts(count * (2 * _BESIDE + 1) + asked + 1, _HIDDEN, _FIELDS * KINDS),
             *parts(wholes.shape[1] + asked + 1, _HIDDEN_WHOLE, _FIELDS)),
        )  # fmt: skip

    def reduced(self, text: Seen) -> Seen:
        """Along the main directions alone, which takes less room."""
        words = np.asarray((text.words - self.mean) @ self.directions, np.float32)
        words[~np.any(text.words, axis=1)] = 0.0
        return Seen(words, (text.whole - self.middle) / self.spread)

    def inputs(self, text: Seen, asked: int) -> tuple[Floats, Floats]:
        """What the network sees of a reduced text: a row a word, and one for the text. The last are no vectors."""
        kinds = len(self.weights[3]) - len(self.middle)  # what may be asked, and a one
        beside = np.zeros(kinds, np.float32)
        beside[[asked, -1]] = 1.0
        count, width = text.words.shape
        padded = np.zeros((count + 2 * _BESIDE, width), np.float32)
        padded[_BESIDE : count + _BESIDE] = text.words
        around = [padded[shift : shift + count] for shift in range(2 * _BESIDE + 1)]
        return np.hstack([*around, np.tile(beside, (count, 1))]), np.concatenate([text.whole, beside])[None]

    def scores(self, text: Seen, asked: int, size: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(fields, kinds, size) of the words, and (fields) of there being no value; of words not read they are zero."""
        words, whole = self.inputs(self.reduced(text), asked)
        found = np.zeros((_FIELDS, KINDS, size))
        of_words, of_whole = (_passed(x, self.weights[at : at + 3])[0] for x, at in ((words, 0), (whole, 3)))
        found[:, :, : len(of_words)] = of_words.reshape(-1, _FIELDS, KINDS).transpose(1, 2, 0)
        return found, of_whole[0].astype(np.float64)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Everything learnt, as plain arrays to be stored."""
        named = {"mean": self.mean, "directions": self.directions, "middle": self.middle, "spread": self.spread}
        return {**named, **{f"sense{number}": weight for number, weight in enumerate(self.weights)}}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Sense:
        """What `arrays` gave. Raises KeyError or ValueError for anything else."""
        mean, directions, middle, spread, *weights = (
            np.asarray(arrays[name], np.float32)
            for name in ("mean", "directions", "middle", "spread", *(f"sense{number}" for number in range(6)))
        )
        asked = len(weights[3]) - len(middle)
        inputs = directions.shape[-1] * (2 * _BESIDE + 1) + asked
        shapes = [(inputs, _HIDDEN), (_HIDDEN, _FIELDS * KINDS), (inputs, _FIELDS * KINDS)]
        shapes += [(len(middle) + asked, _HIDDEN_WHOLE), (_HIDDEN_WHOLE, _FIELDS), (len(middle) + asked, _FIELDS)]
        known = [weight.shape for weight in weights] == shapes and asked > 1
        if not known or len(directions) != len(mean) or middle.shape != spread.shape:
            raise ValueError("the stored sense is of another shape")
        return cls(mean, directions, middle, spread, tuple(weights))


def _passed(x: Floats, weights: Sequence[Floats], keep: Floats | None = None) -> tuple[Floats, Floats]:
    """The scores, and the hidden units."""
    hidden = np.maximum(x @ weights[0], 0.0)
    if keep is not None:
        hidden *= keep
    return hidden @ weights[1] + x @ weights[2], hidden


class Learner:
    """Learns a sense by small steps: `look` at a few texts, then `step` the way that makes what is right likelier."""

    def __init__(self, sense: Sense, steps: int) -> None:
        """`steps` are how many there will be: they become smaller."""
        self.sense = sense
        self._random = np.random.default_rng(2)
        self._means = [np.zeros_like(weight) for weight in sense.weights]
        self._squares = [np.zeros_like(weight) for weight in sense.weights]
        self._steps, self._done = steps, 0
        self._last: list[tuple[Floats, Floats]] = []

    def look(self, texts: Sequence[tuple[Seen, int]]) -> tuple[Floats, Floats]:
        """Scores of reduced texts and what was asked: (words of all, fields, kinds), and (texts, fields)."""
        inputs = [self.sense.inputs(text, asked) for text, asked in texts]
        kinds = len(self.sense.weights[3]) - len(self.sense.middle)
        self._last, found = [], []
        for number, dropped in enumerate((_DROPPED, _DROPPED_WHOLE)):
            x = np.concatenate([each[number] for each in inputs])
            x[:, :-kinds] *= self._kept(len(x), x.shape[1] - kinds, dropped)
            weights = self.sense.weights[3 * number : 3 * number + 3]
            scores, hidden = _passed(x, weights, self._kept(len(x), weights[0].shape[1], dropped))
            self._last.append((x, hidden))
            found.append(scores)
        return found[0].reshape(-1, _FIELDS, KINDS), found[1]

    def step(self, words: Floats, wholes: Floats) -> None:
        """Go the way of these gradients of the scores last seen."""
        gradients = []
        for number, gradient in enumerate((words.reshape(len(words), -1), wholes)):
            x, hidden = self._last[number]
            back = (gradient @ self.sense.weights[3 * number + 1].T) * (hidden > 0)
            gradients += [x.T @ back, hidden.T @ gradient, x.T @ gradient]
        rate = _RATE * (1 - (1 - _SLOWEST) * self._done / self._steps)
        self._done += 1
        rate *= (1 - _MEAN_SQUARE**self._done) ** 0.5 / (1 - _MEAN**self._done)
        for number, gradient in enumerate(gradients):
            mean, square, weight = self._means[number], self._squares[number], self.sense.weights[number]
            np.add(mean, (1 - _MEAN) * (gradient - mean), out=mean)
            np.add(square, (1 - _MEAN_SQUARE) * (gradient * gradient - square), out=square)
            np.multiply(weight, 1 - _SHRINK, out=weight)
            np.add(weight, rate * mean / (np.sqrt(square) + _TINY), out=weight)

    def _kept(self, rows: int, columns: int, dropped: float) -> Floats:
        kept = self._random.random((rows, columns), np.float32) >= dropped
        return np.multiply(kept, np.float32(1 / (1 - dropped)), dtype=np.float32)
