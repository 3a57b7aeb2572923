"""The forms and the home page: what Slack draws in a window, and what a submitted window says."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from helpbot.channels.slack import limits
from helpbot.channels.slack.blocks import ACTION, STATES, Block, button, rich
from helpbot.channels.slack.mrkdwn import escape
from helpbot.channels.slack.payloads import File, files
from helpbot.channels.slack.settings import Mode, Prompt
from helpbot.dialogue.conversation import CaseRef, Conversation
from helpbot.escalation.brief import one_line
from helpbot.escalation.case import Case
from helpbot.messages import Field

__all__ = [
    "VIEW",
    "ask",
    "ask_bot",
    "escalation",
    "home",
    "read_ask",
    "read_escalation",
    "read_files",
    "read_text",
    "reply",
    "resolve",
    "suggest",
]

URGENCIES: Final = ("low", "normal", "high", "blocking")
PSAS: Final = ("Autotask", "ConnectWise Manage", "HaloPSA", "another or none")
REASONS: Final = (
    ("fixed", "Fixed"),
    ("explained", "Explained: it works as intended"),
    ("workaround", "A workaround was given"),
    ("bug", "Handed to development as a bug"),
    ("duplicate", "Duplicate of another case"),
    ("no_reply", "The user did not answer any more"),
)
# Why a form's text input may be prefilled with less than is known: Slack takes 3,000 characters there.
SHORTENED: Final = "\n… (the whole text is kept; leave this as it is, or replace it)"

# What a case's form takes along: a picture of the screen, or a log. Slack checks the endings for convenience only.
ENDINGS: Final = ("png", "jpg", "jpeg", "webp", "pdf", "txt")


class VIEW:
    """The callback ids of windows."""

    ESCALATE: Final = "escalate"
    REPLY: Final = "case_reply"
    ASK: Final = "case_ask"
    RESOLVE: Final = "case_resolve"
    SUGGEST: Final = "case_suggest"
    ASK_BOT: Final = "ask_bot"
    RESOLUTIONS: Final = "resolution"  # the action id whose options are searched for


def _plain(text: str, limit: int = 2_000) -> Block:
    return {"type": "plain_text", "text": limits.clip(text, limit), "emoji": True}


def _modal(callback: str, title: str, submit: str, blocks: Sequence[Block], **data: str | int) -> Block:
    return {
        "type": "modal",
        "callback_id": callback,
        "title": _plain(title, limits.TITLE),
        "submit": _plain(submit, limits.TITLE),
        "close": _plain("Cancel", limits.TITLE),
        "private_metadata": json.dumps(data, ensure_ascii=False, separators=(",", ":")),
        "blocks": list(blocks),
    }


def _input(name: str, label: str, element: Block, *, optional: bool = False, hint: str = "") -> Block:
    block: Block = {
        "type": "input",
        "block_id": name,
        "label": _plain(label),
        "element": {**element, "action_id": name},
        "optional": optional,
    }
    if hint:
        block["hint"] = _plain(hint)
    return block


def _text(value: str = "", *, long: bool = False, placeholder: str = "") -> Block:
    element: Block = {"type": "plain_text_input", "multiline": long}
    if value:
        element["initial_value"] = value
    if placeholder:
        element["placeholder"] = _plain(placeholder, 150)
    return element


def _option(value: str, label: str) -> Block:
    return {"text": _plain(label, limits.OPTION), "value": limits.clip(value, 150)}


def _select(options: Sequence[tuple[str, str]], *, chosen: str = "", placeholder: str = "Choose") -> Block:
    made = [_option(value, label) for value, label in options]
    element: Block = {"type": "static_select", "options": made, "placeholder": _plain(placeholder, 150)}
    first = next((option for option in made if option["value"] == chosen), None)
    if first:
        element["initial_option"] = first
    return element


# ── the user's form ──────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalation:
    """A submitted escalation form: `values` for the desk, or `errors` by block for the window."""

    conversation: str
    values: Mapping[str, str]
    errors: Mapping[str, str]
    files: tuple[File, ...] = ()


def escalation(now: Conversation, conversation: str) -> Block:
    """The form that opens a case, filled with what is known. Both required fields are required by Slack as well."""
    error = shown_error(now.error.value)
    return _modal(
        VIEW.ESCALATE,
        "Ask a person",
        "Send",
        [
            _input(
                Field.PRODUCT_NAME.value,
                "Affected product",
                _text(limits.clip(now.product.value, limits.INPUT), placeholder="The product as you call it"),
                hint="If it is not about one product, say so here.",
            ),
            _input(
                Field.ERROR_MESSAGE.value,
                "Error message",
                _text(error, long=True, placeholder="Paste the whole text, exactly as it is shown"),
                hint="If none is shown, write: no error message.",
            ),
            _input(
                "psa",
                "PSA",
                _select([(name, name) for name in PSAS], chosen=_psa(now.psa)),
                optional=True,
            ),
            _input("urgency", "Urgency", _select([(name, name.capitalize()) for name in URGENCIES]), optional=True),
            _input("note", "Anything else", _text(long=True), optional=True),
            _input(
                "files",
                "Files",
                {"type": "file_input", "filetypes": list(ENDINGS), "max_files": limits.FILES},
                optional=True,
                hint=f"Screenshots (PNG, JPEG, WebP), PDF or text: {limits.FILES} at most, "
                f"{limits.FILE // limits.MB} MB each.",
            ),
        ],
        c=conversation,
    )


def shown_error(error: str) -> str:
    """An error as it fits into the form's input."""
    if len(error) <= limits.INPUT:
        return error
    return error[: limits.INPUT - len(SHORTENED)] + SHORTENED


def whole_error(submitted: str, known: str) -> str:
    """What was submitted, with the rest of a shortened error put back where the form said that it is kept."""
    before, mark, after = submitted.partition(SHORTENED.strip())
    if not mark or len(known) <= limits.INPUT:
        return submitted
    return before.removesuffix("\n").removesuffix("\r") + known[limits.INPUT - len(SHORTENED) :] + after


def _psa(name: str) -> str:
    folded = name.casefold()
    return next((psa for psa in PSAS if folded and psa.casefold().startswith(folded[:4])), "")


def read_escalation(view: Mapping[str, Any]) -> Escalation:
    """What was typed into the form. Only blanks count as nothing, in both required fields."""
    conversation = str(_data(view).get("c", ""))
    values = {}
    errors = {}
    for name, complaint in (
        (Field.PRODUCT_NAME.value, "Name the affected product, or say that there is none."),
        (Field.ERROR_MESSAGE.value, "Paste the error message, or say that none is shown."),
    ):
        value = _value(view, name)
        if not value.strip():
            errors[name] = complaint
        values[name] = value
    for name in ("psa", "urgency", "note"):
        value = _value(view, name)
        if value.strip():
            values[name] = value
    given = read_files(view, "files")
    if complaint := _complaint(given):
        errors["files"] = complaint
    return Escalation(conversation=conversation, values=values, errors=errors, files=tuple(given))


def _complaint(given: Sequence[File]) -> str:
    """What is wrong with files that were put into the form; empty if nothing is."""
    if len(given) > limits.FILES:
        return f"These are {len(given)} files; leave the {limits.FILES} that show the problem best."
    for file in given:
        name = one_line(file.name, 100)
        if file.name.rpartition(".")[2].lower() not in ENDINGS:
            return f"{name} is not taken here: send PNG, JPEG, WebP, PDF or text (.txt)."
        if file.size > limits.FILE:
            return f"{name} is larger than {limits.FILE // limits.MB} MB; send a part of it, or a screenshot."
    return ""


# ── agents' forms ────────────────────────────────────────────────────────────────────────────────────────────────────


def reply(case: Case) -> Block:
    """Words for the user."""
    who = one_line(case.person.name or "the user", 60)
    return _modal(
        VIEW.REPLY,
        f"Reply · {case.number}",
        "Send to the user",
        [
            _input("text", f"To {who}", _text(long=True), hint="The user reads this under your name."),
            _input("files", "Files", {"type": "file_input", "max_files": 5}, optional=True),
        ],
        case=case.id,
    )


def ask(case: Case) -> Block:
    """What an agent needs from the user."""
    options = [
        ("product_name", "The affected product"),
        ("error_message", "The full error message"),
        ("other", "Something else (write it below)"),
    ]
    return _modal(
        VIEW.ASK,
        f"Ask for … · {case.number}",
        "Ask the user",
        [
            _input("field", "What is needed", _select(options)),
            _input("text", "In your words", _text(long=True), optional=True),
        ],
        case=case.id,
    )


def resolve(case: Case) -> Block:
    """Why a case is resolved."""
    return _modal(
        VIEW.RESOLVE,
        f"Resolve · {case.number}",
        "Resolve",
        [
            _input("reason", "Reason", _select(list(REASONS))),
            _input("text", "What solved it", _text(long=True), optional=True, hint="The user reads this."),
        ],
        case=case.id,
    )


def suggest(case: Case, first: Sequence[tuple[str, str]]) -> Block:
    """Pick a resolution; `first` is what fits the case's error, the rest is searched for."""
    blocks: list[Block] = []
    if first:
        listed = [(name, title) for name, title in first[:8]]
        blocks.append(
            _input(
                "near",
                "Fits this case",
                {"type": "radio_buttons", "options": [_option(name, title) for name, title in listed]},
                optional=True,
            )
        )
    found: Block = {
        "type": "external_select",
        "min_query_length": 2,
        "placeholder": _plain("Type a few words of the problem", 150),
    }
    element = _input("search", "Or search all fixes", found, optional=True)
    element["element"]["action_id"] = VIEW.RESOLUTIONS
    blocks.append(element)
    return _modal(VIEW.SUGGEST, f"Suggest a fix · {case.number}", "Send its steps", blocks, case=case.id)


def ask_bot(channel: str, text: str = "") -> Block:
    """A question typed where no message box is at hand."""
    return _modal(
        VIEW.ASK_BOT,
        "Find a fix",
        "Ask",
        [_input("text", "Question or error message", _text(text, long=True))],
        channel=channel,
    )


def read_text(view: Mapping[str, Any], *names: str) -> dict[str, str]:
    """Named inputs of a window, and `case` or `channel` from its data."""
    return {**{key: str(value) for key, value in _data(view).items()}, **{name: _value(view, name) for name in names}}


def read_files(view: Mapping[str, Any], name: str) -> list[File]:
    """The files that were put into a window."""
    state = view.get("state", {}).get("values", {}).get(name, {})
    given = state.get(name) if isinstance(state, Mapping) else None
    return files(given.get("files")) if isinstance(given, Mapping) else []


def read_ask(view: Mapping[str, Any]) -> tuple[str, Field | None, str, dict[str, str]]:
    """(case, field, words, errors by block) of a submitted `ask`."""
    values = read_text(view, "field", "text")
    field = Field(values["field"]) if values["field"] in set(Field) else None
    errors = {} if field or values["text"].strip() else {"text": "Write what you need from the user."}
    return values.get("case", ""), field, values["text"], errors


def _data(view: Mapping[str, Any]) -> dict[str, Any]:
    try:
        data = json.loads(view.get("private_metadata") or "{}")
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


def _value(view: Mapping[str, Any], name: str) -> str:
    state = view.get("state", {}).get("values", {}).get(name, {})
    for element in state.values() if isinstance(state, Mapping) else ():
        chosen = element.get("selected_option")
        if isinstance(chosen, Mapping):
            return str(chosen.get("value", ""))
        if element.get("value") is not None:
            return str(element["value"])
    return ""


# ── the home page ────────────────────────────────────────────────────────────────────────────────────────────────────


def home(
    *,
    prompts: Sequence[Prompt],
    cases: Sequence[CaseRef | Case],
    notices: Mapping[str, Mode] | None,
    command: str,
) -> Block:
    """The App Home: how to ask, frequent problems, one's own open cases; for agents the channels' settings as well.

    `notices` is None for who may not change them.
    """
    blocks: list[Block] = [
        {"type": "header", "text": _plain("What can I help you with?", limits.HEADER)},
        {
            "type": "section",
            "text": {
                "type": "mrkdwn",
                "text": f"Write to me under *Messages*, mention me in a channel, use `{escape(command)}`, or choose "
                "*Find a fix* in the menu of any message. Paste errors whole: that finds the fix fastest.",
            },
        },
    ]
    if prompts:
        blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": "*Frequent problems*"}})
        for start in range(0, min(len(prompts), 10), 5):
            blocks.append(  # noqa: PERF401 - a comprehension within this comprehension reads worse
                {
                    "type": "actions",
                    "elements": [
                        button(prompt.title, f"{ACTION.ASK}.{start + n}", limits.clip(prompt.message, limits.VALUE))
                        for n, prompt in enumerate(prompts[start : start + 5])
                    ],
                }
            )
    blocks.append({"type": "divider"})
    blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": "*Your open cases*"}})
    for case in cases[:15]:
        emoji, state = STATES[case.state]
        owner = f" · {one_line(case.owner, 60)}" if case.owner else ""
        blocks.append(
            rich(
                {
                    "type": "rich_text_section",
                    "elements": [
                        {"type": "emoji", "name": emoji.strip(":")},
                        {"type": "text", "text": f" {case.number}", "style": {"bold": True}},
                        {"type": "text", "text": f" · {state}{owner} · {one_line(case.product_name, 100)}\n"},
                        {"type": "text", "text": one_line(case.error_message, 200)},
                    ],
                }
            )
        )
    if not cases:
        blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": "You have no open cases."}]})
    if notices is not None:
        blocks += _notices(notices)
    return {"type": "home", "blocks": blocks[: limits.VIEW_BLOCKS]}


_MODES: Final = (
    (Mode.OFF.value, "Off: only when mentioned"),
    (Mode.OFFER.value, "Offer quietly, to the writer alone"),
    (Mode.ANSWER.value, "Answer in the thread"),
)


def _notices(notices: Mapping[str, Mode]) -> list[Block]:
    blocks: list[Block] = [
        {"type": "divider"},
        {
            "type": "section",
            "text": {"type": "mrkdwn", "text": "*Questions nobody put to me* · what I do when I am sure of the answer"},
        },
    ]
    for channel, mode in list(notices.items())[:40]:
        element = _select(_MODES, chosen=mode.value)
        element["action_id"] = f"{ACTION.NOTICE}.{channel}"
        blocks.append(
            {
                "type": "section",
                "block_id": f"notice.{channel}",
                "text": {"type": "mrkdwn", "text": f"<#{channel}>"},
                "accessory": element,
            }
        )
    blocks.append(
        {
            "type": "actions",
            "elements": [
                {
                    "type": "conversations_select",
                    "action_id": ACTION.NOTICE_CHANNEL,
                    "placeholder": _plain("Add a channel", 150),
                    "filter": {"include": ["public", "private"], "exclude_bot_users": True},
                }
            ],
        }
    )
    return blocks
