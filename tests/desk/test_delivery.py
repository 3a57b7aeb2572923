"""The courier: at least once, in order, and never in anyone's way. Time is moved by hand."""

from __future__ import annotations

from typing import Any

import pytest

from helpbot.desk.delivery import Courier
from helpbot.desk.ports import RouteGone
from helpbot.desk.records import Act, DeliveryState, DeskSettings
from helpbot.errors import CallError, OutsideError
from helpbot.escalation.routing import Kind, Route, Routing, Rule
from helpbot.messages import Channel
from senders.stubs import MemorySender

from .support import Clock, Codec, Talk, make_desk


def routing(**routes: Any) -> Routing:
    made = {name: Route(name=name, target="x", **more) for name, more in routes.items()}
    return Routing(routes=made, default=(next(iter(made)),))


def at_work(store: Any, clock: Clock, settings: DeskSettings, *senders: MemorySender) -> Courier:
    return Courier(store, senders, settings, clock, codec=Codec(), chance=lambda: 0.5)


@pytest.fixture
def clock() -> Clock:
    return Clock()


SETTINGS = DeskSettings(routing=routing(hook={"sender": "webhook"}))


@pytest.fixture
def talk(store: Any, clock: Clock) -> Talk:
    return Talk(make_desk(store, SETTINGS, clock), clock).start()


def drain(courier: Courier) -> int:
    total = 0
    while tried := courier.run_once():
        total += tried
    return total


def test_a_case_and_what_follows_arrive_in_order(talk: Talk, store: Any, clock: Clock) -> None:
    sender = MemorySender()
    talk.say("escalate P | E")
    talk.command(Act.CLAIM, "HB-1001")
    talk.command(Act.RESOLVE, "HB-1001")
    courier = at_work(store, clock, SETTINGS, sender)
    drain(courier)
    kinds = [parcel.delivery.kind for parcel in sender.sent]
    cases = [kind for kind in kinds if kind.startswith("case.")]
    assert cases == [Kind.CASE_OPENED, Kind.CASE_UPDATED, Kind.CASE_RESOLVED]
    assert kinds.count(Kind.CONVERSATION_RESOLVED) == 1
    opened = next(parcel for parcel in sender.sent if parcel.delivery.kind == Kind.CASE_OPENED)
    assert opened.case is not None
    assert [message.text for message in opened.transcript][1] == "escalate P | E"
    later = next(parcel for parcel in sender.sent if parcel.delivery.kind == Kind.CASE_UPDATED)
    assert later.opened_id == opened.delivery.id
    assert later.opened["n"]
    assert courier.run_once() == 0
    assert {d.state for d in talk.desk.deliveries()} == {DeliveryState.DELIVERED}


def test_deliveries_stand_in_the_turns_own_transaction(talk: Talk) -> None:
    talk.say("escalate P | E")
    kinds = [delivery.kind for delivery in reversed(talk.desk.deliveries())]
    assert kinds == [
        Kind.MESSAGE_CREATED,
        Kind.MESSAGE_CREATED,
        Kind.CASE_OPENED,
        Kind.MESSAGE_CREATED,
    ]


def test_a_failure_is_tried_again_later_with_the_same_id(talk: Talk, store: Any, clock: Clock) -> None:
    sender = MemorySender(fails=lambda parcel: OutsideError("503") if clock.now < start_again else None)
    start_again = clock.now.replace(minute=30)
    talk.say("hello")
    courier = at_work(store, clock, SETTINGS, sender)
    for _ in range(60):
        courier.run_once()
        clock.pass_(minutes=1)
    assert len({parcel.delivery.id for parcel in sender.sent}) == len(sender.sent) == 3
    assert [parcel.delivery.position for parcel in sender.sent] == sorted(p.delivery.position for p in sender.sent)


@pytest.mark.parametrize(("asked", "waits"), [(90.0, 90.0), (0.0, 0.0)])
def test_a_sensible_retry_after_is_obeyed(talk: Talk, store: Any, clock: Clock, asked: float, waits: float) -> None:
    sender = MemorySender(fails=lambda parcel: OutsideError("429", retry_after=asked))
    courier = at_work(store, clock, SETTINGS, sender)
    assert courier.run_once() == 1
    clock.pass_(seconds=max(0, waits - 1))
    if waits:
        assert courier.run_once() == 0
    clock.pass_(seconds=1)
    assert courier.run_once() == 1


@pytest.mark.parametrize("asked", [-5.0, 86_401.0, None])
def test_a_senseless_retry_after_gives_our_own_pause(talk: Talk, store: Any, clock: Clock, asked: float | None) -> None:
    sender = MemorySender(fails=lambda parcel: OutsideError("429", retry_after=asked))
    courier = at_work(store, clock, SETTINGS, sender)
    assert courier.run_once() == 1
    assert courier.run_once() == 0
    clock.pass_(seconds=7)
    assert courier.run_once() == 1


def test_what_fails_for_three_days_is_a_dead_letter_that_can_be_sent_again(
    talk: Talk, store: Any, clock: Clock
) -> None:
    sender = MemorySender(fails=lambda parcel: OutsideError("the receiver answered 500"))
    courier = at_work(store, clock, SETTINGS, sender)
    for _ in range(80):
        courier.run_once()
        clock.pass_(hours=1)
    (dead,) = talk.desk.deliveries(DeliveryState.DEAD)
    assert "500" in dead.last_error
    tries = len(sender.tried)
    clock.pass_(hours=10)
    assert courier.run_once() == 0
    sender.fails = lambda parcel: None
    talk.desk.retry_delivery(dead.id)
    drain(courier)
    assert sender.sent[-1].delivery.id == dead.id
    assert len(sender.tried) == tries + 1
    with pytest.raises(CallError, match="was delivered"):
        talk.desk.retry_delivery(dead.id)


def test_a_permanent_failure_is_dead_at_once_and_the_next_goes_on(talk: Talk, store: Any, clock: Clock) -> None:
    talk.say("one")
    first = talk.desk.deliveries()[-1].id
    sender = MemorySender(
        fails=lambda parcel: OutsideError("550", permanent=True) if parcel.delivery.id == first else None
    )
    drain(at_work(store, clock, SETTINGS, sender))
    assert [d.id for d in talk.desk.deliveries(DeliveryState.DEAD)] == [first]
    assert len(sender.sent) == 2


def test_a_receiver_that_is_gone_switches_its_route_off(talk: Talk, store: Any, clock: Clock) -> None:
    sender = MemorySender(fails=lambda parcel: RouteGone("410"))
    courier = at_work(store, clock, SETTINGS, sender)
    assert courier.run_once() == 1
    clock.pass_(hours=5)
    assert courier.run_once() == 0
    assert store.route_health()["hook"].disabled == "410"
    talk.desk.release_route("hook")
    sender.fails = lambda parcel: None
    assert drain(courier) == 1


def test_a_row_that_cannot_be_read_is_dead_and_blocks_nobody(talk: Talk, store: Any, clock: Clock) -> None:
    talk.say("one")
    bad = talk.desk.deliveries()[-1].id
    store.engine.write(lambda cursor: cursor.execute(f"UPDATE deliveries SET payload = '{{' WHERE id = '{bad}'"))
    sender = MemorySender()
    drain(at_work(store, clock, SETTINGS, sender))
    assert talk.desk.delivery(bad).state is DeliveryState.DEAD
    assert len(sender.sent) == 2


def test_a_sender_with_a_fault_of_its_own_stops_nobody(talk: Talk, store: Any, clock: Clock) -> None:
    sender = MemorySender(fails=lambda parcel: KeyError("secret"))
    courier = at_work(store, clock, SETTINGS, sender)
    courier.run_once()
    (waiting,) = talk.desk.deliveries()
    assert waiting.state is DeliveryState.PENDING
    assert waiting.last_error == "KeyError while sending"


def test_a_lease_that_ended_is_taken_over_and_the_first_holder_cannot_mark_it(
    talk: Talk, store: Any, clock: Clock
) -> None:
    slow = MemorySender()

    def while_sending(parcel: Any) -> None:
        if len(slow.tried) == 1:
            clock.pass_(seconds=31)
            assert at_work(store, clock, SETTINGS, quick).run_once() == 1

    quick = MemorySender()
    slow.fails = while_sending
    at_work(store, clock, SETTINGS, slow).run_once()
    (done,) = talk.desk.deliveries()
    assert done.state is DeliveryState.DELIVERED
    assert done.attempts == 2
    assert len(quick.sent) == 1


def test_what_takes_long_to_send_is_held_and_no_other_sends_it(talk: Talk, store: Any, clock: Clock) -> None:
    """A large file: two minutes of uploading, with a second worker looking every ten seconds."""
    slow, quick = MemorySender(), MemorySender()
    holder = at_work(store, clock, SETTINGS, slow)

    def while_sending(parcel: Any) -> None:
        for _ in range(12):
            clock.pass_(seconds=10)
            holder.hold()
            assert at_work(store, clock, SETTINGS, quick).run_once() == 0

    slow.fails = while_sending
    holder.run_once()
    (done,) = talk.desk.deliveries()
    assert (done.state, done.attempts, len(slow.sent), len(quick.sent)) == (DeliveryState.DELIVERED, 1, 1, 0)


def test_a_send_that_never_ends_is_not_held_for_ever(talk: Talk, store: Any, clock: Clock) -> None:
    stuck, quick = MemorySender(), MemorySender()
    holder = at_work(store, clock, SETTINGS, stuck)

    def while_sending(parcel: Any) -> None:
        for _ in range(70):
            clock.pass_(seconds=10)
            holder.hold()
        at_work(store, clock, SETTINGS, quick).run_once()

    stuck.fails = while_sending
    holder.run_once()
    assert len(quick.sent) == 1


def test_a_new_case_goes_to_the_fallback_when_its_route_is_down(store: Any, clock: Clock) -> None:
    settings = DeskSettings(routing=routing(slack={"sender": "slack", "fallback": "post"}, post={"sender": "mail"}))
    slack = MemorySender("slack", fails=lambda parcel: OutsideError("down"))
    mail = MemorySender("mail")
    talk = Talk(make_desk(store, settings, clock), clock).start()
    talk.say("escalate P | E")
    courier = at_work(store, clock, settings, slack, mail)
    courier.run_once()
    assert mail.sent == []
    for _ in range(6):
        clock.pass_(minutes=1)
        courier.run_once()
    assert [parcel.delivery.kind for parcel in mail.sent] == [Kind.CASE_OPENED]
    clock.pass_(hours=1)
    drain(courier)
    assert len(mail.sent) == 1
    talk.command(Act.RESOLVE, "HB-1001")
    drain(courier)
    assert [parcel.delivery.kind for parcel in mail.sent] == [Kind.CASE_OPENED, Kind.CASE_RESOLVED]


def test_the_user_is_told_that_a_case_is_queued_while_no_route_works(store: Any, clock: Clock) -> None:
    settings = DeskSettings(routing=routing(hook={"sender": "webhook"}))
    desk = make_desk(store, settings, clock)
    sender = MemorySender(fails=lambda parcel: OutsideError("down"))
    Talk(desk, clock).start().say("hello")
    at_work(store, clock, settings, sender).run_once()
    assert Talk(desk, clock).start().say("escalate P | E") == ["Case HB-1001 is open (queued)"]


def test_replies_to_slack_go_through_the_outbox(store: Any, clock: Clock) -> None:
    settings = DeskSettings(routing=routing(slack={"sender": "slack"}), reply_routes={Channel.SLACK: "slack"})
    talk = Talk(make_desk(store, settings, clock), clock, channel=Channel.SLACK)
    talk.conversation = "T:C:1"
    talk.say("hello")
    sender = MemorySender("slack")
    drain(at_work(store, clock, settings, sender))
    assert [(p.delivery.kind, p.message.text) for p in sender.sent if p.message] == [
        (Kind.MESSAGE_TO_USER, "answer to: hello")
    ]
    assert sender.sent[0].conversation is not None
    assert sender.sent[0].conversation.thread == "T:C:1"


def test_no_address_is_mailed_more_often_than_allowed(store: Any, clock: Clock) -> None:
    settings = DeskSettings(routing=routing(post={"sender": "mail"}), user_mail_route="post")

    def with_address(now: Any, event: Any, world: Any) -> Any:
        from dataclasses import replace

        from .support import step

        return step(replace(now, email="victim@example.com"), event, world)

    talk = Talk(make_desk(store, settings, clock, step=with_address), clock).start()
    talk.say("escalate P | E")
    for n in range(6):
        talk.command(Act.REPLY, "HB-1001", text=f"reply {n}")
    to_user = [d for d in talk.desk.deliveries() if d.kind == Kind.MESSAGE_TO_USER]
    assert [d.payload["to"] for d in to_user] == ["victim@example.com"] * 3
    clock.pass_(hours=25)
    talk.command(Act.REPLY, "HB-1001", text="a day later")
    assert len([d for d in talk.desk.deliveries() if d.kind == Kind.MESSAGE_TO_USER]) == 4


def test_rules_choose_by_psa_resolution_and_product_else_the_default(store: Any, clock: Clock) -> None:
    made = {name: Route(name=name, sender="mail", target="x@example.com") for name in ("one", "two", "rest")}
    settings = DeskSettings(
        routing=Routing(
            routes=made,
            rules=(Rule(product="forti", routes=("one", "two")), Rule(psa="halo", routes=("two",))),
            default=("rest",),
        )
    )
    desk = make_desk(store, settings, clock)
    for product in ("FortiGate", "Something else"):
        Talk(desk, clock).start().say(f"escalate {product} | E")
    routes = {case.product_name: case.routes for case in desk.cases()}
    assert routes == {"FortiGate": ("one", "two"), "Something else": ("rest",)}


def test_the_rate_of_a_route_is_kept(store: Any, clock: Clock) -> None:
    settings = DeskSettings(routing=routing(hook={"sender": "webhook", "per_second": 1.0}))
    desk = make_desk(store, settings, clock)
    for _ in range(5):
        Talk(desk, clock).start()
    courier = at_work(store, clock, settings, MemorySender())
    sent = []
    for _ in range(6):
        sent.append(courier.run_once())
        clock.pass_(seconds=1)
    assert sent == [1, 1, 1, 1, 1, 0]
