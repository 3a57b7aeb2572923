"""Silence, support hours and agents."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from helpbot.dialogue import events
from helpbot.dialogue.actions import ChangeCase, OpenCase, Relay, Say
from helpbot.dialogue.conversation import CaseState, Owner, Phase
from helpbot.dialogue.rehearse import Rehearsal
from helpbot.dialogue.world import Hours, Manners
from helpbot.errors import CallError
from helpbot.messages import Channel, Field, Outcome
from tests.dialogue.worlds import NOON, small_world

WEEK = {day: (time(9), time(17)) for day in range(5)}
AMSTERDAM = Hours(zone=ZoneInfo("Europe/Amsterdam"), week=WEEK, holidays=frozenset({date(2026, 12, 25)}))


def talk(manners: Manners | None = None, at: datetime = NOON, channel: Channel = Channel.WIDGET) -> Rehearsal:
    return Rehearsal(small_world(manners), at=at, channel=channel)


def with_case(rehearsal: Rehearsal) -> Rehearsal:
    for text in ("a person please", "FortiGate 60F", "it broke"):
        rehearsal.say(text)
    assert rehearsal.conversation.phase is Phase.WAITING
    return rehearsal


@pytest.mark.parametrize(
    ("moment", "is_open", "opens"),
    [
        (datetime(2026, 11, 20, 12, tzinfo=UTC), True, None),
        (datetime(2026, 11, 20, 7, 59, tzinfo=UTC), False, "Friday 20 November 09:00"),
        (datetime(2026, 11, 20, 8, 0, tzinfo=UTC), True, None),
        (datetime(2026, 11, 20, 16, 0, tzinfo=UTC), False, "Monday 23 November 09:00"),
        (datetime(2026, 12, 24, 20, tzinfo=UTC), False, "Monday 28 December 09:00"),
        (datetime(2026, 12, 25, 12, tzinfo=UTC), False, "Monday 28 December 09:00"),
        (datetime(2026, 7, 3, 7, 30, tzinfo=UTC), True, None),  # summer time
    ],
)
def test_hours_know_zones_weekends_and_holidays(moment: datetime, is_open: bool, opens: str | None) -> None:
    assert AMSTERDAM.open_at(moment) is is_open
    opening = AMSTERDAM.next_opening(moment)
    if opens:
        assert opening is not None
        assert opening.strftime("%A %d %B %H:%M") == opens


def test_never_open_is_no_endless_search() -> None:
    assert Hours(zone=UTC, week={}).next_opening(NOON) is None


def test_outside_hours_the_user_is_told_when_people_are_back_and_asked_for_an_address() -> None:
    saturday = datetime(2026, 11, 21, 12, tzinfo=UTC)
    rehearsal = talk(Manners(hours=AMSTERDAM), at=saturday)
    rehearsal.say("a person please")
    rehearsal.say("FortiGate 60F")
    reply = rehearsal.say("it broke")
    assert "Monday 23 November, 09:00 (CET)" in reply.text
    assert "e-mail" in reply.text
    assert "anna@example.com" in rehearsal.say("anna@example.com").text
    assert any(isinstance(a, ChangeCase) and a.changes == {"email": "anna@example.com"} for a in rehearsal.actions)


def test_silence_is_broken_once_then_ended() -> None:
    rehearsal = talk(Manners(remind_after=timedelta(minutes=30), end_after=timedelta(hours=24)))
    rehearsal.say("alpha")
    assert rehearsal.happen(events.TimePassed(at=NOON + timedelta(minutes=29))) is None
    assert rehearsal.happen(events.TimePassed(at=NOON + timedelta(minutes=31))) is not None
    assert rehearsal.happen(events.TimePassed(at=NOON + timedelta(minutes=90))) is None
    assert rehearsal.happen(events.TimePassed(at=NOON + timedelta(hours=24))) is not None
    assert rehearsal.conversation.phase is Phase.CLOSED
    assert rehearsal.say("alpha").outcome is Outcome.ANSWER


def test_a_form_left_open_ends_as_a_case_that_says_what_was_not_given() -> None:
    rehearsal = talk()
    rehearsal.say("gamma failed")
    rehearsal.say("no")
    rehearsal.happen(events.TimePassed(at=NOON + timedelta(hours=25)))
    (case,) = rehearsal.cases
    assert (case.error_message, case.error_message_given, case.product_name_given) == ("gamma failed", True, False)
    assert case.product_name


def test_an_agent_takes_over_and_gives_back_with_one_message_each() -> None:
    rehearsal = with_case(talk())
    assert "Anna" in (rehearsal.happen(events.AgentClaimed(at=NOON, agent="Anna")) or pytest.fail("silent")).text
    assert rehearsal.conversation.owner is Owner.AGENT
    reply = rehearsal.say("alpha")
    assert reply.resolutions == ()
    assert [type(action) for action in rehearsal.actions] == [Relay, Say]
    said = rehearsal.happen(events.AgentReplied(at=NOON, agent="Anna", text="Look *here* <b>"))
    assert said is not None
    assert said.text == "Look *here* <b>"
    assert rehearsal.conversation.cases[-1].state is CaseState.WAITING_FOR_USER
    assert rehearsal.happen(events.AgentHandedBack(at=NOON, agent="Anna")) is not None
    assert rehearsal.say("alpha").resolutions == ("alpha",)


def test_without_acknowledgement_the_bot_is_silent_while_an_agent_holds() -> None:
    rehearsal = with_case(talk(Manners(acknowledge=False)))
    rehearsal.happen(events.AgentClaimed(at=NOON, agent="Anna"))
    assert rehearsal.happen(events.UserSaid(at=NOON, text="hello?")) is None
    assert any(isinstance(action, Relay) and action.text == "hello?" for action in rehearsal.actions)


def test_illegal_moves_change_nothing() -> None:
    rehearsal = with_case(talk())
    rehearsal.happen(events.AgentClaimed(at=NOON, agent="Anna"))
    before = rehearsal.conversation
    with pytest.raises(CallError, match="held by Anna"):
        rehearsal.happen(events.AgentClaimed(at=NOON, agent="Bo"))
    with pytest.raises(CallError, match="no resolved case"):
        fresh = talk()
        fresh.happen(events.AgentReopened(at=NOON, agent="Bo"))
    with pytest.raises(CallError):
        talk().happen(events.AgentResolved(at=NOON, agent="Bo"))
    with pytest.raises(CallError, match="There is no resolution"):
        rehearsal.happen(events.AgentSuggested(at=NOON, agent="Anna", resolution="nope"))
    assert rehearsal.conversation == before


def test_an_agent_asks_suggests_resolves_and_reopens() -> None:
    rehearsal = with_case(talk())
    asked = rehearsal.happen(events.AgentAskedFor(at=NOON, agent="Anna", field=Field.ERROR_MESSAGE))
    assert asked is not None
    assert "error message" in asked.text
    suggested = rehearsal.happen(events.AgentSuggested(at=NOON, agent="Anna", resolution="gamma"))
    assert suggested is not None
    assert suggested.resolutions == ("gamma",)
    resolved = rehearsal.happen(events.AgentResolved(at=NOON, agent="Anna", reason="Mapping removed."))
    assert resolved is not None
    assert "Mapping removed." in resolved.text
    assert rehearsal.conversation.phase is Phase.RESOLVED
    assert rehearsal.happen(events.AgentReopened(at=NOON, agent="Anna")) is not None
    assert rehearsal.conversation.open_case is not None


def test_buttons_pressed_twice_do_nothing_twice() -> None:
    rehearsal = talk()
    rehearsal.say("gamma failed")
    rehearsal.happen(events.UserChose(at=NOON, choice="not_solved"))
    rehearsal.happen(events.UserChose(at=NOON, choice="not_solved"))
    rehearsal.happen(events.UserSubmitted(at=NOON, values={"product_name": "A1", "error_message": "gamma failed"}))
    rehearsal.happen(events.UserSubmitted(at=NOON, values={"product_name": "A1", "error_message": "gamma failed"}))
    rehearsal.happen(events.UserChose(at=NOON, choice="not_solved"))
    rehearsal.happen(events.UserChose(at=NOON, choice="person"))
    assert len(rehearsal.cases) == 1
    assert not any(isinstance(action, OpenCase) for action in rehearsal.actions)


def test_what_the_host_page_knows_fills_the_form() -> None:
    rehearsal = talk()
    context = {"product": "FortiGate 60F", "error": "it broke", "page": "/quotes/7"}
    reply = rehearsal.happen(events.UserSaid(at=NOON, text="a person please", context=context))
    assert reply is not None
    assert not reply.awaiting
    assert rehearsal.cases[0].product_name == "FortiGate 60F"
