"""What an agent reads: a case in plain text, complete and in the order that helps."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from helpbot.escalation.case import Case

__all__ = ["Line", "brief", "one_line", "subject"]

REASONS: Final = {
    "asked_for_person": "The user asked for a person.",
    "not_solved": "The answer did not solve it.",
    "no_answer": "The articles have no answer.",
    "agent_needed": "The answer itself says that support is needed.",
}
_BREAKS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a transcript."""

    at: datetime
    who: str
    text: str


def brief(case: Case, transcript: Sequence[Line] = ()) -> str:
    """The case as plain text: what is affected, the exact error, what was tried, who and where, what was said."""
    who = case.person.name or case.person.id
    address = case.email or case.person.email
    sure = "verified" if case.person.verified and address == case.person.email else "not verified"
    lines = [
        f"Case {case.number} · {case.state.value.replace('_', ' ')}" + (f" · {case.owner}" if case.owner else ""),
        "",
        f"Product: {case.product_name}" + ("" if case.product_name_given else "  (not given by the user)"),
        "Error message" + ("" if case.error_message_given else " (not given by the user)") + ":",
        *(f"    {line}" for line in case.error_message.splitlines() or [""]),
        "",
        f"Why: {REASONS.get(case.reason, case.reason or 'not stated')}",
    ]
    if case.psa:
        lines.append(f"PSA: {case.psa}")
    if case.question:
        lines.append(f"Asked: {case.question}")
    lines.append("Tried: " + (", ".join(case.tried) if case.tried else "nothing yet"))
    lines.append(f"Diagnosis: {case.diagnosis or 'none'}")
    lines.append(f"From: {who}" + (f" <{address}> ({sure})" if address else "") + f", by {case.channel.value}")
    if case.urgency:
        lines.append(f"Urgency: {case.urgency}")
    if case.note:
        lines.append(f"Note: {case.note}")
    lines.extend(f"{name}: {value}" for name, value in sorted(case.context.items()) if value)
    if case.knowledge_version:
        lines.append(f"Knowledge: {case.knowledge_version}")
    lines += ["", "History:"]
    lines.extend(f"    {entry.at:%Y-%m-%d %H:%M} {entry.by}: {entry.what}" for entry in case.history)
    if transcript:
        lines += ["", "Conversation:"]
        for line in transcript:
            first, *rest = line.text.splitlines() or [""]
            lines.append(f"    {line.at:%H:%M} {line.who}: {first}")
            lines.extend(f"        {more}" for more in rest)
    return "\n".join(lines) + "\n"


def subject(case: Case) -> str:
    """One line that tells the case among others; for agents only, since it carries the user's words."""
    return f"[{case.number}] {one_line(case.product_name, 60)}: {one_line(case.error_message, 80)}"


def one_line(text: str, limit: int) -> str:
    """The text on one line without control characters, cut with an ellipsis at `limit` characters."""
    flat = " ".join(_BREAKS.sub(" ", text).split())
    return flat if len(flat) <= limit else flat[: limit - 1].rstrip() + "…"
