"""What articles alone are trusted to answer: answered, asked back and refused, on sets of real documentation.

    python bench/answers.py FOLDER... [--mode words|hybrid|both] [--fit] [--most N]

A FOLDER is one of bench/retrieval_quality.py. Pages with a `site` are a knowledge a site, those without one are one
whole and five small ones. The shipped articles, without their resolutions, are another, asked the authors' own
questions. Each question is asked with its articles in the index, and again with them taken out (the authors' negatives
instead, where there are some); questions of other sites are off-topic. `--fit` prints the weights of `judge_passage`
fitted on all sites alike, and the table that comes of weights fitted on all sites but the one that is measured.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from retrieval_quality import cut, remembering

from helpbot.dialogue.policy import Answer, Clarify, Policy, decide
from helpbot.knowledge.base import KnowledgeBase
from helpbot.loading import load_knowledge
from helpbot.retrieval.chunks import said_by
from helpbot.retrieval.search import Searcher
from helpbot.understanding.calibration import Logistic, auroc
from helpbot.understanding.diagnosis import Candidate, Passage, Problem
from helpbot.understanding.engine import sections_of, tokenizer_of
from helpbot.understanding.passages import claims, found_in
from helpbot.understanding.weigh import judge_passage, passage_signs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from helpbot.knowledge.article import Chunk
    from helpbot.retrieval.tokens import Tokenizer
    from helpbot.vectors import Remembered

ROOT = Path(__file__).resolve().parent.parent
# Of ten texts that a bot is sent, about how many are covered, on the topic but not covered, and off-topic.
SHARES: Final = {"covered": 0.55, "near": 0.15, "off": 0.30}
_FILLED: Final = 60  # pages of a large site that nobody asks for, beside those that somebody does
_RIDGE: Final = 30.0
_NOTHING: Final = KnowledgeBase(articles={}, resolutions={})
_NAMES: Final = {
    "words": ("coverage", "titled", "lead", "length", "error", "size", "elsewhere", "unheard", "matched", "missing",
              "ahead", "error length", "error runs"),
    "hybrid": ("coverage", "titled", "lead", "size", "length", "error", "elsewhere", "cosine", "over tenth",
               "meaning lead", "words lead", "error runs", "error length"),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One knowledge: its chunks, its questions with their places, and its own negatives."""

    name: str
    group: str  # sites of one group hold the same pages: none of them is fitted on while one is measured
    chunks: tuple[Chunk, ...]
    asked: tuple[tuple[str, frozenset[str]], ...]  # places are articles, or sections `article#anchor`
    negatives: tuple[str, ...] = ()
    tokenizer: Tokenizer | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One text asked of one site: what was found, and what came of it."""

    site: str
    group: str
    kind: str  # of SHARES
    right: bool  # the best section is
    offered: bool  # one of the best three is
    scores: tuple[float, ...]
    signs: dict[str, float]
    judged: tuple[float, float]


def sites(folders: Sequence[Path], most: int) -> Iterator[Site]:
    """Every knowledge there is to ask, in a fixed order."""
    rng = random.Random(7)  # noqa: S311  # the same questions each time
    for folder in folders:
        with gzip.open(folder / "corpus.jsonl.gz", "rt", encoding="utf-8") as file:
            pages = [json.loads(line) for line in file]
        rows = [json.loads(line) for line in (folder / "queries.jsonl").read_text("utf-8").splitlines()]
        names = sorted({page["site"] for page in pages if page.get("site")})
        for name in names:
            own = [page for page in pages if page["site"] == name]
            wanted = {place for row in rows if row.get("site") == name for place in row["relevant"]}
            rest = [page for page in own if page["id"] not in wanted and len(page["body"]) < 15_000]
            rng.shuffle(rest)
            own = [page for page in own if page["id"] in wanted] + rest[:_FILLED]
            for index in ("full", "cut"):
                asked = [row for row in rows if row.get("site") == name and row["index"] == index]
                yield _site(f"{name}, {index}", name, own, index, asked)
        if not names:
            asked = [row for row in rows if row["index"] == "full"]
            yield _site(folder.name, folder.name, pages, "full", rng.sample(asked, min(len(asked), most)))
            rng.shuffle(pages)
            for part in range(5):
                own = pages[part::5]
                ids = {page["id"] for page in own}
                some = [row for row in asked if ids & set(row["relevant"])]
                yield _site(
                    f"{folder.name}, fifth {part + 1}", folder.name, own, "full",
                    rng.sample(some, min(len(some), most // 5)),
                )  # fmt: skip
    yield _shipped(rng, most)


def _site(name: str, group: str, pages: list[dict[str, Any]], index: str, rows: list[dict[str, Any]]) -> Site:
    asked = tuple((row["query"], frozenset(row["relevant"])) for row in rows)
    return Site(name=name, group=group, chunks=cut(pages, index), asked=asked)


def _shipped(rng: random.Random, most: int) -> Site:
    knowledge = load_knowledge(ROOT / "knowledge")
    asked = [
        (question, frozenset(f"{article}#{anchor}" for article, anchor in sections_of(resolution)))
        for resolution in knowledge.resolutions.values()
        for question in resolution.questions
    ]
    negatives = [example.text for example in knowledge.examples if example.kind.startswith("near")]
    return Site(
        name="shipped articles", group="shipped", chunks=knowledge.chunks,
        asked=tuple(rng.sample(asked, min(len(asked), most))),
        negatives=tuple(rng.sample(negatives, min(len(negatives), most))), tokenizer=tokenizer_of(knowledge.vocabulary),
    )  # fmt: skip


def rows_of(site: Site, off: Sequence[str], encoder: Remembered | None) -> Iterator[Row]:
    """Ask a site everything."""
    searcher = Searcher.build(site.chunks, site.tokenizer)
    texts = [*(text for text, _ in site.asked), *site.negatives, *off]
    chunks = encoder.encode([said_by(chunk)[:2_000] for chunk in site.chunks]) if encoder else None
    vectors = dict(zip(texts, encoder.encode(texts), strict=True)) if encoder else {}

    def row(text: str, kind: str, places: frozenset[str], among: Searcher) -> Row | None:
        cosines: NDArray[np.float32] | None = None
        if chunks is not None:
            cosines = chunks @ vectors[text]
            cosines[list(among.indexes.words.deleted)] = -1.0
        ranked = among.hits(text, 60, cosines=cosines)
        if not ranked:
            return None
        best: dict[tuple[str, str], float] = {}
        for one in ranked:
            best.setdefault((one.chunk.article, one.chunk.anchor), one.score)
        found = found_in(among, text, ranked, cosines)
        hit = [kind == "covered" and bool({article, f"{article}#{anchor}"} & places) for article, anchor in best]
        return Row(
            site=site.name, group=site.group, kind=kind, right=hit[0], offered=any(hit[:3]),
            scores=tuple(list(best.values())[:5]), signs=passage_signs(found), judged=judge_passage(found),
        )  # fmt: skip

    for text, places in site.asked:
        yield from filter(None, [row(text, "covered", places, searcher)])
        if not site.negatives:
            yield from filter(None, [row(text, "near", places, searcher.changed(remove=places))])
    for text in site.negatives:
        yield from filter(None, [row(text, "near", frozenset(), searcher)])
    for text in off:
        yield from filter(None, [row(text, "off", frozenset(), searcher)])


def decided(row: Row, judged: tuple[float, float]) -> str:
    """answered, asked or refused, at the shipped prices."""
    candidates = tuple(
        Candidate(
            resolution=None, confidence=confidence, score=score,
            passage=Passage(article="", title="", section="", anchor="", text="", score=score),
        )
        for confidence, score in zip(claims(*judged, row.scores), row.scores, strict=True)
    )  # fmt: skip
    decision = decide(Problem(text="", candidates=candidates, known=judged[1]), Policy(), _NOTHING)
    return "answered" if isinstance(decision, Answer) else "asked" if isinstance(decision, Clarify) else "refused"


def table(rows: Sequence[Row], judged: Sequence[tuple[float, float]]) -> None:
    """A line a group: shares of each kind, and how well what is covered is told from what is not."""
    print(
        f"{'':14}{'n':>6} | covered: {'right':>6}{'wrong':>7}{'asked':>7}{'(in it)':>8}{'refused':>8} | "
        f"near: {'answered':>9}{'asked':>7} | off: {'answered':>9}{'asked':>7}{'at 95 %':>8} | "
        f"AUROC {'near':>5}{'off':>6}"
    )
    for group in dict.fromkeys(row.group for row in rows):
        own = [(row, likely) for row, likely in zip(rows, judged, strict=True) if row.group == group]
        acts = {kind: [(row, decided(row, likely)) for row, likely in own if row.kind == kind] for kind in SHARES}
        known = {kind: np.array([likely[1] for row, likely in own if row.kind == kind]) for kind in SHARES}
        covered = acts["covered"]

        def share(kind: str, act: str, acts: dict[str, list[tuple[Row, str]]] = acts) -> float:
            return sum(done == act for _, done in acts[kind]) / max(1, len(acts[kind]))

        right = sum(row.right for row, act in covered if act == "answered") / max(1, len(covered))
        asked = sum(row.offered for row, act in covered if act == "asked") / max(1, len(covered))
        sure = np.array([likely[1] for row, likely in own if row.kind == "covered" and row.right])
        at = float((known["off"] >= np.quantile(sure, 0.05)).mean())
        print(
            f"{group:14}{len(covered):6} | {right:15.1%}{share('covered', 'answered') - right:7.1%}"
            f"{share('covered', 'asked'):7.1%}{asked:8.1%}{share('covered', 'refused'):8.1%} | "
            f"{share('near', 'answered'):15.1%}{share('near', 'asked'):7.1%} | {share('off', 'answered'):14.1%}"
            f"{share('off', 'asked'):7.1%}{at:8.1%} | {auroc(known['covered'], known['near']):11.3f}"
            f"{auroc(known['covered'], known['off']):6.3f}",
            flush=True,
        )


def fitted(rows: Sequence[Row], names: Sequence[str]) -> tuple[Logistic, Logistic]:
    """The weights for "it is right" and "it is covered", every group alike and every kind as in SHARES."""
    signs = _signs(rows, names)
    counts: dict[tuple[str, str], int] = {}
    for row in rows:
        counts[row.group, row.kind] = counts.get((row.group, row.kind), 0) + 1
    weighs = np.array([SHARES[row.kind] / counts[row.group, row.kind] for row in rows])
    weighs /= weighs.mean()
    right, known = np.array([row.right for row in rows]), np.array([row.kind == "covered" for row in rows])
    return (
        Logistic.fit(signs, right, ridge=_RIDGE, counts=weighs),
        Logistic.fit(signs, known, ridge=_RIDGE, counts=weighs),
    )


def _signs(rows: Sequence[Row], names: Sequence[str]) -> NDArray[np.float64]:
    return np.array([[row.signs[name] for name in names] for row in rows])


def _judged(rows: Sequence[Row], fit: tuple[Logistic, Logistic], names: Sequence[str]) -> list[tuple[float, float]]:
    right, known = (model(_signs(rows, names)) for model in fit)
    return list(zip(np.minimum(right, known).tolist(), known.tolist(), strict=True))


def main() -> None:
    """Print a table for each mode."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--mode", choices=("words", "hybrid", "both"), default="both")
    parser.add_argument("--fit", action="store_true", help="fit the weights, and measure across sites")
    parser.add_argument("--most", type=int, default=600, help="questions of one site")
    given = parser.parse_args()
    known = list(sites(given.folders, given.most))
    rng = random.Random(1)  # noqa: S311  # the same questions each time
    for mode in ("words", "hybrid") if given.mode == "both" else (given.mode,):
        encoder = remembering() if mode == "hybrid" else None
        rows: list[Row] = []
        for site in known:
            others = [text for other in known if other.group != site.group for text, _ in other.asked]
            rows += rows_of(site, rng.sample(others, min(len(others), 160)), encoder)
            if encoder is not None:
                encoder.save()
        print(f"\n== {mode}, as shipped")
        table(rows, [row.judged for row in rows])
        if given.fit:
            names = _NAMES[mode]
            right, sure = fitted(rows, names)
            print(f"\n== {mode}, fitted on all: section is right, articles cover it")
            for name, *pair in zip(names, right.weights, sure.weights, strict=True):
                print(f'    "{name}": ({pair[0]:.2f}, {pair[1]:.2f}),')
            print(f'    "start": ({right.bias:.2f}, {sure.bias:.2f}),')
            judged: dict[int, tuple[float, float]] = {}
            for group in dict.fromkeys(row.group for row in rows):
                own = [row for row in rows if row.group == group]
                fit = fitted([row for row in rows if row.group != group], names)
                judged.update(zip(map(id, own), _judged(own, fit, names), strict=True))
            print(f"\n== {mode}, each site with weights fitted on the others")
            table(rows, [judged[id(row)] for row in rows])


if __name__ == "__main__":
    main()
