"""Article pages: the Markdown as it was written, and nothing that is not text."""

from __future__ import annotations

import httpx
import pytest
from selectolax.lexbor import LexborHTMLParser as HTMLParser

from helpbot.channels.web.articles import render, summary_line
from helpbot.knowledge.article import Article
from helpbot.knowledge.parse import parse_article
from tests.web.support import world


def article(body: str, title: str = "A title") -> Article:
    made = parse_article(f"---\ntitle: {title}\n---\n\n{body}", "a.md", "a")
    assert isinstance(made, Article), made
    return made


def test_every_section_of_every_article_can_be_reached(web: httpx.Client) -> None:
    for known in world().knowledge.articles.values():
        page = HTMLParser(web.get(f"/articles/{known.id}").text)
        ids = [node.attributes["id"] for node in page.css("[id]")]
        assert len(ids) == len(set(ids))
        for section in known.sections:
            assert section.anchor in ids, section.anchor


def test_every_link_within_the_articles_leads_somewhere(web: httpx.Client) -> None:
    known = world().knowledge.articles
    for each in known:
        page = HTMLParser(web.get(f"/articles/{each}").text)
        ids = {node.attributes["id"] for node in page.css("[id]")}
        for link in page.css("a[href]"):
            target = link.attributes["href"] or ""
            if target.startswith("#"):
                assert target[1:] in ids, target
            elif target.startswith("/articles/"):
                slug, _, anchor = target.removeprefix("/articles/").partition("#")
                assert slug in known, target
                assert not anchor or known[slug].section(anchor), target


def test_menu_paths_are_set_apart(web: httpx.Client) -> None:
    page = HTMLParser(web.get("/articles/psa-sync-issues").text)
    paths = ["".join(part.text() for part in node.css("b, i")) for node in page.css(".path")]
    assert "Admin › Tools › Issues" in paths


@pytest.mark.parametrize(
    "body",
    [
        "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "[x](javascript:alert(1))", "[x](data:text/html,<script>alert(1)</script>)",
        "![x](javascript:alert(1))", "<svg/onload=alert(1)>", "[x](vbscript:msgbox)", "<a href='javascript:alert(1)'>x</a>", "`<b>`", "<!-- x -->",
        "[a](<javascript:alert(1)>)", "**Admin > <img src=x onerror=alert(1)>**", "| a |\n|---|\n| <script>alert(1)</script> |",
    ],
)  # fmt: skip
def test_markup_in_an_article_stays_text(body: str) -> None:
    html = str(render(article(f"## A section\n\n{body}")).body)
    page = HTMLParser(html)
    assert not page.css("script, img[onerror], svg, iframe")
    for node in page.css("a[href]"):
        assert not (node.attributes["href"] or "").startswith(("javascript:", "data:", "vbscript:"))
    for node in page.css("*"):
        assert not [name for name in node.attributes if name.startswith("on")]


def test_a_heading_with_markup_stays_text(web: httpx.Client) -> None:
    page = render(article("## <img src=x onerror=alert(1)>\n\ntext", title='"<script>alert(1)</script>"'))
    assert "<img" not in str(page.body)


def test_search_without_and_with_results(web: httpx.Client) -> None:
    assert "matches" in web.get("/articles", params={"q": "zzzqqq"}).text
    found = HTMLParser(web.get("/articles", params={"q": "billing code invalid"}).text)
    assert found.css(".hits li")


def test_the_start_page_shows_real_problems_and_articles(web: httpx.Client) -> None:
    page = HTMLParser(web.get("/").text)
    assert len(page.css(".card")) == 6
    assert len(page.css(".articles article")) == len(world().knowledge.articles)
    assert page.css_first(".sample blockquote").text() == "BillingCode does not exist or is invalid"


def test_a_missing_article_is_a_page_for_people_and_a_problem_for_programs(web: httpx.Client) -> None:
    assert "There is no such page" in web.get("/articles/none", headers={"Accept": "text/html"}).text
    assert web.get("/articles/none", headers={"Accept": "application/json"}).json()["status"] == 404


def test_a_passage_is_cut_at_words() -> None:
    text = "word " * 100 + "needle in the middle " + "word " * 100
    line = summary_line(text, frozenset({"needle"}))
    assert "needle" in line
    assert line.startswith("… ")
    assert line.endswith(" …")
    assert len(line) < 200
