"""Who is told of a case: named routes, and ordered rules that choose among them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from helpbot.errors import Fault
from helpbot.messages import NOTHING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from helpbot.escalation.case import Case

__all__ = ["KINDS", "Kind", "Route", "Routing", "Rule"]


class Kind:
    """What a delivery tells its receiver."""

    CASE_OPENED: Final = "case.opened"
    CASE_UPDATED: Final = "case.updated"
    CASE_RESOLVED: Final = "case.resolved"
    MESSAGE_TO_AGENTS: Final = "message.to_agents"  # the user's own words, about an open case
    MESSAGE_BESIDE: Final = "message.beside"  # what the user and the bot said meanwhile, that nothing passed on
    MESSAGE_TO_USER: Final = "message.to_user"  # the bot's or an agent's words, where the user is
    MESSAGE_CREATED: Final = "message.created"  # any public message, for programs
    CONVERSATION_RESOLVED: Final = "conversation.resolved"
    TRANSCRIPT: Final = "transcript"  # what was said, to the user who asked for it by mail; no route is told of it


# What a route of each kind of sender is told when its setting does not say. Programs get the events of the
# Standard Webhooks contract; people get what they would have to act on.
KINDS: Final[Mapping[str, frozenset[str]]] = {
    "mail": frozenset({Kind.CASE_OPENED, Kind.CASE_RESOLVED, Kind.MESSAGE_TO_AGENTS}),
    "slack": frozenset(
        {
            Kind.CASE_OPENED,
            Kind.CASE_UPDATED,
            Kind.CASE_RESOLVED,
            Kind.MESSAGE_TO_AGENTS,
            Kind.MESSAGE_BESIDE,
            Kind.MESSAGE_TO_USER,
        }
    ),
    "webhook": frozenset(
        {
            Kind.CASE_OPENED,
            Kind.CASE_UPDATED,
            Kind.CASE_RESOLVED,
            Kind.MESSAGE_CREATED,
            Kind.CONVERSATION_RESOLVED,
        }
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One way to reach people or programs. `target` is an address, a URL or a Slack channel."""

    name: str
    sender: str  # mail | slack | webhook
    target: str = ""
    kinds: frozenset[str] = frozenset()  # empty: what KINDS gives its sender
    per_second: float = 20.0  # at most so many sends a second
    fallback: str = ""  # the route that takes a new case over when this one does not get through
    options: Mapping[str, str] = field(default_factory=lambda: NOTHING)

    def takes(self, kind: str) -> bool:
        """Whether this route wants to be told of `kind`."""
        return kind in (self.kinds or KINDS.get(self.sender, frozenset()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Cases for which every word given here holds go to `routes`. `product` is looked for inside the name."""

    routes: tuple[str, ...]
    psa: str = ""
    resolution: str = ""
    product: str = ""

    def fits(self, case: Case) -> bool:
        """Whether this rule speaks of the case."""
        return (
            (not self.psa or self.psa.casefold() == case.psa.casefold())
            and (not self.resolution or self.resolution in case.tried)
            and (not self.product or self.product.casefold() in case.product_name.casefold())
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Routing:
    """All routes, the rules in the order they are tried, and the default for what no rule fits."""

    routes: Mapping[str, Route] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()
    default: tuple[str, ...] = ()

    def of(self, case: Case) -> tuple[Route, ...]:
        """The routes of a new case: those of the first rule that fits, else the default's."""
        names = next((rule.routes for rule in self.rules if rule.fits(case)), self.default)
        return tuple(self.routes[name] for name in dict.fromkeys(names) if name in self.routes)

    def taking(self, kind: str, sender: str) -> tuple[Route, ...]:
        """The routes of one kind of sender that are told of everything of a kind, whatever the case."""
        return tuple(route for route in self.routes.values() if route.sender == sender and route.takes(kind))

    def faults(self, path: str = "bot/helpbot.toml") -> tuple[Fault, ...]:
        """What an operator must mend: names that lead nowhere, routes without a target, no default."""
        found: list[Fault] = []

        def fault(problem: str, remedy: str) -> None:
            found.append(Fault(path, 0, problem, remedy))

        for where, names in (
            ("routing.default", self.default),
            *((f"routing rule {n}", rule.routes) for n, rule in enumerate(self.rules, start=1)),
            *((f"route {route.name}: fallback", (route.fallback,)) for route in self.routes.values() if route.fallback),
        ):
            for name in names:
                if name not in self.routes:
                    known = ", ".join(sorted(self.routes)) or "none is configured"
                    fault(f"{where} names the route {name!r}, which does not exist", f"Use one of: {known}")
            if not names and (where != "routing.default" or self.routes):
                fault(f"{where} names no route", "Name at least one, so that no case goes unseen")
        for n, rule in enumerate(self.rules, start=1):
            if not (rule.psa or rule.resolution or rule.product):
                fault(
                    f"routing rule {n} has no condition",
                    "Give it psa, resolution or product, or make it the default",
                )
        for route in self.routes.values():
            if route.sender not in KINDS:
                fault(
                    f"route {route.name} has the sender {route.sender!r}",
                    f"Use one of: {', '.join(sorted(KINDS))}",
                )
            elif not route.target:
                fault(f"route {route.name} has no target", "Give it an address, a URL or a channel")
            if route.per_second <= 0:
                fault(f"route {route.name} sends {route.per_second} a second", "Give it a number above 0")
        return tuple(found)
