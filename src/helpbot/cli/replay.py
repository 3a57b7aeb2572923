"""`helpbot replay`: scripted conversations in, JSON lines out, nothing kept and nobody told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from helpbot.cli.common import batch, places

if TYPE_CHECKING:
    from collections.abc import Mapping

    from helpbot.bootstrap import Mind

__all__ = ["app", "replayed"]

app = typer.Typer()


@app.command()
def replay(
    source: str = typer.Argument(metavar="FILE|-", help='JSON lines {"id", "turns": ["…", "…"]}; - is stdin.'),
    words: bool = typer.Option(False, "--words", help="Compare words alone, not meaning."),
) -> None:
    """Play scripted conversations and write what the bot said, a JSON line each."""
    from helpbot.bootstrap import open_mind

    mind = open_mind(places(), words_only=words)
    batch(source, ("turns",), lambda line: {"turns": replayed(mind, line["turns"])})


def replayed(mind: Mind, turns: list[Any]) -> list[Mapping[str, Any]]:
    """One conversation: an answer for each turn, with the cases that are open so far."""
    talk = mind.rehearsal()
    told: list[Mapping[str, Any]] = []
    for turn in turns:
        reply = talk.say(turn["user"] if isinstance(turn, dict) else turn)
        told.append(
            {
                **reply.as_json(),
                "cases": [
                    {
                        "id": case.number,
                        "product_name": case.product_name,
                        "error_message": case.error_message,
                        "product_name_given": case.product_name_given,
                        "error_message_given": case.error_message_given,
                    }
                    for case in talk.cases
                ],
            }
        )
    return told
