"""Turns about a case that is open: its news, its corrections, the address to answer to."""

from __future__ import annotations

from dataclasses import replace

from helpbot.dialogue import acts
from helpbot.dialogue.actions import ChangeCase, Say, TellAgents
from helpbot.dialogue.conversation import Conversation
from helpbot.dialogue.escalating import details_unasked
from helpbot.dialogue.turn import Step, Turn, state_of, tell, with_case
from helpbot.messages import (
    CaseCard,
    Field,
    Outcome,
    Reply,
    Text,
)

__all__ = ["address_given", "corrected", "corrected_beside", "corrected_unasked", "details_again", "news"]


def details_again(now: Conversation, act: acts.GaveDetails, turn: Turn) -> Step:
    """Details for a case that is open: the same ones change nothing, others correct it."""
    case = now.open_case
    assert case is not None
    product = act.product if act.product not in (None, case.product_name) else None
    error = act.error if act.error not in (None, case.error_message) else None
    if product is None and error is None:
        return Step(conversation=now, actions=(state_of(now, case, "case_same", turn),))
    return corrected(now, acts.Corrected(product=product, error=error), turn)


def corrected(now: Conversation, act: acts.Corrected, turn: Turn) -> Step:
    """A field of the open case is changed."""
    case = now.open_case
    assert case is not None
    changes: dict[str, str] = {}
    said: list[str] = []
    for name, value in ((Field.PRODUCT_NAME, act.product), (Field.ERROR_MESSAGE, act.error)):
        if value is not None:
            changes |= {name.value: value, f"{name.value}_given": "true"}
            said.append(turn.world.replies.say("case_corrected", number=case.number, field=name.value, value=value))
    if act.product is not None:
        now = with_case(now, case, product_name=act.product, product_name_given=True)
    if act.error is not None:
        now = with_case(now, case, error_message=act.error, error_message_given=True)
    text = "\n".join(said)
    card = next(each for each in now.cases if each.id == case.id)
    reply = Reply(
        outcome=Outcome.ESCALATE,
        text=text,
        parts=(
            Text(text=text),
            CaseCard(
                number=card.number,
                state=card.state.value,
                product_name=card.product_name,
                error_message=card.error_message,
            ),
        ),
    )
    what = "The user corrected " + " and ".join(
        name.replace("_", " ") for name in changes if not name.endswith("_given")
    )
    return Step(
        conversation=now,
        actions=(
            ChangeCase(case_id=case.id, changes=changes, what=what),
            TellAgents(case_id=case.id, text=what, kind="corrected"),
            Say(reply=reply),
        ),
    )


def corrected_unasked(now: Conversation, act: acts.Corrected, turn: Turn) -> Step:
    """A correction where nothing is open: taken as details for a case that is wanted."""
    return details_unasked(now, acts.GaveDetails(product=act.product, error=act.error), turn)


def news(now: Conversation, act: acts.Act, turn: Turn) -> Step:
    """How is my case, and what does it hold?"""
    case = now.open_case or (now.cases[-1] if now.cases else None)
    if case is None:
        return Step(conversation=now, actions=(tell(now, turn.world, Outcome.CLARIFY, "greeted"),))
    if isinstance(act, acts.NewsWanted) and act.recall:
        said = tell(
            now,
            turn.world,
            Outcome.ESCALATE,
            "case_recalled",
            number=case.number,
            product_name=case.product_name,
            error_message=case.error_message,
        )
        return Step(conversation=now, actions=(said,))
    return Step(conversation=now, actions=(state_of(now, case, "case_state", turn),))


def address_given(now: Conversation, act: acts.AddressGiven, turn: Turn) -> Step:
    """An address to be answered at; it counts as unverified."""
    case = now.open_case
    assert case is not None
    now = replace(now, email=act.email)
    change = ChangeCase(case_id=case.id, changes={"email": act.email}, what="The user left an e-mail address")
    return Step(
        conversation=now,
        actions=(
            change,
            tell(now, turn.world, Outcome.ESCALATE, "address_noted", email=act.email, number=case.number),
        ),
    )


def corrected_beside(now: Conversation, act: acts.Corrected, turn: Turn) -> Step:
    """A correction beside another question: of the open case if there is one."""
    return corrected(now, act, turn) if now.open_case else corrected_unasked(now, act, turn)
