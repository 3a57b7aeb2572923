"""`helpbot why`: the diagnosis, explained, so that an author can act on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from math import log
from typing import TYPE_CHECKING, Any, Final

import typer

from helpbot.cli.common import console, places, text_of, tty, write_json

if TYPE_CHECKING:
    from helpbot.bootstrap import Mind
    from helpbot.dialogue.policy import Decision
    from helpbot.knowledge.base import Example
    from helpbot.understanding.diagnosis import Candidate, Diagnosis, Problem

__all__ = ["app", "explained", "told"]

app = typer.Typer()

# What a reason says, for who wrote the knowledge; the kinds themselves are in the JSON.
_SAYS: Final = {
    "signature": "its error pattern:",
    "words": "words that an example of it has:",
    "meaning": "means much the same as its example:",
    "question": "is near its example:",
    "chunk": "a section it cites:",
    "facet": "the system:",
    "missing": "words that none of its examples has:",
}


@app.command()
def why(
    text: list[str] | None = typer.Argument(
        None, metavar="TEXT", help="A question or an error; - reads it from stdin."
    ),
    as_json: bool = typer.Option(False, "--json", help="One JSON object for programs."),
    words: bool = typer.Option(False, "--words", help="Compare words alone, not meaning."),
) -> None:
    """Say what a message was taken for and why: signatures, words, sections, confidence, and what was decided."""
    from helpbot.bootstrap import open_mind

    question = text_of(text)
    mind = open_mind(places(), words_only=words)
    diagnosis = mind.engine.diagnose(question)
    if as_json:
        write_json(explained(mind, diagnosis), pretty=tty())
        return
    screen = console()
    for style, line in told(mind, diagnosis):
        screen.print(line, style=style or None, markup=False, highlight=False)


def explained(mind: Mind, diagnosis: Diagnosis) -> dict[str, Any]:
    """The diagnosis as JSON: each problem's candidates with the evidence that their scores are made of."""
    return {
        "kind": diagnosis.kind.value,
        "error_text": diagnosis.error_text,
        "facets": dict(diagnosis.facets),
        "handover": round(diagnosis.handover, 4),
        "cut": diagnosis.cut,
        "meaning": diagnosis.encoder,
        "problems": [
            {
                "text": problem.text,
                "known": round(problem.known, 4),
                "unknown_error": problem.unknown_error,
                "decision": _decided(decision),
                "because": list(_because(mind, problem, decision)),
                "to_change_it": list(_to_change(mind, problem, decision)),
                "candidates": [
                    {
                        "resolution": candidate.resolution,
                        "source": _name(candidate),
                        "confidence": round(candidate.confidence, 4),
                        "score": round(candidate.score, 4),
                        "exact": candidate.exact,
                        "captured": dict(candidate.captured),
                        "evidence": [
                            {"kind": reason.kind, "label": reason.label, "weight": round(reason.weight, 4)}
                            for reason in candidate.evidence
                        ],
                    }
                    for candidate in problem.candidates
                ],
            }
            for problem in diagnosis.problems
            for decision in (_decision(mind, problem),)
        ],
    }


def told(mind: Mind, diagnosis: Diagnosis) -> Iterator[tuple[str, str]]:
    """The same for people: (style, line)."""
    from helpbot.channels.terminal import clean

    how = "words and meaning" if diagnosis.encoder else "words alone"
    if all(problem.candidates and _by_pattern(problem.candidates[0]) for problem in diagnosis.problems):
        how = "its error patterns"
    yield "bold", f"read as {'an error' if diagnosis.kind.value == 'error' else f'a {diagnosis.kind.value}'}, by {how}"
    if diagnosis.error_text:
        yield "", f"  error found: {_short(clean(diagnosis.error_text), 300)}"
    for facet, value in diagnosis.facets.items():
        yield "", f"  {facet}: {value}"
    if diagnosis.cut:
        yield "yellow", "  it was longer than is read: the rest was left out"
    if diagnosis.handover >= 0.5:
        yield "yellow", f"  a person is asked for ({diagnosis.handover:.2f})"
    for problem in diagnosis.problems:
        yield "", ""
        if len(diagnosis.problems) > 1:
            yield "bold", f"part: {_short(clean(problem.text), 200)}"
        decision = _decision(mind, problem)
        yield "green" if _decided(decision).startswith("answer") else "yellow", f"decided: {_decided(decision)}"
        for line in _because(mind, problem, decision):
            yield "", f"  because {clean(line)}"
        for line in _to_change(mind, problem, decision):
            yield "", f"  to change it: {clean(line)}"
        for candidate in problem.candidates:
            captured = "".join(f"  {name}={clean(value)}" for name, value in candidate.captured.items())
            yield (
                "cyan",
                f"  {_name(candidate):<46} {candidate.confidence:.2f}{'  exact' if candidate.exact else ''}{captured}",
            )
            reasons = _reasons(candidate)
            for kind, label, weight in reasons:
                says = _SAYS.get(kind, kind) if candidate.resolution is not None else "its section has:"
                yield "dim", f"      {weight:+8.3f}  {says} {_short(clean(label), 110)}"
            if len(reasons) > 1:
                yield "dim", f"      {candidate.score:+8.3f}  together"


def _reasons(candidate: Candidate) -> list[tuple[str, str, float]]:
    """(kind, label, weight) of what a score is made of, heaviest first; one example that counts twice stands once."""
    together: dict[tuple[str, str], float] = {}
    for reason in candidate.evidence:
        named = (reason.kind, reason.label)
        together[named] = together.get(named, 0.0) + reason.weight
    return sorted(((kind, label, weight) for (kind, label), weight in together.items()), key=lambda each: -abs(each[2]))


def _by_pattern(candidate: Candidate) -> bool:
    return bool(candidate.evidence) and all(reason.kind == "signature" for reason in candidate.evidence)


def _short(text: str, most: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1].rstrip()}…"


def _because(mind: Mind, problem: Problem, decision: Decision) -> Iterator[str]:
    """What decided: the numbers that were compared, and the example or pattern that weighed most."""
    from helpbot.dialogue.policy import Answer, Clarify

    policy, best = mind.world.policy, problem.candidates[0] if problem.candidates else None
    if isinstance(decision, Answer):
        kind, label, weight = _reasons(decision.candidate)[0]
        whole = f"{weight:+.2f} of {decision.candidate.score:+.2f}"
        if _by_pattern(decision.candidate):
            yield f"the error stands there that {_file(mind, decision.candidate)} names under `errors`: {label}"
        elif decision.candidate.resolution is None:
            yield f"no resolution covers it and this section has its words, above all {label} ({whole})"
        else:
            here = _file(mind, decision.candidate)
            yield f"most of it ({whole}) is this: {_SAYS.get(kind, kind)} {_short(label, 110)} ({here})"
        return
    if best is None:
        yield "no article and no resolution has anything like it"
        return
    known = max(problem.known, best.confidence)
    if isinstance(decision, Clarify):
        near = ", ".join(f"{_name(each)} {each.confidence:.2f}" for each in decision.candidates)
        yield f"each of these may be meant, and asking costs less than a wrong answer: {near}"
    elif decision.reason == "unknown_error":
        error = _short(problem.unknown_error, 110)
        yield f"it reads like an error message, and no pattern under `errors` is in it: {error}"
    elif decision.reason == "not_covered":
        yield f"that the articles cover it has {known:.2f}, and an answer takes {policy.known_at:.2f} or more"
        outside = _nearest_outside(mind, problem.text)
        if outside is not None:
            alike = _short(outside.text, 110)
            yield f"questions.jsonl:{outside.line} says of a question alike that it is not answered: {alike}"
    else:
        yield f"the nearest, {_name(best)}, has {best.confidence:.2f}, and nothing beside it is near enough to ask back"


def _to_change(mind: Mind, problem: Problem, decision: Decision) -> Iterator[str]:
    """What an author writes, and where, if another decision were right."""
    from helpbot.dialogue.policy import Answer, Clarify

    best = problem.candidates[0] if problem.candidates else None
    if isinstance(decision, Answer):
        if _by_pattern(decision.candidate):
            yield "write a longer pattern, with more of this text, under `errors` of the resolution that is meant"
        else:
            yield "if another resolution is meant, write this text under its `questions`"
            yield 'if no article covers it, add it to questions.jsonl with "outcome": "no_answer"'
    elif isinstance(decision, Clarify):
        files = " or ".join(_file(mind, each) for each in decision.candidates)
        yield f"if it always means one of them, write this text under the `questions` of that one: {files}"
    elif best is None:
        yield "write an article about it, or a resolution whose `questions` have this text"
    elif decision.reason == "unknown_error":
        yield "write it under `errors` of the resolution that it belongs to, {name:word} standing for what varies"
        yield "if no resolution covers it, this is right; write one if an article tells what to do"
    else:
        yield f"if {_file(mind, best)} answers it, write this text under its `questions`"
        yield "if another article does, write a resolution that cites it; if none does, this is right"


def _file(mind: Mind, candidate: Candidate) -> str:
    """Where an author finds a candidate."""
    known = mind.knowledge.resolutions.get(candidate.resolution or "")
    return known.origin.path if known is not None and known.origin.path else _name(candidate)


def _nearest_outside(mind: Mind, text: str) -> Example | None:
    """Of what is not to be answered, the question with most of the same words, rare ones first; None without two."""
    tokens = mind.engine.tokenizer
    asked = set(tokens.words(text))
    outside = [example for example in mind.knowledge.examples if "no_answer" in example.outcomes and not example.turns]
    words = [frozenset(tokens.words(example.text)) for example in outside]
    often = Counter(word for each in words for word in each & asked)
    worth = {word: log(1 + len(outside) / count) for word, count in often.items()}
    found = [
        (sum(worth[word] for word in each & asked) / (3 + len(each)), n)
        for n, each in enumerate(words)
        if len(each & asked) >= 2
    ]
    return outside[max(found, key=lambda each: (each[0], -each[1]))[1]] if found else None


def _name(candidate: Candidate) -> str:
    if candidate.resolution is not None:
        return candidate.resolution
    assert candidate.passage is not None
    return f"{candidate.passage.article}#{candidate.passage.anchor}"


def _decision(mind: Mind, problem: Problem) -> Decision:
    from helpbot.dialogue.policy import decide

    return decide(problem, mind.world.policy, mind.knowledge)


def _decided(decision: Decision) -> str:
    from helpbot.dialogue.policy import Answer, Clarify

    if isinstance(decision, Answer):
        return f"answer {_name(decision.candidate)}"
    if isinstance(decision, Clarify):
        by = f" by {decision.facet}" if decision.facet else ""
        return f"ask back{by}: {', '.join(_name(candidate) for candidate in decision.candidates)}"
    return f"not known ({decision.reason.replace('_', ' ')})"
