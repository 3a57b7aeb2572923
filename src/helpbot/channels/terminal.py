"""The terminal as a channel: a reply as text that a person reads, a typed line as an inbound message.

Two pure translations; who reads lines and prints them is `helpbot.cli.chat`. Colours are ANSI codes of the sixteen
every terminal has, so that nothing has to be imported to draw an answer.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from helpbot.messages import Channel, Code, Inbound, Person, Points, Reply, Steps, Text

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["clean", "drawn", "inbound", "numbered"]

BOLD: Final = "1"
DIM: Final = "2"
MENU: Final = "36"
CODE: Final = "33"

# What a terminal would obey instead of show: an answer must never move the cursor or ring a bell.
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def clean(text: str) -> str:
    """Text without control characters but line breaks and tabs; half characters become question marks."""
    return _CONTROLS.sub("", text).encode("utf-8", "replace").decode()


def numbered(reply: Reply) -> str:
    """What is to be chosen from, a line each, with the number that chooses it; empty if nothing is."""
    return "\n".join(f"  {number}) {clean(choice.label)}" for number, choice in enumerate(reply.choices, 1))


def drawn(reply: Reply, *, colour: bool) -> str:
    """All that a reply tells, and its choices; with colours where the terminal has them."""
    text = "\n\n".join(_blocks(reply)) if colour and reply.parts else clean(reply.text)
    choices = numbered(reply)
    return f"{text}\n\n{choices}" if choices else text


def inbound(conversation: str, key: str, person: Person, line: str) -> Inbound:
    """What a person typed. A choice's number goes as text: the conversation knows what was offered."""
    return Inbound(key=key, channel=Channel.TERMINAL, thread=conversation, person=person, text=line)


def _style(text: str, style: str) -> str:
    return f"\x1b[{style}m{clean(text)}\x1b[0m"


def _blocks(reply: Reply) -> Iterator[str]:
    """The reply's parts in order; parts that only a form can draw are told by its text."""
    told = False
    for part in reply.parts:
        if isinstance(part, Text):
            yield _style(part.text, BOLD) if part.role == "lead" else clean(part.text)
        elif isinstance(part, Steps):
            yield "\n".join(
                f"{number:>2}. {_menu(step.go)}{clean(step.text)}{_source(step.source)}"
                for number, step in enumerate(part.steps, 1)
            )
        elif isinstance(part, Points):
            yield "\n".join(
                f"  • {_style(point.term, BOLD) + ': ' if point.term else ''}{clean(point.text)}{_source(point.source)}"
                for point in part.points
            )
        elif isinstance(part, Code):
            yield _style(part.text, CODE)
        else:
            continue
        told = True
    if not told:
        yield clean(reply.text)
    if reply.citations and told:
        yield "\n".join(
            _style(f"[{number}] {cited.title} › {cited.section}", DIM)
            for number, cited in enumerate(reply.citations, 1)
        )


def _menu(go: str | None) -> str:
    return f"{_style(go, MENU)}  " if go else ""


def _source(source: int | None) -> str:
    return "" if source is None else _style(f" [{source + 1}]", DIM)
