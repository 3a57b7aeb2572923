"""R6 to R11: receivers that fail, hang, slow down or go away get everything in the end. Time is simulated."""

from __future__ import annotations

import random
import re
import threading
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import standardwebhooks

from desk.support import START, USER, Clock, Codec, Talk, make_desk, step
from helpbot.desk.delivery import Courier
from helpbot.desk.records import Act, Delivery, DeliveryState, DeskSettings
from helpbot.errors import CallError, Code, OutsideError
from helpbot.escalation.routing import Kind, Route, Routing
from helpbot.messages import Channel, Person
from helpbot.senders.mail import MailSender, mail_server
from helpbot.senders.outside import OutsideClient
from helpbot.senders.webhook import WebhookSender
from helpbot.store.sql import SqlStore
from senders.stubs import MailStub, MemorySender, WebStub

from .figures import figure, within

full = pytest.mark.full
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
TEMPLATES = Path(__file__).parents[2] / "bot" / "mail"


def hooks(*targets: str, **more: Any) -> DeskSettings:
    routes = {
        f"hook{n}": Route(name=f"hook{n}", sender="webhook", target=target, per_second=1000, **more)
        for n, target in enumerate(targets)
    }
    return DeskSettings(routing=Routing(routes=routes, default=("hook0",)))


@pytest.fixture
def store(sqlite_url: str) -> Any:
    opened = SqlStore(sqlite_url, codec=Codec())
    yield opened
    opened.close()


def write(
    store: SqlStore, clock: Clock, count: int, route: str = "hook0", conversations: int | None = None
) -> list[str]:
    """Deliveries of many conversations, oldest first."""
    ids = [f"d{n:05d}" for n in range(count)]
    made = [
        Delivery(
            id=ids[n],
            kind=Kind.MESSAGE_CREATED,
            route=route,
            conversation=f"c{n % (conversations or count)}",
            case_id=None,
            seq=None,
            payload={"type": "x", "timestamp": clock.now.isoformat(), "n": n},
            created_at=clock.now,
            next_at=clock.now,
            expires_at=clock.now + timedelta(hours=72),
        )
        for n in range(count)
    ]
    store.transact(lambda tx: tx.enqueue(made))
    return ids


def in_order(sent: list[Any]) -> bool:
    last: dict[str, int] = {}
    for parcel in sent:
        if last.get(parcel.delivery.conversation, -1) > parcel.delivery.position:
            return False
        last[parcel.delivery.conversation] = parcel.delivery.position
    return True


@pytest.mark.parametrize("count", [60, pytest.param(1000, marks=full)])
def test_r6_a_receiver_that_fails_half_the_time_gets_everything(store: SqlStore, count: int) -> None:
    chance, clock = random.Random(6), Clock(datetime.now(UTC))
    taken: Counter[str] = Counter()

    def answer(request: Any) -> Any:
        chosen = chance.choice([(500, {}, b""), "reset", "half", *[(200, {}, b"")] * 3])
        if chosen == (200, {}, b""):
            taken[request.headers["webhook-id"]] += 1
        return chosen

    stub = WebStub(answer)
    settings = hooks(stub.url)
    ids = write(store, clock, count)
    sender = WebhookSender(OutsideClient(networks=["127.0.0.1/32"], total=5), SECRET, clock=clock)
    courier = Courier(store, [sender], settings, clock, codec=Codec())
    for _ in range(3000):
        courier.run_once()
        if not store.waiting_routes():
            break
        clock.pass_(seconds=20)
    stub.close()
    assert {d.state for d in store.deliveries(limit=count)} == {DeliveryState.DELIVERED}
    assert taken == Counter(ids)  # each was accepted, and once
    stamps: dict[str, set[str]] = {}
    for request in stub.requests:
        moment = int(request.headers["webhook-timestamp"])
        verifier = standardwebhooks.Webhook(SECRET)
        signed = verifier.sign(
            request.headers["webhook-id"], datetime.fromtimestamp(moment, UTC), request.body.decode()
        )
        assert signed == request.headers["webhook-signature"]
        stamps.setdefault(request.headers["webhook-id"], set()).add(request.headers["webhook-timestamp"])
    tries = Counter(request.headers["webhook-id"] for request in stub.requests)
    assert all(len(stamps[id_]) == tries[id_] for id_ in ids)
    figure(f"R6: {count} events, {len(stub.requests)} attempts, 0 dead")


PATIENCE = 60.0  # seconds in which what nobody delays is there, however busy the machine


def test_r7_a_receiver_that_hangs_or_drips_delays_nobody_else(store: SqlStore) -> None:
    """Two never answer while it is tested; the third has everything before either of them is done."""
    over = threading.Event()

    def drip(handler: Any) -> None:
        while not over.wait(0.1):
            handler.wfile.write(b"H")
            handler.wfile.flush()

    arrived: list[float] = []
    good = WebStub(lambda request: arrived.append(time.monotonic()) or (200, {}, b""))  # type: ignore[func-returns-value]
    hanging = WebStub(lambda request: lambda handler: over.wait(2 * PATIENCE))  # type: ignore[arg-type,return-value]
    dripping = WebStub(lambda request: drip)  # type: ignore[arg-type,return-value]
    settings = hooks(hanging.url, dripping.url, good.url)
    sender = WebhookSender(OutsideClient(networks=["127.0.0.1/32"], total=2 * PATIENCE), SECRET)
    courier, stop = Courier(store, [sender], settings, codec=Codec()), threading.Event()
    runner = threading.Thread(target=courier.run, args=(stop,))
    runner.start()
    desk = make_desk(store, settings, clock=lambda: datetime.now(UTC))
    written = []
    for _ in range(30):
        written.append(time.monotonic())
        desk.start(Channel.WIDGET, USER)
        time.sleep(0.05)
    deadline = time.monotonic() + PATIENCE
    while len(arrived) < 30 and time.monotonic() < deadline:
        time.sleep(0.02)
    waited = not over.is_set() and len(hanging.requests) == len(dripping.requests) == 1
    over.set()
    stop.set()
    runner.join(timeout=PATIENCE)
    for stub in (good, hanging, dripping):
        stub.close()
    delays = sorted(there - sent for sent, there in zip(written, sorted(arrived), strict=True))
    figure(
        f"R7: 30 events beside one that hangs and one that drips, p50 {delays[15] * 1000:.0f} ms, worst {delays[-1] * 1000:.0f} ms"
    )
    assert waited
    within(delays[-1], 1.0)
    assert not runner.is_alive()
    assert not [d for d in store.deliveries(limit=200) if d.state is DeliveryState.LEASED]


@pytest.mark.parametrize(
    ("count", "hours"), [(200, 1), pytest.param(2000, 1, marks=full), pytest.param(2000, 26, marks=full)]
)
def test_r9_after_an_outage_the_backlog_goes_out_soon_and_in_order(store: SqlStore, count: int, hours: int) -> None:
    clock = Clock()
    settings = replace(
        hooks("x"),
        routing=Routing(
            routes={"hook0": Route(name="hook0", sender="webhook", target="x", per_second=20)}, default=("hook0",)
        ),
    )
    back = clock.now + timedelta(hours=hours)
    sender = MemorySender(fails=lambda parcel: OutsideError("503") if clock.now < back else None)
    courier = Courier(store, [sender], settings, clock, codec=Codec())
    ids = write(store, clock, count, conversations=count // 4)
    while clock.now < back:
        courier.run_once()
        clock.pass_(seconds=30)
    tries = len(sender.tried)
    done: list[timedelta] = []
    while len(done) < count and clock.now < back + timedelta(hours=1):
        before = len(sender.sent)
        courier.run_once()
        done += [clock.now - back] * (len(sender.sent) - before)
        clock.pass_(seconds=0.5)
    assert [len(done), {parcel.delivery.id for parcel in sender.sent}] == [count, set(ids)]
    figure(f"R9: {hours} h, {tries} tries meanwhile, 95 % after {done[int(count * 0.95) - 1]}, all after {done[-1]}")
    assert done[int(count * 0.95) - 1] <= timedelta(minutes=2 + count / 1200)
    assert done[-1] <= timedelta(minutes=15)
    assert in_order(sender.sent)
    assert tries <= hours * 60 + 10


@pytest.mark.parametrize("count", [100, pytest.param(500, marks=full)])
def test_r10_a_poison_row_blocks_nobody_and_can_be_sent_by_hand(store: SqlStore, count: int) -> None:
    clock, settings = Clock(), hooks("x")
    ids = write(store, clock, count)
    poison = ids[count // 3]
    sender = MemorySender(fails=lambda parcel: OutsideError("500") if parcel.delivery.id == poison else None)
    courier = Courier(store, [sender], settings, clock, codec=Codec())
    courier_rounds = 0
    while len(sender.sent) < count - 1 and courier_rounds < count:
        courier.run_once()
        courier_rounds += 1
    assert len(sender.sent) == count - 1
    for _ in range(80):
        clock.pass_(hours=1)
        courier.run_once()
    (dead,) = store.deliveries(state=DeliveryState.DEAD)
    assert dead.id == poison
    desk = make_desk(store, settings, clock)
    sender.fails = lambda parcel: None
    desk.retry_delivery(poison)
    courier.run_once()
    assert sender.sent[-1].delivery.id == poison
    figure(f"R10: {count - 1} of {count} delivered, 1 dead after 72 h and {len(sender.tried) - count} tries")


def test_r10_control_without_rotation_the_poison_row_would_be_probed_for_ever(store: SqlStore) -> None:
    """The broken build probes the oldest row: then one bad row among failing ones keeps the route closed."""
    from helpbot.store import queries as q

    probe = store.engine.sql(q.probe)
    store.engine.sql._texts[q.probe] = probe.replace(
        "ORDER BY deliveries.attempts, deliveries.position", "ORDER BY deliveries.position"
    )
    clock, settings = Clock(), hooks("x")
    ids = write(store, clock, 20)
    back = clock.now + timedelta(minutes=10)
    sender = MemorySender(fails=lambda p: OutsideError("500") if p.delivery.id == ids[0] or clock.now < back else None)
    courier = Courier(store, [sender], settings, clock, codec=Codec())
    for _ in range(60):
        courier.run_once()
        clock.pass_(minutes=1)
    assert sender.sent == []


@pytest.mark.parametrize("count", [40, pytest.param(1000, marks=full)])
def test_r11_no_mail_is_lost_and_repeats_have_one_id(store: SqlStore, count: int) -> None:
    chance, clock = random.Random(11), Clock(datetime.now(UTC))
    stub = MailStub(lambda envelope: chance.choice(["451 later", "drop", *["250 OK"] * 4]))
    settings = DeskSettings(
        routing=Routing(
            routes={"mail": Route(name="mail", sender="mail", target="team@example.com", per_second=1000)},
            default=("mail",),
        )
    )
    desk = make_desk(store, settings, clock)
    for n in range(count):
        Talk(desk, clock).start().say(f"escalate P{n} | E")
    sender = MailSender(mail_server(f"smtp://127.0.0.1:{stub.port}"), "bot@example.com", TEMPLATES, clock=clock)
    courier = Courier(store, [sender], settings, clock, codec=Codec())
    for _ in range(3000):
        courier.run_once()
        if not store.waiting_routes():
            break
        clock.pass_(seconds=30)
    stub.close()
    seen = Counter(
        line for mail in stub.mails for line in mail.content.split(b"\r\n") if line.startswith(b"Message-ID")
    )
    figure(f"R11: {count} mails, {sum(seen.values())} taken by the server, {len(seen)} distinct ids")
    assert len(seen) == count
    assert {d.state for d in store.deliveries(limit=count)} == {DeliveryState.DELIVERED}


def escalate_naming(
    store: SqlStore, address: str, count: int, **settings: Any
) -> tuple[MailStub, list[tuple[str, CallError]]]:
    """Visitors who name one address that is not theirs, and an agent who answers each; what was mailed to it."""
    clock = Clock(START)
    stub = MailStub()
    routes = {"mail": Route(name="mail", sender="mail", target="team@example.com", per_second=100_000)}
    told = DeskSettings(routing=Routing(routes=routes), user_mail_route="mail", **settings)
    desk = make_desk(store, told, clock, step=lambda now, event, world: step(replace(now, email=address), event, world))
    refused: list[tuple[str, CallError]] = []
    for n in range(count):
        victim = Person(id=f"v{n}", name="Buy canary now", email=address)
        talk = Talk(desk, clock, person=victim).start()
        talk.say(f"escalate canary {n} | https://canary.example")
        (case,) = desk.cases(conversation=talk.conversation)
        talk.command(Act.REPLY, case.id, key=f"reply{n}", text="Have a look")
        try:
            desk.mail_transcript(talk.conversation, f"t{n}", victim)
        except CallError as error:
            refused.append((talk.conversation, error))
    sender = MailSender(mail_server(f"smtp://127.0.0.1:{stub.port}"), "bot@example.com", TEMPLATES, clock=clock)
    courier = Courier(store, [sender], told, clock, codec=Codec())
    while courier.run_once():
        clock.pass_(seconds=1)
    stub.close()
    return stub, refused


@pytest.mark.parametrize("count", [40, pytest.param(1000, marks=full)])
def test_t25_an_address_that_strangers_name_gets_three_mails_a_day_and_none_of_their_words(
    store: SqlStore, count: int
) -> None:
    stub, refused = escalate_naming(store, "victim@example.com", count)
    assert len(refused) == count
    assert {error.code for _, error in refused} == {Code.FORBIDDEN}
    assert len(stub.mails) == 3
    for mail in stub.mails:
        assert b"canary" not in mail.content
        (subject,) = [line for line in mail.content.split(b"\r\n") if line.startswith(b"Subject:")]
        assert re.fullmatch(rb"Subject: Your support case HB-\d+", subject)
    figure(f"T25: {count} escalations naming one address, {len(stub.mails)} mails")


def test_t25_control_without_the_limit_the_address_is_flooded(store: SqlStore) -> None:
    stub, _ = escalate_naming(store, "victim@example.com", 10, max_mails_a_day=1000)
    assert len(stub.mails) == 10


def test_r11_what_the_mail_server_refuses_for_good_goes_another_way(store: SqlStore) -> None:
    clock = Clock(START)
    stub = MailStub(lambda envelope: "550 no such user")
    routes = {
        "mail": Route(name="mail", sender="mail", target="team@example.com"),
        "hook0": Route(name="hook0", sender="webhook", target="x", kinds=frozenset({Kind.CASE_OPENED})),
    }
    settings = DeskSettings(routing=Routing(routes=routes, default=("mail",)))
    Talk(make_desk(store, settings, clock), clock).start().say("escalate P | E")
    other = MemorySender()
    sender = MailSender(mail_server(f"smtp://127.0.0.1:{stub.port}"), "bot@example.com", TEMPLATES, clock=clock)
    courier = Courier(store, [sender, other], settings, clock, codec=Codec())
    for _ in range(3):
        courier.run_once()
    stub.close()
    assert [parcel.delivery.kind for parcel in other.sent] == [Kind.CASE_OPENED]
    assert [d.route for d in store.deliveries(state=DeliveryState.DEAD)] == ["mail"]
