"""`helpbot init`: copy out what ships, to make it one's own."""

from __future__ import annotations

import shutil
from pathlib import Path

import typer

from helpbot.cli.common import wrong

__all__ = ["app"]

app = typer.Typer()


@app.command()
def init(
    folder: Path = typer.Argument(metavar="DIR", help="Where to put knowledge/ and bot/; made if need be."),
    empty: bool = typer.Option(False, "--empty", help="Leave out the shipped articles: a blank knowledge/."),
) -> None:
    """Copy the shipped knowledge/ and bot/ into DIR. Nothing that is there already is touched."""
    from helpbot.config import shipped_places

    shipped = shipped_places()
    targets = {name: folder / name for name in ("knowledge", "bot")}
    taken = [str(target) for target in targets.values() if target.exists()]
    if folder.exists() and not folder.is_dir():
        wrong(f"{folder} is a file", "Name a folder")
    if taken:
        wrong(f"{' and '.join(taken)} {'are' if len(taken) > 1 else 'is'} there already", "Name another folder")
    shutil.copytree(shipped.bot, targets["bot"])
    if empty:
        (targets["knowledge"] / "articles").mkdir(parents=True)
        (targets["knowledge"] / "resolutions").mkdir()
    else:
        shutil.copytree(shipped.knowledge, targets["knowledge"])
    typer.echo(f"{targets['knowledge']} and {targets['bot']} are yours now.")
    if empty:
        typer.echo(f"Next: helpbot import SOURCE --to {targets['knowledge']}")
    typer.echo(f"Then: cd {folder} && helpbot check && helpbot serve")
