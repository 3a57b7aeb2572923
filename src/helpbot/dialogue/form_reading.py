"""Read what a user does while the form is open: gives a value, says that there is none, asks, gives up.

What was learnt from marked messages decides (`dialogue.filling`), over what was heard, what was cut out and what the
patterns say; labels, corrections and an error that the knowledge knows are taken before it is asked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from helpbot import later
from helpbot.dialogue import details, filling, phrases
from helpbot.dialogue.acts import (
    Act,
    Aside,
    Cancelled,
    Corrected,
    GaveDetails,
    NewsWanted,
    PersonWanted,
    SaidNone,
    SaidNothing,
    SaidYes,
    WhyWanted,
    WillTry,
)
from helpbot.dialogue.conversation import Conversation, Phase
from helpbot.dialogue.cutting import (
    SENTENCES,
    SURE,
    Cut,
    cut,
    fills_nothing,
    from_each_sentence,
    is_bare,
    is_half_said,
    labelled_behind,
)
from helpbot.dialogue.details import Details
from helpbot.dialogue.judging import FAILS, common_words, diagnosed, exact_ones
from helpbot.dialogue.values import (
    error_of,
    fenced_inside,
    is_keyboard_noise,
    is_opening,
    product_of,
    unfenced,
    without_greeting,
    without_sign_off,
)
from helpbot.messages import Field
from helpbot.understanding.diagnosis import Diagnosis, InputKind

if TYPE_CHECKING:
    from helpbot.dialogue.events import UserSaid
    from helpbot.dialogue.world import World
    from helpbot.understanding.speech import Heard

__all__ = ["change_in", "form_signs", "name_alone", "product_said", "solved_first", "while_asking"]

_OF_PRODUCT: Final = later.pattern(r"^(?:ok |so |and )?(?:the )?(?:affected )?product(?: name)?(?: is| was|'s)\b")
_MEANT: Final = 0.5  # the least share of all meanings that are no value, for the likeliest of them to be taken
_LIKELY: Final = 0.4  # one that is taken when they know none
_NOTHING: Final = 0.9  # a message that fills nothing
_OVER_GIVEN: Final = 0.93  # a product in place of one that was given already


def while_asking(now: Conversation, event: UserSaid, folded: str, world: World) -> Act:
    """What a message means to the form."""
    text = event.text
    about_product = _is_of_product(folded) or _has_labels(text)  # "the product is Works Now! Suite"
    if not about_product and (phrases.is_solved(folded) or solved_first(text)):
        return SaidYes(text=text)
    if not about_product and phrases.is_cancel(folded) and not exact_ones(diagnosed(now, text, world)):
        return Cancelled()
    if change := change_in(now, text, world):
        return change
    asked = _asked_for(now)
    learnt = cut(text, asked, world.mark)
    found = learnt or Cut()
    if is_half_said(text):
        return WillTry()
    if learnt is not None and fills_nothing(text):
        return SaidNothing()
    given = _behind_labels(now, text, learnt)
    if given is not None:
        return given
    if phrases.is_none(folded) and not found.details(SURE):
        return SaidNone(words=text.strip())
    if aside := _question_within(text):
        return Aside(text=aside, diagnosis=diagnosed(now, aside, world))
    diagnosis = diagnosed(now, text, world)
    if (not exact_ones(diagnosis) or "?" in text) and not (
        _is_one_long_word(text) or (now.asking is Field.PRODUCT_NAME and _is_named(text, folded))
    ):
        own = without_greeting(without_sign_off(text.strip()))
        heard = world.hear(own)
        shares = filling.likely(form_signs(own, asked, heard, found))
        beside = 1.0 - shares.pop("value")
        meant = max(shares, key=lambda name: shares[name])
        if beside >= _MEANT and not (meant == "nothing" and _says_nothing_known(text, heard)):
            return _beside_value(meant, text, folded, heard, diagnosis)
    return _value_given(now, text, learnt, diagnosis, world)


def _is_of_product(folded: str) -> bool:
    """Whether it begins by saying that it is about the product: "the product is …"."""
    return bool(_OF_PRODUCT.match(folded))


def product_said(text: str) -> str:
    """The name in "the product is X", where nothing else is said."""
    name = details.named(text) if _is_of_product(phrases.fold(text)) else ""
    return name if _may_be_name(name) else ""


def _has_labels(text: str) -> bool:
    """Whether lines of it are a form's: `Product: …`."""
    given = details.labelled(text) if ":" in text or "=" in text else Details()
    return given.product is not None and "\n" in text


def _is_one_long_word(text: str) -> bool:
    """Whether it is one word too long to be said to anybody: a key, a token, a part number."""
    word = text.strip()
    return (
        len(word) > _LONG_WORD and not any(map(str.isspace, word)) and "?" not in word and any(map(str.isalnum, word))
    )


_LONG_WORD: Final = 30  # characters


def _is_named(text: str, folded: str) -> bool:
    """Whether it is written as a name, and is no call for a person in capitals."""
    calls = phrases.is_person(folded) and not phrases.has_other_words(folded)
    return _may_be_name(text) and not calls and not phrases.is_why(folded)


_QUIET: Final = 0.35  # the most that is heard of any act where nothing is said


def _says_nothing_known(text: str, heard: Heard | None) -> bool:
    """Whether no word of it is said to anybody, in any way that was learnt: a name in another script, a code."""
    loud = max((score for act, score in heard.scores.items() if act != "other"), default=0.0) if heard else 0.0
    return is_bare(text, "") and "?" not in text and loud < _QUIET


def name_alone(text: str, world: World) -> str:
    """The product that a message is and nothing else, for a case that has none yet."""
    found = cut(text, "product", world.mark)
    if found is None or found.product_sure < SURE or "\n" in text.strip() or not _may_be_name(text):
        return ""
    return product_of(text) if phrases.fold(text) not in common_words(world.knowledge) else ""


def form_signs(text: str, asked: str, heard: Heard | None, found: Cut) -> dict[str, float]:
    """What tells what a message means to the form, by the names of `filling.WEIGHTS`."""
    folded = phrases.fold(text)
    length = phrases.words(folded)
    asks = phrases.looks_like_question(text)
    given = details.in_sentence(text)
    parts = [phrases.fold(part) for part in SENTENCES.split(text[:_PARTS_READ]) if part and part.strip()]
    parts = parts if len(parts) > 1 else []
    said = {
        "is_cancel": phrases.is_cancel(folded),
        "is_solved": phrases.is_solved(folded) or solved_first(text),
        "is_none": phrases.is_none(folded),
        "part_cancel": any(map(phrases.is_cancel, parts)),
        "part_solved": any(map(phrases.is_solved, parts)),
        "part_person": any(map(phrases.is_person, parts)),
        "piece_none": _says_none(text),
        "is_person": phrases.is_person(folded),
        "person_alone": phrases.is_person(folded) and not phrases.has_other_words(folded),
        "is_why": phrases.is_why(folded),
        "is_news": phrases.is_news(folded),
        "asks": asks,
        "asks_within": "?" in text and not text.rstrip().endswith("?"),
        "ends_asking": text.rstrip().endswith("?"),
        "is_thanks": phrases.is_thanks(folded),
        "is_waiting": phrases.is_will_try(folded) or phrases.is_greeting(folded),
        "is_no": phrases.is_no(folded),
        "is_yes": phrases.is_yes(folded),
        "of_product": _is_of_product(folded),
        "is_name": _may_be_name(text),
        "fails": bool(FAILS.search(text)),
        "told": bool(given),
        "bare": is_bare(text, ""),
        "keyboard": is_keyboard_noise(text.strip()),
        "short": length <= _FEW_WORDS,
        "long": length > _MANY_WORDS,
        "lines": "\n" in text.strip(),
        "digits": any(map(str.isdigit, text)),
        "quotes": any(sign in text for sign in '"“«`{[<_='),
        f"asked_{asked}": True,
        "one": True,
    }
    signs = {name: float(value) for name, value in said.items() if value}
    if heard is not None:
        signs |= {f"heard_{act}": score for act, score in heard.scores.items()} | {"hears": 1.0}
    if found.product_sure or found.error_sure or found.nothing:
        signs |= {"no_product": 1 - found.product_sure, "no_error": 1 - found.error_sure, "no_value": found.nothing,
                  "cuts": 1.0}  # fmt: skip
        if asked in ("product", "error"):
            signs["no_wanted"] = signs[f"no_{asked}"]
    return signs


_PARTS_READ: Final = 600  # characters
_FEW_WORDS: Final = 4
_MANY_WORDS: Final = 16


def _beside_value(meant: str, text: str, folded: str, heard: Heard | None, diagnosis: Diagnosis) -> Act:
    """The act of a message that gives no value; `meant` is one of `filling.MEANINGS`."""
    scores: Mapping[str, float] = heard.scores if heard is not None else {}
    if meant == "question":
        if phrases.is_why(folded) or scores.get("why", 0.0) > scores.get("other", 0.0):
            return WhyWanted()
        if phrases.is_news(folded):
            return NewsWanted()
        return Aside(text=text, diagnosis=diagnosis)
    if meant == "nothing":
        polite = phrases.is_thanks(folded) or phrases.is_will_try(folded) or phrases.is_greeting(folded)
        waits = max(("will_try", "thanks", "greeting", "not_solved"), key=lambda act: scores.get(act, 0.0))
        return WillTry() if polite or scores.get(waits, 0.0) >= _HEARD_WAITING else SaidNothing()
    made: dict[str, Act] = {
        "none": SaidNone(words=text.strip()), "cancel": Cancelled(), "solved": SaidYes(text=text),
        "person": PersonWanted(text=text),
    }  # fmt: skip
    return made[meant]


_HEARD_WAITING: Final = 0.4


def _value_given(now: Conversation, text: str, learnt: Cut | None, diagnosis: Diagnosis, world: World) -> Act:
    """The values of a message that gives some: learnt ones that are sure, told ones, learnt ones, all of the text."""
    exact = bool(exact_ones(diagnosis))
    if learnt is not None:
        learnt = learnt if exact else _with_name(now, learnt)
        if sure := _cut_out(now, text, learnt, least=SURE):
            return sure
    told = Details() if now.asking is Field.ERROR_MESSAGE and now.product.settled else details.in_sentence(text)
    if told:
        return GaveDetails(product=told.product, error=told.error)
    named = now.asking is Field.PRODUCT_NAME and (_may_be_name(text) or _is_of_product(phrases.fold(text)))
    plain = now.asking is Field.PRODUCT_NAME and phrases.words(text) <= _FEW_PLAIN and not FAILS.search(text)
    error_like = exact or (diagnosis.kind is InputKind.ERROR and not named and not plain)
    if learnt is not None and not now.error.settled and learnt.error_sure >= SURE > learnt.product_sure:
        shown = diagnosis.kind is InputKind.ERROR or _SHOWN.search(text)
        error_like = error_like or (bool(shown) and not named)
    if learnt is not None and not error_like:
        if likely := _cut_out(now, text, learnt, least=_LIKELY):
            return likely
        if learnt.nothing >= _NOTHING and not named and not is_bare(text, ""):
            return SaidNothing()
    return _value(now, text, diagnosis, world, error_like=error_like)


def _with_name(now: Conversation, found: Cut) -> Cut:
    """What was cut out for an error where the product is asked for and it can only be a name: "ok fine: Quote Builder"."""
    if now.asking is not Field.PRODUCT_NAME or found.product or now.product.settled or not _may_be_name(found.error):
        return found
    return Cut(product=found.error, product_sure=found.error_sure, nothing=found.nothing)


_FEW_PLAIN: Final = 6
_SHOWN: Final = later.pattern(r"\b(?:timed out|HTTP|0x[0-9a-f]+|exception)\b|\w/\w+/\w", re.IGNORECASE)


def solved_first(text: str) -> bool:
    """Whether a message of several sentences begins with the news that it works."""
    parts = [part for part in SENTENCES.split(text.strip()[:300]) if part and part.strip()]
    if len(parts) == 1:
        first, _, rest = parts[0].partition(",")
        parts = [first, rest] if rest and not _BUT.search(rest) else parts
    if len(parts) < 2 or is_opening(parts[0]):  # "got it. The …"
        return False
    return 2 <= phrases.words(parts[0]) <= 5 and phrases.is_solved(phrases.fold(parts[0]))


_BUT: Final = later.pattern(
    r"\b(?:but|only|except|until|unless|sometimes|not|no|still|again|yet|and|however|for)\b|n't\b|\?", re.IGNORECASE
)


def change_in(now: Conversation, text: str, world: World) -> Corrected | None:
    """A correction of the form or the case: of a named field, or of the product where it only says what was meant."""
    change = next(filter(None, map(details.change_of, from_each_sentence(text))), Details())
    if not change:
        again = details.restated(text)
        known = now.phase is not Phase.ASKING or (now.product.given if again.product else now.error.given)
        change = again if again and known else change
    if change:
        return _without_remark(Corrected(product=change.product, error=change.error), text, world)
    case = now.open_case
    before = now.product.value if now.phase is Phase.ASKING else case.product_name if case else ""
    if before and (name := _in_place_of(before, text)):
        return Corrected(product=name)
    name = details.meant(text)
    if not name or not before or FAILS.search(name) or phrases.is_thanks(phrases.fold(text)):
        return None
    return Corrected(product=name) if not phrases.is_thanks(phrases.fold(name)) else None


def _in_place_of(before: str, text: str) -> str:
    """What a sentence puts in the place of the product told before: "I meant the T57W, not the T54W"."""
    for part in from_each_sentence(text):
        contrast = _CONTRAST.search(part[:_CONTRASTED])
        if contrast and phrases.fold(contrast["old"].strip("\"'“”")) == phrases.fold(before):
            name = details.meant(contrast["new"]) or product_of(_MEANT_LEAD.sub("", contrast["new"].strip()))
            return name.strip('"“”') if phrases.fold(name) != phrases.fold(before) else ""
    return ""


_CONTRASTED: Final = 300  # characters
_CONTRAST: Final = later.pattern(
    r"^(?P<new>[^\n]{2,120}?)[,;]? +(?:and +|but +)?(?:not|instead of|rather than) +(?:the +|a +)?(?P<old>[^\n]{2,100}?)[.!]*$"
)
_MEANT_LEAD: Final = later.pattern(
    r"^(?:[^\n]{0,60}?\b)?(?:i (?:meant|mean)(?: to (?:say|write))?|it (?:should|must) (?:be|read|say)|it(?:'s| is| was)|should be|make it|that is)(?: actually| really)? +(?:the +|our +|my +)?",
    re.IGNORECASE,
)


def _without_remark(change: Corrected, text: str, world: World) -> Corrected:
    """A correction without what is said behind the value, as it was learnt: "to the P27h-30, looked at the wrong line"."""
    found = cut(text, "both", world.mark)
    if found is None:
        return change
    return Corrected(
        product=_pared(change.product, found.product, found.product_sure),
        error=_pared(change.error, found.error, found.error_sure),
    )


def _asked_for(now: Conversation) -> str:
    """What the form asks for, in the words of `understanding.marks`."""
    if now.asking is Field.ERROR_MESSAGE:
        return "error"
    return "product" if now.error.settled else "both"


def _cut_out(now: Conversation, text: str, found: Cut, *, least: float) -> GaveDetails | Corrected | None:
    """The values that were learnt to be cut out, as far as the form wants them; None where there are none."""
    given = found.details(least)
    product, error = given.product, given.error
    if product and error and _is_one_name(text, product, error):
        return None
    if not (product and error):  # a value that is all there is belongs to the patterns, which leave it whole
        product = None if product and is_bare(text, product) else product
        error = None if error and (is_bare(text, error) or _goes_on(text, error)) else error
    if product is not None and now.product.settled and not (now.product.declined and error is None):
        if error is None and found.product_sure >= _OVER_GIVEN and product != now.product.value and "\n" not in text:
            return Corrected(product=product)
        product = None
    if product is None and error is None:
        return None
    if error is None and product is not None and not now.error.settled:
        rest = text.replace(product, " ", 1)
        if "\n" in rest.strip() and FAILS.search(rest):
            return None  # a second line that may be the error
        if _says_none(rest):
            return GaveDetails(product=product, none_said=rest.strip(" ,.;:-\n"))
    return GaveDetails(product=product, error=error)


def _is_one_name(text: str, product: str, error: str) -> bool:
    """Whether both pieces are of one name with nothing said around them, and no word of it fails: `Rack 42U "B-stock"`."""
    shown = phrases.words(error) > 1 or FAILS.search(error) or "\n" in text.strip()
    rest = text.replace(product, " ", 1).replace(error, " ", 1)
    return not shown and is_bare(rest, "") and not _APART.search(rest)


_APART: Final = later.pattern(r"[,;:]\s|\s[-–—]\s")  # what two values stand apart by


def _goes_on(text: str, error: str) -> bool:
    """Whether lines follow the piece that are nothing said to us: a report goes on."""
    behind = text.partition(error)[2]
    return "\n" in behind.strip(" \t") and bool(behind.strip()) and is_bare(behind, "", labels=False)


_NONE_WORDS: Final = 2  # the fewest that can say that there is none


def _says_none(text: str) -> bool:
    """Whether one of the pieces between commas and stops says that there is no error."""
    pieces = [piece for piece in re.split(r"[,.;:!?\n]+", text) if phrases.words(piece) >= _NONE_WORDS]
    return any(phrases.is_none(phrases.fold(piece)) for piece in pieces)


_ASIDE: Final = later.pattern(
    r"^(?:(?:uh+|um+|hm+|ok(?:ay)?|wait|sorry|sry|hang on|hold on|one (?:thing|question|sec)|quick question|question|stop|and|but|so|well|before (?:i do|that|i answer|we go on|this|i forget|you ask)|first|btw|by the way|also|oh)[ ,:.;!-]+){1,4}"
    r"(?P<question>(?:what|where|why|how|when|which|who|can|could|does|do|did|is|are|will|would|should|may|must)\b[^\n]{3,200}\?)$",
    re.IGNORECASE,
)


def _question_within(text: str) -> str:
    """The question in a message of the form that begins with a word of pause: "hm, before that: can I …?"."""
    match = _ASIDE.match(text.strip())
    return match["question"] if match else ""


def _behind_labels(now: Conversation, text: str, learnt: Cut | None) -> GaveDetails | None:
    """Fields behind labels. Where only the error is missing, the message is rather the error."""
    only_error = now.asking is Field.ERROR_MESSAGE and now.product.settled
    given = details.labelled(text, whole_error=only_error)
    if not given and not only_error:
        given = labelled_behind(text)
    if not given:
        return None
    none = given.error if given.error and phrases.is_none(phrases.fold(given.error)) else None
    product, error = given.product, None if none else given.error
    if learnt is not None:
        product = _pared(product, learnt.product, learnt.product_sure)
        error = _pared(error, learnt.error, learnt.error_sure)
        if (
            product is None
            and learnt.product
            and learnt.product_sure >= _LIKELY
            and learnt.product not in (error or "")
        ):
            product = learnt.product  # told in the words in front of the label
    if product and error is None and not none and not now.error.settled:
        product, none = _none_beside(text, product)
    return GaveDetails(product=product, error=error, labelled=True, none_said=none or "")


def _none_beside(text: str, product: str) -> tuple[str, str]:
    """A labelled product without the sentence behind it that says there is no error, and that sentence."""
    start = text.find(product)
    if start < 0:
        return product, ""
    for end in re.finditer(r"[.!,;\n]+\s*", text[start : start + _BEHIND_LABEL]):
        behind = text[start + end.end() : start + _BEHIND_LABEL]
        if phrases.is_none(phrases.fold(re.split(r"[.!;\n]", behind, maxsplit=1)[0])):
            return text[start : start + end.start()].strip() or product, behind.strip()
    return product, ""


_BEHIND_LABEL: Final = 400  # characters


def _pared(value: str | None, piece: str, sure: float) -> str | None:
    """A labelled value without what is said behind it: "Product: X, kindly check"."""
    if value is None or not piece or piece not in value or sure < _LIKELY or is_bare(value, piece):
        return value
    return piece


_NAME_WORD: Final = later.pattern(r"[A-Z0-9(\"'][\w.+/&'()-]*|[&+/-]|of|for|the|and|with|in")


def _may_be_name(text: str) -> bool:
    """Whether it is written as names are: few words, every one with a capital or a digit, and nothing that fails."""
    tokens = text.split()
    return (
        2 <= len(tokens) <= 7
        and "\n" not in text.strip()
        and all(_NAME_WORD.fullmatch(token.strip(",")) for token in tokens)
        and not FAILS.search(text.strip())
    )


def _value(now: Conversation, text: str, diagnosis: Diagnosis, world: World, *, error_like: bool) -> Act:
    """The field's value: all of the text, unless it plainly belongs to the other field or names the value in a sentence."""
    whole = text.strip()
    if is_keyboard_noise(whole):
        return SaidNothing()
    if now.asking is Field.ERROR_MESSAGE:
        return GaveDetails(error=error_of(whole))
    if not now.error.settled and (code := fenced_inside(whole) or (whole != (bare := unfenced(whole)) and bare)):
        return GaveDetails(error=code)
    first, rest = details.in_lines(whole) if not now.error.given else ("", "")
    if first and not FAILS.search(first):
        about = diagnosed(now, rest, world)
        if (
            about.kind is InputKind.ERROR
            or exact_ones(about)
            or (not error_like and "\n" not in rest and FAILS.search(rest))
        ):
            return GaveDetails(product=first, error=rest)
    newer = bool(exact_ones(diagnosis)) and now.error.given and phrases.fold(now.error.value) not in phrases.fold(whole)
    if error_like and (newer or not now.error.settled):
        product = details.product_in(whole, common=common_words(world.knowledge))
        return GaveDetails(product=product or None, error=error_of(diagnosis.error_text or whole))
    if error_like and now.error.given and phrases.fold(whole) == phrases.fold(now.error.value):
        return SaidNothing()
    named = product_of(whole)
    name = "" if named != whole else details.meant(whole) or details.product_in(whole, common=frozenset())
    return GaveDetails(
        product=name if name and phrases.words(phrases.fold(whole)) <= phrases.words(phrases.fold(name)) + 12 else named
    )
