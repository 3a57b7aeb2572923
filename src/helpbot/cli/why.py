"""`helpbot why`: the diagnosis, explained, so that an author can act on it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import typer

from helpbot.cli.common import console, places, text_of, tty, write_json

if TYPE_CHECKING:
    from helpbot.bootstrap import Mind
    from helpbot.understanding.diagnosis import Candidate, Diagnosis, Problem

__all__ = ["app", "explained", "told"]

app = typer.Typer()


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
                "decision": _decision(mind, problem),
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
        ],
    }


def told(mind: Mind, diagnosis: Diagnosis) -> Iterator[tuple[str, str]]:
    """The same for people: (style, line)."""
    from helpbot.channels.terminal import clean

    how = "words and meaning" if diagnosis.encoder else "words alone"
    yield "bold", f"read as {'an error' if diagnosis.kind.value == 'error' else f'a {diagnosis.kind.value}'}, by {how}"
    if diagnosis.error_text:
        yield "", f"  error found: {clean(diagnosis.error_text)[:300]}"
    for facet, value in diagnosis.facets.items():
        yield "", f"  {facet}: {value}"
    if diagnosis.cut:
        yield "yellow", "  it was longer than is read: the rest was left out"
    if diagnosis.handover >= 0.5:
        yield "yellow", f"  a person is asked for ({diagnosis.handover:.2f})"
    for problem in diagnosis.problems:
        yield "", ""
        if len(diagnosis.problems) > 1:
            yield "bold", f"part: {clean(problem.text)[:200]}"
        yield (
            "green" if _decision(mind, problem).startswith("answer") else "yellow",
            f"decided: {_decision(mind, problem)}",
        )
        yield "dim", f"  in the articles at all: {problem.known:.2f}"
        if problem.unknown_error:
            yield "yellow", f"  an error that no signature knows: {clean(problem.unknown_error)[:200]}"
        for candidate in problem.candidates:
            captured = "".join(f"  {name}={clean(value)}" for name, value in candidate.captured.items())
            yield (
                "cyan",
                f"  {_name(candidate):<46} {candidate.confidence:.2f}{'  exact' if candidate.exact else ''}{captured}",
            )
            for reason in sorted(candidate.evidence, key=lambda reason: -abs(reason.weight)):
                yield "dim", f"      {reason.weight:+8.3f}  {reason.kind:<10} {clean(reason.label)[:110]}"
            yield "dim", f"      {candidate.score:+8.3f}  together"


def _name(candidate: Candidate) -> str:
    if candidate.resolution is not None:
        return candidate.resolution
    assert candidate.passage is not None
    return f"{candidate.passage.article}#{candidate.passage.anchor}"


def _decision(mind: Mind, problem: Problem) -> str:
    from helpbot.dialogue.policy import Answer, Clarify, decide

    decision = decide(problem, mind.world.policy, mind.knowledge)
    if isinstance(decision, Answer):
        return f"answer {_name(decision.candidate)}"
    if isinstance(decision, Clarify):
        by = f" by {decision.facet}" if decision.facet else ""
        return f"ask back{by}: {', '.join(_name(candidate) for candidate in decision.candidates)}"
    return f"not known ({decision.reason.replace('_', ' ')})"
