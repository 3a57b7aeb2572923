"""Mail: complete for agents, harmless for anyone whose address a visitor may have named."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, replace
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from desk.support import START
from helpbot.desk.records import Delivery, Message, Parcel, Visibility
from helpbot.errors import KnowledgeError, OutsideError, SettingError
from helpbot.escalation.case import Case, HistoryEntry
from helpbot.escalation.routing import Kind, Route
from helpbot.messages import Channel, Person
from helpbot.senders.mail import ENCLOSED, MailSender, check_templates, mail_server

from .stubs import MailStub
from .test_outside import certificate_files

if TYPE_CHECKING:
    from collections.abc import Iterator

TEMPLATES = Path(__file__).parents[2] / "bot" / "mail"

CASE = Case(
    id="case1",
    number="HB-1001",
    conversation="c1",
    channel=Channel.WIDGET,
    person=Person(id="u", name="Ann\u2028<b>Example</b>"),
    product_name="FortiGate\r\nBcc: everyone@example.com",
    error_message="<script>alert(1)</script>\nline two",
    product_name_given=True,
    error_message_given=True,
    opened_at=START,
    updated_at=START,
    question="why?",
    tried=("one",),
    history=(HistoryEntry(at=START, by="bot", what="opened"),),
)


def parcel(kind: str = Kind.CASE_OPENED, *, id_: str = "d1", **payload: Any) -> Parcel:
    delivery = Delivery(
        id=id_,
        kind=kind,
        route="mail",
        conversation="c1",
        case_id="case1",
        seq=2,
        payload=payload,
        created_at=START,
        next_at=START,
        expires_at=START + timedelta(days=3),
    )
    words = Message(
        conversation="c1", seq=2, author="agent", name="Bo", text="Try <this>", at=START, visibility=Visibility.PUBLIC
    )
    asked = replace(words, seq=1, author="user", name="", text="it fails & <hurts>")
    return Parcel(
        delivery=delivery,
        route=Route(name="mail", sender="mail", target="team@example.com"),
        case=CASE,
        message=words,
        transcript=(asked, words),
        opened_id="" if kind == Kind.CASE_OPENED else "d1",
    )


@pytest.fixture
def stub() -> Iterator[MailStub]:
    made = MailStub()
    yield made
    made.close()


def sender(stub: MailStub, **more: Any) -> MailSender:
    return MailSender(mail_server(f"smtp://127.0.0.1:{stub.port}"), "bot@example.com", TEMPLATES, **more)


def read(envelope: Any) -> Any:
    return message_from_bytes(envelope.content, policy=policy.default)


def test_agents_get_the_whole_case_as_text_and_html(stub: MailStub) -> None:
    sender(stub).send(parcel())
    mail = read(stub.mails[0])
    assert stub.mails[0].rcpt_tos == ["team@example.com"]
    assert mail["Subject"] == "[HB-1001] FortiGate Bcc: everyone@example.com: <script>alert(1)</script> line two"
    assert mail["Message-ID"] == "<d1@example.com>"
    text = mail.get_body(("plain",)).get_content()
    assert "<script>alert(1)</script>" in text
    assert "it fails & <hurts>" in text
    html = mail.get_body(("html",)).get_content()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert "<b>Example" not in html


@pytest.mark.parametrize(
    "kind", [Kind.CASE_OPENED, Kind.CASE_UPDATED, Kind.MESSAGE_TO_AGENTS, Kind.MESSAGE_TO_USER, Kind.TRANSCRIPT]
)
def test_no_text_becomes_markup_in_any_template(stub: MailStub, kind: str) -> None:
    from selectolax.lexbor import LexborHTMLParser

    payloads = pytest.importorskip("tests.browser.test_xss").PAYLOADS
    for start in range(0, len(payloads), 20):
        told = "\n".join(payloads[start : start + 20])
        sent = parcel(kind, text=told, to="ann@example.com", case_number="HB-1001")
        case = replace(
            CASE, person=Person(id="u", name=told), product_name=told, error_message=told, question=told, tried=(told,),
            history=(HistoryEntry(at=START, by=told, what=told),),
        )  # fmt: skip
        words = tuple(
            replace(each, text=told, name=told, attachments=(f"{'a' * 26}/{told}",)) for each in sent.transcript
        )
        sender(stub).send(replace(sent, case=case, message=words[1], transcript=words))
        html = read(stub.mails[-1]).get_body(("html",)).get_content()
        page = LexborHTMLParser(html)
        alive = "script, img, svg, iframe, object, embed, form, input, video, audio, base, link, body [style*=evil], template"
        assert not page.css(alive), page.css(alive)[0].html
        assert not [name for node in page.css("*") for name in node.attributes if name.startswith("on")]
        assert not [
            node for node in page.css("a[href]") if not (node.attributes["href"] or "").startswith(("http", "mailto:"))
        ]


def test_no_visitors_word_becomes_a_header(stub: MailStub) -> None:
    sender(stub).send(parcel())
    raw = stub.mails[0].content.split(b"\r\n\r\n", 1)[0]
    assert b"\nBcc:" not in raw
    assert read(stub.mails[0])["Bcc"] is None


def test_what_follows_stands_in_the_cases_thread(stub: MailStub) -> None:
    sender(stub).send(parcel(Kind.MESSAGE_TO_AGENTS, id_="d2", text="still broken"))
    mail = read(stub.mails[0])
    assert mail["In-Reply-To"] == mail["References"] == "<d1@example.com>"
    assert mail["Subject"].startswith("Re: [HB-1001]")
    assert "still broken" in mail.get_body(("plain",)).get_content()


def test_a_user_gets_the_agents_words_under_a_fixed_subject(stub: MailStub) -> None:
    sender(stub).send(parcel(Kind.MESSAGE_TO_USER, to="ann@example.com", case_number="HB-1001"))
    mail = read(stub.mails[0])
    assert mail["Subject"] == "Your support case HB-1001"
    assert mail["To"] == "ann@example.com"
    for part in ("plain", "html"):
        body = mail.get_body((part,)).get_content()
        assert "Try" in body
        for visitors in ("FortiGate", "script", "it fails", "Ann"):
            assert visitors not in body


@pytest.mark.parametrize(
    "address",
    ["", "a@b", "a b@example.com", "a@example.com\r\nBcc: x@y.zz", "a@example.com,b@example.com", '"a"@example.com',
     "<a@example.com>", "a@exa mple.com", "x" * 300 + "@example.com", "a@example.com\x00", "é@example.com"],
)  # fmt: skip
def test_an_address_that_is_none_reaches_no_server(stub: MailStub, address: str) -> None:
    with pytest.raises(OutsideError) as caught:
        sender(stub).send(parcel(Kind.MESSAGE_TO_USER, to=address))
    assert caught.value.permanent
    assert stub.mails == []


@pytest.mark.parametrize(
    ("answer", "permanent"), [("451 later", False), ("421 busy", False), ("550 no", True), ("552 full", True)]
)
def test_4xx_is_tried_again_and_5xx_is_not(stub: MailStub, answer: str, permanent: bool) -> None:
    stub.answer = lambda envelope: answer
    with pytest.raises(OutsideError) as caught:
        sender(stub).send(parcel())
    assert caught.value.permanent is permanent


def test_a_connection_lost_after_the_text_is_tried_again_with_the_same_id(stub: MailStub) -> None:
    stub.answer = lambda envelope: "drop"
    with pytest.raises(OutsideError) as caught:
        sender(stub).send(parcel())
    assert not caught.value.permanent
    stub.answer = lambda envelope: "250 OK"
    sender(stub).send(parcel())
    assert len({read(mail)["Message-ID"] for mail in stub.mails}) == 1


def test_no_server_at_all_is_tried_again() -> None:
    made = MailStub()
    made.close()
    with pytest.raises(OutsideError) as caught:
        sender(made).send(parcel())
    assert not caught.value.permanent


def test_starttls_and_login(tmp_path: Path) -> None:
    from aiosmtpd.smtp import AuthResult, LoginPassword

    def login(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        good = isinstance(data, LoginPassword) and data.login == b"me" and data.password == b"p@ss"
        return AuthResult(success=good, handled=False)

    key, certificate = certificate_files(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    stub = MailStub(tls_context=context, require_starttls=True, authenticator=login, auth_required=True)
    trusting = ssl.create_default_context(cafile=certificate)
    try:
        good = mail_server(f"smtp+starttls://me:p%40ss@localhost:{stub.port}")
        MailSender(good, "bot@example.com", TEMPLATES, context=trusting).send(parcel())
        assert len(stub.mails) == 1
        bad = mail_server(f"smtp+starttls://me:wrong@localhost:{stub.port}")
        with pytest.raises(OutsideError, match="login") as caught:
            MailSender(bad, "bot@example.com", TEMPLATES, context=trusting).send(parcel())
        assert not caught.value.permanent
        assert "wrong" not in str(caught.value)
        with pytest.raises(OutsideError):  # a certificate that nobody trusts
            MailSender(good, "bot@example.com", TEMPLATES).send(parcel())
    finally:
        stub.close()


@pytest.mark.parametrize(
    "url", ["", "http://x", "smtp://", "smtp://user:password@mail.example.com", "smtp://host:99999"]
)
def test_a_wrong_server_address_is_said_without_its_password(url: str) -> None:
    with pytest.raises(SettingError) as caught:
        mail_server(url)
    assert "user:password@mail" not in str(caught.value)


def test_the_templates_that_are_shipped_are_sound() -> None:
    check_templates(TEMPLATES)


def test_a_broken_template_is_named_with_its_line(tmp_path: Path) -> None:
    for file in TEMPLATES.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "case.txt.j2").write_text("one\n{{ nothing }}")
    (tmp_path / "user.html.j2").write_text("one\n\n{% if %}")
    (tmp_path / "update.txt.j2").unlink()
    (tmp_path / "update.html.j2").write_text("{{ ''.__class__.__mro__ }}")
    with pytest.raises(KnowledgeError) as caught:
        check_templates(tmp_path)
    assert len(caught.value.faults) == 4
    assert any(fault.path.endswith("user.html.j2") and fault.line == 3 for fault in caught.value.faults)


# ── files ──

ID = "0123456789abcdefghjkmnpqr"


@dataclass(frozen=True)
class _File:
    name: str
    data: bytes
    media: str = "application/octet-stream"


class _Shelf:
    def __init__(self, **files: _File) -> None:
        self.files = files

    def find(self, conversation: str, id_: str) -> _File | None:
        return self.files.get(id_[-1]) if conversation == "c1" else None

    def size(self, conversation: str, id_: str) -> int:
        found = self.find(conversation, id_)
        return len(found.data) if found else 0


def _mailed(stub: MailStub, order: Parcel, shelf: _Shelf) -> tuple[str, str, list[tuple[str, str, bytes]]]:
    """(text, html, files) of the one mail that came."""
    sender = MailSender(mail_server(f"smtp://127.0.0.1:{stub.port}"), "bot@example.com", TEMPLATES, files=shelf)
    sender.send(order)
    (mail,) = stub.mails
    read: Any = message_from_bytes(mail.content, policy=policy.default)
    files = [(part.get_filename(), part.get_content_type(), part.get_content()) for part in read.iter_attachments()]
    return read.get_body(("plain",)).get_content(), read.get_body(("html",)).get_content(), files


def test_an_agents_files_go_along_to_the_user_and_what_is_too_large_is_named_with_the_reason(stub: MailStub) -> None:
    shelf = _Shelf(
        a=_File("log.txt", b"<log>\x00"), b=_File("shot.jpg", b"png", "image/png"), c=_File("b.iso", b"0" * ENCLOSED)
    )
    order = parcel(Kind.MESSAGE_TO_USER, to="kim@example.com", case_number="HB-1001")
    assert order.message is not None
    names = (f"{ID}a/log.txt", f"{ID}b/shot.jpg", f"{ID}c/b.iso", f"{ID}d/gone.txt")
    text, html, files = _mailed(stub, replace(order, message=replace(order.message, attachments=names)), shelf)
    assert files == [
        ("log.txt", "application/octet-stream", b"<log>\x00"),
        ("shot.jpg.png", "image/png", b"png"),
    ]
    named = "[log.txt, shot.jpg.png, b.iso (too large for a mail; it is in the chat), gone.txt (it is in the chat)]"
    assert named in text
    assert named in html


def test_the_users_pictures_go_along_to_the_agents_with_the_case_and_afterwards(stub: MailStub) -> None:
    shelf = _Shelf(a=_File("one.png", b"png", "image/png"))
    order = parcel()
    said = replace(order.transcript[0], attachments=(f"{ID}a/one.png",))
    text, _, files = _mailed(stub, replace(order, transcript=(said, order.transcript[1])), shelf)
    assert files == [("one.png", "image/png", b"png")]
    assert "[one.png]" in text
    stub.mails.clear()
    later = parcel(Kind.MESSAGE_TO_AGENTS, id_="d2", text="and this")
    text, _, files = _mailed(stub, replace(later, message=said, transcript=()), shelf)
    assert files == [("one.png", "image/png", b"png")]
    assert "and this\n\n[one.png]" in text.replace("\r", "")


def test_a_mail_to_a_user_carries_none_but_the_agents_files(stub: MailStub) -> None:
    shelf = _Shelf(a=_File("one.png", b"png", "image/png"))
    order = parcel(Kind.MESSAGE_TO_USER, to="kim@example.com")
    said = replace(order.transcript[0], attachments=(f"{ID}a/one.png",))
    text, _, files = _mailed(stub, replace(order, transcript=(said,)), shelf)
    assert files == []
    assert "one.png" not in text


def test_a_server_that_takes_no_such_size_gets_the_words(stub: MailStub) -> None:
    shelf = _Shelf(a=_File("log.txt", b"x" * 50_000))
    stub.answer = lambda envelope: "552 5.3.4 too big" if len(envelope.content) > 20_000 else "250 OK"
    order = parcel(Kind.MESSAGE_TO_USER, to="kim@example.com")
    assert order.message is not None
    text, _, files = _mailed(
        stub, replace(order, message=replace(order.message, attachments=(f"{ID}a/log.txt",))), shelf
    )
    assert files == []
    assert "log.txt (too large for a mail; it is in the chat)" in text


def test_a_transcript_has_every_word_as_text_under_a_fixed_subject(stub: MailStub) -> None:
    sender = MailSender(mail_server(f"smtp://127.0.0.1:{stub.port}"), "bot@example.com", TEMPLATES, company="Acme")
    order = parcel(Kind.TRANSCRIPT, to="kim@example.com")
    said = replace(order.transcript[0], attachments=("0123456789abcdefghjkmnpqrs/shot.png",))
    sender.send(replace(order, case=None, message=None, transcript=(said, order.transcript[1])))
    (mail,) = stub.mails
    read = message_from_bytes(mail.content, policy=policy.default)
    assert (read["To"], read["Subject"]) == ("kim@example.com", "Your support conversation")
    text, html = (part.get_content() for part in read.iter_parts())  # type: ignore[attr-defined]  # EmailMessage
    for word in ("You", "it fails & <hurts>", "[shot.png]", "Bo", "Try <this>"):
        assert word in text
    assert "it fails &amp; &lt;hurts&gt;" in html
    assert "Try &lt;this&gt;" in html
    assert "<this>" not in html
