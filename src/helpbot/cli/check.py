"""`helpbot check`: everything wrong in knowledge/ and bot/, each fault with its file and line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from helpbot.cli.common import FAULTS_FOUND, console, places, tty, write_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from helpbot.errors import Fault

__all__ = ["app"]

app = typer.Typer()


@app.command()
def check(
    as_json: bool = typer.Option(False, "--json", help="One JSON object for programs."),
    quiet: bool = typer.Option(False, "--quiet", "-q", help="Faults only."),
) -> None:
    """Report everything wrong in knowledge/ and bot/, and what is off. Exit 1 if anything must be mended."""
    from helpbot.bootstrap import check_all

    found = check_all(places())
    if as_json:
        write_json(
            {
                "ok": not found.grave,
                "faults": [
                    {
                        "path": fault.path,
                        "line": fault.line,
                        "problem": fault.problem,
                        "remedy": fault.remedy,
                        "grave": fault.grave,
                    }
                    for fault in found.faults
                ],
                "off": found.off,
                "counts": dict(found.says),
            }
        )
    elif tty():
        _draw(found.faults, () if quiet else found.off, {} if quiet else found.says)
    else:
        for fault in found.faults:
            typer.echo(f"{'' if fault.grave else 'warning: '}{fault}")
        if not quiet:
            for sentence in found.off:
                typer.echo(f"off: {sentence}.")
            typer.echo(_summary(found.says, len(found.grave), len(found.faults) - len(found.grave)))
    if found.grave:
        raise typer.Exit(FAULTS_FOUND)


def _summary(counts: Mapping[str, Any], grave: int, warnings: int) -> str:
    what = f"{grave} to mend, {warnings} to look at" if grave or warnings else "nothing to mend"
    return (
        f"{counts['articles']} articles with {counts['sections']} sections, "
        f"{counts['resolutions']} resolutions with {counts['errors']} errors: {what}."
    )


def _draw(faults: Sequence[Fault], off: Sequence[str], says: Mapping[str, Any]) -> None:
    from rich.table import Table
    from rich.text import Text

    from helpbot.errors import Origin

    screen = console()
    if faults:
        table = Table(box=None, pad_edge=False, show_header=True, header_style="bold")
        for name in ("where", "what is wrong", "what to do"):
            table.add_column(name, overflow="fold")
        for fault in faults:
            style = "red" if fault.grave else "yellow"
            where = Text(str(Origin(fault.path, fault.line)), style=style)
            table.add_row(where, Text(fault.problem), Text(fault.remedy))
        screen.print(table, soft_wrap=False)
        screen.print()
    for sentence in off:
        screen.print(Text("off  ", style="dim"), Text(sentence), sep="")
    if says:
        graves = sum(fault.grave for fault in faults)
        screen.print(Text(_summary(says, graves, len(faults) - graves), style="red" if graves else "green"))
