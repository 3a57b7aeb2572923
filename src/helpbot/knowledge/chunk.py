"""Cut sections into the passages that are indexed, as plain text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from helpbot.knowledge.article import Article, Chunk, Section
from helpbot.knowledge.parse import plain

__all__ = ["chunks_of", "passages"]

# Passages of 80 to 150 words find best: shorter ones lack words to match, longer ones dilute them (docs/quality.md).
_WORDS: Final = 130
_LIST_ITEM = re.compile(r"^\s*(?:[-*+•]|\d{1,3}[.)])\s+")
_TABLE_RULE = re.compile(r"^\s*\|?[\s:|-]+\|?\s*$")
_FENCE = re.compile(r"^\s*(`{3,}|~{3,})")
_QUOTE = re.compile(r"^\s*(?:>\s?)+")


def chunks_of(articles: Iterable[Article]) -> tuple[Chunk, ...]:
    """All chunks in article order, numbered from 0.

    A section without text of its own gives its heading, if others stand below it.
    """
    found: list[Chunk] = []
    for article in articles:
        for section, below in zip(article.sections, [*article.sections[1:], None], strict=True):
            if not section.body.strip() and (below is None or below.level <= section.level):
                continue  # a heading with nothing under it answers nothing
            for kind, text in passages(section):
                found.append(
                    Chunk(
                        id=len(found), article=article.id, anchor=section.anchor, title=article.title, text=text,
                        section=" › ".join((*section.trail, section.title)), kind=kind,
                    )
                )  # fmt: skip
        if article.summary:
            found.append(
                Chunk(id=len(found), article=article.id, anchor=_first(article), title=article.title,
                      text=article.summary, section=article.title, kind="summary")
            )  # fmt: skip
    return tuple(replace(chunk, id=number) for number, chunk in enumerate(found))


def _first(article: Article) -> str:
    return article.sections[0].anchor if article.sections else "top"


def passages(section: Section) -> Iterator[tuple[str, str]]:
    """The section's text as (kind, plain text) of about 130 words each; long paragraphs are cut at sentences."""
    held: list[str] = []
    held_kind = "text"
    words = 0
    for kind, block in _blocks(section.body):
        for piece in _pieces(block):
            count = piece.count(" ") + 1
            if held and words + count > _WORDS:
                yield held_kind, "\n".join(held)
                held, words, held_kind = [], 0, "text"
            held.append(piece)
            words += count
            held_kind = kind if kind != "text" else held_kind
    if held:
        yield held_kind, "\n".join(held)
    elif not section.body.strip():
        yield "text", section.title


def _blocks(markdown: str) -> Iterator[tuple[str, str]]:
    """Each paragraph, list item, table row or code block as (kind, plain text)."""
    paragraph: list[str] = []
    fence = ""
    for line in markdown.split("\n"):
        mark = _FENCE.match(line)
        if mark:
            if paragraph:
                yield "code" if fence else "text", ("\n" if fence else " ").join(paragraph)
                paragraph = []
            fence = "" if fence and mark[1].startswith(fence) else fence or mark[1][:3]
            continue
        if fence:
            paragraph.append(line)
            continue
        bare = _QUOTE.sub("", line)
        text = bare.strip()
        item = _LIST_ITEM.match(bare)
        table = text.startswith("|")
        if paragraph and (not text or item or table):
            yield "text", " ".join(paragraph)
            paragraph = []
        if item:
            yield "steps", plain(bare[item.end() :].strip())
        elif table:
            if not _TABLE_RULE.match(bare):
                yield (
                    "table",
                    plain(" — ".join(cell.strip() for cell in text.strip("|").split("|") if cell.strip())),
                )
        elif text:
            paragraph.append(plain(text))
    if paragraph:
        yield "code" if fence else "text", ("\n" if fence else " ").join(paragraph)


def _pieces(block: str) -> Iterator[str]:
    """The block whole if it is short, else cut at sentence ends (or anywhere, where there are none)."""
    words = block.split(" ")
    if len(words) <= _WORDS:
        if block.strip():
            yield block
        return
    piece: list[str] = []
    for word in words:
        piece.append(word)
        if len(piece) >= _WORDS or (len(piece) > _WORDS * 2 // 3 and word.endswith((".", "!", "?", ":"))):
            yield " ".join(piece)
            piece = []
    if piece:
        yield " ".join(piece)
