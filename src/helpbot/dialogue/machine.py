"""The state machine of a conversation: a table of (phase, act) and one turn for each row.

Nothing moves a conversation except a row of `TRANSITIONS`; the picture in ARCHITECTURE.md is drawn from it
(`helpbot.dialogue.draw`). A turn takes values and returns values: the next conversation, and what the desk is to do.
Every act of a user gets at least one reply, a case is never opened without both of its fields, and while an agent
holds the conversation the bot says nothing but that a message was passed on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from helpbot.dialogue import acts, details, events, phrases, reading
from helpbot.dialogue.actions import Action, ChangeCase, OpenCase, Relay, Say, TellAgents
from helpbot.dialogue.conversation import CaseRef, CaseState, Conversation, FieldValue, Owner, Phase
from helpbot.dialogue.events import Event
from helpbot.dialogue.policy import Answer, Clarify, Unknown, decide
from helpbot.dialogue.replies import Answer as Told
from helpbot.dialogue.replies import Replies
from helpbot.dialogue.world import World
from helpbot.errors import CallError, Code
from helpbot.knowledge.resolution import Source
from helpbot.messages import (
    CaseCard,
    Choice,
    Citation,
    Field,
    Form,
    FormField,
    Outcome,
    Part,
    Point,
    Points,
    Reply,
    Text,
)
from helpbot.understanding.diagnosis import Candidate, Diagnosis, InputKind, Problem

__all__ = ["TRANSITIONS", "Rule", "Step", "greeting", "step"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One turn's end: where the conversation stands now, and what is to be done, in order."""

    conversation: Conversation
    actions: tuple[Action, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What a row is given besides the conversation and the act."""

    world: World
    at: datetime
    text: str = ""
    attachments: tuple[str, ...] = ()


_Row = Callable[[Conversation, "acts.Act | Event", Turn], Step]


@dataclass(frozen=True, slots=True)
class Rule:
    """One row: what is done, and every phase it may lead to."""

    turn: Callable[..., Step]
    leads_to: frozenset[Phase]


_MOST_ASKINGS: Final = 2  # a field is asked for twice at most; then its absence is believed
_CLOSE: Final = 0.15  # the least confidence of a second candidate worth a mention
_FIELDS: Final = (Field.PRODUCT_NAME, Field.ERROR_MESSAGE)


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
        events.AgentClaimed: "claim it", events.AgentReplied: "reply to the user", events.AgentAskedFor: "ask the user",
        events.AgentSuggested: "send a fix", events.AgentResolved: "resolve it", events.AgentReopened: "reopen it",
        events.AgentHandedBack: "hand it back", events.CaseOpened: "open a case",
    }.get(type(event), "do that")  # fmt: skip
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


def greeting(world: World) -> Reply:
    """What a new conversation begins with: who this is, and a few frequent problems to press."""
    known = [
        world.knowledge.resolutions[name] for name in world.manners.frequent if name in world.knowledge.resolutions
    ]
    text = world.replies.say("greeting", bot=world.manners.name, company=world.manners.company)
    return Reply(
        outcome=Outcome.CLARIFY, text=text, parts=(Text(text=text),),
        choices=tuple(Choice(id=f"pick:{each.id}", label=each.label) for each in known),
    )  # fmt: skip


# --- building blocks ---------------------------------------------------------------------------------------------


def _say(now: Conversation, world: World, outcome: Outcome, name: str, **values: object) -> Say:
    """One templated paragraph as a reply."""
    text = world.replies.say(name, **values)
    return Say(reply=Reply(outcome=outcome, text=text, parts=(Text(text=text),), awaiting=_awaiting(now)))


def _awaiting(now: Conversation) -> tuple[Field, ...]:
    """What is still asked for, while the form is open."""
    if now.phase is not Phase.ASKING:
        return ()
    return tuple(name for name in _FIELDS if not _value(now, name).settled)


def _value(now: Conversation, name: Field) -> FieldValue:
    return now.product if name is Field.PRODUCT_NAME else now.error


def _put(now: Conversation, name: Field, value: FieldValue) -> Conversation:
    return replace(now, product=value) if name is Field.PRODUCT_NAME else replace(now, error=value)


def _fresh(now: Conversation) -> Conversation:
    """The conversation without what belonged to the last problem."""
    return replace(
        now, question="", problem="", offered=(), citations=(), captured={}, choices=(), tried=(), spare=(),
        product=FieldValue(), error=FieldValue(), asking=None, reason="",
    )  # fmt: skip


def _rest(now: Conversation, otherwise: Phase) -> Phase:
    """Where a conversation stands when nothing is asked: beside its open case, or `otherwise`."""
    if now.open_case is None:
        return otherwise
    return Phase.WITH_AGENT if now.owner is Owner.AGENT else Phase.WAITING


def _hours(turn: Turn) -> dict[str, object]:
    hours = turn.world.manners.hours
    if hours is None or hours.open_at(turn.at):
        return {"open_now": True, "opens": ""}
    opening = hours.next_opening(turn.at)
    return {"open_now": False, "opens": opening.strftime("%A %d %B, %H:%M (%Z)") if opening else ""}


def _choice(turn: Turn, id_: str) -> Choice:
    return Choice(id=id_, label=turn.world.replies.say(f"label_{id_}"))


def _problem_of(now: Conversation, told: Iterable[str], text: str) -> str:
    """A fingerprint of what a question is about: what it was answered with, else its own words."""
    del now
    names = sorted(told)
    return "+".join(names) if names else phrases.fold(text)[:200]


# --- asking and answering ----------------------------------------------------------------------------------------


def _consider(now: Conversation, act: acts.Asked, turn: Turn) -> Step:
    """A question: answer it, ask back, or say that it is not known."""
    world = turn.world
    if now.phase in (Phase.RESOLVED, Phase.CLOSED):
        now = _fresh(now)
    now = _learn(now, act.diagnosis, act.text, world)
    decided = [decide(problem, world.policy, world.knowledge) for problem in act.diagnosis.problems]
    answers = _distinct(decision.candidate for decision in decided if isinstance(decision, Answer))
    asks = [decision for decision in decided if isinstance(decision, Clarify)]
    if answers:
        missing = any(isinstance(decision, Unknown) for decision in decided)
        return _answered(now, act.text, answers, _spare(act.diagnosis.problems, answers), turn, missing=missing)
    if asks:
        return _asked_back(now, act.text, asks[0], turn)
    return _refused(now, act, turn)


def _distinct(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Each resolution or passage once, in the order asked."""
    kept: dict[str, Candidate] = {}
    for candidate in candidates:
        passage = candidate.passage
        key = candidate.resolution or (f"{passage.article}#{passage.anchor}" if passage else "")
        kept.setdefault(key, candidate)
    return list(kept.values())


def _spare(problems: Iterable[Problem], answers: Iterable[Candidate]) -> tuple[str, ...]:
    """A close second candidate: mentioned when the answer did not help, never put in the way."""
    given = {candidate.resolution for candidate in answers}
    return tuple(
        other.resolution
        for problem in problems
        for other in problem.candidates[1:3]
        if other.resolution and other.resolution not in given and other.confidence >= _CLOSE
    )[:1]


def _learn(now: Conversation, diagnosis: Diagnosis, text: str, world: World) -> Conversation:
    """Keep what a message tells besides its question: the error, the product, the PSA."""
    if diagnosis.error_text:
        now = replace(now, error=FieldValue(value=diagnosis.error_text, given=True))
    if not now.product.given:
        product = details.labelled(text).product or details.product_in(
            text, common=reading.common_words(world.knowledge)
        )
        if product:
            now = replace(now, product=FieldValue(value=product, given=True))
    return replace(now, psa=diagnosis.facets.get("psa", now.psa))


def _answered(
    now: Conversation,
    text: str,
    candidates: list[Candidate],
    spare: tuple[str, ...],
    turn: Turn,
    *,
    missing: bool = False,
) -> Step:
    """Tell the resolutions or passages found, then ask whether it is solved."""
    told: list[Told] = []
    cited = 0
    for candidate in candidates:
        answer = turn.world.replies.answer(candidate, turn.world.knowledge, cited)
        cited += len(answer.citations)
        told.append(answer)
    names = tuple(answer.resolution for answer in told if answer.resolution)
    problem = _problem_of(now, names or [f"{c.article}#{c.anchor}" for a in told for c in a.citations[:1]], text)
    kept = now.tried if now.phase in (Phase.PROPOSING, Phase.CLARIFYING, Phase.REFUSING) else ()
    case = now.open_case
    about_case = case is not None and (
        problem == case.problem or (set(names) <= set(now.tried) and bool(names) and now.phase is Phase.WAITING)
    )
    if case is not None and not about_case and now.phase is Phase.WAITING:
        # A new problem beside the open case: its fields are its own, only the error just pasted is known.
        now = replace(now, product=FieldValue(), error=_error_just_told(now, case))
    now = replace(
        now, phase=Phase.WAITING if about_case else Phase.PROPOSING, question=text, problem=problem, offered=names,
        citations=tuple(f"{c.article}#{c.anchor}" for answer in told for c in answer.citations),
        captured=dict(candidates[0].captured), choices=(), spare=spare,
        tried=now.tried if about_case else (*kept, *(name for name in names if name not in kept)),
        psa=now.psa or _psa_of(names, turn.world),
    )  # fmt: skip
    confidence = min(candidate.confidence for candidate in candidates)
    return Step(conversation=now, actions=(Say(reply=_answer_reply(told, confidence, turn, missing=missing)),))


def _error_just_told(now: Conversation, case: CaseRef) -> FieldValue:
    return now.error if now.error.given and now.error.value != case.error_message else FieldValue()


def _psa_of(names: Iterable[str], world: World) -> str:
    found = {psa for name in names for psa in world.knowledge.resolutions[name].applies_to.get("psa", ())}
    return found.pop() if len(found) == 1 else ""


def _answer_reply(told: list[Told], confidence: float, turn: Turn, *, missing: bool = False, lead: str = "") -> Reply:
    replies = turn.world.replies
    texts: list[str] = [lead] if lead else []
    parts: list[Part] = [Text(text=lead)] if lead else []
    for number, answer in enumerate(told):
        if number:
            texts.append(replies.say("another", title=answer.title))
            parts.append(Text(text=replies.say("another", title=answer.title)))
        texts.append(answer.text)
        parts += answer.parts
    if missing:
        texts.append(replies.say("part_unknown"))
        parts.append(Text(text=replies.say("part_unknown"), role="note"))
    solved = replies.say("solved")
    texts.append(solved)
    parts.append(Text(text=solved, role="question"))
    return Reply(
        outcome=Outcome.ANSWER, text="\n\n".join(texts), parts=tuple(parts), confidence=confidence,
        resolutions=tuple(answer.resolution for answer in told if answer.resolution),
        citations=tuple(citation for answer in told for citation in answer.citations),
        choices=(_choice(turn, "solved"), _choice(turn, "not_solved"), _choice(turn, "person")),
        captured=told[0].captured, understood=told[0].title,
    )  # fmt: skip


def _asked_back(now: Conversation, text: str, decision: Clarify, turn: Turn) -> Step:
    """Two or three things may be meant: ask which, in one question that a word answers."""
    knowledge = turn.world.knowledge
    vocabulary = knowledge.vocabulary
    choices: list[Choice] = []
    for candidate in decision.candidates:
        found = knowledge.resolutions[candidate.resolution or ""]
        if decision.facet:
            value = found.applies_to[decision.facet][0]
            choices.append(Choice(id=f"pick:{found.id}", label=vocabulary.name(decision.facet, value)))
        else:
            choices.append(Choice(id=f"pick:{found.id}", label=found.label))
    facet = {"psa": "PSA"}.get(decision.facet or "", decision.facet or "")
    said = turn.world.replies.say(
        "clarify",
        facet=facet,
        choices=[{"number": n, "label": choice.label} for n, choice in enumerate(choices, 1)],
    )
    question = said.split("\n", 1)[0]
    offered = (*choices, Choice(id="none", label=turn.world.replies.say("label_none_of_these")))
    now = replace(
        now, phase=Phase.CLARIFYING, question=text, problem=_problem_of(now, (), text), choices=tuple(choices), offered=(),
        citations=(), spare=(),
    )  # fmt: skip
    reply = Reply(
        outcome=Outcome.CLARIFY, text=said, parts=(Text(text=question, role="question"),), choices=offered,
        resolutions=tuple(candidate.resolution for candidate in decision.candidates if candidate.resolution),
        confidence=decision.candidates[0].confidence,
    )  # fmt: skip
    return Step(conversation=now, actions=(Say(reply=reply),))


def _refused(now: Conversation, act: acts.Asked, turn: Turn) -> Step:
    """Say that it is not known, and offer a person."""
    error = bool(
        act.diagnosis.kind is InputKind.ERROR or any(problem.unknown_error for problem in act.diagnosis.problems)
    )
    name = "no_answer_error" if error else "no_answer"
    confidence = max(
        (problem.candidates[0].confidence for problem in act.diagnosis.problems if problem.candidates),
        default=0.0,
    )
    now = replace(
        now, phase=Phase.REFUSING, question=act.text, problem=_problem_of(now, (), act.text), offered=(), citations=(),
        choices=(), spare=(),
    )  # fmt: skip
    return Step(conversation=now, actions=(Say(reply=_refusal(name, confidence, turn)),))


def _refusal(name: str, confidence: float, turn: Turn) -> Reply:
    text = turn.world.replies.say(name)
    return Reply(
        outcome=Outcome.NO_ANSWER, text=text, parts=(Text(text=text),), confidence=confidence,
        choices=(_choice(turn, "person"),),
    )  # fmt: skip


def _consider_beside_case(now: Conversation, act: acts.Asked, turn: Turn) -> Step:
    """A question while a case is open: answer what is known; what is not goes to the case, or is a new problem."""
    case = now.open_case
    assert case is not None
    decided = [decide(problem, turn.world.policy, turn.world.knowledge) for problem in act.diagnosis.problems]
    known = any(isinstance(decision, Answer | Clarify) for decision in decided)
    new_error = bool(act.diagnosis.error_text) and phrases.fold(act.diagnosis.error_text) != phrases.fold(
        case.error_message
    )
    if known or new_error or reading.is_different(act.text):
        return _consider(now, act, turn)
    said = _say(now, turn.world, Outcome.ESCALATE, "case_added", number=case.number, owner=case.owner)
    return Step(conversation=now, actions=(Relay(case_id=case.id, text=turn.text, attachments=turn.attachments), said))


def _follow(now: Conversation, act: acts.FollowedUp, turn: Turn) -> Step:
    """A question that leans on the last answer."""
    if act.kind == "facet":
        return _for_other_psa(now, act, turn)
    told = [
        turn.world.replies.resolution(name, turn.world.knowledge, now.captured)
        for name in now.offered
        if name in turn.world.knowledge.resolutions
    ]
    if act.kind == "where":
        return Step(conversation=now, actions=(Say(reply=_where(now, told, turn)),))
    return Step(conversation=now, actions=(Say(reply=_detail(now, act, told, turn)),))


def _for_other_psa(now: Conversation, act: acts.FollowedUp, turn: Turn) -> Step:
    """The same question for another PSA: the sibling of the last answer, or the question put again."""
    world = turn.world
    psa = act.value
    now = replace(now, psa=psa)
    topics = {world.knowledge.resolutions[name].topic for name in now.offered}
    diagnosis = world.diagnose(_renamed(now.question, psa, world), {"psa": psa})
    best: Candidate | None = None
    for problem in diagnosis.problems:
        for candidate in problem.candidates:
            found = world.knowledge.resolutions.get(candidate.resolution or "")
            fits = found is not None and psa in found.applies_to.get("psa", ())
            if (
                fits
                and found is not None
                and (found.topic in topics or candidate.confidence >= world.policy.answer_at)
                and best is None
            ):
                best = candidate
    if best is not None:
        return _answered(now, act.text, [best], (), turn)
    siblings = [
        found
        for found in world.knowledge.resolutions.values()
        if found.topic in topics and psa in found.applies_to.get("psa", ())
    ]
    if len(siblings) == 1:
        return _answered(
            now,
            act.text,
            [Candidate(resolution=siblings[0].id, confidence=world.policy.answer_at, score=0.0)],
            (),
            turn,
        )
    general = [name for name in now.offered if not world.knowledge.resolutions[name].applies_to.get("psa")]
    if general:
        return _answered(
            now,
            act.text,
            [Candidate(resolution=general[0], confidence=world.policy.answer_at, score=0.0)],
            (),
            turn,
        )
    return _consider(now, acts.Asked(text=act.text, diagnosis=diagnosis), turn)


def _renamed(question: str, psa: str, world: World) -> str:
    """The question with the names of other PSAs taken out and this one put in."""
    kept = question
    for other, ways in world.knowledge.vocabulary.facets.get("psa", {}).items():
        if other != psa:
            for way in sorted(ways, key=len, reverse=True):
                if len(way) > 2:
                    at = kept.lower().find(way.lower())
                    while at >= 0:
                        kept = kept[:at] + kept[at + len(way) :]
                        at = kept.lower().find(way.lower())
    return f"{kept} {world.knowledge.vocabulary.name('psa', psa)}"


def _listed(citations: tuple[Citation, ...]) -> list[dict[str, object]]:
    return [{"number": n, "title": c.title, "section": c.section} for n, c in enumerate(citations, 1)]


def _cited_again(now: Conversation, world: World) -> tuple[Citation, ...]:
    return tuple(world.knowledge.citation(Source(*source.split("#", 1))) for source in now.citations)


def _where(now: Conversation, told: list[Told], turn: Turn) -> Reply:
    """The menu paths of the last answer, and the sections it came from."""
    paths = list(
        dict.fromkeys(
            step_.go for name in now.offered for step_ in turn.world.knowledge.resolutions[name].steps if step_.go
        )
    )
    citations = _cited_again(now, turn.world)
    text = turn.world.replies.say("where", places=[{"path": path} for path in paths], sources=_listed(citations))
    return Reply(
        outcome=Outcome.ANSWER, text=text, resolutions=now.offered, citations=citations, confidence=1.0,
        parts=(Text(text=text.split("\n", 1)[0]), Points(points=tuple(Point(text=path) for path in paths))),
        captured=now.captured, understood=told[0].title if told else "",
        choices=(_choice(turn, "solved"), _choice(turn, "not_solved"), _choice(turn, "person")),
    )  # fmt: skip


def _detail(now: Conversation, act: acts.FollowedUp, told: list[Told], turn: Turn) -> Reply:
    """The lines of the last answer that a further question asks for; all of it where none stands out."""
    lines = _lines_for(act, now, turn.world)
    if not lines:
        return _answer_reply(told, 1.0, turn) if told else _refusal("no_answer", 0.0, turn)
    citations = _cited_again(now, turn.world)
    title = act.value or told[0].title
    text = turn.world.replies.say(
        "detail", title=title, lines=[{"text": line} for line in lines], sources=_listed(citations)
    )
    return Reply(
        outcome=Outcome.ANSWER, text=text, resolutions=now.offered, citations=citations, confidence=1.0,
        parts=(Text(text=title, role="lead"), Points(points=tuple(Point(text=line) for line in lines))),
        captured=now.captured, understood=title,
        choices=(_choice(turn, "solved"), _choice(turn, "not_solved"), _choice(turn, "person")),
    )  # fmt: skip


def _lines_for(act: acts.FollowedUp, now: Conversation, world: World) -> list[str]:
    found = [world.knowledge.resolutions[name] for name in now.offered if name in world.knowledge.resolutions]
    if act.kind == "term":
        return [f"{point.term}: {point.text}" for each in found for point in each.points if point.term == act.value]
    lines = [
        line
        for each in found
        for line in (
            each.cause,
            *(point.text for point in each.points),
            *(step_.text for step_ in each.steps),
        )
        if "{" not in line
    ]
    asked = phrases.fold(act.text)
    if (
        asked.startswith(("how long", "how often", "how many", "how fast", "when", "how much", "how soon"))
        or " how long" in f" {asked}"
    ):
        numbers = [
            line
            for line in lines
            if any(character.isdigit() for character in line) or "minute" in line or "hour" in line
        ]
        return numbers[:3]
    words = {word for word in asked.split() if len(word) > 4}
    ranked = sorted(lines, key=lambda line: -len(words & set(phrases.fold(line).split())))
    return [line for line in ranked[:2] if words & set(phrases.fold(line).split())]


def _pick(now: Conversation, act: acts.Chose, turn: Turn) -> Step:
    """One of the things offered was chosen, or none of them."""
    kind, _, value = act.choice.partition(":")
    if kind == "pick" and value in turn.world.knowledge.resolutions:
        candidate = Candidate(resolution=value, confidence=1.0, score=0.0)
        started = _fresh(now) if now.phase in (Phase.RESOLVED, Phase.CLOSED) else now
        question = now.question or turn.world.knowledge.resolutions[value].label
        return _answered(started, question, [candidate], (), turn)
    if now.phase is Phase.CLARIFYING:
        now = replace(now, phase=Phase.REFUSING, choices=())
        return Step(conversation=now, actions=(Say(reply=_refusal("still_unclear", 0.0, turn)),))
    return Step(conversation=now, actions=(_say(now, turn.world, Outcome.CLARIFY, "blank"),))


# --- did it help? ------------------------------------------------------------------------------------------------


def _solved(now: Conversation, act: acts.Act, turn: Turn) -> Step:
    """It is solved: close without a case, or close the case."""
    del act
    case = now.open_case
    world = turn.world
    about_case = case is not None and (now.phase in (Phase.WAITING, Phase.WITH_AGENT) or now.problem == case.problem)
    if case is not None and about_case:
        closed = replace(_without(now, case, state=CaseState.RESOLVED), owner=Owner.BOT, agent="")
        closed = replace(closed, phase=_rest(closed, Phase.RESOLVED))
        said = _say(closed, world, Outcome.RESOLVED, "resolved_case", number=case.number)
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
    done = replace(now, phase=_rest(now, Phase.RESOLVED), asking=None, choices=())
    return Step(conversation=done, actions=(_say(done, world, Outcome.RESOLVED, "resolved"),))


def _without(now: Conversation, case: CaseRef, **changes: object) -> Conversation:
    """The conversation with one of its cases changed."""
    cases = tuple(replace(each, **changes) if each.id == case.id else each for each in now.cases)  # type: ignore[arg-type]  # field names are literal at each call
    return replace(now, cases=cases)


def _thanked(now: Conversation, act: acts.Act, turn: Turn) -> Step:
    """Thanks after an answer closes it as resolved; without an answer it is only politeness."""
    if now.phase is Phase.PROPOSING:
        return _solved(now, act, turn)
    done = replace(now, phase=_rest(now, Phase.RESOLVED if now.offered else Phase.LISTENING), choices=())
    outcome = Outcome.RESOLVED if now.offered or now.open_case or now.turns > 1 else Outcome.NO_ANSWER
    return Step(conversation=done, actions=(_say(done, turn.world, outcome, "welcome"),))


def _not_solved(now: Conversation, act: acts.SaidNo, turn: Turn) -> Step:
    """It did not help: escalation starts at once; a second close candidate is mentioned in the same breath."""
    if act.error:
        now = replace(now, error=FieldValue(value=act.error, given=True))
    if act.text and not now.product.given:
        product = details.product_in(act.text, common=reading.common_words(turn.world.knowledge))
        if product:
            now = replace(now, product=FieldValue(value=product, given=True))
    return _escalate(now, "not_solved", turn)


def _no_to_person(now: Conversation, act: acts.Act, turn: Turn) -> Step:
    """After a refusal: no, no person."""
    del act
    done = replace(now, phase=_rest(now, Phase.LISTENING), choices=())
    return Step(conversation=done, actions=(_say(done, turn.world, Outcome.CANCELLED, "nothing_to_cancel"),))


def _yes_to_person(now: Conversation, act: acts.SaidYes, turn: Turn) -> Step:
    """After a refusal: yes, a person; or it works meanwhile."""
    if act.text and phrases.is_solved(phrases.fold(act.text)):
        return _solved(now, act, turn)
    return _escalate(now, "no_answer", turn)


def _patient(now: Conversation, act: acts.Act, turn: Turn) -> Step:
    """The user wants a moment."""
    del act
    text = turn.world.replies.say("take_your_time")
    outcome = {Phase.PROPOSING: Outcome.ANSWER, Phase.CLARIFYING: Outcome.CLARIFY}.get(now.phase, Outcome.RESOLVED)
    if now.open_case is not None and outcome is Outcome.RESOLVED:
        outcome = Outcome.ESCALATE
    reply = Reply(
        outcome=outcome, text=text, parts=(Text(text=text),), resolutions=now.offered if outcome is Outcome.ANSWER else (),
        citations=_cited_again(now, turn.world) if outcome is Outcome.ANSWER else (), choices=now.choices,
    )  # fmt: skip
    return Step(conversation=now, actions=(Say(reply=reply),))


def _greet(now: Conversation, act: acts.Act, turn: Turn) -> Step:
    del act
    if now.phase is Phase.WAITING:
        return _news(now, acts.NewsWanted(), turn)
    said = greeting(turn.world)
    text = turn.world.replies.say("greeted", bot=turn.world.manners.name, company=turn.world.manners.company)
    return Step(conversation=now, actions=(Say(reply=replace(said, text=text, parts=(Text(text=text),))),))


def _blank(now: Conversation, act: acts.SaidNothing, turn: Turn) -> Step:
    """No words: a file is kept, anything else is asked again."""
    if act.attachments or turn.attachments:
        return _file(now, act, turn)
    outcome = Outcome.ESCALATE if now.open_case else Outcome.CLARIFY
    return Step(conversation=now, actions=(_say(now, turn.world, outcome, "blank"),))


def _file(now: Conversation, act: acts.SaidNothing, turn: Turn) -> Step:
    files = act.attachments or turn.attachments
    case = now.open_case
    said = _say(
        now,
        turn.world,
        Outcome.ESCALATE if case else Outcome.CLARIFY,
        "file_received",
        files=", ".join(files),
    )
    relays = (Relay(case_id=case.id, text="", attachments=files),) if case else ()
    return Step(conversation=now, actions=(*relays, said))


def _cancelled(now: Conversation, act: acts.Act, turn: Turn) -> Step:
    """Never mind."""
    del act
    case = now.open_case
    if now.phase is Phase.WAITING and case is not None:
        said = _say(now, turn.world, Outcome.ESCALATE, "cancelled_case", number=case.number)
        return Step(conversation=now, actions=(said,))
    dropped = now.phase is Phase.ASKING
    done = replace(_fresh(now), phase=_rest(now, Phase.LISTENING))
    name = "cancelled" if dropped else "nothing_to_cancel"
    return Step(conversation=done, actions=(_say(done, turn.world, Outcome.CANCELLED, name),))


# --- escalation --------------------------------------------------------------------------------------------------


def _person(now: Conversation, act: acts.PersonWanted, turn: Turn) -> Step:
    """A person is wanted: from any phase, at once."""
    if act.error:
        now = replace(now, error=FieldValue(value=act.error, given=True))
    if now.phase in (Phase.RESOLVED, Phase.CLOSED, Phase.LISTENING) and not now.error.given:
        now = _fresh(now) if now.phase is not Phase.LISTENING else now
    if act.text:
        given = details.labelled(act.text) or details.in_sentence(act.text)
        product = (
            given.product
            or (
                not now.product.given
                and details.product_in(act.text, common=reading.common_words(turn.world.knowledge))
            )
            or ""
        )
        if product:
            now = replace(now, product=FieldValue(value=product, given=True))
        if given.error:
            now = replace(now, error=FieldValue(value=given.error, given=True))
    return _escalate(now, "asked_for_person", turn)


def _escalate(now: Conversation, reason: str, turn: Turn) -> Step:
    """Begin the form, unless this very problem has its case already."""
    case = now.open_case
    if case is not None and (now.phase in (Phase.WAITING, Phase.WITH_AGENT) or now.problem == case.problem):
        back = replace(now, phase=_rest(now, Phase.WAITING))
        return Step(conversation=back, actions=(_state_of(back, case, "case_state", turn),))
    if now.phase is Phase.ASKING:
        return _proceed(now, turn, lead=turn.world.replies.say("escalate", reason=reason))
    other = turn.world.knowledge.resolutions[now.spare[0]].title if now.spare and reason == "not_solved" else ""
    lead = turn.world.replies.say("escalate", reason=reason, other=other)
    now = replace(
        now, phase=Phase.ASKING, reason=reason, choices=(), problem=now.problem or f"person:{now.turns}", owner=Owner.BOT,
        product=replace(now.product, asked=0), error=replace(now.error, asked=0),
    )  # fmt: skip
    return _proceed(now, turn, lead=lead)


def _proceed(now: Conversation, turn: Turn, *, lead: str = "") -> Step:
    """Ask for the next thing that is missing, or open the case: a pure function of what is known."""
    missing = _awaiting(now)
    if not missing:
        return _open(now)
    name = missing[0]
    if _value(now, name).asked >= _MOST_ASKINGS:
        value = FieldValue(value=turn.world.replies.say("not_given"), declined=True, asked=_MOST_ASKINGS)
        return _proceed(_put(now, name, value), turn, lead=lead)
    return _ask(now, name, turn, lead=lead)


def _ask(now: Conversation, name: Field, turn: Turn, *, lead: str = "", counted: bool = True) -> Step:
    value = _value(now, name)
    question = _question(name, turn.world.replies, again=value.asked > 0 and counted)
    if counted:
        now = _put(now, name, replace(value, asked=value.asked + 1))
    now = replace(now, asking=name, phase=Phase.ASKING)
    text = f"{lead}\n\n{question}" if lead else question
    reply = Reply(
        outcome=Outcome.ESCALATE, text=text, awaiting=_awaiting(now), choices=(Choice(id="cancel", label=turn.world.replies.say("label_cancel")),),
        parts=(*((Text(text=lead),) if lead else ()), Text(text=question, role="question"), _form_part(now, turn.world.replies)),
    )  # fmt: skip
    return Step(conversation=now, actions=(Say(reply=reply),))


def _question(name: Field, replies: Replies, *, again: bool) -> str:
    return replies.say("ask_product" if name is Field.PRODUCT_NAME else "ask_error", again=again)


def _form_part(now: Conversation, replies: Replies) -> Form:
    """The form as a channel draws it: what is known is filled in."""
    return Form(
        fields=tuple(
            FormField(
                name=name, label=replies.say(f"label_{short}"), help=replies.say(f"help_{short}"),
                value=_value(now, name).value if _value(now, name).given else "", asked_now=name is now.asking,
            )
            for name, short in ((Field.PRODUCT_NAME, "product"), (Field.ERROR_MESSAGE, "error"))
        )
    )  # fmt: skip


def _open(now: Conversation) -> Step:
    """Both fields are settled: the case is opened, and its number told by `_case_opened` in the same transaction."""
    opening = replace(now, phase=Phase.OPENING, asking=None)
    wanted = OpenCase(
        product_name=now.product.value, error_message=now.error.value, product_name_given=now.product.given,
        error_message_given=now.error.given, reason=now.reason, question=now.question, problem=now.problem, tried=now.tried,
        psa=now.psa, email=now.email, note=now.context.get("note", ""), urgency=now.context.get("urgency", ""), context=now.context,
    )  # fmt: skip
    return Step(conversation=opening, actions=(wanted,))


def _case_opened(now: Conversation, event: events.CaseOpened, turn: Turn) -> Step:
    case = CaseRef(
        id=event.id, number=event.number, state=CaseState.OPEN, problem=now.problem, product_name=now.product.value,
        error_message=now.error.value, product_name_given=now.product.given, error_message_given=now.error.given,
    )  # fmt: skip
    now = replace(now, phase=Phase.WAITING, cases=(*now.cases, case), asking=None, email_asked=True)
    text = turn.world.replies.say(
        "case_opened", number=case.number, product_name=case.product_name, error_message=case.error_message,
        delivered=event.delivered, ask_address=now.channel in turn.world.manners.ask_address and not now.email,
        email=now.email, reachable=True, **_hours(turn),
    )  # fmt: skip
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


def _details(now: Conversation, act: acts.GaveDetails, turn: Turn) -> Step:
    """Values for the form, stored exactly as typed; a newer error replaces an older one."""
    if act.product is not None:
        now = replace(now, product=FieldValue(value=act.product, given=True, asked=now.product.asked))
    if act.error is not None:
        now = replace(now, error=FieldValue(value=act.error, given=True, asked=now.error.asked))
    extras = {name: value for name, value in (("note", act.note), ("urgency", act.urgency)) if value}
    now = replace(now, psa=act.psa or now.psa, email=act.email or now.email, context={**now.context, **extras})
    return _proceed(now, turn)


def _details_unasked(now: Conversation, act: acts.GaveDetails, turn: Turn) -> Step:
    """A form sent where none is open, such as one that a page shows from the start: it is a wish for a person."""
    if act.product is not None:
        now = replace(now, product=FieldValue(value=act.product, given=True))
    if act.error is not None:
        now = replace(now, error=FieldValue(value=act.error, given=True))
    now = replace(now, psa=act.psa or now.psa, email=act.email or now.email)
    return _escalate(now, "asked_for_person", turn)


def _details_again(now: Conversation, act: acts.GaveDetails, turn: Turn) -> Step:
    """Details for a case that is open: the same ones change nothing, others correct it."""
    case = now.open_case
    assert case is not None
    product = act.product if act.product not in (None, case.product_name) else None
    error = act.error if act.error not in (None, case.error_message) else None
    if product is None and error is None:
        return Step(conversation=now, actions=(_state_of(now, case, "case_same", turn),))
    return _corrected(now, acts.Corrected(product=product, error=error), turn)


def _none(now: Conversation, act: acts.SaidNone, turn: Turn) -> Step:
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
    value = _value(now, name)
    if value.asked >= _MOST_ASKINGS:
        recorded = turn.world.replies.say(f"none_{short}", words=act.words)
        return _proceed(_put(now, name, FieldValue(value=recorded, declined=True, asked=value.asked)), turn)
    now = _put(now, name, replace(value, asked=value.asked + 1))
    text = turn.world.replies.say(f"explain_{short}")
    reply = Reply(
        outcome=Outcome.ESCALATE, text=text, awaiting=_awaiting(now), parts=(Text(text=text), _form_part(now, turn.world.replies)),
        choices=(Choice(id="cancel", label=turn.world.replies.say("label_cancel")),),
    )  # fmt: skip
    return Step(conversation=now, actions=(Say(reply=reply),))


def _asked_again(now: Conversation, act: acts.Act, turn: Turn) -> Step:
    """Nothing that fills the form: ask once more, then believe that there is none."""
    files = act.attachments if isinstance(act, acts.SaidNothing) else ()
    files = files or turn.attachments
    lead = turn.world.replies.say("file_received", files=", ".join(files)) if files else ""
    return _proceed(now, turn, lead=lead)


def _person_again(now: Conversation, act: acts.PersonWanted, turn: Turn) -> Step:
    del act
    return _proceed(now, turn, lead=turn.world.replies.say("escalate", reason="asked_for_person"))


def _polite(now: Conversation, act: acts.Act, turn: Turn) -> Step:
    """Thanks or a moment's patience in the middle of the form: the question stays as it is."""
    del act
    return _ask(
        now,
        now.asking or Field.PRODUCT_NAME,
        turn,
        lead=turn.world.replies.say("take_your_time"),
        counted=False,
    )


def _why(now: Conversation, act: acts.Act, turn: Turn) -> Step:
    """Why the form asks."""
    del act
    name = now.asking or Field.PRODUCT_NAME
    return _ask(now, name, turn, lead=turn.world.replies.say("why", field=name.value), counted=False)


def _aside(now: Conversation, act: acts.Aside, turn: Turn) -> Step:
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
    answer = _answer_reply(told, min(candidate.confidence for candidate in candidates), turn)
    texts = [each.text for each in told]
    reply = replace(
        answer, text="\n\n".join([*texts, form.text]), awaiting=form.awaiting, choices=form.choices,
        parts=(*(part for each in told for part in each.parts), *form.parts),
    )  # fmt: skip
    return Step(conversation=resumed.conversation, actions=(Say(reply=reply),))


def _corrected_in_form(now: Conversation, act: acts.Corrected, turn: Turn) -> Step:
    """A field is changed while the form is open."""
    noted: list[str] = []
    for name, value in ((Field.PRODUCT_NAME, act.product), (Field.ERROR_MESSAGE, act.error)):
        if value is not None:
            now = _put(now, name, FieldValue(value=value, given=True, asked=_value(now, name).asked))
            noted.append(turn.world.replies.say("noted", field=name.value, value=value))
    missing = _awaiting(now)
    if missing and _value(now, missing[0]).asked:
        return _ask(now, missing[0], turn, lead="\n".join(noted), counted=False)
    return _proceed(now, turn, lead="\n".join(noted))


def _corrected(now: Conversation, act: acts.Corrected, turn: Turn) -> Step:
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
        now = _without(now, case, product_name=act.product, product_name_given=True)
    if act.error is not None:
        now = _without(now, case, error_message=act.error, error_message_given=True)
    text = "\n".join(said)
    card = next(each for each in now.cases if each.id == case.id)
    reply = Reply(
        outcome=Outcome.ESCALATE, text=text,
        parts=(Text(text=text), CaseCard(number=card.number, state=card.state.value, product_name=card.product_name, error_message=card.error_message)),
    )  # fmt: skip
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


def _corrected_unasked(now: Conversation, act: acts.Corrected, turn: Turn) -> Step:
    return _details_unasked(now, acts.GaveDetails(product=act.product, error=act.error), turn)


# --- after the case ----------------------------------------------------------------------------------------------


def _state_of(now: Conversation, case: CaseRef, name: str, turn: Turn) -> Say:
    return _say(
        now,
        turn.world,
        Outcome.ESCALATE,
        name,
        number=case.number,
        state=case.state.value,
        owner=case.owner or now.agent,
        **_hours(turn),
    )


def _news(now: Conversation, act: acts.Act, turn: Turn) -> Step:
    """How is my case?"""
    del act
    case = now.open_case or (now.cases[-1] if now.cases else None)
    if case is None:
        return Step(conversation=now, actions=(_say(now, turn.world, Outcome.CLARIFY, "greeted"),))
    return Step(conversation=now, actions=(_state_of(now, case, "case_state", turn),))


def _address(now: Conversation, act: acts.AddressGiven, turn: Turn) -> Step:
    """An address to be answered at; it counts as unverified."""
    case = now.open_case
    assert case is not None
    now = replace(now, email=act.email)
    change = ChangeCase(case_id=case.id, changes={"email": act.email}, what="The user left an e-mail address")
    return Step(
        conversation=now,
        actions=(
            change,
            _say(now, turn.world, Outcome.ESCALATE, "address_noted", email=act.email, number=case.number),
        ),
    )


# --- agents ------------------------------------------------------------------------------------------------------


def _open_or_refuse(now: Conversation) -> CaseRef:
    case = now.open_case
    if case is None:
        raise CallError(Code.CONFLICT, "The conversation has no open case", "Reopen the case first")
    return case


def _claimed(now: Conversation, event: events.AgentClaimed, turn: Turn) -> Step:
    case = _open_or_refuse(now)
    if now.phase is Phase.WITH_AGENT:
        if now.agent == event.agent:
            return Step(conversation=now, actions=())
        raise CallError(Code.CONFLICT, f"{case.number} is held by {now.agent}", "Ask them to hand it back first")
    held = _without(
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
            _say(held, turn.world, Outcome.ESCALATE, "agent_joined", agent=event.agent, number=case.number),
        ),
    )


def _agent_holds(now: Conversation, agent: str, turn: Turn) -> tuple[Conversation, tuple[Action, ...]]:
    """The conversation in the agent's hands: claimed on the way if nobody holds it."""
    if now.phase is Phase.WITH_AGENT and now.agent == agent:
        return now, ()
    if now.phase is Phase.WITH_AGENT:
        case = _open_or_refuse(now)
        taken = _without(replace(now, agent=agent), case, owner=agent)
        change = ChangeCase(
            case_id=case.id, changes={"owner": agent}, what=f"{agent} answered for {now.agent}", by=agent
        )
        return taken, (change,)
    claimed = _claimed(now, events.AgentClaimed(at=turn.at, agent=agent), turn)
    return claimed.conversation, claimed.actions


def _agent_said(now: Conversation, event: events.AgentReplied, turn: Turn) -> Step:
    """An agent's words, to the user as they are."""
    now, actions = _agent_holds(now, event.agent, turn)
    case = _open_or_refuse(now)
    waits = _without(now, case, state=CaseState.WAITING_FOR_USER)
    reply = Reply(outcome=Outcome.ESCALATE, text=event.text, parts=(Text(text=event.text),))
    change = ChangeCase(
        case_id=case.id,
        changes={"state": CaseState.WAITING_FOR_USER.value},
        what="Answered the user",
        by=event.agent,
    )
    return Step(conversation=waits, actions=(*actions, change, Say(reply=reply, speaker=event.agent)))


def _agent_asked(now: Conversation, event: events.AgentAskedFor, turn: Turn) -> Step:
    text = turn.world.replies.say(
        "agent_asked", agent=event.agent, field=event.field.value if event.field else "", what=event.what
    )
    return _agent_said(now, events.AgentReplied(at=event.at, agent=event.agent, text=text), turn)


def _agent_suggested(now: Conversation, event: events.AgentSuggested, turn: Turn) -> Step:
    """A fix the agent picked, with its steps."""
    if event.resolution not in turn.world.knowledge.resolutions:
        raise CallError(Code.NOT_FOUND, f"There is no resolution {event.resolution}", "Pick one that the search shows")
    now, actions = _agent_holds(now, event.agent, turn)
    case = _open_or_refuse(now)
    told = turn.world.replies.resolution(event.resolution, turn.world.knowledge, now.captured)
    reply = _answer_reply([told], 1.0, turn, lead=turn.world.replies.say("agent_suggested", agent=event.agent))
    waits = _without(replace(now, tried=(*now.tried, event.resolution)), case, state=CaseState.WAITING_FOR_USER)
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


def _agent_resolved(now: Conversation, event: events.AgentResolved, turn: Turn) -> Step:
    case = _open_or_refuse(now)
    closed = replace(_without(now, case, state=CaseState.RESOLVED), owner=Owner.BOT, agent="")
    closed = replace(closed, phase=_rest(closed, Phase.RESOLVED))
    change = ChangeCase(
        case_id=case.id,
        changes={"state": CaseState.RESOLVED.value},
        what=f"Resolved: {event.reason}" if event.reason else "Resolved",
        by=event.agent,
    )
    said = _say(
        closed,
        turn.world,
        Outcome.RESOLVED,
        "agent_resolved",
        agent=event.agent,
        number=case.number,
        reason=event.reason,
    )
    return Step(conversation=closed, actions=(change, said))


def _agent_reopened(now: Conversation, event: events.AgentReopened, turn: Turn) -> Step:
    if now.open_case is not None or not now.cases:
        raise CallError(Code.CONFLICT, "There is no resolved case to open again", "Look at the case again")
    case = now.cases[-1]
    opened = replace(_without(now, case, state=CaseState.REOPENED), phase=Phase.WAITING)
    change = ChangeCase(case_id=case.id, changes={"state": CaseState.REOPENED.value}, what="Reopened", by=event.agent)
    said = _say(opened, turn.world, Outcome.ESCALATE, "agent_reopened", agent=event.agent, number=case.number)
    return Step(conversation=opened, actions=(change, said))


def _handed_back(now: Conversation, event: events.AgentHandedBack, turn: Turn) -> Step:
    case = _open_or_refuse(now)
    back = _without(replace(now, phase=Phase.WAITING, owner=Owner.BOT, agent=""), case, state=CaseState.OPEN, owner="")
    change = ChangeCase(
        case_id=case.id,
        changes={"state": CaseState.OPEN.value, "owner": ""},
        what="Handed back to the bot",
        by=event.agent,
    )
    said = _say(back, turn.world, Outcome.ESCALATE, "agent_left", agent=event.agent, number=case.number)
    return Step(conversation=back, actions=(change, said))


def _relay(now: Conversation, act: acts.Act, turn: Turn) -> Step:
    """While an agent holds it, the user's words go to the agent; the bot at most says so."""
    del act
    case = _open_or_refuse(now)
    changed = _without(now, case, state=CaseState.CLAIMED)
    relay = Relay(case_id=case.id, text=turn.text, attachments=turn.attachments)
    change = ChangeCase(case_id=case.id, changes={"state": CaseState.CLAIMED.value}, what="The user wrote")
    actions: tuple[Action, ...] = (relay, change) if case.state is not CaseState.CLAIMED else (relay,)
    if turn.world.manners.acknowledge:
        actions = (
            *actions,
            _say(changed, turn.world, Outcome.ESCALATE, "passed_on", agent=now.agent, number=case.number),
        )
    return Step(conversation=changed, actions=actions)


# --- time --------------------------------------------------------------------------------------------------------


def _time(now: Conversation, event: events.TimePassed, turn: Turn) -> Step:
    """A reminder, then the end: an open form ends as a case, so that nothing unresolved is lost."""
    if now.touched is None:
        return Step(conversation=now, actions=())
    silent = event.at - now.touched
    manners = turn.world.manners
    if silent >= manners.end_after:
        if now.phase is Phase.ASKING:
            for name in _awaiting(now):
                now = _put(now, name, FieldValue(value=turn.world.replies.say("not_given"), declined=True))
            return _open(now)
        ended = replace(_fresh(now), phase=_rest(now, Phase.CLOSED), owner=now.owner)
        return Step(conversation=ended, actions=(_say(ended, turn.world, Outcome.CANCELLED, "ended"),))
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
        return Step(conversation=reminded, actions=(_say(reminded, turn.world, outcome, "reminder", asking=asking),))
    return Step(conversation=now, actions=())


def _still(now: Conversation, event: events.TimePassed, turn: Turn) -> Step:
    """Nothing is due: people are at work, or nothing is open."""
    del event, turn
    return Step(conversation=now, actions=())


# --- the table ---------------------------------------------------------------------------------------------------

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
    row(_TALKING, acts.Asked, _consider, _ANSWERING)
    row([_P.WAITING], acts.Asked, _consider_beside_case, _ANSWERING)
    row(_TALKING, acts.FollowedUp, _follow, {*_ANSWERING, _P.RESOLVED})
    row(_TALKING, acts.Aside, _consider, _ANSWERING)
    row(_TALKING, acts.Chose, _pick, {*_ANSWERING, _P.LISTENING, _P.RESOLVED, _P.CLOSED})
    # Did it help?
    row(_TALKING, acts.SaidYes, _solved, {_P.RESOLVED, _P.WAITING})
    row([_P.REFUSING], acts.SaidYes, _yes_to_person, {*_ESCALATING, _P.RESOLVED})
    row(_TALKING, acts.SaidNo, _not_solved, _ESCALATING)
    row([_P.REFUSING], acts.SaidNo, _no_to_person, {_P.LISTENING, _P.WAITING})
    row(_TALKING, acts.Thanked, _thanked, _RESTING)
    stay(_TALKING, acts.WillTry, _patient)
    stay(_TALKING, acts.Greeted, _greet)
    stay(_TALKING, acts.SaidNothing, _blank)
    stay(_TALKING, acts.SaidNone, _blank)
    row(_TALKING, acts.Cancelled, _cancelled, {_P.LISTENING, _P.WAITING})
    # A person, from anywhere, at once.
    row(_TALKING, acts.PersonWanted, _person, _ESCALATING)
    row(_TALKING, acts.GaveDetails, _details_unasked, _ESCALATING)
    row(_TALKING, acts.Corrected, _corrected_unasked, _ESCALATING)
    stay(_TALKING, acts.WhyWanted, _greet)
    stay(_TALKING, acts.NewsWanted, _news)
    stay(_TALKING, acts.AddressGiven, _greet)
    # The form.
    form = {_P.ASKING, _P.OPENING}
    row([_P.ASKING], acts.GaveDetails, _details, form)
    row([_P.ASKING], acts.Corrected, _corrected_in_form, form)
    row([_P.ASKING], acts.SaidNone, _none, form)
    row([_P.ASKING], acts.SaidNothing, _asked_again, form)
    row([_P.ASKING], acts.SaidNo, _asked_again, form)
    row([_P.ASKING], acts.PersonWanted, _person_again, form)
    for polite in (
        acts.Thanked,
        acts.WillTry,
        acts.Greeted,
        acts.NewsWanted,
        acts.AddressGiven,
        acts.FollowedUp,
    ):
        row([_P.ASKING], polite, _polite, {_P.ASKING})
    row([_P.ASKING], acts.WhyWanted, _why, {_P.ASKING})
    row([_P.ASKING], acts.Aside, _aside, {_P.ASKING})
    row([_P.ASKING], acts.Asked, _aside, {_P.ASKING})
    row([_P.ASKING], acts.Chose, _pick, _ANSWERING)
    row([_P.ASKING], acts.SaidYes, _solved, {_P.RESOLVED, _P.WAITING})
    row([_P.ASKING], acts.Cancelled, _cancelled, {_P.LISTENING, _P.WAITING})
    row([_P.OPENING], events.CaseOpened, _case_opened, {_P.WAITING})
    # After the case.
    row([_P.WAITING], acts.GaveDetails, _details_again, {_P.WAITING})
    row([_P.WAITING], acts.Corrected, _corrected, {_P.WAITING})
    row([_P.WAITING], acts.AddressGiven, _address, {_P.WAITING})
    for phase in (_P.CLARIFYING, _P.PROPOSING, _P.REFUSING):  # beside an open case
        row([phase], acts.AddressGiven, _address_beside, {phase})
        row([phase], acts.Corrected, _corrected_beside, {phase, *_ESCALATING})
    # Agents.
    claimable = (_P.WAITING, _P.CLARIFYING, _P.PROPOSING, _P.REFUSING, _P.ASKING, _P.WITH_AGENT)
    held = {_P.WITH_AGENT}
    row(claimable, events.AgentClaimed, _claimed, held)
    row(claimable, events.AgentReplied, _agent_said, held)
    row(claimable, events.AgentAskedFor, _agent_asked, held)
    row(claimable, events.AgentSuggested, _agent_suggested, held)
    row(claimable, events.AgentResolved, _agent_resolved, {_P.RESOLVED, _P.WAITING})
    row([_P.WITH_AGENT], events.AgentHandedBack, _handed_back, {_P.WAITING})
    row(
        [_P.RESOLVED, _P.CLOSED, _P.LISTENING, _P.PROPOSING, _P.CLARIFYING, _P.REFUSING],
        events.AgentReopened,
        _agent_reopened,
        {_P.WAITING},
    )
    for what in (
        acts.Asked, acts.FollowedUp, acts.Aside, acts.Chose, acts.SaidNo, acts.Thanked, acts.WillTry, acts.Greeted, acts.SaidNothing, acts.SaidNone,
        acts.Cancelled, acts.PersonWanted, acts.GaveDetails, acts.Corrected, acts.WhyWanted, acts.NewsWanted, acts.AddressGiven,
    ):  # fmt: skip
        row([_P.WITH_AGENT], what, _relay, held)
    row([_P.WITH_AGENT], acts.SaidYes, _solved, {_P.RESOLVED, _P.WAITING})
    # Time.
    for phase in (_P.CLARIFYING, _P.PROPOSING, _P.REFUSING):
        row([phase], events.TimePassed, _time, {phase, _P.CLOSED, _P.WAITING})
    row([_P.ASKING], events.TimePassed, _time, {_P.ASKING, _P.OPENING})
    stay((_P.LISTENING, _P.WAITING, _P.WITH_AGENT, _P.RESOLVED, _P.CLOSED), events.TimePassed, _still)
    return rows


def _address_beside(now: Conversation, act: acts.AddressGiven, turn: Turn) -> Step:
    return _address(now, act, turn) if now.open_case else _greet(now, act, turn)


def _corrected_beside(now: Conversation, act: acts.Corrected, turn: Turn) -> Step:
    return _corrected(now, act, turn) if now.open_case else _corrected_unasked(now, act, turn)


TRANSITIONS: Final[Mapping[tuple[Phase, type], Rule]] = _table()
