"""The commands as Typer knows them: imported when they are asked for, each with the options that all take."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import typer
from typer.core import TyperGroup

from helpbot.cli.common import asked_bot, asked_knowledge

__all__ = ["COMMANDS", "app", "load"]

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
    "tune": "tune",
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
