"""Read what a user did as one act, given where the conversation stands.

The order of the questions asked here is the order of what matters: an exact error outweighs a "no" in front of it,
the whole message "never mind" cancels but a product of that name does not, a wish for a person is heard anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from helpbot import later
from helpbot.dialogue import details, phrases
from helpbot.dialogue.acts import (
    Act,
    AddressGiven,
    Asked,
    Cancelled,
    Chose,
    FollowedUp,
    GaveDetails,
    Greeted,
    NewsWanted,
    PersonWanted,
    SaidNo,
    SaidNone,
    SaidNothing,
    SaidYes,
    Thanked,
    WhyWanted,
    WillTry,
)
from helpbot.dialogue.conversation import Conversation, Phase
from helpbot.dialogue.cutting import (
    SENTENCES,
    SURE,
    announces,
    cut,
    error_told,
    is_bare,
    labelled_behind,
)
from helpbot.dialogue.details import Details
from helpbot.dialogue.events import UserChose, UserSaid, UserSubmitted
from helpbot.dialogue.form_reading import change_in, name_alone, product_said, solved_first, while_asking
from helpbot.dialogue.judging import (
    FAILS,
    best_confidence,
    common_words,
    diagnosed,
    exact_ones,
    is_confident,
    is_of_another,
)
from helpbot.dialogue.reacting import WEIGHTS, likely
from helpbot.dialogue.values import (
    error_of,
    unquoted,
    without_greeting,
    without_sign_off,
)
from helpbot.dialogue.world import World
from helpbot.knowledge.base import KnowledgeBase
from helpbot.messages import Field
from helpbot.understanding.diagnosis import Diagnosis, InputKind
from helpbot.understanding.speech import Heard

__all__ = ["error_below", "facet_named", "is_different", "pattern_signs", "read", "told_in"]

_ORDINALS: Final = (
    (r"1|1\.|1st|one|first|the first|#1|a|top|upper", 1), (r"2|2\.|2nd|two|second|the second|#2|b", 2),
    (r"3|3\.|3rd|three|third|the third|#3|c", 3), (r"4|4\.|four|fourth|the fourth|#4", 4),
)  # fmt: skip
_ORDINAL: Final = tuple(
    (
        later.pattern(
            rf"^(?:i (?:mean|meant|want|choose|pick|think)|it's|its|number|no\.?|nr\.?|option|choice|the|answer)?\s*(?:the )?(?:number |option )?\(?(?:{words})[).:]*(?: one| option| choice| of (?:them|these|those)| please)*$"
        ),
        number,
    )
    for words, number in _ORDINALS
)
_LAST: Final = later.pattern(r"^(?:the )?(?:last|latter)(?: one| option)?$")
_NEITHER: Final = later.pattern(
    r"^(?:(?:no|nope|sorry|hm+)[,.!]* )?(?:none|neither|no|nope|not|nothing|something else|other|another|else|no one)(?: (?:of|one|these|those|them|that|the|above|two|three|fits?|apply|applies|really|else|is|it|ones?)){0,6}$"
)
_DASHES: Final = later.pattern(r"[-–—_/]{1,10}")  # how forms on paper are left empty
_FEW: Final = 25  # words of a message that is an error and little else
_FEWEST_ALIKE: Final = 3  # words of an error that make it the same as a longer one
_HANDOVER: Final = 0.9  # the engine's confidence in a wish for a person where no phrase says so
_HANDOVER_IN_FORM: Final = 0.97  # the same where a value is asked for

_WHERE: Final = later.pattern(
    r"\b(?:where|which (?:page|menu|screen|place|path|section|article|tab|link))\b.{0,40}\b(?:that|it|this|there|toggle|setting|page|menu|option|button|switch|mapping|checkbox|flag|screen|again|find|was)\b|^where(?: exactly| is (?:that|it|this))?$|^which (?:page|menu|article|section|one)(?: was (?:that|it))?(?: again)?$|\b(?:link|path|source) (?:to|for|of) (?:that|it|this)\b|^where (?:do|can|should|must) i (?:click|go|start|look|begin)\b|^(?:the |what's the |your )?(?:source|sources|link)$|\bhow do i get there\b"
)
_WHERE_AGAIN: Final = later.pattern(
    r"^(?:(?:and|but|so|ok|sorry|wait|um+|uh+) )*(?:where|which (?:page|menu|screen|place|path|section|article|tab))\b.{0,30}\b(?:was|were) (?:that|it|this)\b|^(?:(?:and|but|so|ok|sorry) )*(?:where|which (?:page|menu|screen|place|path|section|article|tab)) (?:again|(?:is|was) (?:that|it|this))\b"
)
_TERM: Final = later.pattern(
    r"^(?:and |but |so |ok |then |then, |sorry |what about |how about |and what about )*(?:what (?:does|do|is|are|means?|would|did)|what's|meaning of|define|explain|what about|how about|and)?\s*(?:the |a |an |status |state |by |is |does |do )*[\"']?(?P<term>[\w/ &-]{2,40}?)[\"']?(?: (?:mean|means|stand for|status|then|exactly|again|stands for|tell me|do|for|here|say))*$"
)
_DETAIL: Final = later.pattern(
    r"^(?:and |but |so |ok |then |also |sorry )*(?:how (?:long|often|many|much|fast|soon|late)|how (?:do|can|should|would|could|must) (?:i|we|you|one)|when|why|who|what|which|is|are|does|do|can|will|must|should|after|until|if)\b"
)
_HOW_LONG: Final = later.pattern(
    r"^(?:and |but |so |ok |then )*how (?:long|often|many times|soon) (?:do|should|must|can|will|would|does|is) (?:i|we|it|that|this|one)(?: \w+){0,3}$"
)
_LEANS: Final = later.pattern(
    r"\b(?:it|that|this|these|those|they|them|there|then|one|ones|again|exactly|he|she|else|its|their)\b|^(?:and|but|so|also|or)\b"
)
_MEANING: Final = later.pattern(
    r"^(?:and |but |so |ok |sorry )*what (?:do you mean|does it mean|is meant|do they mean) (?:by|with) (?:the |a |an )?[\"']?(?P<term>[\w/ &-]{3,40}?)[\"']?$"
)
_ABOUT_IT: Final = later.pattern(
    r"^(?:and |but |so )?(?:(?:when|how (?:long|often|many times)) )?(?:does|will|did) (?:it|that|this|they)\b.{0,20}$"
)
_ABOUT_FACET: Final = later.pattern(
    r"^(?:and|what about|how about|same|but|for|with|on|no|not|sorry|actually|i mean|we|i|in|is it|does|oh|ah|hm|wait|also|or|it's|its|then|if|ok|okay|my mistake|correction|the same)\b|\?$|^[\w ]{1,20}$"
)
_IF_NOT: Final = later.pattern(r"^(?:and |but |so |ok |then )*(?:what )?if (?:it|that|this)\b")
_WHAT_IF: Final = later.pattern(r"^(?:and |but |so |ok |then )*(?:what )?(?:if|when|should)\b.*\?$")
_DIFFERENT: Final = later.pattern(
    r"\b(?:another|different|new|other|second|next|separate|unrelated|one more|something else)\b.{0,25}\b(?:problem|issue|question|error|thing|topic|case|matter)\b|^(?:next|also|besides|by the way|btw)\b"
)


def read(now: Conversation, event: UserSaid | UserChose | UserSubmitted, world: World) -> Act:
    """What the event means here. Every event means something: what fits nothing else is a question."""
    if isinstance(event, UserChose):
        return _choice(event.choice)
    if isinstance(event, UserSubmitted):
        return _form(event)
    folded = phrases.fold(event.text)
    if now.phase is Phase.ASKING and _DASHES.fullmatch(event.text.strip()):
        return SaidNone(words=event.text.strip())
    if not folded and not _has_sign(event.text):
        return SaidNothing(attachments=event.attachments)
    if now.phase is Phase.ASKING:
        return while_asking(now, event, folded, world)
    if now.phase is Phase.WITH_AGENT:
        return _while_agent_holds(event, folded)
    return _while_talking(now, event, folded, world)


def _has_sign(text: str) -> bool:
    """Whether a text without letters still says something: a thumb, a question mark."""
    return any(
        not character.isspace() and character.isprintable() and ord(character) > 32 for character in text
    ) and bool(re.search(r"[^\s\u200b-\u200f\u2060-\u2069\ufeff.,;:!…-]", text))


def _choice(choice: str) -> Act:
    name, _, _ = choice.partition(":")
    acts: dict[str, Act] = {
        "solved": SaidYes(), "not_solved": SaidNo(), "person": PersonWanted(), "cancel": Cancelled(), "none": Chose(choice=""),
        "news": NewsWanted(),
    }  # fmt: skip
    return acts.get(name, Chose(choice=choice))


def _form(event: UserSubmitted) -> Act:
    values = {name: value for name, value in event.values.items() if value.strip()}
    return GaveDetails(
        product=values.get(Field.PRODUCT_NAME), error=values.get(Field.ERROR_MESSAGE), note=values.get("note", ""),
        psa=values.get("psa", ""), email=values.get("email", ""), urgency=values.get("urgency", ""),
        no_product=values.get("no_product_name", ""), no_error=values.get("no_error_message", ""),
    )  # fmt: skip


def _with_error(diagnosis: Diagnosis, text: str, world: World) -> Diagnosis:
    """The diagnosis with the error as it goes into a case: all of the message where hardly anything else is said."""
    whole = text.strip()
    exact = bool(exact_ones(diagnosis))
    form = details.labelled(whole) if "\n" in whole else Details()
    if form.product and form.error and "\n" not in form.error and not phrases.is_none(phrases.fold(form.error)):
        return replace(diagnosis, error_text=form.error)
    told = ""
    if exact:  # only then is there a known error among the lines to be looked for
        told = whole if _MACHINE.fullmatch(whole) else _error_block(whole, world)
    if not told and (quoted := error_told(whole)) and exact_ones(world.diagnose(quoted, {})):
        told = quoted
    if told and (told == whole or not diagnosis.error_text or len(diagnosis.error_text) >= len(told)):
        return replace(diagnosis, error_text=told)
    if not exact and _is_told(diagnosis.error_text):
        return replace(diagnosis, error_text="")
    known = exact and phrases.words(whole) <= _FEW and not diagnosis.error_text
    mostly = diagnosis.kind is InputKind.ERROR and len(diagnosis.error_text) >= 0.5 * len(whole)
    text = whole if known or mostly else diagnosis.error_text
    if not text:
        return replace(diagnosis, error_text=whole) if _is_printed(whole) else diagnosis
    short = (known or mostly) and len(text) <= _TOLD_IN and "\n" not in text
    found = cut(text, "error", world.mark) if short else None
    if found is not None and found.error_sure >= SURE and not is_bare(text, found.error):
        return replace(diagnosis, error_text=found.error)
    return replace(diagnosis, error_text=error_of(text))


def _is_printed(text: str) -> bool:
    """Whether only a program writes so: its signs, and not a word said to anybody."""
    return bool(_PRINTS.search(text)) and "?" not in text and len(text) <= _TOLD_IN and is_bare(_VERB.sub("", text), "")


_VERB: Final = later.pattern(r"\b[A-Z]{3,}\b")  # GET is said to a server
_PRINTS: Final = later.pattern(
    r"\s(?:->|=>|::|!=|==)\s|\b\w+=[\w\"'{\[]|\b(?:HTTP|GET|POST|PUT|DELETE)[ /]\S*\d|\b0x[0-9a-fA-F]+\b"
)
_TOLD_IN: Final = 400  # characters of a message in which an error is told rather than pasted


def _error_block(text: str, world: World) -> str:
    """The one run of lines of a message that is a known error, where what stands above and below is said to us."""
    if "\n" not in text.strip() or len(text) > _BLOCKS_READ:
        return ""
    runs: list[list[str]] = [[]]
    for line in without_sign_off(text).split("\n"):
        if not line.strip() or _FENCE.match(line) or _is_said(line.strip()):
            runs.append([])
        else:
            runs[-1].append(line)
    blocks = ["\n".join(run).strip() for run in runs if run]
    known = [block for block in blocks[:_MOST_BLOCKS] if exact_ones(world.diagnose(block, {}))]
    if len(known) != 1:
        return ""
    first = details.in_lines(text)[0] if known[0] == text.strip() else ""
    if first and not exact_ones(world.diagnose(first, {})):
        return ""  # a product's name, and the error below it
    return details.labelled(known[0]).error or unquoted(known[0])


_MACHINE: Final = later.pattern(r"<[A-Za-z!?][\s\S]{0,5000}>|\{\s*\"[\s\S]{0,5000}\}")  # only a program writes so
_BLOCKS_READ: Final = 3_000  # characters
_MOST_BLOCKS: Final = 6
_FENCE: Final = later.pattern(r"\s*(?:```|~~~|[-=_*]{3,})")  # of code, or a rule across
_HEADER: Final = later.pattern(
    r"^(?:from|to|sent|date|subject|cc|von|an|betreff|van|aan|onderwerp|de|objet)\s*:", re.IGNORECASE
)


def _is_said(line: str) -> bool:
    """Whether a line of a message is a greeting, a question, a person's sentence or a mail's header."""
    greets = phrases.is_greeting(phrases.fold(line))
    told = _is_told(line) or announces(line)
    return told or line.endswith(("?", ":", ",")) or greets or bool(_HEADER.match(line))


_SENTENCE_WORDS: Final = 4
_TELLS: Final = later.pattern(
    r"\b(?:i|we|my|our|me|us|you|your|he|she|they|nobody|somebody|someone|kindly|please|sir|colleague|boss)\b",
    re.IGNORECASE,
)


def _is_told(text: str) -> bool:
    """Whether it is a person's own sentence about what goes wrong, and no message that a program shows."""
    spoken = phrases.words(text) >= _SENTENCE_WORDS or not FAILS.search(text)  # "sync failed" may be all that is shown
    small = text[:1].islower() and spoken and not re.search(r"\d|[a-z][A-Z]|[^\w\s,.!?']", text)
    tells = small or bool(_TELLS.search(text))
    return "\n" not in text and tells and not re.search(r"[\[\]{}<>=|:\"“_]|\d{3}", text)


def _while_agent_holds(event: UserSaid, folded: str) -> Act:
    if phrases.is_solved(folded):
        return SaidYes(text=event.text)
    return Asked(text=event.text, diagnosis=Diagnosis(text=event.text, kind=InputKind.QUESTION, problems=()))


def _while_talking(now: Conversation, event: UserSaid, folded: str, world: World) -> Act:
    text = event.text
    plain = diagnosed(now, text, world)
    diagnosis = _with_error(plain, text, world)
    exact = exact_ones(diagnosis)
    fresh = [name for name in exact if name not in now.offered]
    error = diagnosis.error_text if diagnosis.error_text != text.strip() else ""
    rest = text.replace(error, "\n", 1) if error else text  # "please contact support" may be the error's own words
    if fresh and error and _person_beside(rest):
        return PersonWanted(text=text, error=error)
    if not fresh and (phrases.is_person(folded) or diagnosis.handover >= _HANDOVER or _person_beside(text)):
        return PersonWanted(text=text, error=error)
    if now.open_case is not None:
        act = _about_case(now, event, folded, diagnosis, world)
    else:
        act = _behind_labels(now, text, world, known=bool(exact))
    if act is not None:
        return act
    if now.phase is Phase.CLARIFYING:
        own = phrases.looks_like_question(text) and is_of_another(now, diagnosis, world)
        picked = None if exact else _picked(now, folded, by_words=not own)
        if picked is not None:
            return picked
    if not fresh:
        act = _small_talk(now, text, folded, plain, world)
        if act is not None and not _asks_yet(act, text):
            return act
        act = _heard(now, text, folded, plain, world) or _rather(now, text, folded, plain, world)
        if act is not None and not _asks_yet(act, text):
            return act
    return _asked(now, text, folded, diagnosis, world)


def _asked(now: Conversation, text: str, folded: str, diagnosis: Diagnosis, world: World) -> Act:
    """What is no reaction: a question, by itself or about what was answered, or the product told in passing."""
    exact = exact_ones(diagnosis)
    sure = is_confident(diagnosis, world)
    if now.phase is Phase.CLARIFYING and not exact and phrases.words(folded) <= 8 and not sure:
        joined = diagnosed(now, f"{now.question}\n{text}", world)
        if best_confidence(joined) > best_confidence(diagnosis):
            return Asked(text=f"{now.question}\n{text}", diagnosis=joined)
    if now.phase is Phase.PROPOSING and now.open_case is None and not exact and not sure:
        product = _named_alone(text, world)
        if product:
            return GaveDetails(product=product, passing=True)
    if not exact and _leans_on_answer(now, text, folded, diagnosis, world):
        where = re.match(r"^(?:\w+[,.]? )?(?:where|which (?:page|menu|article|screen))\b", folded)
        return FollowedUp(text=text, kind="where" if where else "detail")
    return Asked(text=text, diagnosis=diagnosis)


def _behind_labels(now: Conversation, text: str, world: World, *, known: bool) -> Act | None:
    """A form's lines after an answer or a refusal; in one line a known error is rather asked about again."""
    if now.phase not in (Phase.PROPOSING, Phase.REFUSING):
        return None
    change = details.change_of(text)
    if change.error:  # "the error was actually …"
        return Asked(text=text, diagnosis=replace(diagnosed(now, change.error, world), error_text=change.error))
    if change.product:
        return GaveDetails(product=change.product, passing=True)
    given = details.labelled(text) if not known or "\n" in text.strip() else Details()
    given = given or labelled_behind(text)
    if not given.product or phrases.fold(given.product) in common_words(world.knowledge):
        return None
    none = given.error if given.error and phrases.is_none(phrases.fold(given.error)) else None
    return GaveDetails(product=given.product, error=None if none else given.error, none_said=none or "")


_LONGEST_FOLLOW_UP: Final = 16  # words


def _asks_yet(act: Act, text: str) -> bool:
    """Whether what was heard as a yes ends with a question, and says in no known words that it works."""
    return isinstance(act, SaidYes) and text.rstrip().endswith("?") and not phrases.is_solved(phrases.fold(text))


def _leans_on_answer(now: Conversation, text: str, folded: str, diagnosis: Diagnosis, world: World) -> bool:
    """Whether a question that is not known by itself goes on about the last answer: in its words, or with "it"."""
    if now.phase not in (Phase.PROPOSING, Phase.RESOLVED) or not now.offered:
        return False
    if not ("?" in text or phrases.looks_like_question(text)) or phrases.words(folded) > _LONGEST_FOLLOW_UP:
        return False
    if is_confident(diagnosis, world):
        return False
    among = {each.resolution for problem in diagnosis.problems for each in problem.candidates[:3]}
    return bool(among & set(now.offered)) or bool(_LEANS.search(folded)) or _shares_words(now, folded, world.knowledge)


def _shares_words(now: Conversation, folded: str, knowledge: KnowledgeBase) -> bool:
    """Whether it uses a longer word of the last answer."""
    said = set(re.findall(r"[^\W\d_]{5,}", folded))
    return any(
        word in phrases.fold(line)
        for name in now.offered
        if (found := knowledge.resolutions.get(name)) is not None
        for line in (found.cause, *(point.text for point in found.points), *(step.text for step in found.steps))
        for word in said
    )


_CALL: Final = 12  # words of a sentence that does nothing but call for a person


def _person_beside(text: str) -> bool:
    """Whether a short sentence of several calls for a person: "Person please. It's about the …"."""
    if len(text) > 1_000:
        return False
    text = without_greeting(without_sign_off(text.strip()))  # "Hi support,"
    parts = [phrases.fold(part) for part in SENTENCES.split(text) if part and part.strip()]
    return len(parts) > 1 and any(phrases.words(part) <= _CALL and phrases.is_person(part) for part in parts)


def error_below(text: str, world: World) -> str:
    """An error message in a paragraph of its own, below what is said to us."""
    above, _, below = text.strip().partition("\n\n")
    below = error_of(below)
    if not above.strip() or not below or phrases.words(phrases.fold(above)) > 40:
        return ""
    told = world.diagnose(below, {})
    announced = re.search(r"\b(?:error|message|below|says|following|log|text)\b", phrases.fold(above))
    return below if announced or told.kind is InputKind.ERROR or exact_ones(told) or FAILS.search(below) else ""


def told_in(text: str, world: World) -> Details:
    """The fields that a message which is about something else tells besides, as it was learnt; only what is sure."""
    text = without_sign_off(text)
    found = cut(text, "both", world.mark) if len(text) <= _TOLD_IN else None
    given = found.details(SURE) if found is not None else Details()
    common = common_words(world.knowledge)
    product = given.product or ""
    if product and (is_bare(text, product) or phrases.fold(product) in common or not _TELLING_NAME.search(product)):
        given = replace(given, product=None)
    return replace(given, error=None) if given.error and is_bare(text, given.error) else given


_FEW_NAMING: Final = 14  # words


def _named_alone(text: str, world: World) -> str:
    """The product that a short statement does nothing but name: "it happens with the FortiGate 60F, by the way"."""
    if "?" in text or "\n" in text.strip() or phrases.words(text) > _FEW_NAMING:
        return ""
    told = told_in(text, world)
    return told.product if told.product and not told.error else ""


# What can hardly be anything but a product: letters and digits, or two words with capitals. "Davide" and "b4" are none.
_TELLING_NAME: Final = later.pattern(r"(?=\S{3})(?:[A-Za-z]\S*\d|\d\S*[A-Za-z])|\b[A-Z][\w.-]*\s+[A-Z0-9][\w.-]*")


def _small_talk(now: Conversation, text: str, folded: str, diagnosis: Diagnosis, world: World) -> Act | None:
    """What is not a question of its own: yes, no, thanks, never mind, a follow-up."""
    if phrases.is_cancel(folded) and not exact_ones(diagnosis):  # "scrap that, now it says …"
        return Cancelled()
    if now.phase is Phase.PROPOSING and now.offered and any(pattern.match(folded) for pattern, _ in _ORDINAL):
        return FollowedUp(text=text, kind="detail")  # a number where nothing was to be chosen: a step, or the answer
    if now.phase in (Phase.PROPOSING, Phase.RESOLVED) and now.offered:
        leaning = _follow_up(now, text, folded, diagnosis, world) or _asked_within(now, text, world)
        if leaning is not None:
            return leaning
    meant = _WHAT_I_MEAN.match(text.strip())
    if meant and now.phase is not Phase.WAITING and not details.meant(text):
        return Asked(text=meant["question"], diagnosis=diagnosed(now, meant["question"], world))
    act: Act | None = None
    if now.phase in (Phase.PROPOSING, Phase.REFUSING, Phase.CLARIFYING):
        act = _reaction(now, text, folded, diagnosis, world)
    elif now.phase is Phase.WAITING:
        act = _beside_case(text, folded)
    if act is not None:
        return act
    if phrases.is_thanks(folded):
        return Thanked()
    if phrases.is_greeting(folded):
        return Greeted()
    return None


_WHAT_I_MEAN: Final = later.pattern(
    r"^(?:(?:no|nope|sorry|wait|hold on|hm+|oh)[, ]+){1,3}(?:what i (?:mean|meant)(?: is| was)?|my question (?:is|was)|i (?:mean|meant|wanted to (?:ask|know|say)))(?: that)?\b[:,]?\s+(?P<question>(?:\S+\s+){3,40}\S+)$",
    re.IGNORECASE,
)


def _reaction(now: Conversation, text: str, folded: str, diagnosis: Diagnosis, world: World) -> Act | None:
    """What is said to an answer, a question back or a refusal."""
    own = without_greeting(without_sign_off(text.strip()))
    short = phrases.words(own) <= _LONGEST_REACTION
    if short and now.phase is Phase.PROPOSING and (heard := world.hear(own)) is not None:
        return _helped(now, own, diagnosis, world, heard)
    told = now.tried and now.phase in (Phase.CLARIFYING, Phase.REFUSING)
    if told and short and "?" not in text and (heard := world.hear(own)) is not None:
        act = _helped(now, own, diagnosis, world, heard, least=_LIKELIEST)  # of what was told before
        if isinstance(act, SaidNo):
            return PersonWanted(text=text) if now.phase is Phase.REFUSING else act
    if phrases.is_solved(folded):
        return SaidYes(text=text)
    if now.phase is Phase.REFUSING and (phrases.is_go_ahead(folded) or (_AGREES.match(folded) and not _asks(text))):
        return SaidYes(text=text)
    if phrases.is_thanks(folded):
        return Thanked()
    if now.phase is Phase.REFUSING and phrases.words(folded) <= 6 and re.match(r"^(?:no|nope|nah)\b", folded):
        return SaidNo(text=text)
    if now.phase is Phase.PROPOSING and _says_no(text, folded):
        return SaidNo(text=text, error=_beside_no(text, diagnosis.error_text))
    if phrases.is_will_try(folded):
        return WillTry()
    return SaidYes(text=text) if phrases.is_yes(folded) else None


_LIKELIER: Final = 0.5  # the least share of a reaction that is taken for what was meant
_LIKELIEST: Final = 0.75  # the same where the message would be answered as a question of its own
_LONGEST_REACTION: Final = 60  # words
_PLEASED: Final = later.pattern(
    r"\b(?:i'?m|we'?re|he'?s|she'?s|they'?re) (?:back )?in\b|\b(?:went|came|goes|got) through\b|\bexplains\b|\bfound (?:it|both|that|them)\b|\bboth found\b|\ball (?:good|clear|sorted|set)\b|\bworks? now\b|\bhappy days\b|\bsorted\b|\b(?:ace|wunderbar|prima|perfekt|parfait|tak|tack|lekker|dat werkt)\b"
)
_FLAT_NO: Final = later.pattern(
    r"^(?:no|nope|nah|nein|nee|non)\b|^(?:that|this|it) (?:wasn't|isn't|was not|is not) (?:it|the)\b|\bso,? no$|[,.:;!] no$|^not? (?:it|fixed|solved|resolved|working|good|joy|luck|change)\b"
)
_SCORN: Final = later.pattern(
    r"\bwast(?:e|ing|ed)\b|\bfor nothing\b|\b(?:useless|worthless|rubbish|garbage|nonsense)\b"
)
_NOT_SHOUTED: Final = later.pattern(r"(?:^|[.!?,] )NOT[.!]")


def _helped(
    now: Conversation, text: str, diagnosis: Diagnosis, world: World, heard: Heard, *, least: float = _LIKELIER
) -> Act | None:
    """What is said to "did this solve it?", in whatever words; None where it is rather something else."""
    if _NOT_SHOUTED.search(text) or _SCORN.search(phrases.fold(text)):
        return SaidNo(text=text)
    scores = {act: score for act, score in heard.scores.items() if act in WEIGHTS}
    shares = likely({**scores, **pattern_signs(text)})
    best = max(shares, key=lambda name: shares[name])
    wanted = _LIKELIEST if is_of_another(now, diagnosis, world) else least
    if shares[best] < wanted or best == "other":
        return None
    if best == "did_not":
        labelled = details.labelled(text).error or labelled_behind(text).error or ""
        return SaidNo(text=text, error=labelled or _beside_no(text, diagnosis.error_text))
    made: dict[str, Act] = {
        "helped": SaidYes(text=text), "person": PersonWanted(text=text), "will_try": WillTry(), "cancel": Cancelled(),
    }  # fmt: skip
    return made[best]


def pattern_signs(text: str) -> dict[str, float]:
    """What the patterns tell of a reaction, by the names of `reacting.WEIGHTS`."""
    folded = phrases.fold(text)
    length = phrases.words(folded)
    no = phrases.is_no(folded)
    said = {
        "asks": _asks(text),
        "no": _says_no(text, folded),
        "flat_no": no and bool(_FLAT_NO.match(folded)),
        "yes": phrases.is_solved(folded) or phrases.is_yes(folded) or (bool(_PLEASED.search(folded)) and not no),
        "thanks_said": phrases.is_thanks(folded),
        "will": phrases.is_will_try(folded),
        "person_said": phrases.is_person(folded),
        "short": length < _SHORT_REACTION,
        "long": length > _LONG_REACTION,
        "one": True,
    }
    return {name: float(value) for name, value in said.items()}


_SHORT_REACTION: Final = 6  # words, as bench/reactions.py counts them
_LONG_REACTION: Final = 20


_AGREES: Final = later.pattern(
    r"^(?:(?:oh|ok(?:ay)?|well|hm+|um+) )?(?:(?:yes|yeah|yea|yah?|ye|yep|yup|yh|aye|sure|ja|jo|oui|si|sí|tak|jawohl|of course|certainly|definitely|absolutely|go ahead|go for it|(?:please|pls|plz) do|do (?:so|that|it)|that would be (?:great|nice|good|kind|lovely|helpful|perfect))\b[^?]{0,200}|(?:ok(?:ay)?|k|fine|alright|please|pls)\b[^?.!;]{0,30})$"
)


def _asks(text: str) -> bool:
    """Whether it asks something."""
    return phrases.looks_like_question(text) or text.rstrip().endswith("?")


def _beside_case(text: str, folded: str) -> Act | None:
    """What is said while a case is open and nothing was asked: a bare yes does not close it, a bare no asks for news."""
    if phrases.is_solved(folded):
        return SaidYes(text=text)
    if phrases.is_thanks(folded) or phrases.is_yes(folded) or phrases.is_go_ahead(folded):
        return Thanked()
    if phrases.is_will_try(folded) or (phrases.is_no(folded) and phrases.words(folded) <= 2):
        return NewsWanted()
    return None


def _beside_no(text: str, error: str) -> str:
    """The error that came with a "no": what is left without it must still say no, or the no itself was taken for one."""
    rest = phrases.fold(text.replace(error, " ")) if error else ""
    return error if rest and phrases.is_no(rest) else ""


# What can be expected in each phase, and how far it must lead over all else.
_EXPECTED: Final[Mapping[Phase, tuple[tuple[str, ...], float]]] = {
    Phase.LISTENING: (("person", "greeting", "thanks"), 0.2),
    Phase.RESOLVED: (("person", "greeting", "thanks"), 0.2),
    Phase.CLOSED: (("person", "greeting", "thanks"), 0.2),
    Phase.CLARIFYING: (("person", "cancel", "thanks"), 0.2),
    Phase.PROPOSING: (("solved", "thanks", "not_solved", "person", "cancel", "will_try"), 0.12),
    Phase.REFUSING: (("person", "solved", "thanks", "cancel", "will_try", "not_solved"), 0.15),
    Phase.WAITING: (("solved", "thanks", "person", "news", "cancel"), 0.2),
}
_ALIKE: Final = (frozenset({"solved", "thanks"}),)
_SHORT: Final = 24  # words: longer messages tell a story, and are read for their question


def _heard(now: Conversation, text: str, folded: str, diagnosis: Diagnosis, world: World) -> Act | None:
    """What the message does, learnt from the operator's phrases; None where it is rather a question or a value."""
    expected, lead_wanted = _EXPECTED.get(now.phase, ((), 1.0))
    if not expected or phrases.words(folded) > _SHORT:
        return None
    heard = world.hear(text)
    if heard is None:
        return None
    act, lead = heard.leading(expected, _ALIKE)
    if act == "solved" and now.phase is Phase.WAITING and not phrases.tells_state(folded):
        act = "thanks"  # praise alone does not close a case
    if act == "not_solved" and now.phase is Phase.REFUSING:
        act = "person"  # what was told before did not help either
    if lead < lead_wanted or (lead < 2 * lead_wanted and is_confident(diagnosis, world)):
        return None
    made: dict[str, Act] = {
        "solved": SaidYes(text=text), "thanks": Thanked(), "not_solved": SaidNo(text=text, error=_beside_no(text, diagnosis.error_text)),
        "person": PersonWanted(text=text), "cancel": Cancelled(), "none": SaidNone(words=text.strip()), "why": WhyWanted(),
        "news": NewsWanted(), "will_try": WillTry(), "greeting": Greeted(),
    }  # fmt: skip
    return made[act]


_RATHER: Final = 0.15  # how far yes and no must lie apart where the message says nothing else that is known


def _rather(now: Conversation, text: str, folded: str, diagnosis: Diagnosis, world: World) -> Act | None:
    """A short statement after an answer that the articles know nothing about: rather a yes or a no than a question."""
    told = diagnosis.error_text or any(problem.unknown_error for problem in diagnosis.problems)
    if now.phase is not Phase.PROPOSING or told or "?" in text or phrases.words(folded) > _SHORT:
        return None
    if is_of_another(now, diagnosis, world):
        return None
    heard = world.hear(text) if not phrases.looks_like_question(text) else None
    if heard is None:
        return None
    good = max(heard.scores["solved"], heard.scores["thanks"])
    bad = heard.scores["not_solved"]
    if max(good, bad) < 2 * _RATHER or abs(good - bad) < _RATHER:
        return None
    return SaidYes(text=text) if good > bad else SaidNo(text=text)


def _says_no(text: str, folded: str) -> bool:
    """Whether it says that the answer did not help, rather than asks something in which such words occur."""
    if not phrases.is_no(folded) or _WHAT_IF.match(folded):
        return False
    if phrases.words(folded) <= 12 and not phrases.looks_like_question(text):
        return True
    return bool(
        re.match(
            r"^(?:no|nope|nah|nein|nee|that|this|it|i|we|still|same|sorry|unfortunately|did|does|tried|not|thanks|hm+|well|ok|but|wow|oh|great)\b",
            folded,
        )
    ) and not phrases.looks_like_question(text)


def _follow_up(now: Conversation, text: str, folded: str, diagnosis: Diagnosis, world: World) -> Act | None:
    """A question that leans on the last answer: another PSA, a term of it, where something is, how long it takes."""
    count = phrases.words(folded)
    if count > _LONGEST_FACET:
        return None
    folded = folded.rstrip("? ")
    facet = facet_named(folded, text, world.knowledge)
    leads = bool(_FACET_FIRST.match(folded))
    if facet and (count <= 10 or leads) and (text.rstrip().endswith("?") or count <= 4 or _ABOUT_FACET.search(folded)):
        mine = {
            value
            for name in now.offered
            for value in world.knowledge.resolutions[name].applies_to.get("psa", ())
            if name in world.knowledge.resolutions
        }
        if facet not in mine or (now.psa and facet != now.psa):
            return FollowedUp(text=text, kind="facet", value=facet)
        if count <= _FACET_ALONE and not is_of_another(now, diagnosis, world):
            return FollowedUp(text=text, kind="detail")  # what was answered is for that very one
    if count > 14 or is_different(text):
        return None
    where = count <= 12 and _WHERE.search(folded) and not _says_no(text, folded)
    if where and (_WHERE_AGAIN.search(folded) or not is_of_another(now, diagnosis, world)):
        return FollowedUp(text=text, kind="where")
    if count <= 7 and _IF_NOT.match(folded):
        return FollowedUp(text=text, kind="detail")
    meaning = _MEANING.match(folded)
    if meaning and _mentioned(now, meaning["term"], world.knowledge):
        return FollowedUp(text=text, kind="detail")
    term = _term(now, folded, world.knowledge)
    if term:
        return FollowedUp(text=text, kind="term", value=term)
    if (
        count <= 9
        and _DETAIL.search(folded)
        and (_LEANS.search(folded) or count <= 4 or _HOW_LONG.match(folded))
        and (_ABOUT_IT.match(folded) or _HOW_LONG.match(folded) or not is_of_another(now, diagnosis, world))
    ):
        return FollowedUp(text=text, kind="detail")
    return None


_FACET_FIRST: Final = later.pattern(
    r"^(?:and|but|so|what about|how about) (?:how|what|does|is|if|when|with|for|on|in|do)\b"
)
_FACET_ALONE: Final = 3  # words
_LONGEST_FACET: Final = 20  # words


def _asked_within(now: Conversation, text: str, world: World) -> Act | None:
    """The follow-up that one of several sentences asks, where the others say no no."""
    spoken = _SMILEY.sub(". ", text[:_READ_FOR_ASKING])
    parts = [part.strip() for part in _SENTENCE.findall(spoken) if part.strip()]
    asking = [part for part in parts if part.endswith("?")]
    if len(parts) < 2 or len(parts) > _FEW_SENTENCES or len(asking) != 1:
        return None
    if any(phrases.is_no(phrases.fold(part)) for part in parts if part not in asking):
        return None
    part = asking[0]
    return _follow_up(now, part, phrases.fold(part), diagnosed(now, part, world), world)


_SMILEY: Final = later.pattern(r"\s[:;]-?[()DPp](?=\s)")
_SENTENCE: Final = later.pattern(r"[^.!?\n]+[.!?]*")
_READ_FOR_ASKING: Final = 500  # characters
_FEW_SENTENCES: Final = 4


def _mentioned(now: Conversation, term: str, knowledge: KnowledgeBase) -> bool:
    """Whether the last answer holds these words."""
    found = (knowledge.resolutions[name] for name in now.offered if name in knowledge.resolutions)
    return any(
        term in phrases.fold(line)
        for each in found
        for line in (
            each.cause,
            *(f"{point.term} {point.text}" for point in each.points),
            *(s.text for s in each.steps),
        )
    )


def _term(now: Conversation, folded: str, knowledge: KnowledgeBase) -> str:
    """The term of the last answer that the text asks about, as the answer writes it."""
    match = _TERM.match(folded)
    if match is None:
        return ""
    asked = match["term"].strip()
    for name in now.offered:
        resolution = knowledge.resolutions.get(name)
        for point in resolution.points if resolution else ():
            if point.term and asked and asked in (phrases.fold(point.term), *phrases.fold(point.term).split("/")):
                return point.term
    return ""


def _about_case(now: Conversation, event: UserSaid, folded: str, diagnosis: Diagnosis, world: World) -> Act | None:
    """What a user says about a case that is open: news, corrections, solved, the same again."""
    case = now.open_case
    assert case is not None
    change = change_in(now, event.text, world)
    if change and (now.phase is Phase.WAITING or not phrases.is_no(folded)):  # "no, not that either. It's with …"
        return change
    given = details.labelled(event.text)
    if given:
        return GaveDetails(product=given.product, error=given.error)
    if now.phase is Phase.WAITING and not case.error_message_given and (late := told_in(event.text, world).error):
        return GaveDetails(error=late)
    if (
        now.phase is Phase.WAITING
        and not case.product_name_given
        and (late := name_alone(event.text, world) or told_in(event.text, world).product)
    ):
        return GaveDetails(product=late)
    if now.phase is Phase.WAITING and (name := product_said(event.text)):
        return GaveDetails(product=name)
    if phrases.is_solved(folded) or (now.phase is Phase.WAITING and solved_first(event.text)):
        return SaidYes(text=event.text)
    address = details.email_in(event.text)
    if address:
        return AddressGiven(email=address)
    if now.phase is Phase.WAITING and phrases.is_recall(folded):
        return NewsWanted(recall=True)
    if now.phase is Phase.WAITING and phrases.is_news(folded):
        return NewsWanted()
    if now.phase is Phase.WAITING and phrases.is_none(folded):
        return GaveDetails()
    if now.phase is Phase.WAITING and _says_again(event.text, case.product_name, case.error_message):
        return GaveDetails()
    same = {phrases.fold(case.error_message), phrases.fold(case.product_name), phrases.fold(now.question)}
    if now.phase is Phase.WAITING and folded in same:
        return GaveDetails()
    error = phrases.fold(diagnosis.error_text)
    if now.phase is Phase.WAITING and error and (error in same or _part_of(error, case.error_message)):
        return GaveDetails()
    return None


def _says_again(text: str, product: str, error: str) -> bool:
    """Whether a message holds both fields of the case and hardly a word more."""
    if product not in text or error not in text:
        return False
    return phrases.words(phrases.fold(text.replace(error, " ", 1).replace(product, " ", 1))) <= 8


def _part_of(error: str, whole: str) -> bool:
    """Whether an error, folded, is what the case holds, which may have more words around it."""
    return phrases.words(error) >= _FEWEST_ALIKE and error in phrases.fold(whole)


def _picked(now: Conversation, folded: str, *, by_words: bool) -> Act | None:
    """A choice made by number, by name or in words."""
    labels = [
        (choice, phrases.fold(choice.label))
        for choice in now.choices
        if choice.id.startswith(("pick:", "psa:", "distributor:"))
    ]
    if not labels:
        return None
    for pattern, number in _ORDINAL:
        if pattern.match(folded) and number <= len(labels):
            return Chose(choice=labels[number - 1][0].id)
    if _LAST.match(folded):
        return Chose(choice=labels[-1][0].id)
    if _NEITHER.match(folded):
        return Chose(choice="")
    for choice, label in labels:
        if folded == label:
            return Chose(choice=choice.id)
    said = set(re.findall(r"\w+", folded))
    shared = _shared(labels)
    ranked = sorted(
        ((len(said & (set(re.findall(r"\w+", label)) - shared)), choice) for choice, label in labels),
        key=lambda pair: -pair[0],
    )
    if (
        by_words
        and phrases.words(folded) <= 12
        and ranked[0][0] > 0
        and (len(ranked) == 1 or ranked[0][0] > ranked[1][0])
    ):
        return Chose(choice=ranked[0][1].id)
    return None


def _shared(labels: Iterable[tuple[object, str]]) -> set[str]:
    """The words that stand in every label, and so tell nothing."""
    sets = [set(re.findall(r"\w+", label)) for _, label in labels]
    common = set.intersection(*sets) if len(sets) > 1 else set()
    return common | {
        "the",
        "a",
        "an",
        "is",
        "in",
        "of",
        "to",
        "and",
        "or",
        "it",
        "one",
        "about",
        "with",
        "for",
        "not",
        "has",
        "no",
    }


def facet_named(folded: str, text: str, knowledge: KnowledgeBase) -> str:
    """The one PSA that a text names as the one meant, or nothing. `AT` and its like count in capitals only."""
    named = _psas_in(folded, text, knowledge)
    if len(named) == 2:  # "Autotask, not ConnectWise"
        refused = re.search(
            r"(?:\bnot|n't(?: have| use| run)?|\bno|\binstead of|\brather than) (?:on |with |using |in |for |longer )*(\w+(?: manage| psa)?)",
            folded,
        )
        if refused:
            out = _psas_in(refused[1], refused[1], knowledge)
            named = [psa for psa in named if psa not in out]
    return named[0] if len(named) == 1 else ""


def _psas_in(folded: str, text: str, knowledge: KnowledgeBase) -> list[str]:
    found: list[str] = []
    for psa, ways in knowledge.vocabulary.facets.get("psa", {}).items():
        for way in ways:
            if len(way) <= 3:
                hit = re.search(rf"\b{re.escape(way)}\b", text) is not None
            else:
                hit = re.search(rf"\b{re.escape(way.lower())}\b", folded) is not None
            if hit:
                found.append(psa)
                break
    return found


def is_different(text: str) -> bool:
    """Whether the user says that this is about something else."""
    return bool(_DIFFERENT.search(phrases.fold(text)))
