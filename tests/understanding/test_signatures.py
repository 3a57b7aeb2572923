"""Known errors are found through what happens to them on the way, and unknown ones that look alike are not."""

import json
import random
from collections.abc import Callable
from html import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpbot.knowledge.signature import compile_signature
from helpbot.understanding.signatures import LEAST, SURE, SignatureIndex, SignatureMatch
from helpbot.understanding.unwrap import unwrap

ERRORS = (
    "BillingCode does not exist or is invalid",
    "Opportunity was not found in Autotask",
    "Company has no external identifier",
    "Contact has no external identifier",
    "companyID is not associated with contactID",
    "Autotask authentication error: please verify your credentials",
    "ConnectWise API rate limit exceeded",
    "Already synchronizing",
    "{count:int} line items not synchronized",
    "Payment term/type is deleted",
    "catalogItem object is invalid. {category_id:int} is an inactive",
    "catalogItem object is invalid",
    "You are not linked to a company or the link is not verified.",
    "Access Forbidden",
    "No matching records found",
    "Invalid customer number",
    "ECONNRESET",
)
PRODUCTS = ("Autotask", "ConnectWise Manage", "HaloPSA", "Ingram Micro", "TD Synnex", "Salesbuildr")
INDEX = SignatureIndex([compile_signature(error, target=error) for error in ERRORS], protected=PRODUCTS)


def match(text: str, limit: int = 5) -> list[SignatureMatch]:
    return INDEX.match(unwrap(text), limit)


def targets(text: str) -> list[str]:
    return [found.signature.target for found in match(text)]


def filled(error: str) -> str:
    return error.replace("{count:int}", "3").replace("{category_id:int}", "80")


def wrapped(text: str) -> str:
    words = text.split()
    return "\n".join(" ".join(words[i : i + 2]) for i in range(0, len(words), 2))


def mistyped(text: str) -> str:
    """Two neighbouring letters of the longest word change places."""
    longest = max(text.replace(".", " ").split(), key=len)
    middle = len(longest) // 2
    return text.replace(
        longest, longest[: middle - 1] + longest[middle] + longest[middle - 1] + longest[middle + 1 :], 1
    )


DAMAGES: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "capitals": str.upper,
    "small letters": lambda e: e.lower(),
    "title case": str.title,
    "curly quotes": lambda e: f"“{e}”",
    "single quotes": lambda e: f"it said ‘{e}’",
    "in JSON": lambda e: json.dumps({"status": 400, "error": {"message": e, "trace": "x1"}}),
    "JSON in JSON in JSON": lambda e: json.dumps({"body": json.dumps({"body": json.dumps({"detail": e})})}),
    "in XML": lambda e: f"<soap:Fault><faultcode>500</faultcode><faultstring>{escape(e)}</faultstring></soap:Fault>",
    "HTML table row": lambda e: f"<tr><td>quote</td><td>{escape(e)}</td><td>2026-04-02</td></tr>",
    "escaped HTML": lambda e: escape(f"<div class='toast'><b>{e}</b></div>"),
    "log line": lambda e: f"2026-04-02T10:11:12.345Z ERROR [quote-sync] [42] {e}",
    "key=value": lambda e: f"level=error status=failed reason='{e}' entity=quote",
    "stack trace": lambda e: (
        f'Traceback (most recent call last):\n  File "/srv/sync.py", line 12, in run\n    push(quote)\nSyncError: {e}'
    ),
    "Java stack trace": lambda e: (
        f"Exception in thread main com.acme.SyncException: {e}\n\tat com.acme.Sync.run(Sync.java:12)\n\t... 8 more"
    ),
    "mail quote": lambda e: "hello,\n\n> " + wrapped(e).replace("\n", "\n> ") + "\n\nthanks",
    "line wraps": wrapped,
    "table cells": lambda e: f"| quote | {e} | open |",
    "invisible characters": lambda e: "\u202a" + e.replace(" ", "\u200b \u2060") + "\u202c",
    "Slack": lambda e: f"```{escape(e)}``` from <https://example.com/x|the log> <@U0123ABCD>",
    "mistyped": mistyped,
    "no punctuation": lambda e: e.replace(".", "").replace(":", "").replace("/", " "),
    "double spaces": lambda e: e.replace(" ", "  "),
    "bold stars": lambda e: f"**{e}**",
    "in a sentence": lambda e: f"every time I push it I get {e} and then nothing",
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("error", ERRORS)
def test_an_error_is_found_through_damage(error: str, damage: str) -> None:
    if damage == "mistyped" and error == "ECONNRESET":
        pytest.skip("a code on its own is never guessed")
    text = DAMAGES[damage](filled(error))
    found = match(text)
    assert [f.signature.target for f in found] == [error], text
    assert found[0].score >= SURE, found
    assert text[found[0].start : found[0].end].strip()


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("company id isn't associated with the contact id, red banner on the quote", ERRORS[4]),
        ("INVALID CUSTOMER NO. (TD SYNNEX / PO 8812)", "Invalid customer number"),
        ("billing code doesnt exist or invalid", ERRORS[0]),
        ("autotask auth error verify credentials", ERRORS[5]),
        ("Autotask authentication error — please verify your credentials (came in at 02:13 by mail)", ERRORS[5]),
        ("connectwise api ratelimit exeeded", ERRORS[6]),
        ("catalog item object invalid, 80 is an inactive", ERRORS[10]),
        ("you arent linked to a company or the link isnt verified", ERRORS[12]),
        ("payment term type deleted", ERRORS[9]),
        ("Oportunity wasnt found in autotask", ERRORS[1]),
        ("company has no external id", ERRORS[2]),
        ("accessforbidden", "Access Forbidden"),
        ("companyid is not asociated with contactid", ERRORS[4]),
        ("comapnyid is not associated with contcatid", ERRORS[4]),
        ("billingcdoe does not exist or is invalid", ERRORS[0]),
        ("catalogitme object is invalid. 80 is an inactive", ERRORS[10]),
        ("it said sCompany has no external identifier", ERRORS[2]),
        ("xAutotask authentication error: please verify your credentials", ERRORS[5]),
        ("the connection reset again", "ECONNRESET"),
    ],
)
def test_an_error_typed_from_memory_is_found(text: str, target: str) -> None:
    found = match(text)
    assert [f.signature.target for f in found] == [target]
    assert found[0].score >= SURE


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("toast, top right, 3 seconds: You are not linked to a company or the link is n…", ERRORS[12]),
        ("You are not linked to a company or the lin...", ERRORS[12]),
        ("…tem object is invalid. 80 is an inact…", ERRORS[10]),
        ("...thentication error: please verify your credentials", ERRORS[5]),
        ("Opportunity was not found in Auto…", ERRORS[1]),
        ("companyID is not associated with con…", ERRORS[4]),
        ("…xternl identifier\nCompany has no external ident…", ERRORS[2]),
        ("…valid customer number", ERRORS[15]),
        ("…pany has no external identifier", ERRORS[2]),
        ("…mpnay has no external identifier", ERRORS[2]),
        ("…tologItem object is invalid. 80 is an inactive", ERRORS[10]),
        ("billingcode does not exist or is inval_", ERRORS[0]),
        ("cache hit for company\nYou are not linked to a company or the lin…\nlink msg=verified", ERRORS[12]),
    ],
)
def test_a_message_cut_at_an_end_is_found(text: str, target: str) -> None:
    assert targets(text) == [target]


LOOK_ALIKES = (
    "taxCode 80 is an inactive",
    "Ticket was not found in Autotask",
    "Agreement has no external identifier",
    "HaloPSA API rate limit exceeded",
    "Autotask API rate limit exceeded",
    "Contract was not found in HaloPSA",
    "Opportunity was not found in HaloPSA",
    "Opportunity was found in Autotask",
    "Contract has no external identifier",
    "Company has an external identifier",
    "TaxCompany has no external identifier",
    "sub_company has no external identifier",
    "Widget was not found in Autotask",
    "contactID is not associated with ticketID",
    "ticketID is not associated with contactID",
    "companyID is associated with contactID",
    "Invalid order number",
    "Invalid vendor number",
    "Invalid customer address",
    "Valid customer number",
    "taxItem object is invalid. 80 is an inactive",
    "catalogItem object is valid",
    "ProjectCode does not exist or is invalid",
    "BillingCode does exist and is valid",
    "Invoice term/type is deleted",
    "Payment method is deleted",
    "No matching users found",
    "HaloPSA authentication error: please verify your credentials",
    "Some attachments not synchronized",
    "You are not linked to a site or the link is not verified.",
    "Access granted",
    "EPIPE",
    "ETIMEDOUT",
    "AGREEMENT HAS NO EXTERNAL IDENTIFIER",
    '{"message":"Ticket was not found in Autotask"}',
    "2026-01-02 10:00:00 ERROR Agreement has no external identifier",
    "Contract was not found in Autotask",
    "Ticket was not found in ConnectWise",
    "Opportunity was not found in Salesforce",
    "opportunity was not found in salesforce, again and again",
    "Quote was not found in Autotask",
    "IP was not found in Autotask",
    "Company was not found in HaloPSA",
    "Resource has no external identifier",
    "Opportunity has no external identifier",
    "Company has no internal identifier",
    "Company has no external accounts",
    "Company has two external identifiers",
    "billingCode 80 is an inactive",
    "taxItem 80 is an inactive",
    "80 is an active category",
    "BillingCode exists and is valid",
    "TaxCode does not exist or is invalid",
    "Invalid customer name",
    "Invalid customers",
    "invalid postal code",
    "Salesforce authentication error: please verify your credentials",
    "ConnectWise API rate limit raised",
    "Payment term/type is active",
    "agreementID is not associated with contactID",
    "companyID is not associated with siteID",
    "Matching records found",
    "No matching products found",
    "2 line items synchronized",
    "2 tickets not synchronized",
    "You are not linked to a ticket or the link is not verified.",
    "You are linked to a company and the link is verified.",
    "…valid order number",
    "…racter has no external identifier",
    "…ment has no external identifier",
    "ECONNABORTED",
    "Access Forgotten",
    "inbound rate limit",
    "<td>Ticket was not found in Autotask</td>",
    "> Agreement has no\n> external identifier",
    "“TaxCode 80 is an\ninactive”",
    "ERROR taxcode 80 is an inactive, catalogue is fine",
    "What is my customer number?",
    "the line items are synchronized",
    "how do I verify my credentials",
    "is the rate limit an API thing",
)


@pytest.mark.parametrize("text", LOOK_ALIKES)
def test_a_look_alike_is_not_taken_for_a_known_error(text: str) -> None:
    assert match(text) == []


def test_a_look_alike_stays_one_when_a_single_signature_is_known() -> None:
    for error, other in (
        ("Opportunity was not found in Autotask", "Ticket was not found in Autotask"),
        ("Company has no external identifier", "Agreement has no external identifier"),
        ("HTTP 404 while reading the price list", "HTTP 403 while reading the price list"),
        ("Field billingCode is required", "Field taxCode is required"),
    ):
        index = SignatureIndex([compile_signature(error, target="x")])
        assert index.match(unwrap(other)) == [], other
        assert index.match(unwrap(error))


LONG = (
    "Cannot set cursor_side when local_path contains a wildcard",
    "The compressed frame {name:word} is not available. Please install it",
    "All changes filtered out, raw_changes={count:int}",
    "Cannot register a blueprint on itself",
)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("cursor_side when local_path contains a wildcard", LONG[0]),
        ("side when local_path contains a wildcard", LONG[0]),
        ("it says  frame x1 is not available. Please install it", LONG[1]),
        ("The compressed farem x1 is not available. Please install it", LONG[1]),
        ("All changes filtered out, aw_changes=3", LONG[2]),
        ("ister a blueprint\non itself", LONG[3]),
        ("No matching recrods foudn", "No matching records found"),
    ],
)
def test_more_is_forgiven_where_much_is_left(text: str, error: str) -> None:
    index = SignatureIndex([compile_signature(one, target=one) for one in (*LONG, *ERRORS)], protected=PRODUCTS)
    assert [found.signature.target for found in index.match(unwrap(text), 1)] == [error]


@pytest.mark.parametrize("text", ["set cursor_side", "register a wildcard", "contains a wildcard", "a blueprint on it"])
def test_little_of_a_message_is_not_the_message(text: str) -> None:
    assert SignatureIndex([compile_signature(one, target=one) for one in LONG]).match(unwrap(text)) == []


def test_the_most_specific_signature_wins() -> None:
    assert targets("catalogItem object is invalid. 80 is an inactive") == [ERRORS[10]]
    assert targets("catalogitem object is invlaid. 81 is an inactive") == [ERRORS[10]]
    assert targets("catalogItem object is invalid") == ["catalogItem object is invalid"]
    assert [f.signature.target for f in match("catalogItem object is invalid. 80 is an inactive", 1)] == [ERRORS[10]]


def test_several_errors_are_found_in_their_order() -> None:
    paste = "\n".join(
        (
            "10:00 ERROR Company has no external identifier",
            "10:01 INFO  retrying",
            "10:02 ERROR ConnectWise API rate limit exceded",
            "10:03 ERROR Contact has no external identifier",
            "10:04 ERROR Agreement has no external identifier",
            "10:05 ERROR Company has no external identifier",
        )
    )
    assert targets(paste) == [ERRORS[2], ERRORS[6], ERRORS[3]]
    assert targets(f"{ERRORS[0]}; {ERRORS[1]}") == [ERRORS[0], ERRORS[1]]


@pytest.mark.parametrize(
    ("pattern", "text", "captures"),
    [
        (
            "catalogItem object is invalid. {id:int} is an inactive",
            "CATALOGITEM OBJECT IS INVALID. 80 IS AN INACTIVE",
            {"id": "80"},
        ),
        ("{n:int} line items not synchronized", "Warning: 12 line items not synchronized.", {"n": "12"}),
        ("Unable to find package {name:word}.", "Unable to find package Foo.Bar.", {"name": "Foo.Bar"}),
        ("Cannot open {file:path}: permission denied", "cannot open /srv/a b/c.txt: Permission denied", None),
        (
            "Cannot open {file:path}: permission denied",
            "cannot open /srv/c.txt: Permission denied",
            {"file": "/srv/c.txt"},
        ),
        ("Mailbox {box:quoted} is over its quota", 'Mailbox "Ann Lee" is over its quota', {"box": "Ann Lee"}),
        (
            "Package needs version {v:version} or newer",
            "package needs version 2.10.1-rc1 or newer",
            {"v": "2.10.1-rc1"},
        ),
        (
            "Could not fetch {u:url}, giving up",
            "Could not fetch https://x.example/a?b=1, giving up",
            {"u": "https://x.example/a?b=1,"},
        ),
        ("Device {name:text} dropped its tunnel", "Device lobby printer 2 dropped its tunnel", None),
        (
            "Column {a:word} does not match column {b:word}",
            "Column qty does not match column amount",
            {"a": "qty", "b": "amount"},
        ),
    ],
)
def test_placeholders_are_captured(pattern: str, text: str, captures: dict[str, str] | None) -> None:
    (found,) = SignatureIndex([compile_signature(pattern, target="t")]).match(unwrap(text))
    if captures is not None:
        assert {name: value.rstrip(",") for name, value in found.captures.items()} == {
            n: v.rstrip(",") for n, v in captures.items()
        }
    assert set(found.captures) <= set(found.signature.names)


def test_a_match_says_where_it_stands_and_what_was_forgiven() -> None:
    text = 'since today {"message":"billing code doesn\\u2019t exist or is invalid"} everywhere'
    (found,) = match(text)
    assert text[found.start : found.end].startswith("billing code doesn\\u2019t")
    assert text[found.start : found.end].endswith("is invalid")
    (found,) = match("autotask auth error verify credentials")
    assert "“auth” for “authentication”" in found.evidence
    assert not found.exact
    (found,) = match("the contact, that has no external identifier")
    assert not found.exact
    assert 0 < found.coverage <= 1


def test_words_scattered_over_a_log_do_not_add_up() -> None:
    assert match("company ok\nhas started\nno queue\nexternal drive mounted\nidentifier cache warm") == []


def test_matching_twice_gives_the_same() -> None:
    text = "Oportunity was not fond in autotask, catalogItem object is invalid. 80 is an"
    assert match(text) == match(text)
    assert SignatureIndex(INDEX.signatures).match(unwrap(text)) == SignatureIndex(INDEX.signatures).match(unwrap(text))


def test_an_empty_index_and_an_empty_paste_match_nothing() -> None:
    assert SignatureIndex([]).match(unwrap("Company has no external identifier")) == []
    assert match("") == []
    assert match("?!") == []
    assert match(ERRORS[0], 0) == []


def test_ten_thousand_signatures_are_told_apart() -> None:
    rng = random.Random(3)
    syllables = ["ba", "co", "di", "fu", "ga", "he", "ki", "lo", "mu", "na", "pe", "ri", "so", "tu", "va", "we"]
    nouns = ["".join(rng.choices(syllables, k=3)) for _ in range(400)]
    errors = sorted(
        {
            f"{rng.choice(nouns)} {rng.choice(nouns)} has no {rng.choice(nouns)} for {{x:id}} in {rng.choice(nouns)}"
            for _ in range(10_000)
        }
    )
    index = SignatureIndex([compile_signature(e, target=e) for e in errors])
    right = 0
    for error in rng.sample(errors, 200):
        text = "10:00 INFO started\n" + error.replace("{x:id}", str(rng.randint(1, 9999))).upper() + "\n10:01 INFO done"
        found = index.match(unwrap(text), 1)
        right += bool(found) and found[0].signature.target == error
    assert right >= 198


pastes = st.one_of(
    st.text(),
    st.text(alphabet=st.characters(exclude_categories=())),
    st.lists(
        st.sampled_from(
            [*map(filled, ERRORS), *LOOK_ALIKES, "\n", " ", "…", "not", '"', "{", "<td>", "\\", "\u200b", "\ud800"]
        )
    ).map(" ".join),
)


@settings(max_examples=300, deadline=None)
@given(pastes, st.integers(1, 6))
def test_any_text_is_matched_without_fault(text: str, limit: int) -> None:
    found = match(text, limit)
    assert len(found) <= limit
    assert [f.start for f in found] == sorted(f.start for f in found)
    for one in found:
        assert 0 <= one.start < one.end <= len(text)
        assert LEAST <= one.score <= 1
        assert set(one.captures) <= set(one.signature.names)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(ERRORS), st.text(max_size=80), st.text(max_size=80))
def test_an_error_on_a_line_of_its_own_is_found_in_any_surroundings(error: str, before: str, after: str) -> None:
    assert error in targets(f"{before}\n\n{filled(error)}\n\n{after}")


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("damage", ["{}", "it says {} again and again", "{}\n{}", "no {} found in Autotask rate limit"])
def test_votes_counted_one_by_one_come_to_what_they_come_to_all_at_once(
    monkeypatch: pytest.MonkeyPatch, error: str, damage: str
) -> None:
    ids = INDEX._resolve(INDEX._paste(unwrap(damage.replace("{}", error)).text))[0]
    one_by_one = INDEX._cast(ids)
    assert one_by_one
    monkeypatch.setattr(INDEX, "_lists", {})
    at_once = INDEX._candidates(ids)
    assert [found[:2] for found in one_by_one] == [found[:2] for found in at_once]
    assert [found[2] for found in one_by_one] == pytest.approx([found[2] for found in at_once], abs=1e-5)
