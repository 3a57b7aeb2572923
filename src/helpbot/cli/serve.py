"""`helpbot serve`: web API, widget, demo page, Slack where configured, deliveries, in one process."""

from __future__ import annotations

import typer

from helpbot.cli.common import places, said

__all__ = ["app"]

app = typer.Typer()


@app.command()
def serve(
    host: str = typer.Option("", help="The address to listen on [env: HELPBOT_HOST]."),
    port: int = typer.Option(-1, show_default=False, help="The port; 0 takes a free one [env: HELPBOT_PORT]."),
    words: bool = typer.Option(False, "--words", help="Compare words alone, not meaning."),
) -> None:
    """Serve the web API, the widget, the demo page and, where configured, Slack, until it is stopped."""
    from helpbot import bootstrap

    settings = bootstrap.read_checked_settings(places(), host=host or None, port=port if port != -1 else None)
    bootstrap.serve(settings, words_only=words, report=said)
