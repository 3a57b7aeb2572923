"""What Slack sends, as values: a message heard, a button pressed. Pure; anything oddly shaped is simply not one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from helpbot.channels.slack import richtext
from helpbot.channels.slack.mrkdwn import typed
from helpbot.channels.slack.places import Place
from helpbot.channels.slack.settings import Direction, SlackSettings

__all__ = [
    "GONE",
    "File",
    "Heard",
    "addressed",
    "edited",
    "files",
    "heard",
    "looks_like_question",
    "own_user",
    "team_of",
    "unsaid",
    "value",
    "words_of",
]

# What people say; everything else (joins, topics, deletions, other bots) is not said to anyone.
SPOKEN: Final = frozenset({"", "file_share", "thread_broadcast"})
GONE: Final = "deleted"  # instead of the time of an edit
_TS: Final = re.compile(r"[0-9]{1,16}\.[0-9]{1,9}")
_ID: Final = re.compile(r"[A-Z0-9]{2,40}")
_ERROR: Final = re.compile(
    r"\b(?:error|exception|failed|failure|invalid|denied|forbidden|unauthori[sz]ed|timed? ?out|not found|cannot|can't"
    r"|[45][0-9]{2})\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file somebody sent. `url` needs the bot's token, which goes to Slack's own hosts only.

    It is empty where Slack names a file and has to be asked for the rest, as in channels shared with other companies.
    """

    id: str
    name: str
    url: str
    size: int
    link: str
    snippet: bool = False  # a text that was too long for a message: Slack makes a file of it


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """Something a person said in Slack. `text` is what they typed, the bot's own mention dropped."""

    team: str
    channel: str
    user: str
    user_team: str  # differs from `team` for people of other workspaces in shared channels
    ts: str
    root: str  # of the thread; a message outside of one is the root of its own
    text: str
    files: tuple[File, ...]
    in_thread: bool
    mention: bool
    dm: bool
    edited_at: str = ""

    @property
    def key(self) -> str:
        """What the message is known by: an app_mention and a message event of it have different event ids."""
        return f"{self.team}:{self.channel}:{self.ts}" + (f":{self.edited_at}" if self.edited_at else "")

    @property
    def place(self) -> Place:
        """The thread it belongs to."""
        return Place(team=self.team, channel=self.channel, ts=self.root)


def own_user(body: Mapping[str, Any]) -> str:
    """The bot's own user id, as the event itself tells it; empty if it does not."""
    entries = body.get("authorizations")
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, Mapping) and entry.get("is_bot"):
            return str(entry.get("user_id") or "")
    return ""


def team_of(body: Mapping[str, Any]) -> str:
    """The workspace whose bot heard an event.

    In a channel shared with another company the event's own `team_id` may be the other's, where the bot is a stranger.
    """
    entries = body.get("authorizations")
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, Mapping) and entry.get("is_bot") and entry.get("team_id"):
            return str(entry["team_id"])
    event = body.get("event")
    return str(body.get("team_id") or (event.get("team") if isinstance(event, Mapping) else "") or "")


def heard(body: Mapping[str, Any]) -> Heard | None:
    """What a person said, in a message or app_mention event; None for anything else, our own words first of all."""
    event = body.get("event")
    if not isinstance(event, Mapping) or str(event.get("type")) not in {"message", "app_mention"}:
        return None
    if event.get("hidden") or str(event.get("subtype") or "") not in SPOKEN:
        return None
    return _heard(body, event, event)


def edited(body: Mapping[str, Any]) -> Heard | None:
    """What a message was changed to by its writer; None where only its drawing changed (a link's preview)."""
    event = body.get("event")
    if not isinstance(event, Mapping) or event.get("subtype") != "message_changed":
        return None
    after, before = event.get("message"), event.get("previous_message")
    if not isinstance(after, Mapping) or not isinstance(after.get("edited"), Mapping):
        return None
    if isinstance(before, Mapping) and before.get("text") == after.get("text"):
        return None
    return _heard(body, event, after, edited_at=str(after["edited"].get("ts", "")))


def unsaid(body: Mapping[str, Any]) -> Heard | None:
    """A message that its writer deleted."""
    event = body.get("event")
    if not isinstance(event, Mapping) or event.get("subtype") != "message_deleted":
        return None
    before = event.get("previous_message")
    if not isinstance(before, Mapping) or str(before.get("subtype") or "") not in SPOKEN:
        return None
    return _heard(body, event, before, edited_at=GONE)


def _heard(
    body: Mapping[str, Any], event: Mapping[str, Any], said: Mapping[str, Any], edited_at: str = ""
) -> Heard | None:
    team = team_of(body)
    channel, user, ts = (str(event.get("channel") or ""), str(said.get("user") or ""), str(said.get("ts") or ""))
    root = str(said.get("thread_ts") or ts)
    if not (
        _ID.fullmatch(team)
        and _ID.fullmatch(channel)
        and _ID.fullmatch(user)
        and _TS.fullmatch(ts)
        and _TS.fullmatch(root)
    ):
        return None
    own = own_user(body)
    if said.get("bot_id") or said.get("bot_profile") or (said.get("app_id") and not said.get("client_msg_id")):
        return None
    if user in {own, "USLACKBOT"}:
        return None
    raw = str(said.get("text") or "")
    unnamed = event.get("type") == "app_mention" and not own
    text = richtext.said(said.get("blocks"), own, drop_lead=unnamed)
    return Heard(
        team=team,
        channel=channel,
        user=user,
        user_team=str(said.get("user_team") or said.get("source_team") or said.get("team") or team),
        ts=ts,
        root=root,
        text=typed(_without_lead(raw) if unnamed else raw, own) if text is None else text,
        files=tuple(files(said.get("files"))),
        in_thread=root != ts,
        mention=event.get("type") == "app_mention" or (bool(own) and f"<@{own}" in raw),
        dm=event.get("channel_type") == "im" or channel.startswith("D"),
        edited_at=edited_at,
    )


def _without_lead(text: str) -> str:
    return re.sub(r"^\s*<@[A-Z0-9]+(?:\|[^>]*)?>[\s,:]*", "", text)


def files(values: Any) -> list[File]:
    """The files that Slack names, twenty at most; what is oddly shaped is none."""
    found = []
    for value in values if isinstance(values, list) else ():
        if isinstance(value, Mapping) and value.get("id"):
            size = value.get("size")
            found.append(
                File(
                    id=str(value["id"]),
                    name=str(value.get("name") or value.get("title") or value["id"])[:200],
                    url=str(value.get("url_private_download") or value.get("url_private") or ""),
                    size=size if isinstance(size, int) else 0,
                    link=str(value.get("permalink") or ""),
                    snippet=value.get("mode") == "snippet",
                )
            )
    return found[:20]


def words_of(message: Mapping[str, Any]) -> str:
    """All that a message says to who looks at it: programs put their alerts into blocks and attachments."""
    parts = [richtext.said(message.get("blocks")) or typed(str(message.get("text") or ""))]
    if not parts[0].strip():
        parts = list(_said_in(message.get("blocks")))
    for attached in message.get("attachments") or () if isinstance(message.get("attachments"), list) else ():
        if isinstance(attached, Mapping):
            told = [typed(str(attached.get(name) or "")) for name in ("pretext", "title", "text")]
            told += [typed(str(field.get("value") or "")) for field in _tables(attached.get("fields"))]
            told = [text for text in told if text.strip()] or list(_said_in(attached.get("blocks")))
            parts += told or [typed(str(attached.get("fallback") or ""))]
    return "\n".join(dict.fromkeys(part.strip() for part in parts if part.strip()))[:40_000]


def _tables(values: Any) -> list[Mapping[str, Any]]:
    return [value for value in values if isinstance(value, Mapping)] if isinstance(values, list) else []


def _said_in(blocks: Any, depth: int = 0) -> Iterator[str]:
    """The texts of blocks, each block's as a line; buttons and the like say nothing."""
    for block in _tables(blocks) if depth < 5 else ():
        if block.get("type") in {"actions", "input", "context_actions"}:
            continue
        if block.get("type") == "rich_text_section":
            yield "".join(str(part.get("text") or part.get("url") or "") for part in _tables(block.get("elements")))
            continue
        own = block.get("text")
        if isinstance(own, str | Mapping):
            text = own if isinstance(own, str) else str(own.get("text") or "")
            # Rich text is as it was typed; anything else went through Slack's escaping.
            yield text if block.get("type") == "text" else typed(text)
        for name in ("fields", "elements"):
            yield from _said_in(block.get(name), depth + 1)


def value(text: Any) -> dict[str, Any]:
    """What a button carries; empty for what no button of ours wrote."""
    try:
        found = json.loads(text) if isinstance(text, str) else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def addressed(text: str, settings: SlackSettings) -> tuple[str, bool, bool]:
    """(words without prefix, whether they go to the user, whether a prefix said so) of an agent's words in a thread."""
    stripped = text.lstrip()
    folded = stripped.lower()
    for prefixes, out in ((settings.note_prefixes, False), (settings.reply_prefixes, True)):
        for prefix in prefixes:
            if folded.startswith(prefix):
                return stripped[len(prefix) :].lstrip(), out, True
    return text, settings.replies is Direction.PUBLIC, False


def looks_like_question(text: str, min_words: int) -> bool:
    """Whether words that were put to nobody ask for help: a question, or an error message."""
    if len(text.split()) < min_words or len(text) > 8_000:
        return False
    return "?" in text or bool(_ERROR.search(text))
