"""What all commands share: where to read from, how lines come in and go out, how a fault ends a command."""

from __future__ import annotations

import json
import os
import sys
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from rich.console import Console

    from helpbot.config import Places, Settings

__all__ = [
    "CALLED_WRONGLY",
    "FAULTS_FOUND",
    "INTERRUPTED",
    "asked_bot",
    "asked_knowledge",
    "batch",
    "console",
    "lines_of",
    "places",
    "said",
    "settings",
    "text_of",
    "tty",
    "write_json",
    "wrong",
]

FAULTS_FOUND: Final = 1
CALLED_WRONGLY: Final = 2
INTERRUPTED: Final = 130
LONGEST_LINE: Final = 4_000_000  # characters of one line of a batch

# What --knowledge and --bot said; every command takes them (`main` adds the options).
asked_knowledge: ContextVar[Path | None] = ContextVar("asked_knowledge", default=None)
asked_bot: ContextVar[Path | None] = ContextVar("asked_bot", default=None)


def wrong(problem: str, remedy: str) -> NoReturn:
    """End the command with exit code 2 and one line."""
    from helpbot.errors import CallError, Code

    raise CallError(Code.INVALID, problem, remedy)


def places() -> Places:
    """The folders that the options, the environment or the working directory name."""
    from helpbot.config import find_places

    return find_places(asked_knowledge.get(), asked_bot.get())


def settings(*, host: str | None = None, port: int | None = None) -> Settings:
    """Everything that is set; SettingError with all that is wrong with it."""
    from helpbot.config import read_settings
    from helpbot.loading import cache_folder

    return read_settings(places(), host=host, port=port, cache=cache_folder())


def console(*, stderr: bool = False) -> Console:
    """A terminal to draw on; without colours where it is none, or where NO_COLOR is set."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, soft_wrap=True)


def tty() -> bool:
    """Whether a person reads the output."""
    return sys.stdout is not None and sys.stdout.isatty()


def said(text: str) -> None:
    """One line for the person at the terminal, apart from the output proper."""
    if sys.stderr is not None:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


def write_json(value: Mapping[str, Any] | list[Any], *, pretty: bool = False) -> None:
    """JSON on standard output: one line for programs; lone surrogates are written as escapes."""
    text = json.dumps(value, ensure_ascii=False, indent=2 if pretty else None)
    try:
        text.encode()
    except UnicodeEncodeError:
        text = json.dumps(value, indent=2 if pretty else None)
    sys.stdout.write(text + "\n")
    if not pretty:
        sys.stdout.flush()


def lines_of(source: str) -> Iterator[bytes]:
    """The lines of a file, or of standard input for `-`, as they come."""
    if source == "-":
        if sys.stdin is None or sys.stdin.closed:
            wrong("standard input is closed", "Give a file, or pipe lines in")
        try:
            os.fstat(sys.stdin.fileno())
        except OSError:
            wrong("standard input is closed", "Give a file, or pipe lines in")
        except ValueError:
            pass  # a stand-in without a descriptor
        yield from sys.stdin.buffer
        return
    path = Path(source)
    if path.is_dir():
        wrong(f"{source} is a folder", "Give a file of JSON lines")
    try:
        with path.open("rb") as file:
            yield from file
    except OSError as failed:
        wrong(
            f"{source} cannot be read: {failed.strerror}",
            "Give a file of JSON lines, or - for standard input",
        )


def text_of(words: Sequence[str] | None) -> str:
    """The text of a command: its words joined, or standard input where there are none or it is `-`."""
    if words and list(words) != ["-"]:
        return " ".join(words)
    if sys.stdin is not None and not sys.stdin.closed and (words or not sys.stdin.isatty()):
        text = sys.stdin.buffer.read(LONGEST_LINE).decode("utf-8", "replace")
        if words or text.strip():
            return text
    wrong("there is no text", 'Write it in quotes: helpbot ask "TEXT"')


def batch(source: str, needs: tuple[str, ...], work: Callable[[dict[str, Any]], Mapping[str, Any]]) -> None:
    """Work through JSON lines: for each line its id and what `work` makes of it, or its id and what is wrong with it.

    `needs` are the fields that a line must have: `text` is text, `turns` a list of texts. A line that cannot be read
    does not stop the others. Shows progress while a person waits and the output goes elsewhere.
    """
    with _progress(source) as step:
        for number, raw in enumerate(lines_of(source), 1):
            step(len(raw))
            if not raw.strip():
                continue
            line, problem = _read_line(raw, needs)
            if problem:
                write_json({"id": line.get("id"), "error": f"line {number}: {problem}"})
            else:
                write_json({"id": line.get("id"), **work(line)})


def _read_line(raw: bytes, needs: tuple[str, ...]) -> tuple[dict[str, Any], str]:
    """A line's object, and what is wrong with it (empty: nothing)."""
    if len(raw) > LONGEST_LINE:
        return {}, f"it has more than {LONGEST_LINE:,} bytes"
    try:
        line = json.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError:
        return {}, "it is not UTF-8"
    except (ValueError, RecursionError):
        return {}, "it is not JSON"
    if not isinstance(line, dict):
        return {}, "it is not a JSON object"
    id_ = line.get("id")
    kept = line if isinstance(id_, str | int | float | None) else {**line, "id": None}
    for name in needs:
        value = line.get(name)
        if name not in line:
            return kept, f"the field `{name}` is missing"
        if name == "turns":
            texts = (
                [turn.get("user") if isinstance(turn, dict) else turn for turn in value]
                if isinstance(value, list)
                else [None]
            )
            if not all(isinstance(text, str) for text in texts):
                return kept, "`turns` is not a list of texts"
        elif not isinstance(value, str):
            return kept, f"`{name}` is not text"
    return kept, ""


@contextmanager
def _progress(source: str) -> Iterator[Callable[[int], object]]:
    """A bar on standard error for a file of which the output is not seen; else nothing."""
    if source == "-" or sys.stderr is None or not sys.stderr.isatty() or tty() or not Path(source).is_file():
        yield lambda _count: None
        return
    from rich.progress import Progress

    with Progress(console=console(stderr=True), transient=True) as progress:
        task = progress.add_task("answering", total=Path(source).stat().st_size)
        yield lambda count: progress.advance(task, count)
