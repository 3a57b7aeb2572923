"""Laws: no text makes a reader raise, and whatever it makes of it reads as an article."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpbot.importing.draft import drafts_of
from helpbot.importing.exports import read_json, read_json_lines
from helpbot.importing.html import read_html
from helpbot.importing.markdown import read_markdown
from helpbot.importing.page import Page, Skipped, anchored, article_id, rendered
from helpbot.importing.text import read_text
from helpbot.knowledge.article import Article
from helpbot.knowledge.parse import parse_article

READERS: dict[str, Callable[[str], Page]] = {
    "text": lambda raw: read_text(raw, source="a/b", name="b", copied=datetime(2026, 3, 10, tzinfo=UTC)),
    "markdown": lambda raw: read_markdown(raw, source="a/b", name="b"),
    "html": lambda raw: read_html(raw, source="a/b", name="b"),
}
MARKS = (
    "# x,## a {#b},{#b},---,+++,```,~~~,- ,1. ,> ,\n,\n\n,\t,   ,|,| a | b |,|---|---|,`,*,_,\\,{{,{%,{#,•,:,é,漢字",
    "<b>,</b>,<table>,<tr><td>,<pre>,<li>,<ul>,<!--,-->,<![<![,<a href=,javascript:x,<svg onload=1>,&lt;,&#0;,&#xD800;",
    '{/*,*/},<Step title="a">,</Steps>,:::,:::tip,!!! note,import x from "y",export default {,[a](b.md),[a](#b)',
    "StatusMeaningAction,PendingIt isWait,Written By Ada,Last updated 3 days ago,Last updated 9999 years ago,See also",
    'See alsoBilling,Step 1: Do,💡 Tip: x,"x is not y",title: ,a: b,\x00,\ud800,\u200b,\u202e,e\u0301',
)
PIECES = st.sampled_from([piece for line in MARKS for piece in line.split(",")])
TEXTS = st.one_of(st.text(max_size=300), st.lists(st.one_of(PIECES, st.text(max_size=8)), max_size=40).map("".join))


@pytest.mark.parametrize("reader", READERS)
@settings(max_examples=150, deadline=None)
@given(raw=TEXTS)
def test_whatever_is_read_makes_an_article(reader: str, raw: str) -> None:
    page = READERS[reader](raw)
    article = parse_article(rendered(page), "b.md", "b")
    assert isinstance(article, Article), article
    assert "javascript:" not in rendered(page).replace(" ", "") or "javascript:" in raw.replace(" ", "")
    list(drafts_of(article))


@settings(max_examples=100, deadline=None)
@given(raw=TEXTS)
def test_any_export_gives_pages_or_reasons(raw: str) -> None:
    for reader in (read_json, read_json_lines):
        assert all(isinstance(page, Page | Skipped) for page in reader(raw, source="s"))


@settings(max_examples=100, deadline=None)
@given(
    tree=st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXTS),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.dictionaries(
                st.sampled_from(
                    ["id", "title", "body", "articles", "data", "state", "draft", "updated_at", "html_url", "pages"]
                ),
                inner,
                max_size=5,
            ),
        ),
        max_leaves=12,
    )
)
def test_any_json_gives_pages_or_reasons(tree: object) -> None:
    for page in read_json(json.dumps(tree), source="s"):
        assert isinstance(page, Skipped) or isinstance(parse_article(rendered(page), "b.md", "b"), Article)


@given(TEXTS)
def test_anchoring_twice_changes_nothing(raw: str) -> None:
    assert anchored(anchored(raw)) == anchored(raw)


@given(st.text(max_size=400))
def test_an_id_is_a_safe_file_name(name: str) -> None:
    made = article_id(name)
    assert made == article_id(made)
    assert 1 <= len(made) <= 90
    assert all(character.isascii() and (character.isalnum() or character == "-") for character in made)
    assert made not in {"con", "nul", "aux", "prn", "com1", "lpt9"}
