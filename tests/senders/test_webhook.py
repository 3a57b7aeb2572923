"""Webhooks: signed afresh at each attempt, never followed, never waited for longer than agreed."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import standardwebhooks

from desk.support import START, Clock
from helpbot.desk.ports import RouteGone
from helpbot.desk.records import Delivery, Parcel
from helpbot.errors import OutsideError
from helpbot.escalation.routing import Route
from helpbot.senders.outside import OutsideClient
from helpbot.senders.webhook import WebhookSender, retry_after

from .stubs import WebStub

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture
def stub() -> Iterator[WebStub]:
    made = WebStub()
    yield made
    made.close()


@pytest.fixture
def sender() -> WebhookSender:
    return WebhookSender(OutsideClient(networks=["127.0.0.0/8"], total=1.5), SECRET, clock=lambda: datetime.now(UTC))


def parcel(url: str, **more: Any) -> Parcel:
    delivery = Delivery(
        id="msg_1",
        kind="case.opened",
        route="hook",
        conversation="c1",
        case_id=None,
        seq=None,
        payload={
            "type": "case.opened",
            "timestamp": START.isoformat(),
            "case": {"number": "HB-1001"},
            "conversation": "c1",
        },
        created_at=START,
        next_at=START,
        expires_at=START + timedelta(days=3),
    )
    return Parcel(delivery=delivery, route=Route(name="hook", sender="webhook", target=url), **more)


def test_an_independent_library_accepts_the_signature(stub: WebStub, sender: WebhookSender) -> None:
    sender.send(parcel(stub.url))
    (request,) = stub.requests
    event = standardwebhooks.Webhook(SECRET).verify(request.body.decode(), request.headers)
    assert event["type"] == "case.opened"
    assert event["data"]["case"]["number"] == "HB-1001"
    assert request.headers["webhook-id"] == "msg_1"
    assert request.headers["accept-encoding"] == "identity"


def test_each_attempt_has_the_same_id_and_body_and_a_fresh_stamp(stub: WebStub) -> None:
    clock = Clock(datetime.now(UTC))
    sender = WebhookSender(OutsideClient(networks=["127.0.0.1/32"]), SECRET, clock=clock)
    for _ in range(3):
        sender.send(parcel(stub.url))
        clock.pass_(seconds=100)
    assert len({request.headers["webhook-id"] for request in stub.requests}) == 1
    assert len({request.body for request in stub.requests}) == 1
    assert len({request.headers["webhook-timestamp"] for request in stub.requests}) == 3
    assert len({request.headers["webhook-signature"] for request in stub.requests}) == 3


@pytest.mark.parametrize("status", [300, 301, 302, 307, 400, 401, 404, 409, 422, 500, 502])
def test_only_2xx_is_success_and_nothing_is_followed(stub: WebStub, sender: WebhookSender, status: int) -> None:
    stub.answer = lambda request: (status, {"location": stub.url + "/elsewhere"}, b"")
    with pytest.raises(OutsideError) as caught:
        sender.send(parcel(stub.url))
    assert not caught.value.permanent
    assert len(stub.requests) == 1


def test_410_switches_the_route_off(stub: WebStub, sender: WebhookSender) -> None:
    stub.answer = lambda request: (410, {}, b"")
    with pytest.raises(RouteGone):
        sender.send(parcel(stub.url))


@pytest.mark.parametrize(("status", "seconds"), [(429, 17.0), (503, 17.0), (500, None)])
def test_retry_after_is_read_where_it_means_something(
    stub: WebStub, sender: WebhookSender, status: int, seconds: float | None
) -> None:
    stub.answer = lambda request: (status, {"retry-after": "17"}, b"")
    with pytest.raises(OutsideError) as caught:
        sender.send(parcel(stub.url))
    assert caught.value.retry_after == seconds


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        ("Mon, 02 Mar 2026 09:01:00 GMT", 60.0),
        ("Mon, 02 Mar 2026 08:59:00 GMT", None),
        ("-5", None),
        ("1e9", None),
        ("٣", None),
        ("soon", None),
        ("", None),
        ("9" * 400, None),
    ],
)
def test_retry_after_in_its_forms(value: str, seconds: float | None) -> None:
    assert retry_after(value, START) == seconds


@pytest.mark.parametrize("what", ["reset", "half"])
def test_an_answer_that_breaks_off_is_a_failure(stub: WebStub, sender: WebhookSender, what: str) -> None:
    stub.answer = lambda request: what
    with pytest.raises(OutsideError):
        sender.send(parcel(stub.url))


def test_a_receiver_that_hangs_or_drips_is_left_in_time(stub: WebStub, sender: WebhookSender) -> None:
    left = threading.Event()

    def hang(handler: Any) -> None:
        left.wait(60)

    def drip(handler: Any) -> None:
        while not left.wait(0.1):
            handler.wfile.write(b"H")
            handler.wfile.flush()

    for answer in (hang, drip):
        stub.answer = lambda request, answer=answer: answer
        with pytest.raises(OutsideError, match="in time"):
            sender.send(parcel(stub.url))
        assert not left.is_set()  # it went on: the sender was the one to leave
    left.set()


def test_a_huge_answer_is_cut_and_is_a_failure(stub: WebStub, sender: WebhookSender) -> None:
    stub.answer = lambda request: (200, {}, b"x" * 3_000_000)
    with pytest.raises(OutsideError, match="64 KiB"):
        sender.send(parcel(stub.url))


def test_a_compressed_answer_is_not_unpacked(stub: WebStub, sender: WebhookSender) -> None:
    stub.answer = lambda request: (200, {"content-encoding": "gzip"}, b"\x1f\x8b" + b"x" * 100)
    with pytest.raises(OutsideError):
        sender.send(parcel(stub.url))


def test_the_body_is_json_whatever_the_words(stub: WebStub, sender: WebhookSender) -> None:
    sender.send(parcel(stub.url))
    assert json.loads(stub.requests[0].body)["data"]["conversation"] == "c1"
