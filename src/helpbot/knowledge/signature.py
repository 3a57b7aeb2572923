"""The pattern of an error message: literal words with typed placeholders between them, as an author writes it.

    catalogItem object is invalid. {category_id:int} is an inactive

Here patterns become values, and messages are found in articles whose author wrote no pattern. What a pattern matches
is decided by `understanding.signatures`; both cut text into words by `cut_words`, so that they cannot disagree.
"""

import re
from collections.abc import Iterator
from typing import Final

from helpbot import later
from helpbot.errors import Origin
from helpbot.later import dataclass

__all__ = [
    "GENERIC",
    "STOP",
    "TYPES",
    "BadPattern",
    "Message",
    "Signature",
    "compile_signature",
    "cut_words",
    "generalise",
    "mine_messages",
    "mine_signatures",
    "plain",
    "words_of",
]

NOWHERE: Final = Origin("")  # of what was written in no file

# What a placeholder may hold, as patterns without groups; each is bounded and cannot run away.
TYPES: Final = {
    "int": r"[+-]?\d[\d,.' ]{0,30}(?<=\d)|[+-]?\d",
    "number": r"[+-]?\d[\d,.]{0,40}(?:[eE][+-]?\d{1,3})?%?",
    "id": r"[#]?[A-Za-z0-9][\w.:#/+-]{0,80}",
    "word": r"[^\s\"'<>(){}\[\],;]{1,80}",
    "quoted": r"\"[^\"\n]{0,300}\"|'[^'\n]{0,300}'|`[^`\n]{0,300}`|[^\s\"'`]{1,80}",
    "text": r"[^\n]{1,400}",
    "version": r"[vV]?\d{1,6}(?:\.\d{1,8}){0,5}(?:[-+.]?[A-Za-z][\w.+-]{0,40})?",
    "url": r"(?:[a-zA-Z][\w+.-]{0,20}://|www\.)[^\s\"'<>]{1,400}",
    "path": r"(?:[A-Za-z]:\\|~?\.{0,2}[/\\]|[\w.-]{1,80}[/\\])[^\s\"'<>|:]{0,300}|[\w.-]{1,120}",
    "email": r"[\w.+-]{1,64}@[\w.-]{1,120}",
    "ip": r"\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5})?|[0-9a-fA-F:]{3,45}",
    "date": r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}|\d{1,2}\.? [A-Za-z]{3,9}\.?,? \d{4}|[A-Za-z]{3,9}\.? \d{1,2},? \d{4}",
    "time": r"\d{1,2}:\d{2}(?::\d{2})?(?:[.,]\d{1,9})?(?: ?[aApP][mM])?",
    "duration": r"\d[\d.,]{0,20} ?(?:ms|s|sec|secs|seconds?|m|min|mins|minutes?|h|hours?|d|days?)?",
    "hex": r"(?:0x)?[0-9a-fA-F]{1,64}",
    "uuid": r"[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}",
}


def words_of(text: str) -> frozenset[str]:
    """The words of a list written as one text."""
    return frozenset(text.split())


# Words that carry the sentence and not the fault: they may be forgotten or added when a message is typed from memory.
STOP: Final = frozenset(
    [
        "a",
        "an",
        "the",
        "this",
        "that",
        "these",
        "those",
        "is",
        "are",
        "was",
        "were",
        "be",
        "been",
        "being",
        "am",
        "has",
        "have",
        "had",
        "do",
        "does",
        "did",
        "to",
        "of",
        "in",
        "on",
        "at",
        "by",
        "for",
        "from",
        "with",
        "into",
        "as",
        "it",
        "its",
        "and",
        "or",
        "but",
        "if",
        "then",
        "so",
        "there",
        "here",
        "you",
        "your",
        "we",
        "our",
        "i",
        "my",
        "they",
        "their",
        "he",
        "she",
        "please",
        "sorry",
        "while",
        "when",
        "which",
        "who",
        "will",
        "would",
        "should",
        "could",
        "can",
        "may",
        "must",
        "again",
        "than",
        "too",
        "very",
        "also",
    ]
)
# Words that stand in any error message: alone they name none.
GENERIC: Final = frozenset(
    [
        "error",
        "errors",
        "warning",
        "failed",
        "failure",
        "failing",
        "fail",
        "exception",
        "invalid",
        "value",
        "values",
        "not",
        "no",
        "unknown",
        "unexpected",
        "found",
        "missing",
        "bad",
        "wrong",
        "problem",
        "issue",
        "type",
        "name",
        "file",
        "key",
        "argument",
        "arguments",
        "data",
        "message",
        "code",
        "status",
        "request",
        "response",
        "fatal",
        "info",
        "debug",
        "ok",
        "true",
        "false",
        "null",
        "none",
        "undefined",
        "success",
        "see",
        "note",
        "tip",
        "fix",
        "cause",
        "symptom",
        "step",
    ]
)

_PLAIN: Final = {
    **{code: base for base, many in {
        "A": "ÀÁÂÃÄÅĀĂĄ", "a": "àáâãäåāăą", "C": "ÇĆĈĊČ", "c": "çćĉċč", "D": "ĎĐ", "d": "ďđ",
        "E": "ÈÉÊËĒĔĖĘĚ", "e": "èéêëēĕėęě",
        "G": "ĜĞĠĢ", "g": "ĝğġģ", "H": "ĤĦ", "h": "ĥħ", "I": "ÌÍÎÏĨĪĬĮİ", "i": "ìíîïĩīĭįı", "J": "Ĵ", "j": "ĵ",
        "K": "Ķ", "k": "ķ",
        "L": "ĹĻĽĿŁ", "l": "ĺļľŀł", "N": "ÑŃŅŇ", "n": "ñńņň", "O": "ÒÓÔÕÖØŌŎŐ", "o": "òóôõöøōŏő",
        "R": "ŔŖŘ", "r": "ŕŗř",
        "S": "ŚŜŞŠ", "s": "śŝşš", "T": "ŢŤŦ", "t": "ţťŧ", "U": "ÙÚÛÜŨŪŬŮŰŲ", "u": "ùúûüũūŭůűų", "W": "Ŵ", "w": "ŵ",
        "Y": "ÝŶŸ", "y": "ýÿŷ", "Z": "ŹŻŽ", "z": "źżž",
    }.items() for code in map(ord, many)},
    **dict.fromkeys(map(ord, "‘’‚‛′´ʼʹ"), "'"),
    **dict.fromkeys(map(ord, "“”„‟″«»"), '"'),
    **dict.fromkeys(map(ord, "‐‑‒–—―−"), "-"),
    0xA0: " ",
}  # fmt: skip

# camelCase falls apart into its words, so that "companyID", "company id" and "Company ID" are the same.
WORD: Final = re.compile(
    r"[a-z]+(?:'[A-Za-z]{1,2}(?![A-Za-z]))?|[0-9]+|[A-Z][a-z]+(?:'[A-Za-z]{1,2}(?![A-Za-z]))?|[A-Z]{2,8}s(?![A-Za-z])"
    r"|[A-Z]+(?![a-z])(?:'[A-Z]{1,2}(?![A-Za-z]))?|[A-Z]|[^\W\d_A-Za-z]+|\d+"
)


def plain(text: str) -> str:
    """The text with Latin accents and curly quotes made plain; every character keeps its place."""
    return text if text.isascii() else text.translate(_PLAIN)


def cut_words(text: str) -> list[tuple[str, int, int]]:
    """The words of a text in lower case, each with its place: camelCase in parts, digits on their own."""
    return [(found[0].lower(), found.start(), found.end()) for found in WORD.finditer(plain(text))]


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """One error message's pattern: `parts[0] {names[0]:types[0]} parts[1] …`, one part more than placeholders."""

    id: str
    target: str  # what it points at: a resolution's id, or `article#anchor`
    pattern: str  # as the author wrote it
    parts: tuple[str, ...]
    names: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    origin: Origin = NOWHERE


class BadPattern(ValueError):
    """A pattern that cannot be compiled: what is wrong, and what the author is to do about it."""

    def __init__(self, pattern: str, problem: str, remedy: str) -> None:
        self.pattern, self.problem, self.remedy = pattern, problem, remedy
        shown = pattern if len(pattern) <= 80 else pattern[:79] + "…"
        super().__init__(f"error pattern {shown!r} {problem}. {remedy}.")


_NAME: Final = later.pattern(r"[a-z][a-z0-9_]{0,39}")


def compile_signature(
    pattern: str,
    *,
    target: str,
    id: str = "",  # noqa: A002 - the field's own name
    origin: Origin = NOWHERE,
) -> Signature:
    """Compile an author's pattern; `{name:type}` is a placeholder, `{{` and `}}` are braces. Raises BadPattern."""
    parts = [""]
    names: list[str] = []
    types: list[str] = []
    place = 0
    while place < len(pattern):
        char = pattern[place]
        if pattern.startswith(("{{", "}}"), place):
            parts[-1] += char
            place += 2
        elif char == "}":
            raise BadPattern(
                pattern,
                f"has a }} at column {place + 1} that closes nothing",
                "Write }} twice for a brace, or open a placeholder with {",
            )
        elif char == "{":
            end = pattern.find("}", place)
            if end < 0:
                raise BadPattern(
                    pattern,
                    f"opens a {{ at column {place + 1} and does not close it",
                    "Write {{ for a brace, or close the placeholder with }",
                )
            name, type_ = _placeholder(pattern, pattern[place + 1 : end], names)
            if names and not parts[-1].strip():
                raise BadPattern(
                    pattern,
                    f"has {{{names[-1]}}} and {{{name}}} with nothing between them",
                    "Join them into one placeholder, or write what stands between",
                )
            names.append(name)
            types.append(type_)
            parts.append("")
            place = end + 1
        else:
            parts[-1] += char
            place += 1
    if fault := _too_generic(parts):
        raise BadPattern(pattern, fault, "Give the message as users see it, with the words that no other message has")
    return Signature(
        id=id or pattern,
        target=target,
        pattern=pattern,
        parts=tuple(parts),
        names=tuple(names),
        types=tuple(types),
        origin=origin,
    )


def _placeholder(pattern: str, inner: str, names: list[str]) -> tuple[str, str]:
    """The name and type of one placeholder."""
    name, colon, type_ = inner.partition(":")
    type_ = type_ if colon else "text"
    if not _NAME.fullmatch(name):
        raise BadPattern(
            pattern,
            f"has the placeholder {{{inner}}} without a proper name",
            "Name it in small letters, digits and _, such as {category_id:int}",
        )
    if type_ not in TYPES:
        raise BadPattern(pattern, f"has the unknown type {type_!r} in {{{inner}}}", f"Use one of {', '.join(TYPES)}")
    if name in names:
        raise BadPattern(pattern, f"names {{{name}}} twice", "Give each placeholder a name of its own")
    return name, type_


def _too_generic(parts: list[str]) -> str:
    """Why these literal parts name no particular message; "" if they do."""
    words = [word for part in parts for word, _, _ in cut_words(part)]
    if not words:
        return "has no words of its own"
    telling = [
        word for word in words if word not in STOP and word not in GENERIC and (len(word) >= 3 or word.isdigit())
    ]
    if telling or len([word for word in words if word not in STOP]) >= 3:
        return ""
    return "is too generic: it holds only words that any message may hold"


# ---- from articles --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """An error message found in an article: as it stands there, and with its changing values as placeholders."""

    text: str
    pattern: str  # compiles
    line: int  # counted from 1, within the text it was mined from
    place: str  # heading | quote | code | block | matter


_FENCE: Final = later.pattern(r"[ ]{0,3}(?:>[ ]?)?(```+|~~~+)")
_HEADING: Final = later.pattern(r"#{1,6}[ \t]+(.+)$")
_ANCHOR: Final = later.pattern(r"[ \t]*\{#[\w-]+\}[ \t]*$")
_SPAN: Final = later.pattern(
    r"`{1,2}([^`\n]{4,400})`{1,2}"
    r"|[\"“„«]([^\"“”„»\n]{4,400})[\"”“»]|(?<![\w])[‘']([^'’\n]{8,400})[’'](?![\w])|\*\*([^*\n]{8,300})\*\*"
)
_CODE: Final = later.pattern(r"\b[A-Z]{2,8}-?\d{3,6}\b")  # a heading that names one code is about that code
_ANNOUNCED: Final = later.pattern(r"\b(?:error|message|reads|says)\b[^:]{0,80}:\s*$", re.IGNORECASE)
_FIELD: Final = later.pattern(
    r"(?:error|message|errors|symptoms?|alert|title)[\w ]{0,20}:[ \t]*(.{4,400})$", re.IGNORECASE
)
_MESSAGE_LIKE: Final = later.pattern(
    r"""\b(?:errors?|exception|fail(?:ed|s|ure)?|fatal|invalid|illegal|denied|forbidden|
    unauthori[sz]ed|refused|rejected|exceed(?:ed|s)|
    expired|    timed[ ]out|timeout|missing|mismatch|unable|unexpected|
    unsupported|unavailable|unreachable|corrupt(?:ed)?|
    abort(?:ed)?|
    inactive|disabled|    blocked|duplicate|conflict|incorrect|malformed|deleted|already|
    no[ ](?:such|matching|longer|external|permission|valid|records?)|
    (?:could|can|does|do|did|is|was|were|are|must|may|has|have|should)(?:[ ]not|n['’]t)|cannot|not|
    undefined|null|E[A-Z]{4,14}|[45]\d\d|must[ ]be|required)\b
    |(?:Error|Exception|Fault)\b""",
    re.VERBOSE | re.IGNORECASE,
)
_NOT_A_MESSAGE: Final = later.pattern(
    r"\?\s*$|\s>\s|^(?:how|why|what|when|where|which|who|can|should|do|does|is|are|see|note|tip|if|for|to|step)\b"
    r"|^(?:https?://|/|\$ |npm |pip |git |sudo |curl )|[;{}]\s*$"
    r"|^\W*[\w.-]+\([^)]*\)\W*$|^at\s+[\w.$<>/]{1,200}\(",
    re.IGNORECASE,
)
_LEAD: Final = later.pattern(
    r"^(?:[\w&. ]{2,30}(?:errors?|sync error|issues?|problem)?:\s+|\d{1,2}[.)]\s+)(?=[\"“`A-Za-z])",
    re.IGNORECASE,
)


def mine_signatures(text: str, *, target: str, origin: Origin = NOWHERE) -> tuple[Signature, ...]:
    """The signatures of all messages found in a section's Markdown; `origin.line` is where the text begins."""
    found: dict[str, Signature] = {}
    for message in mine_messages(text):
        where = Origin(origin.path, origin.line + message.line - 1 if origin.line else message.line)
        found.setdefault(
            message.pattern.lower(),
            compile_signature(message.pattern, target=target, id=f"{target}:{message.pattern}", origin=where),
        )
    return tuple(found.values())


def mine_messages(text: str) -> tuple[Message, ...]:
    """What reads like an error message in Markdown: headings, quotes, code and named fields, each pattern once."""
    found: dict[str, Message] = {}
    for line, place, said in _candidates(text):
        message = _message(said, line, place)
        if message is not None:
            found.setdefault(message.pattern.lower(), message)
    return tuple(found.values())


def _candidates(text: str) -> Iterator[tuple[int, str, str]]:
    """Every stretch that may be a message: its line, where it stands, its words."""
    fence = ""
    announced = False  # the last line said that a message follows
    matter = text.startswith("---\n")
    for number, line in enumerate(text.splitlines(), 1):
        opened = _FENCE.match(line)
        if opened and (not fence or opened[1].startswith(fence)):
            fence = "" if fence else opened[1]
            continue
        if fence:
            yield number, "block", line.strip()
            continue
        if matter and number > 1:
            if line.strip() == "---":
                matter = False
            elif field := _FIELD.match(line.strip()):
                yield number, "matter", field[1].strip("\"' ")
            continue
        if line.strip():
            if announced and not line.startswith(("#", "-", "*", "|", ">")):
                yield number, "block", line.strip()
            announced = bool(_ANNOUNCED.search(line))
        heading = _HEADING.match(line)
        quoted = [found[found.lastindex or 0] for found in _SPAN.finditer(line)]
        for said in quoted:
            yield number, "heading" if heading else "quote", said.strip(" .,") if heading else said.strip()
        if heading:
            said = _LEAD.sub("", _ANCHOR.sub("", heading[1]))
            said = re.sub(r"\s+\([^()]{1,40}\)$", "", said).strip()
            # A heading is the message itself, unless it only quotes one: `Sync error: "X is invalid"`.
            if not any(_message(one.strip(" .,"), number, "heading") for one in quoted):
                yield number, "heading", said.replace("`", "").replace("**", "")
            codes = _CODE.findall(said)
            if len(codes) == 1 and codes[0] != said:
                yield number, "heading", codes[0]
        elif not quoted and (field := _FIELD.match(line.strip(" *-•\t"))):
            yield number, "quote", field[1].strip()


def _message(said: str, line: int, place: str) -> Message | None:
    """A candidate as a message; None for menu paths, commands, questions, single names and what names no fault."""
    if len(said) > 400 or _NOT_A_MESSAGE.search(said):
        return None
    words = cut_words(said)
    telling = [word for word, _, _ in words if word not in STOP and word not in GENERIC and len(word) >= 3]
    named = re.fullmatch(r"E[A-Z]{4,14}|[A-Z]{2,10}[-_]?\d{2,8}|0x[0-9A-Fa-f]{4,8}|\w{2,60}(?:Error|Exception)", said)
    worded = telling and _MESSAGE_LIKE.search(said) and (len(telling) >= 2 or len(words) >= 4)
    if not named and not worded:
        return None
    pattern = generalise(said)
    try:
        compile_signature(pattern, target="")
    except BadPattern:
        return None
    return Message(text=said, pattern=pattern, line=line, place=place)


_CODES: Final = r"(?:(?:error|code|status|http|errno|exit|response|sqlstate|event)\W{0,3}|\bE|\bHTTP/\d\.\d\s)"
_VALUES: Final = later.pattern(
    rf"""(?P<keep>{_CODES}\d{{1,6}}\b|
        \b[1-5]\d\d\s(?:error|bad|not|forbidden|unauthorized|internal|service|too|gateway)\b|\b[A-Za-z]+\d+\b)
    | (?P<uuid>\b[0-9a-fA-F]{{8}}-[0-9a-fA-F]{{4}}-[0-9a-fA-F]{{4}}-[0-9a-fA-F]{{4}}-[0-9a-fA-F]{{12}}\b)
    | (?P<url>\b[a-z]{{2,10}}://[^\s"'<>]{{1,300}})
    | (?P<email>\b[\w.+-]{{1,64}}@[\w.-]{{1,100}}\b)
    | (?P<named>\[[A-Z][A-Za-z _-]{{0,40}}\]|
        <[a-zA-Z][\w -]{{0,40}}>|\$?\{{[\w.:-]{{1,40}}\}}|%\(\w{{1,40}}\)[sd]|%[sd]|\bX{{2,12}}\b)
    | (?P<ip>\b\d{{1,3}}(?:\.\d{{1,3}}){{3}}(?::\d{{1,5}})?\b)
    | (?P<date>\b\d{{4}}-\d{{2}}-\d{{2}}\b)
    | (?P<version>\bv?\d{{1,4}}(?:\.\d{{1,6}}){{1,3}}\b)
    | (?P<path>(?<![\w.])(?:[A-Za-z]:\\|/)[^\s"'<>:,]{{2,200}})
    | (?P<int>(?<![\w.])\d{{1,18}}(?![\w.]*[A-Za-z])\b)""",
    re.VERBOSE | re.IGNORECASE,
)


def generalise(message: str) -> str:
    """A message as a pattern: ids, addresses and numbers become placeholders; codes that name the fault stay."""
    counts: dict[str, int] = {}
    out: list[str] = []
    place = 0
    for found in _VALUES.finditer(message):
        kind = found.lastgroup or "keep"
        between = message[place : found.start()]
        if kind == "keep" or (out and not between.strip() and out[-1].endswith("}")):
            continue  # two values side by side: the second stays with the text, one placeholder cannot end there
        type_, name = (kind, {"int": "number", "named": "value"}.get(kind, kind))
        if kind == "named":
            inner = re.sub(r"\W+", "_", found[0]).strip("_").lower()
            name = inner if _NAME.fullmatch(inner) and not re.fullmatch(r"x+|s|d", inner) else "value"
            type_ = "id" if name.endswith("id") else "text"
        counts[name] = counts.get(name, 0) + 1
        out += [
            _braced(between),
            "{",
            name + (str(counts[name]) if counts[name] > 1 else ""),
            ":",
            type_,
            "}",
        ]
        place = found.end()
    return "".join(out) + _braced(message[place:])


def _braced(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")
