"""`helpbot chat`: a conversation in the terminal, kept like any other, with agents answering into it."""

from __future__ import annotations

import select
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import typer

from helpbot.cli.common import INTERRUPTED, places, said, settings, tty, wrong

if TYPE_CHECKING:
    from helpbot.desk.desk import Desk
    from helpbot.desk.records import Message
    from helpbot.messages import Person, Reply

__all__ = ["app"]

LOOK: Final = 1.0  # seconds between looks for an agent's words while the user types nothing
PASTE: Final = 0.05  # seconds within which the next line still belongs to a paste

app = typer.Typer()


@app.command()
def chat(
    name: str = typer.Option("", help="Who is talking, as agents see it."),
    resume: str = typer.Option("", metavar="ID", help="Go on with an earlier conversation."),
    trial: bool = typer.Option(False, "--trial", help="Keep nothing and tell nobody."),
    words: bool = typer.Option(False, "--words", help="Compare words alone, not meaning."),
) -> None:
    """Talk to the bot. An empty line asks for news; Ctrl-D ends."""
    import getpass

    from helpbot.bootstrap import open_desk, open_mind
    from helpbot.messages import Channel, Person

    if trial and resume:
        wrong("--trial and --resume were both given", "Give one of the two")
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = "terminal"
    person = Person(id=user, name=name or user)
    if trial:
        mind = open_mind(places(), words_only=words)
        talk = mind.rehearsal()
        _print(_greeting(mind.world))
        _loop(lambda line: _print(talk.say(line)), lambda: None)
        return
    with open_desk(settings(), words_only=words) as house:
        if resume:
            conversation, seen = house.desk.conversation(resume).id, 0
        else:
            started = house.desk.start(Channel.TERMINAL, person)
            conversation, seen = started.conversation.id, 0
        _Talk(house.desk, conversation, person, seen).run()


def _greeting(world: object) -> Reply:
    from helpbot.dialogue.machine import greeting

    return greeting(world)  # type: ignore[arg-type]  # the world of open_mind


class _Talk:
    """One conversation on the desk: prints what is new in it, hands in what is typed."""

    def __init__(self, desk: Desk, conversation: str, person: Person, seen: int) -> None:
        self._desk, self._conversation, self._person, self._seen = desk, conversation, person, seen

    def run(self) -> None:
        """Until the input ends."""
        self.news()
        _loop(self.say, self.news)
        said(f"Go on with: helpbot chat --resume {self._conversation}")

    def say(self, line: str) -> None:
        """Hand in a line and print what came of it."""
        from helpbot.channels.terminal import inbound
        from helpbot.desk.desk import new_id

        self._desk.receive(inbound(self._conversation, new_id(), self._person, line))
        self.news()

    def news(self) -> None:
        """Print every message that was not printed yet."""
        for message in self._desk.messages(self._conversation, after=self._seen):
            self._seen = message.seq
            if message.author != "user":
                self._show(message)

    def _show(self, message: Message) -> None:
        from helpbot.channels.terminal import clean

        if message.reply is not None:
            _print(message.reply, message.name)
        else:
            _write(f"{clean(message.name or message.author)}: {clean(message.text)}")


def _print(reply: Reply, name: str = "") -> None:
    from helpbot.channels.terminal import clean, drawn

    _write((f"{clean(name)}: " if name else "") + drawn(reply, colour=tty()))


def _write(text: str) -> None:
    sys.stdout.write(f"\n{text}\n\n")
    sys.stdout.flush()


def _loop(say: Callable[[str], None], news: Callable[[], None]) -> None:
    """Read lines until the input ends. A paste of several lines is one message."""
    if sys.stdin is None or sys.stdin.closed:
        wrong("standard input is closed", "Run it in a terminal, or pipe lines in")
    interactive = sys.stdin.isatty()
    while True:
        if interactive:
            sys.stdout.write("> ")
            sys.stdout.flush()
            try:
                while not select.select([sys.stdin], [], [], LOOK)[0]:
                    news()
            except KeyboardInterrupt:
                sys.stdout.write("\n")
                raise typer.Exit(INTERRUPTED) from None
        line = sys.stdin.readline()
        if not line:
            return
        while interactive and select.select([sys.stdin], [], [], PASTE)[0]:
            more = sys.stdin.readline()
            if not more:
                break
            line += more
        if line.strip():
            say(line.rstrip("\n"))
        else:
            news()
