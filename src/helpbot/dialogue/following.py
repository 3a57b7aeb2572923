"""Turns that follow up on the last answer: another PSA, where it was, a term of it, how long it takes."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from helpbot.dialogue import acts, phrases
from helpbot.dialogue.actions import Say
from helpbot.dialogue.answering import answer_reply, answered, considered, refusal
from helpbot.dialogue.conversation import Conversation
from helpbot.dialogue.replies import Answer as Told
from helpbot.dialogue.turn import Step, Turn, did_it_help
from helpbot.dialogue.world import World
from helpbot.knowledge.resolution import Source
from helpbot.messages import (
    Citation,
    Outcome,
    Point,
    Points,
    Reply,
    Text,
)
from helpbot.understanding.diagnosis import Candidate

__all__ = ["about_answer", "followed"]


_REPEAT: Final = re.compile(r"\b(?:repeat|again|once more|say that|read that|show me)\b")


def followed(now: Conversation, act: acts.FollowedUp, turn: Turn) -> Step:
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
        return answered(now, act.text, [best], (), turn)
    siblings = [
        found
        for found in world.knowledge.resolutions.values()
        if found.topic in topics and psa in found.applies_to.get("psa", ())
    ]
    if len(siblings) == 1:
        return answered(
            now,
            act.text,
            [Candidate(resolution=siblings[0].id, confidence=world.policy.answer_at, score=0.0)],
            (),
            turn,
        )
    general = [name for name in now.offered if not world.knowledge.resolutions[name].applies_to.get("psa")]
    if general:
        return answered(
            now,
            act.text,
            [Candidate(resolution=general[0], confidence=world.policy.answer_at, score=0.0)],
            (),
            turn,
        )
    told = replace(diagnosis, error_text="")  # the error is the last one with another name in it
    return considered(now, acts.Asked(text=act.text, diagnosis=told), turn)


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


def about_answer(now: Conversation, text: str, turn: Turn) -> Reply:
    """A few words about the last answer: its resolutions, sources and buttons stay."""
    return Reply(
        outcome=Outcome.ANSWER, text=text, parts=(Text(text=text),), resolutions=now.offered,
        citations=_cited_again(now, turn.world), choices=did_it_help(turn),
    )  # fmt: skip


def _cited_again(now: Conversation, world: World) -> tuple[Citation, ...]:
    """The citations of the last answer."""
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
        outcome=Outcome.ANSWER,
        text=text,
        resolutions=now.offered,
        citations=citations,
        confidence=1.0,
        parts=(Text(text=text.split("\n", 1)[0]), Points(points=tuple(Point(text=path) for path in paths))),
        captured=now.captured,
        understood=told[0].title if told else "",
        choices=did_it_help(turn),
    )


def _detail(now: Conversation, act: acts.FollowedUp, told: list[Told], turn: Turn) -> Reply:
    """The lines of the last answer that a further question asks for; all of it where none stands out."""
    lines = _lines_for(act, now, turn.world)
    if not lines:
        if not told:
            return refusal("no_answer", 0.0, turn)
        lead = "" if _REPEAT.search(phrases.fold(act.text)) else turn.world.replies.say("nothing_more")
        return answer_reply(told, 1.0, turn, lead=lead)
    citations = _cited_again(now, turn.world)
    title = act.value or told[0].title
    text = turn.world.replies.say(
        "detail", title=title, lines=[{"text": line} for line in lines], sources=_listed(citations)
    )
    return Reply(
        outcome=Outcome.ANSWER,
        text=text,
        resolutions=now.offered,
        citations=citations,
        confidence=1.0,
        parts=(Text(text=title, role="lead"), Points(points=tuple(Point(text=line) for line in lines))),
        captured=now.captured,
        understood=title,
        choices=did_it_help(turn),
    )


def _lines_for(act: acts.FollowedUp, now: Conversation, world: World) -> list[str]:
    found = [world.knowledge.resolutions[name] for name in now.offered if name in world.knowledge.resolutions]
    if act.kind == "term":
        return [point.text for each in found for point in each.points if point.term == act.value]
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
