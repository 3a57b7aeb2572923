"""`helpbot migrate`, `backup`, `restore`, `export` and `erase`: the database, and a person's data in it."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from helpbot.cli.common import said, settings, write_json, wrong

__all__ = ["app"]

app = typer.Typer()

WHO = typer.Argument(help="An id in a channel, an e-mail address, a conversation or a case number.")


@app.command()
def migrate() -> None:
    """Make the database, or bring it to this program's schema; `serve` does so by itself."""
    from helpbot.bootstrap import open_store
    from helpbot.store.schema import REVISION

    open_store(settings()).close()
    said(f"The database has schema {REVISION}.")


@app.command()
def backup(target: Path = typer.Argument(help="A file that does not exist yet.")) -> None:
    """Write a backup while everything goes on: the database, what is kept for Slack, and the pictures."""
    from helpbot.bootstrap import beside_the_desk, open_store
    from helpbot.store.backup import backup as write

    asked = settings()
    store = open_store(asked)
    try:
        write(store, target, **beside_the_desk(asked))
    finally:
        store.close()
    said(f"{target} holds everything up to now ({target.stat().st_size:,} bytes).")


@app.command()
def restore(
    source: Path = typer.Argument(help="A backup made by `helpbot backup`."),
    yes: bool = typer.Option(False, "--yes", help="Replace what is in the database."),
) -> None:
    """Replace the database by a backup. What had still to be sent is held until `deliveries release`."""
    from helpbot.bootstrap import beside_of, beside_the_desk
    from helpbot.store.backup import restore as bring_back

    if not yes:
        wrong("a restore replaces everything in the database", "Stop helpbot, then add --yes")
    asked = settings()
    done = bring_back(
        asked.database_url, source, beside=lambda store: beside_of(asked, store), **beside_the_desk(asked)
    )
    said(f"{done.conversations:,} conversations and {done.pictures:,} pictures are back, with schema {done.revision}.")
    if done.erased_again:
        said(f"{done.erased_again:,} that had been erased since were erased again.")
    if done.held:
        said(f"{done.held:,} deliveries are held: look at them with `helpbot deliveries list --state held`, and")
        said("send them with `helpbot deliveries release`.")


@app.command()
def export(who: str = WHO) -> None:
    """All that is kept of a person, as JSON, without the agents' internal notes."""
    from helpbot.bootstrap import open_store
    from helpbot.store.keeping import export as collect
    from helpbot.store.keeping import find_conversations

    store = open_store(settings())
    try:
        found = find_conversations(store, who)
        if not found:
            wrong(f"nothing is kept of {who!r}", "Give the id, address, conversation or case number exactly")
        write_json(collect(store, found), pretty=True)
    finally:
        store.close()
    sys.stdout.flush()


@app.command()
def erase(
    who: str = WHO, yes: bool = typer.Option(False, "--yes", help="Delete it; without this it is only counted.")
) -> None:
    """Delete all that is kept of a person, from the database and its files, and name the copies elsewhere."""
    from datetime import UTC, datetime

    from helpbot.bootstrap import beside_of, open_store
    from helpbot.store.keeping import erase as delete
    from helpbot.store.keeping import find_conversations

    asked = settings()
    store = open_store(asked)
    try:
        found = find_conversations(store, who)
        if not found:
            wrong(f"nothing is kept of {who!r}", "Give the id, address, conversation or case number exactly")
        if not yes:
            wrong(f"{len(found)} conversations of {who!r} would be deleted for good", "Add --yes to do it")
        erased = delete(store, found, datetime.now(UTC), beside=beside_of(asked, store))
    finally:
        store.close()
    cases = f" and the cases {', '.join(erased.cases)}" if erased.cases else ""
    said(f"{len(erased.conversations)} conversations with {erased.messages} messages{cases} are deleted,")
    said("with their pictures and what was kept of them for Slack.")
    said("Backups made before still hold them; a restore deletes them again.")
    for copy in erased.copies:
        receipt = ", ".join(f"{name} {value}" for name, value in copy.receipt.items())
        said(f"  a copy is elsewhere: {copy.kind} by {copy.route}, {copy.at:%Y-%m-%d %H:%M} UTC {receipt}")
