"""How often the right article is found, on sets of real documentation with real questions.

    python bench/retrieval_quality.py FOLDER... [--meaning] [--json FILE]

A folder holds `corpus.jsonl.gz` (`{"id", "title", "body", "cuts"?}` a line) and `queries.jsonl`
(`{"qid", "query", "relevant": {id: grade}, "type", "index"}`). `index` names the copy that is searched: `full`
as it is, `cut` without the texts listed in `cuts`, `no_title` without titles. Pages are cut into chunks as
articles are. `--meaning` adds the sentence encoder, where its weights are installed.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rank_bm25 import BM25Plus

from helpbot import model
from helpbot.knowledge.article import Article, Chunk, Section
from helpbot.knowledge.chunk import chunks_of
from helpbot.knowledge.parse import parse_article
from helpbot.loading import cache_folder
from helpbot.retrieval.chunks import said_by
from helpbot.retrieval.search import Searcher
from helpbot.vectors import Remembered, encoder_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

_UNTITLED = "Untitled page"


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A question and the articles that answer it."""

    text: str
    relevant: frozenset[str]
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """One copy of a set: its chunks and its questions."""

    name: str
    index: str
    chunks: tuple[Chunk, ...]
    queries: tuple[Query, ...]


def copies(folder: Path) -> Iterator[Copy]:
    """The copies of a set that its questions name."""
    with gzip.open(folder / "corpus.jsonl.gz", "rt", encoding="utf-8") as file:
        pages = [json.loads(line) for line in file]
    with (folder / "queries.jsonl").open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    for index in sorted({row["index"] for row in rows}):
        yield Copy(
            name=folder.name,
            index=index,
            chunks=cut(pages, index),
            queries=tuple(
                Query(text=row["query"], relevant=frozenset(row["relevant"]), type=row["type"])
                for row in rows
                if row["index"] == index
            ),
        )


def cut(pages: list[dict[str, Any]], index: str) -> tuple[Chunk, ...]:
    """The chunks of one copy."""
    articles = []
    for page in pages:
        title, body = page["title"], page["body"]
        if index == "cut":
            for text in page.get("cuts", ()):
                title, body = title.replace(text, " "), body.replace(text, " ")
        title = "" if index == "no_title" else title.strip()
        front = f"---\ntitle: {json.dumps(title or _UNTITLED)}\n---\n"
        article = parse_article(front + body, page["id"], page["id"])
        if isinstance(article, list):  # not written for us: take it whole
            section = Section(article=page["id"], anchor="top", title=title or _UNTITLED, level=1, body=body)
            article = Article(id=page["id"], title=title or _UNTITLED, sections=(section,))
        articles.append(article)
    chunks = chunks_of(articles)
    return tuple(
        replace(chunk, title="", section=chunk.section.replace(_UNTITLED, "").removeprefix(" › "))
        if chunk.title == _UNTITLED
        else chunk
        for chunk in chunks
    )


def ranks(copy: Copy, vectors: tuple[NDArray[np.float32], NDArray[np.float32]] | None) -> dict[str, list[int]]:
    """For each type of question the place of the right article, from 1; 0 where it is not among ten."""
    searcher = Searcher.build(copy.chunks)
    found: dict[str, list[int]] = defaultdict(list)
    for number, query in enumerate(copy.queries):
        cosines = vectors[0] @ vectors[1][number] if vectors else None
        hits = searcher.search(query.text, 10, cosines=cosines)
        found[query.type].append(next((place for place, hit in enumerate(hits, 1) if hit.article in query.relevant), 0))
    return found


def plain_ranks(copy: Copy) -> dict[str, list[int]]:
    """The same from rank_bm25 over whole articles and words between blanks, as one would begin."""
    pages: dict[str, list[str]] = defaultdict(list)
    for chunk in copy.chunks:
        pages[chunk.article] += f"{chunk.section} {chunk.text}".lower().split()
    for chunk in copy.chunks:
        if chunk.title and pages[chunk.article][:1] != ["\0"]:
            pages[chunk.article] = ["\0", *chunk.title.lower().split(), *pages[chunk.article]]
    names, model = list(pages), BM25Plus(list(pages.values()))
    found: dict[str, list[int]] = defaultdict(list)
    for query in copy.queries:
        order = np.argsort(-model.get_scores(query.text.lower().split()), kind="stable")[:10].tolist()
        found[query.type].append(next((place for place, at in enumerate(order, 1) if names[at] in query.relevant), 0))
    return found


def remembering() -> Remembered:
    """The encoder with its memory of the chunks it met before: most of a run's time is theirs."""
    encoder = model.load()
    if encoder is None:
        sys.exit("The encoder's weights are not installed: helpbot model install")
    return Remembered(encoder, cache_folder() / f"bench-{encoder_id(encoder)}.npz")


def encoded(copy: Copy, encoder: Remembered) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The vectors of a copy's chunks and questions."""
    chunks = encoder.encode([said_by(chunk)[:2_000] for chunk in copy.chunks])  # as much as an engine reads
    return chunks, encoder.encode([query.text for query in copy.queries])


def measures(places: list[int]) -> dict[str, float]:
    """Recall at 1 and 3 and the mean reciprocal rank of some places."""
    array = np.array(places)
    return {
        "questions": len(array),
        "R@1": float((array == 1).mean()),
        "R@3": float(((array > 0) & (array <= 3)).mean()),
        "MRR": float(np.where(array > 0, 1 / np.maximum(array, 1), 0).mean()),
    }


def main() -> None:
    """Print a table of all sets."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--meaning", action="store_true", help="with the sentence encoder as well")
    parser.add_argument("--plain", action="store_true", help="rank_bm25 over whole articles beside it")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    encoder = remembering() if options.meaning else None
    rows = []
    print(f"{'set':<14}{'copy':<10}{'type':<18}{'engine':<8}{'n':>6}{'R@1':>8}{'R@3':>8}{'MRR':>8}")
    for folder in options.folders:
        for copy in copies(folder):
            engines = {"words": ranks(copy, None)}
            if options.plain:
                engines["plain"] = plain_ranks(copy)
            if encoder is not None:
                engines["hybrid"] = ranks(copy, encoded(copy, encoder))
                encoder.save()
            for engine, found in engines.items():
                for kind, places in sorted(found.items()):
                    got = measures(places)
                    rows.append({"set": copy.name, "copy": copy.index, "type": kind, "engine": engine, **got})
                    print(
                        f"{copy.name:<14}{copy.index:<10}{kind:<18}{engine:<8}{got['questions']:>6}"
                        f"{got['R@1']:>8.3f}{got['R@3']:>8.3f}{got['MRR']:>8.3f}",
                        flush=True,
                    )
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
