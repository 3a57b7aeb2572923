"""Slack's way of writing text: what comes in is turned back into what was typed, what goes out is made harmless."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["escape", "link", "typed"]

# <@U1>, <@U1|name>, <#C1|general>, <!here>, <!subteam^S1|@team>, <https://…|label>, <mailto:a@b|a@b>
# What else stands in angle brackets was typed so.
_MARK: Final = re.compile(r"<([@#!][^<>\n]{1,4000}|[A-Za-z][A-Za-z0-9+.-]{0,30}:[^<>\n]{1,4000})>")
_LABEL_BREAKS: Final = str.maketrans({"|": "¦", "\n": " ", "\r": " "})


def escape(text: str) -> str:
    """The text so that Slack shows it as it is: no ping, no link and no entity in it comes alive.

    Slack has no escape for `* _ ~ and backticks: words that may hold those go into plain_text or rich_text.
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def link(url: str, label: str) -> str:
    """A link for a mrkdwn text; the bare label where there is no address."""
    shown = escape(label.translate(_LABEL_BREAKS))
    return f"<{escape(url).replace('|', '%7C')}|{shown}>" if url else shown


def typed(text: str, own: str = "") -> str:
    """What the user typed: entities unescaped, links unwrapped, the bot's own mention (`own`, a user id) dropped.

    Slack rewrites `example.com` to `<http://example.com|example.com>` and `<` to `&lt;`; an error message must be
    compared as it was pasted.
    """
    plain = _MARK.sub(lambda match: _unwrap(match[1], own), text)
    plain = plain.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return plain.strip() if own else plain


def _unwrap(inner: str, own: str) -> str:
    target, bar, label = inner.partition("|")
    if target.startswith("@"):
        if own and target[1:] == own:
            return ""
        return f"@{label.removeprefix('@')}" if label else target
    if target.startswith("#"):
        return f"#{label.removeprefix('#')}" if label else target
    if target.startswith("!"):
        if label:
            return label if label.startswith("@") or ("^" in target and target.startswith("!date")) else f"@{label}"
        return "@" + target[1:].split("^", 1)[0]
    address = target.removeprefix("mailto:").removeprefix("tel:")
    if not bar or not label or label == address:
        return address
    # A label that is part of its address is what Slack made of a typed name; any other was chosen by somebody.
    return label if label in target else f"{label} ({address})"
