"""A case as values: kept whole, changed by name only, routed by rules, read by people."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpbot.dialogue.conversation import CaseState
from helpbot.escalation.brief import Line, brief, one_line, subject
from helpbot.escalation.case import Case, case_from_json, case_to_json, changed
from helpbot.escalation.routing import Route, Routing, Rule
from helpbot.messages import Channel, Person

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
CASE = Case(
    id="c",
    number="HB-1001",
    conversation="v",
    channel=Channel.WIDGET,
    person=Person(id="u", name="Ann", email="ann@example.com"),
    product_name="FortiGate 60F",
    error_message="line one\n  line <two>\t",
    product_name_given=True,
    error_message_given=False,
    opened_at=AT,
    updated_at=AT,
    tried=("one", "two"),
    psa="autotask",
)


@given(product=st.text(min_size=1), error=st.text(min_size=1))
def test_a_case_survives_its_json(product: str, error: str) -> None:
    case = replace(CASE, product_name=product, error_message=error)
    assert case_from_json(case_to_json(case)) == case


def test_a_change_is_entered_in_the_history() -> None:
    after = changed(CASE, {"state": "resolved", "product_name_given": "false"}, at=AT, by="Bo", what="solved")
    assert (after.state, after.resolved_at, after.product_name_given) == (CaseState.RESOLVED, AT, False)
    assert [(entry.by, entry.what) for entry in after.history] == [("Bo", "solved")]
    assert changed(after, {"state": "reopened"}, at=AT, by="Bo", what="again").resolved_at is None


@pytest.mark.parametrize("changes", [{"number": "HB-1"}, {"product_name": "  "}, {"state": "nonsense"}])
def test_what_may_not_change_does_not(changes: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"."):
        changed(CASE, changes, at=AT, by="x", what="x")


def test_a_brief_has_everything_an_agent_needs() -> None:
    text = brief(CASE, [Line(at=AT, who="Ann", text="it fails\nagain")])
    for word in (
        "HB-1001",
        "FortiGate 60F",
        "line <two>",
        "not given",
        "autotask",
        "one, two",
        "not verified",
        "again",
    ):
        assert word in text


@given(st.text())
def test_a_line_is_one_line(text: str) -> None:
    line = one_line(text, 40)
    assert len(line) <= 40
    assert len(line.splitlines()) <= 1
    assert not any(ord(letter) < 32 for letter in line)


def test_a_subject_is_one_line() -> None:
    assert "\n" not in subject(CASE)


def test_every_fault_of_a_routing_is_named_at_once() -> None:
    routes = {
        "a": Route(name="a", sender="fax", target="x"),
        "b": Route(name="b", sender="mail", fallback="nowhere"),
        "c": Route(name="c", sender="mail", target="x", per_second=0),
    }
    faults = Routing(routes=routes, rules=(Rule(routes=("gone",)),), default=()).faults("bot/helpbot.toml")
    text = "\n".join(map(str, faults))
    for word in ("fax", "'nowhere'", "no target", "0 a second", "'gone'", "no condition", "routing.default names no"):
        assert word in text
    assert Routing().faults() == ()


def test_the_first_rule_that_fits_decides() -> None:
    routes = {name: Route(name=name, sender="mail", target="x") for name in "abc"}
    routing = Routing(
        routes=routes,
        rules=(Rule(psa="AutoTask", routes=("a",)), Rule(resolution="one", routes=("b",))),
        default=("c",),
    )
    assert [route.name for route in routing.of(CASE)] == ["a"]
    assert [route.name for route in routing.of(replace(CASE, psa=""))] == ["b"]
    assert [route.name for route in routing.of(replace(CASE, psa="", tried=()))] == ["c"]
