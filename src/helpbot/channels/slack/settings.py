"""What an operator decides about Slack: `[slack]` of bot/helpbot.toml, read once and handed on as plain values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time
from enum import StrEnum
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from helpbot.errors import Fault, SettingError

__all__ = ["Agents", "Direction", "Mode", "Prompt", "SlackSettings", "slack_settings"]

API_URL: Final = "https://slack.com/api/"


class Mode(StrEnum):
    """What becomes of a question that nobody put to the bot."""

    OFF = "off"
    OFFER = "offer"  # its writer alone is asked whether the answer is wanted
    ANSWER = "answer"  # the answer goes into the thread


class Direction(StrEnum):
    """Where an agent's plain words in a case's thread go."""

    INTERNAL = "internal"  # nowhere; a prefix sends them to the user
    PUBLIC = "public"  # to the user; a prefix keeps them back


@dataclass(frozen=True, slots=True, kw_only=True)
class Agents:
    """Who may act on cases. Nobody is an agent who is not named here, in one way or another."""

    teams: frozenset[str] = frozenset()  # T…: every full member of the workspace
    groups: frozenset[str] = frozenset()  # S…: user groups
    people: frozenset[str] = frozenset()  # U… or W…

    @property
    def named(self) -> bool:
        """Whether anybody can act at all."""
        return bool(self.teams or self.groups or self.people)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A frequent problem, offered as a button where people start: what it is called, what is asked by it."""

    title: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackSettings:
    """All of it. Secrets are kept out of `repr`, so that no log line ever shows one."""

    signing_secret: str = field(default="", repr=False)
    bot_token: str = field(default="", repr=False)  # one workspace; several install through OAuth instead
    app_token: str = field(default="", repr=False)  # Socket Mode
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    api_url: str = API_URL
    public_url: str = ""  # where articles and the OAuth pages are reached
    case_channel: str = ""
    case_team: str = ""  # the workspace of the case channel, where several have the bot
    agents: Agents = field(default_factory=Agents)
    notices: Mapping[str, Mode] = field(default_factory=dict)  # by channel; those not named are off
    notice_confidence: float = 0.85
    notice_min_words: int = 4
    replies: Direction = Direction.INTERNAL
    reply_prefixes: tuple[str, ...] = ("reply:", "!")
    note_prefixes: tuple[str, ...] = ("note:", "private:")
    summary_at: time | None = None
    summary_zone: str = "UTC"
    prompts: tuple[Prompt, ...] = ()
    command: str = "/helpbot"
    timeout: int = 10  # seconds one call to Slack may take
    workers: int = 6
    max_file: int = 20 * 1024 * 1024  # bytes of a user's file that is copied to the agents

    @property
    def configured(self) -> bool:
        """Whether Slack can be used at all."""
        return bool(self.bot_token or (self.client_id and self.client_secret))

    @property
    def http(self) -> bool:
        """Whether Slack may call us over HTTP."""
        return self.configured and bool(self.signing_secret)

    @property
    def oauth(self) -> bool:
        """Whether several workspaces can install the bot."""
        return bool(self.client_id and self.client_secret)


_ID: Final = {
    "agents.teams": re.compile(r"[TE][A-Z0-9]{2,}"),
    "agents.groups": re.compile(r"S[A-Z0-9]{2,}"),
    "agents.people": re.compile(r"[UW][A-Z0-9]{2,}"),
    "channel": re.compile(r"[CGD][A-Z0-9]{2,}"),
}
_KNOWN: Final = frozenset(
    {
        "case_channel",
        "case_team",
        "agents",
        "channels",
        "notice_confidence",
        "notice_min_words",
        "replies",
        "reply_prefixes",
        "note_prefixes",
        "summary",
        "prompts",
        "command",
    }
)
_HOW: Final = {
    "agents.teams": "Slack shows a workspace's id (T…) in the address of its web app",
    "agents.groups": "open the user group in Slack, then More > Copy group ID (S…)",
    "agents.people": "open the profile in Slack, then More > Copy member ID (U…)",
    "channel": "open the channel's details in Slack; its id (C…) stands at the very bottom",
}


def slack_settings(
    table: Mapping[str, Any],
    *,
    signing_secret: str = "",
    bot_token: str = "",
    app_token: str = "",
    client_id: str = "",
    client_secret: str = "",
    case_channel: str = "",
    api_url: str = "",
    public_url: str = "",
    path: str = "bot/helpbot.toml",
) -> SlackSettings:
    """Settings from the `[slack]` table and the environment, or SettingError with every fault at once."""
    faults: list[Fault] = []

    def fault(name: str, problem: str, remedy: str, where: str = path) -> None:
        faults.append(Fault(where, 0, f"slack.{name} {problem}" if where == path else f"it {problem}", remedy))

    for name in sorted(set(table) - _KNOWN):
        fault(name, "is not a setting", f"Use one of: {', '.join(sorted(_KNOWN))}")
    for env, value, start in (
        ("HELPBOT_SLACK_BOT_TOKEN", bot_token, "xoxb-"),
        ("HELPBOT_SLACK_APP_TOKEN", app_token, "xapp-"),
    ):
        if value and not value.startswith(start):
            fault("", f"does not begin with {start}", "Copy it again from the app's page at api.slack.com/apps", env)
    if signing_secret and len(signing_secret) < 24:
        fault(
            "",
            "is shorter than 24 characters",
            "Copy the signing secret from the app's page",
            "HELPBOT_SLACK_SIGNING_SECRET",
        )
    if bool(client_id) != bool(client_secret):
        fault(
            "",
            "is set without its twin",
            "Set both HELPBOT_SLACK_CLIENT_ID and HELPBOT_SLACK_CLIENT_SECRET, or neither",
            "HELPBOT_SLACK_CLIENT_ID" if client_id else "HELPBOT_SLACK_CLIENT_SECRET",
        )

    agents = table.get("agents", {})
    channel = case_channel or str(table.get("case_channel", ""))
    if channel and not _ID["channel"].fullmatch(channel):
        fault("case_channel", f"is {channel!r}, which is no channel id", _HOW["channel"])
    summary = table.get("summary", {})
    at = _summary_at(summary, fault)
    zone = str(summary.get("zone", "UTC"))
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        fault("summary.zone", f"is {zone!r}, which is no time zone", "Write one such as Europe/Amsterdam")
    settings = SlackSettings(
        signing_secret=signing_secret,
        bot_token=bot_token,
        app_token=app_token,
        client_id=client_id,
        client_secret=client_secret,
        api_url=(api_url or API_URL).rstrip("/") + "/",
        public_url=public_url.rstrip("/"),
        case_channel=channel,
        case_team=str(table.get("case_team", "")),
        agents=Agents(
            teams=_ids(agents, "teams", fault),
            groups=_ids(agents, "groups", fault),
            people=_ids(agents, "people", fault),
        ),
        notices=_modes(table.get("channels", {}), fault),
        notice_confidence=_number(table, "notice_confidence", 0.85, 0.5, 1.0, fault),
        notice_min_words=int(_number(table, "notice_min_words", 4, 1, 50, fault)),
        replies=_direction(table, fault),
        reply_prefixes=_prefixes(table, "reply_prefixes", ("reply:", "!"), fault),
        note_prefixes=_prefixes(table, "note_prefixes", ("note:", "private:"), fault),
        summary_at=at,
        summary_zone=zone,
        prompts=_prompts(table.get("prompts", ()), fault),
        command=str(table.get("command", "/helpbot")),
    )
    if faults:
        raise SettingError(faults)
    return settings


def _summary_at(summary: Any, fault: Any) -> time | None:
    text = summary.get("at", "") if isinstance(summary, Mapping) else summary
    if isinstance(text, time):
        return text
    if not text:
        return None
    try:
        return time.fromisoformat(str(text))
    except ValueError:
        fault("summary.at", f"is {text!r}", "Write a time such as 08:30, or leave it out for no summary")
        return None


def _ids(agents: Any, name: str, fault: Any) -> frozenset[str]:
    values = agents.get(name, ()) if isinstance(agents, Mapping) else ()
    if not isinstance(values, list | tuple):
        fault(f"agents.{name}", "is not a list", 'Write it as ["…", "…"]')
        return frozenset()
    for value in values:
        if not isinstance(value, str) or not _ID[f"agents.{name}"].fullmatch(value):
            fault(f"agents.{name}", f"names {value!r}, which is no such id", _HOW[f"agents.{name}"])
    return frozenset(str(value) for value in values)


def _modes(channels: Any, fault: Any) -> dict[str, Mode]:
    modes = {}
    for channel, value in channels.items() if isinstance(channels, Mapping) else ():
        if not _ID["channel"].fullmatch(channel):
            fault(f"channels.{channel}", "is no channel id", _HOW["channel"])
        elif value not in set(Mode):
            fault(f"channels.{channel}", f"is {value!r}", f"Use one of: {', '.join(Mode)}")
        else:
            modes[channel] = Mode(value)
    return modes


def _number(table: Mapping[str, Any], name: str, default: float, low: float, high: float, fault: Any) -> float:
    value = table.get(name, default)
    if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value <= high:
        fault(name, f"is {value!r}", f"Write a number from {low:g} to {high:g}")
        return default
    return float(value)


def _direction(table: Mapping[str, Any], fault: Any) -> Direction:
    value = table.get("replies", Direction.INTERNAL)
    if value not in set(Direction):
        fault("replies", f"is {value!r}", "Use internal (a prefix sends to the user) or public (a prefix keeps back)")
        return Direction.INTERNAL
    return Direction(value)


def _prefixes(table: Mapping[str, Any], name: str, default: tuple[str, ...], fault: Any) -> tuple[str, ...]:
    values = table.get(name, default)
    if not isinstance(values, list | tuple) or not values or not all(isinstance(v, str) and v.strip() for v in values):
        fault(name, "is not a list of words", f"Write it as {list(default)}")
        return default
    return tuple(value.strip().lower() for value in values)


def _prompts(values: Any, fault: Any) -> tuple[Prompt, ...]:
    found = []
    for value in values if isinstance(values, list | tuple) else ():
        if not isinstance(value, Mapping) or not value.get("title") or not value.get("message"):
            fault("prompts", "holds one without a title or a message", 'Write {title = "…", message = "…"}')
        else:
            found.append(Prompt(title=str(value["title"]), message=str(value["message"])))
    return tuple(found)
