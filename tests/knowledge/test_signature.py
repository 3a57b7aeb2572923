"""Patterns are compiled or refused in one clear line; messages are mined from articles whose author wrote none."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpbot.errors import Origin
from helpbot.knowledge.signature import (
    TYPES,
    BadPattern,
    compile_signature,
    cut_words,
    generalise,
    mine_messages,
    mine_signatures,
    plain,
)


def test_a_pattern_falls_into_literal_parts_with_typed_placeholders_between() -> None:
    signature = compile_signature(
        "catalogItem object is invalid. {category_id:int} is an inactive", target="x", origin=Origin("a.yaml", 4)
    )
    assert signature.parts == ("catalogItem object is invalid. ", " is an inactive")
    assert (signature.names, signature.types) == (("category_id",), ("int",))
    assert (signature.target, signature.origin, signature.id) == ("x", Origin("a.yaml", 4), signature.pattern)


def test_a_placeholder_without_a_type_holds_text_and_doubled_braces_are_braces() -> None:
    signature = compile_signature("Field {{name}} of {record} is locked", target="x")
    assert signature.parts == ("Field {name} of ", " is locked")
    assert signature.types == ("text",)


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        ("", "has no words"),
        ("   ", "has no words"),
        ("{a:int}", "has no words"),
        ("… ? !", "has no words"),
        ("error", "too generic"),
        ("Invalid value {v:int}", "too generic"),
        ("not found", "too generic"),
        ("Charge {a", "does not close it"),
        ("Charge a} is locked", "closes nothing"),
        ("Charge {} is locked", "without a proper name"),
        ("Charge {A:int} is locked", "without a proper name"),
        ("Charge {1st:int} is locked", "without a proper name"),
        ("Charge {a b:int} is locked", "without a proper name"),
        ("Charge {a:integer} is locked", "unknown type 'integer'"),
        ("Charge {a:} is locked", "unknown type ''"),
        ("Charge {a:int} and {a:int} are locked", "names {a} twice"),
        ("Charge {a:int}{b:int} is locked", "nothing between them"),
        ("Charge {a:int} {b:int} is locked", "nothing between them"),
        ("Charge {{a:int} is locked", "closes nothing"),
    ],
)
def test_a_bad_pattern_is_refused_in_one_line_with_a_remedy(pattern: str, problem: str) -> None:
    with pytest.raises(BadPattern) as caught:
        compile_signature(pattern, target="x")
    said = str(caught.value)
    assert problem in said
    assert "\n" not in said
    assert caught.value.remedy in said
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    "pattern", ["ECONNRESET", "Access Forbidden", "Already synchronizing", "HTTP 429", "Invalid customer number"]
)
def test_a_short_message_of_its_own_words_is_accepted(pattern: str) -> None:
    assert compile_signature(pattern, target="x").parts == (pattern,)


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        ("int", "80"), ("int", "-1,234"), ("number", "3.5%"), ("id", "Q-2025/118"), ("word", "Foo.Bar"),
        ("quoted", '"a b"'),
        ("quoted", "'x'"),
        ("text", "any thing at all"), ("version", "v2.10.1-rc1"), ("url", "https://x.example/a?b=c"),
        ("path", "C:\\a_b\\c.txt"),
        ("path", "/srv/x"),
        ("email", "a.b@c.example"), ("ip", "10.0.0.7:443"), ("date", "2026-11-19"), ("date", "19 November 2026"),
        ("time", "02:13:05.123"),
        ("duration", "30 seconds"), ("hex", "0xDEAD"), ("uuid", "123e4567-e89b-12d3-a456-426614174000"),
    ],
)  # fmt: skip
def test_each_type_holds_its_values(type_: str, value: str) -> None:
    assert re.fullmatch(TYPES[type_], value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("companyID", ["company", "id"]),
        ("Company ID", ["company", "id"]),
        ("catalogItem_v2", ["catalog", "item", "v", "2"]),
        ("HTTP 404", ["http", "404"]),
        ("isn't DON'T Doesn'T", ["isn't", "don't", "doesn't"]),
        ("the IDs", ["the", "ids"]),
        ("Société «Générale»", ["societe", "generale"]),
        ("ошибка 404", ["ошибка", "404"]),
    ],
)
def test_text_is_cut_into_words(text: str, words: list[str]) -> None:
    assert [word for word, _, _ in cut_words(text)] == words


@settings(deadline=None)
@given(st.text())
def test_words_stand_where_they_are_said_to(text: str) -> None:
    end = 0
    for word, start, stop in cut_words(text):
        assert end <= start < stop <= len(text)
        assert plain(text)[start:stop].lower() == word
        end = stop


@pytest.mark.parametrize(
    ("message", "pattern"),
    [
        (
            "catalogItem object is invalid. 80 is an inactive",
            "catalogItem object is invalid. {number:int} is an inactive",
        ),
        ("catalogItem object is invalid. [ID] is an inactive", "catalogItem object is invalid. {id:id} is an inactive"),
        ("HTTP 404 Not Found for order 1234", "HTTP 404 Not Found for order {number:int}"),
        ("error 691 from 10.0.0.7 after 30 tries", "error 691 from {ip:ip} after {number:int} tries"),
        ("Unable to load https://api.example/v3/index.json", "Unable to load {url:url}"),
        ("Device 123e4567-e89b-12d3-a456-426614174000 is not enrolled", "Device {uuid:uuid} is not enrolled"),
        ("NU1101: no package {name} here", "NU1101: no package {name:text} here"),
        ("Version 1.2.3 is older than 1.10", "Version {version:version} is older than {version2:version}"),
        ("plain words only", "plain words only"),
    ],
)
def test_changing_values_become_placeholders_and_codes_stay(message: str, pattern: str) -> None:
    assert generalise(message) == pattern


ARTICLE = """---
title: Sync errors
error: "Mailbox 12 is not mounted"
summary: About "invalid things that are only summarised here"
---
# Sync Error: "catalogItem object is invalid" — what to do {#invalid}

Go to **Admin > Integrations > ConnectWise > Categories** and press "Save and continue".

You may see an error message that reads:

quotaItem object is locked. [ID] is already in use

- "Invalid customer number" — update the ordering credentials. The ordering system is "Ingram Micro".
- Symptom: the charge was rejected by an approver

```
E4711: cannot open the ledger /srv/ledger/2026.db
$ helpctl status
at com.example.Ledger.open(Ledger.java:12)
```

## How do I fix an invalid number?
Use `npm install thing` or read `TypeError: x is not a function`. An `error` is bad; `ECONNRESET` is worse.
"""


def test_messages_are_mined_from_quotes_code_headings_and_front_matter() -> None:
    assert [(m.pattern, m.line, m.place) for m in mine_messages(ARTICLE)] == [
        ("Mailbox {number:int} is not mounted", 3, "matter"),
        ("catalogItem object is invalid", 6, "heading"),
        ("quotaItem object is locked. {id:id} is already in use", 12, "block"),
        ("Invalid customer number", 14, "quote"),
        ("the charge was rejected by an approver", 15, "quote"),
        ("E4711: cannot open the ledger {path:path}", 18, "block"),
        ("TypeError: x is not a function", 24, "quote"),
        ("ECONNRESET", 24, "quote"),
    ]


def test_mined_signatures_carry_their_place_and_target() -> None:
    signatures = mine_signatures("intro\n\n`ECONNRESET`", target="sync#reset", origin=Origin("sync.md", 10))
    assert [(s.target, s.pattern, s.origin) for s in signatures] == [
        ("sync#reset", "ECONNRESET", Origin("sync.md", 12))
    ]


@settings(deadline=None)
@given(
    st.text()
    | st.lists(
        st.sampled_from(
            ['"', "`", "```", "\n", "#", "{", "}", "[ID]", " not ", "error: ", "80 ", "is invalid", "---\n", "'", "**"]
        )
    ).map("".join)
)
def test_any_text_is_mined_without_fault_and_what_is_mined_compiles(text: str) -> None:
    for message in mine_messages(text):
        assert compile_signature(message.pattern, target="x").parts


@settings(deadline=None)
@given(st.text())
def test_any_pattern_compiles_or_is_refused(text: str) -> None:
    try:
        signature = compile_signature(text, target="x")
    except BadPattern:
        return
    assert len(signature.parts) == len(signature.names) + 1 == len(signature.types) + 1
