"""Cases and replies by mail: plain text and HTML from the templates in bot/mail/, one thread a case."""

from __future__ import annotations

import re
import smtplib
import ssl
from dataclasses import dataclass, field
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import unquote, urlsplit

from jinja2 import FileSystemLoader, StrictUndefined, TemplateError, select_autoescape
from jinja2.sandbox import ImmutableSandboxedEnvironment

from helpbot.desk.desk import utc_now
from helpbot.desk.records import SendResult, file_name
from helpbot.errors import Fault, KnowledgeError, OutsideError, SettingError
from helpbot.escalation.brief import REASONS, Line, brief, one_line, subject
from helpbot.escalation.routing import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from helpbot.desk.ports import Clock
    from helpbot.desk.records import Message, Parcel
    from helpbot.escalation.case import Case

__all__ = ["MailSender", "MailServer", "check_templates", "mail_server"]

TIME: Final = 15.0
TEMPLATES: Final = ("case", "update", "user", "transcript")  # each as .txt.j2 and .html.j2
# An address whose form cannot be abused: no quotes, no comments, no spaces, nothing outside ASCII.
_ADDRESS: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,63}")
ENCLOSED: Final = 10 * 1024 * 1024  # bytes of all files of a mail: a third more as sent, which most servers take
TOO_LARGE: Final = frozenset({523, 552})
WRONG_LOGIN: Final = 600.0  # seconds: a wrong password is not hammered


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """Where mail is handed in."""

    host: str
    port: int
    security: str  # none | starttls | tls
    user: str = ""
    password: str = field(default="", repr=False)


def mail_server(url: str) -> MailServer:
    """What HELPBOT_SMTP_URL says: smtp://, smtp+starttls:// or smtps://, with user:password@ where one is wanted."""

    def wrong(problem: str) -> SettingError:
        return SettingError([Fault("HELPBOT_SMTP_URL", 0, problem, "Write smtp+starttls://user:password@host:587")])

    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise wrong("it is not an address") from error
    kinds = {"smtp": ("none", 25), "smtp+starttls": ("starttls", 587), "smtps": ("tls", 465), "smtp+tls": ("tls", 465)}
    if parts.scheme not in kinds or not parts.hostname:
        raise wrong("it names no mail server")
    security, usual = kinds[parts.scheme]
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if user and security == "none" and parts.hostname not in {"localhost", "127.0.0.1", "::1"}:
        raise wrong("it would send the password unencrypted")
    return MailServer(host=parts.hostname, port=port or usual, security=security, user=user, password=password)


def check_templates(folder: Path) -> None:
    """Load and render every mail template once; KnowledgeError with all that are missing or broken."""
    faults: list[Fault] = []
    environment = _environment(folder)
    for name in TEMPLATES:
        for ending in ("txt", "html"):
            file = f"{name}.{ending}.j2"
            try:
                environment.get_template(file).render(_SAMPLE)
            except TemplateError as error:
                line = getattr(error, "lineno", None) or 0
                faults.append(
                    Fault(f"{folder}/{file}", line, error.message or "it is missing", "Correct or restore it")
                )
            except (TypeError, ValueError, ArithmeticError) as error:
                faults.append(Fault(f"{folder}/{file}", 0, f"it fails: {error}", "Correct it"))
    if faults:
        raise KnowledgeError(faults)


class Stored(Protocol):
    """A file that came with a message."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def data(self) -> bytes:
        """What is in it."""

    @property
    def media(self) -> str:
        """What it is, such as image/png."""


class Files(Protocol):
    """Where the files of conversations are kept."""

    def find(self, conversation: str, id_: str) -> Stored | None:
        """A file of a conversation, whoever sent it."""

    def size(self, conversation: str, id_: str) -> int:
        """How many bytes it has; 0 for one that is not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Enclosed:
    """A message's file: its bytes go along, or it is named with the reason why they do not."""

    name: str
    stored: Stored | None = None
    why: str = ""

    def __str__(self) -> str:
        return self.name + (f" ({self.why})" if self.why else "")


class MailSender:
    """Mails a route's target, or the user that a delivery names."""

    name = "mail"

    def __init__(
        self,
        server: MailServer,
        sender: str,
        templates: Path,
        *,
        clock: Clock = utc_now,
        context: ssl.SSLContext | None = None,
        company: str = "",
        connect: Callable[[], smtplib.SMTP] | None = None,
        files: Files | None = None,
    ) -> None:
        """`sender` is the address that mails come from; its domain makes their ids. `files` holds what goes along."""
        self._server, self._from, self._clock = server, _address(sender), clock
        self._company = company
        self._domain = self._from.domain
        self._context = context or ssl.create_default_context()
        self._environment = _environment(templates)
        self._connect = connect or self._open
        self._files = files

    def send(self, parcel: Parcel) -> SendResult:
        """Send one mail; the same delivery has the same Message-ID however often it is sent."""
        mail = self.compose(parcel)
        try:
            with self._connect() as server:
                try:
                    refused = server.send_message(mail)
                except smtplib.SMTPResponseException as error:
                    if error.smtp_code not in TOO_LARGE or not any(mail.iter_attachments()):
                        raise
                    server.rset()
                    mail = self.compose(parcel, most=0)  # the words at least
                    refused = server.send_message(mail)
        except smtplib.SMTPAuthenticationError as error:
            problem = f"the mail server refused the login ({error.smtp_code})"
            raise OutsideError(problem, retry_after=WRONG_LOGIN) from error
        except smtplib.SMTPRecipientsRefused as error:
            raise _refused(error.recipients) from error
        except smtplib.SMTPResponseException as error:
            raise OutsideError(
                f"the mail server answered {error.smtp_code}", permanent=500 <= error.smtp_code < 600
            ) from error
        except (smtplib.SMTPException, OSError) as error:
            raise OutsideError(f"the mail server did not take it ({type(error).__name__})") from error
        if refused:
            raise _refused(refused)
        return SendResult(receipt={"message_id": str(mail["Message-ID"])})

    def compose(self, parcel: Parcel, *, most: int = ENCLOSED) -> EmailMessage:
        """The mail of a delivery. To a user: the agent's words under a fixed subject, and nothing a visitor wrote.

        Files go along up to `most` bytes in all: the agent's to the user, the user's to agents. A transcript alone
        holds a visitor's words: the desk orders it for the visitor's own, verified address only.
        """
        delivery, case = parcel.delivery, parcel.case
        to_user = delivery.kind in {Kind.MESSAGE_TO_USER, Kind.TRANSCRIPT}
        mail = EmailMessage(policy=SMTP)
        target = str(delivery.payload.get("to", "")) if to_user else parcel.route.target
        mail["From"] = self._from
        mail["To"] = _address(target)
        mail["Date"] = format_datetime(delivery.created_at)
        mail["Message-ID"] = self._id(delivery.id)
        first = parcel.opened_id if not to_user else str(delivery.payload.get("thread", ""))
        if first:
            mail["In-Reply-To"] = self._id(first)
            mail["References"] = self._id(first)
        mail["Auto-Submitted"] = "auto-generated"  # so that no absence notice answers it
        enclosed = self._enclosed(parcel, most)
        values = self._values(parcel, enclosed)
        if delivery.kind == Kind.TRANSCRIPT:
            mail["Subject"] = "Your support conversation"
            name = "transcript"
        elif to_user:
            number = str(delivery.payload.get("case_number", ""))
            mail["Subject"] = f"Your support case {number}".strip()
            name = "user"
        else:
            assert case is not None, f"a {delivery.kind} is always about a case"
            opened = delivery.kind == Kind.CASE_OPENED
            mail["Subject"] = ("" if opened else "Re: ") + subject(case)
            name = "case" if opened else "update"
        try:
            mail.set_content(self._environment.get_template(f"{name}.txt.j2").render(values))
            mail.add_alternative(self._environment.get_template(f"{name}.html.j2").render(values), subtype="html")
        except (TemplateError, TypeError, ValueError, MessageError) as error:
            raise OutsideError(f"the mail template {name} fails: {one_line(str(error), 200)}") from error
        for files in enclosed.values():
            for file in files:
                if file.stored is not None:
                    kind, _, subtype = file.stored.media.partition("/")
                    mail.add_attachment(file.stored.data, maintype=kind, subtype=subtype, filename=file.name)
        return mail

    def _enclosed(self, parcel: Parcel, most: int) -> dict[int, list[_Enclosed]]:
        """The files of the messages that a mail tells, by the message's number."""
        told = parcel.transcript if _whole(parcel) else (parcel.message,) if parcel.message else ()
        left = 0 if parcel.delivery.kind == Kind.TRANSCRIPT else most
        found: dict[int, list[_Enclosed]] = {}
        for message in told:
            for attachment in message.attachments:
                size, file = self._file(message.conversation, attachment, left)
                if parcel.delivery.kind == Kind.TRANSCRIPT:
                    file = _Enclosed(name=file.name)  # their own, or in the chat that it is a record of
                left -= size
                found.setdefault(message.seq, []).append(file)
        return found

    def _file(self, conversation: str, attachment: str, most: int) -> tuple[int, _Enclosed]:
        """(bytes that it takes of the mail, the file)."""
        name, id_ = file_name(attachment), attachment.partition("/")[0]
        size = self._files.size(conversation, id_) if self._files is not None else 0
        if size > most:
            return 0, _Enclosed(name=name, why="too large for a mail; it is in the chat")
        stored = self._files.find(conversation, id_) if self._files is not None and size else None
        if stored is None:
            return 0, _Enclosed(name=name, why="it is in the chat")
        if stored.media == "image/png" and not name.lower().endswith(".png"):
            name += ".png"  # a screenshot is drawn anew, whatever it was
        return size, _Enclosed(name=name, stored=stored)

    def _values(self, parcel: Parcel, enclosed: Mapping[int, Sequence[_Enclosed]]) -> dict[str, Any]:
        delivery, case = parcel.delivery, parcel.case
        own = delivery.kind == Kind.TRANSCRIPT
        lines = [_line(message, enclosed.get(message.seq, ()), own=own) for message in parcel.transcript]
        text = str(delivery.payload.get("text", "")) or (parcel.message.text if parcel.message else "")
        if parcel.message is not None and enclosed.get(parcel.message.seq) and not _whole(parcel):
            text = "\n\n".join(part for part in (text, _listed(enclosed[parcel.message.seq])) if part)
        return {
            "company": self._company,
            "kind": delivery.kind,
            "case": _plain(case) if case else {},
            "brief": brief(case, lines) if case else "",
            "transcript": [{"at": f"{line.at:%H:%M}", "who": line.who, "text": line.text} for line in lines],
            "text": text,
            "what": str(delivery.payload.get("what", "")),
            "by": str(delivery.payload.get("by", "")),
            "agent": parcel.message.name if parcel.message else "",
        }

    def _id(self, id_: str) -> str:
        return f"<{id_}@{self._domain}>"

    def _open(self) -> smtplib.SMTP:
        server = self._server
        connection: smtplib.SMTP
        if server.security == "tls":
            connection = smtplib.SMTP_SSL(server.host, server.port, timeout=TIME, context=self._context)
        else:
            connection = smtplib.SMTP(server.host, server.port, timeout=TIME)
        try:
            if server.security == "starttls":
                connection.starttls(context=self._context)
            if server.user:
                connection.login(server.user, server.password)
        except BaseException:
            connection.close()
            raise
        return connection


def _environment(folder: Path) -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(folder),
        autoescape=select_autoescape(enabled_extensions=("html.j2",), default_for_string=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.clear()
    for name in ("safe", "attr", "format", "center", "xmlattr"):
        environment.filters.pop(name, None)
    return environment


def _address(text: str) -> Address:
    if len(text) > 254 or not _ADDRESS.fullmatch(text):
        raise OutsideError("the mail address is not one", permanent=True)
    return Address(addr_spec=text)


def _refused(recipients: Mapping[str, tuple[int, bytes]]) -> OutsideError:
    codes = [code for code, _ in recipients.values()]
    code = max(codes, default=550)
    return OutsideError(f"the mail server refused the recipient ({code})", permanent=all(c >= 500 for c in codes))


def _whole(parcel: Parcel) -> bool:
    """Whether a mail tells the whole conversation rather than one message."""
    return parcel.delivery.kind in {Kind.CASE_OPENED, Kind.TRANSCRIPT}


def _listed(files: Sequence[_Enclosed]) -> str:
    return "[" + ", ".join(map(str, files)) + "]"


def _line(message: Message, files: Sequence[_Enclosed], *, own: bool = False) -> Line:
    who = message.name or {"user": "User", "bot": "Bot"}.get(message.author, message.author)
    if own and message.author == "user":
        who = "You"
    text = message.text
    if files:
        text += f"\n{_listed(files)}"
    return Line(at=message.at, who=who, text=text)


def _plain(case: Case) -> dict[str, str | bool | list[str]]:
    """The case as words only: what a template may print."""
    return {
        "number": case.number,
        "state": case.state.value.replace("_", " "),
        "owner": case.owner,
        "product_name": case.product_name,
        "error_message": case.error_message,
        "product_name_given": case.product_name_given,
        "error_message_given": case.error_message_given,
        "psa": case.psa,
        "reason": REASONS.get(case.reason, case.reason),
        "question": case.question,
        "tried": list(case.tried),
        "diagnosis": case.diagnosis,
        "person": case.person.name or case.person.id,
        "email": case.email or case.person.email,
        "verified": case.person.verified,
        "channel": case.channel.value,
        "urgency": case.urgency,
        "note": case.note,
        "opened_at": f"{case.opened_at:%Y-%m-%d %H:%M} UTC",
    }


_SAMPLE: Final[Mapping[str, Any]] = {
    "company": "Example",
    "kind": Kind.CASE_OPENED,
    "case": {
        "number": "HB-1001",
        "state": "open",
        "owner": "",
        "product_name": "<b>product</b>",
        "error_message": "error\nof two lines",
        "product_name_given": True,
        "error_message_given": False,
        "psa": "autotask",
        "reason": "not solved",
        "question": "why",
        "tried": ["one", "two"],
        "diagnosis": "none",
        "person": "Ann",
        "email": "ann@example.com",
        "verified": False,
        "channel": "widget",
        "urgency": "high",
        "note": "soon",
        "opened_at": "2026-01-01 10:00 UTC",
    },
    "brief": "Case HB-1001",
    "transcript": [{"at": "10:00", "who": "Ann", "text": "it fails"}],
    "text": "words",
    "what": "resolved",
    "by": "Bo",
    "agent": "Bo",
}
