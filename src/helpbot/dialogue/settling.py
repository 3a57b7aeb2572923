"""Turns after an answer: did it help? Thanks, patience, greetings and never mind."""

from __future__ import annotations

from dataclasses import replace

from helpbot.dialogue import acts, details, judging, phrases, reading
from helpbot.dialogue.actions import ChangeCase, Relay, Say, TellAgents
from helpbot.dialogue.after import address_given, news
from helpbot.dialogue.conversation import CaseState, Conversation, FieldValue, Owner, Phase
from helpbot.dialogue.escalating import escalated
from helpbot.dialogue.following import about_answer
from helpbot.dialogue.turn import Step, Turn, fresh, resting, tell, with_case
from helpbot.dialogue.world import World
from helpbot.messages import (
    Choice,
    Outcome,
    Reply,
    Text,
)

__all__ = [
    "address_beside",
    "blank",
    "cancelled",
    "greet",
    "greeting",
    "no_to_person",
    "not_solved",
    "patient",
    "solved",
    "thanked",
    "yes_to_person",
]


def greeting(world: World) -> Reply:
    """What a new conversation begins with: who this is, and a few frequent problems to press."""
    known = [
        world.knowledge.resolutions[name] for name in world.manners.frequent if name in world.knowledge.resolutions
    ]
    text = world.replies.say("greeting", bot=world.manners.name, company=world.manners.company)
    return Reply(
        outcome=Outcome.CLARIFY,
        text=text,
        parts=(Text(text=text),),
        choices=tuple(Choice(id=f"pick:{each.id}", label=each.label) for each in known),
    )


def solved(now: Conversation, act: acts.Act, turn: Turn) -> Step:
    """It is solved: close without a case, or close the case."""
    del act
    case = now.open_case
    world = turn.world
    about_case = case is not None and (now.phase in (Phase.WAITING, Phase.WITH_AGENT) or now.problem == case.problem)
    if case is not None and about_case:
        closed = replace(with_case(now, case, state=CaseState.RESOLVED), owner=Owner.BOT, agent="")
        closed = replace(closed, phase=resting(closed, Phase.RESOLVED))
        said = tell(closed, world, Outcome.RESOLVED, "resolved_case", number=case.number)
        changes = ChangeCase(
            case_id=case.id,
            changes={"state": CaseState.RESOLVED.value},
            what="The user says it is solved",
            by="user",
        )
        return Step(
            conversation=closed,
            actions=(changes, TellAgents(case_id=case.id, text=turn.text, kind="resolved"), said),
        )
    done = replace(now, phase=resting(now, Phase.RESOLVED), asking=None, choices=())
    return Step(conversation=done, actions=(tell(done, world, Outcome.RESOLVED, "resolved"),))


def thanked(now: Conversation, act: acts.Act, turn: Turn) -> Step:
    """Thanks after an answer closes it as resolved; without an answer it is only politeness."""
    if now.phase is Phase.PROPOSING:
        return solved(now, act, turn)
    case = now.open_case
    if case is not None and now.phase is Phase.WAITING:
        said = tell(now, turn.world, Outcome.ESCALATE, "thanked_case", number=case.number, owner=case.owner)
        return Step(conversation=now, actions=(said,))
    over = now.offered or now.phase is Phase.RESOLVED
    done = replace(now, phase=resting(now, Phase.RESOLVED if over else Phase.LISTENING), choices=())
    outcome = Outcome.RESOLVED if now.offered or now.open_case or now.turns > 1 else Outcome.NO_ANSWER
    return Step(conversation=done, actions=(tell(done, turn.world, outcome, "welcome"),))


def not_solved(now: Conversation, act: acts.SaidNo, turn: Turn) -> Step:
    """It did not help: escalation starts at once; a second close candidate is mentioned in the same breath."""
    if act.error:
        now = replace(now, error=FieldValue(value=act.error, given=True))
    for text in (act.text, now.question):  # the product was often named where the problem was first told
        if text and not now.product.given:
            product = details.product_in(text, common=judging.common_words(turn.world.knowledge))
            product = product or reading.told_in(text, turn.world).product or ""
            if product:
                now = replace(now, product=FieldValue(value=product, given=True))
    return escalated(now, "not_solved", turn)


def no_to_person(now: Conversation, act: acts.Act, turn: Turn) -> Step:
    """After a refusal: no, no person."""
    del act
    done = replace(now, phase=resting(now, Phase.LISTENING), choices=())
    return Step(conversation=done, actions=(tell(done, turn.world, Outcome.CANCELLED, "nothing_to_cancel"),))


def yes_to_person(now: Conversation, act: acts.SaidYes, turn: Turn) -> Step:
    """After a refusal: yes, a person; or it works meanwhile."""
    if act.text and phrases.is_solved(phrases.fold(act.text)):
        return solved(now, act, turn)
    return escalated(now, "no_answer", turn)


def patient(now: Conversation, act: acts.Act, turn: Turn) -> Step:
    """The user wants a moment."""
    del act
    text = turn.world.replies.say("take_your_time", asking=now.phase is not Phase.PROPOSING)
    if now.phase is Phase.PROPOSING:
        return Step(conversation=now, actions=(Say(reply=about_answer(now, text, turn)),))
    outcome = Outcome.ESCALATE if now.open_case is not None else Outcome.RESOLVED
    outcome = Outcome.CLARIFY if now.phase is Phase.CLARIFYING else outcome
    reply = Reply(outcome=outcome, text=text, parts=(Text(text=text),), choices=now.choices)
    return Step(conversation=now, actions=(Say(reply=reply),))


def greet(now: Conversation, act: acts.Act, turn: Turn) -> Step:
    """A greeting is returned; beside an open case it asks how the case stands."""
    del act
    if now.phase is Phase.WAITING:
        return news(now, acts.NewsWanted(), turn)
    said = greeting(turn.world)
    text = turn.world.replies.say("greeted", bot=turn.world.manners.name, company=turn.world.manners.company)
    return Step(conversation=now, actions=(Say(reply=replace(said, text=text, parts=(Text(text=text),))),))


def blank(now: Conversation, act: acts.SaidNothing, turn: Turn) -> Step:
    """No words: a file is kept, anything else is asked again."""
    if act.attachments or turn.attachments:
        return _file(now, act, turn)
    outcome = Outcome.ESCALATE if now.open_case else Outcome.CLARIFY
    return Step(conversation=now, actions=(tell(now, turn.world, outcome, "blank"),))


def _file(now: Conversation, act: acts.SaidNothing, turn: Turn) -> Step:
    files = act.attachments or turn.attachments
    case = now.open_case
    said = tell(
        now,
        turn.world,
        Outcome.ESCALATE if case else Outcome.CLARIFY,
        "file_received",
        files=", ".join(files),
    )
    relays = (Relay(case_id=case.id, text="", attachments=files),) if case else ()
    return Step(conversation=now, actions=(*relays, said))


def cancelled(now: Conversation, act: acts.Act, turn: Turn) -> Step:
    """Never mind."""
    del act
    case = now.open_case
    if now.phase is Phase.WAITING and case is not None:
        said = tell(now, turn.world, Outcome.ESCALATE, "cancelled_case", number=case.number)
        return Step(conversation=now, actions=(said,))
    dropped = now.phase is Phase.ASKING
    done = replace(fresh(now), phase=resting(now, Phase.LISTENING))
    name = "cancelled" if dropped else "nothing_to_cancel"
    return Step(conversation=done, actions=(tell(done, turn.world, Outcome.CANCELLED, name),))


def address_beside(now: Conversation, act: acts.AddressGiven, turn: Turn) -> Step:
    """An address given beside another question: kept with the open case if there is one."""
    return address_given(now, act, turn) if now.open_case else greet(now, act, turn)
