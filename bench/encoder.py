"""How long a text takes to become a vector, on one core, beside its peers in the same run.

    python bench/encoder.py [--peer] [--rounds 60]

`--peer` adds sentence-transformers where it is installed. The weights are those of `helpbot model install`.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

os.environ |= {f"{library}_NUM_THREADS": "1" for library in ("OPENBLAS", "OMP", "MKL")}  # one core

import numpy as np

from helpbot import model
from helpbot.understanding.encoder import NARROW, WIDE, Embeddings, Encoder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TEXT = (
    "why does the quote that our customer accepted this morning not sync to the desk and what should we "
    "look at first before we ask for help with the order and the bill of last month "
)
WORDS = TEXT.split()  # each is one token
SIZES = (8, 14, 20, 22, 32, 64, 128, 256)  # tokens, the two marks included


class Plain:
    """The model as the textbook has it: float32, a matrix product for each weight, nothing folded."""

    def __init__(self, weights: Mapping[str, np.ndarray], heads: int) -> None:
        self.weights, self.heads = {name: np.array(array) for name, array in weights.items()}, heads
        self.layers = sum(name.endswith("intermediate.dense.bias") for name in weights)

    def linear(self, x: np.ndarray, name: str) -> np.ndarray:
        """A weight and its bias."""
        return x @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]

    def norm(self, x: np.ndarray, name: str) -> np.ndarray:
        """Layer normalisation."""
        x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-12)
        return x * self.weights[f"{name}.LayerNorm.weight"] + self.weights[f"{name}.LayerNorm.bias"]

    def encode(self, ids: list[int]) -> np.ndarray:
        """The vector of one text."""
        count = len(ids)
        words, places, kinds = (
            self.weights[f"embeddings.{part}_embeddings.weight"] for part in ("word", "position", "token_type")
        )
        x = self.norm(words[ids] + places[:count] + kinds[0], "embeddings")
        for layer in range(self.layers):
            at = f"encoder.layer.{layer}"
            q, k, v = (
                self.linear(x, f"{at}.attention.self.{part}").reshape(count, self.heads, -1).transpose(1, 0, 2)
                for part in ("query", "key", "value")
            )
            scores = q @ k.transpose(0, 2, 1) / np.sqrt(q.shape[-1])
            scores = np.exp(scores - scores.max(-1, keepdims=True))
            mixed = (scores / scores.sum(-1, keepdims=True) @ v).transpose(1, 0, 2).reshape(count, -1)
            x = self.norm(x + self.linear(mixed, f"{at}.attention.output.dense"), f"{at}.attention.output")
            inner = self.linear(x, f"{at}.intermediate.dense")
            x = self.norm(x + self.linear(inner * phi(inner), f"{at}.output.dense"), f"{at}.output")
        mean = x.mean(0)
        return mean / np.linalg.norm(mean)


def phi(x: np.ndarray) -> np.ndarray:
    """The normal distribution, by Abramowitz and Stegun 7.1.26 (to 1.5e-7)."""
    z = np.abs(x) * np.float32(0.5**0.5)
    t = 1 / (1 + np.float32(0.3275911) * z)
    tail = np.zeros_like(t)
    for factor in (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592):
        tail = (tail + np.float32(factor)) * t
    erf = np.sign(x) * (1 - tail * np.exp(-z * z))
    return 0.5 * (1 + erf)


def medians(functions: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, tuple[float, float]]:
    """Milliseconds of each (median, tenth percentile), taken in turns so that noise falls on all alike."""
    times: dict[str, list[float]] = {name: [] for name in functions}
    for function in functions.values():
        function()
    for _ in range(rounds):
        for name, function in functions.items():
            function()  # once more before it counts: its own weights are what the cache holds then
            start = time.perf_counter()
            function()
            times[name].append(1000 * (time.perf_counter() - start))
    return {name: (statistics.median(got), sorted(got)[len(got) // 10]) for name, got in times.items()}


def resident() -> float:
    """This process's memory that is not a file's, in MB (Linux)."""
    with Path("/proc/self/status").open(encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("RssAnon")) / 1024


def nearest(kind: type[np.floating]) -> str:
    """What comparing a question with 100,000 passages costs."""
    random = np.random.default_rng(0)
    vectors = random.standard_normal((100_000, 384), np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    kept, query = Embeddings(vectors.astype(kind)), vectors[5]
    some = random.choice(100_000, 200, replace=False)
    got = medians({"all": lambda: kept.nearest(query, 10), "some": lambda: kept.cosines(query, some)}, 7)
    size = kept.vectors.nbytes / 2**20
    return (
        f"nearest 10 of 100,000, {kind.__name__} ({size:.0f} MB): {got['all'][0]:.1f} ms; "
        f"cosines of 200 of them: {got['some'][0]:.3f} ms"
    )


def main() -> int:
    """Print the tables of docs/benchmarks/encoder.md."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--peer", action="store_true")
    options.add_argument("--rounds", type=int, default=60)
    given = options.parse_args()
    files = model.find()
    if files is None:
        print("The weights are not installed: run `helpbot model install`.", file=sys.stderr)
        return 2
    import tokenizers  # noqa: F401 - its import is not part of the memory of the weights

    before = resident()
    start = time.perf_counter()
    encoder = model.load()
    loaded = 1000 * (time.perf_counter() - start)
    assert encoder is not None
    encoder.encode(["warm"])
    print(f"load: {loaded:.0f} ms, {resident() - before:.0f} MB (the words' vectors stay in the file)\n")

    arrays, tokenize = model._arrays(model._mapped(files)), model._tokenize(files, 256)
    plain = Plain(arrays, 12)
    cuts = {"narrow": NARROW, "wide": WIDE}
    served = {name: Encoder(arrays, tokenize, layout=cut) for name, cut in cuts.items()}
    peer = None
    if given.peer:
        from sentence_transformers import SentenceTransformer

        peer = SentenceTransformer(str(files.directory), device="cpu")
    print("tokens | ms: median (tenth percentile)")
    for size in SIZES:
        text = " ".join((WORDS * 9)[: size - 2])
        ids = list(tokenize(text))
        assert len(ids) == size, (size, len(ids))
        functions: dict[str, Callable[[], object]] = {
            f"helpbot, {name} blocks": lambda one=one, text=text: one.encode([text]) for name, one in served.items()
        }
        functions["NumPy, textbook"] = lambda text=text: plain.encode(list(tokenize(text)))
        if peer is not None:
            functions["sentence-transformers"] = lambda text=text: peer.encode(text)
        got = medians(functions, max(5, min(given.rounds, 1500 // size)))
        best = min(got["helpbot, narrow blocks"][0], got["helpbot, wide blocks"][0])
        cells = (f"{name} {p50:.2f} ({p10:.2f}) = {p50 / best:.1f}x" for name, (p50, p10) in got.items())
        print(f"{size:6} | " + " | ".join(cells))

    texts = [" ".join((WORDS * 9)[start : start + 40 + start * 7 % 90]) for start in range(120)]
    tokens = sum(len(tokenize(text)) for text in texts)
    start = time.perf_counter()
    encoder.encode(texts)
    took = time.perf_counter() - start
    print(f"\nbuild: {len(texts) / took:.0f} passages a second of {tokens / len(texts):.0f} tokens on one core")

    for kind in (np.float32, np.float16):
        print(nearest(kind))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
