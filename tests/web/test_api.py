"""The HTTP API as a program meets it."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from helpbot.channels.web.problems import Problem
from helpbot.channels.web.schema import Answer, AttachmentOut, MessageIn, RatingIn, SearchOut, StartedOut, StartIn
from helpbot.desk.records import Act
from helpbot.errors import Code
from tests.web.support import BILLING, ROOT, Bot, Running, Visitor, client, key


def test_a_question_is_answered_with_its_sources(web: httpx.Client) -> None:
    answer = Visitor(web).say(BILLING)
    said, reply = answer["messages"]
    assert said["author"] == "user"
    assert said["text"] == BILLING
    assert reply["reply"]["outcome"] == "answer"
    assert reply["reply"]["resolutions"] == ["billingcode-invalid"]
    assert reply["reply"]["citations"][0]["url"].startswith("/articles/psa-sync-issues#")
    kinds = [part["type"] for part in reply["reply"]["parts"]]
    assert "steps" in kinds
    assert answer["conversation"]["last_seq"] == reply["seq"] == 3


def test_the_way_to_a_case(web: httpx.Client) -> None:
    visitor = Visitor(web, context={"product": "Quote editor"})
    visitor.say(BILLING)
    asked = visitor.press("not_solved")["messages"][-1]["reply"]
    assert asked["outcome"] == "escalate"
    done = visitor.fill(product_name="Quote editor", error_message=BILLING)
    reply = done["messages"][-1]["reply"]
    assert reply["awaiting"] == []
    case = next(part for part in reply["parts"] if part["type"] == "case")
    assert case["number"].startswith("HB-")
    assert done["conversation"]["cases"][0]["error_message"] == BILLING


def test_the_record_has_the_words_that_were_seen(web: httpx.Client) -> None:
    visitor = Visitor(web)
    visitor.say(BILLING)
    assert visitor.press("not_solved")["messages"][0]["text"] == "No, not yet"
    done = visitor.fill(product_name="Quote editor", error_message="line 1\n line 2")
    assert done["messages"][0]["text"] == "Affected product: Quote editor\nError message: line 1\n line 2"
    pressed = visitor.press("pick:billingcode-invalid")["messages"][0]["text"]  # an older button, from the greeting
    assert pressed
    assert "pick:" not in pressed
    assert visitor.press("junk")["messages"][0]["text"] == "junk"
    assert "not_solved" not in str([message["text"] for message in visitor.messages()])


def test_the_same_key_is_answered_from_the_record(web: httpx.Client) -> None:
    visitor = Visitor(web)
    idem = key()
    first, second = visitor.say(BILLING, idem), visitor.say(BILLING, idem)
    assert second["replayed"]
    assert first["messages"] == second["messages"]
    assert len(visitor.messages()) == 3


def test_the_same_key_at_once_is_done_once(web: httpx.Client) -> None:
    visitor = Visitor(web)
    idem = key()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: visitor.post({"text": BILLING}, idem), range(8)))
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert len(visitor.messages()) == 3


def test_a_key_that_comes_with_another_body_is_refused(web: httpx.Client) -> None:
    visitor = Visitor(web)
    idem = key()
    visitor.say(BILLING, idem)
    answer = visitor.post({"text": "something else"}, idem)
    assert answer.status_code == 422
    assert answer.json()["type"] == "urn:helpbot:key-reused"


def test_a_start_that_is_repeated_gives_the_same_conversation(web: httpx.Client) -> None:
    idem = key()
    one = web.post("/api/v1/conversations", json={}, headers={"Idempotency-Key": idem}).json()
    two = web.post("/api/v1/conversations", json={}, headers={"Idempotency-Key": idem}).json()
    assert one["id"] == two["id"]
    for token in (one["token"], two["token"]):
        assert (
            web.get(f"/api/v1/conversations/{one['id']}", headers={"Authorization": f"Bearer {token}"}).status_code
            == 200
        )


def test_messages_come_after_a_number(web: httpx.Client) -> None:
    visitor = Visitor(web)
    visitor.say(BILLING)
    everything = visitor.messages()
    assert [message["seq"] for message in everything] == [1, 2, 3]
    assert visitor.messages(after=2) == everything[2:]
    assert visitor.messages(after=99) == []


def test_an_agents_reply_and_name_are_shown_and_a_note_is_not(web: httpx.Client, running: Running) -> None:
    visitor = Visitor(web)
    case = visitor.case()
    running.bot.agent(Act.CLAIM, case)
    running.bot.agent(Act.NOTE, case, "canary-note")
    running.bot.agent(Act.REPLY, case, "Hello from Anna")
    last = visitor.messages()[-1]
    assert (last["author"], last["name"], last["text"]) == ("agent", "Anna", "Hello from Anna")
    everything = json.dumps(visitor.messages()) + web.get(visitor.path + "/transcript", headers=visitor.auth).text
    assert "canary-note" not in everything


def test_rating_and_transcript(web: httpx.Client) -> None:
    visitor = Visitor(web)
    visitor.say(BILLING)
    assert visitor.post({"stars": 5, "comment": "Quick"}, path="/rating").status_code == 204
    assert visitor.post({"stars": 6}, path="/rating").status_code == 422
    assert visitor.post({}, path="/rating").status_code == 422
    text = web.get(visitor.path + "/transcript", headers=visitor.auth)
    assert text.headers["content-type"].startswith("text/plain")
    assert BILLING in text.text


def test_search_finds_sections(web: httpx.Client) -> None:
    found = web.get("/api/v1/search", params={"q": "company has no external identifier", "top": 3}).json()["hits"]
    assert found[0]["article"] == "psa-sync-issues"
    assert found[0]["anchor"] == "company-no-external-identifier"
    assert len({hit["article"] for hit in found}) == len(found)


def test_health_and_readiness(web: httpx.Client) -> None:
    assert web.get("/healthz").json() == {"status": "ok"}
    assert web.get("/readyz").json()["status"] == "ready"


def test_metrics_tell_outcomes_and_no_ids(web: httpx.Client) -> None:
    visitor = Visitor(web)
    visitor.say(BILLING)
    text = web.get("/metrics").text
    assert 'helpbot_answers_total{outcome="answer"}' in text
    assert 'route="/api/v1/conversations/{conversation_id}/messages"' in text
    assert visitor.id not in text
    assert 'helpbot_knowledge_info{version="' in text


def test_every_answer_carries_a_request_id_and_safe_headers(web: httpx.Client) -> None:
    for path in ("/", "/healthz", "/nothing", "/widget/v1/loader.js", "/articles/troubleshooting"):
        answer = web.get(path)
        assert len(answer.headers["x-request-id"]) >= 8
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors" in answer.headers["content-security-policy"]
        assert "set-cookie" not in answer.headers
    assert web.get("/healthz", headers={"X-Request-Id": "trace-12345678"}).headers["x-request-id"] == "trace-12345678"
    assert web.get("/healthz", headers={"X-Request-Id": "a b<script>"}).headers["x-request-id"] != "a b<script>"


def test_the_document_names_every_route_and_its_refusals(web: httpx.Client) -> None:
    document = web.get("/openapi.json").json()
    assert "/api/v1/conversations/{conversation_id}/stream" in document["paths"]
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert operation.get("summary"), path
            if path.startswith("/api/"):
                assert {"400", "404", "429", "500", "503"} <= operation["responses"].keys(), (path, method)
            for code, response in operation["responses"].items():
                if code.startswith(("4", "5")):
                    assert list(response["content"]) == ["application/problem+json"], (path, code)
    assert document["components"]["schemas"]["MessageIn"]["example"]


def test_every_refusal_has_an_example_of_its_own_that_the_schema_takes(web: httpx.Client) -> None:
    document = web.get("/openapi.json").json()
    for path, operations in document["paths"].items():
        for operation in operations.values():
            for code, response in operation["responses"].items():
                for kind, content in response.get("content", {}).items():
                    if kind == "application/problem+json":
                        assert Problem.model_validate(content["example"]).status == int(code), path
                if code in {"429", "503"}:
                    assert "Retry-After" in response["headers"], path


@pytest.mark.parametrize("model", [Answer, StartedOut, SearchOut, AttachmentOut, MessageIn, StartIn, RatingIn])
def test_every_example_is_one(model: Any) -> None:
    schema = model.model_json_schema()
    for example in [schema["example"], *schema.get("examples", [])]:
        model.model_validate(example)


def test_every_kind_of_refusal_is_described() -> None:
    said = (ROOT / "docs" / "api.md").read_text("utf-8")
    source = "".join(path.read_text("utf-8") for path in (ROOT / "src/helpbot/channels/web").glob("*.py"))
    kinds = set(re.findall(r'kind="([a-z-]+)"', source)) | {code.value for code in Code}
    assert len(kinds) > 15
    assert {kind for kind in kinds if f"`{kind}`" not in said} == set()


def test_a_start_without_a_body_says_what_is_missing(web: httpx.Client) -> None:
    answer = web.post("/api/v1/conversations", headers={"Idempotency-Key": key()})
    assert answer.status_code == 400
    assert "empty" in answer.json()["detail"]
    assert web.get("/openapi.json").json()["paths"]["/api/v1/conversations"]["post"]["requestBody"]["required"]


def test_a_field_at_fault_is_told_what_to_do(web: httpx.Client) -> None:
    told = Visitor(web).post({"txt": "hello"}).json()
    assert {"field": "txt", "problem": "it is not known here; leave it out"} in told["errors"]
    assert Visitor(web).post({"text": 1}).json()["errors"] == [{"field": "text", "problem": "it must be text"}]
    assert web.get("/api/v1/search").json()["errors"] == [{"field": "q", "problem": "it is missing"}]


def test_a_head_of_the_document_is_405_with_what_is_allowed(web: httpx.Client) -> None:
    answer = web.delete("/api/v1/conversations", headers={"Idempotency-Key": key()})
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "path",
    [
        "/slack/events",
        "/docs",
        "/redoc",
        "/admin",
        "/.env",
        "/widget/v1/manifest.json",
        "/widget/v1/../app.py",
        "/static/../app.py",
        "/static/%2e%2e/app.py",
    ],
)
def test_what_is_not_there_is_404(web: httpx.Client, path: str) -> None:
    assert web.get(path).status_code == 404


def test_who_answers_an_agent_has_read_what_was_said_before(tmp_path: Path) -> None:
    seen: list[tuple[str, int]] = []
    bot = Bot(tmp_path)
    bot.app.state.web.read = lambda conversation, seq: seen.append((conversation, seq))
    with client(bot) as web:
        visitor = Visitor(web)
        visitor.say("I need a person please")
        opened = visitor.fill(product_name="Quote editor", error_message=BILLING)
        assert seen == []  # nobody else has said anything yet
        case = opened["conversation"]["cases"][0]["number"]
        bot.agent(Act.CLAIM, case)
        (said,) = bot.agent(Act.REPLY, case, "Which browser?").messages
        visitor.say("Firefox")
        assert seen[-1] == (visitor.id, said.seq)
    bot.close()


def test_a_message_is_read_as_fastapi_would_read_it(tmp_path: Path) -> None:
    """The route of messages reads its requests itself: both ways take the same and refuse the same, word for word."""
    bodies = [
        b'{"text":"BillingCode does not exist or is invalid"}', b'{"choice":"person"}', b'{"text":"x","context":{"page":"y"}}',
        b'{"form":{"product_name":"Quotes","error_message":"E"}}', b"", b"{", b"[1,2]", b"null", b"7", b'"text"', b"{}",
        b'{"text":"a","text":"b"}', b'{"text":NaN}', b'{"text":1}', b'{"text":""}', b'{"text":"a","choice":"b"}',
        b'{"text":"a","more":1}', b'{"form":{"what":"x"}}', b'{"form":{"email":"nobody"}}', b'{"form":[]}',
        b'{"attachments":["no"]}', b'{"context":{"A":"b"},"text":"x"}', b'{"text":"' + b"x" * 10_001 + b'"}',
        b'{"text":"\\ud800"}', b"\xff", b'{"choice":null}', b'{"text":{"$ne":1}}',
    ]  # fmt: skip
    bot = Bot(tmp_path)
    with client(bot) as web:
        visitor = Visitor(web)
        route = next(route for route in bot.app.router.routes if getattr(route, "name", "") == "send")
        short, seen = route.app, set()
        for body in bodies:
            for more in (
                {},
                {"Helpbot-Identity": "x" * 5000},
                {"Helpbot-Identity": "x"},
                {"Authorization": "Bearer no"},
            ):
                answers = []
                for way in (short, short.long_way):
                    route.app = way
                    headers = {**visitor.auth, "Idempotency-Key": key(), "Content-Type": "application/json", **more}
                    answer = web.post(visitor.path + "/messages", content=body, headers=headers)
                    told = answer.json()
                    problem = {name: told.get(name) for name in ("type", "title", "status", "detail", "errors")}
                    answers.append((answer.status_code, answer.headers["content-type"], problem))
                assert answers[0] == answers[1], body
                seen.add(answers[0][0])
    bot.close()
    assert seen == {200, 400, 401, 404, 422}
