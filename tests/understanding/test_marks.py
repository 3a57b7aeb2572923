"""Values are cut out of messages as marked ones teach it; always a piece of the text, in linear memory and time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpbot.understanding.marks import ASKED, Example, Marker, _apart, _prepared, _Row, varied
from helpbot.understanding.senses import seen

NAMES = (
    "Zebra ZD421",
    "Lancom 1790VA",
    "Meraki MX68",
    "APC Smart-UPS 1500",
    "Jabra Evolve2 65",
    "Noise Cancel Headset",
)
ERRORS = ("Device lost: E-77", "Order rejected (12)", "Scan 12 refused", "price list not loaded", "ERR_409 conflict")
FRAMES = ("ok so it's the {}", "the product is {}, kindly check", "we see it with the {} only", "{}", "product: {}")
TOLD = ("it says {} since monday", "the message is {}", "my colleague gets {} and I do too", "{}", "error: {}")
SILENT = ("one sec please", "he is on holiday", "no idea sorry", "why do you ask", "thanks", "let me look")


def taught() -> list[Example]:
    found = [Example(text=frame.format(name), asked="product", product=name) for frame in FRAMES for name in NAMES[:4]]
    found += [Example(text=frame.format(error), asked="error", error=error) for frame in TOLD for error in ERRORS[:4]]
    found += [
        Example(text=f"{name} and it says {error}", asked="both", product=name, error=error)
        for name, error in zip(NAMES, ERRORS, strict=False)
    ]
    return found + [Example(text=text, asked=asked) for text in SILENT for asked in ASKED]


@pytest.fixture(scope="module")
def marker() -> Marker:
    return Marker.learn(varied(taught()), talk=SILENT)


@pytest.mark.parametrize(
    ("text", "asked", "product", "error"),
    [
        ("ok so it's the Ergotron LX40", "product", "Ergotron LX40", ""),
        ("the product is Snom D785, kindly check", "product", "Snom D785", ""),
        ("it says Port 4 is down since monday", "error", "", "Port 4 is down"),
        ("Snom D785 and it says Scan 9 refused", "both", "Snom D785", "Scan 9 refused"),
        ("he is on holiday", "product", "", ""),
    ],
)  # fmt: skip
def test_a_value_is_cut_out_of_what_was_never_seen(
    marker: Marker, text: str, asked: str, product: str, error: str
) -> None:
    marks = marker.mark(text, asked)
    found = [text[mark.start : mark.end] if mark else "" for mark in (marks.product, marks.error)]
    assert found == [product, error]


@given(st.text(max_size=300), st.sampled_from(ASKED))
@settings(max_examples=60, deadline=None)
def test_any_text_gives_pieces_of_itself_that_do_not_overlap(marker: Marker, text: str, asked: str) -> None:
    marks = marker.mark(text, asked)
    for mark in (marks.product, marks.error):
        assert mark is None or (0 <= mark.start < mark.end <= len(text) and 0 < mark.sure <= 1)
    if marks.product and marks.error:
        assert marks.product.end <= marks.error.start or marks.error.end <= marks.product.start
    assert 0 <= marks.no_product <= 1
    assert 0 <= marks.no_error <= 1


def test_what_was_learnt_is_the_same_after_it_was_stored(marker: Marker) -> None:
    stored = Marker.from_arrays(marker.arrays())
    for text in ("ok so it's the Ergotron LX40", "it says Port 4 is down"):
        one, two = stored.mark(text, "both"), marker.mark(text, "both")
        assert (one.product and (one.product.start, one.product.end)) == (
            two.product and (two.product.start, two.product.end)
        )


def test_another_shape_is_refused(marker: Marker) -> None:
    arrays = marker.arrays()
    arrays["weights"] = arrays["weights"][:, :-1]
    with pytest.raises(ValueError, match="shape"):
        Marker.from_arrays(arrays)


def test_a_long_paste_is_looked_at_by_its_lines(marker: Marker) -> None:
    paste = "\n".join(f"at step {number} in module {number}" for number in range(3_000))
    marks = marker.mark(paste, "error")
    assert marks.error is None or paste[marks.error.start : marks.error.end] in paste


def test_of_two_pieces_that_overlap_the_likelier_pair_apart_is_taken() -> None:
    product, other, error = (0, 2, 0.6), (4, 5, 0.3), (1, 3, 0.9)
    assert _apart([product, other], [error]) == (other, error)
    assert _apart([product], [error]) == (None, error)
    assert _apart([error], [product]) == (error, None)
    assert _apart([product], []) == (product, None)


def test_a_field_that_is_likelier_shownthan_not_gets_its_likeliest_piece(marker: Marker) -> None:
    for text in ("please hold", "the Ergotron", "Snom D785 the", "ok it's price list", "E-77 lost and the X"):
        marks = marker.mark(text, "both")
        assert (marks.product is None) == (marks.no_product >= 0.5) or marks.error
        assert (marks.error is None) == (marks.no_error >= 0.5) or marks.product


def test_pieces_that_tear_quotes_and_pieces_that_are_sentences_are_told() -> None:
    text = 'It says "not here" now. Why?'  # it says " not here " now . why ?
    row = _Row.of(_prepared(text, "error", {}, {}), {})
    _, quoted, whole, torn, sentences = ([list(map(bool, line)) for line in flag] for flag in row.flags)
    assert [quoted[3][4], quoted[2][5], quoted[3][3]] == [True, False, False]
    assert [torn[2][4], torn[0][3], torn[4][6], torn[2][5], torn[3][4], torn[0][9]] == [True] * 3 + [False] * 3
    assert [sentences[0][7], sentences[0][6], sentences[8][9], sentences[8][8]] == [True] * 4
    assert [sentences[0][5], sentences[1][7], sentences[7][9]] == [False] * 3
    assert sum(map(sum, whole)) == 1


# ---- with meaning ---------------------------------------------------------------------------------------------------

NEARLY = {"cat": 1, "dog": 1, "cow": 1, "owl": 1, "elk": 1, "red": 2, "blue": 2, "green": 2, "grey": 2, "pink": 2}


@dataclass
class Told:
    places: np.ndarray
    tokens: np.ndarray
    whole: np.ndarray


def read(texts: Sequence[str]) -> list[Told]:
    """Knows of words only what sort they are: an animal, a colour, or another. As encoders do, it reads a beginning."""
    found = []
    for text in texts:
        words = list(re.finditer(r"\w+", text))[:200]
        places = [(0, 0), *((word.start(), word.end()) for word in words), (0, 0)]
        kinds = [3, *(NEARLY.get(word[0].lower(), 0) for word in words), 3]
        tokens = np.eye(8, dtype=np.float32)[kinds]
        found.append(Told(np.array(places, np.intp), tokens, tokens.mean(0)))
    return found


@pytest.fixture(scope="module")
def sensible() -> Marker:
    names = [word for word, kind in NEARLY.items() if kind == 1 and word != "elk"]
    others = [word for word, kind in NEARLY.items() if kind == 2 and word != "pink"]
    made = [Example(text=f"we {n} sell {o}", asked="product", product=n) for n in names for o in others] * 8
    made += [Example(text=f"we {o} sell {n}", asked="product", product=n) for n in names for o in others] * 8
    made += [Example(text=f"we {a} sell {b}", asked="product") for a in others for b in others] * 6
    return Marker.learn(made, read=read)


def test_what_is_read_in_portions_is_each_text_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read_before: list[str] = []

    def counting(texts: Sequence[str]) -> list[Told]:
        read_before.extend(texts)
        return read(texts)

    monkeypatch.setattr("helpbot.understanding.marks._READ_AT_ONCE", 3)
    made = [Example(text=f"we {n} sell pink", asked="product", product=n) for n in ("ant", "bee", "cow", "elk", "fox")]
    made += [Example(text=f"we pink sell {n}", asked="product", product=n) for n in ("ant", "bee", "cow")]
    Marker.learn(made, read=counting)
    assert len(read_before) == len(set(read_before))
    assert {each.text for each in made} <= set(read_before)


def test_what_words_mean_tells_of_those_that_were_never_seen(sensible: Marker) -> None:
    for text, product in (("we elk sell pink", "elk"), ("we pink sell elk", "elk"), ("we pink sell pink", None)):
        mark = sensible.mark(text, "product").product
        assert (text[mark.start : mark.end] if mark else None) == product


def test_what_was_learnt_with_meaning_is_the_same_after_it_was_stored(sensible: Marker) -> None:
    stored = Marker.from_arrays(sensible.arrays(), read)
    for text in ("we elk sell pink", "we pink sell elk"):
        assert stored.mark(text, "product").no_product == pytest.approx(sensible.mark(text, "product").no_product)


def test_a_marker_that_was_learnt_without_meaning_is_not_taken_for_one_with(marker: Marker, sensible: Marker) -> None:
    with pytest.raises(KeyError):
        Marker.from_arrays(marker.arrays(), read)
    arrays = sensible.arrays()
    arrays["sense0"] = arrays["sense0"][:-1]
    with pytest.raises(ValueError, match="shape"):
        Marker.from_arrays(arrays, read)


def test_words_behind_what_an_encoder_reads_are_marked_too(sensible: Marker) -> None:
    text = "we sell " * 2_000 + "\ncat"
    marks = sensible.mark(text, "product")
    assert 0 <= marks.no_product <= 1


@given(st.text(max_size=200))
@settings(max_examples=40, deadline=None)
def test_any_text_is_read_with_meaning(sensible: Marker, text: str) -> None:
    marks = sensible.mark(text, "both")
    for mark in (marks.product, marks.error):
        assert mark is None or 0 <= mark.start < mark.end <= len(text)


def test_of_a_long_paste_the_encoder_is_shownthe_beginning(sensible: Marker) -> None:
    shown = []
    watched = Marker.from_arrays(sensible.arrays(), lambda texts: shown.extend(texts) or read(texts))
    watched.mark("we sell cat " * 150, "product")
    watched.mark("we sell cat " * 1_500, "product")
    assert [len(text) for text in shown] == [1_800, 600]


def test_a_word_is_the_mean_of_its_tokens() -> None:
    told = Told(
        np.array([(0, 0), (0, 2), (2, 4), (5, 6), (0, 0)]), np.array([[9.0], [1], [3], [5], [9]], np.float32),
        np.zeros(1, np.float32),
    )  # fmt: skip
    assert seen(told, [0, 4, 5, 9], [4, 5, 6, 11]).words.ravel().tolist() == [2.0, 0.0, 5.0, 0.0]
