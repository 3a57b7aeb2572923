"""What each kind of source becomes, whole: `HELPBOT_WRITE_GOLDEN=1` writes the files anew, to be read in the diff."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from helpbot.importing.page import rendered
from helpbot.importing.sources import Member, pages_of
from helpbot.knowledge.article import Article
from helpbot.knowledge.parse import parse_article

COPIED = datetime(2026, 3, 10, 12, 30, tzinfo=UTC)
GOLDEN = Path(__file__).parent / "golden"
SOURCES = {"spaced.txt": "text", "dense.txt": "text", "page.html": "html", "guide.mdx": "markdown"}


def article_of(name: str) -> str:
    path = GOLDEN / name
    member = Member(
        name=name, source=f"golden/{name}", kind=SOURCES[name], size=1, changed=COPIED, read=path.read_bytes
    )
    (page,) = pages_of(member, ids={"lamps.md": "lamps", "lamps.html": "lamps"}.get)
    return rendered(page)  # type: ignore[arg-type]  # a page, not one that is left out


@pytest.mark.parametrize("name", SOURCES)
def test_a_source_becomes_the_article_that_was_agreed(name: str) -> None:
    text = article_of(name)
    agreed = GOLDEN / f"{Path(name).stem}.expected.md"
    if os.environ.get("HELPBOT_WRITE_GOLDEN"):
        agreed.write_text(text, encoding="utf-8")
    assert text == agreed.read_text("utf-8")


@pytest.mark.parametrize("name", SOURCES)
def test_what_is_agreed_reads_as_an_article(name: str) -> None:
    assert isinstance(parse_article(article_of(name), name, "one"), Article)
