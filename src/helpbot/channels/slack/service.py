"""Slack as one thing to start and stop: listeners, workers, the sender, and what is kept up to date beside them."""

from __future__ import annotations

import contextlib
import logging
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from helpbot.channels.slack import blocks as draw
from helpbot.channels.slack.app import Listeners
from helpbot.channels.slack.calls import Pace, Slack, SlackFault
from helpbot.channels.slack.deeds import Deeds, Engine
from helpbot.channels.slack.files import Files, Shelf
from helpbot.channels.slack.gate import SlackGate
from helpbot.channels.slack.installations import Installations, OAuthStates
from helpbot.channels.slack.people import People
from helpbot.channels.slack.sender import SlackSender
from helpbot.channels.slack.settings import SlackSettings
from helpbot.channels.slack.state import Database, Deed, Mark, Mood, Root, SlackState
from helpbot.desk.desk import Desk, utc_now
from helpbot.errors import CallError, Fault, OutsideError, SettingError
from helpbot.escalation.brief import one_line

__all__ = ["SlackService"]

log = logging.getLogger("helpbot.slack")

IDLE: Final = 1.0  # seconds between two looks, beside being woken
FORGET_EVERY: Final = 3600.0
MARKS: Final = {
    Mood.SENT: "hourglass_flowing_sand",
    Mood.DELIVERED: "white_check_mark",
    Mood.READ: "eyes",
    Mood.FAILED: "warning",
}


class SlackService:
    """Everything of Slack. `gate` is mounted in the web app, `sender` is given to the courier."""

    def __init__(
        self,
        settings: SlackSettings,
        desk: Desk,
        database: Database,
        engine: Engine,
        *,
        scopes: Sequence[str] = (),
        clock: Callable[[], datetime] = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        alert: Callable[[str], None] | None = None,
        shelf: Shelf | None = None,
        pace: Pace | None = None,
    ) -> None:
        """`database` is the store's engine, `shelf` holds the website's files, `alert` tells an operator, once."""
        self._settings, self._desk, self._clock, self._now = settings, desk, clock, monotonic
        self._alert = alert or (lambda text: log.error("%s", text))
        self.state = SlackState(database, clock)
        self._installations = Installations(self.state)
        self.slack = Slack(settings, self._installations, now=monotonic, sleep=sleep, alert=self._alert, pace=pace)
        self._installations.on_saved(self._installed)
        self.people = People(self.slack, settings, monotonic)
        files = Files(self.slack, self.state, settings, shelf)
        self.sender = SlackSender(
            self.slack,
            self.state,
            settings,
            clock,
            files=files,
            home=self.home,
            titles=engine.title,
            source=engine.source,
        )
        self._asides = ThreadPoolExecutor(max_workers=2, thread_name_prefix="helpbot-slack-aside")
        self._deeds = Deeds(
            desk,
            self.slack,
            self.state,
            self.people,
            self.sender,
            files,
            settings,
            engine,
            clock,
            aside=self._aside,
        )
        self._work = threading.Condition()
        self._woken = 0
        self.listeners = Listeners(
            self.state,
            self.slack,
            settings,
            engine.search,
            installations=self._installations,
            states=OAuthStates(self.state, clock),
            bot_scopes=scopes,
            wake=self._wake,
        )
        self.gate = SlackGate(self.listeners.app, settings.signing_secret, clock, alert=self._alert)
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._socket: SocketModeHandler | None = None
        self._forgot = monotonic()
        for team in self.state.all_kept("revoked"):
            if not settings.bot_token:
                self.slack.forget(team)

    # ── running ──────────────────────────────────────────────────────────────────────────────────────────────

    def start(self) -> None:
        """Begin to work off what Slack says. Returns at once."""
        self._stop.clear()
        for n in range(self._settings.workers):
            self._spawn(self._work_on, f"helpbot-slack-{n}")
        self._spawn(self._keep_up, "helpbot-slack-keeper")

    def stop(self, patience: float = 10.0) -> None:
        """Let go of Slack and finish what is being done."""
        self._stop.set()
        if self._socket is not None:
            self._socket.client.auto_reconnect_enabled = False
            # The SDK's close stumbles when its own reader closes first; either way it is closed.
            with contextlib.suppress(Exception):
                self._socket.close()  # type: ignore[no-untyped-call]  # bolt leaves it untyped
            self._socket = None
        with self._work:
            self._work.notify_all()
        until = time.monotonic() + patience
        for thread in self._threads:
            thread.join(timeout=max(0.1, until - time.monotonic()))
        self._threads.clear()
        self._asides.shutdown(wait=False, cancel_futures=True)

    def connect(self) -> None:
        """Listen through Socket Mode, for who has no public address. Returns when Slack said hello."""
        if not self._settings.app_token:
            raise SettingError(
                [
                    Fault(
                        "HELPBOT_SLACK_APP_TOKEN",
                        0,
                        "Socket Mode needs an app-level token and none is set",
                        "Make one with the scope connections:write on the app's page, under Basic Information",
                    )
                ]
            )
        client = WebClient(base_url=self._settings.api_url, timeout=self._settings.timeout)
        handler = SocketModeHandler(
            self.listeners.app,
            self._settings.app_token,
            web_client=client,
            logger=logging.getLogger("helpbot.slack.socket"),
        )
        logging.getLogger("helpbot.slack.socket").setLevel(logging.ERROR)
        try:
            handler.connect()  # type: ignore[no-untyped-call]  # bolt leaves it untyped
        except SlackApiError as error:
            raise OutsideError(
                f"Slack refuses Socket Mode ({error.response.get('error')}): correct HELPBOT_SLACK_APP_TOKEN",
                permanent=True,
            ) from error
        except Exception as error:
            raise OutsideError(f"Slack's Socket Mode cannot be reached ({type(error).__name__})") from error
        self._socket = handler

    def run_socket(self) -> None:
        """`helpbot slack`: connect, work, and return when `stop` is called from elsewhere."""
        self.connect()
        self.start()
        self._stop.wait()

    def work(self, most: int = 1_000) -> int:
        """Work off what is due, here and now; says how much it was. For tests and for `run_once` callers."""
        done = 0
        while done < most and self._one():
            done += 1
        return done

    def _spawn(self, target: Callable[[], None], name: str) -> None:
        thread = threading.Thread(target=target, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _aside(self, work: Callable[[], object]) -> None:
        """Run what nobody waits for; dropped while we are stopping."""
        if not self._stop.is_set():
            self._asides.submit(work)

    def _wake(self) -> None:
        with self._work:
            self._woken += 1
            self._work.notify()

    def _work_on(self) -> None:
        while not self._stop.is_set():
            seen = self._woken
            try:
                busy = self._one()
            except Exception as error:
                log.error("slack: the inbox cannot be read (%s: %s)", type(error).__name__, error)
                busy = False
                self._stop.wait(IDLE)
            if not busy:
                with self._work:
                    if self._woken == seen and not self._stop.is_set():
                        self._work.wait(IDLE)

    def _one(self) -> bool:
        deed = self.state.claim()
        if deed is None:
            return False
        try:
            self._deeds.do(deed)
        except (CallError, OutsideError) as error:
            self._again(deed, error, error.retry_after)
        except Exception as error:
            self._again(deed, error, None)
            log.exception("slack: %s %s failed", deed.kind, deed.key)
        else:
            self.state.done(deed)
        return True

    def _again(self, deed: Deed, error: Exception, after: float | None) -> None:
        wait = timedelta(seconds=after if after is not None else min(600.0, 2.0 ** min(deed.attempts, 9)))
        if isinstance(error, OutsideError) and error.permanent:
            log.warning("slack: %s was given up: %s", deed.kind, error)
            self.state.done(deed)
        elif not self.state.failed(deed, f"{type(error).__name__}: {error}", wait):
            self._alert(f"Something from Slack ({deed.kind}) was given up after {deed.attempts} tries: {error}")

    # ── what is kept up to date ──────────────────────────────────────────────────────────────────────────────

    def _keep_up(self) -> None:
        while not self._stop.wait(IDLE):
            try:
                self.keep_up()
            except Exception as error:
                log.error("slack: what is shown could not be brought up to date (%s: %s)", type(error).__name__, error)

    def keep_up(self) -> None:
        """Draw cases and marks as they are now, where replies leave room; send the summary when it is time."""
        for root in self.state.undrawn(20):
            self._redraw(root)
        for mark in self.state.unshown(20):
            self._show(mark)
        self._summarise()
        if self._now() - self._forgot > FORGET_EVERY:
            self._forgot = self._now()
            self.state.forget_old()

    def _redraw(self, root: Root) -> None:
        team, channel, ts = root.key.split(":")
        if not self.slack.pace.spare(channel):
            return
        drawn = self.sender.root(team, self._desk.case(root.case_id))
        try:
            self.slack.call(team, "chat.update", channel=channel, ts=ts, text=drawn.text, blocks=list(drawn.blocks))
        except SlackFault as fault:
            if fault.error in {"message_not_found", "cant_update_message", "edit_window_closed"}:
                self.state.drawn(root)  # somebody deleted it: there is nothing to keep up to date
                return
            self.state.draw_later(root, timedelta(seconds=fault.retry_after or 30))
            return
        self.state.drawn(root)

    def _show(self, mark: Mark) -> None:
        """Say on an agent's message what became of it."""
        try:
            if mark.shown in MARKS:
                self._react(mark, "reactions.remove", MARKS[mark.shown])
            self._react(mark, "reactions.add", MARKS[mark.state])
            if mark.state == Mood.FAILED:
                drawn = draw.failed(mark.reason, mark.message)
                self.slack.post(
                    mark.team, mark.channel, thread_ts=mark.root, text=drawn.text, blocks=list(drawn.blocks)
                )
        except SlackFault as fault:
            if not fault.permanent:
                return  # shown at the next look; the call itself waits out what Slack asked for
        self.state.shown(mark)

    def _react(self, mark: Mark, method: str, name: str) -> None:
        try:
            self.slack.call(mark.team, method, channel=mark.channel, timestamp=mark.ts, name=name)
        except SlackFault as fault:
            if fault.error not in {"already_reacted", "no_reaction", "message_not_found", "too_many_reactions"}:
                raise

    def _summarise(self) -> None:
        if self._settings.summary_at is None or not self._settings.case_channel:
            return
        now = self._clock().astimezone(ZoneInfo(self._settings.summary_zone))
        due = datetime.combine(now.date(), self._settings.summary_at, tzinfo=now.tzinfo)
        # A bot that starts in the afternoon does not tell about the morning.
        if not due <= now < due + timedelta(hours=1):
            return
        if not self.state.keep_first("summary", now.date().isoformat(), True):
            return
        drawn = self.summary(due - timedelta(days=1), due)
        try:
            self.slack.post(self.home(), self._settings.case_channel, text=drawn.text, blocks=list(drawn.blocks))
        except SlackFault as fault:
            if not fault.permanent:
                self.state.drop("summary", now.date().isoformat())
            log.warning("slack: the daily summary was not sent: %s", fault)

    def summary(self, start: datetime, end: datetime) -> draw.Drawn:
        """What happened between two moments, and what is waiting."""
        cases = self._desk.cases(limit=5_000)
        opened = [case for case in cases if start <= case.opened_at < end]
        resolved = [case for case in cases if case.resolved_at is not None and start <= case.resolved_at < end]
        waiting = sorted((case for case in cases if case.is_open), key=lambda case: (case.opened_at, case.number))
        unheld = [case for case in waiting if not case.owner] or waiting
        oldest = None
        if unheld:
            first = unheld[0]
            oldest = (first.number, first.product_name, _age(end - first.opened_at), self._root_link(first.id))
        # An error for which nothing was even offered is one the articles do not know.
        unknown: Counter[str] = Counter()
        as_written: dict[str, str] = {}
        for case in opened:
            if not case.tried and case.error_message_given:
                line = one_line(case.error_message, 200)
                alike = re.sub(r"\d+", "#", line.casefold())  # an error is the same with another id in it
                unknown[alike] += 1
                as_written.setdefault(alike, line)
        return draw.summary(
            day=f"{start:%A} {start.day} {start:%B}",
            opened=len(opened),
            resolved=len(resolved),
            waiting=len(waiting),
            oldest=oldest,
            unknown=[(as_written[alike], count) for alike, count in unknown.most_common(5)],
        )

    def _root_link(self, case_id: str) -> str:
        """Where a case is seen by agents; empty where Slack does not say."""
        for root in self.state.roots(case_id):
            team, channel, ts = root.key.split(":")
            with contextlib.suppress(SlackFault):
                answer = self.slack.call(team, "chat.getPermalink", channel=channel, message_ts=ts)
                return str(answer.get("permalink", ""))
        return ""

    def read(self, conversation_id: str, seq: int) -> None:
        """Another channel's user has read everything up to a message: agents in Slack see it on theirs."""
        self.state.read_up_to(conversation_id, seq)

    # ── where we are ─────────────────────────────────────────────────────────────────────────────────────────

    def home(self) -> str:
        """The workspace of the agents' channel."""
        if self._settings.case_team:
            return self._settings.case_team
        kept = self.state.kept("team", "home")
        if kept:
            return str(kept)
        if not self._settings.bot_token:
            teams = self._installations.teams()
            if len(teams) == 1:
                return teams[0]
            raise SlackFault(
                "it is not known which workspace has the case channel: set slack.case_team", retry_after=600
            )
        answer = self.slack.call("", "auth.test")
        team = str(answer.get("team_id", ""))
        self.state.keep("team", "home", team)
        return team

    def _installed(self, team: str) -> None:
        self.state.drop("revoked", team)
        self.slack.remember(team)

    @property
    def waiting(self) -> int:
        """How many things from Slack are still to be dealt with."""
        return self.state.waiting()


def _age(length: timedelta) -> str:
    hours = int(length.total_seconds() // 3600)
    if hours < 1:
        return "for less than an hour"
    return f"for {hours} hours" if hours < 48 else f"for {hours // 24} days"
