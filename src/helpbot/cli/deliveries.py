"""`helpbot deliveries …`: what was sent, what waits and why, and how to send it again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from helpbot.cli.common import console, said, settings, write_json, wrong

if TYPE_CHECKING:
    from helpbot.desk.records import Delivery

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="See what was sent and what waits; send it again.")


@app.command("list")
def list_(
    state: str = typer.Option("", help="pending, leased, delivered, dead or held."),
    route: str = typer.Option("", help="One route only."),
    every: bool = typer.Option(False, "--all", help="Delivered ones too."),
    limit: int = typer.Option(50, min=1, max=10_000, help="How many at most."),
    as_json: bool = typer.Option(False, "--json", help="For programs."),
) -> None:
    """Deliveries that have not arrived, the newest first, and how each route is."""
    from helpbot.bootstrap import open_store
    from helpbot.desk.records import DeliveryState

    if state and state not in set(DeliveryState):
        wrong(f"{state!r} is no state of a delivery", f"Use one of: {', '.join(DeliveryState)}")
    store = open_store(settings())
    try:
        chosen = [DeliveryState(state)] if state else [one for one in DeliveryState if every or one != "delivered"]
        found = [
            delivery for one in chosen for delivery in store.deliveries(state=one, route=route or None, limit=limit)
        ]
        health = store.route_health()
    finally:
        store.close()
    found = sorted(found, key=lambda delivery: -delivery.position)[:limit]
    if as_json:
        write_json([_json(delivery) for delivery in found])
        return
    for name, route_health in sorted(health.items()):
        if route_health.disabled:
            said(f"The route {name} is switched off: {route_health.disabled}. Use it again: deliveries release {name}")
        elif route_health.failing_since:
            said(f"The route {name} fails since {route_health.failing_since:%Y-%m-%d %H:%M} UTC.")
    if not found:
        said("Nothing waits.")
        return
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("delivery", "kind", "route", "state", "tries", "next", "last error"):
        table.add_column(name, no_wrap=name != "last error")
    for delivery in found:
        table.add_row(
            delivery.id,
            delivery.kind,
            delivery.route,
            delivery.state.value,
            str(delivery.attempts),
            f"{delivery.next_at:%m-%d %H:%M}" if delivery.state == "pending" else "-",
            escape(delivery.last_error[:80]),
        )
    console().print(table)


@app.command()
def show(delivery: str = typer.Argument(help="Its id.")) -> None:
    """All of one delivery, as JSON."""
    from helpbot.bootstrap import open_store

    store = open_store(settings())
    try:
        found = store.delivery(delivery)
    finally:
        store.close()
    if found is None:
        wrong(f"there is no delivery {delivery!r}", "List them with `helpbot deliveries list --all`")
    write_json({**_json(found), "payload": dict(found.payload)}, pretty=True)


@app.command()
def retry(delivery: str = typer.Argument(help="Its id.")) -> None:
    """Send a dead or waiting delivery now, with the same id."""
    from helpbot.bootstrap import desk_settings_of, open_store
    from helpbot.desk.outbox import send_again

    asked = settings()
    store = open_store(asked)
    try:
        found = send_again(store, desk_settings_of(asked), delivery)
    finally:
        store.close()
    said(f"{found.id} is due now; `helpbot serve` sends it.")


@app.command()
def release(route: str = typer.Argument("", help="One route; all if left out.")) -> None:
    """Send what a restore held back, and use a route again that was switched off."""
    from helpbot.bootstrap import desk_settings_of, open_store
    from helpbot.desk.outbox import release_route

    asked = settings()
    store = open_store(asked)
    try:
        count = release_route(store, desk_settings_of(asked), route)
    finally:
        store.close()
    said(f"{count} deliveries are due now.")


def _json(delivery: Delivery) -> dict[str, object]:
    return {
        "id": delivery.id,
        "kind": delivery.kind,
        "route": delivery.route,
        "state": delivery.state.value,
        "attempts": delivery.attempts,
        "next_at": delivery.next_at.isoformat(),
        "last_error": delivery.last_error,
        "case": delivery.case_id,
        "conversation": delivery.conversation,
        "created_at": delivery.created_at.isoformat(),
        "delivered_at": delivery.delivered_at.isoformat() if delivery.delivered_at else None,
        "receipt": dict(delivery.receipt),
    }
