"""What a person does with deliveries: look at one, send it again, let go of what was held back."""

from __future__ import annotations

from dataclasses import replace

from helpbot.desk.defaults import utc_now
from helpbot.desk.ports import OUTBOX, Clock, Store, Transaction
from helpbot.desk.records import Delivery, DeliveryState, DeskSettings
from helpbot.errors import CallError, Code

__all__ = ["find_delivery", "release_route", "send_again"]


def find_delivery(store: Store, delivery_id: str) -> Delivery:
    """One delivery; CallError(NOT_FOUND) if there is none."""
    found = store.delivery(delivery_id)
    if found is None:
        raise CallError(
            Code.NOT_FOUND, f"there is no delivery {delivery_id!r}", "List them with `helpbot deliveries list`"
        )
    return found


def send_again(store: Store, settings: DeskSettings, delivery_id: str, clock: Clock = utc_now) -> Delivery:
    """Make a dead, held or waiting delivery due now, with the same id; a delivered one is not sent again."""
    at, found = clock(), find_delivery(store, delivery_id)
    if found.state is DeliveryState.DELIVERED:
        raise CallError(Code.CONFLICT, f"delivery {found.id} was delivered", "There is nothing to retry")
    if found.state is DeliveryState.LEASED:
        raise CallError(Code.CONFLICT, f"delivery {found.id} is being sent", "Look again in a minute", retry_after=30)
    again = replace(
        found, state=DeliveryState.PENDING, next_at=at, expires_at=at + settings.give_up_after, last_error=""
    )
    store.transact(lambda tx: tx.finish(again, found.lease))
    store.notices.publish(OUTBOX, 0)
    return find_delivery(store, delivery_id)


def release_route(store: Store, settings: DeskSettings, route: str = "", clock: Clock = utc_now) -> int:
    """Send what was held back, on one route or all, and use it again if it was switched off; says how many."""
    at = clock()
    if route and route not in settings.routing.routes and route not in store.route_health():
        known = ", ".join(sorted(settings.routing.routes)) or "none is configured"
        raise CallError(Code.NOT_FOUND, f"there is no route {route!r}", f"Use one of: {known}")

    def work(tx: Transaction) -> int:
        for health in tx.health([route] if route else list(store.route_health())).values():
            tx.set_health(replace(health, disabled="", next_probe=None, failures=0, failing_since=None))
        return tx.release_held(route, at, at + settings.give_up_after)

    released = store.transact(work)
    store.notices.publish(OUTBOX, 0)
    return released
