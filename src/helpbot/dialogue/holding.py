"""Turns of agents, and of time: who speaks to the user, and when a silent conversation ends."""

from __future__ import annotations

from dataclasses import replace

from helpbot.dialogue import acts, events
from helpbot.dialogue.actions import Action, ChangeCase, Relay, Say
from helpbot.dialogue.answering import answer_reply
from helpbot.dialogue.conversation import CaseRef, CaseState, Conversation, FieldValue, Owner, Phase
from helpbot.dialogue.escalating import open_case
from helpbot.dialogue.turn import Step, Turn, awaiting, fresh, resting, tell, with_case, with_value
from helpbot.errors import CallError, Code
from helpbot.messages import (
    Outcome,
    Reply,
    Text,
)

__all__ = [
    "agent_asked",
    "agent_reopened",
    "agent_resolved",
    "agent_said",
    "agent_suggested",
    "claimed",
    "handed_back",
    "nothing_due",
    "relay",
    "time_passed",
]


def _open_or_refuse(now: Conversation) -> CaseRef:
    case = now.open_case
    if case is None:
        raise CallError(Code.CONFLICT, "The conversation has no open case", "Reopen the case first")
    return case


def claimed(now: Conversation, event: events.AgentClaimed, turn: Turn) -> Step:
    """An agent takes the conversation; the user is told once."""
    case = _open_or_refuse(now)
    if now.phase is Phase.WITH_AGENT:
        if now.agent == event.agent:
            return Step(conversation=now, actions=())
        raise CallError(Code.CONFLICT, f"{case.number} is held by {now.agent}", "Ask them to hand it back first")
    held = with_case(
        replace(now, phase=Phase.WITH_AGENT, owner=Owner.AGENT, agent=event.agent),
        case,
        state=CaseState.CLAIMED,
        owner=event.agent,
    )
    change = ChangeCase(
        case_id=case.id,
        changes={"state": CaseState.CLAIMED.value, "owner": event.agent},
        what="Claimed",
        by=event.agent,
    )
    return Step(
        conversation=held,
        actions=(
            change,
            tell(held, turn.world, Outcome.ESCALATE, "agent_joined", agent=event.agent, number=case.number),
        ),
    )


def _agent_holds(now: Conversation, agent: str, turn: Turn) -> tuple[Conversation, tuple[Action, ...]]:
    """The conversation in the agent's hands: claimed on the way if nobody holds it."""
    if now.phase is Phase.WITH_AGENT and now.agent == agent:
        return now, ()
    if now.phase is Phase.WITH_AGENT:
        case = _open_or_refuse(now)
        taken = with_case(replace(now, agent=agent), case, owner=agent)
        change = ChangeCase(
            case_id=case.id, changes={"owner": agent}, what=f"{agent} answered for {now.agent}", by=agent
        )
        return taken, (change,)
    taken_over = claimed(now, events.AgentClaimed(at=turn.at, agent=agent), turn)
    return taken_over.conversation, taken_over.actions


def agent_said(now: Conversation, event: events.AgentReplied, turn: Turn) -> Step:
    """An agent's words, to the user as they are."""
    now, actions = _agent_holds(now, event.agent, turn)
    case = _open_or_refuse(now)
    waits = with_case(now, case, state=CaseState.WAITING_FOR_USER)
    reply = Reply(outcome=Outcome.ESCALATE, text=event.text, parts=(Text(text=event.text),))
    change = ChangeCase(
        case_id=case.id,
        changes={"state": CaseState.WAITING_FOR_USER.value},
        what="Answered the user",
        by=event.agent,
    )
    return Step(conversation=waits, actions=(*actions, change, Say(reply=reply, speaker=event.agent)))


def agent_asked(now: Conversation, event: events.AgentAskedFor, turn: Turn) -> Step:
    """An agent wants something from the user: a field of the case, or in their own words."""
    text = turn.world.replies.say(
        "agent_asked", agent=event.agent, field=event.field.value if event.field else "", what=event.what
    )
    return agent_said(now, events.AgentReplied(at=event.at, agent=event.agent, text=text), turn)


def agent_suggested(now: Conversation, event: events.AgentSuggested, turn: Turn) -> Step:
    """A fix the agent picked, with its steps."""
    if event.resolution not in turn.world.knowledge.resolutions:
        raise CallError(Code.NOT_FOUND, f"There is no resolution {event.resolution}", "Pick one that the search shows")
    now, actions = _agent_holds(now, event.agent, turn)
    case = _open_or_refuse(now)
    told = turn.world.replies.resolution(event.resolution, turn.world.knowledge, now.captured)
    reply = answer_reply([told], 1.0, turn, lead=turn.world.replies.say("agent_suggested", agent=event.agent))
    waits = with_case(replace(now, tried=(*now.tried, event.resolution)), case, state=CaseState.WAITING_FOR_USER)
    change = ChangeCase(
        case_id=case.id,
        changes={"state": CaseState.WAITING_FOR_USER.value},
        what=f"Suggested: {told.title}",
        by=event.agent,
    )
    return Step(
        conversation=waits,
        actions=(*actions, change, Say(reply=replace(reply, choices=()), speaker=event.agent)),
    )


def agent_resolved(now: Conversation, event: events.AgentResolved, turn: Turn) -> Step:
    """An agent says that it is solved."""
    case = _open_or_refuse(now)
    closed = replace(with_case(now, case, state=CaseState.RESOLVED), owner=Owner.BOT, agent="")
    closed = replace(closed, phase=resting(closed, Phase.RESOLVED))
    change = ChangeCase(
        case_id=case.id,
        changes={"state": CaseState.RESOLVED.value},
        what=f"Resolved: {event.reason}" if event.reason else "Resolved",
        by=event.agent,
    )
    said = tell(
        closed,
        turn.world,
        Outcome.RESOLVED,
        "agent_resolved",
        agent=event.agent,
        number=case.number,
        reason=event.reason,
    )
    return Step(conversation=closed, actions=(change, said))


def agent_reopened(now: Conversation, event: events.AgentReopened, turn: Turn) -> Step:
    """An agent opens a resolved case again."""
    if now.open_case is not None or not now.cases:
        raise CallError(Code.CONFLICT, "There is no resolved case to open again", "Look at the case again")
    case = now.cases[-1]
    opened = replace(with_case(now, case, state=CaseState.REOPENED), phase=Phase.WAITING)
    change = ChangeCase(case_id=case.id, changes={"state": CaseState.REOPENED.value}, what="Reopened", by=event.agent)
    said = tell(opened, turn.world, Outcome.ESCALATE, "agent_reopened", agent=event.agent, number=case.number)
    return Step(conversation=opened, actions=(change, said))


def handed_back(now: Conversation, event: events.AgentHandedBack, turn: Turn) -> Step:
    """An agent gives the conversation back to the bot; the case stays open."""
    case = _open_or_refuse(now)
    back = with_case(replace(now, phase=Phase.WAITING, owner=Owner.BOT, agent=""), case, state=CaseState.OPEN, owner="")
    change = ChangeCase(
        case_id=case.id,
        changes={"state": CaseState.OPEN.value, "owner": ""},
        what="Handed back to the bot",
        by=event.agent,
    )
    said = tell(back, turn.world, Outcome.ESCALATE, "agent_left", agent=event.agent, number=case.number)
    return Step(conversation=back, actions=(change, said))


def relay(now: Conversation, act: acts.Act, turn: Turn) -> Step:
    """While an agent holds it, the user's words go to the agent; the bot at most says so."""
    del act
    case = _open_or_refuse(now)
    changed = with_case(now, case, state=CaseState.CLAIMED)
    relay = Relay(case_id=case.id, text=turn.text, attachments=turn.attachments)
    change = ChangeCase(case_id=case.id, changes={"state": CaseState.CLAIMED.value}, what="The user wrote")
    actions: tuple[Action, ...] = (relay, change) if case.state is not CaseState.CLAIMED else (relay,)
    if turn.world.manners.acknowledge:
        actions = (
            *actions,
            tell(changed, turn.world, Outcome.ESCALATE, "passed_on", agent=now.agent, number=case.number),
        )
    return Step(conversation=changed, actions=actions)


def time_passed(now: Conversation, event: events.TimePassed, turn: Turn) -> Step:
    """A reminder, then the end: an open form ends as a case, so that nothing unresolved is lost."""
    if now.touched is None:
        return Step(conversation=now, actions=())
    silent = event.at - now.touched
    manners = turn.world.manners
    if silent >= manners.end_after:
        if now.phase is Phase.ASKING:
            for name in awaiting(now):
                now = with_value(now, name, FieldValue(value=turn.world.replies.say("not_given"), declined=True))
            return open_case(now)
        ended = replace(fresh(now), phase=resting(now, Phase.CLOSED), owner=now.owner)
        return Step(conversation=ended, actions=(tell(ended, turn.world, Outcome.CANCELLED, "ended"),))
    if manners.remind_after is not None and silent >= manners.remind_after and not now.reminded:
        reminded = replace(now, reminded=True)
        asking = now.asking.value if now.phase is Phase.ASKING and now.asking else ""
        outcome = (
            Outcome.ESCALATE
            if now.phase is Phase.ASKING
            else Outcome.ANSWER
            if now.phase is Phase.PROPOSING
            else Outcome.CLARIFY
        )
        return Step(conversation=reminded, actions=(tell(reminded, turn.world, outcome, "reminder", asking=asking),))
    return Step(conversation=now, actions=())


def nothing_due(now: Conversation, event: events.TimePassed, turn: Turn) -> Step:
    """Nothing is due: people are at work, or nothing is open."""
    del event, turn
    return Step(conversation=now, actions=())
