"""Find the case's two fields in what people type, and cut them out exactly as they stand there.

A value is always a piece of the user's own text, never rewritten: line ends, markup and odd characters stay.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from typing import Final

from helpbot import later
from helpbot.dialogue.phrases import fold, words
from helpbot.dialogue.values import fenced_inside, product_of, unfenced, without_sign_off
from helpbot.later import dataclass

__all__ = [
    "Details",
    "change_of",
    "email_in",
    "in_lines",
    "in_sentence",
    "labelled",
    "meant",
    "named",
    "product_in",
    "restated",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """What a message holds of the form; None where it holds nothing."""

    product: str | None = None
    error: str | None = None

    def __bool__(self) -> bool:
        return self.product is not None or self.error is not None


_PRODUCT: Final = r"(?:affected |the |my |our )*(?:products?(?:[ _-]?names?)?|items?|device|produkt|produit|producto)(?: name)?(?: affected| concerned)?(?: (?:for|of|in) (?:this|that)(?: (?:one|case|time))?)?"
_ERROR: Final = r"(?:the |full |exact |complete |my |our )*(?:error(?:[ _-]?(?:messages?|text|msg|string))?|(?:err|error)?msg|message|fehler(?:meldung)?|foutmelding|(?:message d')?erreur|mensaje de error)(?: shown| text)?"
_BEFORE_LABEL: Final = r"(?:(?:ok|okay|so|then|and|first|well|sure|fine|right|anyway|anyhow|here(?:'s| is| comes)|uh+|um+|sorry|hi|hello|thanks|tnx|thx)[,.:!]*[ \t]+){0,4}"
_LABEL: Final = later.pattern(
    rf"^[ \t>*_#|-]*{_BEFORE_LABEL}[`*_\"']*(?:(?P<product>{_PRODUCT})|(?P<error>{_ERROR}))[`*_\"']*(?: first| then| here)?[ \t]*(?::|=|=>|->|\|(?=[^\n|]+\|[ \t]*$)|[ \t][-–—](?=[ \t]))[`*_]*[ \t]?",
    re.IGNORECASE | re.MULTILINE,
)
_INLINE: Final = later.pattern(
    rf"(?:^|[\s,;|/(.]|\band\b)(?:(?P<product>{_PRODUCT})|(?P<error>{_ERROR}))[`*_\"']*[ \t]*(?::|=>|=|->)[ \t]?",
    re.IGNORECASE,
)
# The keys of a JSON object, joined by blanks with those they stand under; the first of these that one holds wins.
_JSON_PRODUCT: Final = ("product name", "product", "item name", "item", "device", "sku", "produkt")
_JSON_ERROR: Final = (
    "error message",
    "error text",
    "error",
    "message",
    "msg",
    "exception",
    "fault",
    "fehler",
    "detail",
)
# Two values without labels: the product in a line of its own, or in front of the error's label.
_BULLET: Final = later.pattern(r"^[ \t]*(?:[-*•]|\d[.)]|\(?[ab]\))[ \t]+")
# Without any mark: product X1, error It broke.
_UNMARKED: Final = later.pattern(
    r"^(?:(?:the )?product(?: name)?(?: is)? (?P<product>[^\n,;]{2,120})[,;](?: and)?\s+(?:the )?error(?: message)?(?: is)? (?P<error>.+)"
    r"|(?:the )?error(?: message)?(?: is)? (?P<error2>[^\n]+?)[,;](?: and)?\s+(?:the )?product(?: name)?(?: is)? (?P<product2>[^\n,;]{2,120}))$",
    re.IGNORECASE | re.DOTALL,
)
_QUOTED: Final = later.pattern(
    r"\"([^\"\n]{3,2000})\"|“([^”\n]{3,2000})”|«([^»\n]{3,2000})»|(?<!\w)'([^'\n]{3,2000})'(?!\w)|‘([^’\n]{3,2000})’|`([^`\n]{3,2000})`"
)
# Who shows what: the NAME says: X; for the NAME I get: X.
_SHOWN_BY: Final = later.pattern(
    r"(?:^|[\s,;:.(])(?:(?:the|our|my|a|an) )?(?P<name>[^\n,;:\"“«]{2,120}?) (?:says|shows|shows me|gives|gives me|reports|displays|throws|returns|fails with|stops with|fails saying|->|=>|–|-)(?: the)?(?: error)?(?: message)?[ \t]*(?P<mark>:|(?=[\"“«'‘`]))[ \t]*"
)
_GOT_WITH: Final = later.pattern(
    r"^(?:hi,? |hello,? |so,? )?(?:for|with|on|in) (?:the |our |my |a )?(?P<name>[^\n,;:\"“«]{2,120}?),? (?:i|we) (?:get|see|have|receive|got)(?: the| an| this)?(?: following)?(?: error)?(?: message)?[ \t]*:[ \t]*",
    re.IGNORECASE,
)

# As in: it's the Lenovo T14 and the error is … / the error says … and the product is …
_SENTENCE_ERROR: Final = later.pattern(
    r"(?:^|[\s,.;(-])(?:and |with |gives? |shows? |i (?:get|see|got) |we (?:get|see|got) )?(?:(?:the |an? |this |following |full |exact |same |my |our )*(?:error(?: message| text| code)?|message)"
    r"(?: (?:that )?(?:i|we) (?:get|see|got|have))?(?: (?:is|was|says|said|reads|shows|states|being|goes))?|(?:it|which|that)(?: just| only| always| now)? (?:says|said|shows|showed|reads|throws|gives)(?: me)?)(?: (?:this|as follows))?[ \t]*(?P<mark>[:=\"“'‘`]|(?<=is )|(?<=says )|(?<=reads )|(?<=was )|(?<=said )|(?<=shows )|(?<=showed )|(?<=throws )|(?<=gives )|(?<=me ))[ \t]*",
    re.IGNORECASE,
)
_SENTENCE_PRODUCT: Final = later.pattern(
    r"(?:^|[\s,.;(])(?:(?:the )?(?:affected )?(?:product|thing|item|device)(?: name)?(?: (?:is|was)(?: (?:called|named))?|'s)|(?:it(?:'s|’s| is)|this is|that(?:'s| is|’s))(?: about| for| with| on)?(?= (?:the|our|my|a|an) )|"
    r"(?:it|this|that) (?:is|was)(?: only| just| always| mainly)? (?:with|for|on)|(?:it |this |that )?(?:happens?|occurs?|fails?|appears?|concerns?|affects?|comes up|goes wrong|get (?:it|this|that)|see (?:it|this|that))(?: only| just| always| mainly)? (?:with|for|on|when (?:i|we) (?:quote|order|sync|add|use))|"
    r"(?:issues?|problems?|trouble|errors?)(?: is| are| occurs?| happens?)?(?: only| just)? (?:with|for|on|concerning)|when (?:i|we)(?: try to)? (?:quote|order|sync|add|use)|(?:we|i)(?: only| also| mainly)? (?:sell|quote|order|hit (?:this|it)|see (?:this|it)|get (?:this|it))(?: only| mostly)?(?: on| with| for)?(?: (?:a|an|the|every|each) (?:quote|order)s? (?:with|for|of))?(?= (?:the|our|an?) )|(?:quote|order)s? (?:with|for|of)(?= the ))"
    r" (?:(?:the |our |my |a |an |product |item |all |called |named )*)(?=(?P<value>[^\n]+))",
    re.IGNORECASE,
)
_NAMED: Final = later.pattern(
    r"^(?:(?:it|the product|product(?: name)?|this|that)(?:'s|’s| is)? (?:(?:the |a )?(?:product|item|device) )?(?:called|named)|(?:the )?(?:affected )?product(?: name)? (?:is|was)|(?:it|this|that)(?:'s|’s| is)) (?:(?:the|our|my|a|an) )?(?P<value>[^\n]+)$",
    re.IGNORECASE,
)
_END_OF_NAME: Final = later.pattern(
    r"(?:[,;.!?:](?:\s|$)| (?:and|but|when|while|because|since|after|before|with (?:the |an? )?(?:error|message)|which|that|where|if|as soon|every|again|whenever|is|was|fails?|does|gives?|shows?|can't|cannot|won't|today|yesterday|now|please|thanks|by the way|btw|only|too|as well|i (?:think|guess|believe)|not sure|in (?:the |our |my |a )?(?:quote|order|sync|cart|procurement)|to (?:autotask|connectwise|halopsa|halo)|into|from) | (?:please|thanks|today|now|only|too|btw|as well|by the way|i (?:think|guess|believe))$)",
    re.IGNORECASE,
)
_PROPER: Final = later.pattern(
    r"[A-Z0-9][A-Za-z]*[A-Z0-9]|[A-Za-z]+[-]?\d|\d+[A-Za-z]|^[A-Z][a-z]+(?: [A-Z0-9][\w.-]*)+"
)
_CHANGE: Final = later.pattern(
    r"^(?:please,? |pls |can you |could you |would you |sorry,? |no,? |wait,? |oops,? |oh,? |ah,? |actually,? |correction[:,]? |i (?:want|need|would like) to |i'd like to |let me |hm+,? )*"
    r"(?:(?:change|correct|set|update|make|replace|edit|fix|rename|switch)(?: the| my| our)? (?P<what>product(?: name)?|error(?: message| text)?|message)(?: name)?(?: of (?:the|my) case)?(?: to(?: be)?| into| as| with|:|=| is| should be)+\s*[:=]?\s*"
    r"|(?:the |my )?(?:correct |right |real |actual )?(?P<what2>product(?: name)?|error(?: message| text)?)(?: name)? (?:(?:is|was)(?: actually| really| in fact| now| not .{1,80}?(?:,|;|but))|should (?:be|read|say)|must be|has (?:now )?changed(?: to)?(?:,? it (?:now )?(?:says|reads|is))?|now (?:is|says|reads|shows)|(?:says|reads|shows) now)\s*(?:it(?:'s| is) |is |now )?:?\s*"
    r"|(?:(?:the )?(?:correct|right|real|actual)|(?<=correction: )|(?<=correction )|(?<=correction, )) ?(?:the )?(?P<what4>product(?: name)?|error(?: message| text)?)(?: name)? (?:is|was):?\s+"
    r"|(?:i (?:pasted|gave|sent|typed|wrote|entered)(?: you)? )?(?:the |a )?(?:wrong|not the right|incorrect) (?P<what3>product(?: name)?|error(?: message)?)(?:[,;:.!-]+\s*|\s+)(?:it(?:'s| is| should be| was) |the (?:right|correct) one is:? |should be |use |i meant |i mean |here is the (?:right|correct) one:? )?(?:the )?\s*)(?P<value>.+)$",
    re.IGNORECASE | re.DOTALL,
)
# A correction that does not say of which field: sorry, I meant the X; not the A, it's the B.
_MEANT: Final = later.pattern(
    r"^(?:(?:change|correct|make|set|switch) (?:it|that) to +|(?:it(?:'s|’s| is| was) )?not (?:the )?[^\n,;]{1,80}[,;] *(?:but )?|(?:can|could|may) i (?:change|correct) (?:the product|it|that)\? +|(?:the )?product (?:was|is) wrong[,;.:]? +|(?:sorry|sry|oops|wait|oh|ah|hm+|correction|actually|my mistake|my bad)[,.!:]? +|no(?:[,.!:]+ +| +(?=(?:it|i|the product|sorry)\b))|i (?:made a typo|mistyped|misspelt it|misspelled it|got that wrong)[,;.:]? +|that was (?:wrong|a typo)[,;.:]? +|not (?:the )?[^\n,;]{1,80}[,;] *(?:but )?){1,3}"
    r"(?:i meant(?: to say)? |i mean |it(?:'s|’s| is| was| should be| must be)(?: actually)? |that(?:'s| is| should be) |make (?:it|that) |should be )?(?:the |our |my )?(?P<value>[^\n]{1,120})$|^i meant (?:to say )?(?:the |our |my )?(?P<value2>[^\n]{1,120})$",
    re.IGNORECASE,
)
# Told once more: sorry, the error is X; I got the error wrong, it's X.
_RESTATED: Final = later.pattern(
    r"^(?:(?:sorry|no|oops|wait|oh|ah|hm+|correction|actually|my mistake|my bad)[,.!:]? +){1,3}(?:the |my )?(?P<what>product(?: name)?|error(?: message| text)?) (?:is|was|says|reads):? +(?P<value>.+)$"
    r"|^(?:sorry[,.!]? +)?i got the (?P<what2>product(?: name)?|error(?: message| text)?) wrong[,;.:]? +(?:it(?:'s|’s| is| was| should be)|the right one is):? +(?P<value2>.+)$",
    re.IGNORECASE | re.DOTALL,
)
_EMAIL: Final = later.pattern(
    r"(?<![\w.+-])[A-Za-z0-9][\w.+-]{0,63}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,62}[A-Za-z0-9])?\.)+[A-Za-z]{2,24}(?![\w-])"
)
_POLITE_END: Final = later.pattern(
    r"[,;.!]? +(?:please|pls|thanks|thx|thank you|ta|tnx|cheers|danke|merci|bedankt)(?: in advance| a lot)?[.!]*$",
    re.IGNORECASE,
)
_NOT_THAT: Final = later.pattern(r"[,;] *(?:and )?not (?:the |that |an? )?[^\n,;]{1,80}$", re.IGNORECASE)
_COUNT: Final = later.pattern(
    r"^\d+(?:st|nd|rd|th)\b|^\d+ ?(?:times?|days?|hours?|weeks?|minutes?|years?|%|x)\b", re.IGNORECASE
)
_SAID: Final = later.pattern(
    r"\b(?:i|we|you|it|is|are|was|get|got|see|says|shows|please|thanks|with|but|when|not|no)\b", re.IGNORECASE
)
_LONGEST_SENTENCE: Final = 5_000  # characters: what is longer is a paste, not a sentence
_LONGEST_NAME: Final = 120  # characters of a product found in running text; typed on its own it may be any length


def email_in(text: str) -> str:
    """An address that is all, or nearly all, that the message says; else nothing."""
    found = _EMAIL.search(text)
    if found is None or len(found[0]) > 254:
        return ""
    rest = fold(text.replace(found[0], " "))
    return found[0] if words(rest) <= 8 else ""


def labelled(text: str, *, lone_error_label: bool = True, whole_error: bool = False) -> Details:
    """Fields that are marked as such: JSON, labels with `:` or `=`, in a code block or in a line.

    With `lone_error_label` false a capital `Error:` that begins the message counts as part of the message itself,
    as programs print it. With `whole_error` the message is taken for an error message, in which labels of other
    things may stand: only what plainly is a form is taken apart.
    """
    inner = unfenced(text.strip()) if "```" in text or "~~~" in text else text
    found = _from_json(inner.strip(), strict=whole_error)
    if not found and "```" in text and (code := fenced_inside(text)):
        found = _from_json(code.strip(), strict=whole_error)
    if found:
        return found
    matches = list(_LABEL.finditer(inner))
    kinds = _kinds(matches)
    if len(kinds) < 2:
        inline = list(_INLINE.finditer(inner))
        if len(_kinds(inline)) == 2 or (not matches and _kinds(inline) == {"error"} and _name_before(inner, inline[0])):
            matches, kinds = inline, _kinds(inline)
    if not matches:
        return Details()
    if kinds == {"error"} and whole_error and inner[: matches[0].start()].strip() and not _full_label(matches[0]):
        return Details()
    before = _name_before(inner, matches[0]) if kinds == {"error"} and not whole_error else ""
    if kinds == {"error"} and not before and not lone_error_label and _is_own_prefix(inner, matches[0]):
        return Details()
    first: dict[str, str] = {}
    for number, match in enumerate(matches):
        kind = _kind(match)
        if kind in first:  # an error text may itself hold lines that look like labels: the field goes on
            continue
        end = next(
            (later.start() for later in matches[number + 1 :] if _kind(later) not in first and _kind(later) != kind),
            len(inner),
        )
        value = inner[match.end() : end]
        inline_end = match.re.pattern == _INLINE.pattern and end < len(inner)
        first[kind] = _trimmed(value, inline=inline_end, logged="=" in match[0] and match.re.pattern == _INLINE.pattern)
    name = first.get("product") or before
    if "error" not in first and (block := _BLOCK_BELOW.match(name)):
        name, first["error"] = block["name"], block["code"]
    product, error = name, unfenced(without_sign_off(first.get("error", "")))
    return Details(product=_as_name(product) or None, error=error or None)


_BLOCK_BELOW: Final = later.pattern(r"(?P<name>[^\n]+)\n\s*(?P<code>(?:```|~~~)[\s\S]+(?:```|~~~))\s*$")


def _as_name(value: str) -> str:
    """A labelled name without the full stop and the regards behind it."""
    value = without_sign_off(value)
    return (
        value[:-1]
        if value.endswith(".") and not value[:-1].endswith((".", "Inc", "Ltd", "Co")) and words(value) <= 6
        else value
    )


def _full_label(label: re.Match[str]) -> bool:
    """Whether it says "error message" in full: programs print `Error:` and `Message:` in the middle of a report."""
    return words(fold(label["error"] or "")) >= 2


def _kind(match: re.Match[str]) -> str:
    return "product" if match["product"] else "error"


def _kinds(matches: list[re.Match[str]]) -> set[str]:
    return {_kind(match) for match in matches}


def _name_before(text: str, label: re.Match[str]) -> str:
    """A product's name that stands alone in front of the error's label: a line of its own, or up to a comma."""
    lines = [line.strip() for line in text[: label.start()].split("\n") if line.strip()]
    if not lines or len(lines) > 3:
        return ""
    name = _BULLET.sub("", lines[-1]).rstrip(" ,;:.-–")
    name = named(name) or product_of(name)
    return name if _is_name(name) else ""


def _is_name(text: str) -> bool:
    """Whether it can only be a name: short, no sentence, with letters and digits or capitals as names have them."""
    return (
        2 <= len(text) <= _LONGEST_NAME and words(text) <= 6 and bool(_PROPER.search(text)) and not _SAID.search(text)
    )


def _is_own_prefix(text: str, match: re.Match[str]) -> bool:
    """Whether `Error:` is how the message itself begins rather than the user's label for it."""
    label = (match["error"] or "").strip()
    return label in {"Error", "ERROR"} and text[: match.start()].strip() == "" and "=" not in match[0]


def _trimmed(value: str, *, inline: bool, logged: bool = False) -> str:
    value = value.strip(" \t\r\n")
    if "|" not in value[:-1]:
        value = value.removesuffix("|").rstrip()  # a row of a table
    if inline:
        value = re.sub(r"[\s,;|/]+(?:and)?$", "", re.sub(r"\s+and$", "", value))
    if len(value) > 2 and value[0] + value[-1] in ("''", "“”", "‘’", '""') and value[-1] not in value[1:-1]:
        value = value[1:-1]
    if logged and len(value) > 2 and value[0] == value[-1] == '"' and '"' not in value[1:-1]:
        value = value[1:-1]  # name="value", as log lines have it
    return value


def _from_json(text: str, *, strict: bool) -> Details:
    if not text.startswith("{") or len(text) > 20_000:
        return Details()
    try:
        tree = json.loads(text)
    except (ValueError, RecursionError):
        return Details()
    if not isinstance(tree, dict):
        return Details()
    leaves = list(_leaves(tree, "", 0))
    product = _first_of(leaves, _JSON_PRODUCT[:2] if strict else _JSON_PRODUCT, ())
    error = _first_of(leaves, _JSON_ERROR, _JSON_PRODUCT)
    return Details(product=product, error=error) if product else Details()


def _leaves(tree: dict[object, object], above: str, depth: int) -> Iterator[tuple[str, str]]:
    """The texts of a JSON object, each with its keys in small words: "error message"."""
    for key, value in tree.items():
        name = f"{above} {re.sub(r'(?<=[a-z])(?=[A-Z])|[^A-Za-z]+', ' ', str(key)).strip().lower()}".strip()
        if isinstance(value, str) and value.strip():
            yield name, value
        elif isinstance(value, dict) and depth < 3:
            yield from _leaves(value, name, depth + 1)


def _first_of(leaves: list[tuple[str, str]], wanted: tuple[str, ...], not_of: tuple[str, ...]) -> str | None:
    for name in wanted:
        for path, value in leaves:
            if re.search(rf"\b{name}\b", path) and not any(re.search(rf"\b{other}\b", path) for other in not_of):
                return value
    return None


def in_lines(text: str) -> tuple[str, str]:
    """A first line that can be a product's name, and the lines below it; empty strings if there are no two."""
    first, _, rest = text.strip().partition("\n")
    name = _BULLET.sub("", first).strip()
    if name != first.strip() and "\n" not in rest.strip():
        rest = _BULLET.sub("", rest.strip())  # two points of a list
    name, rest = (named(name) or name).rstrip(" ,;:"), rest.strip()
    return (name, rest) if rest and _is_name(name) else ("", "")


def in_sentence(text: str) -> Details:
    """Fields told in a sentence: "it's the ThinkPad T14 and the error is: …", in either order."""
    if len(text) > _LONGEST_SENTENCE:
        return Details()
    return _told(text) or _unmarked(text) or _shown(text) or _quoted(text)


def _unmarked(text: str) -> Details:
    match = _UNMARKED.match(text.strip())
    if match is None:
        return Details()
    product, error = (match["product"] or match["product2"]).strip(), match["error"] or match["error2"]
    return Details(product=product, error=_unquoted(error.strip(), "")) if _is_name(product) else Details()


def _shown(text: str) -> Details:
    """The NAME says: X; for the NAME I get: X."""
    for pattern in (_GOT_WITH, _SHOWN_BY):
        match = pattern.search(text)
        if match is None:
            continue
        name = re.split(r"(?:^|\s)(?:the|our|my)\s", match["name"].strip())[-1]
        name = name.rsplit(". ", 1)[-1].strip()
        value = text[match.end() :].strip()
        quoted = _QUOTED.match(value)
        value = next(filter(None, quoted.groups())) if quoted else value
        if value and _is_name(name):
            return Details(product=name, error=value)
    return Details()


def _quoted(text: str) -> Details:
    """An error in quotation marks, and a product named in the words around it."""
    found = [match for match in _QUOTED.finditer(text) if words(match[0]) >= 2]
    if len(found) != 1:
        return Details()
    match = found[0]
    around = text[: match.start()].rstrip() + "\n" + text[match.end() :]
    name = product_in(around, common=frozenset())
    if not name:
        after = re.match(r"\s+(?:with|on|for|at|from) (?:the |our |my |a )?([^\n]+)", text[match.end() :])
        if after:
            end = _END_OF_NAME.search(after[1])
            name = (after[1][: end.start()] if end else after[1]).strip(" .!")
    if not name or not _is_name(name):
        return Details()
    return Details(product=name, error=next(filter(None, match.groups())))


def _told(text: str) -> Details:
    error = _SENTENCE_ERROR.search(text)
    product = _SENTENCE_PRODUCT.search(text) if error is None or error.start() > 0 else None
    if error is None:
        return Details()
    value = text[error.end() :]
    after = None
    if product is None or product.start() > error.start():
        product = after = _SENTENCE_PRODUCT.search(value)
    if product is None:
        return Details()
    if after is not None:
        value = value[: after.start()]
    name = product["value"] if after is not None else text[product.start("value") : error.start()]
    name = re.sub(
        r"[\s,;.]+(?:and|with|gives?|shows?)?$",
        "",
        re.sub(r"\s+(?:and|with|gives?|shows?)$", "", name.strip()),
    )
    value = re.sub(r"[\s,;]+(?:and|it)?$", "", value.strip())
    if error["mark"] and error["mark"] in "\"“'‘`":
        value = re.sub(r"(?<=[\"”'’`])[.!]+$", "", value)
    value = _unquoted(value, error["mark"])
    return Details(product=name or None, error=value or None) if name and value else Details()


def _unquoted(value: str, mark: str) -> str:
    """Take the closing quote off where the opening one was taken as a mark; or a pair around the whole."""
    pairs = {'"': '"', "“": "”", "'": "'", "‘": "’", "`": "`"}
    if mark in pairs and value.endswith(pairs[mark]):
        return value[:-1]
    if len(value) > 2 and pairs.get(value[0]) == value[-1] and value.count(value[-1]) <= 2:
        return value[1:-1]
    return value


def product_in(text: str, *, common: Collection[str]) -> str:
    """A product named in running text ("happens with the FortiGate 60F"), or nothing.

    Only what looks like a proper name counts, and none of the `common` words (PSAs, distributors, the company's own
    product, and the things the knowledge is about), in lower case.
    """
    for match in _SENTENCE_PRODUCT.finditer(text[:2_000]):
        name = match["value"]
        end = _END_OF_NAME.search(name)
        name = (name[: end.start()] if end else name).strip().strip("\"“”'`*_:")
        fits = 2 <= len(name) <= _LONGEST_NAME and words(name) <= 8 and _PROPER.search(name) and not _COUNT.match(name)
        if fits and fold(name) not in common and fold(name.split()[0]) not in common:
            return name
    return ""


def named(text: str) -> str:
    """The value of "it's called X" and "the product is X", when that is all the message says."""
    match = _NAMED.match(text.strip())
    return match["value"].strip().rstrip(".!") if match else ""


_ACTUALLY: Final = later.pattern(
    r"\b(?:the )?(?P<what>product|error)(?: name| message| text)? (?:was|is) (?:actually|really|in fact)[: ]+(?P<value>[\s\S]+)$",
    re.IGNORECASE,
)


def change_of(text: str) -> Details:
    """The correction that a message asks for: "change the product to X"."""
    match = _CHANGE.match(text.strip())
    if match is None:
        told = _ACTUALLY.search(text.strip()[:2_000])
        if told is None or words(fold(text[: told.start()])) > 12:
            return Details()
        value = _unquoted(told["value"].strip(), "")
        return Details(product=product_of(value)) if told["what"].lower() == "product" else Details(error=value)
    what = (match["what"] or match["what2"] or match["what3"] or match["what4"] or "").lower()
    value = match["value"].strip()
    value = value[:-1] if len(value) > 2 and value[-2] in "\"”'" and value[-1] in "?." else value
    value = value[1:-1] if len(value) > 2 and value[0] in "\"“'" and value[-1] in "\"”'" else value
    return Details(product=product_of(value)) if what.startswith("product") else Details(error=value)


def meant(text: str) -> str:
    """What a correction puts in place of what was said before, where it does not say of which field: "I meant the X"."""
    match = _MEANT.match(text.strip())
    if match is None:
        return ""
    value = product_of((match["value"] or match["value2"]).strip().rstrip("!").strip('"“”'))
    plain = _NOT_THAT.sub("", value)
    contrasted = plain != (match["value"] or match["value2"]).strip() and words(plain) <= 6
    return plain if _is_name(plain) or (contrasted and not _SAID.search(plain)) else ""


def restated(text: str) -> Details:
    """A field that is told once more after a "sorry": a correction if it was told before."""
    match = _RESTATED.match(text.strip())
    if match is None:
        return Details()
    value = _unquoted((match["value"] or match["value2"]).strip(), "")
    product = (match["what"] or match["what2"]).lower().startswith("product")
    return Details(product=product_of(value)) if product else Details(error=value)
