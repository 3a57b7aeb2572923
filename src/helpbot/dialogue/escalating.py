"""Turns of the form: what a case needs is asked for, believed, corrected, and the case is opened."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from helpbot.dialogue import acts, details, events, judging, phrases, reading
from helpbot.dialogue.actions import OpenCase, Say
from helpbot.dialogue.answering import answer_reply
from helpbot.dialogue.conversation import CaseRef, CaseState, Conversation, FieldValue, Owner, Phase
from helpbot.dialogue.following import about_answer
from helpbot.dialogue.policy import Answer, decide
from helpbot.dialogue.replies import Answer as Told
from helpbot.dialogue.replies import Replies
from helpbot.dialogue.turn import (
    Step,
    Turn,
    awaiting,
    fresh,
    hours_now,
    resting,
    state_of,
    value_of,
    with_value,
)
from helpbot.messages import (
    CaseCard,
    Choice,
    Field,
    Form,
    FormField,
    Outcome,
    Reply,
    Text,
)

__all__ = [
    "aside_answered",
    "asked_again",
    "case_opened",
    "corrected_in_form",
    "details_after_answer",
    "details_given",
    "details_unasked",
    "escalated",
    "form_waits",
    "none_given",
    "open_case",
    "person_again",
    "person_wanted",
    "why_asked",
]

_MOST_ASKINGS: Final = 2  # a field is asked for twice at most; then its absence is believed


def person_wanted(now: Conversation, act: acts.PersonWanted, turn: Turn) -> Step:
    """A person is wanted: from any phase, at once."""
    if act.error:
        now = replace(now, error=FieldValue(value=act.error, given=True))
    if now.phase in (Phase.RESOLVED, Phase.CLOSED, Phase.LISTENING) and not now.error.given:
        now = fresh(now) if now.phase is not Phase.LISTENING else now
    if act.text:
        below = reading.error_below(act.text, turn.world)
        if below and not act.error:
            now = replace(now, error=FieldValue(value=below, given=True))
        given = details.labelled(act.text) or details.in_sentence(act.text)
        given = given or reading.told_in(act.text, turn.world)
        product = (
            given.product
            or (
                not now.product.given
                and details.product_in(act.text, common=judging.common_words(turn.world.knowledge))
            )
            or ""
        )
        if product:
            now = replace(now, product=FieldValue(value=product, given=True))
        if given.error:
            now = replace(now, error=FieldValue(value=given.error, given=True))
    return escalated(now, "asked_for_person", turn)


def escalated(now: Conversation, reason: str, turn: Turn) -> Step:
    """Begin the form, unless this very problem has its case already."""
    case = now.open_case
    if case is not None and (now.phase in (Phase.WAITING, Phase.WITH_AGENT) or now.problem == case.problem):
        back = replace(now, phase=resting(now, Phase.WAITING))
        return Step(conversation=back, actions=(state_of(back, case, "case_state", turn),))
    if now.phase is Phase.ASKING:
        return _proceed(now, turn, lead=turn.world.replies.say("escalate", reason=reason))
    other = turn.world.knowledge.resolutions[now.spare[0]].title if now.spare and reason == "not_solved" else ""
    lead = turn.world.replies.say("escalate", reason=reason, other=other)
    now = replace(
        now,
        phase=Phase.ASKING,
        reason=reason,
        choices=(),
        problem=now.problem or f"person:{now.turns}",
        owner=Owner.BOT,
        product=replace(now.product, asked=0),
        error=replace(now.error, asked=0),
    )
    return _proceed(now, turn, lead=lead)


def _proceed(now: Conversation, turn: Turn, *, lead: str = "") -> Step:
    """Ask for the next thing that is missing, or open the case: a pure function of what is known."""
    missing = awaiting(now)
    if not missing:
        return open_case(now)
    name = missing[0]
    if value_of(now, name).asked >= _MOST_ASKINGS:
        value = FieldValue(value=turn.world.replies.say("not_given"), declined=True, asked=_MOST_ASKINGS)
        return _proceed(with_value(now, name, value), turn, lead=lead)
    return _ask(now, name, turn, lead=lead)


def _ask(now: Conversation, name: Field, turn: Turn, *, lead: str = "", counted: bool = True) -> Step:
    value = value_of(now, name)
    question = _question(name, turn.world.replies, again=value.asked > 0 and counted)
    if counted:
        now = with_value(now, name, replace(value, asked=value.asked + 1))
    now = replace(now, asking=name, phase=Phase.ASKING)
    text = f"{lead}\n\n{question}" if lead else question
    reply = Reply(
        outcome=Outcome.ESCALATE,
        text=text,
        awaiting=awaiting(now),
        choices=(Choice(id="cancel", label=turn.world.replies.say("label_cancel")),),
        parts=(
            *((Text(text=lead),) if lead else ()),
            Text(text=question, role="question"),
            _form_part(now, turn.world.replies),
        ),
    )
    return Step(conversation=now, actions=(Say(reply=reply),))


def _question(name: Field, replies: Replies, *, again: bool) -> str:
    return replies.say("ask_product" if name is Field.PRODUCT_NAME else "ask_error", again=again)


def _form_part(now: Conversation, replies: Replies) -> Form:
    """The form as a channel draws it: what is known is filled in."""
    return Form(
        fields=tuple(
            FormField(
                name=name,
                label=replies.say(f"label_{short}"),
                help=replies.say(f"help_{short}"),
                value=value_of(now, name).value if value_of(now, name).given else "",
                asked_now=name is now.asking,
            )
            for name, short in ((Field.PRODUCT_NAME, "product"), (Field.ERROR_MESSAGE, "error"))
        )
    )


def open_case(now: Conversation) -> Step:
    """Both fields are settled: the case is opened, and its number told by `case_opened` in the same transaction."""
    opening = replace(now, phase=Phase.OPENING, asking=None)
    wanted = OpenCase(
        product_name=now.product.value,
        error_message=now.error.value,
        product_name_given=now.product.given,
        error_message_given=now.error.given,
        reason=now.reason,
        question=now.question,
        problem=now.problem,
        tried=now.tried,
        psa=now.psa,
        email=now.email,
        note=now.context.get("note", ""),
        urgency=now.context.get("urgency", ""),
        context=now.context,
    )
    return Step(conversation=opening, actions=(wanted,))


def case_opened(now: Conversation, event: events.CaseOpened, turn: Turn) -> Step:
    """The case has its number: tell it, what it carries, and when people are there."""
    case = CaseRef(
        id=event.id,
        number=event.number,
        state=CaseState.OPEN,
        problem=now.problem,
        product_name=now.product.value,
        error_message=now.error.value,
        product_name_given=now.product.given,
        error_message_given=now.error.given,
    )
    now = replace(now, phase=Phase.WAITING, cases=(*now.cases, case), asking=None, email_asked=True)
    text = turn.world.replies.say(
        "case_opened",
        number=case.number,
        product_name=case.product_name,
        error_message=case.error_message,
        delivered=event.delivered,
        ask_address=now.channel in turn.world.manners.ask_address and not now.email,
        email=now.email,
        reachable=True,
        **hours_now(turn),
    )
    lead = text.split("\n", 1)[0]
    note = "\n".join(
        line
        for line in text.split("\n")[1:]
        if line and not line.startswith(("Product:", "Error message:")) and line not in case.error_message
    )
    card = CaseCard(
        number=case.number,
        state=case.state.value,
        product_name=case.product_name,
        error_message=case.error_message,
    )
    reply = Reply(
        outcome=Outcome.ESCALATE,
        text=text,
        parts=(Text(text=lead, role="lead"), card, *((Text(text=note, role="note"),) if note else ())),
    )
    return Step(conversation=now, actions=(Say(reply=reply),))


def details_given(now: Conversation, act: acts.GaveDetails, turn: Turn) -> Step:
    """Values for the form, stored exactly as typed; a newer error replaces an older one."""
    if act.product is not None:
        given = FieldValue(value=act.product, given=True, asked=now.product.asked, labelled=act.labelled)
        now = replace(now, product=given)
    if act.error is not None:
        now = replace(now, error=FieldValue(value=act.error, given=True, asked=now.error.asked, labelled=act.labelled))
    now = _ticked_none(now, act, turn)
    extras = {name: value for name, value in (("note", act.note), ("urgency", act.urgency)) if value}
    now = replace(now, psa=act.psa or now.psa, email=act.email or now.email, context={**now.context, **extras})
    if act.none_said and not now.error.given and now.product.settled:
        asked = replace(now.error, asked=max(1, now.error.asked))
        now = replace(now, asking=Field.ERROR_MESSAGE, error=asked)
        return none_given(now, acts.SaidNone(words=act.none_said), turn)
    return _proceed(now, turn)


def details_unasked(now: Conversation, act: acts.GaveDetails, turn: Turn) -> Step:
    """A form sent where none is open, such as one that a page shows from the start: it is a wish for a person."""
    if act.product is not None:
        now = replace(now, product=FieldValue(value=act.product, given=True))
    if act.error is not None:
        now = replace(now, error=FieldValue(value=act.error, given=True))
    now = replace(_ticked_none(now, act, turn), psa=act.psa or now.psa, email=act.email or now.email)
    return escalated(now, "asked_for_person", turn)


def details_after_answer(now: Conversation, act: acts.GaveDetails, turn: Turn) -> Step:
    """Details after an answer: told in passing they are kept for the case, if there comes to be one."""
    if not act.passing or act.product is None:
        return details_unasked(now, act, turn)
    now = replace(now, product=FieldValue(value=act.product, given=True))
    text = turn.world.replies.say("product_kept", value=act.product)
    return Step(conversation=now, actions=(Say(reply=about_answer(now, text, turn)),))


def _ticked_none(now: Conversation, act: acts.GaveDetails, turn: Turn) -> Conversation:
    """A form that says of a field that there is none is believed at once: it asked in so many words."""
    say = turn.world.replies.say
    if act.no_product and act.product is None:
        now = replace(now, product=FieldValue(value=say("none_product", words=act.no_product), declined=True))
    if act.no_error and act.error is None:
        now = replace(now, error=FieldValue(value=say("none_error", words=act.no_error), declined=True))
    return now


def none_given(now: Conversation, act: acts.SaidNone, turn: Turn) -> Step:
    """There is none: explained once, then believed and recorded in words."""
    name = now.asking or Field.PRODUCT_NAME
    words = phrases.fold(act.words)
    if (
        name is Field.PRODUCT_NAME
        and ("error" in words or "message" in words)
        and "product" not in words
        and not now.error.settled
    ):
        now = replace(
            now,
            error=FieldValue(value=turn.world.replies.say("none_error", words=act.words), declined=True, asked=1),
        )
        return _proceed(now, turn)
    short = "product" if name is Field.PRODUCT_NAME else "error"
    value = value_of(now, name)
    if value.asked >= _MOST_ASKINGS:
        recorded = turn.world.replies.say(f"none_{short}", words=act.words)
        return _proceed(with_value(now, name, FieldValue(value=recorded, declined=True, asked=value.asked)), turn)
    now = with_value(now, name, replace(value, asked=value.asked + 1))
    text = turn.world.replies.say(f"explain_{short}")
    reply = Reply(
        outcome=Outcome.ESCALATE,
        text=text,
        awaiting=awaiting(now),
        parts=(Text(text=text), _form_part(now, turn.world.replies)),
        choices=(Choice(id="cancel", label=turn.world.replies.say("label_cancel")),),
    )
    return Step(conversation=now, actions=(Say(reply=reply),))


def asked_again(now: Conversation, act: acts.Act, turn: Turn) -> Step:
    """Nothing that fills the form: ask once more, then believe that there is none."""
    files = act.attachments if isinstance(act, acts.SaidNothing) else ()
    files = files or turn.attachments
    lead = turn.world.replies.say("file_received", files=", ".join(files)) if files else ""
    return _proceed(now, turn, lead=lead)


def person_again(now: Conversation, act: acts.PersonWanted, turn: Turn) -> Step:
    """A person is asked for while the form is open: what is missing is asked for again."""
    del act
    return _proceed(now, turn, lead=turn.world.replies.say("escalate", reason="asked_for_person"))


def form_waits(now: Conversation, act: acts.Act, turn: Turn) -> Step:
    """Thanks or a moment's patience in the middle of the form: the question stays as it is."""
    say = turn.world.replies.say
    asked_when = isinstance(act, acts.NewsWanted)
    lead = say("form_news", **hours_now(turn)) if asked_when else say("take_your_time", asking=True)
    return _ask(now, now.asking or Field.PRODUCT_NAME, turn, lead=lead, counted=False)


def why_asked(now: Conversation, act: acts.Act, turn: Turn) -> Step:
    """Why the form asks."""
    del act
    name = now.asking or Field.PRODUCT_NAME
    return _ask(now, name, turn, lead=turn.world.replies.say("why", field=name.value), counted=False)


def aside_answered(now: Conversation, act: acts.Aside, turn: Turn) -> Step:
    """A question in the middle of the form is answered, and the form resumes."""
    world = turn.world
    name = now.asking or Field.PRODUCT_NAME
    decided = [decide(problem, world.policy, world.knowledge) for problem in act.diagnosis.problems]
    candidates = [decision.candidate for decision in decided if isinstance(decision, Answer)]
    if not candidates:
        return _ask(now, name, turn, lead=world.replies.say("aside_unknown"), counted=False)
    told: list[Told] = []
    for candidate in candidates[:2]:
        told.append(world.replies.answer(candidate, world.knowledge, sum(len(each.citations) for each in told)))
    resumed = _ask(now, name, turn, lead=world.replies.say("form_resumes"), counted=False)
    form = next(action.reply for action in resumed.actions if isinstance(action, Say))
    answer = answer_reply(told, min(candidate.confidence for candidate in candidates), turn)
    texts = [each.text for each in told]
    reply = replace(
        answer,
        text="\n\n".join([*texts, form.text]),
        awaiting=form.awaiting,
        choices=form.choices,
        parts=(*(part for each in told for part in each.parts), *form.parts),
    )
    return Step(conversation=resumed.conversation, actions=(Say(reply=reply),))


def corrected_in_form(now: Conversation, act: acts.Corrected, turn: Turn) -> Step:
    """A field is changed while the form is open."""
    noted: list[str] = []
    for name, value in ((Field.PRODUCT_NAME, act.product), (Field.ERROR_MESSAGE, act.error)):
        if value is not None:
            now = with_value(now, name, FieldValue(value=value, given=True, asked=value_of(now, name).asked))
            noted.append(turn.world.replies.say("noted", field=name.value, value=value))
    missing = awaiting(now)
    if missing and value_of(now, missing[0]).asked:
        return _ask(now, missing[0], turn, lead="\n".join(noted), counted=False)
    return _proceed(now, turn, lead="\n".join(noted))
