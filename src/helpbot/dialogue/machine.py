"""The state machine of a conversation: a table of (phase, act) and one turn for each row.

Nothing moves a conversation except a row of `TRANSITIONS`; the picture in ARCHITECTURE.md is drawn from it
(`helpbot.dialogue.draw`). A turn takes values and returns values: the next conversation, and what the desk is to do.
Every act of a user gets at least one reply, a case is never opened without both of its fields, and while an agent
holds the conversation the bot says nothing but that a message was passed on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Final

from helpbot.dialogue import acts, events, reading
from helpbot.dialogue.actions import Say
from helpbot.dialogue.after import address_given, corrected, corrected_beside, corrected_unasked, details_again, news
from helpbot.dialogue.answering import consider_beside_case, considered, picked
from helpbot.dialogue.conversation import Conversation, FieldValue, Phase
from helpbot.dialogue.escalating import (
    aside_answered,
    asked_again,
    case_opened,
    corrected_in_form,
    details_after_answer,
    details_given,
    details_unasked,
    form_waits,
    none_given,
    person_again,
    person_wanted,
    why_asked,
)
from helpbot.dialogue.events import Event
from helpbot.dialogue.following import followed
from helpbot.dialogue.holding import (
    agent_asked,
    agent_reopened,
    agent_resolved,
    agent_said,
    agent_suggested,
    claimed,
    handed_back,
    nothing_due,
    relay,
    time_passed,
)
from helpbot.dialogue.settling import (
    address_beside,
    blank,
    cancelled,
    greet,
    greeting,
    no_to_person,
    not_solved,
    patient,
    solved,
    thanked,
    yes_to_person,
)
from helpbot.dialogue.turn import Rule, Step, Turn
from helpbot.dialogue.world import World
from helpbot.errors import CallError, Code
from helpbot.messages import (
    Text,
)

__all__ = ["TRANSITIONS", "Rule", "Step", "greeting", "step"]

_Row = Callable[[Conversation, "acts.Act | Event", Turn], Step]


def step(now: Conversation, event: Event, world: World) -> Step:
    """Advance one turn: the next conversation, and what the desk is to do about it.

    Raises CallError (conflict) for what cannot be done here, such as claiming a conversation without a case;
    nothing is changed then. May be run again with the same values: it gives the same result.
    """
    if isinstance(event, events.UserSaid | events.UserChose | events.UserSubmitted):
        return _user_did(now, event, world)
    rule = TRANSITIONS.get((now.phase, type(event)))
    if rule is None:
        raise CallError(
            Code.CONFLICT, _illegal(now, event), "Look at the case again: somebody else may have acted on it"
        )
    return rule.turn(now, event, Turn(world=world, at=event.at))


def _illegal(now: Conversation, event: Event) -> str:
    what = {
        events.AgentClaimed: "claim it",
        events.AgentReplied: "reply to the user",
        events.AgentAskedFor: "ask the user",
        events.AgentSuggested: "send a fix",
        events.AgentResolved: "resolve it",
        events.AgentReopened: "reopen it",
        events.AgentHandedBack: "hand it back",
        events.CaseOpened: "open a case",
    }.get(type(event), "do that")
    return f"You cannot {what} while the conversation is {now.phase.value.replace('_', ' ')}"


def _user_did(
    now: Conversation, event: events.UserSaid | events.UserChose | events.UserSubmitted, world: World
) -> Step:
    text = event.text if isinstance(event, events.UserSaid) else ""
    attachments = event.attachments if isinstance(event, events.UserSaid) else ()
    if isinstance(event, events.UserSaid) and event.context:
        now = _with_context(now, event.context)
    act = reading.read(now, event, world)
    now = replace(now, touched=event.at, reminded=False, turns=now.turns + 1)
    done = TRANSITIONS[now.phase, type(act)].turn(
        now, act, Turn(world=world, at=event.at, text=text, attachments=attachments)
    )
    if isinstance(act, acts.Asked | acts.Aside) and act.diagnosis.cut:
        done = _with_note(done, world.replies.say("cut"))
    return done


def _with_context(now: Conversation, context: Mapping[str, str]) -> Conversation:
    """What the host page knows is kept, and fills the form until the user says otherwise."""
    merged = {**now.context, **{name: value for name, value in context.items() if value}}
    product, error = now.product, now.error
    if merged.get("product") and not product.given:
        product = FieldValue(value=merged["product"], given=True)
    if merged.get("error") and not error.given:
        error = FieldValue(value=merged["error"], given=True)
    return replace(now, context=merged, product=product, error=error, psa=now.psa or merged.get("psa", ""))


def _with_note(done: Step, note: str) -> Step:
    changed = tuple(
        replace(
            action,
            reply=replace(
                action.reply,
                text=f"{action.reply.text}\n\n{note}",
                parts=(*action.reply.parts, Text(text=note, role="note")),
            ),
        )
        if isinstance(action, Say) and number == 0
        else action
        for number, action in enumerate(done.actions)
    )
    return replace(done, actions=changed)


_P = Phase


_TALKING: Final = (_P.LISTENING, _P.CLARIFYING, _P.PROPOSING, _P.REFUSING, _P.WAITING, _P.RESOLVED, _P.CLOSED)


_ANSWERING: Final = frozenset({_P.PROPOSING, _P.CLARIFYING, _P.REFUSING, _P.WAITING})


_ESCALATING: Final = frozenset({_P.ASKING, _P.OPENING, _P.WAITING})


_RESTING: Final = frozenset({_P.RESOLVED, _P.WAITING, _P.LISTENING})


def _table() -> Mapping[tuple[Phase, type], Rule]:
    rows: dict[tuple[Phase, type], Rule] = {}

    def row(phases: Iterable[Phase], what: type, turn: Callable[..., Step], leads_to: Iterable[Phase]) -> None:
        for phase in phases:
            rows[phase, what] = Rule(turn, frozenset(leads_to))

    def stay(phases: Iterable[Phase], what: type, turn: Callable[..., Step]) -> None:
        for phase in phases:
            rows[phase, what] = Rule(turn, frozenset({phase}))

    # A question is answered from wherever it is asked.
    row(_TALKING, acts.Asked, considered, _ANSWERING)
    row([_P.WAITING], acts.Asked, consider_beside_case, _ANSWERING)
    row(_TALKING, acts.FollowedUp, followed, {*_ANSWERING, _P.RESOLVED})
    row(_TALKING, acts.Aside, considered, _ANSWERING)
    row(_TALKING, acts.Chose, picked, {*_ANSWERING, _P.LISTENING, _P.RESOLVED, _P.CLOSED})
    # Did it help?
    row(_TALKING, acts.SaidYes, solved, {_P.RESOLVED, _P.WAITING})
    row([_P.REFUSING], acts.SaidYes, yes_to_person, {*_ESCALATING, _P.RESOLVED})
    row(_TALKING, acts.SaidNo, not_solved, _ESCALATING)
    row([_P.REFUSING], acts.SaidNo, no_to_person, {_P.LISTENING, _P.WAITING})
    row(_TALKING, acts.Thanked, thanked, _RESTING)
    stay(_TALKING, acts.WillTry, patient)
    stay(_TALKING, acts.Greeted, greet)
    stay(_TALKING, acts.SaidNothing, blank)
    stay(_TALKING, acts.SaidNone, blank)
    row(_TALKING, acts.Cancelled, cancelled, {_P.LISTENING, _P.WAITING})
    # A person, from anywhere, at once.
    row(_TALKING, acts.PersonWanted, person_wanted, _ESCALATING)
    row(_TALKING, acts.GaveDetails, details_unasked, _ESCALATING)
    row([_P.PROPOSING], acts.GaveDetails, details_after_answer, {_P.PROPOSING, *_ESCALATING})
    row(_TALKING, acts.Corrected, corrected_unasked, _ESCALATING)
    stay(_TALKING, acts.WhyWanted, greet)
    stay(_TALKING, acts.NewsWanted, news)
    stay(_TALKING, acts.AddressGiven, greet)
    # The form.
    form = {_P.ASKING, _P.OPENING}
    row([_P.ASKING], acts.GaveDetails, details_given, form)
    row([_P.ASKING], acts.Corrected, corrected_in_form, form)
    row([_P.ASKING], acts.SaidNone, none_given, form)
    row([_P.ASKING], acts.SaidNothing, asked_again, form)
    row([_P.ASKING], acts.SaidNo, asked_again, form)
    row([_P.ASKING], acts.PersonWanted, person_again, form)
    for polite in (
        acts.Thanked,
        acts.WillTry,
        acts.Greeted,
        acts.NewsWanted,
        acts.AddressGiven,
        acts.FollowedUp,
    ):
        row([_P.ASKING], polite, form_waits, {_P.ASKING})
    row([_P.ASKING], acts.WhyWanted, why_asked, {_P.ASKING})
    row([_P.ASKING], acts.Aside, aside_answered, {_P.ASKING})
    row([_P.ASKING], acts.Asked, aside_answered, {_P.ASKING})
    row([_P.ASKING], acts.Chose, picked, _ANSWERING)
    row([_P.ASKING], acts.SaidYes, solved, {_P.RESOLVED, _P.WAITING})
    row([_P.ASKING], acts.Cancelled, cancelled, {_P.LISTENING, _P.WAITING})
    row([_P.OPENING], events.CaseOpened, case_opened, {_P.WAITING})
    # After the case.
    row([_P.WAITING], acts.GaveDetails, details_again, {_P.WAITING})
    row([_P.WAITING], acts.Corrected, corrected, {_P.WAITING})
    row([_P.WAITING], acts.AddressGiven, address_given, {_P.WAITING})
    for phase in (_P.CLARIFYING, _P.PROPOSING, _P.REFUSING):  # beside an open case
        row([phase], acts.AddressGiven, address_beside, {phase})
        row([phase], acts.Corrected, corrected_beside, {phase, *_ESCALATING})
    # Agents.
    claimable = (_P.WAITING, _P.CLARIFYING, _P.PROPOSING, _P.REFUSING, _P.ASKING, _P.WITH_AGENT)
    held = {_P.WITH_AGENT}
    row(claimable, events.AgentClaimed, claimed, held)
    row(claimable, events.AgentReplied, agent_said, held)
    row(claimable, events.AgentAskedFor, agent_asked, held)
    row(claimable, events.AgentSuggested, agent_suggested, held)
    row(claimable, events.AgentResolved, agent_resolved, {_P.RESOLVED, _P.WAITING})
    row([_P.WITH_AGENT], events.AgentHandedBack, handed_back, {_P.WAITING})
    row(
        [_P.RESOLVED, _P.CLOSED, _P.LISTENING, _P.PROPOSING, _P.CLARIFYING, _P.REFUSING],
        events.AgentReopened,
        agent_reopened,
        {_P.WAITING},
    )
    for what in (
        acts.Asked,
        acts.FollowedUp,
        acts.Aside,
        acts.Chose,
        acts.SaidNo,
        acts.Thanked,
        acts.WillTry,
        acts.Greeted,
        acts.SaidNothing,
        acts.SaidNone,
        acts.Cancelled,
        acts.PersonWanted,
        acts.GaveDetails,
        acts.Corrected,
        acts.WhyWanted,
        acts.NewsWanted,
        acts.AddressGiven,
    ):
        row([_P.WITH_AGENT], what, relay, held)
    row([_P.WITH_AGENT], acts.SaidYes, solved, {_P.RESOLVED, _P.WAITING})
    # Time.
    for phase in (_P.CLARIFYING, _P.PROPOSING, _P.REFUSING):
        row([phase], events.TimePassed, time_passed, {phase, _P.CLOSED, _P.WAITING})
    row([_P.ASKING], events.TimePassed, time_passed, {_P.ASKING, _P.OPENING})
    stay((_P.LISTENING, _P.WAITING, _P.WITH_AGENT, _P.RESOLVED, _P.CLOSED), events.TimePassed, nothing_due)
    return rows


TRANSITIONS: Final[Mapping[tuple[Phase, type], Rule]] = _table()
