"""What is learnt from examples, and what would have been said without them."""

import numpy as np
import pytest

from helpbot.retrieval.tokens import Tokenizer
from helpbot.understanding.classifier import Examples, Kernel, Row, Vectoriser, fit

TEXTS = [
    "how do I reset my password", "password forgotten, reset please", "reset the password of a user",
    "where is the invoice of march", "invoice not received", "send me the invoice again",
    "printer is jammed", "the printer has a paper jam", "paper jam in printer two",
]  # fmt: skip
LABELS = np.repeat(np.arange(3), 3)


def _learnt(kernel: Kernel | None = None) -> tuple[Vectoriser, Examples]:
    vectoriser = Vectoriser.learn(TEXTS, kernel or Kernel(), Tokenizer(), Tokenizer(stop_words=()))
    return vectoriser, Examples.of([vectoriser.row(text) for text in TEXTS], len(vectoriser.columns))


def test_a_text_is_wholly_like_itself_and_less_like_any_other() -> None:
    vectoriser, examples = _learnt()
    for number, text in enumerate(TEXTS):
        likeness = examples.likeness(vectoriser.row(text))
        assert likeness[number] >= likeness.max() - 1e-5
        assert 0.5 < likeness[number] < 1 + 1e-5  # less than 1 where a view has nothing in common with any other


def test_likeness_row_by_row_is_the_matrix_of_products() -> None:
    vectoriser, examples = _learnt()
    rows = np.array([examples.likeness(vectoriser.row(text)) for text in TEXTS])
    assert np.abs(rows - examples.products()).max() < 1e-5


def test_a_word_is_as_alike_whole_as_its_runs_of_letters_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("helpbot.understanding.classifier._COMMON", 2)
    vectoriser, examples = _learnt()
    for text in ("password of the printer", "the printer has the password, the printer", "invoices: reset printers"):
        row = vectoriser.row(text)
        assert row.words
        first, again = examples.likeness(row), examples.likeness(vectoriser.row(text))
        assert (first == again).all()  # to the last bit
        assert np.abs(first - examples.likeness(Row(row.columns, row.values))).max() < 1e-6


def test_a_text_of_unknown_words_is_like_nothing() -> None:
    vectoriser, examples = _learnt()
    assert not examples.likeness(vectoriser.row("zzz qqq")).any()
    assert not examples.likeness(vectoriser.row("")).any()


def test_what_an_example_scores_unseen_is_what_a_fit_without_it_says() -> None:
    _, examples = _learnt()
    kernel = Kernel()
    products = kernel.of_words(examples.products())
    wanted = np.eye(3)[LABELS]
    whole = fit(products.astype(np.float32), wanted, 0.2, folds=np.arange(9))
    for left_out in range(9):
        rest = np.delete(np.arange(9), left_out)
        part = fit(products[np.ix_(rest, rest)].astype(np.float32), wanted[rest], 0.2)
        assert np.abs(products[left_out, rest] @ part.dual - whole.unseen[left_out]).max() < 1e-5


def test_a_large_fit_is_solved_block_by_block() -> None:
    random = np.random.default_rng(7)
    points = random.normal(size=(2_300, 40)).astype(np.float32)  # enough for blocks within blocks
    kernels = points @ points.T
    wanted = np.eye(3)[np.arange(2_300) % 3]
    ridged = kernels.astype(np.float64) + 3.0 * np.eye(len(points))
    learnt = fit(kernels, wanted, 3.0)
    assert np.abs(learnt.dual - np.linalg.solve(ridged, wanted)).max() < 1e-4
    out = np.array([2_100, 7, 1_500, 40])
    rest = np.delete(np.arange(len(points)), out)
    unseen = ridged[np.ix_(out, rest)] @ np.linalg.solve(ridged[np.ix_(rest, rest)], wanted[rest])
    assert np.abs(learnt.without(out) - unseen).max() < 1e-3


def test_unseen_examples_go_to_their_own_class() -> None:
    _, examples = _learnt()
    learnt = fit(Kernel().of_words(examples.products()).astype(np.float32), np.eye(3)[LABELS], 0.2, folds=np.arange(9))
    assert (learnt.unseen.argmax(axis=1) == LABELS).all()


def test_a_misspelt_word_is_still_like_the_right_one() -> None:
    vectoriser, examples = _learnt()
    likeness = examples.likeness(vectoriser.row("pasword reset"))
    assert int(LABELS[np.argmax(likeness)]) == 0
