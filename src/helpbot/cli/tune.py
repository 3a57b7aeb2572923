"""`helpbot tune`: set the confidence right from rated traffic, so that the prices hold for real questions."""

from __future__ import annotations

import json
import os
import re
import tempfile
import tomllib
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer

from helpbot.cli.common import FAULTS_FOUND, lines_of, places, said, settings, wrong

if TYPE_CHECKING:
    from helpbot.tuning import Counts, Rated

__all__ = ["app", "rated_line", "with_settings"]

_YES: Final = ("up", "yes", "solved", "helped", "good", "right", "true")
_NO: Final = ("down", "no", "not_solved", "bad", "wrong", "false")
_TABLE: Final = re.compile(r"^\s*\[answers\]\s*(?:#.*)?$")

app = typer.Typer()


@app.command()
def tune(
    source: str = typer.Argument("", metavar="[FILE|-]", help="Rated questions as JSON lines, not the database's."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Say what would be set, and write nothing."),
    words: bool = typer.Option(False, "--words", help="For a bot that compares words alone, not meaning."),
) -> None:
    """Set the confidence right from what users said of their answers. Exit 1 with too few ratings to learn from.

    A line of FILE is {"text", "outcome", "resolutions", "rating"}: what was asked, what the bot did (`answer`) and with
    what, and whether it helped (up or down, true or false, 1 to 5 stars). Where a person knows what would have been
    right, {"text", "resolution"} says it: a resolution's id (or article#anchor), or null where nothing covers it.
    """
    from helpbot.bootstrap import open_mind
    from helpbot.tuning import LEAST, LEAST_EACH, judged, tuned

    where = places()
    rows, unread = _from_file(source) if source else (_from_database(), 0)
    mind = open_mind(where, words_only=words, report=said)
    found = judged(rows, mind.engine.diagnose)
    right = sum(row.right for row in found)
    typer.echo(
        f"{len(rows):,} rated questions{f', {unread:,} lines that tell nothing' if unread else ''}; "
        f"{len(found):,} of them tell how they are understood today: {right:,} right, {len(found) - right:,} wrong."
    )
    if len(found) < LEAST or min(right, len(found) - right) < LEAST_EACH:
        said(
            f"That is too few to learn from: it needs {LEAST}, with {LEAST_EACH} right and {LEAST_EACH} wrong among"
            " them. Nothing was changed."
        )
        raise typer.Exit(FAULTS_FOUND)
    done = tuned(found, mind.world.policy, mind.knowledge)
    _table(
        (f"as it is (slope {mind.world.policy.slope:g}, shift {mind.world.policy.shift:g})", done.before),
        (f"tuned (slope {done.policy.slope:g}, shift {done.policy.shift:g})", done.after),
        ("tuned, on ratings it was not fitted on", done.unseen),
    )
    if not done.helps:
        typer.echo("On ratings that it was not fitted on it would do no better: nothing was changed.")
        return
    typer.echo(f"\n[answers]\nslope = {done.policy.slope}\nshift = {done.policy.shift}\n")
    path = where.bot / "helpbot.toml"
    if dry_run:
        typer.echo(f"Nothing was written to {path} (--dry-run).")
        return
    _write(path, done.policy.slope, done.policy.shift)
    typer.echo(f"Written to {path}. Start `helpbot serve` again to use it.")


def _table(*rows: tuple[str, Counts]) -> None:
    typer.echo(f"\n{'':<44}{'right':>8}{'wrong':>8}{'asked':>8}{'refused':>9}{'cost':>9}")
    for name, counts in rows:
        typer.echo(
            f"{name:<44}{counts.right:>8}{counts.wrong:>8}{counts.asked:>8}{counts.refused:>9}{counts.cost:>9.1f}"
        )


def _from_database() -> list[Rated]:
    from helpbot.bootstrap import open_store
    from helpbot.store.traffic import rated_traffic
    from helpbot.tuning import Rated

    store = open_store(settings())
    try:
        found = rated_traffic(store)
    finally:
        store.close()
    return [Rated(text=row.text, given=row.given, helped=row.helped) for row in found]


def _from_file(source: str) -> tuple[list[Rated], int]:
    """The rated questions of a file, and how many lines tell nothing. What is no JSON object ends the command."""
    found: list[Rated] = []
    unread = 0
    for number, raw in enumerate(lines_of(source), 1):
        if not raw.strip():
            continue
        try:
            line = json.loads(raw.decode("utf-8-sig"))
        except (ValueError, RecursionError):
            line = None
        if not isinstance(line, dict) or not isinstance(line.get("text"), str):
            wrong(
                f'{source}:{number}: it is no JSON object with a "text"', 'Write {"text", "outcome", "rating"} a line'
            )
        row = rated_line(line)
        if row is None:
            unread += 1
        else:
            found.append(row)
    return found, unread


def rated_line(line: dict[str, Any]) -> Rated | None:
    """What one exported line tells; None if it says neither whether it helped nor what would have been right."""
    from helpbot.tuning import Rated

    text = line["text"]
    if "resolution" in line and line.get("rating") is None:
        meant = line["resolution"]
        return Rated(text=text, meant=(meant,) if isinstance(meant, str) and meant else ())
    if "resolutions" in line and line.get("rating") is None and line.get("outcome") == "no_answer":
        return Rated(text=text, meant=())
    helped = _helped(line.get("rating"))
    given = line.get("resolutions") or ([line["resolution"]] if line.get("resolution") else [])
    if not given and isinstance(line.get("citations"), list):
        cited = [each for each in line["citations"][:1] if isinstance(each, dict)]
        given = [f"{each.get('article')}#{each.get('anchor')}" for each in cited]
    given = tuple(name for name in given if isinstance(name, str)) if isinstance(given, list) else ()
    if helped is None or line.get("outcome", "answer") != "answer" or not given:
        return None
    return Rated(text=text, given=given, helped=helped)


def _helped(rating: object) -> bool | None:
    if isinstance(rating, bool):
        return rating
    if isinstance(rating, int | float):
        return True if rating >= 4 else False if 1 <= rating <= 2 else None
    if isinstance(rating, str):
        word = rating.strip().lower()
        return True if word in _YES else False if word in _NO else None
    return None


def _write(path: Path, slope: float, shift: float) -> None:
    """Set both in the file and leave all else as it is written; whole or not at all."""
    try:
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        after = with_settings(before, slope, shift)
        if after is None:
            wrong(
                f"{path} writes [answers] in a way that cannot be changed here",
                f"Set slope = {slope} and shift = {shift} there by hand",
            )
        handle, name = tempfile.mkstemp(prefix=".helpbot-", dir=path.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
                file.write(after)
            Path(name).chmod(path.stat().st_mode & 0o777 if path.exists() else 0o644)
            Path(name).replace(path)
        except BaseException:
            with suppress(OSError):
                Path(name).unlink()
            raise
    except (OSError, UnicodeDecodeError) as failed:
        why = getattr(failed, "strerror", None) or "it is not UTF-8 text"
        wrong(f"{path} cannot be written: {why}", f"Set slope = {slope} and shift = {shift} under [answers] by hand")


def with_settings(toml: str, slope: float, shift: float) -> str | None:
    """The text of helpbot.toml with both set under [answers]; None if it cannot be done by whole lines."""
    wanted = {"slope": slope, "shift": shift}
    lines = toml.split("\n")
    start = next((at for at, line in enumerate(lines) if _TABLE.match(line)), None)
    if start is None:
        while lines and not lines[-1].strip():
            lines.pop()
        lines += ["", "[answers]", *(f"{name} = {value}" for name, value in wanted.items()), ""]
        lines = lines[1:] if not toml.strip() else lines
    else:
        end = next((at for at in range(start + 1, len(lines)) if lines[at].lstrip().startswith("[")), len(lines))
        last = start
        missing = dict(wanted)
        for at in range(start + 1, end):
            key = re.match(r"\s*(\w+)\s*=", lines[at])
            if key is None:
                continue
            last = at
            if key[1] in missing:
                comment = re.search(r"\s+#.*$", lines[at])
                lines[at] = f"{key[1]} = {missing.pop(key[1])}{comment[0] if comment else ''}"
        lines[last + 1 : last + 1] = [f"{name} = {value}" for name, value in missing.items()]
    after = "\n".join(lines)
    try:
        tree, had = tomllib.loads(after), tomllib.loads(toml)
    except tomllib.TOMLDecodeError:
        return None
    had["answers"] = {**had.get("answers", {}), **wanted}
    return after if tree == had else None
