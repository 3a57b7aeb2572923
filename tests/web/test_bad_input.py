"""RELIABILITY.md's bad inputs 1 to 25: a clear refusal, nothing stored, and the next request is served."""

from __future__ import annotations

import socket
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest

from helpbot.channels.web.limits import Rate
from helpbot.channels.web.strict import read_json
from helpbot.store.keeping import erase
from tests.web.support import BILLING, OPEN, PATIENCE, SECRET, Bot, Running, Visitor, client, key


@pytest.fixture(scope="module")
def visitor(web: httpx.Client) -> Visitor:
    return Visitor(web)


def raw(visitor: Visitor, body: bytes, kind: str = "application/json", **headers: str) -> httpx.Response:
    return visitor.web.post(
        visitor.path + "/messages",
        content=body,
        headers={**visitor.auth, "Idempotency-Key": key(), "Content-Type": kind, **headers},
    )


DEEP = b"[" * 100_000
BODIES: list[tuple[str, bytes, int]] = [
    ("1 empty", b"", 400),
    ("2 cut short", b"{", 400),
    ("3 an array", b"[1,2]", 422),
    ("5 nested", b'{"text":' + DEEP[:60_000], 400),
    ("9 duplicate keys", b'{"text":"a","text":"b"}', 400),
    ("10 NaN", b'{"text":NaN}', 400),
    ("10 1e999", b'{"text":1e999}', 400),
    ("11 5,000 digits", b'{"text":' + b"9" * 5000 + b"}", 400),
    ("12 2^63", b'{"text":9223372036854775808}', 400),
    ("13 lone surrogate", b'{"text":"\\ud800"}', 422),
    ("14 NUL", b'{"text":"a\\u0000b"}', 422),
    ("15 bad UTF-8", b'{"text":"\xff"}', 400),
    ("16 nothing", b'{"text":""}', 422),
    ("16 no width", '{"text":"\u200b\u200b"}'.encode(), 422),
    ("16 too long", b'{"text":"' + b"x" * 10_001 + b'"}', 422),
    ("19 e-mail without a dot", b'{"form":{"product_name":"a","error_message":"b","email":"a@b"}}', 422),
    ("19 e-mail of 400", b'{"form":{"email":"' + b"a" * 400 + b'@example.com"}}', 422),
    ("20 e-mail with a header", b'{"form":{"email":"a@example.com\\r\\nBcc: x@example.com"}}', 422),
    ("a number for text", b'{"text":1}', 422),
    ("an object for text", b'{"text":{"$gt":""}}', 422),
    ("an unknown field", b'{"text":"a","admin":true}', 422),
    ("two at once", b'{"text":"a","choice":"b"}', 422),
    ("a field of the form that is none", b'{"form":{"owner":"me"}}', 422),
    ("a context that is too large", b'{"text":"a","context":{"page":"' + b"x" * 2001 + b'"}}', 422),
]


@pytest.mark.parametrize(("body", "status"), [pytest.param(body, status, id=name) for name, body, status in BODIES])
def test_a_bad_body_is_refused_in_words(visitor: Visitor, body: bytes, status: int) -> None:
    before = len(visitor.messages())
    answer = raw(visitor, body)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert {"type", "title", "status", "detail", "request_id"} <= told.keys()
    assert len(visitor.messages()) == before


@pytest.mark.parametrize("body", [b'{"text":"a","text":"b"}', b'{"text":NaN}', b'{"text":9223372036854775808}'])
def test_an_ambiguous_value_is_refused_with_its_field(visitor: Visitor, body: bytes) -> None:
    assert raw(visitor, body).json()["errors"][0]["field"] == "text"


def test_4_another_content_type(visitor: Visitor) -> None:
    assert raw(visitor, b"text=hello", "application/x-www-form-urlencoded").status_code == 415
    assert raw(visitor, b"{}", "text/plain").status_code == 415
    assert raw(visitor, b"{}", **{"Content-Encoding": "gzip"}).status_code == 415


def test_6_a_body_too_large_is_refused_before_it_is_read(running: Running) -> None:
    with socket.create_connection(("127.0.0.1", running.port), PATIENCE) as wire:
        wire.sendall(
            b"POST /api/v1/conversations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nIdempotency-Key: "
            + b"k" * 20
            + b"\r\nContent-Length: 50000000\r\n\r\n"
        )
        assert wire.recv(4096).startswith(b"HTTP/1.1 413")


def test_7_and_8_bodies_that_never_end(tmp_path: Path) -> None:
    from dataclasses import replace

    bot = Bot(tmp_path, limits=replace(OPEN, body_seconds=0.5))
    with Running(bot) as running:
        for head, rest in (
            (b"Content-Length: 10\r\n\r\n", b"hello"),
            (b"Transfer-Encoding: chunked\r\n\r\n", b"5\r\nhello\r\n"),
        ):
            with socket.create_connection(("127.0.0.1", running.port), PATIENCE) as wire:
                wire.sendall(
                    b"POST /api/v1/conversations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nIdempotency-Key: "
                    + b"k" * 20
                    + b"\r\n"
                    + head
                    + rest
                )
                assert wire.recv(4096).startswith(b"HTTP/1.1 408")
    bot.close()


def test_8_chunks_without_end_are_cut_at_the_cap(running: Running) -> None:
    with socket.create_connection(("127.0.0.1", running.port), PATIENCE) as wire:
        wire.sendall(
            b"POST /api/v1/conversations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nIdempotency-Key: "
            + b"k" * 20
            + b"\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        for _ in range(40):
            try:
                wire.sendall(b"1000\r\n" + b"x" * 4096 + b"\r\n")
            except OSError:
                break
        assert wire.recv(4096).startswith(b"HTTP/1.1 413")


def test_17_and_18_marks_and_overrides_are_kept_whole(visitor: Visitor) -> None:
    for text in (
        "e" + "\u0301" * 5000,
        "safe \u202etxt.exe\u202c",
        "<script>alert(1)</script>",
        "{{ 7*7 }} {% x %} '; DROP TABLE messages;--",
    ):
        answer = visitor.say(text)
        assert answer["messages"][0]["text"] == text
        assert "49" not in answer["messages"][-1]["text"]


def test_21_tokens_and_keys(visitor: Visitor, web: httpx.Client) -> None:
    in_address = web.get(f"{visitor.path}/messages?token={visitor.token}")
    assert in_address.status_code == 400
    assert visitor.token not in in_address.text
    assert web.get(f"{visitor.path}/messages?Access_Token=x").status_code == 400
    for idem in ("", "x" * 300, "with space"):
        answer = web.post(
            visitor.path + "/messages", json={"text": "a"}, headers={**visitor.auth, "Idempotency-Key": idem}
        )
        assert answer.status_code == 400
        assert answer.json()["type"] == "urn:helpbot:idempotency-key"
    assert web.post(visitor.path + "/messages", json={"text": "a"}, headers=visitor.auth).status_code == 400
    short = web.post("/api/v1/conversations", json={}, headers={"Idempotency-Key": "guessable"})
    assert short.status_code == 400


def test_20_a_name_with_a_line_of_its_own_goes_nowhere(visitor: Visitor) -> None:
    claims = {"sub": "user-7", "name": "Ann\r\nBcc: x@example.com", "exp": int(time.time()) + 60}
    token = jwt.encode(claims, SECRET, algorithm="HS256", headers={"kid": "main"})
    started = visitor.web.post(
        "/api/v1/conversations", json={}, headers={"Idempotency-Key": key(), "Helpbot-Identity": token}
    )
    said = raw(visitor, b'{"text":"hello"}', **{"Helpbot-Identity": token})
    assert {started.status_code, said.status_code} <= {401, 422}
    assert "Bcc" not in started.text + said.text


def test_22_the_token_of_an_erased_conversation_opens_nothing(tmp_path: Path) -> None:
    """Erased by another program, while this one still remembers it."""
    bot = Bot(tmp_path)
    with client(bot) as web:
        visitor, other = Visitor(web), Visitor(web)
        visitor.say(BILLING)
        erase(bot.store, [visitor.id], datetime.now(UTC))
        for _ in range(2):
            answers = [
                visitor.post({"text": BILLING}), visitor.post({"stars": 5}, path="/rating"),
                web.get(visitor.path + "/messages", headers=visitor.auth), web.get(visitor.path, headers=visitor.auth),
                web.get(visitor.path + "/stream", headers=visitor.auth),
                web.get(visitor.path + "/transcript", headers=visitor.auth),
                web.get(f"/api/v1/conversations/{other.id}x/messages", headers=visitor.auth),
            ]  # fmt: skip
            assert [answer.status_code for answer in answers] == [404] * 7
            told = [{**answer.json(), "request_id": ""} for answer in answers]
            assert all(each == told[0] for each in told)
        other.say(BILLING)
    bot.close()


def test_23_a_key_that_comes_with_another_body_is_refused(visitor: Visitor) -> None:
    idem = key()
    visitor.say("hello", idem)
    before = len(visitor.messages())
    assert visitor.post({"text": "something else"}, idem).status_code == 422
    assert len(visitor.messages()) == before


@pytest.mark.parametrize("last", ["-1", "abc", "1" + "0" * 30, "9" * 9, "1.5", "٣", ""])
def test_24_a_last_event_id_that_is_none_begins_at_the_start(visitor: Visitor, last: str) -> None:
    with visitor.web.stream(
        "GET", visitor.path + "/stream", headers={**visitor.auth, "Last-Event-ID": last.encode()}
    ) as stream:
        assert stream.status_code == 200
        for line in stream.iter_lines():
            if line.startswith("id: "):
                assert line == "id: 1"
                break


def test_25_odd_range_and_accept_are_ignored(visitor: Visitor, web: httpx.Client) -> None:
    for headers in ({"Range": "bytes=0-1,5-9,-0"}, {"Accept": "audio/midi;q=9"}, {"Accept": "*" * 500}):
        assert web.get(visitor.path + "/messages", headers={**visitor.auth, **headers}).status_code == 200


@pytest.mark.parametrize(
    "query", ["after=-1", "after=abc", "after=1e5", "after=" + "9" * 30, "limit=0", "limit=100000"]
)
def test_odd_numbers_are_refused(visitor: Visitor, query: str) -> None:
    assert visitor.web.get(f"{visitor.path}/messages?{query}", headers=visitor.auth).status_code == 422


def test_27_one_address_cannot_take_all(tmp_path: Path) -> None:
    from dataclasses import replace

    bot = Bot(tmp_path, limits=replace(OPEN, address=Rate(0.01, 3)))
    with client(bot) as web:
        answers = [web.get("/api/v1/search", params={"q": "a"}) for _ in range(5)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
        assert answers[-1].headers["content-type"] == "application/problem+json"
        assert int(answers[-1].headers["retry-after"]) >= 1
    bot.close()


def test_27_a_signed_in_user_has_one_bucket_in_all_conversations(tmp_path: Path) -> None:
    from dataclasses import replace

    from tests.web.test_threats import token

    bot = Bot(tmp_path, limits=replace(OPEN, visitor=Rate(0.01, 4)))
    with client(bot) as web:
        kim = {"Helpbot-Identity": token()}
        one, two = Visitor(web, **kim), Visitor(web, **kim)
        answers = [one.post({"text": "a"}), two.post({"text": "b"}), one.post({"text": "c"}), two.post({"text": "d"})]
        assert [answer.status_code for answer in answers] == [200, 200, 429, 429]
        assert int(answers[-1].headers["retry-after"]) >= 1
        assert Visitor(web, **{"Helpbot-Identity": token({"sub": "u-2"})}).post({"text": "a"}).status_code == 200
        assert Visitor(web).post({"text": "a"}).status_code == 200
    bot.close()


def test_27_buckets_say_when_to_come_back(tmp_path: Path) -> None:
    from dataclasses import replace

    bot = Bot(tmp_path, limits=replace(OPEN, conversation=Rate(0.01, 3), start=Rate(0.01, 2)))
    with client(bot) as web:
        visitor = Visitor(web)
        answers = [visitor.post({"text": BILLING}) for _ in range(5)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
        assert int(answers[-1].headers["retry-after"]) >= 1
        starts = [
            web.post("/api/v1/conversations", json={}, headers={"Idempotency-Key": key()}).status_code for _ in range(3)
        ]
        assert starts == [201, 429, 429]
    bot.close()


def test_depth_is_counted_outside_of_strings() -> None:
    assert read_json(b'{"text": "' + b"[" * 1000 + b'"}') == {"text": "[" * 1000}


@pytest.mark.parametrize("value", ["1", "-1", "1.5", "1e5", "true", "null", '"\\ud83d\\ude00"', "[]", '{"a":{"a":1}}'])
def test_ordinary_json_is_read_as_json_is(value: str) -> None:
    import json

    read: Any = read_json(value.encode())
    assert read == json.loads(value)
