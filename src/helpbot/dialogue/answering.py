"""Turns that answer: what is known is told with its sources, what is close is asked back, the rest is refused."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from helpbot.dialogue import acts, details, judging, phrases, reading
from helpbot.dialogue.actions import Relay, Say
from helpbot.dialogue.conversation import CaseRef, Conversation, FieldValue, Phase
from helpbot.dialogue.policy import Answer, Clarify, Unknown, decide
from helpbot.dialogue.replies import Answer as Told
from helpbot.dialogue.turn import Step, Turn, button, did_it_help, fresh, problem_of, tell
from helpbot.dialogue.world import World
from helpbot.messages import (
    Choice,
    Outcome,
    Part,
    Reply,
    Text,
)
from helpbot.understanding.diagnosis import Candidate, Diagnosis, InputKind, Passage, Problem

if TYPE_CHECKING:
    from helpbot.knowledge.base import KnowledgeBase

__all__ = ["answer_reply", "answered", "consider_beside_case", "considered", "picked", "refusal"]

_CLOSE: Final = 0.15  # the least confidence of a second candidate worth a mention


def considered(now: Conversation, act: acts.Asked, turn: Turn) -> Step:
    """A question: answer it, ask back, or say that it is not known."""
    world = turn.world
    if now.phase in (Phase.RESOLVED, Phase.CLOSED):
        now = fresh(now)
    beside = now.phase is Phase.WAITING and now.open_case is not None
    apart = replace(now, product=FieldValue(), error=FieldValue()) if beside else now
    apart = _learn(apart, act.diagnosis, act.text, world)  # a new problem beside an open case has its own fields
    decided = [decide(problem, world.policy, world.knowledge) for problem in act.diagnosis.problems]
    answers = _distinct(decision.candidate for decision in decided if isinstance(decision, Answer))
    asks = [decision for decision in decided if isinstance(decision, Clarify)]
    if answers:
        missing = any(isinstance(decision, Unknown) for decision in decided)
        spare = _spare(act.diagnosis.problems, answers)
        if beside:
            now = _learn(now, act.diagnosis, act.text, world)
            return answered(now, act.text, answers, spare, turn, missing=missing, apart=apart)
        return answered(apart, act.text, answers, spare, turn, missing=missing)
    if asks:
        return _asked_back(apart, act.text, asks[0], turn)
    return _refused(apart, act, turn)


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
        common = judging.common_words(world.knowledge)
        product = details.labelled(text).product or ""
        if not product or phrases.fold(product) in common:
            product = details.product_in(text, common=common)
        if not product and not common & set(phrases.fold(told := details.in_sentence(text).product or "").split()):
            product = told
        if product:
            now = replace(now, product=FieldValue(value=product, given=True))
    return replace(now, psa=diagnosis.facets.get("psa", now.psa))


def answered(
    now: Conversation,
    text: str,
    candidates: list[Candidate],
    spare: tuple[str, ...],
    turn: Turn,
    *,
    missing: bool = False,
    apart: Conversation | None = None,
) -> Step:
    """Tell the resolutions or passages found, then ask whether it is solved.

    `apart` is the conversation with the form of a new problem, for an answer beside an open case.
    """
    told: list[Told] = []
    cited = 0
    for candidate in candidates:
        answer = turn.world.replies.answer(candidate, turn.world.knowledge, cited)
        cited += len(answer.citations)
        told.append(answer)
    names = tuple(answer.resolution for answer in told if answer.resolution)
    problem = problem_of(now, names or [f"{c.article}#{c.anchor}" for a in told for c in a.citations[:1]], text)
    kept = now.tried if now.phase in (Phase.PROPOSING, Phase.CLARIFYING, Phase.REFUSING) else ()
    case = now.open_case
    about_case = case is not None and (
        problem == case.problem or (set(names) <= set(now.tried) and bool(names) and now.phase is Phase.WAITING)
    )
    if case is not None and not about_case and now.phase is Phase.WAITING:
        # A new problem beside the open case: its fields are its own, only what was told with it is known.
        now = replace(
            now,
            product=apart.product if apart else FieldValue(),
            error=apart.error if apart else _error_just_told(now, case),
        )
    now = replace(
        now,
        phase=Phase.WAITING if about_case else Phase.PROPOSING,
        question=text,
        problem=problem,
        offered=names,
        citations=tuple(f"{c.article}#{c.anchor}" for answer in told for c in answer.citations),
        captured=dict(candidates[0].captured),
        choices=(),
        spare=spare,
        tried=now.tried if about_case else (*kept, *(name for name in names if name not in kept)),
        psa=now.psa or _psa_of(names, turn.world),
    )
    confidence = min(candidate.confidence for candidate in candidates)
    return Step(conversation=now, actions=(Say(reply=answer_reply(told, confidence, turn, missing=missing)),))


def _error_just_told(now: Conversation, case: CaseRef) -> FieldValue:
    return now.error if now.error.given and now.error.value != case.error_message else FieldValue()


def _psa_of(names: Iterable[str], world: World) -> str:
    found = {psa for name in names for psa in world.knowledge.resolutions[name].applies_to.get("psa", ())}
    return found.pop() if len(found) == 1 else ""


def answer_reply(told: list[Told], confidence: float, turn: Turn, *, missing: bool = False, lead: str = "") -> Reply:
    """The reply that tells one or more answers, each with its sources, and asks whether it helped."""
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
        outcome=Outcome.ANSWER,
        text="\n\n".join(texts),
        parts=tuple(parts),
        confidence=confidence,
        resolutions=tuple(answer.resolution for answer in told if answer.resolution),
        citations=tuple(citation for answer in told for citation in answer.citations),
        choices=did_it_help(turn),
        captured=told[0].captured,
        understood=told[0].title,
    )


def _asked_back(now: Conversation, text: str, decision: Clarify, turn: Turn) -> Step:
    """Two or three things may be meant: ask which, in one question that a word answers."""
    knowledge = turn.world.knowledge
    vocabulary = knowledge.vocabulary
    choices: list[Choice] = []
    for candidate in decision.candidates:
        if candidate.passage is not None:
            place = f"{candidate.passage.article}#{candidate.passage.anchor}"
            choices.append(Choice(id=f"pick:{place}", label=_heading(candidate.passage, decision.candidates)))
            continue
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
        now,
        phase=Phase.CLARIFYING,
        question=text,
        problem=problem_of(now, (), text),
        choices=tuple(choices),
        offered=(),
        citations=(),
        spare=(),
    )
    reply = Reply(
        outcome=Outcome.CLARIFY,
        text=said,
        parts=(Text(text=question, role="question"),),
        choices=offered,
        resolutions=tuple(candidate.resolution for candidate in decision.candidates if candidate.resolution),
        confidence=decision.candidates[0].confidence,
    )
    return Step(conversation=now, actions=(Say(reply=reply),))


def _heading(passage: Passage, among: Iterable[Candidate]) -> str:
    """What a section is offered as: its heading, with its article's title where another has the same."""
    heading = passage.section.rsplit(" › ", 1)[-1] or passage.title
    same = sum(c.passage is not None and c.passage.section.rsplit(" › ", 1)[-1] == heading for c in among)
    return f"{passage.title}: {heading}" if same > 1 else heading


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
        now,
        phase=Phase.REFUSING,
        question=act.text,
        problem=problem_of(now, (), act.text),
        offered=(),
        citations=(),
        choices=(),
        spare=(),
    )
    return Step(conversation=now, actions=(Say(reply=refusal(name, confidence, turn)),))


def refusal(name: str, confidence: float, turn: Turn) -> Reply:
    """The reply that says it is not known, with a person one press away."""
    text = turn.world.replies.say(name)
    return Reply(
        outcome=Outcome.NO_ANSWER,
        text=text,
        parts=(Text(text=text),),
        confidence=confidence,
        choices=(button(turn, "person"),),
    )


def consider_beside_case(now: Conversation, act: acts.Asked, turn: Turn) -> Step:
    """A question while a case is open: answer what is known; what is not goes to the case, or is a new problem."""
    case = now.open_case
    assert case is not None
    decided = [decide(problem, turn.world.policy, turn.world.knowledge) for problem in act.diagnosis.problems]
    more = phrases.is_addition(phrases.fold(act.text)) and not any(
        candidate.exact for problem in act.diagnosis.problems for candidate in problem.candidates[:1]
    )
    known = not more and any(isinstance(decision, Answer | Clarify) for decision in decided)
    new_error = (
        not more
        and bool(act.diagnosis.error_text)
        and phrases.fold(act.diagnosis.error_text) != phrases.fold(case.error_message)
    )
    if known or new_error or (not more and reading.is_different(act.text)):
        return considered(now, act, turn)
    said = tell(now, turn.world, Outcome.ESCALATE, "case_added", number=case.number, owner=case.owner)
    return Step(conversation=now, actions=(Relay(case_id=case.id, text=turn.text, attachments=turn.attachments), said))


def picked(now: Conversation, act: acts.Chose, turn: Turn) -> Step:
    """One of the things offered was chosen, or none of them."""
    kind, _, value = act.choice.partition(":")
    if kind == "pick" and value in turn.world.knowledge.resolutions:
        candidate = Candidate(resolution=value, confidence=1.0, score=0.0)
        started = fresh(now) if now.phase in (Phase.RESOLVED, Phase.CLOSED) else now
        question = now.question or turn.world.knowledge.resolutions[value].label
        return answered(started, question, [candidate], (), turn)
    if kind == "pick" and (passage := _section_of(value, turn.world.knowledge)) is not None:
        candidate = Candidate(resolution=None, confidence=1.0, score=0.0, passage=passage)
        started = fresh(now) if now.phase in (Phase.RESOLVED, Phase.CLOSED) else now
        return answered(started, now.question or passage.section, [candidate], (), turn)
    if now.phase is Phase.CLARIFYING:
        now = replace(now, phase=Phase.REFUSING, choices=())
        return Step(conversation=now, actions=(Say(reply=refusal("still_unclear", 0.0, turn)),))
    return Step(conversation=now, actions=(tell(now, turn.world, Outcome.CLARIFY, "blank"),))


def _section_of(place: str, knowledge: KnowledgeBase) -> Passage | None:
    """The section `article#anchor` as a passage; None if there is none (any more)."""
    name, _, anchor = place.partition("#")
    article = knowledge.articles.get(name)
    section = next((one for one in article.sections if one.anchor == anchor), None) if article else None
    if article is None or section is None:
        return None
    return Passage(
        article=name, title=article.title, section=section.title, anchor=anchor, text=section.body, score=0.0
    )  # fmt: skip
