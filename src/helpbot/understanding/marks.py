"""Mark which piece of a message is a product's name and which an error message.

A log-linear model over all pieces of the message and "it is not there", one for each field (a semi-Markov conditional
random field of one segment; Sarawagi and Cohen, NIPS 2004). How likely a piece is the value depends on the words at
its two edges, on what stands in it, on what was asked, on which pieces the patterns of `dialogue` propose and, where
there is an encoder, on what it says of the words (`senses`). It is learnt from marked messages (`bot/details.jsonl`),
and what it returns is always a piece of the text as it stands.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from itertools import pairwise
from typing import Any, Final
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from helpbot.later import dataclass
from helpbot.messages import NOTHING
from helpbot.understanding.senses import KINDS, Learner, Read, Seen, Sense, seen

__all__ = ["ASKED", "MEANT", "Example", "Mark", "Marker", "Marks", "varied"]

ASKED: Final = ("product", "error", "both", "nothing")
MEANT: Final = ("value", "none", "cancel", "solved", "person", "question", "noise", "remark")
_FIELDS: Final = ("product", "error")
_TOKEN: Final = re.compile(r"\w+|[^\w\s]")
_EDGES: Final = 160  # places where a piece may begin or end; in longer texts only the ends of lines count
_READ: Final = 20_000  # characters
_WORDS: Final = 60  # of a text that tell by themselves whether it holds a value
_PASTE: Final = 2_000  # characters from which on a text is a paste,
_BEGINNING: Final = 600  # and what the encoder reads of one: it costs more than all else
_SEEN: Final = 4  # times that a feature must occur in what is learnt from
_ROUNDS: Final = 3
_AT_ONCE: Final = 16  # texts between two steps of the sense
_STEP: Final = 0.5
_SHRINK: Final = 1e-4  # of the weights, so that rare features stay small
_STRIDE: Final = 7_919  # the examples' order in each round: a prime, so that neighbours come apart
_BEST: Final = 6  # pieces of each field that are tried together
_ABSENT: Final = 0.5  # a field that is likelier absent than this is left out
_OPENING: Final = "\"“„«'‘`([{<"
_QUOTES_READ: Final = 2_000  # tokens
_DEEPEST: Final = 8  # brackets in brackets
_PAIRS_HELD: Final = 64  # of quotation marks and brackets, of which a piece should hold both or none

Floats = NDArray[np.float64]
Numbers = NDArray[np.intp]
Piece = tuple[int, int, float]  # first and last token, and its share of what is likely


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A marked message: what was asked for (one of ASKED), and the pieces that are the values (None: not given).

    `act` (one of MEANT) is what a message without a value does. `proposed` are pieces that patterns take for a value,
    by the pattern's name.
    """

    text: str
    asked: str
    product: str | None = None
    error: str | None = None
    act: str = "value"
    proposed: Mapping[str, str] = field(default_factory=lambda: NOTHING)


@dataclass(frozen=True, slots=True)
class Mark:
    """A piece of the text, and how likely it is the value (0 to 1)."""

    start: int
    end: int
    sure: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """What a message gives. `no_product` and `no_error` say how likely it does not give them."""

    product: Mark | None
    error: Mark | None
    no_product: float
    no_error: float


def varied(examples: Sequence[Example]) -> list[Example]:
    """The same messages with the values of others in them, and the values alone: what counts is what is around them.

    The proposals of what is new are empty; they are the caller's to make.
    """
    products = sorted({example.product for example in examples if example.product})
    errors = sorted({example.error for example in examples if example.error})
    found = [replace(example, proposed=NOTHING) for example in examples]
    for example in examples:
        found += filter(None, (_swapped(example, products, errors, number) for number in range(2)))
    for number, product in enumerate(products):
        error = errors[crc32(product.encode()) % len(errors)] if errors else ""
        found.append(Example(text=product, asked=("product", "both")[number % 2], product=product))
        shape = _SHAPES[number % len(_SHAPES)]
        if error and number % 2:
            text = shape.replace("{p}", product).replace("{e}", error)
            found.append(Example(text=text, asked="both", product=product, error=error))
    found += [Example(text=error, asked="error", error=error) for error in errors]
    for number, error in enumerate(errors):  # what stands before a colon in an error is mostly a part of it
        before = " ".join(errors[(number * _STRIDE + 1) % len(errors)].split()[: 1 + number % 3]).strip(":.,;\"'(")
        whole = f"{before}: {error}"
        if before and "\n" not in error:
            found.append(Example(text=whole, asked="error", error=whole))
    return found


_SHAPES: Final = (
    "Product: {p}\nError: {e}", "product = {p}\nerror message = {e}", "{p}\n{e}",
    "Error message: {e}\nProduct name: {p}", "product: {p}, error: {e}", "{p}: {e}",
)  # fmt: skip


def _swapped(example: Example, products: Sequence[str], errors: Sequence[str], number: int) -> Example | None:
    """The message with another's values; None where a value stands in it twice, or would change its lines."""
    text, new = example.text, {}
    for name, among in (("product", products), ("error", errors)):
        old = getattr(example, name)
        if old is None:
            continue
        value = among[crc32(f"{number}{example.text}".encode("utf-8", "replace")) % len(among)]
        if text.count(old) != 1 or ("\n" in value) > ("\n" in old):
            return None
        text = text.replace(old, f"\0{name}\0")
        new[name] = value
    for name, value in new.items():
        text = text.replace(f"\0{name}\0", value)
    return Example(text=text, asked=example.asked, product=new.get("product"), error=new.get("error")) if new else None


@dataclass(frozen=True, slots=True, eq=False)
class _Text:
    """A text made ready: where its tokens stand, and the features of their places."""

    starts: list[int]
    ends: list[int]
    first: Numbers  # tokens with which a piece may begin
    last: Numbers  # tokens with which it may end
    edge: tuple[list[list[str]], list[list[str]], list[list[str]]]  # features: as the first, as the last, inside
    lines: tuple[NDArray[np.bool_], NDArray[np.bool_]]  # begins a line, ends one
    sentences: tuple[NDArray[np.bool_], NDArray[np.bool_]]  # begins a sentence, ends one
    quotes: list[tuple[int, int]]  # (first token inside, last token inside)
    whole: list[str]  # features of the text
    proposed: list[tuple[str, int, int]]  # (pattern, first token, last token)

    def features(self) -> Iterator[str]:
        """All of them, some more than once."""
        yield from self.whole
        for part in self.edge:
            for place in part:
                yield from place
        for name, _, _ in self.proposed:
            yield f"c{name}"


class Marker:
    """Marks values in messages. Immutable once made."""

    __slots__ = ("_columns", "_read", "_sense", "_talk", "_weights")

    def __init__(
        self,
        columns: Mapping[str, int],
        weights: Floats,
        talk: Mapping[str, int],
        sense: Sense | None = None,
        read: Read | None = None,
    ) -> None:
        """`weights` (2, features) by field; `talk` counts the words of ordinary messages; `sense` goes with `read`."""
        self._columns, self._weights, self._talk = columns, weights, talk
        self._sense: Sense | None = sense if read else None
        self._read: Read | None = read if sense else None

    @classmethod
    def learn(cls, examples: Sequence[Example], talk: Iterable[str] = (), read: Read | None = None) -> Marker:
        """Learn from marked messages, by AdaGrad (Duchi et al., JMLR 2011); `talk` are ordinary messages.

        With `read`, what an encoder tells of a text, its meaning counts as well.
        """
        counted = Counter(word for text in talk for word in re.findall(r"\w+", text.lower()))
        heard = {word: count for word, count in counted.items() if count > 1}
        texts = [_prepared(example.text, example.asked, heard, example.proposed) for example in examples]
        counts = Counter(feature for text in texts for feature in set(text.features()))
        kept = sorted(feature for feature, count in counts.items() if count >= _SEEN)
        columns = {feature: number for number, feature in enumerate(kept)}
        gold = [[_gold(example, text, name) for name in _FIELDS] for example, text in zip(examples, texts, strict=True)]
        taught = [number for number, both in enumerate(gold) if texts[number].starts and _UNALIGNED not in both]
        rows = [_Row.of(texts[number], columns) for number in taught]
        gold = [gold[number] for number in taught]
        weights = np.zeros((len(_FIELDS), len(kept) + _Extra.COUNT))
        if read is None:
            _learn(rows, gold, weights)
            return cls(columns, weights, heard)
        sense, looks = _looks(read, [(examples[number], texts[number]) for number in taught])
        learner = Learner(sense, _ROUNDS * (-(-len(rows) // _AT_ONCE)))
        _learn(rows, gold, weights, learner, looks)
        return cls(columns, weights, heard, learner.sense, read)

    def mark(self, text: str, asked: str, proposed: Mapping[str, str] = NOTHING) -> Marks:
        """The values that a message gives; `asked` is one of ASKED."""
        ready = _prepared(text[:_READ], asked, self._talk, proposed)
        if not ready.starts:
            return Marks(product=None, error=None, no_product=1.0, no_error=1.0)
        row = _Row.of(ready, self._columns)
        beside = _NO_SENSE
        if self._sense and self._read:
            told = seen(self._read([_sensed(text)])[0], ready.starts, ready.ends)
            beside = self._sense.scores(told, ASKED.index(asked), row.size)
        products, no_product = row.best(self._weights[0], beside[0][0], beside[1][0])
        errors, no_error = row.best(self._weights[1], beside[0][1], beside[1][1])
        product, error = _apart(products if no_product < _ABSENT else (), errors if no_error < _ABSENT else ())
        return Marks(product=_mark(ready, product), error=_mark(ready, error), no_product=no_product, no_error=no_error)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Everything learnt, as plain arrays to be stored."""
        features = sorted(self._columns, key=self._columns.__getitem__)
        return {
            "features": np.frombuffer("\0".join(features).encode(), np.uint8),
            "weights": self._weights.astype(np.float32),
            "talk": np.frombuffer("\0".join(self._talk).encode(), np.uint8),
            "counts": np.fromiter(self._talk.values(), np.int32, len(self._talk)),
            **(self._sense.arrays() if self._sense else {}),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], read: Read | None = None) -> Marker:
        """What `arrays` gave; `read` if it was learnt with it. Raises KeyError or ValueError for anything else."""
        features = arrays["features"].tobytes().decode().split("\0")
        weights = np.asarray(arrays["weights"], np.float64)
        if weights.shape != (len(_FIELDS), len(features) + _Extra.COUNT):
            raise ValueError("the stored marker is of another shape")
        words = arrays["talk"].tobytes().decode().split("\0")
        talk = dict(zip(words, arrays["counts"].tolist(), strict=True)) if words != [""] else {}
        columns = {feature: column for column, feature in enumerate(features)}
        return cls(columns, weights, talk, Sense.from_arrays(arrays) if read else None, read)


def _learn(
    rows: Sequence[_Row],
    gold: Sequence[Sequence[tuple[int, int]]],
    weights: Floats,
    learner: Learner | None = None,
    looks: Sequence[tuple[Seen, int]] = (),
) -> None:
    """Change the weights, and what the learner learns, until what is right is likely."""
    squares = np.ones(weights.shape)
    order = [number * _STRIDE % len(rows) for number in range(_ROUNDS * len(rows))]
    for start in range(0, len(order), _AT_ONCE):
        batch = order[start : start + _AT_ONCE]
        words, wholes = learner.look([looks[at] for at in batch]) if learner else (_NO_WORDS, _NO_WORDS)
        of_words, of_wholes = np.zeros(words.shape, np.float32), np.zeros(wholes.shape, np.float32)
        end = 0
        for number, at in enumerate(batch):
            row, begin = rows[at], end
            end += len(looks[at][0].words) if learner else 0
            for which, own in enumerate(weights):
                beside, none = np.zeros((KINDS, row.size)), 0.0
                if learner:
                    beside[:, : end - begin] = words[begin:end, which].T
                    none = float(wholes[number, which])
                touched, gradient, of_tokens, of_none = row.gradient(own, gold[at][which], beside, none)
                if learner:
                    of_words[begin:end, which] = of_tokens[:, : end - begin].T
                    of_wholes[number, which] = of_none
                gradient -= _SHRINK * own[touched]
                squares[which, touched] += gradient * gradient
                own[touched] += _STEP * gradient / np.sqrt(squares[which, touched])
        if learner:
            learner.step(of_words / np.float32(len(batch)), of_wholes / np.float32(len(batch)))


def _sensed(text: str) -> str:
    """What the encoder is given: of a long paste its beginning, where the words about it mostly stand."""
    return text if len(text) <= _PASTE else text[:_BEGINNING]


def _looks(read: Read, texts: Sequence[tuple[Example, _Text]]) -> tuple[Sense, list[tuple[Seen, int]]]:
    """A sense to begin with, and all texts as it sees them; the first of them give its main directions."""

    def looks_of(part: Sequence[tuple[Example, _Text]]) -> list[Seen]:
        told = read([_sensed(example.text) for example, _ in part])
        return [seen(each, text.starts, text.ends) for each, (_, text) in zip(told, part, strict=True)]

    looks = looks_of(texts[:_READ_AT_ONCE])
    sense = Sense.start(looks, len(ASKED))
    found: list[tuple[Seen, int]] = []
    for start in range(0, len(texts), _READ_AT_ONCE):
        part = texts[start : start + _READ_AT_ONCE]
        looks = looks_of(part) if start else looks
        found += [
            (sense.reduced(look), ASKED.index(example.asked)) for look, (example, _) in zip(looks, part, strict=True)
        ]
    return sense, found


_READ_AT_ONCE: Final = 2_000
_NO_WORDS: Final = np.zeros((0, len(_FIELDS), KINDS), np.float32)
_NO_SENSE: Final = (np.zeros((len(_FIELDS), KINDS, 1)), np.zeros(len(_FIELDS)))


class _Extra:
    """Features of a piece as a whole, behind those of places: they have fixed columns."""

    LENGTHS: Final = (1, 2, 3, 4, 6, 9, 14, 24, 60)
    FLAGS: Final = 10  # the first of: lines, in quotes, all of the text, half of a pair of quotes, sentences
    COUNT: Final = 15


_UNALIGNED: Final = (-2, -2)
_NOT_THERE: Final = (-1, -1)


@dataclass(frozen=True, slots=True, eq=False)
class _Row:
    """A text as numbers: (place, column) pairs for the three kinds of places, and what its pieces share."""

    size: int  # tokens
    features: int  # learnt ones; the extras stand behind them
    first: Numbers
    last: Numbers
    at: tuple[Numbers, Numbers, Numbers]
    columns: tuple[Numbers, Numbers, Numbers]
    whole: Numbers
    extras: NDArray[np.int8]  # (first, last) the length's column, -1 where no piece is
    flags: list[NDArray[np.bool_]]  # (first, last) each, in the order of the extras
    cells: list[tuple[int, int, int]]  # (first, last, column) of proposals

    @classmethod
    def of(cls, text: _Text, columns: Mapping[str, int]) -> _Row:
        at, found = [], []
        for part in text.edge:
            pairs = [(place, columns[f]) for place, features in enumerate(part) for f in features if f in columns]
            at.append(np.array([place for place, _ in pairs], np.intp))
            found.append(np.array([column for _, column in pairs], np.intp))
        first, last = text.first, text.last
        lengths = last[None, :] - first[:, None] + 1
        extras = np.searchsorted(_Extra.LENGTHS, lengths).astype(np.int8)
        extras[lengths < 1] = -1
        (begins, ends), (opens, closes) = text.lines, text.sentences
        quoted, torn = np.zeros(lengths.shape, bool), np.zeros(lengths.shape, bool)
        for start, end in text.quotes:
            quoted |= (first == start)[:, None] & (last == end)[None, :]
        for start, end in text.quotes[:_PAIRS_HELD]:
            opened, closed = ((first <= sign)[:, None] & (last >= sign)[None, :] for sign in (start - 1, end + 1))
            torn |= opened ^ closed
        whole = (first == 0)[:, None] & (last == len(text.starts) - 1)[None, :]
        flags = [begins[first][:, None] & ends[last][None, :], quoted, whole, torn,
                 opens[first][:, None] & closes[last][None, :]]  # fmt: skip
        return cls(
            len(text.starts), len(columns), first, last, tuple(at), tuple(found),  # type: ignore[arg-type]  # three each
            np.array([columns[f] for f in text.whole if f in columns], np.intp),
            extras, flags, _cells(text, columns),
        )  # fmt: skip

    def scores(self, weights: Floats, beside: Floats, none: float) -> tuple[Floats, float]:
        """(first, last) the score of every piece, and of none; `beside` (KINDS, tokens) and `none` are added."""
        begin, end, inside = (
            np.bincount(at, weights[columns], self.size) + more
            for at, columns, more in zip(self.at, self.columns, beside, strict=True)
        )
        run = np.concatenate([[0.0], np.cumsum(inside)])
        extra = weights[self.features :]
        scores = (begin[self.first] - run[self.first])[:, None] + (end[self.last] + run[self.last + 1])[None, :]
        scores += extra[self.extras]
        for weight, flag in zip(extra[_Extra.FLAGS :], self.flags, strict=True):
            scores += weight * flag
        for begin_, end_, column in self.cells:
            scores[begin_, end_] += weights[column]
        scores[self.extras < 0] = -np.inf
        return scores, none + float(weights[self.whole].sum())

    def shares(self, weights: Floats, beside: Floats, none: float) -> tuple[Floats, float]:
        """How likely each piece is the value, and that none is."""
        scores, none = self.scores(weights, beside, none)
        top = max(float(scores.max()), none)
        shares = np.exp(scores - top)
        absent = float(np.exp(none - top))
        total = float(shares.sum()) + absent
        return shares / total, absent / total

    def gradient(
        self, weights: Floats, gold: tuple[int, int], beside: Floats, none: float
    ) -> tuple[Numbers, Floats, Floats, float]:
        """The columns that matter, and how the likelihood of what is right rises with them, `beside` and `none`."""
        shares, absent = self.shares(weights, beside, none)
        wanted = -shares
        none = -absent
        if gold == _NOT_THERE:
            none += 1.0
        else:
            wanted[int(np.searchsorted(self.first, gold[0])), int(np.searchsorted(self.last, gold[1]))] += 1.0
        begin, end = np.zeros(self.size), np.zeros(self.size)
        begin[self.first], end[self.last] = wanted.sum(1), wanted.sum(0)
        inside = np.cumsum(begin) - np.cumsum(end) + end
        parts = [values[at] for values, at in zip((begin, end, inside), self.at, strict=True)]
        lengths = np.bincount(self.extras[self.extras >= 0], wanted[self.extras >= 0], _Extra.FLAGS)
        extra = [*lengths, *(wanted[flag].sum() for flag in self.flags)]
        cells = np.array([column for _, _, column in self.cells], np.intp)
        columns = np.concatenate([*self.columns, self.whole, cells, self.features + np.arange(_Extra.COUNT)])
        values = np.concatenate(
            [*parts, np.full(len(self.whole), none), [wanted[b, e] for b, e, _ in self.cells], extra]
        )
        touched, back = np.unique(columns, return_inverse=True)
        return touched, np.bincount(back, values).astype(np.float64), np.stack([begin, end, inside]), none

    def best(self, weights: Floats, beside: Floats, none: float) -> tuple[list[Piece], float]:
        """The likeliest pieces, best first, as tokens (first, last, share), and how likely there is none."""
        shares, absent = self.shares(weights, beside, none)
        flat = shares.ravel()
        top = np.argsort(-flat)[:_BEST]
        width = shares.shape[1]
        found = [(int(self.first[n // width]), int(self.last[n % width]), float(flat[n])) for n in top.tolist()]
        return found, absent


def _cells(text: _Text, columns: Mapping[str, int]) -> list[tuple[int, int, int]]:
    """Where among the pieces the proposals are, (first, last, column)."""
    found = []
    for name, begin, end in text.proposed:
        column = columns.get(f"c{name}")
        if column is not None and begin in text.first and end in text.last:
            found.append((int(np.searchsorted(text.first, begin)), int(np.searchsorted(text.last, end)), column))
    return found


def _apart(products: Sequence[Piece], errors: Sequence[Piece]) -> tuple[Piece | None, Piece | None]:
    """The likeliest two pieces that do not overlap; None where a field has none, or all overlap with a likelier one."""
    pairs = [
        (product, error) for product in products for error in errors if product[0] > error[1] or error[0] > product[1]
    ]
    if pairs:
        return max(pairs, key=lambda pair: pair[0][2] * pair[1][2])
    product, error = next(iter(products), None), next(iter(errors), None)
    if product and error:
        return (product, None) if product[2] > error[2] else (None, error)
    return product, error


def _mark(text: _Text, piece: Piece | None) -> Mark | None:
    return None if piece is None else Mark(text.starts[piece[0]], text.ends[piece[1]], piece[2])


def _gold(example: Example, text: _Text, field: str) -> tuple[int, int]:
    """The tokens (first, last) of a field's value; _UNALIGNED where the value does not begin and end with tokens."""
    value = getattr(example, field)
    if value is None:
        return _NOT_THERE
    at = example.text.find(value)
    while at >= 0:
        end = at + len(value)
        if at in text.starts and end in text.ends:
            first, last = text.starts.index(at), text.ends.index(end)
            if first in text.first and last in text.last:
                return first, last
        at = example.text.find(value, at + 1)
    return _UNALIGNED


# ---- features -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Tokens:
    """The tokens of a text as the features see them. Beyond the text there are "^" and "$"."""

    words: list[str]  # in small letters
    shapes: list[str]
    common: list[str]
    gaps: list[str]  # what stands before each, and behind the last: n(ew line), s(pace), j(oined)
    asked: str

    def word(self, at: int) -> str:
        return self.words[at] if 0 <= at < len(self.words) else "^" if at < 0 else "$"

    def gap(self, at: int) -> str:
        return self.gaps[at] if 0 <= at < len(self.gaps) else "n"

    def of_first(self, n: int) -> list[str]:
        """What tells that a piece begins with this token: its own looks, and the words before it."""
        shape, gap, before = self.shapes[n], self.gaps[n], self.word(n - 1)
        beside = self.common[n - 1] if n else "^"
        behind = self.word(n + 1)
        found = [
            f"b0{self.words[n]}", f"bs{shape}", f"bc{self.common[n]}", f"b1{gap}{before}",
            f"b2{self.word(n - 2)} {before}", f"b3{self.word(n - 3)} {self.word(n - 2)} {before}",
            f"ba{self.asked}{before}", f"bn{before}|{shape}",
            f"bj{self.gap(n - 1)}{before}{gap}", f"bp{beside}{gap}{shape}",
            f"bx{gap}{self.common[n]}{'' if behind.isalnum() else behind}",
        ]  # fmt: skip
        return found if n else [*found, "b^", f"b^{self.asked}"]

    def of_last(self, n: int) -> list[str]:
        """What tells that a piece ends with this token."""
        shape, gap, after = self.shapes[n], self.gaps[n + 1], self.word(n + 1)
        at_end = n == len(self.words) - 1
        beside = "$" if at_end else self.common[n + 1]
        found = [
            f"e0{self.words[n]}", f"es{shape}", f"ec{self.common[n]}", f"e1{gap}{after}",
            f"e2{after} {self.word(n + 2)}", f"e3{after} {self.word(n + 2)} {self.word(n + 3)}",
            f"ea{self.asked}{after}", f"en{after}|{shape}",
            f"ep{gap}{beside}{shape}", f"ej{gap}{after}{self.gap(n + 2)}", f"eg{self.gaps[n]}{self.words[n]}{gap}",
        ]  # fmt: skip
        return [*found, "e$", f"e${self.asked}"] if at_end else found

    def inside(self, n: int) -> list[str]:
        """What tells that this token belongs to the value."""
        return [
            f"i0{self.words[n]}", f"is{self.shapes[n]}", f"ic{self.common[n]}", f"i1{self.words[n]} {self.word(n + 1)}",
            f"ig{self.gaps[n]}", f"ia{self.asked}",
        ]  # fmt: skip

    def of_all(self, proposed: Sequence[tuple[str, int, int]], *, asks: bool) -> list[str]:
        """What tells whether there is a value at all."""
        words, asked = self.words[:_WORDS], self.asked
        size = next((limit for limit in (25, 14, 9) if len(self.words) >= limit), len(self.words))
        lines = min(self.gaps[1:-1].count("n"), 4)
        return [
            f"t{asked}", f"tn{asked}{size}", f"tl{lines}", f"tq{asks}", f"tf{self.word(0)}{asked}",
            f"td{any(shape[0] in 'dM' for shape in self.shapes)}",
            f"tc{any(shape[0] in 'XA' for shape in self.shapes[1:])}",
            *(f"tw{word}" for word in set(words)), *(f"tp{one} {two}" for one, two in set(pairwise(["^", *words]))),
            *(f"tr{name}{asked}" for name, _, _ in proposed),
            *(f"tr{a[0]}={b[0]}" for a in proposed for b in proposed if a[0] < b[0] and a[1:] == b[1:]),
            "tr" + " ".join(sorted(name for name, _, _ in proposed)),
        ]  # fmt: skip


def _prepared(text: str, asked: str, talk: Mapping[str, int], proposals: Mapping[str, str]) -> _Text:
    found = [(match[0], match.start(), match.end()) for match in _TOKEN.finditer(text)]
    size = len(found)
    between = ["\n", *(text[one[2] : two[1]] for one, two in pairwise(found)), "\n"]
    gaps = ["n" if "\n" in gap else "s" if gap else "j" for gap in between][: size + 1] if size else []
    words = [token.lower() for token, _, _ in found]
    tokens = _Tokens(
        words=words,
        shapes=[_shape(token) for token, _, _ in found],
        common=[_common(talk.get(word, 0)) if word[0].isalpha() else "-" for word in words],
        gaps=gaps,
        asked=asked,
    )
    begins, ends = (np.array([gap == "n" for gap in some], bool) for some in (gaps[:size], gaps[1:]))
    may_begin, may_end = _edges(begins, first=True), _edges(ends, first=False)
    first: list[list[str]] = [[] for _ in found]  # what is no edge needs no features of one
    last: list[list[str]] = [[] for _ in found]
    for n in may_begin.tolist():
        first[n] = tokens.of_first(n)
    for n in may_end.tolist():
        last[n] = tokens.of_last(n)
    proposed = _placed(text, proposals, found)
    for name, begin, end in proposed:
        first[begin] += [f"br{name}", f"br{name}{asked}"]
        last[end] += [f"er{name}", f"er{name}{asked}"]
    return _Text(
        [start for _, start, _ in found], [end for _, _, end in found],
        may_begin, may_end, (first, last, [tokens.inside(n) for n in range(size)]),
        (begins, ends), _sentences(words, gaps), _quotes(words, gaps),
        tokens.of_all(proposed, asks=text.rstrip().endswith("?")), proposed,
    )  # fmt: skip


def _placed(
    text: str, proposals: Mapping[str, str], tokens: Sequence[tuple[str, int, int]]
) -> list[tuple[str, int, int]]:
    """Where proposed pieces stand, as tokens; those that do not begin and end with tokens are left out."""
    starts = {start: number for number, (_, start, _) in enumerate(tokens)}
    ends = {end: number for number, (_, _, end) in enumerate(tokens)}
    found = []
    for name, piece in proposals.items():
        at = text.find(piece)
        if at in starts and at + len(piece) in ends:
            found.append((name, starts[at], ends[at + len(piece)]))
    return found


def _edges(line: NDArray[np.bool_], *, first: bool) -> Numbers:
    """Where pieces may begin (or end): anywhere, but in a long text at the ends of lines and near its own."""
    if len(line) <= _EDGES:
        return np.arange(len(line))
    allowed = line.copy()
    if first:
        allowed[: _EDGES // 2] = True
        return np.flatnonzero(allowed)[:_EDGES]
    allowed[-_EDGES // 2 :] = True
    return np.flatnonzero(allowed)[-_EDGES:]


def _sentences(tokens: Sequence[str], gaps: Sequence[str]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which tokens begin a sentence or a line, and which end one, with its point or without."""
    points = [token in _POINTS and gaps[number + 1] != "j" for number, token in enumerate(tokens)]
    lines = [gap == "n" for gap in gaps]
    begins = [line or before for line, before in zip(lines, [True, *points[:-1]], strict=False)]
    ends = [line or here or behind for line, here, behind in zip(lines[1:], points, [*points[1:], True], strict=False)]
    return np.array(begins[: len(tokens)], bool), np.array(ends[: len(tokens)], bool)


_POINTS: Final = frozenset(".!?;…")


def _quotes(tokens: Sequence[str], gaps: Sequence[str]) -> list[tuple[int, int]]:
    """The pairs of quotation marks and brackets, as the tokens just inside them; apostrophes are none."""
    found = []
    waiting: list[tuple[str, int]] = []
    for number, sign in enumerate(tokens[:_QUOTES_READ]):
        if sign in ("'", "’") and gaps[number] == gaps[number + 1] == "j":
            continue
        opened = next((at for at in range(len(waiting) - 1, -1, -1) if (waiting[at][0], sign) in _PAIRS), None)
        if opened is not None:
            start = waiting[opened][1] + 1
            del waiting[opened:]
            if number > start:
                found.append((start, number - 1))
        elif sign in _OPENING and len(waiting) < _DEEPEST:
            waiting.append((sign, number))
    return found


_PAIRS: Final = {
    ('"', '"'), ("“", "”"), ("„", "“"), ("«", "»"), ("'", "'"), ("‘", "’"), ("`", "`"), ("(", ")"), ("[", "]"),
    ("{", "}"), ("<", ">"),
}  # fmt: skip


def _shape(token: str) -> str:
    """X capital, x small, A capitals, d digits, M both letters and digits, else the sign itself."""
    if not token[0].isalnum() and token[0] != "_":
        return token
    if token.isdigit():
        return f"d{min(len(token), 4)}"
    if any(character.isdigit() for character in token):
        return "M"
    if token.isupper():
        return "A1" if len(token) == 1 else "A"
    if token[0].isupper():
        return "X" if token[1:].islower() else "Xx"
    return "x" if token.islower() else "xX"


def _common(count: int) -> str:
    """How common a word is in ordinary messages, in steps."""
    return "0" if count == 0 else "1" if count < 4 else "2" if count < 20 else "3" if count < 120 else "4"
