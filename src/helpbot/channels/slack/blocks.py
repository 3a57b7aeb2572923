"""A reply, a case, a notice: each to the blocks that Slack draws, and to the text that a phone's notice shows.

Words that somebody typed go into rich_text, where nothing in them can act as markup or as a ping; mrkdwn is only
for what is put together here. Everything is cut to Slack's limits here, never on the way out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from helpbot.channels.slack import limits
from helpbot.channels.slack.mrkdwn import escape, link
from helpbot.channels.slack.settings import Direction, SlackSettings
from helpbot.dialogue.conversation import CaseState
from helpbot.escalation.brief import REASONS, one_line
from helpbot.escalation.case import Case
from helpbot.messages import (
    CaseCard,
    Citation,
    Code,
    Form,
    Outcome,
    Points,
    Reply,
    Steps,
    Text,
)

__all__ = [
    "ACTION",
    "Block",
    "Drawn",
    "Links",
    "agent_line",
    "answer",
    "aside",
    "case_root",
    "chosen",
    "confidence_words",
    "left_behind",
    "not_copied",
    "offer",
    "pressed",
    "rich",
    "summary",
    "taken_back",
    "transcript",
    "user_words",
]

Block = dict[str, Any]
ERROR_SHOWN: Final = 2_500  # characters of an error on the root message; the rest is in the thread, whole
SAID_SHOWN: Final = 11_000  # characters of one message in one block
MAX_SOURCES: Final = 5
TRIED_SHOWN: Final = 6
# One bold or code span within trusted text; linear, no span holds another.
_SPAN: Final = re.compile(r"\*\*([^*\n]+)\*\*|`([^`\n]+)`")


class ACTION:
    """The action ids of buttons; a listener for each."""

    CHOICE: Final = "choice"  # followed by .n
    FORM: Final = "form"
    SHARE: Final = "share"
    FEEDBACK: Final = "feedback"
    OFFER: Final = "offer"
    DECLINE: Final = "decline"
    RETRY: Final = "retry"
    CASE: Final = "case"  # followed by .act
    NOTICE: Final = "notice"
    NOTICE_CHANNEL: Final = "notice_channel"
    ASK: Final = "ask"  # a prompt of the App Home


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """Where things are found on the web. Any may be empty: then words stand without a link."""

    public_url: str = ""

    def citation(self, citation: Citation) -> str:
        """The address of an article's section."""
        if not self.public_url:
            return ""
        anchor = f"#{citation.anchor}" if citation.anchor else ""
        return f"{self.public_url}/articles/{citation.article}{anchor}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """One message as it is posted: `text` for notices and for who cannot draw blocks."""

    text: str
    blocks: tuple[Block, ...]


# ── words ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def confidence_words(confidence: float) -> str:
    """Confidence as people say it."""
    if confidence >= 0.9:
        return "I am sure of this one"
    if confidence >= 0.7:
        return "I am fairly sure"
    return "This may be it"


def spans(text: str) -> list[Block]:
    """Trusted text as rich text elements: **bold** and `code` are drawn, everything else is literal."""
    found: list[Block] = []
    end = 0
    for match in _SPAN.finditer(text):
        if match.start() > end:
            found.append(_words(text[end : match.start()]))
        found.append(_words(match[1], bold=True) if match[1] else _words(match[2], code=True))
        end = match.end()
    if end < len(text):
        found.append(_words(text[end:]))
    return found


def rich(*elements: Block) -> Block:
    """A rich text block."""
    return {"type": "rich_text", "elements": list(elements)}


def _words(text: str, *, bold: bool = False, code: bool = False, italic: bool = False) -> Block:
    element: Block = {"type": "text", "text": text}
    style = {name: True for name, on in (("bold", bold), ("code", code), ("italic", italic)) if on}
    if style:
        element["style"] = style
    return element


def _line(elements: Sequence[Block]) -> Block:
    return {"type": "rich_text_section", "elements": list(elements) or [_words(" ")]}


def _pre(text: str) -> Block:
    return {"type": "rich_text_preformatted", "elements": [_words(text or " ")]}


def _list(items: Sequence[Sequence[Block]], *, ordered: bool) -> Block:
    style = "ordered" if ordered else "bullet"
    return {"type": "rich_text_list", "style": style, "elements": [_line(item) for item in items]}


def _lists(items: Sequence[Sequence[Block]], *, ordered: bool) -> list[Block]:
    """A list as one block, or as several that count on where one would be refused."""
    found: list[Block] = []
    start, size = 0, 0
    for n, item in enumerate(items):
        length = limits.characters(list(item))
        if n > start and size + length > SAID_SHOWN:
            found.append(_from(items[start:n], start, ordered=ordered))
            start, size = n, 0
        size += length
    return [*found, _from(items[start:], start, ordered=ordered)] if items else found


def _from(items: Sequence[Sequence[Block]], start: int, *, ordered: bool) -> Block:
    made = _list(items, ordered=ordered)
    return rich({**made, "offset": start} if start and ordered else made)


def _context(*texts: str) -> Block:
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": limits.clip(t, 2_000)} for t in texts if t]}


def _plain(text: str, limit: int = limits.BUTTON) -> Block:
    return {"type": "plain_text", "text": limits.clip(text.strip() or "…", limit), "emoji": True}


def button(
    text: str, action: str, value: str, *, style: str = "", label: str = "", confirm: Block | None = None
) -> Block:
    """A button. `value` comes back when it is pressed."""
    element: Block = {"type": "button", "text": _plain(text), "action_id": action, "value": value}
    if style:
        element["style"] = style
    if label:
        element["accessibility_label"] = limits.clip(label, limits.BUTTON)
    if confirm:
        element["confirm"] = confirm
    return element


def pack(**values: str | int) -> str:
    """A button's value: small JSON."""
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"))


# ── a reply to a user ────────────────────────────────────────────────────────────────────────────────────────────────


def answer(
    reply: Reply,
    *,
    conversation: str,
    seq: int,
    links: Links,
    shareable: bool = False,
    speaker: str = "",
    text: str = "",
    files: Sequence[str] = (),
) -> Drawn:
    """A reply as a user sees it.

    `speaker` is the agent whose words these are, `files` what they sent along; `text` what a bare message says.
    """
    blocks: list[Block] = []
    if speaker:
        blocks.append(_context(f":bust_in_silhouette: *{escape(one_line(speaker, 100))}* from support"))
    parts = reply.parts or (Text(text=text or reply.text),)
    # What asks something stands last, above the buttons that answer it.
    last = [part for part in parts if isinstance(part, Text) and part.role == "question"]
    for part in parts:
        if part not in last:
            blocks.extend(_part(part, reply, links))
    blocks += _clipped(files)
    sources = _sources(reply, links)
    if sources:
        blocks.append(sources)
    for part in last:
        blocks.extend(_part(part, reply, links))
    buttons = _choices(reply, conversation, seq)
    if any(isinstance(part, Form) for part in reply.parts) or (reply.awaiting and reply.outcome is Outcome.ESCALATE):
        buttons.insert(0, button("Fill in the form", ACTION.FORM, pack(c=conversation, s=seq), style="primary"))
    if shareable and reply.outcome is Outcome.ANSWER:
        buttons.append(button("Share with channel", ACTION.SHARE, pack(c=conversation, s=seq)))
    if buttons:
        blocks.append({"type": "actions", "elements": buttons[: limits.ACTIONS]})
    if reply.outcome is Outcome.ANSWER and reply.citations and not speaker:
        blocks.append(_feedback(conversation, seq))
    told = reply.text or text
    return Drawn(text=escape(limits.clip(f"{speaker}: {told}" if speaker else told, 3_000)), blocks=tuple(blocks))


def _part(part: object, reply: Reply, links: Links) -> list[Block]:
    match part:
        case Text(text=text, role="lead"):
            return [rich(_line([_words(text, bold=True)]))]
        case Text(text=text, role="check"):
            return [rich(_line([_words("How to check: ", bold=True), *spans(text)]))]
        case Text(text=text, role="note"):
            return [rich({"type": "rich_text_quote", "elements": spans(text) or [_words(" ")]})]
        case Text(text=text):
            return [rich(_line(spans(piece))) for piece in limits.pieces(text, SAID_SHOWN) if piece.strip()]
        case Steps(steps=steps):
            return _lists([_step(step.go, step.text, step.source, reply, links) for step in steps], ordered=True)
        case Points(points=points):
            items = [
                [
                    *([_words(f"{point.term}: ", bold=True)] if point.term else []),
                    *spans(point.text),
                    *_mark(point.source, reply, links),
                ]
                for point in points
            ]
            return _lists(items, ordered=False)
        case Code(text=text):
            return [rich(_pre(piece)) for piece in limits.pieces(text, SAID_SHOWN)]
        case Form():
            return []  # the reply's own text asks the question; the button opens the form
        case CaseCard():
            return [_card(part)]
    return []


def _step(go: str | None, text: str, source: int | None, reply: Reply, links: Links) -> list[Block]:
    elements: list[Block] = []
    if go:
        elements += [_words(go, bold=True), _words("\n")] if text else [_words(go, bold=True)]
    return [*elements, *spans(text), *_mark(source, reply, links)]


def _mark(source: int | None, reply: Reply, links: Links) -> list[Block]:
    if source is None or not 0 <= source < len(reply.citations):
        return []
    url = links.citation(reply.citations[source])
    number = f"[{source + 1}]"
    return [_words(" "), {"type": "link", "url": url, "text": number} if url else _words(number)]


def _card(card: CaseCard) -> Block:
    shown = limits.clip(card.error_message, ERROR_SHOWN)
    return rich(
        _line(
            [
                _words(card.number, bold=True),
                _words(f" · {card.state.replace('_', ' ').capitalize()}\n"),
                _words("Product: ", bold=True),
                _words(limits.clip(card.product_name, 500)),
                _words("\nError message:", bold=True),
            ]
        ),
        _pre(shown),
    )


def _sources(reply: Reply, links: Links) -> Block | None:
    if not reply.citations:
        return None
    named = []
    for number, citation in enumerate(reply.citations[:MAX_SOURCES], start=1):
        label = f"{citation.title} › {citation.section}" if citation.section else citation.title
        named.append(f"[{number}] {link(links.citation(citation), one_line(label, 120))}")
    more = len(reply.citations) - MAX_SOURCES
    told = " · ".join(named) + (f" · and {more} more" if more > 0 else "")
    sure = f" · _{confidence_words(reply.confidence)}_" if reply.outcome is Outcome.ANSWER and reply.confidence else ""
    return _context(f":page_facing_up: {told}{sure}")


_EMPHASIS: Final = {"solved": "primary"}


def _choices(reply: Reply, conversation: str, seq: int) -> list[Block]:
    return [
        button(
            choice.label,
            f"{ACTION.CHOICE}.{n}",
            pack(c=conversation, s=seq, o=limits.clip(choice.id, 500)),
            style=_EMPHASIS.get(choice.id, ""),
        )
        for n, choice in enumerate(reply.choices)
        if choice.label.strip()
    ]


def _feedback(conversation: str, seq: int) -> Block:
    def half(text: str, up: int, label: str) -> Block:
        return {"text": _plain(text), "value": pack(c=conversation, s=seq, u=up), "accessibility_label": label}

    return {
        "type": "context_actions",
        "elements": [
            {
                "type": "feedback_buttons",
                "action_id": ACTION.FEEDBACK,
                "positive_button": half("Good answer", 1, "This was a good answer"),
                "negative_button": half("Bad answer", 0, "This was not a good answer"),
            }
        ],
    }


def aside(reply: Reply, links: Links) -> Drawn:
    """An answer that an agent asked for beside a case: what is known, without anything to press."""
    if reply.outcome is not Outcome.ANSWER:
        text = "I know no fix for that. *Suggest a fix* searches all of them. What you wrote stays a note among agents."
        return Drawn(text=text, blocks=(_context(f"{text} Only you can see this."),))
    told = tuple(part for part in reply.parts if not (isinstance(part, Text) and part.role == "question"))
    drawn = answer(replace(reply, parts=told, choices=()), conversation="", seq=0, links=links)
    kept = [block for block in drawn.blocks if block["type"] not in {"actions", "context_actions"}]
    note = _context("Only you can see this. Send it to the user with *Suggest a fix*.")
    return Drawn(text=drawn.text, blocks=(*limits.messages([*kept, note])[0],))


def pressed(blocks: Sequence[Mapping[str, Any]], label: str, user: str) -> list[Block]:
    """A message after one of its choices was pressed: the buttons give way to what was chosen."""
    kept = [dict(block) for block in blocks if block.get("type") != "actions"]
    who = f" · <@{user}>" if user else ""
    note = _context(f":heavy_check_mark: *{escape(one_line(label, 150))}*{who}")
    feedback = [n for n, block in enumerate(kept) if block.get("type") == "context_actions"]
    kept.insert(feedback[0] if feedback else len(kept), note)
    return kept[: limits.BLOCKS]


def chosen(blocks: Sequence[Mapping[str, Any]], action: str) -> str:
    """The label of the button that was pressed, as the message shows it."""
    for block in blocks:
        for element in block.get("elements", ()) if isinstance(block, Mapping) else ():
            if isinstance(element, Mapping) and element.get("action_id") == action:
                text = element.get("text")
                return str(text.get("text", "")) if isinstance(text, Mapping) else ""
    return ""


def offer(reply: Reply, place: str, ts: str) -> Drawn:
    """What only the writer of a noticed question sees: I may know this."""
    what = reply.understood or next((p.text for p in reply.parts if isinstance(p, Text)), "")
    value = pack(p=place, t=ts)
    lead = [_words("I may have the fix for this: "), _words(one_line(what or "your question", 200), bold=True)]
    blocks: tuple[Block, ...] = (
        rich(_line(lead)),
        {
            "type": "actions",
            "elements": [
                button("Answer in the thread", ACTION.OFFER, value, style="primary"),
                button("No, thanks", ACTION.DECLINE, value),
            ],
        },
        _context("Only you can see this."),
    )
    return Drawn(text=escape(f"I may have the fix for this: {one_line(what, 200)}"), blocks=blocks)


# ── a case for agents ────────────────────────────────────────────────────────────────────────────────────────────────

STATES: Final = {
    CaseState.OPEN: (":red_circle:", "Open"),
    CaseState.CLAIMED: (":large_blue_circle:", "Claimed"),
    CaseState.WAITING_FOR_USER: (":hourglass_flowing_sand:", "Waiting for the user"),
    CaseState.RESOLVED: (":white_check_mark:", "Resolved"),
    CaseState.REOPENED: (":red_circle:", "Reopened"),
}


URGENT: Final = {"high": "high urgency", "blocking": "blocks their work"}  # what stands beside the number at once


def case_root(
    case: Case,
    settings: SlackSettings,
    *,
    titles: Callable[[str], str] = str,
    told: Callable[[str], str] = lambda resolution: "",
    source: str = "",
) -> Drawn:
    """The root message of a case: all that an agent needs at a glance, and the buttons its state allows.

    `titles` names a resolution, `told` is where the article it comes from is read, `source` the user's own thread.
    """
    emoji, state = STATES[case.state]
    who = case.person.name or user_label(case)
    urgent = f" · {URGENT[case.urgency]}" if case.is_open and case.urgency in URGENT else ""
    head = f"{case.number} · {state}{urgent}"
    fields = [
        ("Product", one_line(case.product_name, 500) + ("" if case.product_name_given else " (not given)")),
        ("PSA", case.psa or "not known"),
        ("From", who + (f" · {case.email}" if case.email else "")),
        ("Where", where(case)),
        ("Owner", case.owner or "nobody yet"),
        ("Urgency", case.urgency or "not stated"),
    ]
    blocks: list[Block] = [
        {"type": "header", "text": _plain(f"{emoji} {head}", limits.HEADER)},
        {
            "type": "section",
            "fields": [
                {"type": "mrkdwn", "text": limits.clip(f"*{name}*\n{escape(value)}", limits.FIELD), "verbatim": True}
                for name, value in fields
            ],
        },
        rich(
            _line(
                [_words("Error message" + ("" if case.error_message_given else " (not given by the user)"), bold=True)]
            ),
            _pre(limits.clip(case.error_message, ERROR_SHOWN)),
        ),
    ]
    if len(case.error_message) > ERROR_SHOWN:
        blocks.append(_context(f"The whole text, {len(case.error_message):,} characters, is in the thread."))
    blocks.append(rich(_line(_background(case, titles, told))))
    # Each a block of its own: the elements of one stand side by side.
    seen = [part for part in (_last(case), link(source, "The user's thread") if source else "") if part]
    blocks += [_context(" · ".join(seen)), _context(rule(settings))] if seen else [_context(rule(settings))]
    blocks.append({"type": "actions", "block_id": "case", "elements": _case_buttons(case)})
    text = f"{case.number} {state.lower()}: {one_line(case.product_name, 60)}: {one_line(case.error_message, 200)}"
    return Drawn(text=escape(text), blocks=tuple(blocks))


def _last(case: Case) -> str:
    """The last thing that happened to a case."""
    if not case.history:
        return ""
    last = case.history[-1]
    what = "opened the case" if last.what.startswith("opened") else last.what
    by = "the bot" if last.by == "bot" else last.by
    return f"Last: {escape(one_line(by, 60))}: {escape(one_line(what, 200))}, {_moment(last.at)}"


def user_label(case: Case) -> str:
    """Who has the case, where no name is known."""
    return case.person.id if case.channel.value != "widget" else "a visitor"


def where(case: Case) -> str:
    """Where the user is, in words; the page they were on if the widget said so."""
    page = case.context.get("page", "")
    return {"widget": "the website", "slack": "Slack", "terminal": "a terminal"}[case.channel.value] + (
        f", {one_line(page, 200)}" if page else ""
    )


def rule(settings: SlackSettings) -> str:
    """What becomes of words typed in the case's thread."""
    if settings.replies is Direction.PUBLIC:
        keep = " or ".join(f"`{escape(prefix)}`" for prefix in settings.note_prefixes)
        return f":warning: *Words in this thread go to the user.* Begin with {keep} to keep them among agents."
    send = " or ".join(f"`{escape(prefix)}`" for prefix in settings.reply_prefixes)
    return f":lock: Words in this thread stay among agents. Begin with {send} to send them to the user."


def _background(case: Case, titles: Callable[[str], str], told: Callable[[str], str]) -> list[Block]:
    lines: list[Block] = [_words("Why: ", bold=True), _words(REASONS.get(case.reason, case.reason or "not stated"))]
    if case.question:
        lines += [_words("\nAsked: ", bold=True), _words(limits.clip(case.question, 600))]
    lines.append(_words("\nTried: ", bold=True))
    for n, name in enumerate(case.tried[:TRIED_SHOWN]):
        url, title = told(name), limits.clip(one_line(titles(name), 200), 200)
        lines += [_words("; ")] if n else []
        lines.append({"type": "link", "url": url, "text": title} if url else _words(title))
    more = len(case.tried) - TRIED_SHOWN
    if more > 0 or not case.tried:
        lines.append(_words(f"; and {more} more" if case.tried else "nothing yet"))
    if case.diagnosis:
        lines += [_words("\nDiagnosis: ", bold=True), _words(limits.clip(_named(case, titles), 400))]
    if case.note:
        lines += [_words("\nNote: ", bold=True), _words(limits.clip(case.note, 1_000))]
    for name, value in sorted(case.context.items()):
        if value and name not in {"page", "psa"}:
            lines += [_words(f"\n{one_line(name, 40)}: ", bold=True), _words(limits.clip(value, 300))]
    return lines


def _named(case: Case, titles: Callable[[str], str]) -> str:
    """The diagnosis with titles for the resolutions that were given."""
    told = case.diagnosis
    for name in case.tried:
        told = told.replace(name, f"“{titles(name)}”")
    return told


def _case_buttons(case: Case) -> list[Block]:
    def act(name: str, label: str, style: str = "", confirm: Block | None = None) -> Block:
        return button(
            label, f"{ACTION.CASE}.{name}", case.id, style=style, label=f"{label}: {case.number}", confirm=confirm
        )

    if not case.is_open:
        return [act("reopen", "Reopen")]
    buttons = [] if case.owner else [act("claim", "Claim", "primary")]
    buttons += [
        act("reply", "Reply", "primary" if case.owner else ""),
        act("ask", "Ask for …"),
        act("suggest", "Suggest a fix"),
        act("resolve", "Resolve"),
    ]
    if case.owner:
        buttons.append(act("hand_back", "Hand back to the bot"))
    return buttons


def _moment(at: datetime) -> str:
    fallback = f"{at:%Y-%m-%d %H:%M} UTC"
    return f"<!date^{int(at.timestamp())}^{{date_short_pretty}} {{time}}|{fallback}>"


def transcript(lines: Sequence[tuple[datetime, str, str]]) -> list[Drawn]:
    """What was said before the case was opened: (when, who, text), oldest first; as few messages as Slack allows."""
    elements: list[Block] = []
    for at, who, text in lines:
        for n, piece in enumerate(limits.pieces(text, 2_500)):
            head = f"{who}" if n == 0 else f"{who}, continued"
            when = {"type": "date", "timestamp": int(at.timestamp()), "format": "{time}", "fallback": f"{at:%H:%M} UTC"}
            said = [_words(head, bold=True), _words("  "), when, _words("\n"), _words(piece.strip("\n") or " ")]
            elements.append(rich(_line(said)))
    found = [_context(":speech_balloon: *The conversation so far*"), *elements]
    return [Drawn(text="The conversation so far", blocks=tuple(group)) for group in limits.messages(found) if group]


def user_words(
    who: str, text: str, files: Sequence[str] = (), *, edited: bool = False, answered: str = ""
) -> list[Drawn]:
    """A user's own words, for the agents; and what the bot `answered`, where it did."""
    head = _context(
        f":speech_balloon: *{escape(one_line(who, 100))}*" + (" edited what they wrote" if edited else " wrote")
    )
    blocks = [head, *(rich(_line([_words(piece)])) for piece in limits.pieces(text, SAID_SHOWN) if piece.strip())]
    blocks += _clipped(files)
    if answered:
        blocks.append(_context(f":robot_face: The bot answered: {escape(one_line(answered, 300))}"))
    shown = escape(limits.clip(f"{who}: {text or ', '.join(files)}", 3_000))
    return [Drawn(text=shown, blocks=tuple(group)) for group in limits.messages(blocks)]


def taken_back(who: str, at: float) -> Drawn:
    """A user deleted what they wrote: agents see it no more in the user's thread, and should know."""
    when = f"<!date^{int(at)}^{{time}}|{datetime.fromtimestamp(at, UTC):%H:%M} UTC>"
    name = one_line(who, 100)
    return Drawn(
        text=escape(f"{name} deleted a message"),
        blocks=(_context(f":wastebasket: *{escape(name)}* deleted what they wrote at {when}"),),
    )


def _clipped(files: Sequence[str]) -> list[Block]:
    """The names of the files that come along."""
    return [_context(":paperclip: " + ", ".join(escape(one_line(name, 80)) for name in files[:20]))] if files else []


def not_copied(name: str, url: str = "") -> Drawn:
    """A user's file could not be copied to the agents; `url` is where Slack shows it to who may see it."""
    told = f":paperclip: {link(url, one_line(name, 150))} could not be copied here."
    return Drawn(text=f"{escape(one_line(name, 150))} could not be copied here.", blocks=(_context(told),))


def left_behind(files: Sequence[tuple[str, str]]) -> Drawn:
    """Files of an agent's that do not reach the user: (name, why)."""
    told = "; ".join(f"{one_line(name, 150)}: {why}" for name, why in files[:20])
    line = _line([_words("Not sent to the user: ", bold=True), _words(limits.clip(told, 2_000))])
    return Drawn(text=escape(limits.clip(f"Not sent to the user: {told}", 2_000)), blocks=(rich(line),))


def agent_line(who: str, text: str, files: Sequence[str] = (), *, note: str = "") -> list[Drawn]:
    """An agent's words to the user, for the other agents. `note` says where they were written."""
    head = _context(
        f":outbox_tray: *{escape(one_line(who, 100))}* to the user" + (f" · {escape(note)}" if note else "")
    )
    blocks = [head, *(rich(_line([_words(piece)])) for piece in limits.pieces(text, SAID_SHOWN) if piece.strip())]
    blocks += _clipped(files)
    shown = escape(limits.clip(f"{who} to the user: {text}", 3_000))
    return [Drawn(text=shown, blocks=tuple(group)) for group in limits.messages(blocks)]


def failed(reason: str, mark: str) -> Drawn:
    """An agent's words did not get through: why, and a button to try again."""
    blocks: tuple[Block, ...] = (
        rich(_line([_words("Not delivered to the user: ", bold=True), _words(limits.clip(reason, 500))])),
        {"type": "actions", "elements": [button("Try again", ACTION.RETRY, mark)]},
    )
    return Drawn(text=escape(f"Not delivered to the user: {limits.clip(reason, 500)}"), blocks=blocks)


def summary(
    *,
    day: str,
    opened: int,
    resolved: int,
    waiting: int,
    oldest: tuple[str, str, str, str] | None,
    unknown: Sequence[tuple[str, int]],
) -> Drawn:
    """The daily summary. `oldest`: (number, product, age, link) of what waits longest; `unknown` counts errors."""
    lines: list[Block] = [
        _words(f"{opened}", bold=True),
        _words(" opened · "),
        _words(f"{resolved}", bold=True),
        _words(" resolved · "),
        _words(f"{waiting}", bold=True),
        _words(" waiting"),
    ]
    blocks: list[Block] = [
        {"type": "header", "text": _plain(f"Cases on {day}", limits.HEADER)},
        rich(_line(lines)),
    ]
    if oldest:
        number, product, age, url = oldest
        named: Block = {"type": "link", "url": url, "text": number} if url else _words(number)
        rest = _words(f" · {one_line(product, 100)} · {age}")
        blocks.append(rich(_line([_words("Waiting longest: ", bold=True), named, rest])))
    if unknown:
        items = [[_words(f"{count}× ", bold=True), _words(one_line(error, 200))] for error, count in unknown[:5]]
        blocks.append(rich(_line([_words("Errors without an article", bold=True)]), _list(items, ordered=False)))
    text = f"Cases on {day}: {opened} opened, {resolved} resolved, {waiting} waiting"
    return Drawn(text=text, blocks=tuple(blocks))
