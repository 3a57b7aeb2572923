"""Files on their way: a user's into the case's thread, an agent's to the user. Those of internal notes go nowhere.

A message names its files. Where the bytes are depends on who sent them where: Slack keeps those of Slack and is asked
for them when they are needed; those of the website's conversations are on its shelf.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from helpbot.channels.slack.calls import Slack, SlackFault
from helpbot.channels.slack.payloads import File
from helpbot.channels.slack.settings import SlackSettings
from helpbot.channels.slack.state import SlackState
from helpbot.desk.records import Delivery, Message, file_name
from helpbot.errors import OutsideError
from helpbot.escalation.brief import one_line
from helpbot.escalation.case import Case
from helpbot.messages import Channel

__all__ = ["Enclosed", "Files", "Found", "Lost", "Shelf"]

SNIPPET: Final = 64 * 1024  # bytes of a text that is read as if it had been typed
BEGUN: Final = "?"  # before a file's id: it was uploaded, and perhaps shared


class Kept(Protocol):
    """A file of the website's."""

    @property
    def data(self) -> bytes:
        """What is in it."""


class Shelf(Protocol):
    """Where the website keeps the files of its conversations."""

    def take(self, conversation: str, id_: str, name: str, data: bytes) -> str | None:
        """Keep an agent's file, and say what a message names it by; None if there is nowhere to keep it."""

    def find(self, conversation: str, id_: str) -> Kept | None:
        """A file of a conversation, whoever sent it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A file that a message names. `content` gives its bytes: None for good, SlackFault for now."""

    name: str
    content: Callable[[], bytes | None]
    link: str = ""  # where it can be seen in Slack, by who may see it there


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """A file that will not reach the user, and why."""

    name: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Enclosed:
    """An agent's files: what the message to the user names them by, and those that stay behind."""

    names: tuple[str, ...] = ()
    lost: tuple[Lost, ...] = ()


class Files:
    """Every way a file goes. Nothing is copied before a message to a user or to agents names it."""

    def __init__(self, slack: Slack, state: SlackState, settings: SlackSettings, shelf: Shelf | None) -> None:
        """Without a `shelf` the website's conversations have no files, and agents are told so."""
        self._slack, self._state, self._settings, self._shelf = slack, state, settings, shelf

    def remember(self, key: str, team: str, files: Sequence[File]) -> None:
        """Note where a user's files are, for the message of this key."""
        if files:
            self._state.keep("files", key, [_whereabouts(team, file) for file in files])

    def snippets(self, team: str, files: Sequence[File], *, patient: bool) -> list[str]:
        """What stands in the texts that Slack made files of, since they were too long for a message.

        SlackFault while one is not to be had for the moment and the caller is `patient`.
        """
        found = []
        for file in files:
            if not file.snippet or file.size > SNIPPET:
                continue
            content = self._fetched(team, file, patient=patient)
            if content is not None and len(content) <= SNIPPET and b"\0" not in content:
                found.append(content.decode("utf-8", "replace"))
        return found

    def enclose(self, key: str, team: str, files: Sequence[File], case: Case, *, patient: bool) -> Enclosed:
        """Make an agent's files ready for the user. The same key again comes to the same.

        SlackFault while a file is not to be had for the moment and the caller is `patient`.
        """
        names: list[str] = []
        lost: list[Lost] = []
        for file in files:
            id_ = hashlib.sha256(f"{key} {file.id}".encode()).hexdigest()[:26]
            found = self._enclose(id_, team, file, case, patient=patient)
            if isinstance(found, Lost):
                lost.append(found)
            else:
                names.append(found)
        return Enclosed(names=tuple(names), lost=tuple(lost))

    def _enclose(self, id_: str, team: str, file: File, case: Case, *, patient: bool) -> str | Lost:
        name = one_line(file.name, 150)
        most = self._settings.max_file
        if file.size > most:
            return Lost(name=name, why=f"it is larger than {most // 1_048_576} MB")
        if case.channel is Channel.SLACK:
            # Slack is asked for it when it is sent on; it takes no room here.
            self._state.keep("files", f"{case.conversation}.{id_}", _whereabouts(team, file))
            return f"{id_}/{name}"
        if case.channel is not Channel.WIDGET or self._shelf is None:
            where = "the website takes no files" if case.channel is Channel.WIDGET else "a terminal shows no files"
            return Lost(name=name, why=where)
        content = self._fetched(team, file, patient=patient)
        if content is None:
            return Lost(name=name, why="Slack does not hand it out")
        try:
            kept = self._shelf.take(case.conversation, id_, name, content)
        except OSError as error:
            raise OutsideError(f"a file cannot be kept ({error.strerror})") from error
        return kept or Lost(name=name, why="the website takes no files")

    def _fetched(self, team: str, file: File, *, patient: bool) -> bytes | None:
        """A file's bytes; None where it is not to be had, for the moment either unless the caller is `patient`."""
        try:
            return self._slack.fetch(team, file.url, file.id)
        except SlackFault:
            if patient:
                raise
            return None

    def of(self, message: Message) -> list[Found]:
        """The files that a message names."""
        own = self._state.kept("files", message.key) if message.key else None
        if own:
            return [self._in_slack(entry) for entry in own]
        return [self._named(message.conversation, name) for name in message.attachments]

    def _named(self, conversation: str, name: str) -> Found:
        id_ = name.partition("/")[0]
        entry = self._state.kept("files", f"{conversation}.{id_}")
        if entry:
            return self._in_slack(entry)

        def content() -> bytes | None:
            kept = self._shelf.find(conversation, id_) if self._shelf is not None else None
            return kept.data if kept is not None else None

        return Found(name=file_name(name), content=content)

    def _in_slack(self, entry: dict[str, str]) -> Found:
        return Found(
            name=entry["name"],
            link=entry.get("link", ""),
            content=lambda: self._slack.fetch(entry["team"], entry["url"], entry.get("id", "")),
        )

    def put(
        self,
        team: str,
        channel: str,
        thread: str,
        name: str,
        content: bytes,
        delivery: Delivery,
        part: str,
        comment: str = "",
    ) -> None:
        """Put a file into a thread, once for each part of a delivery; SlackFault if it is not there."""
        known = self._state.begin(delivery.id, part, channel)
        if known and not known.startswith(BEGUN):
            return
        file = known.removeprefix(BEGUN) if known else ""
        again = bool(file)
        if not again:
            try:
                file = self._slack.upload(team, name, content)
            except SlackFault:
                self._state.withdraw(delivery.id, part)
                raise
            # Noted before it is shared: after a crash Slack is asked whether it was, so that nothing is shown twice.
            self._state.posted(delivery.id, part, channel, f"{BEGUN}{file}")
        elif self._slack.is_shared(team, file, channel):
            self._state.posted(delivery.id, part, channel, file)
            return
        try:
            self._slack.share(team, file, name, channel, thread, comment)
        except SlackFault as fault:
            if not fault.permanent:
                raise
            self._state.posted(delivery.id, part, channel, "")
            self._state.withdraw(delivery.id, part)
            if not again:
                raise
            # What was uploaded long ago and never shared, Slack has dropped.
            self.put(team, channel, thread, name, content, delivery, part, comment)
            return
        self._state.posted(delivery.id, part, channel, file)


def _whereabouts(team: str, file: File) -> dict[str, str]:
    return {"team": team, "id": file.id, "url": file.url, "name": file.name, "link": file.link}
