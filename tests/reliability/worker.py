"""A node in a process of its own, to be killed. What it acknowledges it prints.

A line is written to the file after the desk has answered, so whatever the parent reads was acknowledged.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from desk.support import USER, Codec, Talk, make_desk
from helpbot.desk import failpoints
from helpbot.desk.delivery import Courier
from helpbot.desk.records import DeskSettings, Parcel, SendResult
from helpbot.errors import HelpbotError
from helpbot.escalation.routing import Route, Routing
from helpbot.messages import Channel, Inbound
from helpbot.store import engines
from helpbot.store.sql import SqlStore

SETTINGS = DeskSettings(
    routing=Routing(
        routes={"hook": Route(name="hook", sender="webhook", target="x", per_second=1000)}, default=("hook",)
    )
)


def say(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def chat(store: Any, options: dict[str, Any]) -> None:
    """Clients that talk; every fourth message escalates in a conversation of its own."""
    desk = make_desk(store, SETTINGS, clock=lambda: datetime.now(UTC))

    def client(number: int) -> None:
        conversation, n = "", 0
        while True:
            n += 1
            try:
                if not conversation or n % 4 == 0:
                    conversation = desk.start(Channel.WIDGET, USER).conversation.id
                text = f"escalate P | E{n}" if n % 4 == 0 else f"message {n}"
                key = f"{options['run']}-{number}-{n}"
                desk.receive(Inbound(key=key, channel=Channel.WIDGET, thread=conversation, person=USER, text=text))
            except HelpbotError:
                time.sleep(0.05)
                continue
            say("ack", conversation, key, int(n % 4 == 0))

    threads = [threading.Thread(target=client, args=(n,), daemon=True) for n in range(options.get("clients", 4))]
    for thread in threads:
        thread.start()
    say("ready")
    for thread in threads:
        thread.join()


def acknowledge_early(store: Any) -> None:
    """The broken build: answers before the commit."""
    write = store.engine.write_turn

    def early(turn: Any) -> bool:
        threading.Timer(0.02, write, (turn,)).start()
        return True

    store.engine.write_turn = early


def swallow_faults(store: Any) -> None:
    """The broken build: takes what could not be written for written, three times."""
    write, left = store.engine.write_turn, [3]

    def careless(turn: Any) -> bool:
        try:
            if write(turn):
                return True
        except HelpbotError:
            if left[0] <= 0:
                raise
        left[0] -= 1
        return left[0] >= 0

    store.engine.write_turn = careless


class Fast:
    """A clock on which a minute passes in a second."""

    def __init__(self, start: float, speed: float) -> None:
        self._start, self._speed = start, speed

    def __call__(self) -> datetime:
        return datetime.fromtimestamp(self._start + (time.time() - self._start) * self._speed, UTC)


class FileSender:
    """Appends each delivery's id to a file, one line in one write."""

    name = "webhook"

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def send(self, parcel: Parcel) -> SendResult:
        os.write(self._file, (parcel.delivery.id + "\n").encode())
        return SendResult()


def courier(store: Any, options: dict[str, Any]) -> None:
    """Sends whatever is due into a file until nothing is left."""
    clock = Fast(options["start"], options.get("speed", 1.0))
    if options.get("broken"):
        engines_claim(store)
    made = Courier(store, [FileSender(options["file"])], SETTINGS, clock, codec=Codec())
    say("ready")
    while options.get("go") and not Path(options["go"]).exists():
        time.sleep(0.002)
    while True:
        if not made.run_once():
            waiting = store.waiting_routes()
            if not waiting:
                return
            time.sleep(0.02)


def engines_claim(store: Any) -> None:
    """The broken build: a claim that leases nothing."""
    from helpbot.store import queries as q

    lease = store.engine.sql(q.lease)
    store.engine.sql._texts[q.lease] = lease.replace("WHERE", "WHERE 1 = 0 AND")
    finish = store.engine.sql(q.finish)
    store.engine.sql._texts[q.finish] = finish.replace("deliveries.lease =", "'' <>")


def erase(store: Any, options: dict[str, Any]) -> None:
    from helpbot.store.keeping import erase as delete

    delete(store, options["conversations"], datetime.now(UTC))
    say("erased")


def migrate(url: str) -> None:
    SqlStore(url, codec=Codec()).close()
    say("migrated")


def swap(store: Any, options: dict[str, Any]) -> None:
    """A few turns, then a change of the knowledge if there is one, then what is served."""
    os.environ["HELPBOT_CACHE"] = options["cache"]
    from helpbot.bootstrap import Knowing, read_checked_settings
    from helpbot.config import Places

    root = Path(__file__).parents[2]
    settings = read_checked_settings(Places(knowledge=Path(options["knowledge"]), bot=root / "bot"))
    knowing = Knowing(settings, words_only=True)
    say("version", knowing.mind.knowledge.version)
    talk = Talk(make_desk(store, SETTINGS), clock=None).start()  # type: ignore[arg-type]  # no time passes here
    for n in range(3):
        talk.say(f"message {n}", key=f"{options['run']}-{n}")
        say("ack", talk.conversation, f"{options['run']}-{n}", 0)
    if "text" in options:
        Path(options["article"]).write_text(options["text"] + f"\nStamp {options['run']}.\n", "utf-8")
        knowing.refresh()
    text = "".join(str(section) for section in knowing.mind.knowledge.articles["vpn"].sections)
    assert knowing.mind.engine.search("vpn drops error 691")
    say("serves", text.rpartition("Stamp ")[2].partition(".")[0])


def fill(store: Any, options: dict[str, Any]) -> None:
    """Talk until the disk is full; then until it is not."""
    import resource

    if options.get("limit"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (options["limit"], resource.RLIM_INFINITY))
        import signal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    talk = Talk(make_desk(store), clock=None).start()  # type: ignore[arg-type]
    n, refused = 0, 0
    while refused < 5:
        n += 1
        try:
            talk.say("x" * 2000, key=f"k{n}")
        except HelpbotError as error:
            refused += 1
            say("refused", error)
        else:
            say("ack", talk.conversation, f"k{n}", 0)
    say("reads", len(talk.desk.messages(talk.conversation, limit=10)), "ready", store.ready() or "-")
    if options.get("limit"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    else:
        Path(options["ballast"]).unlink()
    before = time.monotonic()
    while True:
        n += 1
        try:
            talk.say("again", key=f"k{n}")
        except HelpbotError:
            time.sleep(0.05)
        else:
            break
        if time.monotonic() - before > 60:
            break
    say("recovered", round(time.monotonic() - before, 2), store.ready() or "-")


def _end_with_parent() -> None:
    """A test run that is broken off leaves no node behind."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def run(out: str, err: str, mode: str, url: str, options: dict[str, Any], failpoint: str) -> None:
    """What a node does, its output into files."""
    for number, path in ((1, out), (2, err)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), number)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if failpoint:
        failpoints.arm(failpoint)
    if "wal_limit" in options:
        engines.WAL_LIMIT, engines.WAL_ROWS = options["wal_limit"], 16  # type: ignore[misc]  # constants, made small for the proof
    if mode == "migrate":
        migrate(url)
        return
    store = SqlStore(url, codec=Codec())
    if options.get("early"):
        acknowledge_early(store)
    if options.get("careless"):
        swallow_faults(store)
    {"chat": chat, "courier": courier, "erase": erase, "fill": fill, "swap": swap}[mode](store, options)
    store.close()
