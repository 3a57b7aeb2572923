"""`helpbot import` and `helpbot draft`: other people's articles in, and what they seem to resolve."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from helpbot.cli.common import FAULTS_FOUND, asked_knowledge, console, places, said, wrong

__all__ = ["app"]

app = typer.Typer()


@app.command("import")
def import_(
    source: Path = typer.Argument(
        help="A file or folder: Markdown, MDX, HTML, text, Zendesk or Intercom JSON, JSON lines."
    ),
    to: Path | None = typer.Option(None, metavar="DIR", help="The knowledge folder to bring it into."),
    verbose: bool = typer.Option(False, "--verbose", "-v", help="Name every article."),
) -> None:
    """Bring articles in. What came from the same source before is updated, never doubled. Exit 1 if nothing came in."""
    from helpbot.importing.files import import_into

    target = to or asked_knowledge.get() or places().knowledge
    with _bar() as step:
        done = import_into(source, target, step=step)
    if verbose:
        for word, names in (("new", done.new), ("changed", done.changed), ("as before", done.same)):
            for name in names:
                typer.echo(f"{word}: {name}")
    for left in done.skipped:
        said(f"left out {left.source}: {left.reason}")
    for note in done.notes:
        said(f"{note.source}: {note.reason}")
    typer.echo(
        f"{len(done.new)} new, {len(done.changed)} changed, {len(done.same)} as before, {len(done.skipped)} left out,"
        f" in {target / 'articles'}"
    )
    if not (done.new or done.changed or done.same):
        raise typer.Exit(FAULTS_FOUND)


@app.command()
def draft(
    article: str = typer.Argument(help="An article's id."),
    write: bool = typer.Option(False, "--write", help="Write the files under resolutions/; none is overwritten."),
) -> None:
    """Write the resolutions that an article seems to hold, as YAML to be finished by its author."""
    from helpbot.importing.draft import drafts_of
    from helpbot.loading import read_knowledge

    folder = places().knowledge
    knowledge, _ = read_knowledge(folder)
    found = knowledge.articles.get(article.removesuffix(".md").rsplit("/", 1)[-1])
    if found is None:
        wrong(f"there is no article {article}", "Use one of: " + (", ".join(sorted(knowledge.articles)[:20]) or "none"))
    claimed = [error for resolution in knowledge.resolutions.values() for error in resolution.errors]
    drafts = list(drafts_of(found, claimed))
    if not drafts:
        said(f"{found.id} has no section that says what to do.")
        raise typer.Exit(FAULTS_FOUND)
    for number, each in enumerate(drafts):
        path = folder / "resolutions" / f"{each.id}.yaml"
        if not write:
            typer.echo(("---\n" if number else "") + f"# resolutions/{path.name}\n{each.yaml}", nl=False)
        elif path.exists():
            said(f"kept {path}: it is there already")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(each.yaml, encoding="utf-8")
            typer.echo(str(path))


@contextmanager
def _bar() -> Iterator[Callable[[str, int, int], None]]:
    """A progress bar while a person watches."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield lambda _name, _done, _all: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console(stderr=True), transient=True) as progress:
        task = progress.add_task("reading", total=None)

        def step(name: str, done: int, everything: int) -> None:
            progress.update(task, description=name[-60:], completed=done, total=everything)

        yield step
