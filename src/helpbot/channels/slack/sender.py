"""Deliveries to Slack: a case to its agents, a user's words to the case's thread, the bot's and agents' words to users.

A post is noted before Slack is called and again with its timestamp afterwards. After a crash in between, Slack is
asked for the post by the delivery's id, which travels in the message's metadata; so nothing is said twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from helpbot.channels.slack import blocks as draw
from helpbot.channels.slack import limits
from helpbot.channels.slack.calls import CHANNEL, THREAD, UNSURE, Slack, SlackFault
from helpbot.channels.slack.files import Files
from helpbot.channels.slack.places import Place, user_of
from helpbot.channels.slack.settings import SlackSettings
from helpbot.channels.slack.state import Mark, Mood, SlackState
from helpbot.desk.failpoints import reach
from helpbot.desk.records import Delivery, Message, Parcel, SendResult, file_name
from helpbot.errors import OutsideError
from helpbot.escalation.case import Case, case_from_json
from helpbot.escalation.routing import Kind
from helpbot.messages import Channel

__all__ = ["EVENT_TYPE", "SlackSender"]

EVENT_TYPE: Final = "helpbot_delivery"
# The address that answers a command may be used five times within half an hour; stay well inside.
RESPONSES: Final = 4
FRESH: Final = timedelta(minutes=25)
FILE_TRIES: Final = 3  # of copying a file before the case goes on without it


class SlackSender:
    """What the courier hands Slack's deliveries to. Safe to be called from several threads."""

    name = "slack"

    def __init__(
        self,
        slack: Slack,
        state: SlackState,
        settings: SlackSettings,
        clock: Callable[[], datetime],
        *,
        files: Files,
        home: Callable[[], str],
        titles: Callable[[str], str] = str,
        source: Callable[[str], str] = lambda resolution: "",
    ) -> None:
        """`home` is the agents' workspace; `titles` names a resolution, `source` the section that it comes from."""
        self._slack, self._state, self._settings, self._clock = slack, state, settings, clock
        self._files, self._home, self._titles, self._section = files, home, titles, source
        self.links = draw.Links(public_url=settings.public_url)

    def send(self, parcel: Parcel) -> SendResult:
        """Send it and return when Slack has it; OutsideError if it did not take it."""
        kind = parcel.delivery.kind
        if kind == Kind.MESSAGE_TO_USER:
            return self._to_user(parcel)
        case = parcel.case or case_from_json(parcel.delivery.payload["case"])
        if kind == Kind.CASE_OPENED:
            return self._opened(parcel, case)
        if kind in {Kind.MESSAGE_TO_AGENTS, Kind.MESSAGE_BESIDE}:
            return self._to_agents(parcel, case)
        return self._updated(parcel, case)

    # ── to agents ────────────────────────────────────────────────────────────────────────────────────────────

    def _opened(self, parcel: Parcel, case: Case) -> SendResult:
        team, channel = self._home(), parcel.route.target or self._settings.case_channel
        delivery = parcel.delivery
        drawn = self.root(team, case, parcel)
        ts, channel = self._post(team, channel, drawn, delivery, "root")
        self._state.open_place(
            key=f"{team}:{channel}:{ts}", kind="case", case_id=case.id, conversation=case.conversation
        )
        if len(case.error_message) > draw.ERROR_SHOWN:
            self._whole_error(team, channel, ts, case, delivery)
        # What was said since comes by itself, however late this is.
        before = [message for message in parcel.transcript if message.at <= delivery.created_at]
        said = [(m.at, _speaker(m, case), _spoken(m)) for m in before]
        for n, part in enumerate(draw.transcript(said) if said else ()):
            self._post(team, channel, part, delivery, f"transcript.{n}", thread=ts)
        for message in before:
            if message.author == "user":
                self._copy_files(team, channel, ts, message, delivery)
        return SendResult(receipt={"team": team, "channel": channel, "ts": ts})

    def _to_agents(self, parcel: Parcel, case: Case) -> SendResult:
        team, channel, ts = self._thread_of(parcel, case)
        payload, delivery = parcel.delivery.payload, parcel.delivery
        if payload.get("tell") in {"user_message", "beside"}:
            names = tuple(file_name(str(name)) for name in payload.get("attachments", ()))
            text = str(payload.get("text", ""))
            # A colleague may speak in the asker's thread, under their own name.
            who = (parcel.message.name if parcel.message else "") or case.person.name or draw.user_label(case)
            edited = bool(parcel.message and self._state.kept("edit", parcel.message.key))
            posts = draw.user_words(who, text, names, edited=edited, answered=str(payload.get("answered", "")))
        else:
            posts = draw.user_words("The bot", str(payload.get("text", "")))
        for n, drawn in enumerate(posts):
            self._post(team, channel, drawn, delivery, f"words.{n}", thread=ts)
        if parcel.message is not None:
            self._copy_files(team, channel, ts, parcel.message, delivery)
        self._state.redraw(case.id)
        return SendResult(receipt={"team": team, "channel": channel, "ts": ts})

    def _updated(self, parcel: Parcel, case: Case) -> SendResult:
        """Have the root drawn anew when replies leave room; agents' words from elsewhere go to the thread."""
        payload = parcel.delivery.payload
        if payload.get("tell") == "agent_reply" and payload.get("source") != "slack" and parcel.message is not None:
            team, channel, ts = self._thread_of(parcel, case)
            message = parcel.message
            who = message.name or case.owner or "An agent"
            where = str(payload.get("source") or "")
            source = {"slack-form": "", "": "", "cli": "from the terminal"}.get(where, f"from {where}")
            posted = ""
            names = tuple(file_name(name) for name in message.attachments)
            for n, drawn in enumerate(draw.agent_line(who, message.text, names, note=source)):
                posted, _ = self._post(team, channel, drawn, parcel.delivery, f"words.{n}", thread=ts)
            self._copy_files(team, channel, ts, message, parcel.delivery)
            reached = Mood.SENT if case.channel is Channel.SLACK else Mood.DELIVERED
            self._state.mark(
                Mark(
                    message=message.id, team=team, channel=channel, ts=posted, root=ts, who="", state=reached, shown="",
                    reason="", delivery="",
                )
            )  # fmt: skip
        self._state.redraw(case.id)
        return SendResult(receipt={"redraw": "asked for"})

    def root(self, team: str, case: Case, parcel: Parcel | None = None) -> draw.Drawn:
        """A case's root message as it is now."""
        return draw.case_root(
            case, self._settings, titles=self._titles, told=self._article, source=self._source(team, case, parcel)
        )

    def _article(self, resolution: str) -> str:
        section = self._section(resolution)
        return f"{self._settings.public_url}/articles/{section}" if section and self._settings.public_url else ""

    def _source(self, team: str, case: Case, parcel: Parcel | None) -> str:
        """A link to the user's own thread, where agents may see it."""
        if case.channel is not Channel.SLACK:
            return ""
        kept = self._state.kept("permalink", case.conversation)
        if kept is not None:
            return str(kept)
        place = Place.read(parcel.conversation.thread) if parcel is not None and parcel.conversation else None
        if place is None or place.is_dm or place.private or place.team != team:
            return ""
        try:
            answer = self._slack.call(
                team, "chat.getPermalink", place=place.channel, channel=place.channel, message_ts=place.ts
            )
        except SlackFault:
            return ""
        found = str(answer.get("permalink", ""))
        self._state.keep("permalink", case.conversation, found)
        return found

    def _whole_error(self, team: str, channel: str, ts: str, case: Case, delivery: Delivery) -> None:
        """An error too long for the root: the whole of it, as a file; in pieces where files are not taken."""
        name, whole = f"{case.number}-error.txt", case.error_message.encode()
        try:
            self._files.put(team, channel, ts, name, whole, delivery, "error", "The whole error message")
        except SlackFault as fault:
            if not fault.permanent and fault.error != "missing_scope":
                raise
            for n, piece in enumerate(limits.pieces(case.error_message, 11_000)):
                block = {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": piece}]}
                part = draw.Drawn(text="The whole error message", blocks=(draw.rich(block),))
                self._post(team, channel, part, delivery, f"error.{n}", thread=ts)

    def _copy_files(self, team: str, channel: str, ts: str, message: Message, delivery: Delivery) -> None:
        """A message's files, for agents to open. After a few tries the case goes on, and says what is missing."""
        for n, found in enumerate(self._files.of(message)):
            part = f"file.{message.seq}.{n}"
            try:
                content = found.content()
                if content is not None:
                    self._files.put(team, channel, ts, found.name, content, delivery, part)
                    continue
            except SlackFault as fault:
                if not fault.permanent and delivery.attempts <= FILE_TRIES:
                    raise
            self._post(team, channel, draw.not_copied(found.name, found.link), delivery, f"{part}.not", thread=ts)

    def _enclose(self, place: Place, message: Message, delivery: Delivery) -> None:
        """An agent's files, into the user's thread. OutsideError while one is not there."""
        for n, found in enumerate(self._files.of(message)):
            content = found.content()
            if content is None:
                raise OutsideError(f"Slack does not hand out {found.name}", permanent=True)
            self._files.put(place.team, place.channel, place.ts, found.name, content, delivery, f"file.{n}")

    def _thread_of(self, parcel: Parcel, case: Case) -> tuple[str, str, str]:
        """Where a case's thread is. OutsideError while its root message is not there yet."""
        opened = parcel.opened
        if opened.get("ts"):
            return opened.get("team") or self._home(), opened["channel"], opened["ts"]
        for root in self._state.roots(case.id):
            team, channel, ts = root.key.split(":")
            if channel == parcel.route.target or not parcel.route.target:
                return team, channel, ts
        raise OutsideError(f"{case.number} has no thread in Slack yet", retry_after=5)

    # ── to users ─────────────────────────────────────────────────────────────────────────────────────────────

    def _to_user(self, parcel: Parcel) -> SendResult:
        message, view = parcel.message, parcel.conversation
        if message is None or view is None:
            raise OutsideError("the message is not there any more", permanent=True)
        place = Place.read(view.thread)
        if place is None:
            raise OutsideError(f"{view.thread!r} is no place in Slack", permanent=True)
        speaker = message.name if message.author == "agent" else ""
        try:
            place, receipt = self._say(parcel.delivery, message, place, user_of(view.person.id), speaker)
            if message.author == "agent":
                self._enclose(place, message, parcel.delivery)
        except OutsideError as fault:
            self._state.went(
                message.id,
                Mood.FAILED if fault.permanent else Mood.SENT,
                reason=_why(fault),
                delivery=parcel.delivery.id,
            )
            # Users are in many channels: one that has had enough for now holds nobody up elsewhere.
            fault.alone = isinstance(fault, SlackFault) and fault.error in {"paced", "ratelimited"}
            raise
        reach("after-send")
        if message.author == "agent":
            self._state.went(message.id, Mood.DELIVERED, delivery=parcel.delivery.id)
        return SendResult(receipt=receipt)

    def _say(
        self, delivery: Delivery, message: Message, place: Place, user: str, speaker: str
    ) -> tuple[Place, Mapping[str, str]]:
        """Post a message where its user is; where that came to be, and the receipt."""
        conversation = message.conversation
        drawn = self.drawn(message, speaker=speaker, shareable=bool(place.private) and not place.is_dm)
        moved = self._state.kept("moved", place.key)
        if moved is None and place.private:
            if message.author != "agent" and self._respond(place, drawn):
                return place, {"to": "response_url"}
            moved = self._direct(place, user, conversation)
        if moved is not None:
            place = Place(team=place.team, channel=str(moved["channel"]), ts=str(moved["ts"]))
        try:
            ts, channel = self._said(delivery, place, drawn)
        except SlackFault as fault:
            if fault.error not in CHANNEL | THREAD or (place.is_dm and not place.ts):
                raise
            # The channel is gone; the person is not.
            dm = self._direct(place, user, conversation)
            place = Place(team=place.team, channel=str(dm["channel"]), ts=str(dm["ts"]))
            ts, channel = self._said(delivery, place, drawn)
        return replace(place, channel=channel), {"team": place.team, "channel": channel, "ts": ts}

    def drawn(self, message: Message, *, speaker: str = "", shareable: bool = False) -> draw.Drawn:
        """A message as its user sees it."""
        files = tuple(file_name(name) for name in message.attachments)
        if message.reply is None:
            return _words(message.text, speaker)
        return draw.answer(
            message.reply,
            conversation=message.conversation,
            seq=message.seq,
            links=self.links,
            shareable=shareable,
            speaker=speaker,
            text=message.text,
            files=files,
        )

    def _said(self, delivery: Delivery, place: Place, drawn: draw.Drawn) -> tuple[str, str]:
        found = ("", place.channel)
        for n, group in enumerate(limits.messages(drawn.blocks)):
            part = draw.Drawn(text=drawn.text, blocks=tuple(group))
            found = self._post(place.team, place.channel, part, delivery, f"said.{n}", thread=place.ts)
        return found

    def _respond(self, place: Place, drawn: draw.Drawn) -> bool:
        """Answer a command where it was typed, for its writer alone, as long as Slack lets us."""
        kept = self._state.kept("respond", place.key)
        if not kept or int(kept["left"]) <= 0 or self._clock() - datetime.fromisoformat(kept["at"]) > FRESH:
            return False
        groups = limits.messages(drawn.blocks)
        if len(groups) > int(kept["left"]):
            return False  # half of it here and half elsewhere helps nobody
        for group in groups:
            thread = {"thread_ts": place.ts} if place.ts else {}
            if not self._slack.respond(
                str(kept["url"]),
                response_type="ephemeral",
                replace_original=False,
                text=drawn.text,
                blocks=group,
                **thread,
            ):
                return False
        self._state.keep("respond", place.key, {**kept, "left": int(kept["left"]) - len(groups)})
        return True

    def _direct(self, place: Place, user: str, conversation: str) -> dict[str, str]:
        """A direct message with a user, which from now on holds the conversation: its thread is opened with a line."""
        answer = self._slack.call(place.team, "conversations.open", users=user)
        opened = answer.get("channel")
        channel = str(opened.get("id", "")) if isinstance(opened, Mapping) else ""
        root = self._slack.post(place.team, channel, text="About your question:", unfurl_links=False)
        moved = {"channel": channel, "ts": str(root.get("ts", ""))}
        self._state.keep("moved", place.key, moved)
        self._state.open_place(
            key=f"{place.team}:{channel}:{moved['ts']}",
            kind="user",
            thread=place.key,
            who=user,
            conversation=conversation,
        )
        return moved

    # ── one post ─────────────────────────────────────────────────────────────────────────────────────────────

    def _post(
        self, team: str, channel: str, drawn: draw.Drawn, delivery: Delivery, part: str, *, thread: str = ""
    ) -> tuple[str, str]:
        """Make one post of a delivery, once; its (ts, channel)."""
        known = self._state.begin(delivery.id, part, channel)
        if known == "":
            known = self._find(team, channel, thread, delivery, part)
        if known:
            self._state.posted(delivery.id, part, channel, known)
            return known, channel
        try:
            answer = self._slack.post(
                team,
                channel,
                text=drawn.text or "…",
                blocks=list(drawn.blocks) or None,
                thread_ts=thread or None,
                metadata={"event_type": EVENT_TYPE, "event_payload": {"delivery": delivery.id, "part": part}},
                unfurl_links=False,
                unfurl_media=False,
            )
        except SlackFault as fault:
            if fault.error not in UNSURE:  # Slack answered, and did not take it
                self._state.withdraw(delivery.id, part)
            raise
        reach("after-send")
        ts, at = str(answer.get("ts", "")), str(answer.get("channel") or channel)
        self._state.posted(delivery.id, part, at, ts)
        return ts, at

    def _find(self, team: str, channel: str, thread: str, delivery: Delivery, part: str) -> str:
        """The ts of a post that was begun and may have been made; empty if Slack does not have it."""
        oldest = f"{(delivery.created_at - timedelta(minutes=10)).timestamp():.6f}"
        cursor = ""
        for _ in range(10):
            asked: dict[str, Any] = {
                "channel": channel,
                "oldest": oldest,
                "limit": 200,
                "include_all_metadata": True,
                **({"cursor": cursor} if cursor else {}),
                **({"ts": thread} if thread else {}),
            }
            answer = self._slack.call(team, "conversations.replies" if thread else "conversations.history", **asked)
            for message in _list(answer.get("messages")):
                meta = message.get("metadata") if isinstance(message, Mapping) else None
                inside = meta.get("event_payload") if isinstance(meta, Mapping) else None
                if isinstance(inside, Mapping) and (inside.get("delivery"), inside.get("part")) == (delivery.id, part):
                    return str(message.get("ts", ""))
            more = answer.get("response_metadata")
            cursor = str(more.get("next_cursor", "")) if isinstance(more, Mapping) else ""
            if not cursor:
                break
        return ""


# What an agent can make something of; Slack's own word goes along for who has to look it up.
_REASONS: Final = {
    **dict.fromkeys(("user_not_found", "users_not_found", "user_disabled"), "the user has left this workspace"),
    **dict.fromkeys(("is_archived", "channel_is_archived", "channel_not_found"), "the user's channel is gone"),
    "not_in_channel": "the bot is not in the user's channel any more; /invite it there",
    "restricted_action": "the bot may not write in the user's channel",
    "missing_scope": "the Slack app lacks a permission; an operator has to update it",
}


def _why(fault: OutsideError) -> str:
    error = fault.error if isinstance(fault, SlackFault) else ""
    return f"{_REASONS[error]} ({error})" if error in _REASONS else str(fault)


def _words(text: str, speaker: str) -> draw.Drawn:
    from helpbot.messages import Outcome, Reply

    reply = Reply(outcome=Outcome.ANSWER, text=text)
    return draw.answer(reply, conversation="", seq=0, links=draw.Links(), speaker=speaker, text=text)


def _speaker(message: Message, case: Case) -> str:
    if message.author == "user":
        return message.name or case.person.name or draw.user_label(case)
    return message.name or {"bot": "Bot", "agent": "Agent"}.get(message.author, "System")


def _spoken(message: Message) -> str:
    names = ", ".join(file_name(name) for name in message.attachments)
    return "\n".join(part for part in (message.text, f"[{names}]" if names else "") if part)


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else ()
