"""`helpbot embed`: the line to put on one's own site."""

from __future__ import annotations

import base64
import hashlib
import html

import typer

from helpbot.cli.common import settings, wrong

__all__ = ["app"]

app = typer.Typer()


@app.command()
def embed(
    url: str = typer.Option("", metavar="URL", help="Where users reach the bot [env: HELPBOT_PUBLIC_URL]."),
    site: str = typer.Option("", metavar="KEY", help="A site of bot/widget/sites.toml."),
    plain: bool = typer.Option(False, "--plain", help="Without the hash: for sites that upgrade by themselves."),
) -> None:
    """Print the script tag that puts the widget on a page, with the hash that pins it."""
    from importlib.resources import files

    loader = files("helpbot") / "channels" / "web" / "static" / "widget" / "v1" / "loader.js"
    if not loader.is_file():
        wrong("the widget's loader is not part of this installation", "Install helpbot anew")
    given = settings()
    address = (url or given.public_url or f"http://{given.host}:{given.port}").rstrip("/")
    if not address.startswith(("http://", "https://")):
        wrong(f"{address} is no address", "Write it as https://bot.example.com")
    digest = base64.b64encode(hashlib.sha384(loader.read_bytes()).digest()).decode()
    pinned = "" if plain else f' integrity="sha384-{digest}" crossorigin="anonymous"'
    key = f' data-site="{html.escape(site, quote=True)}"' if site else ""
    source = html.escape(f"{address}/widget/v1/loader.js", quote=True)
    typer.echo(f'<script src="{source}"{pinned}{key} async></script>')
