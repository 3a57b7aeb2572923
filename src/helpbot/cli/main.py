"""The command `helpbot`: finds what was asked for, loads only what that needs, reports faults.

Exit 0 done, 1 it found faults, 2 it was called or configured wrongly; never a traceback.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from typing import Final, NoReturn

from helpbot.cli.common import CALLED_WRONGLY, INTERRUPTED

__all__ = ["main", "run"]

BROKEN_PIPE: Final = 141  # what a shell reports of a program that wrote to a pipe nobody reads


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    code = run(given)
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        code = _nobody_reads()
    if arguments is None and given[:1] == ["ask"]:
        _end_at_once(code)
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """The exit code of a command line."""
    from helpbot.errors import HelpbotError

    try:
        return 0 if _asked(arguments) else _commanded(arguments)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else CALLED_WRONGLY
    except HelpbotError as fault:
        _tell(str(fault))
        return CALLED_WRONGLY
    except BrokenPipeError:
        return _nobody_reads()
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as problem:
        return _unforeseen(problem)


def _asked(arguments: list[str]) -> bool:
    """Answer `helpbot ask …` without Typer, which takes as long to load as all that answers; False if it is not that.

    Whatever is not plainly right (an unknown option, --help) is left to Typer, which knows the words for it.
    """
    from helpbot.cli.asking import ask, read

    wanted = read(arguments)
    if wanted is None:
        return False
    if not wanted.source:
        gc.disable()  # one answer and the process ends: looking for garbage would take a tenth of its time
    ask(wanted)
    return True


def _commanded(arguments: list[str]) -> int:
    import typer

    from helpbot.cli.app import app

    try:
        result = app(arguments, standalone_mode=False, prog_name="helpbot")
    except typer.Exit as ended:
        return int(ended.exit_code)
    return result if isinstance(result, int) else 0


def _unforeseen(problem: Exception) -> int:
    """A wrong call, as the option parser tells it; an operating-system fault; else a fault of ours, in one line."""
    described = getattr(problem, "format_message", None)
    if described is not None:
        context = getattr(problem, "ctx", None)
        if type(problem).__name__ == "NoArgsIsHelpError":
            _tell(described())
            return CALLED_WRONGLY
        hint = f" Try: {context.command_path} --help" if context is not None else ""
        _tell(" ".join(described().split()) + hint)
        return CALLED_WRONGLY
    if type(problem).__name__ == "Abort":
        return INTERRUPTED
    if os.environ.get("HELPBOT_LOG_LEVEL") == "debug":
        raise problem
    what = (
        f"{problem.filename}: {problem.strerror}"
        if isinstance(problem, OSError) and problem.filename
        else repr(problem)
    )
    _tell(f"helpbot failed: {what[:300]}. HELPBOT_LOG_LEVEL=debug shows where")
    return CALLED_WRONGLY


def _tell(text: str) -> None:
    if sys.stderr is not None:
        sys.stderr.write(text.rstrip() + "\n")


def _end_at_once(code: int) -> NoReturn:
    """End the process as it stands: `ask` keeps nothing, and to take it down piece by piece is a tenth of its time."""
    if sys.stderr is not None:
        sys.stderr.flush()
    os._exit(code)


def _nobody_reads() -> int:
    """Keep the interpreter from complaining about the closed pipe when it ends."""
    sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115  # lives to the end of the process
    return BROKEN_PIPE
