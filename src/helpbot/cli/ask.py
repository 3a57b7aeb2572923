"""`helpbot ask`: one answer, no state. `main` runs it without Typer where the call is plainly right."""

from __future__ import annotations

import typer

from helpbot.cli.asking import Wanted
from helpbot.cli.asking import ask as answer_it

__all__ = ["app"]

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
    answer_it(Wanted(text=tuple(text or ()), as_json=as_json, source=source, words=words))
