"""`helpbot version`."""

from __future__ import annotations

import typer

from helpbot import __version__

__all__ = ["app"]

app = typer.Typer()


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)
