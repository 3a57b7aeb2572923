"""HTML pages into articles: what is read stays, what runs goes.

The parser is selectolax's. The HTML standard itself makes parsing quadratic in the depth of nesting and lets a
handful of tags multiply, so a first pass over the text, linear and without a parser, flattens what nests deeper
than any page does and takes the attributes from tags that only format.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from helpbot.importing.page import LONGEST, Page, escaped, without_controls
from helpbot.importing.text import author_in, day_in, updated_in

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

Resolve = Callable[[str], str | None] | None

__all__ = ["LONGEST_HTML", "flattened", "html_to_markdown", "read_html"]

LONGEST_HTML: Final = 8_000_000  # characters
DEEPEST: Final = 120
_MOST_ROWS: Final = 2_000
_LONGEST_TAG: Final = 4_000  # characters
_KEPT: Final = re.compile(r"\b(?:href|id|class|name|content|property|start)=(?:\"[^\"<>]{0,2000}\"|'[^'<>]{0,2000}')")
_ENDLESS: Final = frozenset("p li dt dd td th tr tbody thead tfoot option optgroup colgroup rp rt".split())  # noqa: SIM905
_VOID: Final = frozenset("area base br col embed hr img input link meta param source track wbr".split())  # noqa: SIM905
_FORMATTING: Final = frozenset("b big em font i nobr s small strike strong tt u".split())  # noqa: SIM905
_GONE: Final = frozenset(
    """script style template noscript iframe object embed applet svg math canvas audio video form input button
    select textarea nav footer aside dialog menu head title link meta base map frameset frame""".split()  # noqa: SIM905
)
_BLOCKS: Final = frozenset(
    """address article body center dd details div dl dt fieldset figcaption figure header hgroup html main p section
    summary tbody td th tr ul ol li table blockquote pre h1 h2 h3 h4 h5 h6 hr""".split()  # noqa: SIM905
)
_HEADINGS: Final = {"h1": 1, "h2": 2, "h3": 3, "h4": 4, "h5": 5, "h6": 6}
_MAIN: Final = ("main article", "article", "main", "[role=main]", ".article-body", "#content", ".content", "body")
_NAME: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9]*")
_ANCHOR: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,99}")
_UPDATED: Final = re.compile(r"\blast (?:updated|modified|edited)(?: on)?:? (.{3,40})", re.IGNORECASE)
_EDGE: Final = 6  # lines at each end of an article that may tell when it was changed, and by whom
_CALLOUTS: Final = re.compile(r"\b(?:callout|admonition|alert|note|tip|warning|notice|info)\b", re.IGNORECASE)


def read_html(
    raw: str,
    *,
    source: str,
    name: str,
    title: str = "",
    updated: str = "",
    author: str = "",
    resolve: Resolve = None,
    copied: date | None = None,
) -> Page:
    """The article of a page, or of a fragment as help centres export it. What is given goes before what it says.

    `copied` is the day of the copy: "updated 6 days ago" counts from it.

    `resolve` maps a relative link (`../billing.html`) to the id of the article that it leads to, None if to none.
    """
    from selectolax.lexbor import LexborHTMLParser

    notes = (f"cut at {LONGEST_HTML:,} characters",) if len(raw) > LONGEST_HTML else ()
    tree = LexborHTMLParser(flattened(raw[:LONGEST_HTML].replace("\x00", "")))
    body = tree.body
    found = next((node for place in _MAIN if (node := tree.css_first(place)) is not None and _words(node) > 20), body)
    heading = _text(tree.css_first("h1"))
    title = title or heading or _meta(tree, "og:title") or _text(tree.css_first("title")).split(" | ")[0] or name
    markdown = _markdown(found, title, resolve) if found is not None else ""
    said, named, markdown = _told(markdown, copied)
    changed = _day(_meta(tree, "article:modified_time")) or said or _said_outside(body, copied)
    return Page(
        title=title,
        body=markdown,
        source=source,
        name=name,
        summary=_meta(tree, "description"),
        author=author or _meta(tree, "author") or named,
        updated=updated or changed or _day(_attribute(tree.css_first("time"), "datetime")),
        notes=notes,
    )


def html_to_markdown(raw: str) -> str:
    """A fragment's Markdown."""
    from selectolax.lexbor import LexborHTMLParser

    body = LexborHTMLParser(flattened(raw[:LONGEST_HTML].replace("\x00", ""))).body
    return _markdown(body, "", None) if body is not None else ""


def flattened(html: str) -> str:
    """The same page, nested at most `DEEPEST` levels and with bare formatting tags; one pass, no parser."""
    out: list[str] = []
    place = depth = dropped = 0
    while (start := html.find("<", place)) >= 0:
        end = html.find(">", start)
        if end < 0:
            break
        closing = html[start + 1 : start + 2] == "/"
        found = _NAME.match(html, start + 1 + closing)
        out.append(html[place:start])
        place = end + 1
        if found is None:  # a comment, or a bare <
            out.append(html[start:place])
            continue
        name = found[0].lower()
        tag = html[start:place]
        if name in _FORMATTING and not closing:
            tag = f"<{name}>"
        elif len(tag) > _LONGEST_TAG:  # parsing compares each attribute with all before it
            tag = f"</{name}>" if closing else f"<{name}{' '.join(['', *_KEPT.findall(tag[:_LONGEST_TAG])])}>"
        if name in _VOID or name in _ENDLESS or tag.endswith("/>"):
            out.append(tag)
        elif closing:
            if dropped:
                dropped -= 1
            else:
                depth = max(0, depth - 1)
                out.append(tag)
        elif depth >= DEEPEST:
            dropped += 1
        else:
            depth += 1
            out.append(tag)
    out.append(html[place:])
    return "".join(out)


def _text(node: LexborNode | None) -> str:
    return " ".join(without_controls(node.text(separator=" ")).split()) if node is not None else ""


def _words(node: LexborNode) -> int:
    return node.text(separator=" ").count(" ")


def _meta(tree: Any, name: str) -> str:
    node = tree.css_first(f'meta[name="{name}"]') or tree.css_first(f'meta[property="{name}"]')
    return " ".join(_attribute(node, "content").split())[:500]


def _attribute(node: LexborNode | None, name: str) -> str:
    return without_controls((node.attributes.get(name) or "") if node is not None else "")


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text[:10]).isoformat()
    except ValueError:
        return ""


def _told(markdown: str, copied: date | None) -> tuple[str, str, str]:
    """The day and the author that lines at the beginning or the end tell, and the text without those lines."""
    lines = markdown.split("\n")
    said = [place for place, line in enumerate(lines) if line.strip()]
    updated = author = ""
    for place in dict.fromkeys([*said[:_EDGE], *said[-_EDGE:]]):
        line = lines[place].replace("**", "").strip(" -_*")
        if (day := updated_in(line, copied)) is not None:
            updated, lines[place] = updated or day, ""
        elif not author and lines[place][:1] not in "#|" and (named := author_in(line)):
            author, lines[place] = named, ""
    return updated, author, "\n".join(lines) if updated or author else markdown


def _said_outside(body: LexborNode | None, copied: date | None) -> str:
    """The day that the page tells beside its article, as documentation sites do below it: `Last updated on …`."""
    found = _UPDATED.search(_text(body)) if body is not None else None
    return (day_in(found[1], copied) or "") if found else ""


class _Writer:
    """Collects lines: a run of inline text until a block begins or ends."""

    def __init__(self, title: str, resolve: Resolve) -> None:
        self.resolve = resolve
        self.lines: list[str] = []
        self.run: list[str] = []
        self.lists: list[list[int]] = []  # for each list that is open: the number of its last item, -1 for bullets
        self.item = ""  # the mark of an item whose text has not come yet
        self.quotes = 0
        self.title = title
        self.size = 0

    def say(self, text: str) -> None:
        """Inline text."""
        self.run.append(text)
        self.size += len(text)

    def flush(self, prefix: str = "") -> None:
        """End the run: it becomes a paragraph, a heading or an item's text."""
        text = " ".join("".join(self.run).split(" ")).strip()
        self.run = []
        text = re.sub(r"\*\*\s*\*\*|__|``", "", re.sub(r"[ \t\n]+", " ", text)).strip()
        if not text:
            return
        indent = "    " * max(0, len(self.lists) - 1)  # deep enough below "1." and not too deep below "-"
        if self.item:
            line, self.item = f"{indent}{self.item} {text}", ""
            self.lines.append(line)
            return
        quote = "> " * min(1, self.quotes)
        if self.lists:
            self.lines.append(f"{indent}    {quote}{text}")
        else:
            self.lines += ["", quote + (prefix + text if prefix else escaped(text)), ""]


def _markdown(root: LexborNode, title: str, resolve: Resolve) -> str:
    writer = _Writer(title, resolve)
    stack: list[tuple[Any, bool]] = [(root, False)]
    while stack and writer.size <= LONGEST:
        node, leaving = stack.pop()
        if leaving:
            _leave(writer, node)
            continue
        tag = node.tag
        if tag == "-text":
            writer.say(re.sub(r"\s+", " ", without_controls(node.text())))
        elif tag in _GONE or (tag or "").startswith(("-", "_", "!")):
            continue
        elif tag == "pre":
            writer.flush()
            code = without_controls(node.text()).strip("\n").replace("```", "'''")
            within = "   " * min(1, len(writer.lists))  # code in a list belongs to its item
            writer.lines += ["", *(f"{within}{line}".rstrip() for line in ("```", *code.split("\n"), "```")), ""]
        elif tag == "table" and not writer.lists:
            writer.flush()
            writer.lines += _table(node)
        else:
            _enter(writer, node)
            stack.append((node, True))
            stack += reversed([(child, False) for child in _children(node)])
    writer.flush()
    return "\n".join(writer.lines)


def _enter(writer: _Writer, node: LexborNode) -> None:
    tag = node.tag or ""
    if tag in _BLOCKS:
        writer.flush()
    if tag in {"ul", "ol"}:
        if not writer.lists:
            writer.lines.append("")
        start = node.attributes.get("start") or "1"
        writer.lists.append([int(start) - 1 if start.isdecimal() and len(start) < 6 else 0] if tag == "ol" else [-1])
    elif tag == "li":
        if writer.lists and writer.lists[-1][0] >= 0:
            writer.lists[-1][0] += 1
            writer.item = f"{writer.lists[-1][0]}."
        else:
            writer.item = "-"
    elif tag == "blockquote" or (
        tag in {"div", "p", "section"} and _CALLOUTS.search(node.attributes.get("class") or "")
    ):
        writer.quotes += 1
    elif tag in {"strong", "b"}:
        writer.say("**")
    elif tag in {"code", "kbd", "samp"}:
        writer.say("`")
    elif tag == "a" and _link(node, writer.resolve):
        writer.say("[")
    elif tag == "br":
        if writer.lists or writer.item:
            writer.say(" ")
        else:
            writer.flush()
    elif tag == "img":
        writer.say(" " + " ".join((node.attributes.get("alt") or "").split())[:200] + " ")
    elif tag == "dt":
        writer.item = ""


def _leave(writer: _Writer, node: LexborNode) -> None:
    tag = node.tag or ""
    if tag in _HEADINGS:
        text = " ".join("".join(writer.run).replace("**", "").split())
        writer.run = []
        if not text or (tag == "h1" and text == writer.title):
            return
        anchor = node.attributes.get("id") or ""
        kept = f" {{#{anchor}}}" if _ANCHOR.fullmatch(anchor) else ""
        writer.lines += ["", f"{'#' * max(2, _HEADINGS[tag])} {text}{kept}", ""]
        return
    if tag in {"strong", "b"}:
        writer.say("**")
    elif tag in {"code", "kbd", "samp"}:
        writer.say("`")
    elif tag == "a" and (address := _link(node, writer.resolve)):
        writer.say(f"]({address})")
    elif tag in {"td", "th"}:
        writer.say(" ")
    if tag in _BLOCKS:
        writer.flush()
    if tag in {"ul", "ol"}:
        if writer.lists:
            writer.lists.pop()
        writer.item = ""
        if not writer.lists:
            writer.lines.append("")
    elif tag == "li":
        writer.item = ""
    elif tag == "blockquote" or (
        tag in {"div", "p", "section"} and _CALLOUTS.search(node.attributes.get("class") or "")
    ):
        writer.quotes = max(0, writer.quotes - 1)


def _link(node: LexborNode, resolve: Resolve) -> str:
    """The address, if it is one that an article may hold; else the link's words stand alone."""
    address = "".join(without_controls(node.attributes.get("href") or "").split())
    if len(address) > 1000 or any(mark in address for mark in "()<>[]\"'`"):
        return ""
    parts = re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*:", address)
    if parts is None:
        target = resolve(address.partition("#")[0]) if resolve is not None and not address.startswith("#") else None
        return f"{target}.md" if target else ""  # others lead somewhere on the site it was taken from
    scheme = parts[0].lower()
    if scheme in {"http:", "https:"}:
        try:
            return address if urlsplit(address).hostname else ""
        except ValueError:
            return ""
    return address if scheme == "mailto:" else ""


def _table(node: LexborNode) -> list[str]:
    """The table's own rows; what a cell holds, another table too, becomes its words."""
    rows: list[list[str]] = []
    for part in _children(node):
        for row in _children(part) if part.tag in {"thead", "tbody", "tfoot"} else [part]:
            if row.tag == "tr" and len(rows) < _MOST_ROWS:
                cells = [_text(cell).replace("|", "\\|") for cell in _children(row) if cell.tag in {"td", "th"}]
                if any(cells):
                    rows.append(cells[:20])
    if not rows:
        return []
    width = max(len(row) for row in rows)
    padded = [row + [""] * (width - len(row)) for row in rows]
    lines = ["| " + " | ".join(row) + " |" for row in padded]
    return ["", lines[0], "|" + " --- |" * width, *lines[1:], ""]


def _children(node: LexborNode) -> Iterator[LexborNode]:
    child = node.child
    while child is not None:
        yield child
        child = child.next
