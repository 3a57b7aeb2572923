"""`helpbot ask`: one answer, no state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from helpbot.cli.common import batch, text_of, tty, write_json, wrong

if TYPE_CHECKING:
    from collections.abc import Mapping

    from helpbot.bootstrap import Mind

__all__ = ["answer", "app"]

app = typer.Typer()


@app.command()
def ask(
    text: list[str] | None = typer.Argument(
        None, metavar="TEXT", help="A question or an error; - reads it from stdin."
    ),
    as_json: bool = typer.Option(False, "--json", help="One JSON object for programs."),
    source: str = typer.Option("", "--batch", metavar="FILE|-", help='Answer JSON lines {"id", "text"}.'),
    words: bool = typer.Option(False, "--words", help="Compare words alone, not meaning."),
) -> None:
    """Answer one question from the articles, and keep nothing."""
    from helpbot.bootstrap import open_mind
    from helpbot.cli.common import places

    if source:
        if text:
            wrong("--batch and a TEXT were both given", "Give one of the two")
        mind = open_mind(places(), words_only=words)
        batch(source, ("text",), lambda line: answer(mind, line["text"]))
        return
    question = text_of(text)
    mind = open_mind(places(), words_only=words)
    if as_json:
        write_json({"id": None, **answer(mind, question)}, pretty=tty())
        return
    from helpbot.channels.terminal import drawn

    typer.echo(drawn(mind.rehearsal().say(question), colour=tty()))


def answer(mind: Mind, text: str) -> Mapping[str, Any]:
    """The JSON of one answer (DESIGN, section 3), without `id`."""
    return mind.rehearsal().say(text).as_json()
