"""The scores are rank_bm25's, the best are the best, and a change is as good as building anew."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rank_bm25 import BM25Okapi, BM25Plus

from helpbot.retrieval import bm25, fast, segment
from helpbot.retrieval.bm25 import Bm25Index, best_of

WORD = st.sampled_from([*"abcdefgh", "ä", "\ud800", ""])
PASSAGES = st.lists(st.lists(WORD, max_size=12), min_size=1, max_size=25).filter(any)
QUESTION = st.lists(st.sampled_from([*"abcdefgh", "ä", "\ud800", "", "nowhere"]), max_size=8)


@pytest.fixture(params=["matrix", "columns"], autouse=True)
def structure(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every promise holds for the small structure and for the large one."""
    if request.param == "columns":
        monkeypatch.setattr(bm25, "_DENSE_CELLS", 0)


def corpus(passages: int, seed: int = 7, longest: int = 60) -> list[list[str]]:
    chance = random.Random(seed)
    return [[f"w{int(chance.expovariate(0.01))}" for _ in range(chance.randint(1, longest))] for _ in range(passages)]


def questions(count: int = 30, seed: int = 8) -> list[list[str]]:
    chance = random.Random(seed)
    return [[f"w{int(chance.expovariate(0.01))}" for _ in range(chance.randint(1, 40))] for _ in range(count)]


# With b=1 rank_bm25 divides by zero for an empty passage; ours scores 0.
@settings(deadline=None)
@given(PASSAGES, QUESTION, st.sampled_from([1.2, 1.5, 2.0]), st.sampled_from([0.0, 0.75, 0.9]))
def test_scores_are_those_of_rank_bm25(passages: list[list[str]], question: list[str], k1: float, b: float) -> None:
    ours = Bm25Index.build(passages, k1=k1, b=b).scores(question)
    theirs = BM25Plus(passages, k1=k1, b=b, delta=0).get_scores(question)
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9)


@settings(deadline=None)
@given(PASSAGES, QUESTION)
def test_the_order_is_that_of_rank_bm25_with_its_own_delta(passages: list[list[str]], question: list[str]) -> None:
    known = [token for token in question if any(token in passage for passage in passages)]
    ours = Bm25Index.build(passages).scores(question)
    theirs = BM25Plus(passages).get_scores(known)
    np.testing.assert_allclose(theirs - ours, (theirs - ours)[0], atol=1e-9)


def test_a_handful_of_passages_keeps_its_common_words() -> None:
    passages = [["quote", "sync"], ["quote", "order"], ["tax"]]
    assert BM25Okapi(passages).get_scores(["sync"])[0] > 0 > BM25Okapi(passages[:2]).get_scores(["quote"])[0] - 1
    assert Bm25Index.build(passages[:2]).scores(["quote"]).min() > 0


@pytest.mark.parametrize("size", [1, 9, 500, 3_000])
@pytest.mark.parametrize("k", [1, 10, 400])
def test_the_best_are_those_of_a_full_sort(size: int, k: int) -> None:
    index = Bm25Index.build(corpus(size))
    for question in questions():
        scores = index.scores(question)
        order = [doc for doc in np.argsort(-scores, kind="stable")[:k].tolist() if scores[doc] > 0]
        found = index.top(question, k)
        assert found.docs.tolist() == order
        assert found.scores.tolist() == scores[order].tolist()


@given(st.lists(st.sampled_from([0.0, 0.5, 1.0, 2.0]), min_size=1, max_size=700), st.integers(0, 30))
def test_the_best_of_scores_with_many_ties(scores: list[float], k: int) -> None:
    given_scores = np.tile(np.array(scores), 3)
    order = [doc for doc in np.argsort(-given_scores, kind="stable")[:k].tolist() if given_scores[doc] > 0]
    assert best_of(given_scores, k).docs.tolist() == order


def test_the_parts_of_a_score_add_up_to_it() -> None:
    index = Bm25Index.build(corpus(300))
    for question in questions():
        found = index.top(question, 5)
        parts = index.parts(question, found.docs.tolist())
        for at, (doc, score) in enumerate(found.pairs()):
            own = index.explain(question, doc)
            assert sum(own.values()) == pytest.approx(score, rel=1e-9)
            assert own == {token: part[at] for token, part in parts.items() if part[at]}
            assert own.keys() <= set(question)


def test_weights_multiply_a_tokens_part() -> None:
    index = Bm25Index.build([["a", "b"], ["b"]])
    assert index.scores({"a": 2.0, "b": 0.0}).tolist() == pytest.approx((2 * index.scores(["a"])).tolist())
    assert index.scores(["a", "a"]).tolist() == pytest.approx(index.scores({"a": 2.0}).tolist())


def test_several_fields_are_weighed_into_one_score() -> None:
    index = Bm25Index.build(corpus(100))
    out = np.ones(100)
    index.add_scores(out, ["w1", "w2"], times=0.5)
    np.testing.assert_allclose(out, 1 + 0.5 * index.scores(["w1", "w2"]))


def assert_alike(changed: Bm25Index, places: list[int], anew: Bm25Index) -> None:
    for question in questions():
        np.testing.assert_allclose(changed.scores(question)[places], anew.scores(question), rtol=1e-9)
        assert changed.top(question, 10).scores.tolist() == pytest.approx(anew.top(question, 10).scores.tolist())
        assert set(changed.top(question, 10).docs.tolist()) <= set(places)


@pytest.mark.parametrize("size", [2, 40, 900])
def test_a_changed_index_scores_like_one_built_anew(size: int) -> None:
    passages, more = corpus(size), corpus(5, seed=3, longest=200)
    gone = random.Random(1).sample(range(size), size // 3)
    left = [doc for doc in range(size) if doc not in gone]
    changed = Bm25Index.build(passages).changed(remove=gone, add=more)
    assert changed.deleted == tuple(sorted(gone))
    assert_alike(changed, [*left, *range(size, size + 5)], Bm25Index.build([*(passages[doc] for doc in left), *more]))


def test_many_changes_in_a_row_score_like_one_built_anew() -> None:
    live = dict(enumerate(corpus(60)))
    index = Bm25Index.build(list(live.values()))
    for step in range(30):
        gone = [min(live)] if step % 2 else [max(live)]
        more = corpus(step % 4, seed=step)
        live = {doc: words for doc, words in live.items() if doc not in gone}
        live |= {index.size + at: words for at, words in enumerate(more)}
        index = index.changed(remove=gone, add=more)
        assert len(index.segments) <= 9
    assert_alike(index, list(live), Bm25Index.build(list(live.values())))


def test_everything_can_be_taken_out_and_something_put_in() -> None:
    index = Bm25Index.build([["a"], ["b"]]).changed(remove=[0, 1])
    assert index.scores(["a"]).tolist() == [0, 0]
    assert len(index.top(["a"])) == 0
    assert index.changed(add=[["a"]]).top(["a"]).docs.tolist() == [2]


@pytest.mark.parametrize("passages", [[], [[]], [[], []]])
def test_an_empty_collection_finds_nothing(passages: list[list[str]]) -> None:
    index = Bm25Index.build(passages)
    assert index.scores(["a"]).tolist() == [0.0] * len(passages)
    assert len(index.top(["a"])) == 0
    assert "a" not in index


def test_only_passages_that_are_there_can_be_removed() -> None:
    with pytest.raises(ValueError, match="only passages 0 to 0"):
        Bm25Index.build([["a"]]).changed(remove=[1])


def test_two_words_of_one_hash_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segment, "crc32", lambda word: len(word) % 2)
    passages = corpus(80)
    ours, theirs = Bm25Index.build(passages), BM25Plus(passages, delta=0)
    for question in questions(10):
        np.testing.assert_allclose(ours.scores(question), theirs.get_scores(question), atol=1e-9)


def test_a_collection_beyond_one_segment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bm25, "LARGEST_SEGMENT", 100)
    passages = corpus(450)
    ours, theirs = Bm25Index.build(passages), BM25Plus(passages, delta=0)
    assert len(ours.segments) == 5
    for question in questions(10):
        np.testing.assert_allclose(ours.scores(question), theirs.get_scores(question), atol=1e-9)
        assert ours.top(question, 450).docs.tolist() == best_of(ours.scores(question), 450).docs.tolist()


def test_passages_of_many_lengths_need_wide_codes() -> None:
    chance = random.Random(2)
    tf = np.array([chance.randint(1, 400) for _ in range(200_000)])
    length = np.array([chance.randint(400, 70_000) for _ in range(200_000)], np.int32)
    codes, pairs = segment._codes(tf, length)
    assert codes.dtype == np.uint32
    assert (pairs[codes, 0] == tf).all()
    assert (pairs[codes, 1] == length).all()


def test_machine_code_gives_the_same_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("numba")
    monkeypatch.setattr(bm25, "_DENSE_CELLS", 0)
    index = Bm25Index.build(corpus(9_000)).changed(remove=range(100, 4_000, 3), add=corpus(30, seed=5))
    plain = [index.top(question, k) for question in questions() for k in (1, 10, 100)]
    assert fast.ready()
    monkeypatch.setattr(fast, "FEWEST_PASSAGES", 0)
    compiled = [index.top(question, k) for question in questions() for k in (1, 10, 100)]
    for one, other in zip(plain, compiled, strict=True):
        assert one.docs.tolist() == other.docs.tolist()
        assert one.scores.tolist() == other.scores.tolist()


def test_what_is_compiled_leaves_out_nothing_that_belongs_to_the_best(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bm25, "_DENSE_CELLS", 0)
    index = Bm25Index.build(corpus(500)).changed(remove=range(100, 200, 3), add=corpus(30, seed=5))
    asked = [dict.fromkeys(question, 1.0) for question in questions()[:5]]
    asked += [{word: 0.1 + 3.0 * n for n, word in enumerate(question)} for question in asked[:3]]
    asked += [{word: (-1.0) ** n for n, word in enumerate(question)} for question in asked[:3]]
    plain = [index.top(question, k) for question in asked for k in (1, 5)]
    monkeypatch.setattr(fast, "_WINDOW", 64)  # so that most windows are read once the best are known
    monkeypatch.setattr(fast, "_kernel", fast._top)  # the very function, slowly
    monkeypatch.setattr(fast, "FEWEST_PASSAGES", 0)
    compiled = [index.top(question, k) for question in asked for k in (1, 5)]
    for one, other in zip(plain, compiled, strict=True):
        assert one.docs.tolist() == other.docs.tolist()
        assert one.scores.tolist() == other.scores.tolist()
