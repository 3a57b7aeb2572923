"""The command `helpbot`: finds what was asked for, loads only what that needs, reports faults.

Exit 0 done, 1 it found faults, 2 it was called or configured wrongly; never a traceback.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer
from typer.core import TyperGroup

from helpbot.cli.common import CALLED_WRONGLY, asked_bot, asked_knowledge

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextvars import ContextVar

__all__ = ["COMMANDS", "app", "main"]

# Each command: the module that holds it. A module's `app` is the command itself, or a group with a member of
# that name. In the order of the help.
COMMANDS: Final = {
    "serve": "serve",
    "ask": "ask",
    "chat": "chat",
    "replay": "replay",
    "search": "search",
    "why": "why",
    "check": "check",
    "test": "test",
    "import": "importing",
    "draft": "importing",
    "slack": "slack",
    "cases": "cases",
    "deliveries": "deliveries",
    "migrate": "data",
    "backup": "data",
    "restore": "data",
    "export": "data",
    "erase": "data",
    "init": "init",
    "model": "model",
    "embed": "embed",
    "version": "version",
}
_COMPLETION: Final = frozenset({"install_completion", "show_completion"})
BROKEN_PIPE: Final = 141  # what a shell reports of a program that wrote to a pipe nobody reads
INTERRUPTED: Final = 130


def _shared_options() -> list[Any]:
    """The two folders, which every command takes: the options of a command that is never run."""
    options = typer.Typer()

    def into(kept: ContextVar[Path | None]) -> Callable[[str], str]:
        def keep(value: str) -> str:
            kept.set(Path(value) if value else None)
            return value

        return keep

    @options.command()
    def _(
        knowledge: str = typer.Option(
            "", metavar="DIR", help="The folder of articles and resolutions.", show_default=False,
            expose_value=False, callback=into(asked_knowledge),
        ),
        bot: str = typer.Option(
            "", metavar="DIR", help="The folder of what the bot says and its settings.", show_default=False,
            expose_value=False, callback=into(asked_bot),
        ),
    ) -> None:  # fmt: skip
        del knowledge, bot

    return [option for option in typer.main.get_command(options).params if option.name in {"knowledge", "bot"}]


class _Commands(TyperGroup):
    """Commands that are imported when they are asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Every command that is there, in the order of the help."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command, imported now; None if there is none of that name."""
        del ctx
        module = COMMANDS.get(cmd_name)
        return None if module is None else load(cmd_name, module)


def load(name: str, module: str) -> Any:
    """The command of a module, with the options that all take."""
    found = typer.main.get_command(import_module(f"helpbot.cli.{module}").app)
    members = getattr(found, "commands", None)
    if members and name in members and name != module:
        found = members[name]
        members = getattr(found, "commands", None)
    # A shell's completion belongs to `helpbot`, not to each command.
    found.params[:] = [option for option in found.params if option.name not in _COMPLETION]
    for command in members.values() if members else (found,):
        taken = {declaration for option in command.params for declaration in option.opts}
        command.params.extend(option for option in _shared_options() if not taken.intersection(option.opts))
    found.name = name
    return found


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="A help bot that answers from your articles, and hands people a complete case.",
)


@app.callback()
def _options() -> None:
    """A help bot that answers from your articles and hands people a complete case."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit."""
    code = run(sys.argv[1:] if arguments is None else list(arguments))
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        code = _nobody_reads()
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """The exit code of a command line."""
    from helpbot.errors import HelpbotError

    try:
        result = app(arguments, standalone_mode=False, prog_name="helpbot")
        return result if isinstance(result, int) else 0
    except typer.Exit as ended:
        return int(ended.exit_code)
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


def _nobody_reads() -> int:
    """Keep the interpreter from complaining about the closed pipe when it ends."""
    sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115  # lives to the end of the process
    return BROKEN_PIPE
