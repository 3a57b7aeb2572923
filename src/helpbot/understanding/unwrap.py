"""Peel what people paste down to the words inside, and keep the paste itself byte for byte.

One pass over the characters (invisible ones out, entities and escapes resolved, tags replaced by breaks) gives the
peeled text with a map back to the original; one pass over its lines tells prose from logs, fields and stack frames.
Every pattern is bounded or possessive and nothing recurses, so that time grows with length whatever is pasted.
"""

import re
import unicodedata
from bisect import bisect_right
from html import unescape
from itertools import islice, pairwise
from typing import Final, Literal

from helpbot import later
from helpbot.knowledge.signature import words_of
from helpbot.later import dataclass

__all__ = ["LIMIT", "Kind", "Segment", "Unwrapped", "unwrap"]

LIMIT: Final = 20_000  # characters looked at; what lies beyond is kept in `original` and not read

Kind = Literal["prose", "error", "field", "frame", "context"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One stretch of a message with its wrapping peeled off."""

    text: str  # the inner words, one line
    start: int  # where it stands in the original, in characters
    end: int
    kind: Kind  # prose: the user's words; field: a value out of JSON, XML, key=value; frame: a line of a stack trace


@dataclass(frozen=True, slots=True, kw_only=True)
class Unwrapped:
    """A message, what is inside it, and where each part of that stands in the original."""

    original: str  # as it came, byte for byte
    text: str  # peeled: no tags, escapes or invisible characters; the same order as the original
    segments: tuple[Segment, ...]  # in the order of the original
    texts: tuple[str, ...]  # what to search with, best first: error messages, then the user's words
    prose: str  # the user's own words around the paste
    error_text: str  # the exact substring of the original that is the pasted error; "" if there is none
    looks_like_error: float  # 0 a question in the user's words … 1 a pasted log
    cut: bool  # more than LIMIT characters came; only the first LIMIT were read
    pieces: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]  # text start, original start, original length

    @property
    def lines(self) -> tuple[str, ...]:
        """The texts of all segments, in the order of the original."""
        return tuple(segment.text for segment in self.segments)

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where `text[start:end]` stands in the original: start and end, in characters."""
        return _span(self.pieces, start, end)


_Pieces = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]


def unwrap(text: str) -> Unwrapped:
    """Peel a message: never fails, whatever it holds, in time that grows with its length."""
    head = text[:LIMIT]
    peeled, pieces = _peel(head)
    rows = [row for row in _rows(peeled) if row.text]
    segments = tuple(
        Segment(text=row.text, start=span[0], end=span[1], kind=row.kind)
        for row in rows
        for span in (_span(pieces, row.start, row.end),)
    )
    likeness = _looks_like_error(peeled, rows)
    start, end = _error_span(peeled, rows, likeness)
    first, last = _span(pieces, start, end) if end > start else (0, 0)
    return Unwrapped(
        original=text,
        text=peeled,
        segments=segments,
        texts=_texts(rows, peeled, start, end),
        prose=_prose(peeled, rows, start, end),
        error_text=head[first:last],
        looks_like_error=likeness,
        cut=len(text) > LIMIT,
        pieces=pieces,
    )


# ---- characters -----------------------------------------------------------------------------------------------------

_SAME_LENGTH: Final = {
    **dict.fromkeys(map(ord, "‘’‚‛′´`ʼʹ＇"), "'"),
    **dict.fromkeys(map(ord, "“”„‟″«»＂"), '"'),
    **dict.fromkeys(map(ord, "‐‑‒–—―−﹘﹣－"), "-"),
    **dict.fromkeys([*range(0x2000, 0x200B), 0xA0, 0x202F, 0x205F, 0x3000, 0x1680], " "),
    **dict.fromkeys([0x2028, 0x2029, 0x85, 0x0B, 0x0C], "\n"),
    **dict.fromkeys([*range(0x09), *range(0x0E, 0x20), 0x0D, *range(0x7F, 0x85), *range(0x86, 0xA0)], " "),
    **dict.fromkeys(range(0xD800, 0xE000), "\ufffd"),  # half of a pair: no text of its own
    **{0xFF01 + i: chr(0x21 + i) for i in range(94) if 0xFF01 + i not in (0xFF02, 0xFF07, 0xFF0D)},
    ord("→"): ">",  # menu paths are written with both
    ord("›"): ">",
    ord("¦"): "|",
    ord("│"): "|",
    ord("┃"): "|",
}
del _SAME_LENGTH[ord("`")]  # a backtick marks code; it is read as such further down
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")

_INVISIBLE: Final = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\ufe00-\ufe0f\ufeff\ufff9-\ufffb\U000e0000-\U000e01ef"
)
_MARKS: Final = "\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
_LT: Final = r"(?:<|&(?:amp;){0,9}lt;|\\u003c)"
_GT: Final = r"(?:>|&(?:amp;){0,9}gt;|\\u003e)"
_HTML: Final = (
    "a|abbr|article|aside|audio|b|big|blockquote|body|br|button|caption|center|cite|code|col|colgroup|dd|del|details|"
    "dfn|div|dl|dt|em|fieldset|figure|figcaption|font|footer|form|h[1-6]|head|header|hr|html|i|iframe|img|input|ins|"
    "kbd|label|legend|li|link|main|mark|meta|nav|noscript|object|ol|option|p|param|picture|pre|q|s|samp|script|section|"
    "select|small|source|span|strike|strong|style|sub|summary|sup|svg|table|tbody|td|template|textarea|tfoot|th|thead|"
    "time|title|tr|tt|u|ul|var|video"
)
_WRAPPED: Final = later.pattern(
    rf"""
      (?P<slack> <(?: (?:https?|mailto|tel)[:] [^<>|\s]{{0,2000}} (?:\|(?P<label>[^<>]{{0,500}}))?
                   | [@#!][^<>|\s]{{0,80}} (?:\|(?P<name>[^<>]{{0,200}}))? )> )
    | (?P<cdata> <!\[CDATA\[ | \]\]> )
    | (?P<tag> {_LT} (?: /?(?P<html>{_HTML}) (?=[\s/>&\\]) | (?P<xml>/?[A-Za-z_][\w:.-]{{0,80}}) | [!?](?=[-A-Za-z\[]) )
               (?P<rest> [^<>&]{{0,4000}} ) {_GT} )
    | (?P<entity> &(?:amp;){{0,9}}(?:\#[0-9]{{1,7}}|\#[xX][0-9a-fA-F]{{1,6}}|[A-Za-z]{{2,12}}); )
    | (?P<escape> (?<!\\)\\{{1,16}}(?: ["'/] | u[0-9a-fA-F]{{4}} | [nrt](?![\w:\\]{{2,80}}?[\\/.]) ) )
    | (?P<ansi> \x1b?\[[0-9;]{{1,12}}m )
    | (?P<marks> [^{_MARKS}] [{_MARKS}]++ )
    | (?P<loose> [{_MARKS}]++ )
    | (?P<invisible> [{_INVISIBLE}]++ )
    """,
    re.VERBOSE | re.IGNORECASE,
)
_NEEDS_PEELING: Final = re.compile(rf"[<&\\\x1b{_MARKS}{_INVISIBLE}]|\[[0-9;]{{1,12}}m")
_INLINE: Final = words_of(
    "a abbr b big cite code del dfn em font i ins kbd mark q s samp small span strong sub sup tt u var"
)
_CELL: Final = frozenset(("td", "th"))
_ATTRIBUTE: Final = later.pattern(
    r"""\b(?:message|error|reason|title|alt|detail)\s{0,9}=\s{0,9}(["'])""", re.IGNORECASE
)
_JSONISH: Final = later.pattern(r"""\\["u]|["']\s{0,9}:\s{0,9}["'\[{]|\\n""")


def _peel(text: str) -> tuple[str, _Pieces]:
    """Resolve what wraps single characters and words; the map back is pieces of equal or replaced stretches."""
    ansi = "\x1b" in text
    if not text.isascii() or _CONTROL.search(text):
        # The escape character itself must survive to be recognised with its colour code.
        text = text.translate({**_SAME_LENGTH, 0x1B: "\x1b"} if ansi else _SAME_LENGTH)
    if not _NEEDS_PEELING.search(text):
        return text, ((0,), (0,), (-1,))
    closed = {name.lower() for name in re.findall(rf"{_LT}/([A-Za-z_][\w:.-]{{0,80}})\s{{0,9}}{_GT}", text)}
    jsonish = bool(_JSONISH.search(text))
    out: list[str] = []
    at, to, size = [0], [0], [-1]
    length = done = 0
    for found in _WRAPPED.finditer(text):
        new = _unwrapped(found, closed, jsonish)
        if new is None:
            continue
        first, last = found.span()
        out.append(text[done:first])
        length += first - done
        if new:
            at.append(length)
            to.append(first)
            size.append(last - first)
            out.append(new)
            length += len(new)
        at.append(length)
        to.append(last)
        size.append(-1)
        done = last
    out.append(text[done:])
    return "".join(out), (tuple(at), tuple(to), tuple(size))


def _unwrapped(found: re.Match[str], closed: set[str], jsonish: bool) -> str | None:
    """What one wrapper stands for; None where it is no wrapper after all."""
    match found.lastgroup:
        case "entity":
            body = re.sub(r"&(?:amp;)+(?=[\w#])", "&", found[0], flags=re.IGNORECASE)
            plain = unescape(body)
            return None if plain == body else plain.translate(_SAME_LENGTH)
        case "escape":
            kind = found[0].lstrip("\\")
            if kind in "\"'/":
                return kind
            if not jsonish:
                return None  # a Windows path, not an escape
            if kind[0] == "u":
                return chr(int(kind[1:], 16)).translate(_SAME_LENGTH)
            return " " if kind in "tT" else "\n"
        case "marks":
            return unicodedata.normalize("NFC", found[0][:3]).translate(_DROP_MARKS)
        case "loose" | "invisible" | "ansi":
            return ""
        case "cdata":
            return " "
        case "slack" | "label" | "name":
            return found["label"] or found["name"] or found[0][1:-1].split("|")[0].removeprefix("mailto:")
    return _untagged(found, closed)


def _untagged(found: re.Match[str], closed: set[str]) -> str | None:
    """The break a tag makes: a tab for a cell, a line for a block, nothing within a line."""
    html, xml, rest = found["html"], found["xml"], found["rest"]
    if xml is not None and not (xml.startswith("/") or xml.lower() in closed or rest.endswith("/") or "=" in rest):
        return None  # `<module>`, `<class 'int'>`: words of a message, not a wrapper
    said = _ATTRIBUTE.search(rest)
    if said:
        value = rest[said.end() : rest.find(said[1], said.end()) if said[1] in rest[said.end() :] else len(rest)]
        return f"\n{unescape(value)}\n"
    name = (html or xml or "").lower().strip("/")
    if name in _INLINE:
        return ""
    return "\t" if name in _CELL else "\n"


_DROP_MARKS: Final = dict.fromkeys(
    [
        c
        for lo, hi in (
            (0x300, 0x36F),
            (0x483, 0x489),
            (0x1AB0, 0x1AFF),
            (0x1DC0, 0x1DFF),
            (0x20D0, 0x20FF),
            (0xFE20, 0xFE2F),
        )
        for c in range(lo, hi + 1)
    ]
)


def _span(pieces: _Pieces, start: int, end: int) -> tuple[int, int]:
    """The original's stretch for a stretch of peeled text; empty at the right place for an empty one."""
    at, to, size = pieces
    i = bisect_right(at, start) - 1
    first = to[i] + (start - at[i] if size[i] < 0 else 0)
    if end <= start:
        return first, first
    i = bisect_right(at, end - 1) - 1
    return first, to[i] + (end - at[i] if size[i] < 0 else size[i])


# ---- lines ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Row:
    """A stretch of the peeled text, with what it is and how much of an error is in it."""

    text: str
    start: int  # in the peeled text, of the inner words
    end: int
    kind: Kind
    line: int  # the number of the line it began on
    weight: float  # 0 … 1: how much it reads like an error message


_MESSAGE_KEYS: Final = (
    r"(?:[\w.-]{0,40}[_.-]|[a-z]{0,20}(?=[A-Z]))?(?:msg|message|messages|error|errors|err|reason|details?|description|cause|exception|"
    r"fault|faultstring|text|summary|failure|stderr|Message|Error|Reason|Details?|Description|Text|ErrorMessage)"
)
_TIME: Final = (
    r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}(?:[T ]\d{1,2}:\d{2}(?::\d{2})?(?:[.,]\d{1,9})?)?(?:\s?(?:Z|UTC|[+-]\d{2}:?\d{2}))?"
    r"|\d{1,2}[-/.](?:\d{1,2}|[A-Z][a-z]{2})[-/.]\d{2,4}(?:[ :T]\d{1,2}:\d{2}(?::\d{2})?(?:[.,]\d{1,9})?)?"
    r"|(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),?\s)?(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}\s{1,2}\d{1,2},?(?:\s\d{4})?(?:,?\s\d{1,2}:\d{2}(?::\d{2})?(?:[.,]\d{1,6})?)?"
    r"|\d{1,2}:\d{2}(?::\d{2})?(?:[.,]\d{1,9})?(?:\s?[AaPp][Mm])?(?:Z)?|\d{10}(?:\d{3})?(?:\.\d{1,6})?"
)
_LEVEL: Final = (
    r"(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|ERR|CRITICAL|CRIT|FATAL|SEVERE|ALERT|EMERG|PANIC"
    r"|[Ee]rror|[Ww]arning|[Ff]atal)"
)
_LOG_PREFIX: Final = later.pattern(
    rf"(?:\s{{0,40}}+(?:[-|·•*]{{1,3}}(?=\s)|\[?(?:{_TIME})\]?(?=[\s:,|\-]|$)"
    rf"|\[[^\[\]\n]{{1,60}}+\](?!\()|\(?{_LEVEL}\)?(?=[\s:,|\]\-]|$)"
    rf"|(?<=\])\s?[\w.$-]{{1,60}}+(?=:\s)|(?<=[\]\dZ]\s)\([\w .:#/-]{{1,40}}+\)|<\d{{1,3}}>)[:,|]?)++[\s:|\-]{{0,9}}+"
)
_FRAME: Final = later.pattern(
    r"""\s{0,200}+(?:
        at\s+[\w.$<>\[\]/@ ]{1,200}+(?:\(|:\d|\sin\s) | at\s+(?:https?|file|async|webpack|node|/)\S*
      | File\s"[^"\n]{0,300}+",\sline\s\d+ | \.\.\.\s\d+\s(?:more|common) | \#\d{1,4}\s+\S
      | Traceback\s\(most\srecent | During\shandling\sof\sthe\sabove | The\sabove\sexception\swas
      | goroutine\s\d+ | from\s\S{1,200}:\d+:in\s | [~^]{2,}\s*$ | stack\s?trace:?\s*$
      | \S{1,200}\.(?:go|rs|c|cpp|js|ts|py|rb|java|cs):\d+(?::\d+)?\s*$
    )""",
    re.VERBOSE,
)
_PYTHON_FILE: Final = later.pattern(r'\s{0,200}+File\s"')
_EXCEPTION: Final = later.pattern(
    r"(?:Caused by:\s|Exception in thread \S{1,60} |Unhandled \S{1,40} |Uncaught (?:\(in promise\) )?)?"
    r"(?:[A-Za-z_][\w$]{0,60}\.){0,12}[A-Za-z_$][\w$]{0,80}"
    r"(?:Error|Exception|Fault|Warning|Failure|Interrupt|Timeout)\b(?::|$|\s\[|\s\()"
)
_QUOTE: Final = later.pattern(r"(?:\s{0,9}+(?:>|\|(?=\s)))++\s{0,9}+")
_CONTEXT: Final = later.pattern(
    r"(?:From|Sent|To|Cc|Date|Von|Gesendet|An|Message-ID|Reply-To):\s"
    r"|On\s.{5,200}\swrote:\s*$|-{2,}\s?(?:Original|Forwarded)|--\s*$|Sent from my "
)
_SUBJECT: Final = later.pattern(r"(?:(?:Subject|Betreff):\s{0,9}+|(?:Re|RE|Fw|FW|Fwd|FWD|Aw|AW):\s{0,9}+)++")
_PAIR: Final = later.pattern(
    r"""(?P<key>(?<![\w.-])[\w.-]{1,60})(?P<q1>["']?)\s{0,9}(?P<sep>=(?!=)|:(?=\s{0,9}["'\[{]))\s{0,9}(?P<q>["']?)"""
)
_IS_MESSAGE_KEY: Final = later.pattern(_MESSAGE_KEYS)
_CELL_BREAK: Final = later.pattern(r"\t+|\s\|\s|(?<=\S)\s?\|\|?\s|^\||\|$|(?<!\s)\s{4,}+(?=\S)")
_WORD: Final = later.pattern(r"[^\W\d_]{2,}")
_FAULTY: Final = words_of(
    "error errors err exception fail failed fails failure failures failing fatal invalid illegal denied "
    "forbidden unauthorized unauthorised refused rejected exceeded exceeds expired timeout missing "
    "mismatch unable unexpected unsupported unknown unavailable unreachable corrupt corrupted abort "
    "aborted crash crashed inactive disabled blocked duplicate conflict incorrect malformed deprecated "
    "undefined null cannot not isn't wasn't doesn't didn't isnt doesnt can't couldn't already unlinked "
    "deleted cancelled"
)
_FAULTY_AFTER_NO: Final = words_of("such matching longer permission access external valid records")
_ASKING: Final = words_of(
    "i i'm i've my me we our us how why what where when who which can could should help hi hello hey "
    "thanks thank anyone somebody someone tried trying keep keeps getting got get says said tells happens "
    "since yesterday today morning"
)
_ERROR_CODE: Final = later.pattern(
    r"\bE[A-Z]{4,14}\b|\b(?:[Hh][Tt][Tt][Pp]|[Ss]tatus|[Cc]ode)\W{0,3}[45]\d\d\b"
    r"|\b0x[0-9A-Fa-f]{4,}|\b[45]\d\d (?:[A-Z]|error)"
)
_WORDS: Final = later.pattern(r"[a-z]+(?:'[a-z]+)?")
_CODE_SHAPE: Final = later.pattern(r"\b[a-z]+[A-Z]\w*|\b\w+_\w+|\b[A-Z]{2,}\d+|\w+\.\w+\.\w+|[{}\[\]=;]|::|0x[0-9a-f]+")
# Without one of these there is no such shape: most lines of prose need not be looked through for it.
_CODE_SIGN: Final = later.pattern(r"[_{}\[\]=;]|::|0x|[A-Z](?:(?<=[a-z].)|\d)|\.(?<=\w.)(?=\w)")


def _rows(text: str) -> list[_Row]:
    """The rows of a peeled text, in its order: each line's inner words, and the values of its fields."""
    rows: list[_Row] = []
    read: dict[str, list[_Row]] = {}  # a line that stands there a thousand times is read once
    place = 0
    source_line = False
    for number, line in enumerate(text.split("\n")):
        start, place = place, place + len(line) + 1
        if not line or line.isspace():
            continue
        if _FRAME.match(line):
            source_line = bool(_PYTHON_FILE.match(line))
            rows.append(_row(text, start, start + len(line), "frame", number))
            continue
        if source_line and line.startswith("    "):
            source_line = False
            rows.append(_row(text, start, start + len(line), "frame", number))
            continue
        source_line = False
        found = read.get(line)
        if found is None:
            found = read[line] = _line_rows(line)
        rows.extend([_Row(r.text, r.start + start, r.end + start, r.kind, number, r.weight) for r in found])
    return rows


def _line_rows(line: str) -> list[_Row]:
    """One line by itself: its quote marks and log prefix off, then its fields, its cells, or what is left."""
    number = inner = 0
    end = len(line)
    quoted = _QUOTE.match(line)
    if quoted:
        inner += quoted.end()
    if _CONTEXT.match(line, inner, end):
        return [_row(line, inner, end, "context", number)]
    subject = _SUBJECT.match(line, inner, end)
    if subject:
        inner = subject.end()
    prefix = _LOG_PREFIX.match(line, inner, end)
    logged = prefix is not None and prefix.end() < end and prefix.end() - inner >= 4
    if logged and prefix is not None:
        inner = prefix.end()
    fields = _fields(line, inner, end, number)
    if fields:
        return fields
    cells = [cell for cell in _cells(line, inner, end) if cell[1] > cell[0]]
    if len(cells) > 1:
        return [_row(line, a, b, "field" if "\t" in line or logged else None, number) for a, b in cells]
    if _EXCEPTION.match(line, inner, end) or logged:
        return [_row(line, inner, end, "error", number)]
    return [_row(line, inner, end, None, number)]


def _fields(text: str, start: int, end: int, number: int) -> list[_Row]:
    """The values of JSON or key=value that read like messages; none where the line is not made of fields."""
    pairs = list(_PAIR.finditer(text, start, end)) if "=" in text or ":" in text else []
    if not pairs:
        return []
    rows: list[_Row] = []
    closing = {quote: _closings(text, start, end, quote) for quote in {pair["q"] for pair in pairs} if quote}
    for n, pair in enumerate(pairs):
        stop = pairs[n + 1].start() if n + 1 < len(pairs) else end
        first = pair.end()
        if pair["q"]:
            # The last closing quote before the next key: a message may hold quotes of its own.
            ends = closing[pair["q"]]
            i = bisect_right(ends, stop) - 1
            last = ends[i] if i >= 0 and ends[i] >= first else stop
        else:
            last = stop
        while last > first and text[last - 1] in " \t,;\"'}]":
            last -= 1
        named = bool(_IS_MESSAGE_KEY.fullmatch(pair["key"]))
        words = len(_WORD.findall(text, first, min(last, first + 400)))
        if words and (named or (pair["q"] and words >= 3)):
            rows.append(_row(text, first, last, "field", number))
    if not rows:
        return []
    before = pairs[0].start()
    while before > start and text[before - 1] in " {[(,;\"'":
        before -= 1
    if len(_WORD.findall(text, start, before)) >= 2:
        rows.insert(0, _row(text, start, before, None, number))
    return rows


def _closings(text: str, start: int, end: int, quote: str) -> list[int]:
    """Where a quote closes a value: before a comma, a bracket, a space or the end."""
    return [
        found.start()
        for found in re.compile(re.escape(quote)).finditer(text, start, end)
        if found.end() == end or text[found.end()] in " ,}];\t)"
    ]


def _cells(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """A table row's cells; the line itself where it has no columns."""
    if "\t" not in text and "|" not in text and "    " not in text:  # every other space was made plain
        return [_trim(text, start, end)]
    cells = []
    for gap in _CELL_BREAK.finditer(text, start, end):
        cells.append((start, gap.start()))
        start = gap.end()
    cells.append((start, end))
    return [_trim(text, a, b) for a, b in cells]


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


def _row(text: str, start: int, end: int, kind: Kind | None, line: int) -> _Row:
    start, end = _trim(text, start, end)
    inner = text[start:end]
    weight = _weight(inner)
    if kind is None:
        kind = "error" if weight >= 0.5 else "prose"
    elif kind in ("error", "field"):
        weight = max(weight, 0.6 if kind == "error" else 0.3)
    return _Row(inner, start, end, kind, line, weight)


def _weight(line: str) -> float:
    """How much a line reads like an error message, 0 to 1: faulty words for it, asking words against."""
    line = line[:400]
    words = _WORDS.findall(line.lower())
    faulty = len(_FAULTY.intersection(words)) + len(_ERROR_CODE.findall(line))
    if "no" in words:
        faulty += sum(a == "no" and b in _FAULTY_AFTER_NO for a, b in pairwise(words))
    asking = len(_ASKING.intersection(words)) + line.count("?")
    shaped = len(_CODE_SHAPE.findall(line)) if _CODE_SIGN.search(line) else 0
    weight = 0.1 + 0.3 * min(faulty, 3) + 0.12 * min(shaped, 3) - 0.22 * min(asking, 4)
    if _EXCEPTION.match(line):
        weight += 0.5
    return min(1.0, max(0.0, weight))


def _asked(text: str) -> int:
    """How many words of a text ask or tell, as people do and logs do not."""
    return len(_ASKING.intersection(_WORDS.findall(text.lower()))) + text.count("?")


# ---- the whole ------------------------------------------------------------------------------------------------------

_QUOTED: Final = later.pattern(
    r"""`(?P<code>[^`\n]{6,600})`|"(?P<double>[^"]{6,600})"|(?<!\w)'(?P<single>[^'\n]{1,600}(?:'(?=\w)[^'\n]{0,200}){0,3})'(?!\w)"""
)
_INTRO: Final = later.pattern(
    r"\b(?:error|errors|message|says|said|toast|popup|banner|log|shows|got|get|reads|text|following|this|failed|warning|response)\b[^:\n]{0,60}:\s{1,9}",
    re.IGNORECASE,
)


_CAME: Final = (
    "gets?|got|getting|gives?|gave|says?|said|saying|shows?|showed|reads?|returns?|returned|throws?|threw|receives?"
    "|received|displays?|displayed"
)
_CAME_WITH: Final = "(?:fails?|failed|failing|stops?|stopped|ends?|ended|dies|died|rejected|refused) with"
_NOUN: Final = "errors?|messages?|warnings?|toast|pop-?up|banner|alert|text|log"
# Before words in backticks: that they came up. "I get `Sync lost its way` when I push."
_GOT: Final = later.pattern(
    rf"(?<!not )(?<!n't )(?<!never )\b(?:{_CAME}|{_CAME_WITH})"
    rf"(?: (?:me|us|an?|the|this|that|only|just|back|always|with|{_NOUN})){{0,4}}[ :]{{0,3}}$",
    re.IGNORECASE,
)
# Behind words in backticks, for the same.
_CAME_UP: Final = later.pattern(
    r"`{1,2}[ ,]{0,2}(?:(?:then|just|always|still|suddenly) )?(?:(?:shows?|pops?|comes?|popped|came|coming) up"
    r"|appears?|appeared|keeps? (?:coming|popping|appearing)|is (?:what|all|the error)|was (?:what|all|the error))\b",
    re.IGNORECASE,
)
# At the end of a line: the error stands on the next ones.
_SAYS: Final = later.pattern(
    rf"(?<![,;|\w])(?:{_CAME}|{_CAME_WITH}|pops? up|popped up|following|{_NOUN})"
    rf"(?: (?:me|us|is|was|this|that|only|just|back|the|an?|following|{_NOUN}|here|now|below)){{0,4}}\s{{0,3}}[:;-]?$",
    re.IGNORECASE,
)
# With these a line is the user's own again.
_OWN: Final = later.pattern(
    r"(?:i|i'm|i've|we|we're|we've|my|our|thanks|thank|thx|ty|cheers|regards|can|could|should|would|do|does|how|why"
    r"|what|any|anyone|anybody|somebody|hi|hello|hey|help|pls|please (?:help|advise|assist|look|check|fix|can|could)"
    r"|no idea|not sure|so (?:i|we|what|how)|and (?:then|i|we|now)|but (?:i|we))\b",
    re.IGNORECASE,
)


# What people call an error before they quote it; "he says …" alone introduces anything.
_CALLED: Final = later.pattern(r"\b(?:errors?|message|toast|pop-?up|banner|warning|alert|exception)\b", re.IGNORECASE)


def _looks_like_error(text: str, rows: list[_Row]) -> float:
    """0 for a question, 1 for a log: the heaviest row, what surrounds it, and whether anybody asks."""
    if not rows:
        return 0.0
    heaviest = max(row.weight for row in rows)
    structured = sum(row.kind in ("frame", "field") for row in rows)
    asking = min(_asked(text[:2000]), 6)
    said = sum(len(row.text) for row in rows if row.kind == "prose")
    total = sum(len(row.text) for row in rows) or 1
    value = heaviest + 0.15 * min(structured, 3) - 0.3 * (said / total) * min(asking, 3) / 3
    quoted = max((_weight(found[found.lastgroup or 0]) for found in _quotes(text)), default=0.0)
    if quoted >= 0.4:
        value = max(value, 0.3 + quoted / 2)
    return round(min(1.0, max(0.0, value)), 4)


def _quotes(text: str) -> list[re.Match[str]]:
    if '"' not in text and "'" not in text and "`" not in text:
        return []
    return list(islice(_QUOTED.finditer(text), 50))


def _block(text: str) -> tuple[int, int]:
    """What stands in the first code fence; (0, 0) where there is none."""
    opening = text.find("```")
    closing = text.find("```", opening + 3) if opening >= 0 else -1
    if closing < 0:
        return 0, 0
    start = opening + 3
    line = text.find("\n", start, closing)
    if 0 <= line - start <= 12 and text[start:line].strip().isalnum():
        start = line  # the language of the block
    return _trim(text, start, closing)


def _error_span(text: str, rows: list[_Row], likeness: float) -> tuple[int, int]:
    """The stretch that is the pasted error: a code block, the log lines, the quoted words, or what follows a colon."""
    quotes = _quotes(text)
    fenced = _block(text)
    if fenced[1] - fenced[0] >= 6:
        return fenced
    made = [
        row
        for row in rows
        if row.kind in ("frame", "field") or (row.kind == "error" and row.weight >= 0.6 and not _asks(row.text))
    ]
    told = [row for row in rows if row.kind == "prose"]
    code = _code(text, quotes, made)
    if code[1] > code[0]:
        return code
    below = _below(text, rows, made)
    if below:
        return _whole_lines(text, below)
    if made and (len(made) > 1 or any(row.kind != "error" for row in made) or told):
        return _whole_lines(text, made)
    said = [(_weight(found[found.lastgroup or 0]), found) for found in quotes]
    said = [
        (weight, found)
        for weight, found in said
        if weight >= 0.22 or _CALLED.search(text, max(0, found.start() - 60), found.start())
    ]
    if said:
        best = max(said, key=lambda pair: pair[0])[1]
        return _trim(text, *best.span(best.lastgroup or 0))
    intro = _INTRO.search(text) if ":" in text else None
    if intro and _weight(text[intro.end() :]) >= 0.22:
        return _trim(text, intro.end(), len(text))
    heavy = [row for row in rows if row.weight >= 0.4 and not _asks(row.text)]
    if heavy and likeness >= 0.35:
        return _whole_lines(text, heavy)
    return 0, 0


def _code(text: str, quotes: list[re.Match[str]], made: list[_Row]) -> tuple[int, int]:
    """The words in backticks that are a sentence's error; (0, 0) where there are none, or a log stands elsewhere."""
    spans = [found.span("code") for found in quotes if found.lastgroup == "code"]
    inside = [next((span for span in spans if row.start < span[1] and span[0] < row.end), None) for row in made]
    if not spans or None in inside:
        return 0, 0
    said = []
    for start, end in spans:
        weight, before = _weight(text[start:end]), max(0, start - 61)
        several = len(_WORD.findall(text, start, min(end, start + 100))) >= 3 and ">" not in text[start:end]
        if (start, end) in inside or weight >= 0.22:
            said.append((weight + 1.0, start, end))
        elif _CALLED.search(text, before, start - 1) or (
            several and (_GOT.search(text[before : start - 1]) or _CAME_UP.match(text, end))
        ):
            said.append((weight, start, end))
    return _trim(text, *max(said, key=lambda each: each[0])[1:]) if said else (0, 0)


def _below(text: str, rows: list[_Row], made: list[_Row]) -> list[_Row]:
    """The lines of an error below a line that announces it ("it says"), with all that is plainly pasted after them."""
    n = 0
    while n < len(rows):
        row, n = rows[n], n + 1
        intro = row.text[-80:]
        column = "|" in text[max(0, row.start - 80) : row.start].rpartition("\n")[2]  # the head of a table
        if column or row.kind not in ("prose", "error") or not _SAYS.search(intro):
            continue
        last = row.line + 1  # one empty line may stand before the error, and none within it
        found: list[_Row] = []
        while n < len(rows) and rows[n].line <= last + 1 and not _is_own(rows[n]):
            found.append(rows[n])
            last, n = rows[n].line, n + 1
        if found and (max(line.weight for line in found) >= 0.22 or (len(found) > 1 and _CALLED.search(intro))):
            return found + [each for each in made if each.start > found[-1].start]
    return []


def _is_own(row: _Row) -> bool:
    return row.kind == "context" or (row.kind == "prose" and (_asks(row.text) or bool(_OWN.match(row.text))))


def _asks(line: str) -> bool:
    return _asked(line[:400]) >= 2 or line.rstrip().endswith("?")


def _whole_lines(text: str, rows: list[_Row]) -> tuple[int, int]:
    """From the line of the first row to the end of the last one's line, prefixes and wrapping included."""
    start = text.rfind("\n", 0, rows[0].start) + 1
    end = text.find("\n", rows[-1].end)
    return _trim(text, start, len(text) if end < 0 else end)


def _prose(text: str, rows: list[_Row], start: int, end: int) -> str:
    """The user's own words: the rows of prose, less what stands in the error's stretch."""
    if end <= start:
        return " ".join(row.text for row in rows if row.kind in ("prose", "error"))
    words = []
    for row in rows:
        if row.kind in ("context", "frame"):
            continue
        for a, b in ((row.start, min(row.end, start)), (max(row.start, end), row.end)):
            if b > a:
                words.append(text[a:b].strip(" \t\"'`"))
    return " ".join(word for word in words if word)


def _texts(rows: list[_Row], text: str, start: int, end: int) -> tuple[str, ...]:
    """What to search with: messages heaviest first, wrapped lines joined, then the user's words; no frames."""
    # An error that is part of one row (quoted, or after a colon) goes before the row.
    part = any(row.start <= start and end <= row.end and end - start < row.end - row.start for row in rows)
    error = text[start:end] if part else ""
    joined: list[tuple[float, str]] = []
    previous: _Row | None = None
    for row in rows:
        if row.kind in ("frame", "context") or not row.text:
            previous = None
            continue
        wrapped = (
            previous is not None
            and row.kind in ("prose", "error")
            and previous.kind in ("prose", "error")
            and row.line == previous.line + 1
            and (
                row.text[0].islower()
                or previous.text[-1] in ",-("
                or (previous.text[-1] not in ".!?:;" and len(previous.text) >= 40)
            )
        )
        if wrapped:
            weight, text = joined[-1]
            joined[-1] = (max(weight, row.weight), f"{text} {row.text}")
        else:
            joined.append((row.weight, row.text))
        previous = row
    ordered = sorted(joined, key=lambda pair: -pair[0])
    texts = [" ".join(error.split())] if error else []
    texts += [text for _, text in ordered]
    return tuple(dict.fromkeys(texts))
