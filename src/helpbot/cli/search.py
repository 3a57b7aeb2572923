"""`helpbot search`: ranked articles and sections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from helpbot.cli.common import batch, console, places, text_of, tty, write_json, wrong

if TYPE_CHECKING:
    from helpbot.bootstrap import Mind

__all__ = ["app", "found"]

app = typer.Typer()


@app.command()
def search(
    text: list[str] | None = typer.Argument(None, metavar="TEXT", help="What to look for; - reads it from stdin."),
    top: int = typer.Option(10, min=1, max=1000, help="How many articles at most."),
    as_json: bool = typer.Option(False, "--json", help="One JSON object for programs."),
    source: str = typer.Option("", "--batch", metavar="FILE|-", help='Search for JSON lines {"id", "text"}.'),
    words: bool = typer.Option(False, "--words", help="Compare words alone, not meaning."),
) -> None:
    """List the articles about something, best first, each with its best section."""
    from helpbot.bootstrap import open_mind

    if source:
        if text:
            wrong("--batch and a TEXT were both given", "Give one of the two")
        mind = open_mind(places(), words_only=words)
        batch(source, ("text",), lambda line: {"hits": found(mind, line["text"], top)})
        return
    question = text_of(text)
    mind = open_mind(places(), words_only=words)
    hits = found(mind, question, top)
    if as_json:
        write_json({"id": None, "hits": hits}, pretty=tty())
    elif not hits:
        typer.echo("Nothing in the articles shares a word with that.")
    elif tty():
        _draw(mind, hits)
    else:
        for hit in hits:
            typer.echo(f"{hit['score']:8.3f}  {hit['article']}#{hit['anchor']}  {hit['section']}")


def found(mind: Mind, text: str, top: int) -> list[dict[str, Any]]:
    """The hits of one text as `search --batch` writes them: best first, each article once."""
    return [
        {"article": hit.article, "section": hit.section, "anchor": hit.anchor, "score": round(float(hit.score), 4)}
        for hit in mind.engine.search(text, top)
    ]


def _draw(mind: Mind, hits: list[dict[str, Any]]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("score", "article", "section"):
        table.add_column(name, overflow="fold", justify="right" if name == "score" else "left")
    for hit in hits:
        article = mind.knowledge.articles.get(hit["article"])
        table.add_row(
            f"{hit['score']:.3f}",
            Text(article.title if article else hit["article"], style="cyan"),
            Text(f"{hit['section']}  #{hit['anchor']}"),
        )
    console().print(table, soft_wrap=False)
