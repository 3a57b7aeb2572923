"""Calls to Slack: paced, their errors told apart, and none made that is known to fail.

Slack takes about one message a second in a channel, in short bursts. A token that was revoked or a channel that was
archived fails every call: it is said once, and tried again every ten minutes.
"""

from __future__ import annotations

import http.client
import json
import logging
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock
from typing import Any, Final
from urllib.error import URLError
from urllib.parse import urlsplit

import httpx
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.oauth.installation_store import InstallationStore
from slack_sdk.webhook import WebhookClient

from helpbot.channels.slack import limits, richtext
from helpbot.channels.slack.mrkdwn import escape
from helpbot.channels.slack.settings import API_URL, SlackSettings
from helpbot.errors import OutsideError

__all__ = ["ACCOUNT", "CHANNEL", "METHOD", "THREAD", "UNSURE", "Pace", "Slack", "SlackFault"]

log = logging.getLogger("helpbot.slack")

# Nothing of this workspace works until an operator does something.
ACCOUNT: Final = frozenset(
    {
        "access_denied", "account_inactive", "app_missing_action_url", "ekm_access_denied", "enterprise_is_restricted",
        "invalid_auth", "not_authed", "not_installed", "org_login_required", "team_access_not_granted", "token_expired",
        "token_revoked", "two_factor_setup_required",
    }
)  # fmt: skip
# One method does not work until an operator does something.
METHOD: Final = frozenset({"missing_scope", "no_permission", "not_allowed_token_type"})
# Nothing in this channel works until somebody does something.
CHANNEL: Final = frozenset(
    {
        "channel_is_archived", "channel_not_found", "is_archived", "is_inactive", "messages_tab_disabled",
        "not_in_channel", "posting_to_channel_denied", "restricted_action", "restricted_action_read_only_channel",
    }
)  # fmt: skip
# This thread takes no more; the channel does.
THREAD: Final = frozenset(
    {
        "cannot_reply_to_message", "message_not_found", "restricted_action_non_threadable_channel",
        "restricted_action_thread_locked", "restricted_action_thread_only_channel", "thread_not_found",
    }
)  # fmt: skip
PASSING: Final = frozenset(
    {
        "fatal_error", "internal_error", "rate_limited", "ratelimited", "request_timeout", "service_unavailable",
        "team_added_to_org", "upload_failed", "external_channel_migrating",
    }
)  # fmt: skip

# Slack knows a bound of blocks that we do not; the words get through without them.
UNDRAWN: Final = frozenset(
    {"invalid_blocks", "invalid_blocks_format", "block_mismatch", "msg_blocks_too_long", "msg_too_long"}
)

# These take no JSON.
IN_FORM: Final = frozenset(
    {
        "auth.test", "chat.getPermalink", "conversations.history", "conversations.replies",
        "files.completeUploadExternal", "files.getUploadURLExternal", "files.info", "usergroups.users.list",
        "users.info",
    }
)  # fmt: skip

# Slack may have done it all the same.
UNSURE: Final = frozenset({"", "fatal_error", "internal_error", "request_timeout", "service_unavailable"})
_WORD: Final = re.compile(r"[a-z0-9_.-]{2,80}")

REST: Final = 600.0  # seconds between two tries of what needs a person to mend it
BURST: Final = 3  # messages a channel takes at once
# Messages a second after that: a little under the one that Slack takes, since two that leave a second apart may
# arrive a little closer.
STEADY: Final = 0.9
PATIENCE: Final = 4.0  # seconds a caller waits for its turn in a channel; beyond, it comes back later
MAX_RETRY_AFTER: Final = 3600.0


class SlackFault(OutsideError):
    """Slack did not do it. `error` is Slack's own word for why; empty if Slack did not answer at all."""

    def __init__(
        self, problem: str, *, error: str = "", permanent: bool = False, retry_after: float | None = None
    ) -> None:
        self.error = error
        super().__init__(problem, permanent=permanent, retry_after=retry_after)


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class Pace:
    """Whose turn it is in each channel: three messages at once, then one a second."""

    def __init__(self, per_second: float = STEADY, now: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._now, self._lock = per_second, now, Lock()
        self._buckets: dict[str, _Bucket] = {}

    def turn(self, channel: str) -> float:
        """Seconds to wait before posting. The turn is taken, unless the wait is longer than anybody should sit."""
        with self._lock:
            bucket = self._bucket(channel)
            wait = max(0.0, (1.0 - bucket.tokens) / self._rate)
            if wait <= PATIENCE:
                bucket.tokens -= 1.0
            return wait

    def spare(self, channel: str) -> bool:
        """Take a turn for something that can wait, only if a reply could still follow at once."""
        with self._lock:
            bucket = self._bucket(channel)
            if bucket.tokens < 2.0:
                return False
            bucket.tokens -= 1.0
            return True

    def _bucket(self, channel: str) -> _Bucket:
        now = self._now()
        bucket = self._buckets.setdefault(channel, _Bucket(float(BURST), now))
        bucket.tokens = min(float(BURST), bucket.tokens + (now - bucket.at) * self._rate)
        bucket.at = now
        return bucket


class Slack:
    """The Web API of every workspace that the bot is installed in."""

    def __init__(
        self,
        settings: SlackSettings,
        installations: InstallationStore,
        *,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        alert: Callable[[str], None] | None = None,
        pace: Pace | None = None,
    ) -> None:
        self._settings, self._installations = settings, installations
        self._now, self._sleep = now, sleep
        self._alert = alert or (lambda text: log.error("%s", text))
        self.pace = pace or Pace(now=now)
        self._lock = Lock()
        self._resting: dict[str, tuple[float, str]] = {}  # what is known to fail: until when, and why
        self._told: dict[str, str] = {}
        self._gone: set[str] = set()  # workspaces that removed the bot while this process runs

    # ── tokens ───────────────────────────────────────────────────────────────────────────────────────────────

    def token(self, team: str, enterprise: str | None = None) -> str:
        """The bot's token in a workspace; empty where it is not installed."""
        if team in self._gone:
            return ""
        if self._settings.bot_token:
            return self._settings.bot_token
        bot = self._installations.find_bot(enterprise_id=enterprise, team_id=team, is_enterprise_install=False)
        return (bot.bot_token if bot is not None else "") or ""

    def forget(self, team: str) -> None:
        """A workspace removed the bot: it is not called any more."""
        self._gone.add(team)
        self._installations.delete_all(enterprise_id=None, team_id=team)

    def remember(self, team: str) -> None:
        """A workspace installed the bot, perhaps again."""
        self._gone.discard(team)
        with self._lock:
            self._resting.pop(f"team:{team}", None)
            self._told.pop(f"team:{team}", None)

    def client(self, team: str) -> WebClient:
        """A client for one workspace; SlackFault if the bot is not installed there."""
        token = self.token(team)
        if not token:
            raise SlackFault(f"the bot is not installed in the workspace {team}", error="not_installed", permanent=True)
        return WebClient(
            token=token,
            base_url=self._settings.api_url,
            timeout=self._settings.timeout,
            retry_handlers=[],
            logger=_QUIET,
        )

    # ── calls ────────────────────────────────────────────────────────────────────────────────────────────────

    def post(self, team: str, channel: str, **arguments: Any) -> Mapping[str, Any]:
        """chat.postMessage in its turn."""
        self._await_turn(channel)
        return self.call(team, "chat.postMessage", channel=channel, **arguments)

    def _await_turn(self, channel: str) -> None:
        wait = self.pace.turn(channel)
        if wait > PATIENCE:
            raise SlackFault(f"{channel} has many messages waiting", error="paced", retry_after=wait)
        if wait > 0:
            self._sleep(wait)

    def call(self, team: str, method: str, *, place: str = "", **arguments: Any) -> Mapping[str, Any]:
        """One call, with Slack's answer; SlackFault says what became of it otherwise.

        `place` names the channel that a failure is about, where `channel` does not say it.
        """
        channel = place or str(arguments.get("channel") or arguments.get("channel_id") or "")
        keys = _keys(team, method, channel)
        self._refuse_resting(keys)
        client = self.client(team)
        sent = _fitting(method, {name: value for name, value in arguments.items() if value is not None})
        for attempt in (1, 2, 3):
            try:
                form = method in IN_FORM
                answer = client.api_call(method, params=sent) if form else client.api_call(method, json=sent)
            except SlackApiError as error:
                fault = _fault(error, method)
                if fault.error in UNDRAWN and sent.get("blocks") and attempt < 3:
                    log.error("Slack refused what %s was to show: %s; its words are sent without it", method, fault)
                    sent = _bare(sent)
                    continue
                if fault.error == "ratelimited" and attempt < 3 and (fault.retry_after or 0) <= PATIENCE:
                    self._sleep(fault.retry_after or 1.0)
                    continue
                self._note(fault, keys)
                raise fault from error
            except (URLError, OSError, http.client.HTTPException, SlackClientError, ValueError) as error:
                raise SlackFault(f"Slack does not answer {method} ({type(error).__name__})") from error
            self._well(keys)
            data = answer.data
            return data if isinstance(data, dict) else {}
        raise AssertionError("the third attempt returns or raises")

    def upload(self, team: str, name: str, content: bytes) -> str:
        """Hand Slack a file that nobody sees until it is shared; its id."""
        answer = self.call(team, "files.getUploadURLExternal", filename=name, length=len(content))
        url, file = str(answer.get("upload_url", "")), str(answer.get("file_id", ""))
        if not file or not self._ours(url):
            raise SlackFault("Slack named no place for the file")
        try:
            with httpx.Client(timeout=self._settings.timeout, follow_redirects=False) as client:
                status = client.post(url, content=content).status_code
        except httpx.HTTPError as error:
            raise SlackFault(f"Slack does not take the file ({type(error).__name__})") from error
        if status != 200:
            raise SlackFault(f"Slack does not take the file (status {status})")
        return file

    def share(self, team: str, file: str, name: str, channel: str, thread: str, comment: str = "") -> None:
        """Show an uploaded file in a thread, in the channel's turn like any message."""
        self._await_turn(channel)
        self.call(
            team,
            "files.completeUploadExternal",
            place=channel,
            files=json.dumps([{"id": file, "title": name}]),
            channel_id=channel,
            thread_ts=thread or None,
            initial_comment=comment or None,
        )

    def is_shared(self, team: str, file: str, channel: str) -> bool:
        """Whether an uploaded file is seen in a channel."""
        try:
            found = self.call(team, "files.info", file=file).get("file")
        except SlackFault as fault:
            if not fault.permanent:
                raise
            return False  # of a file that was never shared Slack may know nothing
        known = found if isinstance(found, Mapping) else {}
        shares = known.get("shares")
        kinds = shares.values() if isinstance(shares, Mapping) else ()
        seen = {name for kind in kinds if isinstance(kind, Mapping) for name in kind}
        for listed in ("channels", "groups", "ims"):
            seen.update(known.get(listed) or ())
        return channel in seen

    def fetch(self, team: str, url: str, file: str = "") -> bytes | None:
        """A file somebody sent, from Slack's own hosts only; None if it is elsewhere, too long or not to be had.

        Where no address is known, Slack is asked for that of `file`, its id. The token goes along, so no redirect is
        followed. SlackFault where Slack does not answer now.
        """
        url = url or self._address_of(team, file)
        if not url:
            return None
        if not self._ours(url):
            log.warning("a file was not fetched: it is not on a host of Slack's")
            return None
        found = bytearray()
        try:
            with (
                httpx.Client(timeout=self._settings.timeout, follow_redirects=False, trust_env=False) as client,
                client.stream(
                    "GET", url, headers={"Authorization": f"Bearer {self.token(team)}", "Accept-Encoding": "identity"}
                ) as answer,
            ):
                if answer.status_code == 429 or answer.status_code >= 500:
                    raise SlackFault(f"Slack does not hand out the file (status {answer.status_code})")
                if answer.status_code != 200 or answer.headers.get("content-encoding", "identity") != "identity":
                    return None
                for part in answer.iter_bytes():
                    found += part
                    if len(found) > self._settings.max_file:
                        return None
        except httpx.InvalidURL:
            return None
        except httpx.HTTPError as error:
            raise SlackFault(f"Slack does not hand out the file ({type(error).__name__})") from error
        return bytes(found)

    def _address_of(self, team: str, file: str) -> str:
        try:
            found = self.call(team, "files.info", file=file).get("file") if file else None
        except SlackFault as fault:
            if not fault.permanent:
                raise
            return ""  # it was deleted, or is hidden from us
        known = found if isinstance(found, Mapping) else {}
        return str(known.get("url_private_download") or known.get("url_private") or "")

    def respond(self, url: str, **message: Any) -> bool:
        """Answer an interaction by its own address; whether Slack took it."""
        if not self._ours(url):
            return False
        message = _fitting("an answer", message)
        try:
            answer = WebhookClient(url, timeout=self._settings.timeout, retry_handlers=[], logger=_QUIET).send_dict(
                message
            )
        except (URLError, OSError, http.client.HTTPException, SlackClientError, ValueError):
            return False
        return answer.status_code == 200

    def _ours(self, url: str) -> bool:
        """Whether an address is Slack's own, or that of the API we were told to use instead."""
        try:
            parts, api = urlsplit(url), urlsplit(self._settings.api_url)
            host = (parts.hostname or "").lower()
            if parts.username or parts.password:
                return False
            if self._settings.api_url != API_URL and (parts.scheme, parts.netloc) == (api.scheme, api.netloc):
                return True
            return (
                parts.scheme == "https"
                and parts.port in {None, 443}
                and host.endswith((".slack.com", ".slack-files.com"))
            )
        except ValueError:
            return False

    # ── what is known to fail ────────────────────────────────────────────────────────────────────────────────

    def _refuse_resting(self, keys: list[str]) -> None:
        with self._lock:
            for key in keys:
                until, error = self._resting.get(key, (0.0, ""))
                left = until - self._now()
                if left > 0:
                    raise SlackFault(
                        f"Slack said {error}; it is asked again in {left:.0f} s", error=error, retry_after=left
                    )

    def _note(self, fault: SlackFault, keys: list[str]) -> None:
        if fault.error == "ratelimited":
            # Nobody else asks before the time that Slack named. Posts are counted by channel, all else by method.
            key = keys[2] if keys[1].endswith(" chat.postMessage") and len(keys) > 2 else keys[1]
            with self._lock:
                self._resting[key] = (self._now() + (fault.retry_after or 1.0), fault.error)
            return
        named = next((n for n, errors in enumerate((ACCOUNT, METHOD, CHANNEL)) if fault.error in errors), None)
        if named is None or named >= len(keys):
            return
        key = keys[named]
        with self._lock:
            self._resting[key] = (self._now() + REST, fault.error)
            if self._told.get(key) == fault.error:
                return
            self._told[key] = fault.error
        self._alert(f"Slack refuses {key.replace(':', ' ')}: {fault.error}. {_REMEDY.get(fault.error, _REMEDY[''])}")

    def _well(self, keys: list[str]) -> None:
        with self._lock:
            for key in keys:
                self._resting.pop(key, None)
                self._told.pop(key, None)


def _fitting(method: str, sent: dict[str, Any]) -> dict[str, Any]:
    """What Slack would take of it. Blocks that it would refuse are left out, since the words alone still get through.

    SlackFault for a window that it would refuse: there are no words beside it.
    """
    view = sent.get("view")
    if isinstance(view, Mapping) and (wrong := limits.view_faults(view)):
        raise SlackFault(f"the window was not drawn as it should be: {'; '.join(wrong[:3])}", permanent=True)
    if isinstance(sent.get("text"), str):
        sent["text"] = limits.clip(sent["text"], limits.TEXT)
    if "blocks" in sent and (wrong := limits.faults(sent["blocks"])):
        log.error("what %s was to show is not drawn as it should be: %s", method, "; ".join(wrong[:3]))
        return _bare(sent)
    return sent


def _bare(sent: dict[str, Any]) -> dict[str, Any]:
    """The message without blocks: all the words that stood in them, where `text` has fewer."""
    whole = "\n".join(_words(block) for block in sent["blocks"])
    text = max(str(sent.get("text") or ""), whole, key=len)
    return {**sent, "text": limits.clip(text, limits.TEXT), "blocks": []}


def _words(block: Mapping[str, Any]) -> str:
    """What a block says, as mrkdwn."""
    if block.get("type") == "rich_text":
        return escape(richtext.said([block]) or "")
    if block.get("type") in {"actions", "context_actions", "input"}:
        return ""
    own, parts = block.get("text"), [*block.get("fields", ()), *block.get("elements", ())]
    texts = [part for part in ([own] if own else parts) if isinstance(part, Mapping)]
    return "\n".join(
        text if part.get("type") == "mrkdwn" else escape(text)
        for part in texts
        if (text := str(part.get("text") or ""))
    )


def _keys(team: str, method: str, channel: str) -> list[str]:
    """What a call depends on: its workspace, its method there, its channel if it has one."""
    return [f"team:{team}", f"method:{team} {method}"] + ([f"channel:{channel}"] if channel else [])


_REMEDY: Final = {
    "": "Mend it in Slack; it is tried again every ten minutes.",
    "invalid_auth": "Set HELPBOT_SLACK_BOT_TOKEN to the token shown on the app's page and restart.",
    "token_revoked": "Install the app again, set the new HELPBOT_SLACK_BOT_TOKEN and restart.",
    "account_inactive": "Install the app again, set the new HELPBOT_SLACK_BOT_TOKEN and restart.",
    "missing_scope": "Update the app from `helpbot slack manifest` and install it again.",
    "channel_not_found": "Correct case_channel, or invite the bot to the private channel with /invite.",
    "not_in_channel": "Invite the bot to the channel with /invite.",
    "is_archived": "Unarchive the channel, or name another.",
}

_QUIET: Final = logging.getLogger("helpbot.slack.sdk")
_QUIET.setLevel(logging.CRITICAL)  # the SDK logs whole responses; what matters is said by SlackFault


def _fault(error: SlackApiError, method: str) -> SlackFault:
    response = error.response
    status = getattr(response, "status_code", 0)
    data = getattr(response, "data", None)
    name = str(data.get("error", "")) if isinstance(data, dict) else ""
    if not _WORD.fullmatch(name):
        name = ""  # the SDK's own words for an answer that was none of Slack's
    if status == 429 or name in {"ratelimited", "rate_limited"}:
        after = retry_after(getattr(response, "headers", {}) or {})
        return SlackFault(f"Slack wants fewer calls of {method}", error="ratelimited", retry_after=after)
    if status >= 500 or name in PASSING or not name:
        return SlackFault(f"Slack failed at {method} ({name or f'status {status}'})", error=name)
    if name in ACCOUNT | METHOD | CHANNEL:
        return SlackFault(f"Slack refused {method}: {name}", error=name)
    detail = ""
    if isinstance(data, dict):
        notes = (
            data.get("response_metadata", {}).get("messages", [])
            if isinstance(data.get("response_metadata"), dict)
            else []
        )
        detail = f" ({'; '.join(str(note)[:200] for note in notes[:2])})" if notes else ""
    return SlackFault(f"Slack refused {method}: {name}{detail}", error=name, permanent=True)


def retry_after(headers: Mapping[str, Any], default: float = 1.0) -> float:
    """Seconds of a Retry-After header, in digits or as a date; `default` for anything that makes no sense."""
    raw = next((value for name, value in headers.items() if str(name).lower() == "retry-after"), "")
    text = str(raw[0] if isinstance(raw, list) and raw else raw).strip()
    if text.isascii() and text.isdecimal() and len(text) < 9:
        return min(float(text), MAX_RETRY_AFTER) or default
    from email.utils import parsedate_to_datetime

    try:
        left = (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds()
    except (TypeError, ValueError):
        return default
    return min(left, MAX_RETRY_AFTER) if left > 0 else default
