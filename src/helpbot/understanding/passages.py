"""What was found for a text in articles alone, as numbers that tell a right best section from a wrong one."""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING

import numpy as np

from helpbot.retrieval.kind import error_likeness
from helpbot.retrieval.search import MEANING
from helpbot.understanding.weigh import Found, Near

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from helpbot.retrieval.search import Hit, Searcher

__all__ = ["claims", "falling", "found_in"]


def found_in(searcher: Searcher, text: str, ranked: Sequence[Hit], cosines: NDArray[np.floating] | None) -> Found:
    """What the best of `ranked` (not empty, best first) has of a text, and what the other articles have.

    `cosines`, (chunks,), is how near each chunk is in meaning; of chunks that were taken out it is not looked at.
    """
    best, tokenizer, idf = ranked[0], searcher.tokenizer, searcher.indexes.words.idf
    article = best.chunk.article
    own = [hit for hit in ranked if hit.chunk.article == article]
    others = [hit for hit in ranked if hit.chunk.article != article]
    tokens = tokenizer.words(text)
    chunks = len(searcher.chunks) - len(searcher.indexes.words.deleted)
    rarest = log(chunks + 1.0)
    weight = {token: idf(token) or rarest for token in tokens}
    whole = sum(weight.values()) or 1.0
    had = frozenset().union(*(hit.matched for hit in own))
    missing = [token for token in weight if token not in had]
    heads = best.matched & set(tokenizer.words(f"{best.chunk.title} {best.chunk.section}"))
    covered: dict[str, set[str]] = {}
    for hit in others:
        covered.setdefault(hit.chunk.article, set()).update(hit.matched)

    def share(some: Sequence[str] | frozenset[str] | set[str]) -> float:
        return sum(weight[token] for token in weight if token in some) / whole

    return Found(
        coverage=share(had),
        titled=share(heads),
        elsewhere=share([token for token in missing if idf(token)]),
        unheard=share([token for token in missing if not idf(token)]),
        missing=max((weight[token] for token in missing), default=0.0) / max(rarest, 1e-9),
        matched=len(weight) - len(missing),
        lead=1 - max((hit.score for hit in others), default=0.0) / max(best.score, 1e-9),
        ahead=share(had) - max(map(share, covered.values()), default=0.0),
        runs=sum(" " in part for part in best.contributions) / max(1, len(tokenizer.exact(text)) - 1),
        tokens=len(tokens),
        chunks=chunks,
        error=error_likeness(text),
        near=_near(searcher, article, own, others, cosines) if cosines is not None else None,
    )


def claims(confidence: float, known: float, scores: Sequence[float]) -> list[float]:
    """The confidence in each of some sections, best first: what the best leaves is shared out by score."""
    rest = sum(scores[1:]) or 1.0
    return falling([confidence, *((known - confidence) * score / rest for score in scores[1:])])


def falling(values: Sequence[float]) -> list[float]:
    """The nearest values that never rise: neighbours in the wrong order share what they have."""
    pools: list[list[float]] = []
    for value in values:
        pools.append([value])
        while len(pools) > 1 and sum(pools[-2]) / len(pools[-2]) < sum(pools[-1]) / len(pools[-1]):
            last = pools.pop()
            pools[-1] += last
    return [sum(pool) / len(pool) for pool in pools for _ in pool]


def _near(
    searcher: Searcher, article: str, own: Sequence[Hit], others: Sequence[Hit], cosines: NDArray[np.floating]
) -> Near:
    left = np.array(cosines, np.float64)
    left[list(searcher.indexes.words.deleted)] = -1.0
    mine = searcher.chunks.places(article)
    nearest = float(left[mine].max())
    best, place = float(left.max()), min(10, len(left) - len(searcher.indexes.words.deleted) - 1)
    tenth = float(np.partition(left, len(left) - 1 - place)[len(left) - 1 - place])
    left[mine] = -1.0
    first, second = (max((_worded(hit) for hit in hits), default=0.0) for hits in (own, others))
    return Near(
        cosine=best,
        over_tenth=best - tenth,
        lead=nearest - max(float(left.max()), 0.0),
        words_lead=max(-1.0, min(0.5, 1 - second / max(first, 1e-9))),
    )


def _worded(hit: Hit) -> float:
    return hit.score - hit.contributions.get(MEANING, 0.0)
