"""A small dialogue, a clock that is moved by hand, and how a test asks for a desk.

The dialogue here knows a few words, so that what is tested is the desk and the store and not what is said.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from helpbot.desk.desk import Desk
from helpbot.desk.records import Act, AgentCommand, DeskSettings
from helpbot.dialogue.actions import Action, ChangeCase, OpenCase, Relay, Say, TellAgents
from helpbot.dialogue.conversation import CaseRef, CaseState, Conversation, FieldValue, Owner, Phase
from helpbot.dialogue.events import (
    AgentAskedFor,
    AgentClaimed,
    AgentHandedBack,
    AgentReopened,
    AgentReplied,
    AgentResolved,
    AgentSuggested,
    CaseOpened,
    Event,
    TimePassed,
    UserChose,
    UserSaid,
    UserSubmitted,
)
from helpbot.messages import Channel, Choice, Field, Inbound, Outcome, Person, Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
USER = Person(id="u1", name="Ann Example")
AGENT = Person(id="a1", name="Bo Agent")
OTHER_AGENT = Person(id="a2", name="Cy Agent")


@dataclass
class Clock:
    """Time that passes only when a test says so."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, **length: float) -> None:
        self.now += timedelta(**length)


@dataclass(frozen=True)
class Step:
    conversation: Conversation
    actions: tuple[Action, ...] = ()


@dataclass(frozen=True)
class World:
    knowledge: Any = None


def reply(text: str, outcome: Outcome = Outcome.ANSWER, **more: Any) -> Reply:
    return Reply(outcome=outcome, text=text, **more)


def greeting(world: World) -> Reply:
    return reply("Hello, what is wrong?")


def step(now: Conversation, event: Event, world: World) -> Step:
    """`escalate P | E` opens a case; `yes` resolves; the form opens one too; anything else is answered."""
    at = event.at
    match event:
        case UserSaid(text=text):
            now = replace(now, touched=at, turns=now.turns + 1, reminded=False)
            return _said(now, text, event.attachments)
        case UserChose(choice=choice):
            now = replace(now, touched=at, turns=now.turns + 1)
            return Step(now, (Say(reply=reply(f"you chose {choice}")),))
        case UserSubmitted(values=values):
            now = replace(now, touched=at, turns=now.turns + 1)
            return _escalate(now, values.get("product_name", ""), values.get("error_message", ""))
        case CaseOpened():
            ref = CaseRef(
                id=event.id,
                number=event.number,
                state=CaseState.OPEN,
                product_name=now.product.value,
                error_message=now.error.value,
                product_name_given=True,
                error_message_given=True,
            )
            now = replace(now, phase=Phase.WAITING, cases=(*now.cases, ref))
            queued = "" if event.delivered else " (queued)"
            return Step(now, (Say(reply=reply(f"Case {event.number} is open{queued}", Outcome.ESCALATE)),))
        case TimePassed():
            if now.reminded:
                return Step(replace(now, phase=Phase.CLOSED), (Say(reply=reply("I close this now")),))
            return Step(replace(now, reminded=True), (Say(reply=reply("Are you still there?")),))
        case AgentClaimed(agent=agent):
            return _agent(now, CaseState.CLAIMED, agent, "claimed", f"{agent} has joined", phase=Phase.WITH_AGENT)
        case AgentReplied(agent=agent, text=text):
            return Step(now, (Say(reply=reply(text), speaker=agent),))
        case AgentAskedFor(agent=agent, field=wanted, what=what):
            return Step(now, (Say(reply=reply(f"please tell {wanted or what}"), speaker=agent),))
        case AgentSuggested(agent=agent, resolution=resolution):
            return Step(now, (Say(reply=reply(f"steps of {resolution}"), speaker=agent),))
        case AgentResolved(agent=agent):
            return _agent(now, CaseState.RESOLVED, agent, "resolved", "It is solved", phase=Phase.RESOLVED)
        case AgentReopened(agent=agent):
            return _agent(now, CaseState.REOPENED, "", "reopened", "It is open again", phase=Phase.WAITING)
        case AgentHandedBack(agent=agent):
            return _agent(now, CaseState.OPEN, "", "handed back", "I am back", phase=Phase.WAITING)
    raise AssertionError(event)


def _said(now: Conversation, text: str, attachments: tuple[str, ...]) -> Step:
    case = now.open_case
    if case is not None:
        if text == "works now":
            now = _case(now, case.id, state=CaseState.RESOLVED)
            return Step(
                replace(now, phase=Phase.RESOLVED),
                (
                    ChangeCase(case_id=case.id, changes={"state": "resolved"}, what="solved by itself"),
                    TellAgents(case_id=case.id, text="It works now", kind="resolved"),
                    Say(reply=reply("Glad to hear it", Outcome.RESOLVED)),
                ),
            )
        return Step(
            now,
            (Relay(case_id=case.id, text=text, attachments=attachments), Say(reply=reply("I passed it on"))),
        )
    if text.startswith("escalate "):
        product, _, error = text.removeprefix("escalate ").partition(" | ")
        return _escalate(now, product, error)
    if text == "yes":
        return Step(replace(now, phase=Phase.RESOLVED), (Say(reply=reply("Good", Outcome.RESOLVED)),))
    choices = (Choice(id="yes", label="Yes, solved"), Choice(id="no", label="No"))
    return Step(
        replace(now, phase=Phase.PROPOSING, question=text, choices=choices),
        (Say(reply=reply(f"answer to: {text}", choices=choices)),),
    )


def _escalate(now: Conversation, product: str, error: str) -> Step:
    if now.open_case is not None:
        return Step(now, (Say(reply=reply("A case is open already")),))
    now = replace(
        now,
        phase=Phase.OPENING,
        product=FieldValue(value=product, given=True),
        error=FieldValue(value=error, given=True),
    )
    return Step(
        now,
        (
            OpenCase(
                product_name=product,
                error_message=error,
                product_name_given=True,
                error_message_given=True,
                reason="asked_for_person",
                question=now.question,
                psa=now.psa,
            ),
        ),
    )


def _case(now: Conversation, case_id: str, **changes: Any) -> Conversation:
    return replace(now, cases=tuple(replace(c, **changes) if c.id == case_id else c for c in now.cases))


def _agent(now: Conversation, state: CaseState, agent: str, what: str, says: str, phase: Phase) -> Step:
    case = now.cases[-1]
    now = _case(now, case.id, state=state, owner=agent)
    held = state is CaseState.CLAIMED
    now = replace(now, phase=phase, owner=Owner.AGENT if held else Owner.BOT, agent=agent if held else "")
    changes = {"state": state.value, "owner": agent}
    return Step(
        now,
        (ChangeCase(case_id=case.id, changes=changes, what=what, by=agent or "bot"), Say(reply=reply(says))),
    )


class Codec:
    """The part of a conversation that the small dialogue uses, as JSON."""

    @staticmethod
    def conversation_to_json(c: Conversation) -> str:
        kept = {
            "id": c.id,
            "channel": c.channel.value,
            "person": [c.person.id, c.person.name, c.person.email, c.person.verified],
            "phase": c.phase.value,
            "owner": c.owner.value,
            "agent": c.agent,
            "psa": c.psa,
            "email": c.email,
            "question": c.question,
            "product": c.product.value,
            "error": c.error.value,
            "choices": [[choice.id, choice.label] for choice in c.choices],
            "cases": [[r.id, r.number, r.state.value, r.product_name, r.error_message, r.owner] for r in c.cases],
            "touched": c.touched.isoformat() if c.touched else None,
            "reminded": c.reminded,
            "turns": c.turns,
            "context": dict(c.context),
        }
        return json.dumps(kept, ensure_ascii=False)

    @staticmethod
    def conversation_from_json(d: Mapping[str, Any]) -> Conversation:
        person = Person(id=d["person"][0], name=d["person"][1], email=d["person"][2], verified=d["person"][3])
        return Conversation(
            id=d["id"],
            channel=Channel(d["channel"]),
            person=person,
            phase=Phase(d["phase"]),
            owner=Owner(d["owner"]),
            agent=d["agent"],
            psa=d["psa"],
            email=d["email"],
            question=d["question"],
            product=FieldValue(value=d["product"], given=bool(d["product"])),
            error=FieldValue(value=d["error"], given=bool(d["error"])),
            choices=tuple(Choice(id=i, label=label) for i, label in d["choices"]),
            cases=tuple(
                CaseRef(
                    id=i,
                    number=n,
                    state=CaseState(s),
                    product_name=p,
                    error_message=e,
                    product_name_given=True,
                    error_message_given=True,
                    owner=o,
                )
                for i, n, s, p, e, o in d["cases"]
            ),
            touched=datetime.fromisoformat(d["touched"]) if d["touched"] else None,
            reminded=d["reminded"],
            turns=d["turns"],
            context=d["context"],
        )

    @staticmethod
    def reply_to_json(r: Reply) -> str:
        kept = {"outcome": r.outcome.value, "text": r.text, "choices": [[c.id, c.label] for c in r.choices]}
        return json.dumps(kept, ensure_ascii=False)

    @staticmethod
    def reply_from_json(d: Mapping[str, Any]) -> Reply:
        choices = tuple(Choice(id=i, label=label) for i, label in d["choices"])
        return Reply(outcome=Outcome(d["outcome"]), text=d["text"], choices=choices)


def counting_ids(prefix: str = "id") -> Callable[[], str]:
    numbers = itertools.count(1)
    return lambda: f"{prefix}{next(numbers):06d}"


@dataclass
class Talk:
    """A desk with one user, for tests that read as a talk."""

    desk: Desk
    clock: Clock
    channel: Channel = Channel.WIDGET
    person: Person = USER
    conversation: str = ""
    token: str = ""
    keys: Any = field(default_factory=lambda: itertools.count(1))

    def start(self) -> Talk:
        started = self.desk.start(self.channel, self.person)
        self.conversation, self.token = started.conversation.id, started.token
        return self

    def inbound(self, text: str = "", *, key: str = "", **more: Any) -> Inbound:
        return Inbound(
            key=key or f"k{next(self.keys)}",
            channel=self.channel,
            thread=self.conversation,
            person=self.person,
            text=text,
            **more,
        )

    def say(self, text: str = "", **more: Any) -> list[str]:
        receipt = self.desk.receive(self.inbound(text, **more))
        return [message.text for message in receipt.messages[1:]]

    def command(self, act: Act, case: str, *, agent: Person = AGENT, key: str = "", **more: Any) -> Any:
        return self.desk.agent(AgentCommand(key=key or f"c{next(self.keys)}", case=case, agent=agent, act=act, **more))


def make_desk(store: Any, settings: DeskSettings | None = None, clock: Clock | None = None, **more: Any) -> Desk:
    more.setdefault("step", step)
    more.setdefault("codec", Codec())
    more.setdefault("greeting", greeting)
    return Desk(store, World, settings, clock or Clock(), **more)


FIELD = Field.ERROR_MESSAGE
