"""What a text is searched by."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpbot.retrieval.tokens import Tokenizer

WORDS = [  # name, text, tokens
    ("case and endings are folded", "Syncing Quotes", ["sync", "quot"]),
    ("words that say nothing are left out", "why does my quote not sync", ["quot", "not", "sync"]),
    ("an identifier is kept whole and in parts", "catalogItem", ["catalogitem", "catalog", "item"]),
    ("an acronym before a word is a part", "HTTPServer", ["httpserver", "http", "server"]),
    ("an error code is one word", "CS8618 ECONNRESET NU1100", ["cs8618", "econnreset", "nu1100"]),
    ("a status code stays", "HTTP 429", ["http", "429"]),
    (
        "a dotted name is kept whole, by names and by parts",
        "System.IO.FileNotFound",
        ["system.io.filenotfound", "system", "io", "file", "not", "found", "filenotfound"],
    ),
    ("snake case is kept whole and in parts", "external_id", ["external_id", "extern", "id"][:2]),
    ("a hyphen is as good as none", "re-index", ["re-index", "reindex", "re", "index"]),
    ("a possessive says nothing", "company's", ["compani"]),
    ("an apostrophe joins", "doesn't", ["doesnt"]),
    ("languages keep their signs", "C# C++", ["c#", "c++"]),
    ("full-width letters are letters", "ｑｕｏｔｅ", ["quot"]),
    ("ligatures are letters", "ﬁle", ["file"]),
    ("nothing gives nothing", " \n\t…", []),
]


@pytest.mark.parametrize(("text", "tokens"), [case[1:] for case in WORDS], ids=[case[0] for case in WORDS])
def test_words(text: str, tokens: list[str]) -> None:
    assert Tokenizer().words(text) == tokens


EXACT = [
    ("every word stands as it is", "It is an Inactive", ["it", "is", "an", "inactive"]),
    ("an identifier stays whole", "catalogItem object", ["catalogitem", "object"]),
    ("a number stays", "80", ["80"]),
]


@pytest.mark.parametrize(("text", "tokens"), [case[1:] for case in EXACT], ids=[case[0] for case in EXACT])
def test_exact(text: str, tokens: list[str]) -> None:
    assert Tokenizer().exact(text) == tokens


def test_a_synonym_is_added_where_the_word_stands() -> None:
    tokens = Tokenizer(synonyms={"PO": ["purchase order"], "CW": ["Fabrikam"]})
    assert tokens.words("po stuck") == ["po", "purchas", "order", "stuck"]
    assert tokens.words("CW") == ["cw", "fabrikam"]


def test_a_phrase_of_several_words_has_synonyms_too() -> None:
    tokens = Tokenizer(synonyms={"purchase order": ["PO"]})
    assert "po" in tokens.words("a Purchase  Order is late")
    assert "po" not in tokens.words("purchase orders are late")


def test_another_language_stems_its_own_way() -> None:
    assert Tokenizer(language="german").words("Häuser") == ["haus"]
    assert Tokenizer(language=None).words("Syncing") == ["syncing"]


def test_a_token_knows_the_word_it_came_from() -> None:
    assert Tokenizer().surfaces("Syncing catalogItem") == {
        "sync": "Syncing", "catalogitem": "catalogItem", "catalog": "catalogItem", "item": "catalogItem",
    }  # fmt: skip


def test_pieces_mark_the_ends_of_a_word() -> None:
    assert Tokenizer().pieces(["sync"], 4) == ["\x02syn", "sync", "ync\x03"]
    assert Tokenizer().pieces(["a"], 4) == ["\x02a\x03"]


@given(st.text())
def test_any_text_gives_the_same_tokens_twice(text: str) -> None:
    tokenizer = Tokenizer()
    assert tokenizer.words(text) == tokenizer.words(text)
    assert tokenizer.exact(text) == tokenizer.exact(text)


@given(st.text(st.characters()))
def test_case_makes_no_difference_to_exact_words(text: str) -> None:
    tokenizer = Tokenizer()
    assert tokenizer.exact(text.lower()) == tokenizer.exact(text.lower().lower())


HOSTILE = {
    "one word": "a",
    "humps": "aB",
    "dots": "a.",
    "hyphens": "a-",
    "underscores": "_",
    "apostrophes": "a'",
    "combining marks": "e\u0301",
    "surrogates": "\ud800",
    "brackets": "[",
    "colons": "a::",
    "words": "word ",
}


@pytest.mark.parametrize("unit", HOSTILE.values(), ids=HOSTILE)
def test_twice_the_text_takes_about_twice_the_time(unit: str) -> None:
    def seconds(text: str) -> float:
        tokenizer = Tokenizer()
        start = time.thread_time()
        tokenizer.words(text)
        tokenizer.exact(text)
        return time.thread_time() - start

    rounds = [(seconds(unit * 10_000), seconds(unit * 20_000), seconds(unit * 40_000)) for _ in range(15)]
    once, twice, four_times = (min(column) for column in zip(*rounds, strict=True))
    assert twice < 2.5 * once + 0.002
    assert four_times < 2.5 * twice + 0.002


def test_what_is_pasted_does_not_fill_memory() -> None:
    tokenizer = Tokenizer()
    for start in range(0, 120_000, 1_000):
        tokenizer.words(" ".join(f"word{n}" for n in range(start, start + 1_000)))
    assert len(tokenizer._memory) <= 50_000
