"""Find the case's two fields in what people type, and cut them out exactly as they stand there.

A value is always a piece of the user's own text, never rewritten: line ends, markup and odd characters stay.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from helpbot.dialogue.phrases import fold, words

__all__ = ["Details", "change_of", "email_in", "in_sentence", "labelled", "named", "product_in"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """What a message holds of the form; None where it holds nothing."""

    product: str | None = None
    error: str | None = None

    def __bool__(self) -> bool:
        return self.product is not None or self.error is not None


_PRODUCT: Final = r"(?:affected |the |my |our )*(?:products?(?:[ _-]?names?)?|items?|device|produkt|produit|producto)(?: name)?(?: affected| concerned)?"
_ERROR: Final = r"(?:the |full |exact |complete |my |our )*(?:error(?:[ _-]?(?:messages?|text|msg|string))?|(?:err|error)?msg|message|fehler(?:meldung)?|foutmelding|(?:message d')?erreur|mensaje de error)(?: shown| text)?"
_LABEL: Final = re.compile(
    rf"^[ \t>*_#-]*[`*_\"']*(?:(?P<product>{_PRODUCT})|(?P<error>{_ERROR}))[`*_\"']*[ \t]*(?::|=|=>|->)[`*_]*[ \t]?",
    re.IGNORECASE | re.MULTILINE,
)
_INLINE: Final = re.compile(
    rf"(?:^|[\s,;|/(]|\band\b)(?:(?P<product>{_PRODUCT})|(?P<error>{_ERROR}))[`*_\"']*[ \t]*(?::|=)[ \t]?",
    re.IGNORECASE,
)
_FENCE: Final = re.compile(r"^\s*(?:```|~~~)[\w+-]*[ \t]*\n?|\n?[ \t]*(?:```|~~~)[ \t]*$")
_JSON_PRODUCT: Final = ("product_name", "productname", "product", "item", "product name", "affected_product")
_JSON_ERROR: Final = ("error_message", "errormessage", "error", "message", "error message", "msg", "detail")

# As in: it's the Lenovo T14 and the error is … / the error says … and the product is …
_SENTENCE_ERROR: Final = re.compile(
    r"(?:^|[\s,.;(-])(?:and |with |gives? |shows? |i (?:get|see|got) |we (?:get|see|got) )?(?:the |an? |this |following |full |exact |same |my |our )*(?:error(?: message| text| code)?|message)"
    r"(?: (?:that )?(?:i|we) (?:get|see|got|have))?(?: (?:is|was|says|said|reads|shows|states|being|goes))?(?: (?:this|as follows))?[ \t]*(?P<mark>[:=\"“'‘`]|(?<=is )|(?<=says )|(?<=reads )|(?<=was )|(?<=said ))[ \t]*",
    re.IGNORECASE,
)
_SENTENCE_PRODUCT: Final = re.compile(
    r"(?:^|[\s,.;(])(?:(?:the )?(?:affected )?product(?: name)?(?: (?:is|was)(?: (?:called|named))?|'s)|(?:it(?:'s|’s| is)|this is|that(?:'s| is|’s))(?: about| for| with| on)?(?= (?:the|our|my|a|an) )|"
    r"(?:it |this |that )?(?:happens?|occurs?|fails?|appears?|concerns?|affects?|comes up|goes wrong|is|was)(?: only| just| always| mainly)? (?:with|for|on|when (?:i|we) (?:quote|order|sync|add|use)))"
    r" (?:(?:the |our |my |a |an |product |item |all |called |named )*)(?P<value>[^\n]+)",
    re.IGNORECASE,
)
_NAMED: Final = re.compile(
    r"^(?:(?:it|the product|product(?: name)?|this|that)(?:'s|’s| is)? (?:called|named)|(?:the )?(?:affected )?product(?: name)? (?:is|was)|(?:it|this|that)(?:'s|’s| is)) (?:(?:the|our|my|a|an) )?(?P<value>[^\n]+)$",
    re.IGNORECASE,
)
_END_OF_NAME: Final = re.compile(
    r"(?:[,;.!?](?:\s|$)| (?:and|but|when|while|because|since|after|before|with (?:the |an? )?(?:error|message)|which|that|where|if|as soon|every|again|whenever|is|was|fails?|does|gives?|shows?|can't|cannot|won't|today|yesterday|now|please|thanks|in (?:the |our |my |a )?(?:quote|order|sync|cart|procurement)|to (?:autotask|connectwise|halopsa|halo)|into|from) | (?:please|thanks|today|now)$)",
    re.IGNORECASE,
)
_PROPER: Final = re.compile(r"[A-Z0-9][A-Za-z]*[A-Z0-9]|[A-Za-z]+[-]?\d|\d+[A-Za-z]|^[A-Z][a-z]+(?: [A-Z0-9][\w.-]*)+")
_CHANGE: Final = re.compile(
    r"^(?:please |pls |can you |could you |sorry,? |no,? |wait,? |oops,? |actually,? |correction[:,]? |i (?:want|need|would like) to |i'd like to |let me |hm+,? )*"
    r"(?:(?:change|correct|set|update|make|replace|edit|fix|rename|switch)(?: the| my| our)? (?P<what>product(?: name)?|error(?: message| text)?|message)(?: name)?(?: of (?:the|my) case)?(?: to(?: be)?| into| as| with|:|=| is| should be)+\s*[:=]?\s*"
    r"|(?:the |my )?(?:correct |right |real |actual )?(?P<what2>product(?: name)?|error(?: message)?)(?: name)? (?:is|was|should be|must be)(?: actually| really| in fact| not .{1,80}?(?:,|;|but))\s*(?:it(?:'s| is) |is )?\s*"
    r"|(?:wrong|not the right|incorrect) (?P<what3>product(?: name)?|error(?: message)?)(?:[,;:.!-]+\s*|\s+)(?:it(?:'s| is| should be| was) |the (?:right|correct) one is |should be |use |i meant |i mean )?(?:the )?\s*)(?P<value>.+)$",
    re.IGNORECASE | re.DOTALL,
)
_EMAIL: Final = re.compile(
    r"(?<![\w.+-])[A-Za-z0-9][\w.+-]{0,63}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,62}[A-Za-z0-9])?\.)+[A-Za-z]{2,24}(?![\w-])"
)
_LONGEST_NAME: Final = 120  # characters of a product found in running text; typed on its own it may be any length


def email_in(text: str) -> str:
    """An address that is all, or nearly all, that the message says; else nothing."""
    found = _EMAIL.search(text)
    if found is None or len(found[0]) > 254:
        return ""
    rest = fold(text.replace(found[0], " "))
    return found[0] if words(rest) <= 8 else ""


def labelled(text: str, *, lone_error_label: bool = True) -> Details:
    """Fields that are marked as such: JSON, labels with `:` or `=`, in a code block or in a line.

    With `lone_error_label` false a capital `Error:` that begins the message counts as part of the message itself,
    as programs print it.
    """
    inner = _FENCE.sub("", text) if "```" in text or "~~~" in text else text
    found = _from_json(inner.strip())
    if found:
        return found
    matches = list(_LABEL.finditer(inner))
    kinds = {"product" if match["product"] else "error" for match in matches}
    if len(kinds) < 2:
        inline = list(_INLINE.finditer(inner))
        if len({"product" if match["product"] else "error" for match in inline}) == 2:
            matches = inline
    if not matches:
        return Details()
    if kinds == {"error"} and not lone_error_label and _is_own_prefix(inner, matches[0]):
        return Details()
    first: dict[str, str] = {}
    for number, match in enumerate(matches):
        kind = "product" if match["product"] else "error"
        if kind in first:  # an error text may itself hold lines that look like labels: the field goes on
            continue
        end = next(
            (
                later.start()
                for later in matches[number + 1 :]
                if ("product" if later["product"] else "error") not in first
                and ("product" if later["product"] else "error") != kind
            ),
            len(inner),
        )
        value = inner[match.end() : end]
        first[kind] = _trimmed(value, inline=match.re is _INLINE and end < len(inner))
    return Details(product=first.get("product") or None, error=first.get("error") or None)


def _is_own_prefix(text: str, match: re.Match[str]) -> bool:
    """Whether `Error:` is how the message itself begins rather than the user's label for it."""
    label = (match["error"] or "").strip()
    return label in {"Error", "ERROR"} and text[: match.start()].strip() == "" and "=" not in match[0]


def _trimmed(value: str, *, inline: bool) -> str:
    value = value.strip(" \t\r\n")
    if inline:
        value = re.sub(r"[\s,;|/]+(?:and)?$", "", re.sub(r"\s+and$", "", value))
    return value


def _from_json(text: str) -> Details:
    if not text.startswith("{") or len(text) > 20_000:
        return Details()
    try:
        tree = json.loads(text)
    except (ValueError, RecursionError):
        return Details()
    if not isinstance(tree, dict):
        return Details()
    named = {str(key).lower(): value for key, value in tree.items() if isinstance(value, str) and value.strip()}
    product = next((named[key] for key in _JSON_PRODUCT if key in named), None)
    error = next((named[key] for key in _JSON_ERROR if key in named), None)
    return Details(product=product, error=error) if product else Details()


def in_sentence(text: str) -> Details:
    """Fields told in a sentence: "it's the ThinkPad T14 and the error is: …", in either order."""
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
    value = _unquoted(re.sub(r"[\s,;]+(?:and|it)?$", "", value.strip()), error["mark"])
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
        name = (name[: end.start()] if end else name).strip().strip("\"“”'`*_")
        fits = 2 <= len(name) <= _LONGEST_NAME and words(name) <= 8 and _PROPER.search(name)
        if fits and fold(name) not in common and fold(name.split()[0]) not in common:
            return name
    return ""


def named(text: str) -> str:
    """The value of "it's called X" and "the product is X", when that is all the message says."""
    match = _NAMED.match(text.strip())
    return match["value"].strip().rstrip(".!") if match else ""


def change_of(text: str) -> Details:
    """The correction that a message asks for: "change the product to X"."""
    match = _CHANGE.match(text.strip())
    if match is None:
        return Details()
    what = (match["what"] or match["what2"] or match["what3"] or "").lower()
    value = match["value"].strip()
    value = value[1:-1] if len(value) > 2 and value[0] in "\"“'" and value[-1] in "\"”'" else value
    return Details(product=value) if what.startswith("product") else Details(error=value)
