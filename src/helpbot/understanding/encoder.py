"""What a text means, as a vector: a BERT sentence encoder (all-MiniLM-L6-v2 and its like) in NumPy alone.

Pure arithmetic over arrays that `helpbot.model` reads from disk. The vectors equal sentence-transformers'
own to 1e-5 (tests/understanding/test_encoder.py). One short question on one core is fast because

- nothing is padded: the texts of a batch stand one below the other as rows of tokens, and only the attention
  looks at them text by text, all of one length at a time;
- the weights are cut into narrow blocks (`Layout`): OpenBLAS repacks a large matrix for each product, which
  for twenty rows costs as much as the product; for small ones it has kernels that do not;
- what is linear is folded into the weights once: the attention's scale, biases that a softmax cannot see or
  that come out as a constant, and the scale of the activation's polynomial;
- the work is done in place, in buffers that are kept for the next question, a set for each one in flight.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

__all__ = ["NARROW", "WIDE", "Embeddings", "Encoder", "Layout", "Place", "Reading", "Shape", "Tokenize"]

Floats: TypeAlias = NDArray[np.float32]

# tanh(x Q(x²)) is 2 Φ(x) - 1, Φ the normal distribution, so that x Φ(x) is right to 4e-6 for every x. Found
# by reweighted least squares for the least largest error; the first coefficient is positive, so that it
# saturates the right way. The input is scaled so that the first coefficient becomes one.
_TANH: Final = (1.11263415e-06, -3.0467240e-05, -1.25476e-04, 3.64699305e-02, 0.7978275767)
_SCALE: Final = _TANH[0] ** (1 / 9)
_T3, _T2, _T1, _T0 = (c / _SCALE ** (2 * power + 1) for c, power in zip(_TANH[1:], (3, 2, 1, 0), strict=True))

_SAFE: Final = 60.0  # e to the power of this and its inverse are held by float32, times any length
_KEPT_ROWS: Final = 256  # buffers for more tokens than one text can have are given back
_KEPT_BUFFERS: Final = 4  # 5 MB each at most; more questions in flight than this make their own
_MANY_TOKENS: Final = 8192  # from here on, wide blocks save more than making them costs
_INNER: Final = 4  # layers behind which a piece still says more of itself than of the text (bench/details.py)


#: Turns a text into the ids of its tokens in the model's vocabulary, the marks of begin and end included.
Tokenize: TypeAlias = "Callable[[str], Sequence[int]]"

#: Tells where each of these tokens begins and ends in the text, in characters; (0, 0) for the marks.
Place: TypeAlias = "Callable[[str], Sequence[tuple[int, int]]]"


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """A text read token by token, (tokens, …): where each stands (begin, end), what it means there; and what all means.

    The tokens' vectors are those of an inner layer. Of a long text the first tokens are read.
    """

    places: NDArray[np.intp]
    tokens: Floats
    whole: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The few numbers of a model that its arrays do not tell: from its `config.json`."""

    heads: int = 12
    epsilon: float = 1e-12  # of the layer normalisation
    longest: int = 256  # tokens of a text that are read; what follows is not


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How the weights are cut for the matrix library: blocks of `columns`, of `depth` rows each (0: all).

    `rows` tokens are multiplied at once. A product of at most a million multiplications takes OpenBLAS's
    direct kernels where it has them: 80 x 384 x 32 is just below. A block of 384 x 32 fits the first cache.
    """

    columns: int
    depth: int
    rows: int


NARROW: Final = Layout(columns=32, depth=384, rows=80)  # few tokens, on a CPU with AVX-512
WIDE: Final = Layout(columns=0, depth=0, rows=256)  # many tokens, or any other CPU


class _Matrix:
    """A weight matrix (inputs, outputs), cut into blocks: float32 (depths, blocks, depth, columns)."""

    __slots__ = ("blocks", "outputs", "scratch")

    def __init__(self, weight: Floats, layout: Layout) -> None:
        inputs, self.outputs = weight.shape
        depth = layout.depth if layout.depth and inputs % layout.depth == 0 else inputs
        columns = layout.columns if layout.columns and self.outputs % layout.columns == 0 else self.outputs
        cut = weight.reshape(inputs // depth, depth, self.outputs // columns, columns)
        self.blocks: Floats = np.ascontiguousarray(cut.transpose(0, 2, 1, 3), dtype=np.float32)
        self.scratch = self.outputs * len(self.blocks) if len(self.blocks) > 1 else 0  # floats for one row

    def whole(self) -> Floats:
        depths, blocks, depth, columns = self.blocks.shape
        return self.blocks.transpose(0, 2, 1, 3).reshape(depths * depth, blocks * columns)

    def product(self, x: Floats, out: Floats, scratch: Floats) -> None:
        """Put x (rows, inputs) @ weight into `out`; `scratch` has room for rows * self.scratch."""
        rows = len(x)
        depths, blocks, depth, columns = self.blocks.shape
        if depths == 1:
            np.matmul(x, self.blocks[0], out=out.reshape(rows, blocks, columns).transpose(1, 0, 2))
            return
        sums = scratch[: rows * self.scratch].reshape(depths, rows, self.outputs)
        np.matmul(
            x.reshape(rows, depths, 1, depth).transpose(1, 2, 0, 3),
            self.blocks,
            out=sums.reshape(depths, rows, blocks, columns).transpose(0, 2, 1, 3),
        )
        np.add.reduce(sums, axis=0, out=out)


class _Norm:
    """Layer normalisation: of each row, less its mean and over its spread, times a gain, plus a bias."""

    __slots__ = ("_bias", "_floor", "_gain", "_share")

    def __init__(self, gain: Floats, bias: Floats, epsilon: float) -> None:
        width = len(gain)
        self._gain: Floats = gain * np.float32(width**0.5)  # the spread is left a sum of squares
        self._bias: Floats = np.array(bias)
        self._floor = epsilon * width
        self._share: Floats = np.full(width, 1.0 / width, np.float32)

    def apply(self, x: Floats) -> None:
        """Normalise each row of x in place."""
        x -= (x @ self._share)[:, None]
        spread = np.vecdot(x, x)
        spread += self._floor
        np.sqrt(spread, out=spread)
        x /= spread[:, None]
        x *= self._gain
        x += self._bias


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layer:
    qkv: _Matrix  # queries (scaled), keys and values side by side
    query_bias: Floats
    out: _Matrix
    out_bias: Floats  # with what the values' bias comes to
    after_attention: _Norm
    up: _Matrix  # times _SCALE, as _activate wants it
    up_bias: Floats
    down: _Matrix  # scaled back
    down_bias: Floats
    after: _Norm


class _Buffers:
    """Room for one pass over at most `rows` tokens."""

    __slots__ = ("context", "inside", "qkv", "rows", "scratch", "sum", "x")

    def __init__(self, rows: int, chunk: int, layer: _Layer) -> None:
        self.rows = rows
        chunk, width, inner = min(rows, chunk), layer.out.outputs, layer.up.outputs
        self.x = np.empty((rows, width), np.float32)
        self.sum = np.empty((rows, width), np.float32)
        self.context = np.empty((rows, width), np.float32)
        self.qkv = np.empty((rows, 3 * width), np.float32)
        self.inside = [np.empty((chunk, inner), np.float32) for _ in range(3)]  # of _activate
        matrices = (layer.qkv, layer.out, layer.up, layer.down)
        self.scratch = np.empty(chunk * max(matrix.scratch for matrix in matrices), np.float32)


def _activate(x: Floats, square: Floats, y: Floats) -> None:
    """GELU in place: x Φ(x), of x that comes times _SCALE and leaves times 2 _SCALE; the rest is scratch."""
    np.square(x, out=square)
    np.add(square, _T3, out=y)
    for coefficient in (_T2, _T1, _T0):
        y *= square
        y += coefficient
    y *= x
    np.tanh(y, out=y)
    y += 1.0
    x *= y


def _fold(weights: Mapping[str, Floats], number: int, shape: Shape, layout: Layout) -> _Layer:
    """One layer, from the arrays as the model's file names them, with all constants folded in."""
    prefix = f"encoder.layer.{number}."

    def linear(name: str) -> tuple[Floats, NDArray[np.float64]]:
        return weights[f"{prefix}{name}.weight"].T, weights[f"{prefix}{name}.bias"].astype(np.float64)

    def norm(name: str) -> _Norm:
        gain, bias = (weights[f"{prefix}{name}.LayerNorm.{part}"] for part in ("weight", "bias"))
        return _Norm(gain, bias, shape.epsilon)

    query, query_bias = linear("attention.self.query")
    # The keys' bias adds the same to all scores of a query: the softmax cancels it.
    key, _ = linear("attention.self.key")
    value, value_bias = linear("attention.self.value")
    out, out_bias = linear("attention.output.dense")
    up, up_bias = linear("intermediate.dense")
    down, down_bias = linear("output.dense")
    scale = (query.shape[1] / shape.heads) ** -0.5
    single = np.float32
    return _Layer(
        qkv=_Matrix(np.concatenate((query * single(scale), key, value), axis=1), layout),
        query_bias=(query_bias * scale).astype(single),
        out=_Matrix(out, layout),
        out_bias=(out_bias + value_bias @ out).astype(single),  # a row's attention weights add up to one
        after_attention=norm("attention.output"),
        up=_Matrix(up * single(_SCALE), layout),
        up_bias=(up_bias * _SCALE).astype(single),
        down=_Matrix(down * single(0.5 / _SCALE), layout),
        down_bias=down_bias.astype(single),
        after=norm("output"),
    )


def _widened(layer: _Layer) -> _Layer:
    """The same layer with wide blocks."""
    return _Layer(
        qkv=_Matrix(layer.qkv.whole(), WIDE),
        query_bias=layer.query_bias,
        out=_Matrix(layer.out.whole(), WIDE),
        out_bias=layer.out_bias,
        after_attention=layer.after_attention,
        up=_Matrix(layer.up.whole(), WIDE),
        up_bias=layer.up_bias,
        down=_Matrix(layer.down.whole(), WIDE),
        down_bias=layer.down_bias,
        after=layer.after,
    )


class Encoder:
    """Turns texts into vectors of length one whose dot product says how near their meanings are.

    Any number of threads may share one encoder. `weights` are the model's arrays under their names in the
    file; that of the words may be a memory map: only the rows of the words that are used are read.
    """

    __slots__ = (
        "_first", "_free", "_last", "_layers", "_layout", "_place", "_places", "_shape", "_tokenize", "_words", "width",
    )  # fmt: skip

    def __init__(
        self,
        weights: Mapping[str, Floats],
        tokenize: Tokenize,
        *,
        place: Place | None = None,
        shape: Shape | None = None,
        layout: Layout = NARROW,
    ) -> None:
        """`place` is needed to `read` alone."""
        self._shape = shape or Shape()
        self._tokenize, self._place = tokenize, place
        self._layout = layout
        self._words = weights["embeddings.word_embeddings.weight"]
        self.width: int = self._words.shape[1]
        kinds = weights["embeddings.token_type_embeddings.weight"]
        self._places: Floats = weights["embeddings.position_embeddings.weight"][: self._shape.longest] + kinds[0]
        gain, bias = (weights[f"embeddings.LayerNorm.{part}"] for part in ("weight", "bias"))
        self._first = _Norm(gain, bias, self._shape.epsilon)
        count = 0
        while f"encoder.layer.{count}.output.dense.weight" in weights:
            count += 1
        self._layers = tuple(_fold(weights, number, self._shape, layout) for number in range(count))
        self._free: deque[_Buffers] = deque()
        self._last: tuple[str, Floats, Floats] | None = None  # a text alone: its tokens' vectors, and its own

    def encode(
        self, texts: Sequence[str], *, progress: Callable[[int], None] | None = None, workers: int = 1
    ) -> Floats:
        """The vectors of `texts`, float32 (len(texts), width), in their order.

        Of each text the first `Shape.longest` tokens count. `progress` is told how many are done, now and
        then. For a whole knowledge base, `workers` threads share the work, a core each.
        """
        vectors = np.empty((len(texts), self.width), np.float32)
        if len(texts) == 1:
            vectors[0] = self._alone(texts[0])[1]
            if progress is not None:
                progress(1)
            return vectors
        ids, batches, layers, layout = self._planned(texts)

        def run(batch: list[int]) -> None:
            vectors[batch] = self._pass([ids[number] for number in batch], layers, layout)

        done = 0
        for batch, _ in zip(batches, _spread(run, batches, workers), strict=True):
            done += len(batch)
            if progress is not None:
                progress(done)
        return vectors

    def read(self, texts: Sequence[str]) -> list[Reading]:
        """The texts token by token. A text alone that was encoded just before is not encoded again."""
        if self._place is None:
            raise ValueError("this encoder was not told how to place tokens")
        if len(texts) == 1:
            found = {0: self._alone(texts[0])}
        else:
            found = {}
            ids, batches, layers, layout = self._planned(texts)
            for batch in batches:
                ends = np.cumsum([len(ids[number]) for number in batch])
                tokens = np.empty((int(ends[-1]), self.width), np.float32)
                wholes = self._pass([ids[number] for number in batch], layers, layout, tokens)
                found |= zip(batch, zip(np.split(tokens, ends[:-1]), wholes, strict=True), strict=True)
        return [
            Reading(np.array(self._place(text)[: self._shape.longest], np.intp).reshape(-1, 2), *found[number])
            for number, text in enumerate(texts)
        ]

    def _planned(self, texts: Sequence[str]) -> tuple[list[Sequence[int]], list[list[int]], Sequence[_Layer], Layout]:
        """The texts' tokens, which of them go through the layers together, and the layers that are best for so many."""
        ids = [self._tokenize(text)[: self._shape.longest] for text in texts]
        layers, layout = self._layers, self._layout
        if layout != WIDE and sum(map(len, ids)) >= _MANY_TOKENS:
            layers, layout = tuple(map(_widened, layers)), WIDE
        return ids, list(_batches(ids, max(layout.rows, self._shape.longest))), layers, layout

    def _alone(self, text: str) -> tuple[Floats, Floats]:
        """The tokens' vectors and the text's own; nobody may write into them."""
        last = self._last
        if last is not None and last[0] == text:
            return last[1], last[2]
        ids = self._tokenize(text)[: self._shape.longest]
        inner = np.empty((len(ids), self.width), np.float32)
        whole = self._pass([ids], self._layers, self._layout, inner)[0]
        self._last = (text, inner, whole)
        return inner, whole

    def _pass(
        self, texts: Sequence[Sequence[int]], layers: Sequence[_Layer], layout: Layout, kept: Floats | None = None
    ) -> Floats:
        """One batch through all layers; equal lengths stand together. The tokens of an inner layer go into `kept`."""
        lengths = [len(text) for text in texts]
        buffers = self._buffers(sum(lengths), layers, layout)
        try:
            return self._forward(texts, lengths, layers, layout, buffers, kept)
        finally:
            if buffers.rows <= _KEPT_ROWS and layout == self._layout and len(self._free) < _KEPT_BUFFERS:
                self._free.append(buffers)

    def _buffers(self, rows: int, layers: Sequence[_Layer], layout: Layout) -> _Buffers:
        if rows <= _KEPT_ROWS and layout == self._layout:
            try:
                if (kept := self._free.pop()).rows >= rows:
                    return kept
            except IndexError:
                pass  # all are in use, or this is the first question
            rows = min(_KEPT_ROWS, -(-rows // 64) * 64)
        return _Buffers(rows, layout.rows, layers[0])

    def _forward(
        self,
        texts: Sequence[Sequence[int]],
        lengths: Sequence[int],
        layers: Sequence[_Layer],
        layout: Layout,
        buffers: _Buffers,
        kept: Floats | None,
    ) -> Floats:
        rows = sum(lengths)
        x, total, context, qkv = (part[:rows] for part in (buffers.x, buffers.sum, buffers.context, buffers.qkv))
        np.take(
            self._words,
            np.fromiter((i for text in texts for i in text), np.intp, rows),
            axis=0,
            out=x,
            mode="clip",
        )
        spans = list(_spans(lengths))
        for start, count, length in spans:
            shaped = x[start : start + count * length].reshape(count, length, self.width)
            shaped += self._places[:length]
        self._first.apply(x)
        scratch = buffers.scratch
        chunks = [
            (
                x[chunk],
                qkv[chunk],
                context[chunk],
                total[chunk],
                *(part[: chunk.stop - chunk.start] for part in buffers.inside),
            )
            for chunk in _chunks(rows, layout.rows)
        ]
        texts_of_a_length = [
            (qkv[start : start + count * length], context[start : start + count * length], count, length)
            for start, count, length in spans
        ]
        queries = qkv[:, : self.width]
        for number, layer in enumerate(layers):
            if number == _INNER and kept is not None:
                np.copyto(kept, x)
            for x_part, qkv_part, *_ in chunks:
                layer.qkv.product(x_part, qkv_part, scratch)
            queries += layer.query_bias
            for qkv_part, context_part, count, length in texts_of_a_length:
                _attend(qkv_part, context_part, count, length, self._shape.heads)
            for _, _, context_part, total_part, *_ in chunks:
                layer.out.product(context_part, total_part, scratch)
            x += total
            x += layer.out_bias
            layer.after_attention.apply(x)
            for x_part, _, _, total_part, inner, square, y in chunks:
                layer.up.product(x_part, inner, scratch)
                np.add(inner, layer.up_bias, out=inner)
                _activate(inner, square, y)
                layer.down.product(inner, total_part, scratch)
            x += total
            x += layer.down_bias
            layer.after.apply(x)
        if len(layers) <= _INNER and kept is not None:
            np.copyto(kept, x)
        vectors = np.empty((len(texts), self.width), np.float32)
        number = 0
        for start, count, length in spans:
            shaped = x[start : start + count * length].reshape(count, length, self.width)
            np.add.reduce(shaped, axis=1, out=vectors[number : number + count])
            number += count
        # The sum stands for the mean: the length is made one in any case.
        vectors /= np.sqrt(np.vecdot(vectors, vectors))[:, None]
        return vectors


def _attend(qkv: Floats, context: Floats, count: int, length: int, heads: int) -> None:
    """Attention within each of `count` texts of `length` tokens: qkv (rows, 3 width) into context."""
    shape = (count, length, 3, heads, qkv.shape[1] // (3 * heads))
    queries, keys, values = qkv.reshape(shape).transpose(2, 0, 3, 1, 4)  # each (count, heads, length, size)
    scores = np.matmul(queries, keys.swapaxes(2, 3))
    least, most = float(scores.min()), float(scores.max())
    if least < -_SAFE or most > _SAFE:  # so far from zero that exp would not hold them as they are
        scores -= scores.max(axis=3, keepdims=True)
    np.exp(scores, out=scores)
    sums = scores.reshape(-1, length) @ np.ones(length, np.float32)  # quicker than a sum along the rows
    scores /= sums.reshape(count, heads, length, 1)
    np.matmul(scores, values, out=context.reshape(count, length, heads, -1).swapaxes(1, 2))


def _batches(ids: Sequence[Sequence[int]], rows: int) -> Iterator[list[int]]:
    """The texts' numbers, shortest text first, in groups of at most `rows` tokens."""
    batch: list[int] = []
    held = 0
    for number in sorted(range(len(ids)), key=lambda number: len(ids[number])):
        if batch and held + len(ids[number]) > rows:
            yield batch
            batch, held = [], 0
        batch.append(number)
        held += len(ids[number])
    if batch:
        yield batch


def _spread(run: Callable[[list[int]], None], batches: Sequence[list[int]], workers: int) -> Iterator[None]:
    """Run all batches, in their order; `workers` at a time."""
    if workers < 2 or len(batches) < 2:
        yield from map(run, batches)
        return
    from concurrent.futures import ThreadPoolExecutor  # only those who build an index wait for its import

    with ThreadPoolExecutor(workers) as pool:
        yield from pool.map(run, batches)


def _spans(lengths: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """Runs of texts of one length, as (first row, how many texts, their length)."""
    start = 0
    for length, run in groupby(lengths):
        count = len(list(run))
        yield start, count, length
        start += count * length


def _chunks(rows: int, most: int) -> list[slice]:
    """Rows 0 to `rows` in as few equal parts as do not pass `most`."""
    parts = -(-rows // most)
    edges = [rows * part // parts for part in range(parts + 1)]
    return [slice(start, stop) for start, stop in pairwise(edges)]


@dataclass(frozen=True, slots=True, eq=False)
class Embeddings:
    """The vectors of many texts, each of length one: (count, width), float32 or, at half the size, float16.

    The array may be a memory map. A cosine from float16 differs by at most 0.001.
    """

    vectors: NDArray[np.float32] | NDArray[np.float16]

    def __len__(self) -> int:
        return len(self.vectors)

    def cosines(self, vector: Floats, rows: NDArray[np.intp] | None = None) -> Floats:
        """How near each text (or each of `rows`) is to `vector`, -1 to 1: float32, in the order asked."""
        chosen = self.vectors if rows is None else self.vectors[rows]
        if chosen.dtype == np.float32:
            return np.asarray(chosen @ vector, dtype=np.float32)
        result = np.empty(len(chosen), np.float32)
        for start in range(0, len(chosen), 1024):  # a float32 copy of a part that stays in the cache
            np.dot(chosen[start : start + 1024].astype(np.float32), vector, out=result[start : start + 1024])
        return result

    def nearest(self, vector: Floats, count: int) -> tuple[NDArray[np.intp], Floats]:
        """The nearest texts' numbers and cosines, nearest first; of equals the earlier comes first."""
        cosines = self.cosines(vector)
        count = min(count, len(cosines))
        if count < 1:
            return np.empty(0, np.intp), np.empty(0, np.float32)
        least = np.partition(cosines, len(cosines) - count)[len(cosines) - count]
        near = np.flatnonzero(cosines >= least)
        near = near[np.argsort(-cosines[near], kind="stable")][:count]
        return near, cosines[near]
