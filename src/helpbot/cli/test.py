"""`helpbot test`: labelled questions and talks against what the bot answers."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer

from helpbot.cli.common import FAULTS_FOUND, console, places, said, tty, write_json, wrong

if TYPE_CHECKING:
    from helpbot.bootstrap import Mind
    from helpbot.knowledge.base import Example
    from helpbot.messages import Reply

__all__ = ["Result", "app", "asked"]

KNOWN_WRONG: Final = "known-wrong.jsonl"

app = typer.Typer()


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of one labelled text or talk. `confident` marks an answer that should not have been given."""

    text: str
    line: int
    wanted: str
    got: str
    right: bool
    answered: bool
    confident: bool
    confidence: float


@app.command()
def test(
    file: Path | None = typer.Argument(None, metavar="[FILE]", help="JSON lines; else knowledge/questions.jsonl."),
    plot: bool = typer.Option(False, "--plot", help="Draw claimed confidence beside what was right."),
    accept: bool = typer.Option(False, "--accept", help=f"Note what is wrong now in knowledge/{KNOWN_WRONG}."),
    as_json: bool = typer.Option(False, "--json", help="One JSON object for programs."),
    words: bool = typer.Option(False, "--words", help="Compare words alone, not meaning."),
) -> None:
    """Ask every labelled question. Exit 1 if one is wrong that is not noted as known to be wrong."""
    from helpbot.bootstrap import open_mind

    where = places()
    examples = _examples(file or where.knowledge / "questions.jsonl")
    mind = open_mind(where, words_only=words)
    results = list(asked(mind, _watched(examples)))
    noted = where.knowledge / KNOWN_WRONG
    known = _known(noted)
    wrongs = [result for result in results if not result.right]
    if accept:
        lines = [json.dumps({"text": result.text}, ensure_ascii=False) + "\n" for result in wrongs]
        noted.write_text("".join(lines), encoding="utf-8")
        known = {result.text for result in wrongs}
    new = [result for result in wrongs if result.text not in known]
    if as_json:
        write_json(_summary(results, new), pretty=tty())
    else:
        _tell(results, new, file or where.knowledge / "questions.jsonl")
        mended = known - {result.text for result in wrongs}
        if mended:
            said(f"{len(mended)} of {noted} are right now: run with --accept to strike them out.")
    if plot:
        _plot(mind, words=words)
    if new:
        raise typer.Exit(FAULTS_FOUND)


def asked(mind: Mind, examples: Iterable[Example]) -> Iterator[Result]:
    """Each example, asked in a conversation of its own."""
    for example in examples:
        talk = mind.rehearsal()
        if not example.turns:
            reply = talk.say(example.text)
            yield _judged(example.text, example.line, example.outcomes, example.resolutions, reply)
            continue
        for turn in example.turns:
            result = _judged(turn.user, example.line, turn.outcomes, turn.resolutions, talk.say(turn.user))
            if not result.right or turn is example.turns[-1]:
                yield result
                break


def _judged(text: str, line: int, outcomes: tuple[str, ...], wanted: tuple[str, ...], reply: Reply) -> Result:
    got = reply.outcome.value
    answered = got == "answer"
    fits = not wanted or not answered or set(wanted) <= set(reply.resolutions)
    right = (not outcomes or got in outcomes) and fits
    return Result(
        text=text,
        line=line,
        wanted=" or ".join(outcomes) + (f" {', '.join(wanted)}" if wanted else ""),
        got=got + (f" {', '.join(reply.resolutions)}" if reply.resolutions else ""),
        right=right,
        answered=answered,
        confident=answered and not right,
        confidence=reply.confidence,
    )


def _examples(path: Path) -> list[Example]:
    from helpbot.errors import KnowledgeError
    from helpbot.knowledge.parse import parse_examples

    if not path.is_file():
        wrong(f"{path} is not there", 'Write JSON lines {"text", "outcome", "resolutions"} into it')
    examples, faults = parse_examples(path.read_text(encoding="utf-8", errors="replace"), str(path))
    if faults:
        raise KnowledgeError(faults)
    return examples


def _known(path: Path) -> set[str]:
    if not path.is_file():
        return set()
    try:
        return {json.loads(line)["text"] for line in path.read_text(encoding="utf-8").splitlines() if line.strip()}
    except (ValueError, KeyError, TypeError):
        wrong(f"{path} cannot be read", "Write it anew with helpbot test --accept")


def _watched(examples: list[Example]) -> Iterator[Example]:
    """The examples, with a progress bar while a person waits."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield from examples
        return
    from rich.progress import track

    yield from track(examples, "asking", console=console(stderr=True), transient=True)


def _summary(results: list[Result], new: list[Result]) -> dict[str, Any]:
    right = sum(result.right for result in results)
    return {
        "asked": len(results),
        "right": right,
        "share": round(right / max(1, len(results)), 4),
        "wrong_answers": sum(result.confident for result in results),
        "regressions": [
            {"line": result.line, "text": result.text, "wanted": result.wanted, "got": result.got} for result in new
        ],
    }


def _tell(results: list[Result], new: list[Result], path: Path) -> None:
    for result in new:
        typer.echo(f"{path}:{result.line}: {result.text[:100]!r} wanted {result.wanted}, got {result.got}")
    right, wrong_answers = sum(result.right for result in results), sum(result.confident for result in results)
    share = 100 * right / max(1, len(results))
    typer.echo(
        f"{right} of {len(results)} right ({share:.1f} %), {wrong_answers} wrong answers, "
        f"{len(results) - right - len(new)} known to be wrong, {len(new)} new"
    )
    missed = Counter(f"{result.wanted.split()[0]} -> {result.got.split()[0]}" for result in results if not result.right)
    for way, count in missed.most_common(8):
        typer.echo(f"  {count:4}  {way}")


def _plot(mind: Mind, *, words: bool) -> None:
    """A reliability diagram over questions kept aside: a bar reaches its mark where confidence is true."""
    from helpbot import evaluation, model

    said("learning from four fifths of the questions, to ask the fifth")
    quality = evaluation.held_aside(mind.knowledge, None if words else model.load())
    typer.echo(evaluation.chart(quality.bins()))
