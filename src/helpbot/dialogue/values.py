"""Cut a value out of the words that people put around it: "ok. it's about the X, please", "it says: …", a greeting.

What is returned is always a piece of the text, never rewritten; where nothing is plainly around it, all of the text.
"""

from __future__ import annotations

import re
from typing import Final

from helpbot import later
from helpbot.dialogue.phrases import fold, words

__all__ = [
    "code_around",
    "error_of",
    "is_keyboard_noise",
    "is_opening",
    "product_of",
    "unfenced",
    "unquoted",
    "without_greeting",
    "without_sign_off",
]

# Words before a name. Each needs a pause behind it, for a product may be called "Fine Art Printer" or "Thanks Mate".
_OPENING: Final = r"(?:ok(?:ay)?|k|fine|right|sure|well|alright|all right|then|so|uh+|um+|uhm|hm+|mm+|ah+|oh|er+|sorry|sry|anyway|here you go|here it is|here we go|there you go|here|good|great|hi|hello|hey|thx|thanks|thank you|tnx|cheers|one sec|let me see|let me check|got it|found it|of course|certainly|understood)"
_OPENER: Final = later.pattern(
    rf"^(?:{_OPENING}(?: (?:{_OPENING}|now|there|ji|sir|a lot|very much))*(?:[,.:;!…]+|\s+[-–—])\s+"
    r"|(?:uh+|um+|uhm|er+|ok(?:ay)? so|ok(?:ay)? then|so|then|well|and|ok(?:ay)?)\s+(?=(?:it|it's|its|the product|product|this|that|that's|we|i|the error|error|the message)\b))+",
    re.IGNORECASE,
)
_FRAME: Final = later.pattern(
    r"^(?:(?:it(?:'s|’s| is| was| concerns| happens| happened| occurs| occurred| fails| is happening| comes up)"
    r"|its(?= (?:the|a|an|our|about|for|with|on)\b)|this (?:is|concerns|happens)|that(?:'s|’s| is| would be| was)"
    r"|(?:we(?:'re|’re| are)|i(?:'m|’m| am)) (?:talking about|selling|quoting|ordering)"
    r"|(?:the |our |my )?(?:affected |concerned )?(?:product|item|device|thing|prod)(?:[ _]?name)?(?:'s|’s| is| was| would be| in question is| called| concerned is)"
    r"|(?:happens|happened|occurs|fails|only|always|mainly)(?= (?:with|on|for)\b)|(?:we|i) (?:sell|quote|order|use|mean|meant)(?= (?:the|a|an|our)\b)|(?:we|i)? ?(?:have|see|get) (?:the |this |that |an? )?(?:issue|problem|error)s?(?= (?:with|on|for)\b)|for(?= (?:the|our|my)\b)|about(?= (?:the|our|my)\b)|with(?= (?:the|our|my)\b))"
    r"(?: (?:always|only|just|mainly|mostly|actually|really))?(?: (?:about|for|with|on|called|named|when we (?:quote|order|sync|add)))?)[: ]+(?:(?:the|a|an|our|my) (?=\S))?(?:(?:(?:product|item|device) )?(?:called|named) )?(?P<value>[^\n]+)$",
    re.IGNORECASE,
)
_TAIL: Final = later.pattern(
    r"(?:(?:[,;(]|\s[-–—])\s*(?:and |but |so |because |though |if that )?(?:i|i'm|we|it|its|it's|that|which|not|sorry|sry|please|pls|thanks|thx|thank you|ta|tnx|danke|merci|bedankt|cheers|mate|every|always|as|in case|he|she|they|my mistake|my bad|the (?:one|error)|if|mixed)\b[^\n]*"
    r"|\s+(?:and|but) (?:it|i|we|the error|the message|that|they|this)\b[^\n]*|\s+(?:only|please|pls|thanks|thx|thank you|ta|tnx|tks|danke|merci|bedankt|cheers|mate|sir|madam|btw|i think|i guess|i believe|i suppose|if that helps|as i said|if you must know)[.!]*|[.!]+)$",
    re.IGNORECASE,
)
_SENTENCE_END: Final = later.pattern(r"[.!?…]\s+|\n+")
_NAME: Final = later.pattern(r"(?=.*(?:\d|[A-Z]))[^\n?]{2,80}")
_NO_NAME: Final = later.pattern(
    r"\b(?:i|i'm|you|we|it|is|are|was|were|did|do|does|have|has|not|don't|please|sorry|my|your|that|this|what|why|how)\b",
    re.IGNORECASE,
)
_PAIRS: Final = {'"': '"', "“": "”", "'": "'", "‘": "’", "`": "`", "«": "»", "„": "“"}

_SIGN_OFF: Final = later.pattern(
    r"\n\s*(?:--\s*\n|(?:(?:kind|best|warm|warmest|with (?:kind|best|friendly)|friendly|many)\s+)?(?:regards|wishes|greetings)\b|best,?\s*\n|thanks(?: in advance| a lot| so much)?\b|thank you\b|many thanks\b|thx\b|cheers\b|yours (?:sincerely|faithfully)\b|sincerely\b|mfg\b|mit freundlichen\b|viele gr(?:ü|ue)(?:ß|ss)e\b|met vriendelijke\b|groet(?:en|jes)?\b|cordialement\b|bien (?:à|a) vous\b|sent from my\b|please (?:help|advise|fix)\b)[\s\S]{0,300}$",
    re.IGNORECASE,
)
_GREETING_LINE: Final = later.pattern(
    r"^(?:hi|hiya|hello|hey|hei|hej|howdy|hallo|hoi|dear|good (?:morning|afternoon|evening|day)|namaste|bonjour|guten (?:tag|morgen)|moin|hola|greetings)\b[^\n:{}<>=]{0,80}(?:\n+|[,.!] +|: +)",
    re.IGNORECASE,
)
# A line, or the start of one, that speaks of the error below or behind it.
_LEAD: Final = later.pattern(
    r"^(?:i|we|my|our|it|here|below|another|new|now|this|that|the|getting|also|wir|ich|nous|on|je|when|while|after|what|every|and|but|so|ok|please|same|for|on|in|with)(?:'[a-z]+)?\b[^\n{}<>=\[\]\"“\d]{0,160}(?::[ \t]*\n+|:[ \t]+|\n\s*\n+|\b(?:error|message|this|below|following)[ \t]*\n+)(?=\S)",
    re.IGNORECASE,
)
_SMALL_LEAD: Final = later.pattern(r"^[a-z][a-z' ]{1,40}:[ \t]*\n+(?=\S)")  # "fine again:", and the message below
_ERROR_FRAME: Final = later.pattern(
    r"^(?:(?:the|my|our|full|exact|complete|whole|actual|correct|only|and|but|now|new)\s+)*(?:(?:error|err|message|msg|text|toast|pop-?up|screen|log|banner|notification|line)(?:[ _](?:message|text|code|msg))?|it|this|which|that|they|he|she|salesbuildr|autotask|connectwise|the bot|the system|the page)"
    r"(?:\s+(?:just|only|still|always|now|actually|literally))?(?:\s+(?:says?|said|is saying|is|was|reads?|shows?|showed|states?|goes|displays?|gives?|gave|reports?|throws?|told)|'s|’s)(?:\s+(?:me|us|now|actually|really|only|just))?(?:\s+(?:this|the following|as follows|exactly|like this|so))?(?P<mark>[ \t]*[:=][ \t]*|[ \t]*\n\s*|[ \t]+(?=[\"“'‘`«{\[<A-Z0-9]))(?P<value>\S[\s\S]*)$",
    re.IGNORECASE,
)
_CASED: Final = later.pattern(r"[\"“'‘`«{\[<A-Z0-9]")
# A language stands alone on the fence's line; Slack's text puts the block's first word right behind the fence.
_FENCE_OPEN: Final = later.pattern(r"^\s*(?:```|~~~)(?:[\w+-]*[ \t]*\n)?")
_ROWS: Final = ("qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "yxcvbnm", "azertyuiop", "qsdfghjklm")
_MOST: Final = 5_000  # characters: longer values are pastes, of which only the edges are looked at


def product_of(text: str) -> str:
    """The product's name in an answer to "which product?"; all of the text where nothing is plainly around it."""
    whole = text.strip()
    if len(whole) > 400:
        return whole
    rest = whole[_opener_end(whole) :]
    if (named := _only_name(rest)) or (named := _only_name(whole)):
        return named
    framed = _FRAME.match(rest)
    value = framed["value"] if framed else _ARTICLE.sub("", rest)
    if framed or rest != whole or _TAIL.search(value):
        cut = _TAIL.sub("", value).strip()
        value = cut if len(cut) >= 2 and (framed or _is_name(cut)) else value
    value = unquoted(value.strip()) if value != whole else whole  # quotes that are all there is are the user's own
    return value if len(value) >= 2 else whole


def is_opening(text: str) -> bool:
    """Whether it is nothing but what people say before a value: "got it", "ok so"."""
    return bool(_OPENINGS.fullmatch(text.strip()))


_OPENINGS: Final = later.pattern(rf"{_OPENING}(?: {_OPENING})*", re.IGNORECASE)
_ARTICLE: Final = later.pattern(r"^(?:the|our|my) (?=[A-Z][^\n]*[A-Z0-9])")


def _opener_end(text: str) -> int:
    match = _OPENER.match(text)
    return match.end() if match and len(text) - match.end() >= 2 else 0


def _is_name(text: str) -> bool:
    return bool(_NAME.fullmatch(text)) and words(text) <= 8 and not _NO_NAME.search(text)


def _only_name(text: str) -> str:
    """The one sentence of several that can be a name: "sorry, cat on the keyboard. Logitech Rally Bar"."""
    parts = [part.strip() for part in _SENTENCE_END.split(text) if part.strip()]
    if not 1 < len(parts) <= 3:
        return ""
    cut = [part[_opener_end(part) :] for part in parts]
    framed = [match["value"] for part in cut if (match := _FRAME.match(part))]
    if len(framed) == 1 and _is_name(name := _TAIL.sub("", framed[0]).strip()):
        return name
    cut = [_TAIL.sub("", part).strip() for part in cut]
    named = [part for part in cut if _is_name(part) and words(part) >= 2]
    others = [part for part in parts if not any(name in part for name in named)]
    return named[0] if len(named) == 1 and len(others) == len(parts) - 1 and all(map(_is_talk, others)) else ""


def _is_talk(text: str) -> bool:
    """Whether it is said to somebody rather than read off a label: begins small, or has a verb in it."""
    return text[:1].islower() or bool(_NO_NAME.search(text))


def error_of(text: str) -> str:
    """The error message in an answer to "what does it say?", without what leads to it, fences and a sign-off."""
    value = unfenced(without_sign_off(text.strip()))
    if (inside := fenced_inside(value)) and inside != value:
        return inside
    for _ in range(3):
        before = value
        value = unfenced(value[_lead_end(value) :].strip("\n"))
        framed = _ERROR_FRAME.match(value[:_MOST])
        if framed and (framed["mark"].strip() or "\n" in framed["mark"] or _CASED.match(framed["value"])):
            value = unquoted(value[framed.start("value") :])
        if value == before:
            break
    value = unfenced(value.strip())
    cut = value != text.strip()  # quotation marks that are all there is around it are the user's own
    return (unquoted(value) if cut else value) or text.strip()


_FENCED: Final = later.pattern(
    r"(?:^|\n)[ \t]*(?:```|~~~)(?:[\w+-]*[ \t]*\n)?(?P<code>[^`~]+?)\n?[ \t]*(?:```|~~~)[ \t]*(?=\n|$)"
)


def fenced_inside(text: str) -> str:
    """The one code block of a message, where all that stands around it is said to somebody; else nothing."""
    found = list(_FENCED.finditer(text[:_MOST]))
    if len(found) != 1 or len(text) > _MOST:
        return ""
    around = [line for line in (text[: found[0].start()] + "\n" + text[found[0].end() :]).split("\n") if line.strip()]
    talk = bool(around) and all(_is_talk(line.strip()) or line.rstrip().endswith((":", "?", "!")) for line in around)
    return found[0]["code"] if talk else ""


def code_around(text: str, at: int) -> str:
    """The code block that holds this place of a text, without its fences; nothing where none does."""
    if "```" not in text and "~~~" not in text:
        return ""
    return next(
        (each["code"] for each in _FENCED.finditer(text[:_MOST]) if each.start("code") <= at < each.end("code")), ""
    )


def _lead_end(text: str) -> int:
    """Where the message begins behind a greeting and a line that announces it; 0 where neither is there."""
    end = 0
    greeting = _GREETING_LINE.match(text)
    if greeting and greeting.end() < len(text):
        end = greeting.end()
    opener = _OPENER.match(text[end : end + 200])
    if opener and _ERROR_FRAME.match(text[end + opener.end() : end + _MOST]):
        end += opener.end()
    lead = _LEAD.match(text[end : end + 400]) or _SMALL_LEAD.match(text[end : end + 400])
    return end + lead.end() if lead and end + lead.end() < len(text) else end


def without_sign_off(text: str) -> str:
    """Without the regards and the name below a message."""
    found = _SIGN_OFF.search(text, max(0, len(text) - 400))
    return text[: found.start()].rstrip() if found and text[: found.start()].strip() else text


def without_greeting(text: str) -> str:
    """Without a line of greeting above a message."""
    found = _GREETING_LINE.match(text)
    return text[found.end() :].lstrip() if found and "\n" in found[0] and text[found.end() :].strip() else text


def unfenced(value: str) -> str:
    """What stands between the fences of a code block that is all of the value; else the value."""
    opened = _FENCE_OPEN.match(value)
    if not opened:
        return value
    inner = value[opened.end() :].rstrip()
    for fence in ("```", "~~~"):
        if inner.endswith(fence):
            return inner.removesuffix(fence).rstrip(" \t").removesuffix("\n")
    return value


def unquoted(value: str) -> str:
    """Without a pair of quotation marks around all of it."""
    if len(value) > 2 and _PAIRS.get(value[0]) == value[-1] and value[1:-1].count(value[-1]) == 0:
        return value[1:-1]
    return value


def is_keyboard_noise(text: str) -> bool:
    """Whether it is a hand on the keyboard: one small word that runs along a row, or cannot be spoken."""
    word = fold(text)
    if not (4 <= len(word) <= 24 and word.isalpha() and text.strip().islower()):
        return False
    runs = sum(
        any(word[at : at + 3] in row or word[at : at + 3] in row[::-1] for row in _ROWS) for at in range(len(word) - 2)
    )
    return runs >= (len(word) - 2) / 2 or not any(letter in "aeiouyäöüéèà" for letter in word)
