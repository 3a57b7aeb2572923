"""`helpbot slack`: Slack over Socket Mode, and the manifest that makes the app."""

from __future__ import annotations

from typing import Any

import typer

from helpbot.cli.common import places, said, settings, wrong

__all__ = ["app"]

app = typer.Typer(invoke_without_command=True, help="Slack over Socket Mode (no public address is needed).")


@app.callback()
def slack(
    context: typer.Context,
    words: bool = typer.Option(False, "--words", help="Compare words alone, not meaning."),
) -> None:
    """Connect to Slack and answer there until it is stopped; `slack manifest` prints the app's manifest."""
    if context.invoked_subcommand is not None:
        return
    from helpbot import bootstrap

    bootstrap.serve_slack(bootstrap.read_checked_settings(places()), words_only=words, report=said)


@app.command()
def manifest(
    url: str = typer.Option("", metavar="URL", help="Where Slack reaches the bot [env: HELPBOT_PUBLIC_URL]."),
    socket_mode: bool = typer.Option(False, "--socket-mode", help="For `helpbot slack`: without any address."),
) -> None:
    """Print the manifest to paste at api.slack.com/apps, with this bot's own addresses."""
    from helpbot.bootstrap import shipped_or_own
    from helpbot.channels.slack.manifest import manifest_text

    given = settings()
    address = url or given.public_url
    if not socket_mode and not address.startswith("https://"):
        wrong("Slack needs an https address of the bot", "Give --url https://… or use --socket-mode")
    command: Any = given.bot.table("slack").get("command", "/helpbot")
    path = shipped_or_own(given.places, "slack") / "manifest.yaml"
    typer.echo(manifest_text(path, public_url=address, socket_mode=socket_mode, command=str(command)), nl=False)
