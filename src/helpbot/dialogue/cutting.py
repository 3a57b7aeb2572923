"""What of a message may be a value of the form: the pieces that patterns propose, and the ones that were learnt.

The patterns know labels, frames and quotation marks; which of their proposals, or what other piece, is meant here is
for `understanding.marks` to say, which has learnt it from the operator's marked messages.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from helpbot import later
from helpbot.dialogue import phrases
from helpbot.dialogue.details import Details, change_of, in_sentence, labelled, meant, product_in
from helpbot.dialogue.values import code_around, error_of, product_of
from helpbot.later import dataclass

if TYPE_CHECKING:
    from helpbot.understanding.marks import Mark, Marks

__all__ = [
    "SENTENCES",
    "SURE",
    "Cut",
    "announces",
    "cut",
    "error_told",
    "fills_nothing",
    "from_each_sentence",
    "is_bare",
    "is_half_said",
    "is_label",
    "labelled_behind",
    "proposals",
]

SENTENCES: Final = later.pattern(r"[.!?;…]+(?:\s+|$)|\n+")


# Words of the user's own in front of an error message, up to a colon; `Error:` itself belongs to the message.
_LEAD_IN: Final = later.pattern(
    r"^(?=[^\n]{0,120}?\b(?:i|we|my|our|it|it's|another|new|different|here|following|what|now|this|that|also|says)\b)[^:\n\"]{3,120}: +(?=\S)",
    re.IGNORECASE,
)
_IN_QUOTES: Final = later.pattern(r"\"([^\"\n]{8,500})\"|“([^”\n]{8,500})”")


def error_told(text: str) -> str:
    """The error message in a text that tells it: in quotation marks, or behind a colon; nothing if it is not so told."""
    quoted = [next(filter(None, match.groups())) for match in _IN_QUOTES.finditer(text[:2_000])]
    if len(quoted) == 1 and phrases.words(quoted[0]) >= 2:
        return str(quoted[0])
    lead = _LEAD_IN.match(text[:2_000])
    return text[lead.end() :].strip() if lead else ""


def from_each_sentence(text: str) -> list[str]:
    """All of the text, then what is left behind each of its first sentences."""
    starts = [0, *(match.end() for match in SENTENCES.finditer(text[:300]))]
    starts += [
        match.end()
        for match in re.finditer(r"[,;:] +(?=(?:please )?(?:change|correct|set|update) (?:the|my) )", text[:300])
    ]
    return [text[start:] for start in starts if text[start:].strip()]


def labelled_behind(text: str) -> Details:
    """Fields behind labels that come after something else was said: "It still fails. Product: X"."""
    if "\n" in text or len(text) > 500:
        return Details()
    rest = from_each_sentence(text)[1:]
    return next(filter(None, (labelled(each, lone_error_label=True) for each in rest)), Details())


def proposals(text: str) -> Mapping[str, str]:
    """The pieces of a text that each pattern takes for a value, by the pattern's name."""
    label, behind, told, change = labelled(text), labelled_behind(text), in_sentence(text), change_of(text)
    found = {
        "product-said": product_of(text), "product-label": label.product, "product-behind": behind.product,
        "product-told": told.product, "product-change": change.product, "product-meant": meant(text),
        "product-within": product_in(text, common=frozenset()),
        "error-said": error_of(text), "error-label": label.error, "error-behind": behind.error,
        "error-told": told.error, "error-change": change.error, "error-quoted": error_told(text),
    }  # fmt: skip
    return {name: piece.strip() for name, piece in found.items() if piece and piece.strip() and piece in text}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """What was cut out of a message. `…_sure` (0 to 1): that the field is given at all; `nothing`: that none is."""

    product: str = ""
    error: str = ""
    product_sure: float = 0.0
    error_sure: float = 0.0
    nothing: float = 0.0

    def details(self, least: float) -> Details:
        """The values that are at least so sure."""
        return Details(
            product=self.product if self.product and self.product_sure >= least else None,
            error=self.error if self.error and self.error_sure >= least else None,
        )


SURE: Final = 0.8  # how sure of a value one is to be that is taken before anything else is looked for
_PLAIN: Final = 0.3  # the least share of a piece among all that could be cut out


def cut(text: str, asked: str, mark: Callable[[str, str], Marks | None]) -> Cut | None:
    """The values that a message gives, as they were learnt to be cut out; None where nothing was learnt."""
    marks = mark(text, asked)
    if marks is None:
        return None

    def piece(found: Mark | None, absent: float, *, whole: bool) -> tuple[str, float]:
        if found is None or found.sure < _PLAIN:
            return "", 0.0
        if whole and (code := code_around(text, found.start)):
            return code, 1.0 - absent
        start, end = (_own_start(text, found.start), _own_end(text, found.end)) if whole else (found.start, found.end)
        return _inside_quotes(text, start, end), 1.0 - absent

    product, product_sure = piece(marks.product, marks.no_product, whole=False)
    error, error_sure = piece(marks.error, marks.no_error, whole=True)
    return Cut(
        product=product, error=error, product_sure=product_sure, error_sure=error_sure,
        nothing=min(marks.no_product, marks.no_error),
    )  # fmt: skip


def _own_start(text: str, start: int) -> int:
    """Where an error begins with what stands before its colon, no talk and no label: "LicenceMapper: null reference"."""
    ends = [found.end() for found in _CLAUSE_END.finditer(text, max(0, start - _HEAD), start)]
    begin = ends[-1] if ends else 0 if start <= _HEAD else start
    head = text[begin:start].strip()
    own = head.endswith(":") and not _SAYS.search(head) and not is_label(head)
    return begin + len(text[begin:start]) - len(text[begin:start].lstrip()) if own else start


def _own_end(text: str, end: int) -> int:
    """Where it ends with a code in brackets right behind it, at the end of the line."""
    behind = _CODE_BEHIND.match(text, end)
    return behind.end() if behind and is_bare(behind[0], "") else end


_HEAD: Final = 120  # characters before a colon
_CLAUSE_END: Final = later.pattern(r"\n|[,.;!?] ")
_CODE_BEHIND: Final = later.pattern(r" ?(?:\([^()\n]{1,40}\)|\[[^\[\]\n]{1,40}\]|<[^<>\n]{1,40}>)(?=[\s.,;!]*(?:\n|$))")
_SAYS: Final = later.pattern(
    r"\b(?:i|i'm|we|my|our|you|it|it's|this|that|these|here|he|she|they|says?|said|shows?|reads?|gives?|gave|gets?|got|see|saw|pasted?|copy|copied|wrote|writes|following|below|is|was|now|exact|full|ok|okay|so|well|sorry|steht|dit|zegt|sagt|hier|voici)\b",
    re.IGNORECASE,
)


# Words that people say to somebody and that neither names nor what programs print begin or end with.
_TALK: Final = later.pattern(
    r"(?<![\w.@/-])(?:i|i'm|im|we|we're|my|our|you|your|u|it|it's|its|that's|thats|this|these|he|she|they|is|are|was|were|be|has|have|had|did|does|do|get|gets|got|see|say|says|said|shows?|reads?|gives?|gave|called|named|mean|meant|think|guess|please|pls|plz|kindly|thanks|thx|thank|sorry|sry|hi|hello|hey|dear|ok|okay|yes|yeah|so|oh|ah|uh+|um+|well|sure|regards|cheers|only|just|also|always|never|still|now|today|yesterday|because|but|when|what|which|where|why|how|sir|about|affected|put|happens?|then|here|there|wait|no|not|from|since|other|same|whole|thing|stuff|maybe|probably|actually|de|het|een|wij|ik|das|der|die|wir|ich|bei|nur|es|le|la|les|nous|je|el|los|det|den|vi|jag|jeg)\b",
    re.IGNORECASE,
)
_NAMED_FIELD: Final = later.pattern(
    r"\b(?:products?|item|device|sku|part|art|error|err|message|msg|fehler(?:meldung)?|foutmelding|erreur|produkt|produit|producto)(?: (?:name|no|nr|number|text|message))?\s*[:=.-]",
    re.IGNORECASE,
)


def is_bare(text: str, piece: str, *, labels: bool = True) -> bool:
    """Whether nothing is said around the piece: what is left is no talk, and so rather belongs to the value.

    With `labels` a field's label counts as talk: "Error: X".
    """
    rest = text.replace(piece, " ", 1) if piece else text
    return not _TALK.search(rest) and not (labels and _NAMED_FIELD.search(rest))


def is_label(text: str) -> bool:
    """Whether it is nothing but a field's label: `Error:`, "the message -"."""
    return bool(_LABEL_ALONE.fullmatch(text.strip()))


_LABEL_ALONE: Final = later.pattern(
    r"[*_`>#\- ]*(?:(?:the|full|exact|complete|my|our|new|actual) ){0,3}(?:products?|item|device|sku|error|err|message|msg|fehler(?:meldung)?|foutmelding|erreur|text)(?: (?:name|message|text|msg|code|shown))?[*_`]*\s*[:=.-]+",
    re.IGNORECASE,
)


def announces(line: str) -> bool:
    """Whether a line ends by saying that a value comes behind it: "the error was actually", "the toast shows"."""
    return bool(_ANNOUNCES.search(line))


def is_half_said(text: str) -> bool:
    """Whether it is nothing but the words in front of a value, which comes with the next message: "product is"."""
    return bool(_HALF_SAID.fullmatch(text.strip()))


_LEAD: Final = r"(?:product|item|device|error|message|it|this|one)(?: name| message| text)?(?: is| was| says| said| reads|'s|’s)(?: actually| now| really| just| the| a| an| this)?"
_ANNOUNCES: Final = later.pattern(rf"\b(?:{_LEAD}|shows|says|said|reads)$", re.IGNORECASE)
_HALF_SAID: Final = later.pattern(rf"(?:the |my |our )?(?:affected )?{_LEAD}[ :.…-]{{0,5}}", re.IGNORECASE)
_QUOTES: Final = {'"': '"', "'": "'", "“": "”", "‘": "’", "`": "`", "«": "»", "„": "“"}


def _inside_quotes(text: str, start: int, end: int) -> str:
    """The piece without a quotation mark whose other half stands just outside of it."""
    if end - start > 1 and _QUOTES.get(text[start - 1 : start]) == text[end - 1]:
        end -= 1
    elif end - start > 1 and _QUOTES.get(text[start]) == text[end : end + 1]:
        start += 1
    return text[start:end]


_CALL_ME: Final = later.pattern(r"(?:\+|00|0)[\d ()/.-]{7,22}")


_SOUND: Final = later.pattern(r"u+h+|u+m+|h+m+|er+m*|a+h+|o+h+|e+h+m*|m+h*m*", re.IGNORECASE)
_SOUNDS: Final = 4  # in a row


def fills_nothing(text: str) -> bool:
    """Whether it can be no value: a sign without a letter or digit, a sound, or a telephone number."""
    whole = text.strip()
    spoken = re.findall(r"\w+", whole[: _SOUND_LENGTH + 1])
    if len(whole) <= _SOUND_LENGTH and len(spoken) <= _SOUNDS and all(map(_SOUND.fullmatch, spoken)):
        return True
    digits = sum(character.isdigit() for character in whole)
    return not any(map(str.isalnum, whole)) or bool(digits >= _CALL_DIGITS and _CALL_ME.fullmatch(whole))


_CALL_DIGITS: Final = 9
_SOUND_LENGTH: Final = 24  # characters
