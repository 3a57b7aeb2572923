"""One of each message and window that Slack is ever sent, with ordinary contents."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from helpbot.channels.slack import blocks, views
from helpbot.channels.slack.settings import Direction, Mode, Prompt, SlackSettings
from helpbot.dialogue.conversation import CaseState, Conversation, FieldValue
from helpbot.escalation.case import Case, HistoryEntry
from helpbot.messages import (
    CaseCard,
    Channel,
    Choice,
    Citation,
    Field,
    Form,
    FormField,
    Outcome,
    Person,
    Point,
    Points,
    Reply,
    Step,
    Steps,
    Text,
)

LINKS = blocks.Links(public_url="https://bot.example.com")
AT = datetime(2026, 3, 2, 9, 14, tzinfo=UTC)
ERROR = "catalogItem object is invalid. 80 is an inactive category"
SETTINGS = SlackSettings(public_url="https://bot.example.com")
SOURCES = (
    Citation(
        article="psa-sync-issues", title="PSA Sync Issues", section="Inactive category mapping", anchor="inactive"
    ),
    Citation(article="troubleshooting", title="Troubleshooting", section="Before you contact support", anchor="before"),
)
DONE = (
    Choice(id="solved", label="Yes, solved"),
    Choice(id="not_solved", label="No, not yet"),
    Choice(id="person", label="Ask a person"),
)

ANSWER = Reply(
    outcome=Outcome.ANSWER,
    text="The product's category is mapped to a ConnectWise category that is inactive.",
    parts=(
        Text(text="The product's category is mapped to an inactive ConnectWise category", role="lead"),
        Text(text="ConnectWise refuses the product because category 80 was switched off there.", role="cause"),
        Steps(
            steps=(
                Step(text="Open the product that failed to sync and note its category.", source=0),
                Step(go="Admin > Integrations > ConnectWise > Categories", text="Look for a mapping whose ConnectWise side is blank.", source=0),
                Step(text="Map it to an active category and save.", source=0),
            )
        ),
        Text(text="Sync the quote again; the error no longer appears.", role="check"),
        Text(text="Older screens show this page under Tools. If that is what you see, go there.", role="note"),
        Text(text="Did this solve it?", role="question"),
    ),
    confidence=0.96,
    citations=SOURCES,
    choices=DONE,
)  # fmt: skip
EXPLAINED = Reply(
    outcome=Outcome.ANSWER,
    text="The states of a sync",
    parts=(
        Text(text="The states of a sync", role="lead"),
        Points(
            points=(
                Point(term="Pending", text="waits for its turn", source=0),
                Point(term="Failed", text="was refused; the line below says **why**, as in `Error 1166`", source=1),
            )
        ),
        Text(text="Did this answer your question?", role="question"),
    ),
    confidence=0.74,
    citations=SOURCES,
    choices=DONE,
)
CLARIFY = Reply(
    outcome=Outcome.CLARIFY,
    text="Which PSA do you use?",
    parts=(Text(text="This looks different in each PSA. Which one do you use?", role="question"),),
    choices=(
        Choice(id="psa:autotask", label="Autotask"),
        Choice(id="psa:connectwise", label="ConnectWise Manage"),
        Choice(id="psa:halo", label="HaloPSA"),
        Choice(id="none", label="None of these"),
    ),
)
NO_ANSWER = Reply(
    outcome=Outcome.NO_ANSWER,
    text="I do not know this one. Shall I ask a person?",
    parts=(Text(text="I do not know this one: the articles say nothing about it. Shall I ask a person?"),),
    choices=(Choice(id="person", label="Ask a person"),),
)
ASKING = Reply(
    outcome=Outcome.ESCALATE,
    text="Which product is affected?",
    parts=(
        Text(text="I am sorry that it did not help. I will hand this to a person."),
        Text(text="Which product is affected? The name as you see it is enough.", role="question"),
        Form(fields=(FormField(name=Field.PRODUCT_NAME, label="Product", asked_now=True),)),
    ),
    choices=(Choice(id="cancel", label="Never mind"),),
    awaiting=(Field.PRODUCT_NAME, Field.ERROR_MESSAGE),
)
OPENED = Reply(
    outcome=Outcome.ESCALATE,
    text="Your case is HB-1042.",
    parts=(
        Text(text="Thank you. A person will answer you here."),
        CaseCard(number="HB-1042", state="open", product_name="FortiGate 60F", error_message=ERROR),
    ),
)
AGENT = Reply(
    outcome=Outcome.ESCALATE,
    text="Please open the category page.",
    parts=(Text(text="Please open the category page and tell me what you see."),),
)

CASE = Case(
    id="01hxcase",
    number="HB-1042",
    conversation="01hxconv",
    channel=Channel.WIDGET,
    person=Person(id="w1", name="Ann Example", email="ann@example.com", verified=True),
    product_name="FortiGate 60F",
    error_message=ERROR,
    product_name_given=True,
    error_message_given=True,
    opened_at=AT,
    updated_at=AT,
    psa="ConnectWise Manage",
    reason="not_solved",
    question="My quote does not sync: " + ERROR,
    tried=("connectwise-catalogitem-inactive",),
    diagnosis="understood as connectwise-catalogitem-inactive; with category_id 80",
    context={"page": "https://app.example.com/quotes/42"},
    email="ann@example.com",
    urgency="high",
    note="The customer waits on the phone.",
    history=(HistoryEntry(at=AT, by="bot", what="opened: not_solved"),),
)
CLAIMED = replace(
    CASE,
    state=CaseState.CLAIMED,
    owner="Sam Agent",
    history=(*CASE.history, HistoryEntry(at=AT + timedelta(minutes=3), by="Sam Agent", what="Claimed")),
)
RESOLVED = replace(
    CLAIMED,
    state=CaseState.RESOLVED,
    resolved_at=AT + timedelta(hours=1),
    history=(*CLAIMED.history, HistoryEntry(at=AT + timedelta(hours=1), by="Sam Agent", what="Resolved: Fixed")),
)
LONG = replace(
    CASE, error_message="\n".join(f"{ERROR} (line {n})" for n in range(1, 200)), channel=Channel.SLACK, context={}
)


def titles(name: str) -> str:
    return {"connectwise-catalogitem-inactive": "Inactive ConnectWise category"}.get(name, name)


def _told(drawn: blocks.Drawn) -> dict[str, Any]:
    return {"text": drawn.text, "blocks": list(drawn.blocks)}


def _reply(reply: Reply, **how: Any) -> dict[str, Any]:
    return _told(blocks.answer(reply, conversation="01hxconv", seq=2, links=LINKS, **how))


def _now(**values: Any) -> Conversation:
    return Conversation(id="01hxconv", channel=Channel.SLACK, person=Person(id="T01:U0ANN", name="Ann"), **values)


def samples() -> dict[str, dict[str, Any]]:
    """Every message (text, blocks) and window (type modal or home) by name."""
    answered = _reply(ANSWER)
    root = {
        "titles": titles,
        "source": "https://home.slack.com/archives/C0HELP/p17",
        "told": lambda name: "https://bot.example.com/articles/psa-sync-issues#inactive",
    }
    prompts = (
        Prompt(title="A quote does not sync", message="my quote does not sync to ConnectWise"),
        Prompt(title="A price is missing", message="a product has no price"),
        Prompt(title="The sync is slow", message="why does the sync take so long"),
    )
    return {
        "answer": answered,
        "answer-explained": _reply(EXPLAINED),
        "answer-private": _reply(ANSWER, shareable=True),
        "answer-pressed": {"text": answered["text"], "blocks": blocks.pressed(answered["blocks"], "No, not yet", "U0ANN")},
        "clarify": _reply(CLARIFY),
        "no-answer": _reply(NO_ANSWER),
        "asking": _reply(ASKING),
        "case-opened-for-user": _reply(OPENED),
        "agent-to-user": _reply(AGENT, speaker="Sam Agent"),
        "agent-to-user-file": _reply(AGENT, speaker="Sam Agent", files=["category page.png"]),
        "offer": _told(blocks.offer(ANSWER, "T01:C0ELSE:17.1", "17.1")),
        "case-open": _told(blocks.case_root(CASE, SETTINGS, **root)),
        "case-claimed": _told(blocks.case_root(CLAIMED, SETTINGS, **root)),
        "case-resolved": _told(blocks.case_root(RESOLVED, SETTINGS, **root)),
        "case-public": _told(blocks.case_root(CLAIMED, replace(SETTINGS, replies=Direction.PUBLIC), **root)),
        "case-long-error": _told(blocks.case_root(LONG, SETTINGS)),
        "transcript": _told(
            blocks.transcript(
                [
                    (AT, "Ann Example", "My quote does not sync:\n" + ERROR),
                    (AT, "Bot", ANSWER.text),
                    (AT + timedelta(minutes=2), "Ann Example", "no, the mapping is there <!channel> & *fine*"),
                ]
            )[0]
        ),
        "user-words-answered": _told(
            blocks.user_words("Ann Example", "Is there any news?", answered="HB-1042 waits for a person. I will say it here as soon as somebody has it.")[0]
        ),
        "user-words-edited": _told(blocks.user_words("Ann Example", "It says 81, not 80", edited=True)[0]),
        "taken-back": _told(blocks.taken_back("Ann Example", AT.timestamp())),
        "aside": _told(blocks.aside(ANSWER, LINKS)),
        "aside-unknown": _told(blocks.aside(NO_ANSWER, LINKS)),
        "not-copied": _told(blocks.not_copied("recording.mov", "https://home.slack.com/files/U0ANN/F1/recording.mov")),
        "left-behind": _told(blocks.left_behind([("backup.iso", "it is larger than 20 MB")])),
        "user-words": _told(blocks.user_words("Ann Example", "It says <80> & nothing else", ["screen.png"])[0]),
        "agent-words": _told(blocks.agent_line("Kim Agent", "Please sync once more.", note="from web")[0]),
        "not-delivered": _told(blocks.failed("the user has left this workspace (user_not_found)", "01hxconv.9")),
        "summary": _told(
            blocks.summary(
                day="Monday 2 March", opened=14, resolved=11, waiting=5,
                oldest=("HB-1031", "Datto SIRIS", "for 27 hours", "https://home.slack.com/archives/C0CASES/p17"),
                unknown=[("Error 0x80070490 while importing", 3), ("Tenant is not linked", 2)],
            )
        ),
        "form-escalation": views.escalation(
            _now(product=FieldValue(value="FortiGate 60F", given=True), error=FieldValue(value=ERROR, given=True), psa="connectwise"),
            "01hxconv",
        ),
        "form-escalation-long": views.escalation(_now(error=FieldValue(value=ERROR * 100, given=True)), "01hxconv"),
        "form-reply": views.reply(CASE),
        "form-ask": views.ask(CASE),
        "form-resolve": views.resolve(CASE),
        "form-suggest": views.suggest(CASE, [("connectwise-catalogitem-inactive", "Inactive ConnectWise category"), ("b", "Rate limit reached")]),
        "form-question": views.ask_bot("C0HELP"),
        "home": views.home(prompts=prompts, cases=[CLAIMED], notices=None, command="/helpbot"),
        "home-agent": views.home(
            prompts=prompts, cases=[], notices={"C0HELP": Mode.ANSWER, "C0SALES": Mode.OFFER}, command="/helpbot"
        ),
    }  # fmt: skip
