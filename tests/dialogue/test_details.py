"""The two fields are found where people put them, and cut out exactly as they stand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpbot.dialogue import details
from helpbot.dialogue.details import Details, change_of, email_in, in_sentence, labelled, named, product_in

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
    ],
)
def test_a_correction_is_heard(text: str, wanted: Details) -> None:
    assert change_of(text) == wanted


def test_names_and_addresses() -> None:
    assert named("it's the FortiGate 60F") == "FortiGate 60F"
    assert named("The product is called Thank You Card Box") == "Thank You Card Box"
    assert email_in("you can mail me at joe@example.com please") == "joe@example.com"
    assert email_in("error for user joe@example.com: the sync of this quote failed and nothing else happened at all") == ""
    assert email_in("joe@x") == ""


@given(st.text(max_size=300))
def test_a_value_is_always_a_piece_of_the_text(text: str) -> None:
    for found in (labelled(text), in_sentence(text), change_of(text)):
        for value in (found.product, found.error):
            if value and not text.lstrip(" `~\n").startswith("{"):
                assert value in text
    assert product_in(text, common=()) in text
    assert details.email_in(text) in text


@given(st.text(alphabet="abc :=\n{}\"'`PE", min_size=1, max_size=40), st.text(alphabet="abc <>&{}'\"\\ü☃", min_size=1, max_size=40))
def test_what_is_labelled_comes_back_as_typed(product: str, error: str) -> None:
    product, error = product.strip().split("\n")[0].strip() or "x", error.strip() or "y"
    found = labelled(f"Product name: {product}\nError message: {error}")
    if not any(mark in product for mark in ":=`{"):
        assert found.product == product
        assert found.error == error
