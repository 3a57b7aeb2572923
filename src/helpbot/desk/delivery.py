"""The courier: what was written to be sent is sent, at least once, in order, until it arrives or is given up.

Every delivery is claimed by a lease, so that of many workers one sends it; a worker that dies leaves it to the next
when the lease ends. A route that fails is left alone and tried with a single delivery once a minute, and everything
that waits goes out when that one arrives. What fails for too long becomes a dead letter that a person can send again,
with the same id.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from helpbot.desk.desk import new_id, utc_now, view_of
from helpbot.desk.failpoints import reach
from helpbot.desk.ports import OUTBOX, Clock, Codec, Ids, RouteGone, Sender, Store, Transaction
from helpbot.desk.records import Delivery, DeliveryState, DeskSettings, Message, Parcel, RouteHealth, SendResult
from helpbot.errors import CallError, HelpbotError, OutsideError
from helpbot.escalation.routing import Kind, Route

__all__ = ["Courier"]

BATCH: Final = 10  # deliveries claimed at once
FIRST_PAUSE: Final = timedelta(seconds=5)
# A receiver that was down for an hour must have everything soon after it is back; only later is it asked less often.
LONGEST_EARLY: Final = timedelta(minutes=10)
EARLY: Final = timedelta(hours=6)
LONGEST: Final = timedelta(hours=1)
PROBE_EVERY: Final = timedelta(minutes=1)
DOWN_AFTER: Final = 3  # failures in a row, not all of one delivery
LONGEST_RETRY_AFTER: Final = timedelta(days=1)  # beyond, it is taken for a mistake
SEND_TIME: Final = timedelta(seconds=16)  # the longest that one send may take; a lease must have as much left
LONGEST_SEND: Final = timedelta(minutes=10)  # large files take their time; beyond, another worker may try
LOOK_EVERY: Final = 1.0  # seconds: another node's delivery is found by looking
ERROR_LENGTH: Final = 500


class Courier:
    """Sends deliveries. Several may run at once, in one process or in many."""

    def __init__(
        self,
        store: Store,
        senders: Mapping[str, Sender] | Iterable[Sender],
        settings: DeskSettings,
        clock: Clock = utc_now,
        *,
        ids: Ids = new_id,
        codec: Codec | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """`senders` by name: what a route's `sender` says."""
        self._store, self._settings, self._clock, self._ids = store, settings, clock, ids
        self._codec, self._chance = codec, chance
        self._senders = dict(senders) if isinstance(senders, Mapping) else {sender.name: sender for sender in senders}
        self._buckets = {name: _Bucket(route.per_second, clock) for name, route in settings.routing.routes.items()}
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._sending: dict[str, _Sending] = {}  # by the delivery's id

    def run(self, stop: threading.Event) -> None:
        """Send until `stop` is set, each route by a worker of its own: a slow one delays nobody else."""
        wakes = {name: threading.Event() for name in self._settings.routing.routes}

        def listen(conversation_id: str, seq: int) -> None:
            if conversation_id == OUTBOX:
                for wake in wakes.values():
                    wake.set()

        end = self._store.notices.subscribe(listen)
        workers = [
            threading.Thread(target=self._serve, args=(name, wakes[name], stop), name=f"helpbot-{name}", daemon=True)
            for name in wakes
        ]
        try:
            for worker in workers:
                worker.start()
            while not stop.wait(LOOK_EVERY):
                self._quietly(self.hold)
                self._quietly(self.tidy)
        finally:
            end()
            self._stopping.set()
            for wake in wakes.values():
                wake.set()
            for worker in workers:
                worker.join(timeout=SEND_TIME.total_seconds())

    def run_once(self) -> int:
        """Send what is due on every route and give up what waited too long; says how many it tried."""
        self.tidy()
        return sum(self.work(name) for name in self._settings.routing.routes)

    def work(self, name: str) -> int:
        """Send what is due on one route; says how many deliveries it tried."""
        route = self._settings.routing.routes[name]
        sender = self._senders.get(route.sender)
        if sender is None:
            return 0  # it is switched off; its deliveries wait, and are seen waiting
        now = self._clock()
        health = self._store.route_health().get(name, RouteHealth(name=name))
        if health.disabled or (health.next_probe is not None and now < health.next_probe):
            return 0
        probing = health.next_probe is not None
        allowed = min(1 if probing else BATCH, self._buckets[name].available())
        if allowed < 1:
            return 0
        lease, until = self._ids(), now + self._settings.lease

        def claim(tx: Transaction) -> tuple[Delivery, ...]:
            return tuple(tx.claim(name, now=now, lease=lease, until=until, limit=allowed, probe=probing))

        tried = 0
        claimed = self._store.transact(claim)
        for number, delivery in enumerate(claimed):
            if self._stopping.is_set() or self._clock() + SEND_TIME > until:
                self._give_back(claimed[number:], lease)
                break
            self._buckets[name].take()
            tried += 1
            going_on = self._send(sender, route, delivery, lease)
            if not going_on:
                self._give_back(claimed[number + 1 :], lease)
                break
        return tried

    def hold(self) -> None:
        """Keep what is still being sent: a large file may take longer than a lease, and must not be sent by two."""
        now = self._clock()
        with self._lock:
            due = [
                (id_, sending)
                for id_, sending in self._sending.items()
                if now - sending.held >= self._settings.lease / 3 and now - sending.begun < LONGEST_SEND
            ]
        until = now + self._settings.lease

        def work(tx: Transaction) -> None:
            for id_, sending in due:
                tx.hold(id_, sending.lease, until)

        if due:
            self._store.transact(work)
        for _, sending in due:
            sending.held = now

    def tidy(self) -> None:
        """Give up what has waited too long, and hand new cases that do not get through to another route."""
        now = self._clock()

        def give_up(tx: Transaction) -> int:
            found = tx.expired(now, 100)
            for delivery in found:
                reason = f"given up at {now:%Y-%m-%d %H:%M} UTC: {delivery.last_error or 'never tried'}"
                tx.finish(replace(delivery, state=DeliveryState.DEAD, last_error=reason[:ERROR_LENGTH]), delivery.lease)
            return len(found)

        while self._store.transact(give_up):
            pass
        before = now - self._settings.fallback_after
        if self._store.transact(lambda tx: self._hand_over(tx, before, now)):
            self._store.notices.publish(OUTBOX, 0)

    # ── one delivery ──

    def _send(self, sender: Sender, route: Route, delivery: Delivery, lease: str) -> bool:
        """Send one; False when the route is to be left alone."""
        try:
            if delivery.corrupt:
                raise OutsideError("its payload cannot be read", permanent=True)
            result = self._hand_to(sender, self._parcel(route, delivery), lease)
        except OutsideError as error:
            return self._failed(route, delivery, lease, error)
        except CallError:
            raise  # our own storage: the lease ends by itself
        except Exception as error:  # a fault in a sender must not stop what others send
            return self._failed(route, delivery, lease, OutsideError(f"{type(error).__name__} while sending"))
        reach("after-send")
        self._arrived(route, delivery, lease, result)
        return True

    def _hand_to(self, sender: Sender, parcel: Parcel, lease: str) -> SendResult:
        id_, now = parcel.delivery.id, self._clock()
        with self._lock:
            self._sending[id_] = _Sending(lease=lease, begun=now, held=now)
        try:
            return sender.send(parcel)
        finally:
            with self._lock:
                self._sending.pop(id_, None)

    def _arrived(self, route: Route, delivery: Delivery, lease: str, result: SendResult) -> None:
        now = self._clock()
        done = replace(
            delivery,
            state=DeliveryState.DELIVERED,
            attempts=delivery.attempts + 1,
            delivered_at=now,
            receipt=dict(result.receipt),
            last_error="",
        )

        def work(tx: Transaction) -> bool:
            tx.finish(done, lease)
            health = tx.health([route.name]).get(route.name)
            if health is None or health.failures or health.next_probe or health.failing_since:
                tx.set_health(RouteHealth(name=route.name, last_success=now))
                return tx.release_route(route.name, now) > 0
            return False

        if self._store.transact(work):
            self._store.notices.publish(OUTBOX, 0)

    def _failed(self, route: Route, delivery: Delivery, lease: str, error: OutsideError) -> bool:
        now = self._clock()
        asked = _sensible(error.retry_after)
        after = replace(
            delivery,
            attempts=delivery.attempts + 1,
            last_error=str(error)[:ERROR_LENGTH],
            state=DeliveryState.DEAD if error.permanent else DeliveryState.PENDING,
            next_at=now + (asked if asked is not None else self._pause(delivery, now)),
        )
        if isinstance(error, RouteGone):
            after = replace(after, state=DeliveryState.PENDING)

        def work(tx: Transaction) -> bool:
            tx.finish(after, lease)
            health = tx.health([route.name]).get(route.name, RouteHealth(name=route.name))
            if isinstance(error, RouteGone):
                tx.set_health(replace(health, failing_since=health.failing_since or now, disabled=str(error)))
                return False
            if error.permanent or error.alone:
                return True  # this one delivery is at fault, not the route
            another = health.last_failed != delivery.id
            failures = health.failures + 1 if another else max(health.failures, 1)
            down = failures >= DOWN_AFTER or health.next_probe is not None
            leave = asked or (PROBE_EVERY if down else None)
            tx.set_health(
                replace(
                    health,
                    failing_since=health.failing_since or now,
                    failures=failures,
                    last_failed=delivery.id,
                    next_probe=now + leave if leave is not None else None,
                )
            )
            return leave is None

        return self._store.transact(work)

    def _give_back(self, deliveries: tuple[Delivery, ...], lease: str) -> None:
        """What was claimed and not tried waits for the next, without an attempt counted."""
        if not deliveries:
            return

        def work(tx: Transaction) -> None:
            for delivery in deliveries:
                tx.finish(replace(delivery, state=DeliveryState.PENDING), lease)

        self._store.transact(work)

    def _pause(self, delivery: Delivery, now: datetime) -> timedelta:
        longest = LONGEST_EARLY if now - delivery.created_at < EARLY else LONGEST
        doubled: timedelta = FIRST_PAUSE * 2 ** min(delivery.attempts, 16)
        return min(doubled, longest) * (0.8 + 0.4 * self._chance())

    def _hand_over(self, tx: Transaction, before: datetime, now: datetime) -> int:
        """Tell another route of new cases that have waited too long, once each."""
        routes, handed = self._settings.routing.routes, 0
        for delivery in tx.overdue(Kind.CASE_OPENED, before, 100):
            case = tx.case(delivery.case_id or "")
            if not tx.mark_fallback(delivery.id) or case is None:
                continue
            own = routes.get(delivery.route)
            named = own.fallback if own else ""
            others = [named] if named else [name for name in routes if routes[name].takes(Kind.CASE_OPENED)]
            taken = next((name for name in others if name in routes and name not in case.routes), None)
            if taken is None:
                continue
            tx.save_case(replace(case, routes=(*case.routes, taken)))
            tx.enqueue(
                [
                    replace(
                        delivery,
                        id=self._ids(),
                        route=taken,
                        state=DeliveryState.PENDING,
                        attempts=0,
                        last_error="",
                        created_at=now,
                        next_at=now,
                        expires_at=now + self._settings.give_up_after,
                        lease="",
                        lease_until=None,
                    )
                ]
            )
            handed += 1
        return handed

    def _parcel(self, route: Route, delivery: Delivery) -> Parcel:
        store = self._store
        case = store.case(delivery.case_id) if delivery.case_id else None
        message = store.message(delivery.conversation, delivery.seq) if delivery.seq is not None else None
        record = store.conversation(delivery.conversation)
        first = None
        if delivery.case_id and delivery.kind != Kind.CASE_OPENED:
            first = store.opened_receipt(delivery.case_id, delivery.route)
        transcript: tuple[Message, ...] = ()
        if delivery.kind in {Kind.CASE_OPENED, Kind.TRANSCRIPT}:
            transcript = tuple(store.messages(delivery.conversation, after=0, limit=1000, internal=False))
        return Parcel(
            delivery=delivery,
            route=route,
            case=case,
            message=message,
            conversation=view_of(record, self._codec) if record else None,
            transcript=transcript,
            opened=first.receipt if first else {},
            opened_id=first.id if first else "",
        )

    # ── a worker ──

    def _serve(self, name: str, wake: threading.Event, stop: threading.Event) -> None:
        while not stop.is_set():
            wake.clear()
            if not self._quietly(lambda: self.work(name)):
                wake.wait(min(LOOK_EVERY, self._buckets[name].wait()))

    def _quietly(self, work: Callable[[], int | None]) -> int:
        """Work, and when storage is away try again later: a courier never ends by itself."""
        try:
            return work() or 0
        except HelpbotError:
            return 0


@dataclass(slots=True)
class _Sending:
    """A delivery that a sender has in hand."""

    lease: str
    begun: datetime
    held: datetime  # when its lease was last made longer


class _Bucket:
    """At most so many a second, as many at once as one second allows."""

    def __init__(self, per_second: float, clock: Clock) -> None:
        self._rate, self._clock = per_second, clock
        self._most = max(1.0, per_second)
        self._level, self._at = self._most, clock()

    def available(self) -> int:
        now = self._clock()
        # a clock that was set back gives nothing, and takes nothing either
        self._level = min(self._most, self._level + max(0.0, (now - self._at).total_seconds()) * self._rate)
        self._at = now
        return int(self._level + 1e-9)

    def take(self) -> None:
        self._level -= 1.0

    def wait(self) -> float:
        """Seconds until one more is allowed."""
        return LOOK_EVERY if self.available() >= 1 else max(0.01, (1.0 - self._level) / self._rate)


def _sensible(seconds: float | None) -> timedelta | None:
    """The pause a receiver asked for, unless it is one that nobody can mean."""
    if seconds is None or not 0 <= seconds <= LONGEST_RETRY_AFTER.total_seconds():
        return None
    return timedelta(seconds=seconds)
