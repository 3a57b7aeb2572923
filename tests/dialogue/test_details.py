"""The two fields are found where people put them, and cut out exactly as they stand."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpbot.dialogue import details
from helpbot.dialogue.details import (
    Details,
    change_of,
    email_in,
    in_lines,
    in_sentence,
    labelled,
    meant,
    named,
    product_in,
    restated,
)

LABELLED = [
    ("Product name: APC Smart-UPS 1500\nError message: PO was refused, code 0x8F", "APC Smart-UPS 1500", "PO was refused, code 0x8F"),
    ("error = TaxRegion is unknown (12)\nproduct = Zyxel NWA50AX", "Zyxel NWA50AX", "TaxRegion is unknown (12)"),
    ('```\nproduct: Synology DS923+\nerror: volume "pool_1" refused | rc=-7\n```', "Synology DS923+", 'volume "pool_1" refused | rc=-7'),
    ('{"product_name": "Jabra Evolve2 65", "error_message": "Invalid customer number"}', "Jabra Evolve2 65", "Invalid customer number"),
    ("Product: A, Error: B failed: c", "A", "B failed: c"),
    ("product=A1; error=x=y; z", "A1", "x=y; z"),
    ("Product: X\nError: line1\n  at foo\nMessage: inner\nend", "X", "line1\n  at foo\nMessage: inner\nend"),
    ("**Product:** Bold\n**Error:** `code`", "Bold", "`code`"),
    ("Produkt: Drucker\nFehlermeldung: Gerät fehlt", "Drucker", "Gerät fehlt"),
    ("product: Sophos XGS 107", "Sophos XGS 107", None),
    ("QNAP TS-464, error: Volume not mounted", "QNAP TS-464", "Volume not mounted"),
    ('level=error product="QNAP TS-464" error="Volume not mounted"', "QNAP TS-464", "Volume not mounted"),
    ('{"item": {"name": "QNAP TS-464"}, "error": {"message": "Full"}}', "QNAP TS-464", "Full"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "product", "error"), LABELLED)
def test_labelled_fields_are_found(text: str, product: str | None, error: str | None) -> None:
    assert labelled(text) == Details(product=product, error=error)


def test_an_error_that_begins_with_the_word_itself_stays_whole() -> None:
    assert not labelled("Error: member could not be created", lone_error_label=False)
    assert labelled("Error: it broke", lone_error_label=True).error == "it broke"


@pytest.mark.parametrize(
    ("text", "product", "error"),
    [
        ("it's the Lenovo ThinkPad T14 and the error is: Unexpected token < in JSON", "Lenovo ThinkPad T14", "Unexpected token < in JSON"),
        ('the error is "Foo bar" and the product is Dell XPS 13', "Dell XPS 13", "Foo bar"),
        ("The product is the Sonos Beam, error message says No stock left.", "Sonos Beam", "No stock left."),
    ],
)  # fmt: skip
def test_a_sentence_can_hold_both(text: str, product: str, error: str) -> None:
    assert in_sentence(text) == Details(product=product, error=error)


@pytest.mark.parametrize(
    ("text", "product"),
    [
        ("It happens with the FortiGate 60F since yesterday", "FortiGate 60F"),
        ("sync fails for the Dell XPS 13 when I push it", "Dell XPS 13"),
        ("happens with our HP ProLiant ML30.", "HP ProLiant ML30"),
        ("it happens with Autotask", ""),
        ("this fails on the quote", ""),
        ("it happens with the same error again", ""),
    ],
)
def test_a_product_is_heard_in_running_text(text: str, product: str) -> None:
    assert product_in(text, common={"autotask", "quote"}) == product


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("change the product to FortiGate 61F", Details(product="FortiGate 61F")),
        ("sorry, the product is actually X1", Details(product="X1")),
        ('change the error message to "a\nb"', Details(error="a\nb")),
        ("wrong product, it's the Y2", Details(product="Y2")),
        ("change the mapping of the product", Details()),
        ("the order has changed", Details()),
        ("the error has changed, it now says Bus 0x12", Details(error="Bus 0x12")),
        ("I pasted the wrong error. The right one is: Fault 4", Details(error="Fault 4")),
    ],
)
def test_a_correction_is_heard(text: str, wanted: Details) -> None:
    assert change_of(text) == wanted


def test_an_error_message_is_not_taken_for_a_form() -> None:
    for error in (
        "HTTP 500, error: bad request",
        "Job 7\nError: x\n at y",
        '{"error": {"message": "x"}, "item": {"id": "A1"}}',
    ):
        assert not labelled(error, lone_error_label=False, whole_error=True)


@pytest.mark.parametrize(
    "text", ["sorry, I meant the X1", "not the Y2, it's the X1", "actually it's the X1", "I made a typo, it's X1"]
)
def test_what_was_meant_is_heard(text: str) -> None:
    assert meant(text) == "X1"


def test_two_lines_are_a_product_and_its_error() -> None:
    assert in_lines("1) QNAP TS-464\n2) Full (12)") == ("QNAP TS-464", "Full (12)")
    assert in_lines("it is full\nand slow") == ("", "")


@pytest.mark.parametrize(
    "piece", ["a, ", "the X1 ", "product is ", 'says "', "error: ", "for the X1 i get ", "sorry, ", "not a, "]
)
def test_twice_the_text_takes_at_most_two_and_a_half_times_as_long(piece: str) -> None:
    def taken(text: str) -> float:
        best = 1.0
        for _ in range(3):
            start = time.process_time()
            for reader in (labelled, in_sentence, change_of, meant, restated, in_lines, named):
                reader(text)
            best = min(best, time.process_time() - start)
        return best

    once, twice = piece * (20_000 // len(piece)), piece * (40_000 // len(piece))
    assert any(taken(twice) / max(taken(once), 0.002) <= 2.5 for _ in range(3))


def test_names_and_addresses() -> None:
    assert named("it's the FortiGate 60F") == "FortiGate 60F"
    assert named("The product is called Thank You Card Box") == "Thank You Card Box"
    assert email_in("you can mail me at joe@example.com please") == "joe@example.com"
    assert (
        email_in("error for user joe@example.com: the sync of this quote failed and nothing else happened at all") == ""
    )
    assert email_in("joe@x") == ""


@given(st.text(max_size=300))
def test_a_value_is_always_a_piece_of_the_text(text: str) -> None:
    for found in (labelled(text), in_sentence(text), change_of(text)):
        for value in (found.product, found.error):
            if value and not text.lstrip(" `~\n").startswith("{"):
                assert value in text
    assert product_in(text, common=()) in text
    assert details.email_in(text) in text


def _unfenced(value: str) -> str:
    """Behind a label, a pair of quotation marks is the value's fence."""
    quoted = len(value) > 2 and value[0] == value[-1] in ("'", '"') and value[0] not in value[1:-1]
    return value[1:-1] if quoted else value


@given(
    st.text(alphabet="abc :=\n{}\"'`PE", min_size=1, max_size=40),
    st.text(alphabet="abc <>&{}'\"\\ü☃", min_size=1, max_size=40),
)
def test_what_is_labelled_comes_back_as_typed(product: str, error: str) -> None:
    product, error = product.strip().split("\n")[0].strip() or "x", error.strip() or "y"
    found = labelled(f"Product name: {product}\nError message: {error}")
    product, error = _unfenced(product), _unfenced(error)
    if not any(mark in product for mark in ":=`{"):
        assert found.product == product
    assert found.error == error
