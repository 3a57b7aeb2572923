"""What `helpbot ask` does, apart from how its options are read: the one command that must start fast."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from helpbot.cli.common import asked_bot, asked_knowledge, batch, places, text_of, tty, write_json, wrong
from helpbot.later import dataclass

if TYPE_CHECKING:
    from helpbot.bootstrap import Mind

__all__ = ["Wanted", "answer", "ask", "read"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One call of `helpbot ask`."""

    text: tuple[str, ...] = ()
    as_json: bool = False
    source: str = ""  # of --batch
    words: bool = False


def read(arguments: Sequence[str]) -> Wanted | None:
    """What an `ask …` command line wants; None if it is another command, or not plainly right."""
    if not arguments or arguments[0] != "ask":
        return None
    text: list[str] = []
    given: dict[str, str] = {}
    rest = list(reversed(arguments[1:]))
    while rest:
        word = rest.pop()
        name, equals, value = word.partition("=")
        if word == "--":
            text += reversed(rest)
            break
        if name in {"--batch", "--knowledge", "--bot"} and (equals or rest):
            given[name] = value if equals else rest.pop()
        elif word in {"--json", "--words"}:
            given[word] = "yes"
        elif word.startswith("-") and word != "-":
            return None
        else:
            text.append(word)
    asked_knowledge.set(Path(given["--knowledge"]) if given.get("--knowledge") else None)
    asked_bot.set(Path(given["--bot"]) if given.get("--bot") else None)
    return Wanted(
        text=tuple(text), as_json="--json" in given, source=given.get("--batch", ""), words="--words" in given
    )


def ask(wanted: Wanted) -> None:
    """Answer on standard output: one question, or every line of a batch."""
    from helpbot.bootstrap import open_mind

    if wanted.source and wanted.text:
        wrong("--batch and a TEXT were both given", "Give one of the two")
    question = "" if wanted.source else text_of(wanted.text)
    mind = open_mind(places(), words_only=wanted.words)
    if wanted.source:
        batch(wanted.source, ("text",), lambda line: answer(mind, line["text"]))
    elif wanted.as_json:
        write_json({"id": None, **answer(mind, question)}, pretty=tty())
    else:
        from helpbot.channels.terminal import drawn

        sys.stdout.write(drawn(mind.rehearsal().say(question), colour=tty()) + "\n")


def answer(mind: Mind, text: str) -> Mapping[str, Any]:
    """The JSON of one answer (docs/users.md), without `id`."""
    return mind.rehearsal().say(text).as_json()
