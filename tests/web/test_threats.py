"""RELIABILITY.md's threats as far as HTTP sees them: T1, T3, T4, T5, T7, T9, T13, T17, T18, T19, T20, T21, T24, T25, T27, T30."""

from __future__ import annotations

import ast
import base64
import contextlib
import json
import logging
import re
import time
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from helpbot.channels.web.app import PUBLIC
from helpbot.channels.web.articles import _html, summary_line
from helpbot.channels.web.gate import client_address
from helpbot.channels.web.identity import parse_keys
from helpbot.channels.web.images import Shelf, display_name, sniff
from helpbot.channels.web.logs import JsonLines
from helpbot.channels.web.problems import ProblemError
from helpbot.channels.web.schema import _EMAIL
from helpbot.channels.web.sites import Site
from helpbot.channels.web.strict import read_json
from helpbot.desk.records import Act, DeskSettings
from helpbot.escalation.routing import Route, Routing
from tests.web.support import BILLING, ROOT, SECRET, Bot, Running, Visitor, client, key

# ── T1, T20, T21: whose conversation it is ──────────────────────────────────────────────────────────────────────────


def routes(running: Running) -> list[tuple[str, str]]:
    """Every route of the app, from the app itself: a new one is walked without being added here."""
    found = []
    for route in running.bot.app.routes:
        path = getattr(route, "path", "")
        for method in sorted((getattr(route, "methods", None) or set()) - {"HEAD", "OPTIONS"}):
            found.append((method, path))
    assert len(found) > 15
    return found


def ask(web: httpx.Client, method: str, path: str, headers: dict[str, str]) -> httpx.Response:
    content: dict[str, Any] = {"json": {"text": "hello", "stars": 1}} if method == "POST" else {}
    if path.endswith("/messages") and method == "POST":
        content = {"json": {"text": "hello"}}
    elif path.endswith("/rating"):
        content = {"json": {"stars": 1}}
    elif path.endswith("/attachments"):
        content = {"content": b"\x89PNG\r\n\x1a\n", "headers": {}}
    elif method == "POST":
        content = {"json": {}}
    extra = {"Content-Type": "image/png"} if path.endswith("/attachments") and method == "POST" else {}
    content.pop("headers", None)
    return web.request(method, path, headers={"Idempotency-Key": key(), **extra, **headers}, **content)


def test_routes_are_closed_unless_they_are_listed(running: Running, web: httpx.Client) -> None:
    for method, path in routes(running):
        if path in PUBLIC:
            continue
        real = path.replace("{conversation_id}", "a" * 26).replace("{attachment_id}", "b" * 26)
        status = ask(web, method, real, {}).status_code
        assert status == 404 or (path == "/metrics" and status == 200), (method, path, status)


def test_every_way_of_having_no_right_looks_the_same(running: Running, web: httpx.Client) -> None:
    mine, other = Visitor(web), Visitor(web)
    tokens = {
        "none": {}, "other's": {"Authorization": f"Bearer {other.token}"}, "empty": {"Authorization": "Bearer"}, "null": {"Authorization": "Bearer null"},
        "zero": {"Authorization": "Bearer 0"}, "list": {"Authorization": 'Bearer ["a"]'}, "basic": {"Authorization": f"Basic {mine.token}"},
        "folded": {"Authorization": f"Bearer {mine.token.swapcase()}"}, "longer": {"Authorization": f"Bearer {mine.token}a"}, "huge": {"Authorization": "Bearer " + "a" * 5000},
        "blank": {"Authorization": f"Bearer  {mine.token}"},
    }  # fmt: skip
    for method, path in routes(running):
        if "{conversation_id}" not in path:
            continue
        bodies = set()
        for id_ in (mine.id, "a" * 26, "1", "[]", "..", mine.id + "%00"):
            for name, headers in tokens.items():
                answer = ask(
                    web, method, path.replace("{conversation_id}", id_).replace("{attachment_id}", "b" * 26), headers
                )
                assert answer.status_code == 404, (method, path, id_, name, answer.text)
                if id_ not in ("..", mine.id + "%00"):
                    told = answer.json()
                    told.pop("request_id")
                    bodies.add(json.dumps(told))
        assert len(bodies) == 1, (method, path, bodies)
    assert len(mine.messages()) == 1


def test_a_token_of_an_erased_conversation_or_of_another_site_opens_nothing(tmp_path: Path) -> None:
    from datetime import UTC, datetime

    from helpbot.store.keeping import erase

    bot = Bot(tmp_path, sites={"default": Site(), "acme": Site(key="acme")})
    with client(bot) as web:
        here, gone = Visitor(web), Visitor(web)
        begun = web.post("/api/v1/conversations", json={"site": "acme"}, headers={"Idempotency-Key": key()}).json()
        there = {"Authorization": f"Bearer {begun['token']}"}
        gone.say(BILLING)
        erase(bot.store, [gone.id], datetime.now(UTC))
        told = set()
        for path, headers in (
            (gone.path, gone.auth),
            (here.path, there),
            (f"{here.path}/messages", there),
            (here.path, {}),
        ):
            answer = web.get(path, headers=headers)
            assert answer.status_code == 404
            told.add(json.dumps({name: value for name, value in answer.json().items() if name != "request_id"}))
        assert len(told) == 1
        assert gone.post({"text": "still there?"}).status_code == 404
    bot.close()


def test_metrics_are_closed_to_others(tmp_path: Path) -> None:
    bot = Bot(tmp_path, metrics_token="a-token-for-metrics")
    with client(bot) as web:
        assert web.get("/metrics").status_code == 404
        assert web.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 404
        assert web.get("/metrics", headers={"Authorization": "Bearer a-token-for-metrics"}).status_code == 200
    bot.close()


def test_metrics_through_a_proxy_are_closed(web: httpx.Client) -> None:
    assert web.get("/metrics", headers={"X-Forwarded-For": "127.0.0.1"}).status_code == 404


# ── T3, T4: what comes in by address and header ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["site", "lang", "dir", "welcome", "colour", "name", "o"])
def test_parameters_of_the_frame_cannot_write_into_it(web: httpx.Client, name: str) -> None:
    for payload in (
        '"><script>alert(1)</script>',
        "javascript:alert(1)",
        "' onload='alert(1)",
        "default\r\nX-Evil: 1",
        "{{7*7}}",
    ):
        answer = web.get("/widget/v1/app.html", params={name: payload})
        assert answer.status_code in {200, 404}
        assert "alert(1)" not in answer.text
        assert "x-evil" not in answer.headers


def test_a_search_page_shows_a_question_as_text_only(web: httpx.Client) -> None:
    page = web.get("/articles", params={"q": '"><img src=x onerror=alert(1)>'}).text
    assert "<img" not in page


@pytest.mark.parametrize(
    ("peer", "forwarded", "trusted", "wanted"),
    [
        ("198.51.100.7", "10.9.9.9", (), "198.51.100.7"),
        ("127.0.0.1", "203.0.113.9", ("127.0.0.1",), "203.0.113.9"),
        ("127.0.0.1", "1.1.1.1, 203.0.113.9", ("127.0.0.1",), "203.0.113.9"),
        ("127.0.0.1", "1.1.1.1, 203.0.113.9, 10.0.0.2", ("127.0.0.1", "10.0.0.0/8"), "203.0.113.9"),
        ("127.0.0.1", "<script>", ("127.0.0.1",), "127.0.0.1"),
        ("::1", "2001:db8::1", ("::1",), "2001:db8::1"),
        ("127.0.0.1", "203.0.113.9\r\nX: 1", ("127.0.0.1",), "127.0.0.1"),
        ("", "", (), "unknown"),
    ],
)
def test_only_trusted_proxies_say_where_a_request_is_from(
    peer: str, forwarded: str, trusted: tuple[str, ...], wanted: str
) -> None:
    from ipaddress import ip_network

    assert client_address(peer, forwarded, tuple(ip_network(each) for each in trusted)) == wanted


# ── T5: pictures ────────────────────────────────────────────────────────────────────────────────────────────────────


def png(size: tuple[int, int] = (8, 8), kind: str = "PNG", **options: Any) -> bytes:
    import io

    from PIL import Image

    out = io.BytesIO()
    Image.new("RGB", size, "red").save(out, kind, **options)
    return out.getvalue()


def upload(visitor: Visitor, data: bytes, kind: str = "image/png", name: str = "a.png") -> httpx.Response:
    return visitor.web.post(
        visitor.path + "/attachments",
        content=data,
        headers={**visitor.auth, "Idempotency-Key": key(), "Content-Type": kind, "File-Name": name},
    )


def test_a_picture_is_drawn_anew_and_only_its_owner_sees_it(web: httpx.Client) -> None:
    from io import BytesIO

    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    hidden = PngInfo()
    hidden.add_text("comment", "<script>canary-in-a-picture</script>")
    visitor = Visitor(web)
    kept = upload(
        visitor, png(pnginfo=hidden) + b"<script>canary-after</script>", name="..%2F..%2Fetc%2Fpasswd%E2%80%8B.png"
    ).json()
    assert kept["name"] == "passwd.png"
    got = web.get(f"{visitor.path}/attachments/{kept['id']}", headers=visitor.auth)
    assert b"canary" not in got.content
    assert Image.open(BytesIO(got.content)).size == (8, 8)
    assert got.headers["content-disposition"] == "attachment; filename*=UTF-8''passwd.png"
    assert "sandbox" in got.headers["content-security-policy"]
    assert web.get(f"{visitor.path}/attachments/{kept['id']}", headers=Visitor(web).auth).status_code == 404
    answer = visitor.done(visitor.post({"text": "see this", "attachments": [kept["id"]]}))
    assert answer["messages"][0]["attachments"] == [
        {"id": kept["id"], "name": "passwd.png", "text": "", "size": len(got.content)}
    ]
    stranger = Visitor(web)
    assert stranger.post({"text": "x", "attachments": [kept["id"]]}).status_code == 422


def test_an_agents_file_is_saved_never_shown_and_its_pictures_are_drawn_anew(
    web: httpx.Client, running: Running
) -> None:
    visitor = Visitor(web)
    case = visitor.case()
    shelf = Shelf(running.bot.settings.files)
    page = b"<script>alert(document.domain)</script>"
    files = {
        "a" * 26: ('../x"\r\n\u202eé.html', page),
        "b" * 26: ("shot.jpg", png(kind="JPEG")),
        "c" * 26: ("x.png", page),
    }
    names = tuple(shelf.take(visitor.id, id_, name, data) or "" for id_, (name, data) in files.items())
    assert names == tuple(shelf.take(visitor.id, id_, name, data) for id_, (name, data) in files.items())
    running.bot.agent(Act.REPLY, case, "See these", attachments=names)
    last = visitor.messages()[-1]
    assert [file["id"] for file in last["attachments"]] == list(files)
    assert last["attachments"][0]["name"] == 'x"é.html'
    for id_, (_, data) in files.items():
        got = web.get(f"{visitor.path}/attachments/{id_}", headers=visitor.auth)
        picture = id_[0] == "b"
        assert got.headers["content-type"] == ("image/png" if picture else "application/octet-stream")
        assert got.headers["content-disposition"].startswith("attachment; filename*=UTF-8''")
        assert got.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in got.headers["content-security-policy"]
        assert (got.content == data) is not picture
        assert got.content[:4] == (b"\x89PNG" if picture else data[:4])
        assert {file["id"]: file["size"] for file in last["attachments"]}[id_] == len(got.content)
        assert web.get(f"{visitor.path}/attachments/{id_}", headers=Visitor(web).auth).status_code == 404
    assert shelf.take(visitor.id, "../../etc", "x", b"x") is None
    assert Shelf(None).take(visitor.id, "a" * 26, "x", b"x") is None


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_other_kinds_of_picture_are_taken(web: httpx.Client, kind: str) -> None:
    assert upload(Visitor(web), png(kind=kind), f"image/{kind.lower()}").status_code == 201


@pytest.mark.parametrize(
    ("data", "kind", "status"),
    [
        (b"<svg onload=alert(1)>", "image/svg+xml", 415),
        (b"<script>alert(1)</script>", "image/png", 415),
        (b"\x89PNG\r\n\x1a\n<script>alert(1)</script>", "image/png", 422),
        (b"%PDF-1.7", "application/pdf", 415),
        (b"GIF89a", "image/gif", 415),
        (b"\xff\xd8\xff\xe0 not really", "image/jpeg", 422),
        (b"x" * 5_000_001, "image/png", 413),
        (b"", "image/png", 415),
    ],
)
def test_what_is_no_picture_is_refused(web: httpx.Client, data: bytes, kind: str, status: int) -> None:
    assert upload(Visitor(web), data, kind).status_code == status


def test_a_picture_that_would_unfold_without_end_is_refused(web: httpx.Client) -> None:
    import struct
    import zlib

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    bomb = (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 50_000, 50_000, 8, 0, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(b"\0" * 1_000_000))
        + chunk(b"IEND", b"")
    )
    assert upload(Visitor(web), bomb).status_code == 422


def test_names_of_files_are_tamed() -> None:
    assert display_name("a/b\\c\u200b\u202e.png\r\n") == "c.png"
    assert display_name("\x00") == "screenshot"
    assert sniff(b"RIFF....WEBPVP8 ") == "webp"


# ── T7: who may frame it ────────────────────────────────────────────────────────────────────────────────────────────


def test_each_site_is_framed_only_where_it_stands(tmp_path: Path) -> None:
    bot = Bot(
        tmp_path,
        sites={
            "default": Site(),
            "acme": Site(key="acme", allowed=("https://www.acme.example", "https://*.acme.example")),
        },
    )
    with client(bot) as web:

        def ancestors(site: str) -> str:
            return re.findall(
                r"frame-ancestors ([^;]+)",
                web.get("/widget/v1/app.html", params={"site": site}).headers["content-security-policy"],
            )[0]

        assert ancestors("default") == "'self'"
        assert ancestors("acme") == "'self' https://www.acme.example https://*.acme.example"
        assert web.get("/widget/v1/app.html", params={"site": "nobody"}).status_code == 404
    bot.close()


# ── T9: who somebody is ─────────────────────────────────────────────────────────────────────────────────────────────


def token(
    claims: dict[str, Any] | None = None, secret: Any = SECRET, algorithm: str = "HS256", kid: str | None = "main"
) -> str:
    now = int(time.time())
    base: dict[str, Any] = {"sub": "u-1", "name": "Kim", "email": "kim@example.com", "exp": now + 600, "iat": now}
    return jwt.encode({**base, **(claims or {})}, secret, algorithm=algorithm, headers={"kid": kid} if kid else {})


def test_a_signed_user_is_known_and_anybody_else_is_not(web: httpx.Client, running: Running) -> None:
    kim = Visitor(web, **{"Helpbot-Identity": token()})
    person = running.bot.desk.conversation(kim.id).person
    assert (person.id, person.email, person.verified) == ("main:u-1", "kim@example.com", True)
    nobody = Visitor(web)
    assert not running.bot.desk.conversation(nobody.id).person.verified


def wrong_ones() -> dict[str, tuple[str, str]]:
    """Tokens that are to be refused, fresh at every call: a slow run must not let the others expire."""
    now = int(time.time())
    return {
        "expired": (token({"exp": now - 120, "iat": now - 700}), "expired"),
        "too long": (token({"exp": now + 7200}), "longer than an hour"),
        "no exp": (jwt.encode({"sub": "a"}, SECRET, headers={"kid": "main"}), "no exp"),
        "no sub": (jwt.encode({"exp": now + 60}, SECRET, headers={"kid": "main"}), "no sub"),
        "not yet": (token({"nbf": now + 600}), "future"),
        "wrong secret": (token(secret="another secret of thirty-two bytes!!"), "signature"),
        "wrong kid": (token(kid="other"), "no key that is known"),
        "no kid": (token(kid=None), "no key that is known"),
        "none": (
            base64.urlsafe_b64encode(b'{"alg":"none","kid":"main"}').decode().rstrip("=")
            + "."
            + base64.urlsafe_b64encode(b'{"sub":"a","exp":9999999999}').decode().rstrip("=")
            + ".",
            "signature",
        ),
        "other algorithm": (token(secret=SECRET, algorithm="HS512"), "signature"),
        "not a token": ("abc", "not a JWT"),
        "empty": ("", "not a JWT"),
        "exp as text": (token({"exp": now + 60, "iat": "now"}), "not a time"),
        "a name with a line break": (token({"name": "a\r\nBcc: x"}), "plain text"),
        "an object for a name": (token({"name": {"a": 1}}), "plain text"),
    }


@pytest.mark.parametrize("name", list(wrong_ones()))
def test_a_wrong_identity_is_refused_with_the_reason(web: httpx.Client, name: str) -> None:
    given, reason = wrong_ones()[name]
    answer = web.post("/api/v1/conversations", json={}, headers={"Idempotency-Key": key(), "Helpbot-Identity": given})
    assert answer.status_code == 401, answer.text
    assert reason in answer.json()["detail"]


def test_another_user_cannot_go_on_in_a_conversation(web: httpx.Client) -> None:
    kim = Visitor(web, **{"Helpbot-Identity": token()})
    other = web.post(
        kim.path + "/messages",
        json={"text": "hi"},
        headers={**kim.auth, "Helpbot-Identity": token({"sub": "u-2"}), "Idempotency-Key": key()},
    )
    assert other.status_code == 403
    kim.say("still me")


def test_a_transcript_is_mailed_to_the_signed_in_user_alone(tmp_path: Path) -> None:
    bot = Bot(tmp_path)
    route = Route(name="mail", sender="mail", target="team@example.com")
    told = DeskSettings(routing=Routing(routes={"mail": route}), user_mail_route="mail")
    bot.desk._settings = told

    def mail(visitor: Visitor, **headers: str) -> int:
        path = f"{visitor.path}/transcript"
        return visitor.web.post(path, headers={**visitor.auth, "Idempotency-Key": key(), **headers}).status_code

    with client(bot) as web:
        kim, nobody = Visitor(web, **{"Helpbot-Identity": token()}), Visitor(web)
        assert mail(kim) == 204
        assert mail(kim, **{"Helpbot-Identity": token()}) == 204
        assert mail(kim, **{"Helpbot-Identity": token({"sub": "u-2"})}) == 403
        assert mail(nobody) == 403
        assert mail(nobody, Authorization="Bearer " + kim.token) == 404
        assert web.post(f"{kim.path}/transcript", headers=kim.auth).status_code in {400, 422}
        assert mail(nobody, **{"Helpbot-Identity": token()}) == 204  # signed in since it began
        assert mail(kim) == 429
        ordered = bot.desk.deliveries()
        assert {order.payload["to"] for order in ordered} == {"kim@example.com"}
        assert len(ordered) == 3
        bot.desk._settings = DeskSettings()
        assert mail(kim) == 409
    bot.close()


def test_a_site_takes_only_its_own_keys(tmp_path: Path) -> None:
    bot = Bot(tmp_path, sites={"default": Site(), "acme": Site(key="acme", identity_keys=("acme-key",))})
    with client(bot) as web:
        answer = web.post(
            "/api/v1/conversations",
            json={"site": "acme"},
            headers={"Idempotency-Key": key(), "Helpbot-Identity": token()},
        )
        assert answer.status_code == 401
    bot.close()


def test_ed25519_keys_are_taken() -> None:
    from datetime import UTC, datetime

    from helpbot.channels.web.identity import identify

    private = Ed25519PrivateKey.generate()
    public = base64.b64encode(private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()
    keys, faults = parse_keys(f"ed:EdDSA:{public}")
    assert not faults
    assert identify(token(secret=private, algorithm="EdDSA", kid="ed"), keys, datetime.now(UTC)).id == "ed:u-1"
    forged = jwt.encode(
        {"sub": "a", "exp": int(time.time()) + 60},
        base64.b64decode(public) + b"0" * 8,
        algorithm="HS256",
        headers={"kid": "ed"},
    )
    with pytest.raises(Exception, match="signature"):
        identify(forged, keys, datetime.now(UTC))


def test_faulty_keys_are_all_named_without_their_secrets() -> None:
    _, faults = parse_keys(
        "a:HS256:short-secret,b:RS256:x,nonsense,c:EdDSA:!!!," + "d:HS256:" + "s" * 32 + ",d:HS256:" + "t" * 32
    )
    assert len(faults) == 5
    assert "short-secret" not in " ".join(map(str, faults))


# ── T13: what agents write for themselves ───────────────────────────────────────────────────────────────────────────


def test_an_internal_note_is_in_nothing_that_its_user_is_given(tmp_path: Path) -> None:
    from helpbot.store.keeping import export

    bot = Bot(tmp_path)
    route = Route(name="mail", sender="mail", target="team@example.com")
    bot.desk._settings = DeskSettings(routing=Routing(routes={"mail": route}), user_mail_route="mail")
    note = "canary-internal"
    with client(bot) as web:
        kim = Visitor(web, **{"Helpbot-Identity": token()})
        case = kim.case()
        files = Shelf(bot.settings.files).take(kim.id, "a" * 26, f"{note}.txt", b"x")
        bot.agent(Act.NOTE, case, note)  # before anybody has claimed it
        bot.agent(Act.CLAIM, case)
        bot.agent(Act.NOTE, case, note, attachments=(files or "",))
        bot.agent(Act.REPLY, case, "Hello from Anna")
        idem = key()
        given = [
            kim.say("are you there?", idem),
            kim.say("are you there?", idem),
            kim.messages(),
            kim.messages(after=5),
        ]
        bot.agent(Act.RESOLVE, case)
        bot.agent(Act.NOTE, case, note)
        given += [kim.say("one more thing"), kim.done(web.get(kim.path, headers=kim.auth))]
        given += [
            web.get(f"{kim.path}/transcript", headers=kim.auth).text,
            web.get("/api/v1/search", params={"q": note}).json()["hits"],
        ]
        with web.stream("GET", f"{kim.path}/stream", headers=kim.auth) as stream:
            lines = stream.iter_lines()
            given.append(list(iter(lambda: next(lines), "event: state")))
        assert web.post(f"{kim.path}/transcript", headers={**kim.auth, "Idempotency-Key": key()}).status_code == 204
        mails = [order for order in bot.desk.deliveries() if order.payload.get("to") == "kim@example.com"]
        assert mails
        given += [order.payload for order in mails] + [export(bot.store, [kim.id])]
        found = [n for n, each in enumerate(given) if note in json.dumps(each, default=str)]
        assert found == []
        assert "Hello from Anna" in json.dumps(given[2])
        assert note in str([message.text for message in bot.desk.messages(kim.id, internal=True)])
    bot.close()


# ── T17: what a text costs ──────────────────────────────────────────────────────────────────────────────────────────

READERS: dict[str, tuple[Any, str]] = {
    "json, deep": (lambda text: read_json(f'{{"text": "{text}"}}'.encode()), "[{"),
    "json, escapes": (lambda text: read_json(f'{{"text": "{text}"}}'.encode()), '\\"\\u0041'),
    "a file's name": (display_name, "a\u200b/"),
    "an address": (lambda text: _EMAIL.fullmatch(text + "@" + text), "a."),
    "an excerpt": (lambda text: summary_line(text, frozenset({"needle", "a"})), "word a. "),
    "an article, brackets": (_html, "[a]( "),
    "an article, emphasis": (_html, "**a *b _c "),
    "an article, menu paths": (_html, "**Admin > Tools** "),
    "an article, a table": (_html, "| a | b |\n"),
}


def growth(read: Any, piece: str) -> float:
    """How much more work eight times the text is, of this thread's own processor time: others' does not count."""

    def work(times: int) -> float:
        text, least = piece * times, float("inf")
        for _ in range(3):
            began = time.thread_time()
            with contextlib.suppress(ProblemError):
                read(text)
            least = min(least, time.thread_time() - began)
        return least

    return work(8 * 400) / max(work(400), 0.000_2)


@pytest.mark.parametrize("name", list(READERS))
def test_eight_times_the_text_takes_eight_times_the_work(name: str) -> None:
    assert growth(*READERS[name]) <= 28  # quadratic would be 64


def test_control_a_reader_that_looks_at_every_blank_to_the_end_is_found() -> None:
    blanks = re.compile(r"\s+$")
    assert growth(lambda text: blanks.search(text + "."), "  ") > 28


# ── T18: words that become SQL ──────────────────────────────────────────────────────────────────────────────────────

# What may stand in SQL that is put together: our own tables, columns and constants. Nothing that anybody sends.
OURS = {"table", "column", "word", "pragma", "_POLL", "CHANNEL", "APPLICATION_ID", "ADVISORY_LOCK", "tables", "row"}
OURS |= {
    "PICTURES",
    "PORTION",
    "setting",
    "statement",
}  # numbers and words of the code, and what SQLAlchemy makes of our own tables
RUN = {"execute", "executemany", "executescript", "exec_driver_sql", "text", "literal_column"}


def made_sql(source: str, *, ours: bool) -> list[str]:
    """Calls that run SQL which was put together; in the store's own files only what is made of foreign names."""
    found = []
    for call in ast.walk(ast.parse(source)):
        if not isinstance(call, ast.Call) or not call.args:
            continue
        name = getattr(call.func, "attr", getattr(call.func, "id", ""))
        made = isinstance(call.args[0], (ast.JoinedStr, ast.BinOp)) or ".format(" in ast.unparse(call.args[0])
        if name in RUN and made:
            used = {node.id for node in ast.walk(call.args[0]) if isinstance(node, ast.Name)}
            if not ours or not used <= OURS:
                found.append(f"{call.lineno}: {ast.unparse(call)}")
    return found


def test_no_sql_is_made_of_what_somebody_sent() -> None:
    found = {
        str(path.relative_to(ROOT)): made
        for path in (ROOT / "src" / "helpbot").rglob("*.py")
        if (made := made_sql(path.read_text("utf-8"), ours=path.parent.name == "store"))
    }
    assert found == {}


@pytest.mark.parametrize(
    "line",
    [
        "cursor.execute(f\"select * from messages where text = '{text}'\")",
        'cursor.execute("select * from messages where id = " + given)',
        'db.exec_driver_sql("select %s" % name)',
        'text("where {}".format(order))',
    ],
)
def test_control_sql_that_is_made_of_what_somebody_sent_is_found(line: str) -> None:
    assert made_sql(line, ours=True)


WHERE_TEXT_IS_WANTED = [
    ("/messages", {"text": {"$gt": ""}}), ("/messages", {"choice": ["solved"]}), ("/messages", {"form": "x"}),
    ("/messages", {"form": {"note": {"$ne": 1}}}), ("/messages", {"text": "a", "context": {"page": {"$regex": ".*"}}}),
    ("/messages", {"text": "a", "attachments": {"0": "a"}}), ("/rating", {"stars": {"$gt": 0}}), ("/rating", {"stars": True}),
    ("/rating", {"solved": "yes"}), ("/rating", {"comment": ["a"]}),
]  # fmt: skip


@pytest.mark.parametrize(("path", "body"), WHERE_TEXT_IS_WANTED)
def test_an_object_or_a_list_where_a_word_is_wanted_is_refused(web: httpx.Client, path: str, body: Any) -> None:
    assert Visitor(web).post(body, path=path).status_code == 422


# ── T19: nothing that was not asked for is taken ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "field", ["id", "owner", "phase", "agent", "person", "verified", "author", "visibility", "seq", "case", "__proto__"]
)
def test_privileged_fields_are_refused(web: httpx.Client, field: str) -> None:
    visitor = Visitor(web)
    assert visitor.post({"text": "a", field: "x"}).status_code == 422
    assert visitor.post({"stars": 1, field: "x"}, path="/rating").status_code == 422
    assert web.post("/api/v1/conversations", json={field: "x"}, headers={"Idempotency-Key": key()}).status_code == 422


# ── T24, T30: logs ──────────────────────────────────────────────────────────────────────────────────────────────────

FORGED = 'canary-text\r\n{"level":"ERROR","event":"forged"}\x1b[2J\u2028end'


def test_logs_hold_one_line_an_event_and_no_words_or_tokens(web: httpx.Client) -> None:
    lines: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    handler = Keep()
    handler.setFormatter(JsonLines())
    logger = logging.getLogger("helpbot")
    logger.addHandler(handler)
    level = logger.level
    logger.setLevel(logging.INFO)
    try:
        visitor = Visitor(web, context={"page": FORGED})
        visitor.say(FORGED)
        visitor.fill(product_name=FORGED, error_message=FORGED)
        visitor.post({"text": FORGED, FORGED: 1})
        web.get("/articles", params={"q": FORGED})
        web.get("/nothing/canary-text%0d%0a%1b")
        web.get("/healthz", headers={"User-Agent": "canary-text\x1b[2J", "Referer": "canary-text"})
        web.get(f"/healthz?token={visitor.token}")
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
    assert len(lines) >= 7
    for line in lines:
        assert "\n" not in line
        assert "canary" not in line
        assert visitor.token not in line
        assert line.isascii()
        assert json.loads(line)["level"] == "info"


def test_no_line_of_the_log_is_longer_than_8_kib() -> None:
    record = logging.LogRecord("helpbot.web", logging.INFO, "", 0, "x" * 20_000_000, None, None)
    record.fields = {f"f{n}": "\u2028\x1b" * 5000 for n in range(200)}
    line = JsonLines().format(record)
    assert len(line) <= 8 * 1024
    assert line.isascii()
    assert json.loads(line)["level"] == "info"


def test_an_exceptions_words_stay_out_of_the_log() -> None:
    try:
        raise ValueError("canary-text")
    except ValueError:
        record = logging.LogRecord(
            "helpbot.web", logging.ERROR, "", 0, "request failed", None, __import__("sys").exc_info()
        )
    line = json.loads(JsonLines().format(record))
    assert line["error"] == "ValueError"
    assert "canary" not in json.dumps(line)
    assert line["where"]


def test_a_fault_of_ours_is_a_problem_without_its_cause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bot = Bot(tmp_path)
    with client(bot) as web:
        visitor = Visitor(web)

        def broken(*_: object, **__: object) -> None:
            raise RuntimeError("canary /etc/passwd SELECT secret")

        monkeypatch.setattr(bot.desk, "receive", broken)
        answer = visitor.post({"text": BILLING})
        assert answer.status_code == 500
        assert answer.headers["content-type"] == "application/problem+json"
        assert "canary" not in answer.text
        assert answer.json()["request_id"] == answer.headers["x-request-id"]
    bot.close()
