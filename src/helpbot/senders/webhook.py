"""Webhooks as the Standard Webhooks specification 1.0.0 wants them: an id that stays, a signature that is fresh."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

from helpbot.desk.desk import utc_now
from helpbot.desk.ports import RouteGone
from helpbot.desk.records import SendResult
from helpbot.errors import OutsideError

if TYPE_CHECKING:
    from helpbot.desk.ports import Clock
    from helpbot.desk.records import Parcel
    from helpbot.senders.outside import OutsideClient

__all__ = ["WebhookSender", "retry_after", "sign"]

AGENT: Final = "helpbot-webhook/1"


def sign(secret: str, id_: str, stamp: int, body: bytes) -> str:
    """The signature of one attempt. `secret` is base64, with or without `whsec_`; else it is taken as it is."""
    text = secret.removeprefix("whsec_")
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        key = text.encode()
    signed = hmac.new(key, f"{id_}.{stamp}.".encode() + body, hashlib.sha256).digest()
    return "v1," + base64.b64encode(signed).decode()


def retry_after(value: str, now: datetime) -> float | None:
    """How many seconds a `Retry-After` asks to wait: a number or an HTTP date. None for anything else."""
    text = value.strip()
    if text.isascii() and text.isdecimal() and len(text) <= 9:
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    seconds = (moment - now).total_seconds()
    return seconds if seconds >= 0 else None


class WebhookSender:
    """Posts events to a route's target."""

    name = "webhook"

    def __init__(self, client: OutsideClient, secret: str, *, clock: Clock = utc_now) -> None:
        """`secret` signs; a route's own in its options wins."""
        self._client, self._secret, self._clock = client, secret, clock

    def send(self, parcel: Parcel) -> SendResult:
        """Post one event. Only 2xx is success; 410 says that nobody wants any more."""
        delivery = parcel.delivery
        data = {key: value for key, value in delivery.payload.items() if key not in {"type", "timestamp"}}
        event = {"type": delivery.kind, "timestamp": delivery.payload.get("timestamp"), "data": data}
        body = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
        now = self._clock()
        stamp = int(now.timestamp())
        secret = parcel.route.options.get("secret", self._secret)
        answer = self._client.post(
            parcel.route.target,
            body,
            {
                "content-type": "application/json",
                "user-agent": AGENT,
                "webhook-id": delivery.id,
                "webhook-timestamp": str(stamp),
                "webhook-signature": sign(secret, delivery.id, stamp, body),
            },
        )
        if 200 <= answer.status < 300 and not answer.cut:
            return SendResult(receipt={"status": str(answer.status)})
        if answer.status == 410:
            raise RouteGone(f"the receiver of {parcel.route.name} answered 410: it wants no more")
        problem = "said more than 64 KiB" if answer.cut else f"answered {answer.status}"
        asked = retry_after(answer.headers.get("retry-after", ""), now) if answer.status in {429, 503} else None
        raise OutsideError(f"the receiver {problem}", retry_after=asked)
