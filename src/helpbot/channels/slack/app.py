"""The listeners: each keeps what Slack said, committed, and then answers Slack. What is done about it is in `deeds`.

The very same listeners serve HTTP and Socket Mode. An error here is answered 503, and Slack sends it again.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from slack_bolt import Ack, App, BoltResponse
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.authorization.authorize import CallableAuthorize
from slack_bolt.oauth.oauth_settings import OAuthSettings
from slack_sdk import WebClient

from helpbot.channels.slack import payloads, views
from helpbot.channels.slack.blocks import ACTION, chosen
from helpbot.channels.slack.calls import Slack
from helpbot.channels.slack.installations import Installations, OAuthStates
from helpbot.channels.slack.mrkdwn import typed
from helpbot.channels.slack.payloads import Heard
from helpbot.channels.slack.settings import Mode, SlackSettings
from helpbot.channels.slack.state import SlackState
from helpbot.channels.slack.views import VIEW
from helpbot.desk.records import Act

__all__ = ["SHORTCUT", "Listeners"]

log = logging.getLogger("helpbot.slack")

SHORTCUT: Final = "find_a_fix"
INSTALL: Final = "/slack/install"
REDIRECT: Final = "/slack/oauth_redirect"

Body = Mapping[str, Any]


class Listeners:
    """Bolt's app over our own inbox."""

    def __init__(
        self,
        state: SlackState,
        slack: Slack,
        settings: SlackSettings,
        engine_search: Any,
        *,
        installations: Installations,
        states: OAuthStates,
        bot_scopes: Sequence[str] = (),
        wake: Any = lambda: None,
    ) -> None:
        """`engine_search(words, count)` finds resolutions; `wake` tells the workers that there is something to do."""
        self._state, self._slack, self._settings = state, slack, settings
        self._search, self._wake = engine_search, wake
        oauth = None
        if settings.oauth:
            oauth = OAuthSettings(
                client_id=settings.client_id,
                client_secret=settings.client_secret,
                scopes=list(bot_scopes),
                installation_store=installations,
                state_store=states,
                install_path=INSTALL,
                redirect_uri_path=REDIRECT,
                redirect_uri=f"{settings.public_url}{REDIRECT}" if settings.public_url else None,
                install_page_rendering_enabled=False,
            )
            # Bolt's own way asks Slack (auth.test) before it answers Slack; ours asks the database.
            oauth.authorize = CallableAuthorize(logger=log, func=self._authorize_with())
        self.app = App(
            name="helpbot",
            logger=logging.getLogger("helpbot.slack.bolt"),
            client=WebClient(base_url=settings.api_url, timeout=settings.timeout, retry_handlers=[]),
            process_before_response=True,  # a listener ends before Slack is answered, so that what it kept is committed
            request_verification_enabled=False,  # the gate did it on the raw bytes; Socket Mode has no signatures
            ssl_check_enabled=False,  # as well the gate's
            token_verification_enabled=False,
            ignoring_self_events_enabled=False,  # `payloads.heard` drops every bot's words
            attaching_function_token_enabled=False,
            attaching_conversation_kwargs_enabled=False,
            **({"oauth_settings": oauth} if oauth else {"authorize": self._authorize_with()}),
        )
        logging.getLogger("helpbot.slack.bolt").setLevel(logging.ERROR)
        self._listen()

    def _authorize_with(self) -> Any:
        """Who we are in a workspace, by the database alone: bolt hands a plain function what its parameters name."""

        def authorize(team_id: str | None, enterprise_id: str | None) -> AuthorizeResult:
            token = self._slack.token(team_id or "", enterprise_id)
            return AuthorizeResult(enterprise_id=enterprise_id, team_id=team_id, bot_token=token or "none")

        return authorize

    # ── what is listened to ──────────────────────────────────────────────────────────────────────────────────

    def _listen(self) -> None:
        app = self.app
        app.event("message")(self.on_message)
        app.event("app_mention")(self.on_message)
        app.event("app_home_opened")(self.on_home)
        app.event("assistant_thread_started")(self.on_assistant)
        app.event("tokens_revoked")(self.on_removed)
        app.event("app_uninstalled")(self.on_removed)
        app.event(re.compile(r".*"))(self.on_other)  # unhandled events would be answered 404, and be sent again
        app.command(self._settings.command)(self.on_command)
        app.shortcut(SHORTCUT)(self.on_shortcut)
        app.action(re.compile(rf"^{ACTION.CHOICE}\.\d+$"))(self.on_choice)
        for action, kind in ((ACTION.FORM, "form"), (ACTION.SHARE, "share"), (ACTION.FEEDBACK, "feedback")):
            app.action(action)(self._on_button(kind))
        app.action(ACTION.OFFER)(self.on_offer)
        app.action(ACTION.DECLINE)(self.on_offer)
        app.action(re.compile(rf"^{ACTION.CASE}\.[a-z_]+$"))(self.on_case)
        app.action(ACTION.RETRY)(self.on_retry)
        app.action(re.compile(rf"^{ACTION.ASK}\.\d+$"))(self.on_prompt)
        app.action(re.compile(rf"^{ACTION.NOTICE}\.[A-Z0-9]+$"))(self.on_notice)
        app.action(ACTION.NOTICE_CHANNEL)(self.on_notice)
        app.action(re.compile(r".*"))(self.on_nothing)
        app.view(VIEW.ESCALATE)(self.on_escalation)
        app.view(VIEW.ASK_BOT)(self.on_ask_bot)
        for callback, on_view in (
            (VIEW.REPLY, self.on_reply),
            (VIEW.ASK, self.on_ask),
            (VIEW.RESOLVE, self.on_resolve),
            (VIEW.SUGGEST, self.on_suggest),
        ):
            app.view(callback)(on_view)
        app.options(VIEW.RESOLUTIONS)(self.on_options)
        # What an older or newer manifest may still send: acknowledged, so that nobody sees an error for it.
        anything = re.compile(r".*")
        for listen in (app.command, app.shortcut, app.view, app.options):
            listen(anything)(self.on_nothing)
        app.error(self.on_error)

    def on_error(self, error: Exception, body: Body) -> BoltResponse:
        """Nothing was kept, so nothing is acknowledged."""
        log.error("Slack's %s could not be kept: %s", body.get("type", "call"), error)
        return BoltResponse(status=503, body="", headers={"Retry-After": "5"})

    def _keep(self, key: str, lane: str, kind: str, data: Body, place: Mapping[str, str] | None = None) -> None:
        if self._state.accept(key[:300], lane, kind, data, place):
            self._wake()

    # ── events ───────────────────────────────────────────────────────────────────────────────────────────────

    def on_message(self, body: dict[str, Any]) -> None:
        """Somebody said something: to the bot, in a thread of its, in a case's thread, or to nobody."""
        gone = payloads.unsaid(body)
        changed = gone or payloads.edited(body)
        if changed is not None:
            known = self._state.thread(changed.place.key)
            if known is not None and known.kind == "case":
                self._keep(changed.key, changed.place.key, "case_edited", asdict(changed))
            elif known is not None and known.who == changed.user:
                self._keep(changed.key, changed.place.key, "unsaid" if gone else "edited", asdict(changed))
            return
        said = payloads.heard(body)
        if said is None:
            return
        kind = self._kind(said, body)
        if kind == "said":
            place = {"key": said.place.key, "kind": "user", "thread": said.place.key, "who": said.user}
            self._keep(said.key, said.place.key, kind, asdict(said), place)
        elif kind:
            self._keep(said.key, said.place.key, kind, asdict(said))

    def _kind(self, said: Heard, body: Body) -> str:
        """What a message is to us; empty for nothing. Only what is something to us takes the message's key."""
        known = self._state.thread(said.place.key)
        if known is not None and known.kind == "case":
            return "case_message"
        if said.dm or said.mention:
            return "said"
        if not payloads.own_user(body) and "@" in said.text and body.get("event", {}).get("type") == "message":
            # Who is meant cannot be told from this event; if it is us, its app_mention comes as well.
            return "said" if known is not None and known.who == said.user else ""
        if known is not None:
            return "said" if known.who == said.user else ""
        if said.in_thread or not said.text or self._mode(said) is Mode.OFF:
            return ""
        return "noticed" if payloads.looks_like_question(said.text, self._settings.notice_min_words) else ""

    def _mode(self, said: Heard) -> Mode:
        kept = self._state.kept("notice", f"{said.team}:{said.channel}")
        return Mode(kept) if kept in set(Mode) else self._settings.notices.get(said.channel, Mode.OFF)

    def on_home(self, body: dict[str, Any]) -> None:
        """The app was opened: its home page, or the talk with it."""
        event = body.get("event") or {}
        team, user = payloads.team_of(body), str(event.get("user", ""))
        kind = "prompts" if event.get("tab") == "messages" else "home"
        data = {"team": team, "user": user, "channel": event.get("channel", ""), "thread": ""}
        self._keep(f"event:{body.get('event_id', '')}", f"home:{team}:{user}", kind, data)

    def on_assistant(self, body: dict[str, Any]) -> None:
        """A talk was opened in the legacy assistant view."""
        thread = (body.get("event") or {}).get("assistant_thread") or {}
        team = payloads.team_of(body)
        data = {"team": team, "user": thread.get("user_id", ""), "channel": thread.get("channel_id", "")}
        self._keep(
            f"event:{body.get('event_id', '')}",
            f"home:{team}:{data['user']}",
            "prompts",
            {**data, "thread": thread.get("thread_ts", "")},
        )

    def on_removed(self, body: dict[str, Any]) -> None:
        """The bot was removed from a workspace, or its token taken back."""
        event, team = body.get("event") or {}, str(body.get("team_id", ""))
        if event.get("type") == "tokens_revoked" and not (event.get("tokens") or {}).get("bot"):
            return
        self._keep(f"event:{body.get('event_id', '')}", f"team:{team}", "uninstalled", {"team": team})

    def on_other(self) -> None:
        """Events that are nothing to us are acknowledged."""

    # ── commands and shortcuts ───────────────────────────────────────────────────────────────────────────────

    def on_command(self, body: dict[str, Any], ack: Ack) -> None:
        """The slash command."""
        data = {
            "team": body.get("team_id", ""),
            "channel": body.get("channel_id", ""),
            "user": body.get("user_id", ""),
            "text": typed(str(body.get("text") or "")),
            "trigger": body.get("trigger_id", ""),
            "response_url": body.get("response_url", ""),
        }
        self._keep(f"command:{data['trigger']}", f"{data['team']}:{data['user']}", "command", data)
        ack()

    def on_shortcut(self, body: dict[str, Any], ack: Ack) -> None:
        """ "Find a fix" on a message."""
        message = body.get("message") or {}
        data = {
            **_who(body),
            "text": payloads.words_of(message),
            "files": [asdict(file) for file in payloads.files(message.get("files")) if file.snippet],
            "thread": str(message.get("thread_ts") or ""),
        }
        self._keep(f"shortcut:{data['trigger']}", f"{data['team']}:{data['user']}", "shortcut", data)
        ack()

    # ── buttons ──────────────────────────────────────────────────────────────────────────────────────────────

    def on_choice(self, body: dict[str, Any], action: dict[str, Any], ack: Ack) -> None:
        """One of the choices of a reply."""
        value = payloads.value(action.get("value"))
        message = body.get("message") or {}
        data = {
            **_who(body),
            "value": value,
            "blocks": message.get("blocks") or [],
            "text": message.get("text") or "",
            "label": chosen(message.get("blocks") or (), str(action.get("action_id"))) or _label(action),
        }
        self._keep(_press_key(body, action), f"talk:{value.get('c', '')}", "chose", data)
        ack()

    def _on_button(self, kind: str) -> Any:
        def on_button(body: dict[str, Any], action: dict[str, Any], ack: Ack) -> None:
            value = payloads.value(action.get("value"))
            self._keep(_press_key(body, action), f"talk:{value.get('c', '')}", kind, {**_who(body), "value": value})
            ack()

        return on_button

    def on_offer(self, body: dict[str, Any], action: dict[str, Any], ack: Ack) -> None:
        """The offered answer is wanted, or is not."""
        value = payloads.value(action.get("value"))
        data = {**_who(body), "value": value, "yes": action.get("action_id") == ACTION.OFFER}
        self._keep(_press_key(body, action), str(value.get("p", "")), "offer", data)
        ack()

    def on_case(self, body: dict[str, Any], action: dict[str, Any], ack: Ack) -> None:
        """A button of a case."""
        act, case = str(action.get("action_id", "")).partition(".")[2], str(action.get("value") or "")
        self._keep(_press_key(body, action), f"case:{case}", "case", {**_who(body), "act": act, "case": case})
        ack()

    def on_retry(self, body: dict[str, Any], action: dict[str, Any], ack: Ack) -> None:
        """Send a message to a user again."""
        mark = str(action.get("value") or "")
        self._keep(_press_key(body, action), f"mark:{mark}", "retry", {**_who(body), "mark": mark})
        ack()

    def on_prompt(self, body: dict[str, Any], action: dict[str, Any], ack: Ack) -> None:
        """A frequent problem of the home page."""
        data = {**_who(body), "text": str(action.get("value") or "")}
        self._keep(_press_key(body, action), f"home:{data['team']}:{data['user']}", "ask", data)
        ack()

    def on_notice(self, body: dict[str, Any], action: dict[str, Any], ack: Ack) -> None:
        """A channel's setting on the home page; a channel that is added begins with the quiet offer."""
        name = str(action.get("action_id", ""))
        added = name == ACTION.NOTICE_CHANNEL
        data = {
            **_who(body),
            "notice_channel": str(action.get("selected_conversation") or "") if added else name.partition(".")[2],
            "mode": Mode.OFFER.value if added else str((action.get("selected_option") or {}).get("value", "")),
        }
        if data["notice_channel"]:
            self._keep(_press_key(body, action), f"home:{data['team']}:{data['user']}", "notice", data)
        ack()

    def on_nothing(self, ack: Ack) -> None:
        """Choosing in a form and following a link need no answer but this."""
        ack()

    # ── forms ────────────────────────────────────────────────────────────────────────────────────────────────

    def on_escalation(self, body: dict[str, Any], view: dict[str, Any], ack: Ack) -> None:
        """The form that opens a case."""
        form = views.read_escalation(view)
        if form.errors:
            ack(response_action="errors", errors=dict(form.errors))
            return
        data = {
            **_who(body),
            "conversation": form.conversation,
            "values": dict(form.values),
            "files": [asdict(file) for file in form.files],
        }
        self._keep(_view_key(body, view), f"talk:{form.conversation}", "escalated", data)
        ack()

    def on_ask_bot(self, body: dict[str, Any], view: dict[str, Any], ack: Ack) -> None:
        """The form of an empty command."""
        text = views.read_text(view, "text")["text"]
        if not text.strip():
            ack(response_action="errors", errors={"text": "Write a question, or paste an error message."})
            return
        data = {**_who(body), "text": text}
        self._keep(_view_key(body, view), f"home:{data['team']}:{data['user']}", "ask", data)
        ack()

    def _submitted(self, body: Body, view: Body, act: Act, values: Mapping[str, Any], ack: Ack) -> None:
        data = {**_who(body), "act": act.value, **values}
        self._keep(_view_key(body, view), f"case:{values.get('case', '')}", "agent", data)
        ack()

    def on_reply(self, body: dict[str, Any], view: dict[str, Any], ack: Ack) -> None:
        """Words for the user."""
        values = views.read_text(view, "text")
        if not values["text"].strip():
            ack(response_action="errors", errors={"text": "Write what the user is to read."})
            return
        files = [asdict(file) for file in views.read_files(view, "files")]
        self._submitted(body, view, Act.REPLY, {**values, "files": files}, ack)

    def on_ask(self, body: dict[str, Any], view: dict[str, Any], ack: Ack) -> None:
        """What an agent needs."""
        case, field, text, errors = views.read_ask(view)
        if errors:
            ack(response_action="errors", errors=errors)
            return
        self._submitted(body, view, Act.ASK, {"case": case, "field": field.value if field else "", "text": text}, ack)

    def on_resolve(self, body: dict[str, Any], view: dict[str, Any], ack: Ack) -> None:
        """Why a case is resolved."""
        values = views.read_text(view, "reason", "text")
        reason = dict(views.REASONS).get(values.get("reason", ""), values.get("reason", ""))
        told = values.get("text", "").strip()
        self._submitted(
            body,
            view,
            Act.RESOLVE,
            {"case": values.get("case", ""), "reason": f"{reason}: {told}"[:1_900] if told else reason},
            ack,
        )

    def on_suggest(self, body: dict[str, Any], view: dict[str, Any], ack: Ack) -> None:
        """A resolution was picked."""
        values = views.read_text(view, "near", "search")
        picked = values["search"] or values["near"]
        if not picked:
            ack(response_action="errors", errors={"search": "Pick a fix above, or search for one here."})
            return
        self._submitted(body, view, Act.SUGGEST, {"case": values.get("case", ""), "resolution": picked}, ack)

    def on_options(self, body: dict[str, Any], ack: Ack) -> None:
        """Resolutions for the words typed so far."""
        found = self._search(str(body.get("value") or "")[:300], 20)
        ack(
            options=[
                {"text": {"type": "plain_text", "text": title[:75] or name[:75]}, "value": name[:150]}
                for name, title in found
            ]
        )


def _who(body: Body) -> dict[str, Any]:
    """Who pressed, where: what every interaction tells."""
    user, container = body.get("user") or {}, body.get("container") or {}
    team, view = body.get("team") or {}, body.get("view") or {}
    message = body.get("message") or {}
    # A window that somebody of another company submits names both workspaces; the bot knows only its own.
    own = view.get("app_installed_team_id") if isinstance(view, Mapping) else ""
    return {
        "team": str(own or team.get("id") or user.get("team_id") or ""),
        "channel": str((body.get("channel") or {}).get("id") or container.get("channel_id") or ""),
        "user": str(user.get("id") or ""),
        "user_team": str(user.get("team_id") or ""),
        "ts": str(container.get("message_ts") or message.get("ts") or ""),
        "root": str(container.get("thread_ts") or message.get("thread_ts") or ""),
        "ephemeral": bool(container.get("is_ephemeral")),
        "trigger": str(body.get("trigger_id") or ""),
        "response_url": str(body.get("response_url") or ""),
    }


def _press_key(body: Body, action: Body) -> str:
    who = _who(body)
    parts = (
        who["team"],
        who["channel"],
        who["ts"],
        who["user"],
        action.get("action_id", ""),
        action.get("action_ts", ""),
    )
    return "press:" + ":".join(str(part) for part in parts)


def _view_key(body: Body, view: Body) -> str:
    """A window is submitted once, however often it is sent: its id is its own."""
    return f"view:{_who(body)['team']}:{view.get('id', '')}"


def _label(action: Body) -> str:
    text = action.get("text")
    return str(text.get("text", "")) if isinstance(text, Mapping) else ""
