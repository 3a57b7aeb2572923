"""What is done about each thing Slack told us, once Slack is answered. May be run again: every effect has a key."""

from __future__ import annotations

import contextlib
import hashlib
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import Event
from typing import Any, Final

from helpbot.channels.slack import blocks as draw
from helpbot.channels.slack import limits, views
from helpbot.channels.slack.calls import UNSURE, Slack, SlackFault
from helpbot.channels.slack.files import Enclosed, Files
from helpbot.channels.slack.mrkdwn import escape
from helpbot.channels.slack.payloads import GONE, File, Heard, addressed
from helpbot.channels.slack.people import People
from helpbot.channels.slack.places import Place, person_id
from helpbot.channels.slack.sender import SlackSender
from helpbot.channels.slack.settings import Mode, Prompt, SlackSettings
from helpbot.channels.slack.state import Deed, Mark, Mood, SlackState, Thread
from helpbot.desk.desk import Desk
from helpbot.desk.records import Act, AgentCommand, DeliveryState, Receipt, Visibility, file_name
from helpbot.dialogue.conversation import Conversation, Owner, Phase
from helpbot.errors import CallError, Code, OutsideError
from helpbot.messages import Channel, Field, Inbound, Outcome, Reply

__all__ = ["Deeds", "Engine"]

log = logging.getLogger("helpbot.slack")

# What is the caller's to know and not worth another try.
FINAL: Final = frozenset({Code.INVALID, Code.NOT_FOUND, Code.CONFLICT, Code.KEY_REUSED, Code.TOO_LARGE, Code.FORBIDDEN})
THINKING: Final = ("Reading the error …", "Looking through the articles …", "Checking the steps …")
EDITABLE: Final = frozenset({Phase.WAITING, Phase.WITH_AGENT})
STILL_TALKING: Final = timedelta(hours=4)  # what is said below an answer that long after it may be said to it
STATUS_WAIT: Final = 1.0  # seconds that an answer waits for the line that says it is being looked for
FILE_TRIES: Final = 4  # of fetching an agent's file before the words go without it
LATE: Final = "That took too long. Please press the button again."
EDIT_STAYS: Final = "The user has this as you first sent it. Write the correction as a new reply."
EDIT_UNSENT: Final = "An edit sends nothing. Write it as a new message, and it goes to the user."
NOT_AN_AGENT: Final = "Only the agents named in helpbot's settings can work on cases."


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """What Slack needs of the knowledge: an answer without a conversation, resolutions and what is known of them."""

    answer: Callable[[str], Reply]
    search: Callable[[str, int], Sequence[tuple[str, str]]]  # words, how many -> (resolution, title), best first
    title: Callable[[str], str] = str
    source: Callable[[str], str] = lambda resolution: ""  # the section it comes from, as `article#anchor`
    prompts: Callable[[], Sequence[Prompt]] = tuple
    leans: Callable[[Conversation, str], bool] = lambda now, text: False  # whether words go on with a talk


class Deeds:
    """Does what `SlackState.accept` kept."""

    def __init__(
        self,
        desk: Desk,
        slack: Slack,
        state: SlackState,
        people: People,
        sender: SlackSender,
        files: Files,
        settings: SlackSettings,
        engine: Engine,
        clock: Callable[[], datetime],
        *,
        aside: Callable[[Callable[[], object]], None],
    ) -> None:
        """`aside` runs a thing that nobody waits for, such as a status line, in another thread."""
        self._desk, self._slack, self._state, self._people = desk, slack, state, people
        self._sender, self._files, self._settings = sender, files, settings
        self._engine, self._clock, self._aside = engine, clock, aside
        self._by_kind: dict[str, Callable[[Mapping[str, Any], Deed], None]] = {
            "said": self._said,
            "noticed": self._noticed,
            "edited": self._edited,
            "unsaid": self._unsaid,
            "case_message": self._case_message,
            "case_edited": self._case_edited,
            "command": self._command,
            "shortcut": self._shortcut,
            "chose": self._chose,
            "form": self._form,
            "escalated": self._escalated,
            "share": self._share,
            "feedback": self._feedback,
            "offer": self._offer,
            "case": self._case_button,
            "agent": self._agent,
            "retry": self._retry,
            "home": self._home,
            "prompts": self._prompts,
            "ask": self._ask,
            "notice": self._notice,
            "uninstalled": self._uninstalled,
        }

    def do(self, deed: Deed) -> None:
        """Do one deed. What is worth another try is raised; what is the user's to know is told to them."""
        data = deed.payload
        try:
            self._by_kind[deed.kind](data, deed)
        except CallError as error:
            if error.code not in FINAL:
                raise
            self._tell(data, _sentence(error))

    # ── people who ask ───────────────────────────────────────────────────────────────────────────────────────

    def _said(self, data: Mapping[str, Any], deed: Deed) -> None:
        said = _heard(data)
        known = self._state.thread(said.place.key)
        if said.dm and known is not None:
            known = self._taken_up(said, known)
        place = Place.read(known.thread) if known is not None and known.thread else said.place
        assert place is not None
        with self._thinking(said, known.conversation if known is not None else "") as answered:
            receipt = self._receive(said, place, self._with_snippets(said.text, said.team, said.files, deed))
            answered(any(message.author != "user" for message in receipt.messages))
        if said.dm:
            last = [place.key, receipt.conversation_id]
            if self._state.kept("last", f"{said.team}:{said.channel}") != last:
                self._state.keep("last", f"{said.team}:{said.channel}", last)

    def _taken_up(self, said: Heard, known: Thread) -> Thread:
        """The thread of a direct message, which goes on with the last talk where its words lean on it.

        In a direct message people answer below, not in the thread: "no" there is said to the last answer. What they
        are told follows them to where they wrote.
        """
        last = self._state.kept("last", f"{said.team}:{said.channel}")
        if last and not said.in_thread and not known.conversation and last[0] != known.thread:
            with contextlib.suppress(CallError):  # it was erased
                view = self._desk.conversation(last[1])
                fresh = view.phase in EDITABLE or self._clock() - view.touched_at <= STILL_TALKING
                own = view.person.id == person_id(said.team, said.user)
                if own and fresh and self._engine.leans(view.now, said.text):
                    self._state.join_place(said.place.key, last[0], last[1])
                    known = self._state.thread(said.place.key) or known
        if known.thread and (known.thread != said.place.key or self._state.kept("moved", known.thread)):
            self._state.keep("moved", known.thread, {"channel": said.channel, "ts": said.root})
        return known

    def _receive(self, said: Heard, place: Place, text: str | None = None) -> Receipt:
        self._files.remember(said.key, said.team, said.files)
        receipt = self._desk.receive(
            Inbound(
                key=said.key,
                channel=Channel.SLACK,
                thread=place.key,
                person=self._people.person(said.team, said.user),
                text=said.text if text is None else text,
                attachments=tuple(file.name for file in said.files),
            )
        )
        self._settle(receipt, said.place.key)
        return receipt

    def _with_snippets(self, typed: str, team: str, files: Sequence[File], deed: Deed) -> str:
        """What was typed, with the texts that were too long to be typed: Slack makes snippets of them."""
        read = self._files.snippets(team, files, patient=deed.attempts < FILE_TRIES)
        pasted = [f"```\n{text.strip(chr(10))}\n```" for text in read if text.strip()]
        return "\n".join(part for part in (typed, *pasted) if part)

    def _settle(self, receipt: Receipt, place_key: str = "") -> None:
        """What follows from every act of a user: their thread has a conversation, and what stood above was read."""
        if place_key:
            self._state.name_place(place_key, receipt.conversation_id)
        if receipt.messages:
            self._state.read_up_to(receipt.conversation_id, receipt.messages[0].seq - 1)

    def _edited(self, data: Mapping[str, Any], deed: Deed) -> None:
        """An edit is passed on while people look at the case; before that it changes nothing that was answered."""
        said = replace(_heard(data), files=())  # those were there before
        known = self._state.thread(said.place.key)
        if known is None or not known.conversation or known.who != said.user:
            return
        if self._desk.conversation(known.conversation).phase not in EDITABLE:
            return
        place = Place.read(known.thread)
        assert place is not None
        self._state.keep("edit", said.key, True)
        self._receive(said, place)

    def _unsaid(self, data: Mapping[str, Any], deed: Deed) -> None:
        """A user deleted words that people are looking at: the case's thread says so, and keeps what it has."""
        said = _heard(data)
        known = self._state.thread(said.place.key)
        if known is None or not known.conversation:
            return
        view = self._desk.conversation(known.conversation)
        if view.phase not in EDITABLE or not self._state.keep_first("unsent", said.key, True):
            return
        drawn = draw.taken_back(view.person.name or "The user", float(said.ts))
        for case in self._desk.cases(conversation=view.id, open_only=True):
            for root in self._state.roots(case.id):
                team, channel, ts = root.key.split(":")
                with contextlib.suppress(SlackFault):
                    self._slack.post(team, channel, thread_ts=ts, text=drawn.text, blocks=list(drawn.blocks))

    def _noticed(self, data: Mapping[str, Any], deed: Deed) -> None:
        """A question that nobody put to the bot: spoken up for once, and only when sure."""
        said = _heard(data)
        mode = self._mode(said.team, said.channel)
        reply = self._engine.answer(said.text)
        sure = reply.outcome is Outcome.ANSWER and reply.confidence >= self._settings.notice_confidence
        if mode is Mode.OFF or not sure:
            return
        if not self._state.keep_first("noticed", said.place.key, dict(data)):
            spoken = self._state.kept("noticed", said.place.key)
            if not spoken or spoken.get("ts") != said.ts:
                return  # once a thread; only this very deed may be taken up again
        if mode is Mode.ANSWER:
            self._open(said)
            self._receive(said, said.place)
            return
        drawn = draw.offer(reply, said.place.key, said.ts)
        self._slack.call(
            said.team,
            "chat.postEphemeral",
            channel=said.channel,
            user=said.user,
            text=drawn.text,
            blocks=list(drawn.blocks),
        )

    def _offer(self, data: Mapping[str, Any], deed: Deed) -> None:
        """The writer wants the answer that was offered, or does not."""
        value = data["value"]
        if data.get("response_url"):
            self._slack.respond(str(data["response_url"]), delete_original=True)
        kept = self._state.kept("noticed", str(value.get("p", "")))
        if not kept or not data.get("yes"):
            return
        said = _heard(kept)
        if said.user != data["user"]:
            return
        self._open(said)
        self._receive(said, said.place)

    def _open(self, said: Heard) -> None:
        self._state.open_place(key=said.place.key, kind="user", thread=said.place.key, who=said.user)

    def _command(self, data: Mapping[str, Any], deed: Deed) -> None:
        """`/helpbot TEXT`: answered for its writer alone."""
        if not str(data["text"]).strip():
            self._window(data, views.ask_bot(str(data["channel"])))
            return
        self._private(data, deed, ts="")

    def _shortcut(self, data: Mapping[str, Any], deed: Deed) -> None:
        """ "Find a fix" on somebody's message: answered for who pressed it."""
        files = [File(**file) for file in data.get("files", ())]
        text = self._with_snippets(str(data["text"]), str(data["team"]), files, deed)
        if not text.strip():
            self._tell(data, "There is no text in that message that I could look for.")
            return
        self._private({**data, "text": text}, deed, ts=str(data.get("thread", "")))

    def _private(self, data: Mapping[str, Any], deed: Deed, *, ts: str) -> None:
        team, channel, user = str(data["team"]), str(data["channel"]), str(data["user"])
        place = Place(team=team, channel=channel, ts=ts, private=hashlib.sha256(deed.key.encode()).hexdigest()[:16])
        if data.get("response_url") and self._state.kept("respond", place.key) is None:
            at = self._clock().isoformat()
            self._state.keep("respond", place.key, {"url": data["response_url"], "left": 4, "at": at})
        receipt = self._desk.receive(
            Inbound(
                key=deed.key,
                channel=Channel.SLACK,
                thread=place.key,
                person=self._people.person(team, user),
                text=str(data["text"]),
            )
        )
        self._settle(receipt)

    def _chose(self, data: Mapping[str, Any], deed: Deed) -> None:
        """A choice was pressed. One press of one choice of one message counts, however often it is pressed."""
        value = data["value"]
        view = self._desk.conversation(str(value.get("c", "")))
        if not self._may_press(data, view.person.id):
            return
        choice = str(value.get("o", ""))
        receipt = self._desk.receive(
            Inbound(
                key=f"{data['team']}:{data['channel']}:{value.get('s', '')}:{choice}"[:255],
                channel=Channel.SLACK,
                thread=view.thread,
                person=view.person,
                choice=choice,
            )
        )
        self._settle(receipt)
        if not receipt.replayed and any(m.reply is not None and m.reply.awaiting for m in receipt.messages):
            # Opened at once, for who likes forms; the thread asks the same, for who likes to type. Before anything
            # else, since Slack lets it be opened for three seconds only.
            with contextlib.suppress(SlackFault):
                self._window(data, self._escalation_view(view.id), late="")
        self._press(data)

    def _press(self, data: Mapping[str, Any]) -> None:
        """The message shows what was chosen instead of its buttons."""
        label = str(data.get("label", ""))
        blocks, text = data.get("blocks") or (), str(data.get("text", ""))
        if not blocks and data.get("ephemeral"):  # Slack tells no more of a message that one person sees than its id
            blocks, text = self._drawn_again(data["value"])
        shown = draw.pressed(blocks, label, str(data["user"]) if not data.get("ephemeral") else "")
        text = text or label
        with contextlib.suppress(SlackFault):
            if data.get("ephemeral"):
                self._slack.respond(str(data.get("response_url", "")), replace_original=True, text=text, blocks=shown)
            elif data.get("ts"):
                self._slack.call(
                    str(data["team"]), "chat.update", channel=data["channel"], ts=data["ts"], text=text, blocks=shown
                )

    def _drawn_again(self, value: Mapping[str, Any]) -> tuple[Sequence[draw.Block], str]:
        """The message that has a button, from the record: the last of it, where it took several."""
        found = self._desk.messages(str(value.get("c", "")), after=int(value.get("s", 0)) - 1, limit=1)
        if not found:
            return (), ""
        drawn = self._sender.drawn(found[0])
        return limits.messages(drawn.blocks)[-1], drawn.text

    def _may_press(self, data: Mapping[str, Any], owner: str) -> bool:
        """A conversation's buttons are for who asked, and for agents."""
        team, user = str(data["team"]), str(data["user"])
        if owner == person_id(team, user) or self._people.is_agent(team, user, str(data.get("user_team", ""))):
            return True
        self._tell(data, "Only the person who asked can choose here. Mention me to ask a question of your own.")
        return False

    def _form(self, data: Mapping[str, Any], deed: Deed) -> None:
        """The button that opens the form."""
        view = self._desk.conversation(str(data["value"].get("c", "")))
        if not self._may_press(data, view.person.id):
            return
        if view.phase is not Phase.ASKING:
            self._tell(data, "That form is closed already.")
            return
        self._window(data, self._escalation_view(view.id))

    def _escalation_view(self, conversation: str) -> draw.Block:
        return views.escalation(self._desk.conversation(conversation).now, conversation)

    def _escalated(self, data: Mapping[str, Any], deed: Deed) -> None:
        """The form came back. The same window twice is one case."""
        view = self._desk.conversation(str(data["conversation"]))
        if not self._may_press(data, view.person.id):
            return
        values = dict(data["values"])
        name = Field.ERROR_MESSAGE.value
        values[name] = views.whole_error(values.get(name, ""), view.now.error.value)
        files = tuple(File(**file) for file in data.get("files", ()))
        self._files.remember(deed.key, str(data["team"]), files)
        self._settle(
            self._desk.receive(
                Inbound(
                    key=deed.key,
                    channel=Channel.SLACK,
                    thread=view.thread,
                    person=view.person,
                    form=values,
                    attachments=tuple(file.name for file in files),
                )
            )
        )

    def _share(self, data: Mapping[str, Any], deed: Deed) -> None:
        """An answer that one person saw is posted for all, and the conversation goes on in its thread."""
        value = data["value"]
        view = self._desk.conversation(str(value.get("c", "")))
        place = Place.read(view.thread)
        found = self._desk.messages(view.id, after=int(value.get("s", 0)) - 1, limit=1)
        if place is None or not found or not self._may_press(data, view.person.id):
            return
        once = f"{place.key}:{value.get('s')}"
        if self._state.kept("shared", once):
            return  # presses of one conversation come one after the other
        drawn = self._sender.drawn(found[0])
        user = str(data["user"])
        asked = next((m.text for m in self._desk.messages(view.id, limit=1) if m.author == "user"), "")
        lead = draw.user_words("Question", asked)[0].blocks[1:2] if asked else ()
        note = {"type": "context", "elements": [{"type": "mrkdwn", "text": f"Shared by <@{user}>"}]}
        try:
            answer = self._slack.post(
                place.team,
                place.channel,
                text=drawn.text,
                blocks=[note, *lead, *drawn.blocks],
                thread_ts=place.ts or None,
                unfurl_links=False,
            )
        except SlackFault as fault:
            if fault.error in UNSURE:
                raise
            self._tell(data, "I cannot post in this channel. Invite me with /invite, then share again.")
            return
        self._state.keep("shared", once, True)
        ts = place.ts or str(answer.get("ts", ""))
        self._state.keep("moved", place.key, {"channel": place.channel, "ts": ts})
        self._state.open_place(
            key=f"{place.team}:{place.channel}:{ts}", kind="user", thread=place.key, who=user, conversation=view.id
        )
        if data.get("response_url"):
            self._slack.respond(str(data["response_url"]), delete_original=True)

    def _feedback(self, data: Mapping[str, Any], deed: Deed) -> None:
        value = data["value"]
        self._desk.feedback(f"{value.get('c', '')}.{value.get('s', '')}", bool(value.get("u")))
        thanks = (
            "Thank you." if value.get("u") else "Thank you. The authors of the articles will see that it did not help."
        )
        self._tell(data, thanks)

    # ── agents ───────────────────────────────────────────────────────────────────────────────────────────────

    def _case_message(self, data: Mapping[str, Any], deed: Deed) -> None:
        """Words in a case's thread: an agent's note, or with a prefix their reply. Of nobody else."""
        said = _heard(data)
        known = self._state.thread(said.place.key)
        if known is None:
            return
        words, out, explicit = addressed(said.text, self._settings)
        if not self._people.is_agent(said.team, said.user, said.user_team):
            if explicit and out:
                self._tell(data, NOT_AN_AGENT)
            return
        agent = self._people.person(said.team, said.user)
        if not words.strip() and not said.files:
            return
        names = tuple(file.name for file in said.files)
        act = Act.REPLY if out else Act.NOTE
        if act is Act.REPLY:
            enclosed = self._enclosed(said.key, said.team, said.files, known.case_id, deed)
            if not words.strip() and not enclosed.names:
                with contextlib.suppress(SlackFault):
                    self._react(said.team, said.channel, said.ts, "warning")
                return
            names = enclosed.names
        text = words if words.strip() else f"sent {', '.join(file_name(name) for name in names)}"
        command = AgentCommand(
            key=said.key, case=known.case_id, agent=agent, act=act, text=text, attachments=names, source="slack"
        )
        try:
            receipt = self._desk.agent(command)
        except CallError as error:
            if error.code not in FINAL:
                raise
            with contextlib.suppress(SlackFault):
                self._react(said.team, said.channel, said.ts, "warning")
            self._tell(data, _sentence(error))
            return
        if act is Act.REPLY:
            self._note_reply(
                receipt.messages, said.team, said.channel, said.ts, said.root, said.user, receipt.case.channel
            )

        elif said.mention and words.strip():
            self._aside_for(said, words)

    def _aside_for(self, said: Heard, words: str) -> None:
        """An agent put a question to the bot beside a case: answered to them alone."""
        drawn = draw.aside(self._engine.answer(words), self._sender.links)
        with contextlib.suppress(SlackFault):
            self._slack.call(
                said.team,
                "chat.postEphemeral",
                channel=said.channel,
                user=said.user,
                thread_ts=said.root,
                text=drawn.text,
                blocks=list(drawn.blocks) or None,
            )

    def _case_edited(self, data: Mapping[str, Any], deed: Deed) -> None:
        """An agent changed or deleted words in a case's thread: what the user has of them stays as it is."""
        said = _heard(data)
        _, out, explicit = addressed(said.text, self._settings)
        if self._state.sent_from(said.channel, said.ts):
            self._tell(data, EDIT_STAYS)
        elif out and explicit and said.edited_at != GONE:
            self._tell(data, EDIT_UNSENT)

    def _enclosed(self, key: str, team: str, files: Sequence[File], case_id: str, deed: Deed) -> Enclosed:
        """An agent's files ready for the user; of those that stay behind the case's thread is told."""
        case = self._desk.case(case_id)
        enclosed = self._files.enclose(key, team, files, case, patient=deed.attempts < FILE_TRIES)
        if enclosed.lost and self._state.keep_first("unsent", key, True):
            drawn = draw.left_behind([(lost.name, lost.why) for lost in enclosed.lost])
            for root in self._state.roots(case.id):
                home, channel, ts = root.key.split(":")
                with contextlib.suppress(SlackFault):
                    self._slack.post(home, channel, thread_ts=ts, text=drawn.text, blocks=list(drawn.blocks))
        return enclosed

    def _note_reply(
        self, messages: Sequence[Any], team: str, channel: str, ts: str, root: str, user: str, where: Channel
    ) -> None:
        reached = Mood.SENT if where is Channel.SLACK else Mood.DELIVERED
        for message in messages:
            if message.author == "agent" and message.visibility is Visibility.PUBLIC:
                self._state.mark(
                    Mark(
                        message=message.id, team=team, channel=channel, ts=ts, root=root, who=user, state=reached,
                        shown="", reason="", delivery="",
                    )
                )  # fmt: skip

    def _case_button(self, data: Mapping[str, Any], deed: Deed) -> None:
        """A button of a case's root message."""
        act, case_id = str(data["act"]), str(data["case"])
        known = self._state.thread(f"{data['team']}:{data['channel']}:{data['ts']}")
        if known is None or known.case_id != case_id:
            self._tell(data, "That case is closed already.")
            return
        if not self._agent_presses(data):
            return
        case = self._desk.case(case_id)
        if not case.is_open and act != "reopen":
            self._state.redraw(case_id)
            self._tell(data, f"{case.number} is closed already. Reopen it first.")
            return
        windows: dict[str, Callable[[], draw.Block]] = {
            "reply": lambda: views.reply(case),
            "ask": lambda: views.ask(case),
            "resolve": lambda: views.resolve(case),
            "suggest": lambda: views.suggest(
                case, self._engine.search(f"{case.error_message[:2_000]}\n{case.question}", 5)
            ),
        }
        if act in windows:
            self._window(data, windows[act]())
            return
        acts = {"claim": Act.CLAIM, "reopen": Act.REOPEN, "hand_back": Act.HAND_BACK}
        if act in acts:
            self._command_of(data, deed, AgentCommand(key=deed.key, case=case_id, agent=self._who(data), act=acts[act]))

    def _agent(self, data: Mapping[str, Any], deed: Deed) -> None:
        """A submitted window of an agent."""
        if not self._agent_presses(data):
            return
        case, act, text = str(data["case"]), Act(str(data["act"])), str(data.get("text", ""))
        field = Field(str(data["field"])) if data.get("field") else None
        files = tuple(File(**file) for file in data.get("files", ()))
        enclosed = self._enclosed(deed.key, str(data["team"]), files, case, deed) if files else Enclosed()
        command = AgentCommand(
            key=deed.key,
            case=case,
            agent=self._who(data),
            act=act,
            text=text,
            field=field,
            resolution=str(data.get("resolution", "")),
            reason=str(data.get("reason", "")),
            attachments=enclosed.names,
            source="slack-form",
        )
        self._command_of(data, deed, command)

    def _command_of(self, data: Mapping[str, Any], deed: Deed, command: AgentCommand) -> None:
        try:
            self._desk.agent(command)
        finally:
            self._state.redraw(command.case)

    def _who(self, data: Mapping[str, Any]) -> Any:
        return self._people.person(str(data["team"]), str(data["user"]))

    def _agent_presses(self, data: Mapping[str, Any]) -> bool:
        if self._people.is_agent(str(data["team"]), str(data["user"]), str(data.get("user_team", ""))):
            return True
        self._tell(data, NOT_AN_AGENT)
        return False

    def _retry(self, data: Mapping[str, Any], deed: Deed) -> None:
        """Send again what did not reach the user."""
        mark = self._state.one_mark(str(data["mark"]))
        if mark is None or not self._agent_presses(data):
            return
        found = self._desk.delivery(mark.delivery) if mark.delivery else None
        if found is None or found.state is DeliveryState.DELIVERED:
            self._tell(data, "It was delivered meanwhile.")
            return
        if found.state in {DeliveryState.DEAD, DeliveryState.HELD}:
            self._desk.retry_delivery(found.id)
            self._state.went(mark.message, Mood.SENT)
        self._tell(data, "It is being sent again.")

    # ── where people start ───────────────────────────────────────────────────────────────────────────────────

    def _home(self, data: Mapping[str, Any], deed: Deed) -> None:
        self._publish(str(data["team"]), str(data["user"]))

    def _publish(self, team: str, user: str) -> None:
        mine = person_id(team, user)
        cases = [case for case in self._desk.cases(open_only=True, limit=500) if case.person.id == mine]
        try:
            agent = self._people.is_agent(team, user)
        except SlackFault:
            agent = False
        view = views.home(
            prompts=self._offered(),
            cases=cases,
            notices=self._modes(team) if agent else None,
            command=self._settings.command,
        )
        self._slack.call(team, "views.publish", user_id=user, view=view)

    def _offered(self) -> Sequence[Prompt]:
        return tuple(self._settings.prompts) or tuple(self._engine.prompts())

    def _prompts(self, data: Mapping[str, Any], deed: Deed) -> None:
        """Suggested questions where a talk with the bot is opened, in the present view and in the legacy one."""
        prompts = [
            {"title": limits.clip(p.title, 75), "message": limits.clip(p.message, 500)} for p in self._offered()[:4]
        ]
        if not prompts:
            return
        thread = {"thread_ts": data["thread"]} if data.get("thread") else {}
        self._slack.call(
            str(data["team"]),
            "assistant.threads.setSuggestedPrompts",
            channel_id=data["channel"],
            title="What is the problem?",
            prompts=prompts,
            **thread,
        )

    def _ask(self, data: Mapping[str, Any], deed: Deed) -> None:
        """A frequent problem of the home page, or the form of an empty command: asked in a direct message."""
        team, user, text = str(data["team"]), str(data["user"]), str(data["text"])
        opened = self._slack.call(team, "conversations.open", users=user).get("channel")
        channel = str(opened.get("id", "")) if isinstance(opened, Mapping) else ""
        began = self._state.kept("asked", deed.key)
        if began is None:
            quoted = draw.user_words("You asked", text)[0]
            root = self._slack.post(team, channel, text=quoted.text, blocks=list(quoted.blocks[1:]), unfurl_links=False)
            began = str(root.get("ts", ""))
            self._state.keep("asked", deed.key, began)
        place = Place(team=team, channel=channel, ts=began)
        self._state.open_place(key=place.key, kind="user", thread=place.key, who=user)
        receipt = self._desk.receive(
            Inbound(
                key=deed.key, channel=Channel.SLACK, thread=place.key, person=self._people.person(team, user), text=text
            )
        )
        self._settle(receipt, place.key)

    def _notice(self, data: Mapping[str, Any], deed: Deed) -> None:
        """An agent sets what becomes of unasked questions in a channel."""
        team, channel, mode = str(data["team"]), str(data["notice_channel"]), str(data["mode"])
        if self._agent_presses(data) and mode in set(Mode):
            self._state.keep("notice", f"{team}:{channel}", mode)
            self._publish(team, str(data["user"]))

    def _mode(self, team: str, channel: str) -> Mode:
        kept = self._state.kept("notice", f"{team}:{channel}")
        return Mode(kept) if kept in set(Mode) else self._settings.notices.get(channel, Mode.OFF)

    def _modes(self, team: str) -> dict[str, Mode]:
        modes = dict(self._settings.notices)
        for key, mode in self._state.all_kept("notice").items():
            owner, _, channel = key.partition(":")
            if owner == team and mode in set(Mode):
                modes[channel] = Mode(mode)
        return modes

    def _uninstalled(self, data: Mapping[str, Any], deed: Deed) -> None:
        """The bot was removed from a workspace: nothing is called there any more."""
        log.warning("the bot was removed from the workspace %s", data["team"])
        self._slack.forget(str(data["team"]))
        self._state.keep("revoked", str(data["team"]), True)

    # ── how it is done ───────────────────────────────────────────────────────────────────────────────────────

    @contextlib.contextmanager
    def _thinking(self, said: Heard, conversation: str) -> Iterator[Callable[[bool], None]]:
        """Show that the bot is looking, unless an agent has the conversation and the bot says nothing.

        Slack takes the line away when a message comes, else after two minutes. So the answer is not given before the
        line is there, but for a Slack that is slow; and it is taken away here where no message follows it.
        """
        if conversation and self._desk.conversation(conversation).owner is Owner.AGENT:
            yield lambda spoke: None
            return
        shown, over = Event(), Event()

        def show(status: str) -> None:
            with contextlib.suppress(OutsideError):
                self._slack.call(
                    said.team,
                    "assistant.threads.setStatus",
                    place=f"{said.channel}:status",
                    channel_id=said.channel,
                    thread_ts=said.root,
                    status=status,
                    loading_messages=list(THINKING) if status else None,
                )

        def think() -> None:
            if over.is_set():
                return  # the answer is on its way already
            show("is looking for the fix …")
            shown.set()
            if over.is_set():
                show("")

        def answered(spoke: bool) -> None:
            if not spoke and shown.is_set():
                self._aside(lambda: show(""))

        self._aside(think)
        shown.wait(STATUS_WAIT)
        try:
            yield answered
        finally:
            over.set()

    def _window(self, data: Mapping[str, Any], view: draw.Block, *, late: str = LATE) -> None:
        """Open a form. A press that is seconds old opens nothing any more: `late` says what to do then, if anything."""
        try:
            self._slack.call(str(data["team"]), "views.open", trigger_id=data.get("trigger", ""), view=view)
        except SlackFault as fault:
            if fault.error not in {
                "expired_trigger_id",
                "trigger_expired",
                "trigger_exchanged",
                "exchanged_trigger_id",
            }:
                raise
            if late:
                self._tell(data, late)

    def _react(self, team: str, channel: str, ts: str, name: str) -> None:
        self._slack.call(team, "reactions.add", channel=channel, timestamp=ts, name=name)

    def _tell(self, data: Mapping[str, Any], text: str) -> None:
        """Say something to one person where they are; not worth a second try."""
        shown = escape(text)
        url = str(data.get("response_url") or "")
        if url and self._slack.respond(url, response_type="ephemeral", replace_original=False, text=shown):
            return
        if not data.get("channel") or not data.get("user"):
            return
        thread = str(data.get("root") or data.get("thread") or "")
        with contextlib.suppress(SlackFault):
            self._slack.call(
                str(data["team"]),
                "chat.postEphemeral",
                channel=data["channel"],
                user=data["user"],
                text=shown,
                thread_ts=thread or None,
            )


def _heard(data: Mapping[str, Any]) -> Heard:
    """A message as `app` kept it."""
    files = tuple(File(**file) for file in data.get("files", ()))
    return Heard(**{**data, "files": files})


def _sentence(error: CallError) -> str:
    return f"{error.problem[:1].upper()}{error.problem[1:]}. {error.remedy}."
