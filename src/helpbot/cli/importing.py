"""`helpbot import` and `helpbot draft`: other people's articles in, and what they seem to resolve."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

from helpbot.cli.common import FAULTS_FOUND, asked_knowledge, console, places, said, wrong

if TYPE_CHECKING:
    from helpbot.importing.page import Skipped

__all__ = ["app"]

_NAMED: Final = 10  # files that are named for each reason

app = typer.Typer()


@app.command("import")
def import_(
    source: Path = typer.Argument(
        help="A file, folder or zip archive: Markdown, MDX, HTML, text, Zendesk or Intercom JSON, JSON lines."
    ),
    to: Path | None = typer.Option(None, metavar="DIR", help="The knowledge folder to bring it into."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Say what would come in, and write nothing."),
    force: bool = typer.Option(False, "--force", help="Write over articles that were edited here since."),
    name: str = typer.Option("", metavar="NAME", help="What the source is called, where its folder's name changes."),
    verbose: bool = typer.Option(False, "--verbose", "-v", help="Name every article, and all that was left out."),
) -> None:
    """Bring articles in. What came from the same source before is updated, never doubled. Exit 1 if nothing came in."""
    from helpbot.importing.files import import_into

    target = to or asked_knowledge.get() or places().knowledge
    with _bar() as step:
        done = import_into(source, target, called=name, dry=dry_run, force=force, step=step)
    if verbose:
        for word, names in (("new", done.new), ("changed", done.changed), ("as before", done.same)):
            for each in names:
                typer.echo(f"{word}: {each}")
    _say_left_out(done.skipped, whole=verbose)
    for note in done.notes:
        said(f"{note.source}: {note.reason}")
    typer.echo(
        f"{len(done.new)} new, {len(done.changed)} changed, {len(done.same)} as before, {len(done.skipped)} left out,"
        f" {'nothing written to' if dry_run else 'in'} {target / 'articles'}"
    )
    if not done:
        raise typer.Exit(FAULTS_FOUND)


def _say_left_out(skipped: list[Skipped], *, whole: bool) -> None:
    """What was left out and why; pictures and the like, which are many, in one line for each reason."""
    by_reason: dict[str, list[str]] = {}
    for left in skipped:
        by_reason.setdefault(left.reason, []).append(left.source)
    for reason, sources in by_reason.items():
        for source in sources if whole else sources[:_NAMED]:
            said(f"left out {source}: {reason}")
        if not whole and len(sources) > _NAMED:
            said(f"left out {len(sources) - _NAMED:,} more: {reason} (--verbose names them)")


@app.command()
def draft(
    article: str = typer.Argument(help="An article's id."),
    to: Path | None = typer.Option(
        None, metavar="DIR", help="Write the files there, such as knowledge/resolutions; none is written over."
    ),
) -> None:
    """Write the resolutions that an article seems to hold, as YAML to be finished by its author."""
    from helpbot.importing.draft import drafts_of
    from helpbot.loading import read_knowledge

    knowledge, _ = read_knowledge(places().knowledge)
    found = knowledge.articles.get(article.removesuffix(".md").rsplit("/", 1)[-1])
    if found is None:
        wrong(f"there is no article {article}", "Use one of: " + (", ".join(sorted(knowledge.articles)[:20]) or "none"))
    claimed = [error for resolution in knowledge.resolutions.values() for error in resolution.errors]
    asked = [question for resolution in knowledge.resolutions.values() for question in resolution.questions]
    drafts = list(drafts_of(found, claimed, asked))
    if not drafts:
        said(f"{found.id} has no section that says what to do.")
        raise typer.Exit(FAULTS_FOUND)
    for number, each in enumerate(drafts):
        if to is None:
            typer.echo(("---\n" if number else "") + f"# resolutions/{each.id}.yaml\n{each.yaml}", nl=False)
            continue
        path = to / f"{each.id}.yaml"
        try:
            to.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                file.write(each.yaml)
        except FileExistsError:
            if not path.is_file():
                wrong(f"{to} is no folder", "Name one to write the drafts to")
            said(f"kept {path}: it is there already")
        except OSError as failed:
            wrong(f"{path} cannot be written: {failed.strerror}", "Name a folder that can be")
        else:
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
