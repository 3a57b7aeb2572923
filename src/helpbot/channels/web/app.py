"""The web edge: HTTP to `Inbound`, `Reply` to JSON, pages around both. It decides nothing; the desk does.

`create_app` joins what it is given. Routes are closed by default: each opens itself by `_authorised` or is listed in
`PUBLIC`, and a test walks them all.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import quote, unquote

from fastapi import Body, FastAPI, Header, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pydantic import ValidationError
from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.routing import Route

from helpbot.channels.web import widget
from helpbot.channels.web.articles import Page, render, summary_line
from helpbot.channels.web.gate import Gate
from helpbot.channels.web.identity import identify
from helpbot.channels.web.images import MEDIA, Shelf
from helpbot.channels.web.limits import Buckets
from helpbot.channels.web.metrics import Metrics
from helpbot.channels.web.pool import Pool
from helpbot.channels.web.problems import RESPONSES, Problem, ProblemError, problem, refusal
from helpbot.channels.web.schema import (
    Answer,
    AttachmentOut,
    MessageIn,
    RatingIn,
    SearchOut,
    StartedOut,
    StartIn,
    article_url,
    conversation_out,
    message_out,
)
from helpbot.channels.web.sites import palette
from helpbot.channels.web.stream import Live, Stream
from helpbot.channels.web.strict import read_json
from helpbot.errors import CallError, Code, HelpbotError
from helpbot.messages import Channel, Inbound, Outcome, Person, Steps

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from helpbot.channels.web.settings import WebSettings
    from helpbot.desk.desk import Desk
    from helpbot.desk.ports import Notices
    from helpbot.desk.records import ConversationView, Message
    from helpbot.dialogue.world import World
    from helpbot.messages import Reply
    from helpbot.retrieval.search import ArticleHit, Searcher

__all__ = ["PUBLIC", "create_app"]

# What anybody may have. Every other route asks for a conversation's token, or is refused.
PUBLIC: Final = frozenset(
    {
        "/",
        "/articles",
        "/articles/{slug}",
        "/static/{name}",
        "/static/brand.css",
        "/widget/v1/{name}",
        "/openapi.json",
        "/healthz",
        "/readyz",
        "/api/v1/search",
        "/api/v1/conversations",
        "/favicon.ico",
        "/robots.txt",
    }
)
PAGE_CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'self'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
LONGEST_IDENTITY: Final = 4096
FOREVER: Final = "public, max-age=31536000, immutable"
CHANGELESS: Final = "public, max-age=3600"  # a loader without a hash in its address: new ones arrive within the hour
SHOWN_PROBLEMS: Final = 6
_STATIC: Final = {"site.css": ".css", "site.js": ".js", "icon.svg": ".svg"}
Search = Callable[[str, int], Sequence["ArticleHit"]]


class _StrictRequest(Request):
    async def json(self) -> Any:
        if not hasattr(self, "_json"):
            self._json = read_json(await self.body())
        return self._json


class _StrictRoute(APIRoute):
    """A route whose bodies are read by `read_json`, so that FastAPI's models only ever see unambiguous JSON."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def strict(request: Request) -> Response:
            request = _StrictRequest(request.scope, request.receive)
            if self.body_field is not None:
                await request.json()
            return await handler(request)

        return strict


class _Turns:
    """The route of messages, read by itself: what FastAPI reads of any route costs a third of a turn here.

    It refuses what FastAPI would refuse, with the same words; a test sends both the same requests.
    """

    def __init__(self, web: Web, long_way: ASGIApp) -> None:
        self.web, self.long_way = web, long_way

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one message."""
        request = _StrictRequest(scope, receive)
        key = request.headers.get("idempotency-key", "")  # which the gate has looked at
        if len(request.headers.get("helpbot-identity", "")) > LONGEST_IDENTITY:
            await self.long_way(scope, receive, send)
            return
        value = await request.json()
        try:
            body = MessageIn.model_validate(value, from_attributes=True)
        except ValidationError as error:
            faults = [{**fault, "loc": ("body", *fault["loc"])} for fault in error.errors(include_url=False)]
            raise RequestValidationError(faults) from error
        answer = await self.web.writers.run(self.web.take, request, key, body)
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})


class Web:
    """What the routes share: the desk, the knowledge of the moment, limits and pages."""

    def __init__(
        self,
        desk: Desk,
        world: Callable[[], World],
        settings: WebSettings,
        metrics: Metrics,
        search: Search | None,
        clock: Callable[[], datetime],
        read: Callable[[str, int], None] | None = None,
    ) -> None:
        self.read = read
        self.desk, self.world, self.settings, self.metrics, self.clock = desk, world, settings, metrics, clock
        limits = settings.limits
        self.pool = Pool(settings.threads, limits.waiting)
        # A turn mostly waits for the commit it shares with others: more of them at once share more of each.
        self.writers = Pool(settings.threads * 3, limits.waiting)
        self.slow = Pool(2, 8)  # pictures and whole transcripts; they must not stand in the way of messages
        self.starts, self.turns, self.uploads = (
            Buckets(limits.start),
            Buckets(limits.conversation),
            Buckets(limits.attachments),
        )
        self.visitors = Buckets(limits.visitor)
        self.shelf = Shelf(settings.files, ocr=settings.ocr)
        self.site = settings.sites["default"]
        self._search = search or self._own_search
        self._greeting: tuple[object, Reply] | None = None
        self.pages = Environment(
            loader=FileSystemLoader(Path(__file__).with_name("templates")),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    # ── who may ─────────────────────────────────────────────────────────────────────────────────────────────

    @staticmethod
    def _claimed(request: Request) -> tuple[str, str]:
        """The conversation and the token that a request names; what cannot be one is refused like what is not."""
        id_ = request.path_params["conversation_id"]
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        usable = (
            scheme.lower() == "bearer"
            and 20 <= len(token) <= 128
            and token.isascii()
            and 10 <= len(id_) <= 64
            and id_.isalnum()
            and id_.isascii()
        )
        if not usable:
            raise CallError(Code.NOT_FOUND, "there is no such conversation", "Start a new one")
        return id_, token

    async def authorised(self, request: Request) -> ConversationView:
        """The conversation that this request's token opens; the same refusal for all that it does not open."""
        return await self.pool.run(self.desk.authorise, *self._claimed(request))

    def take(self, request: Request, key: str, body: MessageIn) -> bytes:
        """One message, from its token to its answer as JSON: the whole of a turn on one thread.

        Each change of threads costs time, and what the loop's own thread works out all connections wait for.
        """
        view = self.desk.admit(*self._claimed(request))
        wait = self.turns.take(view.id)
        if wait:
            raise CallError(Code.TOO_MANY, "messages come too fast", "Wait a moment", retry_after=wait)
        person = self.owner(request, view)
        inbound = Inbound(
            key=key,
            channel=Channel.WIDGET,
            thread=view.id,
            person=person,
            text=body.text or "",
            choice=body.choice,
            form={str(name): value for name, value in body.form.items()} if body.form is not None else None,
            context=body.context,
            attachments=self.shelf.names(view.id, body.attachments) if body.attachments else (),
        )
        began = time.perf_counter()
        receipt = self.desk.receive(inbound)
        if self.read is not None and view.cases and not receipt.replayed and receipt.messages:
            with contextlib.suppress(HelpbotError):  # a mark for agents: the turn is done without it
                self.read(view.id, receipt.messages[0].seq - 1)
        if not receipt.replayed:
            self.metrics.turns.observe(time.perf_counter() - began)
            _count(self.metrics, receipt.messages)
        return to_json(
            {
                "conversation": conversation_out(receipt.conversation or self.desk.conversation(view.id)),
                "messages": [message_out(each, self.shelf.size) for each in receipt.messages],
                "replayed": receipt.replayed,
            }
        )

    def person(self, request: Request, site: str, otherwise: Person) -> Person:
        """Who is talking: whom a valid identity token names, else `otherwise`.

        CallError(TOO_MANY) for a user who talks too much, in however many conversations.
        """
        token = request.headers.get("helpbot-identity")
        if token is None:
            return otherwise
        known = self.settings.sites.get(site, self.site)
        person = identify(token, self.settings.identity_keys, self.clock(), known.identity_keys)
        wait = self.visitors.take(person.id)
        if wait:
            raise CallError(Code.TOO_MANY, "too much comes from this user", "Wait a moment", retry_after=wait)
        return person

    def owner(self, request: Request, view: ConversationView) -> Person:
        """Who is talking in this conversation; CallError(FORBIDDEN) if it is another user's."""
        person = self.person(request, view.now.context.get("site", ""), view.person)
        if view.person.verified and person.id != view.person.id:
            raise CallError(Code.FORBIDDEN, "this conversation belongs to another user", "Start a new one")
        return person

    # ── knowledge ───────────────────────────────────────────────────────────────────────────────────────────

    def greeting(self) -> Reply:
        """What the widget shows before there is a conversation."""
        from helpbot.dialogue.machine import greeting

        world = self.world()
        if self._greeting is None or self._greeting[0] is not world:
            self._greeting = (world, greeting(world))
        return self._greeting[1]

    def find(self, text: str, top: int) -> list[dict[str, Any]]:
        """Sections for a question, each article's best, as JSON."""
        knowledge = self.world().knowledge
        found = []
        for hit in self._search(text, top):
            article = knowledge.articles.get(hit.article)
            if article is None:
                continue
            best = hit.hits[0] if hit.hits else None
            passage = (
                knowledge.chunks[best.chunk_id].text
                if best and best.chunk_id < len(knowledge.chunks)
                else article.summary
            )
            found.append(
                {
                    "article": hit.article,
                    "title": article.title,
                    "section": hit.section.rpartition(" › ")[2],
                    "anchor": hit.anchor,
                    "score": round(hit.score, 4),
                    "excerpt": summary_line(passage, frozenset(text.lower().split())),
                    "url": article_url(hit.article, hit.anchor),
                }
            )
        return found

    def _own_search(self, text: str, top: int) -> Sequence[ArticleHit]:
        knowledge = self.world().knowledge
        return _searcher(_Key(knowledge.version, knowledge.chunks)).search(text, top)

    # ── pages ───────────────────────────────────────────────────────────────────────────────────────────────

    def page(self, name: str, status: int = 200, **values: object) -> Response:
        """One of the help pages."""
        colours = palette(self.site.colour)
        html = self.pages.get_template(name).render(
            site=self.site,
            colours=colours,
            version=_static_version(),
            integrity=widget.integrity(),
            brand_version=colours.brand.strip("#"),
            **values,
        )
        headers = {"Content-Security-Policy": PAGE_CSP, "Cache-Control": "no-cache"}
        return Response(html, status, headers, "text/html; charset=utf-8")

    def frequent(self) -> list[dict[str, str]]:
        """The problems that the demo page shows: the operator's choice, else the first that have an error message."""
        world = self.world()
        known = world.knowledge.resolutions
        chosen = [known[name] for name in world.manners.frequent if name in known]
        for each in known.values():
            if len(chosen) >= SHOWN_PROBLEMS:
                break
            if each.errors and each not in chosen:
                chosen.append(each)
        names = world.knowledge.vocabulary
        return [
            {
                "title": each.title,
                "ask": each.label,
                "tag": " · ".join(
                    names.name(facet, value) for facet, values in each.applies_to.items() for value in values
                ),
            }
            for each in chosen[:SHOWN_PROBLEMS]
        ]

    def example(self) -> dict[str, Any] | None:
        """An answer to show what answers are like: the first frequent problem with an error message and steps."""
        world = self.world()
        known = world.knowledge.resolutions
        for each in (*(known[name] for name in world.manners.frequent if name in known), *known.values()):
            if each.errors and each.steps and "{" not in each.label:
                answer = world.replies.resolution(each.id, world.knowledge, {})
                told = next((part for part in answer.parts if isinstance(part, Steps)), None)
                if told is None:
                    continue
                cited = answer.citations[0] if answer.citations else world.knowledge.citation(each.source)
                return {
                    "error": each.label,
                    "title": each.title,
                    "steps": [{"text": s.text, "path": s.go.split(" > ") if s.go else []} for s in told.steps[:3]],
                    "url": article_url(cited.article, cited.anchor),
                    "source": f"{cited.title} › {cited.section}",
                }
        return None

    def articles(self) -> list[Page]:
        """All articles, in the order of their files."""
        return [render(article) for article in self.world().knowledge.articles.values()]


class _Key:
    def __init__(self, version: str, chunks: Sequence[Any]) -> None:
        self.version, self.chunks = version, chunks

    def __hash__(self) -> int:
        return hash(self.version)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and other.version == self.version and other.chunks is self.chunks


@lru_cache(maxsize=1)
def _searcher(key: _Key) -> Searcher:
    from helpbot.retrieval.search import Searcher

    return Searcher.build(key.chunks)


@lru_cache(maxsize=1)
def _static_version() -> str:
    return hashlib.sha256(b"".join((widget.STATIC / name).read_bytes() for name in sorted(_STATIC))).hexdigest()[:10]


def create_app(
    desk: Desk,
    world: Callable[[], World],
    settings: WebSettings,
    notices: Notices,
    *,
    slack: ASGIApp | None = None,
    search: Search | None = None,
    ready: Callable[[], str] | None = None,
    notes: Callable[[], Mapping[str, str]] = dict,
    gauges: Callable[[], Mapping[str, float]] | None = None,
    read: Callable[[str, int], None] | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> FastAPI:
    """The whole web edge as one ASGI app.

    `slack` answers everything under /slack/ and checks its own signatures. `search` finds articles (by words alone
    where it is not given). `ready` says in words why this node cannot serve now; empty: it can. `notes` is what
    /readyz adds about how well it can, such as that words alone are compared. `gauges` are
    further numbers for /metrics. `read` is told up to which message a user has surely read: who answers has.
    """
    metrics = Metrics(gauges)
    web = Web(desk, world, settings, metrics, search, clock, read)
    live = Live(desk, notices, settings, web.pool, metrics)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await live.open()
        yield
        live.close()
        web.pool.close()
        web.writers.close()
        web.slow.close()

    app = FastAPI(
        title="helpbot",
        version="1",
        summary="Answers from your articles, each with its source, and complete cases for people.",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=lifespan,
        redirect_slashes=False,
        # /metrics and the log tell what is to be told; looking for another reader of it costs each request its share
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.router.route_class = _StrictRoute
    app.state.live, app.state.web, app.state.metrics = live, web, metrics
    _handlers(app)
    stream = Route(
        "/api/v1/conversations/{conversation_id}/stream",
        endpoint=Stream(live, web.authorised, desk, web.pool, metrics, web.shelf.size),
        methods=["GET"],
        include_in_schema=False,
    )
    _conversation_routes(app, web, stream)
    _page_routes(app, web)
    _operator_routes(app, web, ready, notes)
    app.add_middleware(Gate, settings=settings, metrics=metrics, slack=slack, stream=stream)
    return app


# ── refusals ───────────────────────────────────────────────────────────────────────────────────────────────────────


# pydantic's words where they do not say what to do
_PLAINER: Final = {
    "missing": "it is missing",
    "extra_forbidden": "it is not known here; leave it out",
    "string_type": "it must be text",
    "dict_type": "it must be an object",
    "model_attributes_type": "it must be an object",
    "list_type": "it must be a list",
}


def _handlers(app: FastAPI) -> None:
    @app.exception_handler(CallError)
    async def _(request: Request, error: CallError) -> Response:
        return refusal(request, error)

    @app.exception_handler(ProblemError)
    async def _(request: Request, error: ProblemError) -> Response:
        return problem(
            error.status,
            error.detail,
            request.scope.get("helpbot.request", ""),
            kind=error.kind,
            retry_after=error.retry_after,
            errors=error.errors,
            allow=error.allow,
        )

    @app.exception_handler(RequestValidationError)
    async def _(request: Request, error: RequestValidationError) -> Response:
        faults = [
            {
                "field": ".".join(str(part)[:60] for part in fault["loc"][1:]) or str(fault["loc"][0]),
                "problem": _PLAINER.get(fault["type"], str(fault["msg"]).removeprefix("Value error, ")[:200]),
            }
            for fault in error.errors()[:20]
        ]
        detail = "; ".join(f"{fault['field']}: {fault['problem']}" for fault in faults[:3]) or "A value cannot be used"
        return problem(
            422,
            f"{_safe(detail)}.",
            request.scope.get("helpbot.request", ""),
            kind="invalid",
            errors=[{k: _safe(v) for k, v in fault.items()} for fault in faults],
        )

    @app.exception_handler(HTTPException)
    async def _(request: Request, error: HTTPException) -> Response:
        request_id = request.scope.get("helpbot.request", "")
        if error.status_code == 404:
            return problem(404, "There is nothing at this address. See /openapi.json.", request_id, kind="not-found")
        allow = (error.headers or {}).get("Allow", "")
        detail = f"Use {allow} here." if allow else "See /openapi.json."
        kind = "method" if error.status_code == 405 else ""
        return problem(error.status_code, detail, request_id, kind=kind, allow=allow)


def _safe(text: str) -> str:
    return "".join(letter if letter.isprintable() else "�" for letter in text)


# ── the API ────────────────────────────────────────────────────────────────────────────────────────────────────────

Key = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        description="A new random one for each act; the same one repeats it and is answered from the record.",
    ),
]
Token = Annotated[
    str | None,
    Header(
        alias="Helpbot-Identity",
        max_length=LONGEST_IDENTITY,
        description="A JWT that the host site signed for its user.",
    ),
]


def _answers(*codes: int) -> dict[int | str, dict[str, Any]]:
    return {code: RESPONSES[code] for code in (*codes, 400, 404, 405, 429, 500, 503)}


def _visitor(address: str, key: str) -> Person:
    """An anonymous visitor: known only by the key its conversation was started with."""
    digest = hashlib.sha256(key.encode()).hexdigest()[:24]
    return Person(id=f"visitor-{digest}")


def _conversation_routes(app: FastAPI, web: Web, stream: Route) -> None:  # noqa: C901 - a list of routes, one after the other
    desk, pool = web.desk, web.pool
    base = "/api/v1/conversations"
    tags: list[Any] = ["conversations"]

    @app.post(
        base,
        status_code=201,
        response_model=StartedOut,
        responses=_answers(401, 408, 409, 413, 415, 422),
        tags=tags,
        summary="Start a conversation",
    )
    async def start(request: Request, key: Key, given: Annotated[StartIn, Body()], identity: Token = None) -> Response:
        """Start a conversation and get the token that opens it, with the greeting. Keys have 16 characters or more."""
        if given.site not in web.settings.sites:
            raise ProblemError(
                422,
                "The site is not known here. See bot/widget/sites.toml.",
                kind="invalid",
                errors=[{"field": "site", "problem": "unknown"}],
            )
        if len(key) < 16:
            raise ProblemError(
                400,
                "Whoever knows a start's key is handed the conversation again: give it 16 random characters or more.",
                kind="idempotency-key",
            )
        wait = web.starts.take(request.scope["helpbot.address"])
        if wait:
            raise CallError(
                Code.TOO_MANY, "too many conversations are started from your address", "Wait a moment", retry_after=wait
            )
        person = web.person(request, given.site, _visitor(request.scope["helpbot.address"], key))
        started = await web.writers.run(
            desk.start, Channel.WIDGET, person, key=key, context={**given.context, "site": given.site}
        )
        view = started.conversation
        messages = [message_out(each) for each in started.messages]
        return JSONResponse(
            {"id": view.id, "token": started.token, "conversation": conversation_out(view), "messages": messages}, 201
        )

    @app.get(
        base + "/{conversation_id}", response_model=Answer, responses=_answers(), tags=tags, summary="How it stands"
    )
    async def conversation(request: Request, conversation_id: str) -> Response:
        """How the conversation stands, without its messages."""
        view = await web.authorised(request)
        return JSONResponse({"conversation": conversation_out(view), "messages": [], "replayed": False})

    @app.post(
        base + "/{conversation_id}/messages",
        response_model=Answer,
        responses=_answers(401, 403, 408, 409, 413, 415, 422),
        tags=tags,
        summary="Say, choose or fill in",
    )
    async def send(
        request: Request, conversation_id: str, key: Key, body: MessageIn, identity: Token = None
    ) -> Response:
        """Say something, press a choice or send the form, and get the replies once they are stored."""
        return Response(await web.writers.run(web.take, request, key, body), media_type="application/json")

    by_name = {route.name: route for route in app.router.routes if isinstance(route, APIRoute)}
    by_name["send"].app = _Turns(web, by_name["send"].app)

    @app.get(
        base + "/{conversation_id}/messages",
        response_model=Answer,
        responses=_answers(422),
        tags=tags,
        summary="Messages after a number",
    )
    async def messages(
        request: Request,
        conversation_id: str,
        after: Annotated[int, Query(ge=0, le=2**31 - 1, description="The last `seq` you have; 0: from the start.")] = 0,
        limit: Annotated[int, Query(ge=1, le=200)] = 200,
    ) -> Response:
        """What was said after a number, oldest first. Ask again until fewer come than `limit`."""
        view = await web.authorised(request)
        found = await pool.run(desk.messages, view.id, after=after, limit=limit)
        return JSONResponse(
            {
                "conversation": conversation_out(view),
                "messages": [message_out(each, web.shelf.size) for each in found],
                "replayed": False,
            }
        )

    app.router.routes.append(stream)

    @app.post(
        base + "/{conversation_id}/attachments",
        status_code=201,
        response_model=AttachmentOut,
        responses=_answers(408, 413, 415, 422),
        tags=tags,
        summary="Upload a screenshot",
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in MEDIA.values()},
            }
        },
    )
    async def upload(
        request: Request,
        conversation_id: str,
        key: Key,
        file_name: Annotated[
            str, Header(alias="File-Name", max_length=400, description="Percent-encoded UTF-8.")
        ] = "screenshot",
    ) -> Response:
        """Upload a PNG, JPEG or WebP of at most 5 MB as the raw body, then name its id in a message.

        It is drawn anew.
        """
        view = await web.authorised(request)
        wait = web.uploads.take(view.id)
        if wait:
            raise CallError(Code.TOO_MANY, "too many pictures are uploaded", "Wait a moment", retry_after=wait)
        data = await request.body()
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        kept = await web.slow.run(web.shelf.put, view.id, unquote(file_name), data, kind)
        return JSONResponse(
            {"id": kept.id, "name": kept.name, "text": kept.text, "size": web.shelf.size(view.id, kept.id)}, 201
        )

    @app.get(
        base + "/{conversation_id}/attachments/{attachment_id}",
        responses={
            200: {"content": {"image/png": {}, "application/octet-stream": {}}, "description": "The file."},
            **_answers(),
        },
        tags=tags,
        summary="A file",
        response_class=Response,
    )
    async def picture(request: Request, conversation_id: str, attachment_id: str) -> Response:
        """A file of this conversation: a picture as PNG; any other file of an agent's is to be saved, never shown."""
        view = await web.authorised(request)
        found = await web.slow.run(web.shelf.find, view.id, attachment_id)
        if found is None:
            raise CallError(Code.NOT_FOUND, "there is no such conversation", "Start a new one")
        headers = {
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(found.name, safe='')}",
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Cache-Control": "private, no-store",
        }
        return Response(found.data, headers=headers, media_type=found.media)

    @app.post(
        base + "/{conversation_id}/rating",
        status_code=204,
        responses=_answers(408, 413, 415, 422),
        tags=tags,
        summary="Rate",
        response_class=Response,
    )
    async def rate(request: Request, conversation_id: str, key: Key, body: RatingIn) -> Response:
        """Say whether it helped. A later rating replaces an earlier one."""
        view = await web.authorised(request)
        await pool.run(desk.rate, view.id, key, body.stars, body.solved, body.comment)
        return Response(status_code=204)

    @app.get(
        base + "/{conversation_id}/transcript",
        responses={200: {"content": {"text/plain": {}}, "description": "The conversation as text."}, **_answers()},
        tags=tags,
        summary="The whole conversation as text",
        response_class=Response,
    )
    async def transcript(request: Request, conversation_id: str) -> Response:
        """Everything that was said, as plain text to keep."""
        view = await web.authorised(request)
        text = await web.slow.run(_transcript, desk, view, web.site.name)
        headers = {"Content-Disposition": 'attachment; filename="conversation.txt"'}
        return Response(text, headers=headers, media_type="text/plain; charset=utf-8")

    @app.post(
        base + "/{conversation_id}/transcript",
        status_code=204,
        responses=_answers(401, 403, 409, 422),
        tags=tags,
        summary="Mail the whole conversation",
        response_class=Response,
    )
    async def mail_transcript(request: Request, conversation_id: str, key: Key, identity: Token = None) -> Response:
        """Mail it to the signed-in user's own address, three times a day at most. Anybody else is refused."""
        view = await web.authorised(request)
        await pool.run(desk.mail_transcript, view.id, key, web.owner(request, view))
        return Response(status_code=204)

    @app.get(
        "/api/v1/search",
        response_model=SearchOut,
        responses=_answers(422),
        tags=["knowledge"],
        summary="Search the articles",
    )
    async def search(
        q: Annotated[str, Query(min_length=1, max_length=2000, examples=["company has no external identifier"])],
        top: Annotated[int, Query(ge=1, le=20)] = 10,
    ) -> Response:
        """Sections that speak of a question, best first, each article once."""
        if "\x00" in q:
            raise ProblemError(
                422,
                "The question holds a NUL. Remove it.",
                kind="invalid",
                errors=[{"field": "q", "problem": "it holds a NUL"}],
            )
        return JSONResponse({"query": q, "hits": await pool.run(web.find, q, top)})


def _count(metrics: Metrics, messages: Sequence[Message]) -> None:
    for message in messages:
        if message.reply is not None:
            metrics.answers.labels(message.reply.outcome.value).inc()
            if message.reply.outcome is Outcome.ESCALATE and not message.reply.awaiting:
                metrics.cases.inc()


def _transcript(desk: Desk, view: ConversationView, name: str) -> str:
    lines = [f"{name}, conversation of {view.created_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"]
    lines += [f"Case {case.number}: {case.product_name}" for case in view.cases]
    after = 0
    while True:
        found = desk.messages(view.id, after=after, limit=500)
        for message in found:
            who = {"user": "You", "bot": name, "agent": message.name or "Agent"}.get(message.author, "")
            lines.append(f"\n[{message.at.astimezone(UTC):%Y-%m-%d %H:%M}] {who}\n{message.text}")
            lines += [f"(attached: {each.partition('/')[2]})" for each in message.attachments]
        if len(found) < 500:
            return "\n".join(lines) + "\n"
        after = found[-1].seq


# ── pages and files ────────────────────────────────────────────────────────────────────────────────────────────────


def _page_routes(app: FastAPI, web: Web) -> None:  # noqa: C901 - a list of routes, one after the other
    hidden: dict[str, Any] = {"include_in_schema": False}

    @app.get("/", **hidden)
    async def home() -> Response:
        if not web.settings.demo:
            return web.page("articles.html", query="", hits=[], pages=web.articles())
        return web.page("home.html", frequent=web.frequent(), example=web.example(), pages=web.articles())

    @app.get("/articles", **hidden)
    async def articles(q: Annotated[str, Query(max_length=2000)] = "") -> Response:
        query = q.replace("\x00", "").strip()
        hits = await web.pool.run(web.find, query, 10) if query else []
        return web.page("articles.html", query=query, hits=hits, pages=web.articles())

    @app.get(
        "/articles/{slug}",
        responses={200: {"content": {"text/html": {}}, "description": "The article as a page."}, **_answers()},
        tags=["knowledge"],
        summary="An article",
        response_class=Response,
    )
    async def article(request: Request, slug: str) -> Response:
        """An article as a page. Sections are reached by their anchor."""
        found = web.world().knowledge.articles.get(slug)
        if found is None:
            if "text/html" in request.headers.get("accept", ""):
                return web.page("missing.html", 404)
            raise CallError(Code.NOT_FOUND, "there is no such article", "Search for it at /articles")
        return web.page("article.html", page=render(found))

    @app.get("/static/brand.css", **hidden)
    async def brand() -> Response:
        css = ";".join(
            f"--{name.replace('_', '-')}:{value}" for name, value in asdict(palette(web.site.colour)).items()
        )
        return Response(f":root{{{css}}}", headers={"Cache-Control": CHANGELESS}, media_type="text/css")

    @app.get("/static/{name}", **hidden)
    async def static(name: str) -> Response:
        if name not in _STATIC:
            raise HTTPException(404)
        return Response(
            (widget.STATIC / name).read_bytes(),
            headers={"Cache-Control": CHANGELESS},
            media_type=widget.TYPES[_STATIC[name]],
        )

    @app.get("/favicon.ico", **hidden)
    async def favicon() -> Response:
        return Response(
            (widget.STATIC / "icon.svg").read_bytes(), headers={"Cache-Control": CHANGELESS}, media_type="image/svg+xml"
        )

    @app.get("/robots.txt", **hidden)
    async def robots() -> Response:
        return Response("User-agent: *\nDisallow: /api/\nDisallow: /widget/\n", media_type="text/plain")

    @app.get("/widget/v1/{name}", **hidden)
    async def frame(request: Request, name: str, site: str = "default", lang: str = "", dir: str = "") -> Response:  # noqa: A002 - the parameter's name in the address
        if name == "app.html":
            return _frame(web, request, site, lang, dir)
        data = widget.widget_file(name)
        if data is None:
            raise HTTPException(404)
        headers = {
            "Cache-Control": FOREVER if request.scope["query_string"] else CHANGELESS,
            "Vary": "Accept-Encoding",
            "Cross-Origin-Resource-Policy": "cross-origin",
            "Access-Control-Allow-Origin": "*",
            "ETag": f'"{widget.fingerprint(name)}"',
        }
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Response(status_code=304, headers=headers)
        accepted = {part.partition(";")[0].strip() for part in request.headers.get("accept-encoding", "").split(",")}
        for encoding, ending in (("br", "br"), ("gzip", "gz")):
            packed = widget.widget_file(name, ending) if encoding in accepted else None
            if packed is not None:
                data, headers["Content-Encoding"] = packed, encoding
                break
        return Response(data, headers=headers, media_type=widget.TYPES[Path(name).suffix])


def _frame(web: Web, request: Request, site: str, lang: str, direction: str) -> Response:
    known = web.settings.sites.get(site)
    if known is None:
        raise HTTPException(404)
    language = widget.language_of(lang, request.headers.get("accept-language", ""), known)
    html = widget.app_page(
        known,
        language,
        direction,
        web.settings.texts,
        web.greeting(),
        public_url=web.settings.public_url,
        attachments=web.shelf.open,
        mail=web.desk.mails,
    )
    headers = {
        "Content-Security-Policy": widget.frame_policy(known),
        "Cache-Control": "no-cache",
        "Cross-Origin-Resource-Policy": "cross-origin",
        "Cross-Origin-Embedder-Policy": "require-corp",  # for host pages that demand it of what they frame
        "Referrer-Policy": "no-referrer",
        "Vary": "Accept-Language",
    }
    return Response(html, headers=headers, media_type="text/html; charset=utf-8")


# ── for operators ──────────────────────────────────────────────────────────────────────────────────────────────────


def _operator_routes(
    app: FastAPI, web: Web, ready: Callable[[], str] | None, notes: Callable[[], Mapping[str, str]]
) -> None:
    @app.get("/healthz", tags=["operation"], summary="The process lives", responses={500: RESPONSES[500]})
    async def healthz() -> dict[str, str]:
        """Whether the process answers."""
        return {"status": "ok"}

    @app.get(
        "/readyz", tags=["operation"], summary="Work can be taken", responses={503: RESPONSES[503], 500: RESPONSES[500]}
    )
    async def readyz() -> dict[str, str]:
        """Whether storage and knowledge are there."""
        if app.state.live.closing:
            raise CallError(Code.UNAVAILABLE, "this node is stopping", "Ask another one", retry_after=5)
        why = await asyncio.wait_for(web.pool.run(ready), 5) if ready is not None else ""
        if why:
            raise CallError(Code.UNAVAILABLE, why, "See the log", retry_after=5)
        return {"status": "ready", "knowledge": web.world().knowledge.version, **notes()}

    @app.get("/metrics", include_in_schema=False)
    async def metrics(request: Request) -> Response:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        wanted = web.settings.metrics_token
        allowed = (
            hmac.compare_digest(given.encode(), wanted.encode())
            if wanted
            else request.scope["helpbot.direct"] and _loopback(request.scope["helpbot.address"])
        )
        if not allowed:
            raise HTTPException(404)
        web.metrics.version.clear()
        web.metrics.version.labels(web.world().knowledge.version).set(1)
        return Response(await web.slow.run(web.metrics.text), media_type="text/plain; version=0.0.4; charset=utf-8")

    @app.get("/openapi.json", include_in_schema=False)
    async def openapi() -> Response:
        return JSONResponse(_document(app), headers={"Cache-Control": CHANGELESS})


def _loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


def _document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document: FastAPI's, with the problem schema, the token and the stream that it cannot see."""
    if app.openapi_schema:
        return app.openapi_schema
    document = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
    schemas = document["components"]["schemas"]
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    problem_schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem_schema.pop("$defs", {}))
    schemas["Problem"] = problem_schema
    document["components"]["securitySchemes"] = {
        "conversation": {
            "type": "http",
            "scheme": "bearer",
            "description": "The token that starting the conversation gave.",
        }
    }
    stream = "/api/v1/conversations/{conversation_id}/stream"
    document["paths"][stream] = {
        "get": {
            "tags": ["conversations"],
            "summary": "Live messages",
            "operationId": "stream",
            "description": (
                "Server-sent events: `message` (the event's id is its `seq`) and `state`. Reconnect "
                "with `Last-Event-ID`, or `after`, "
                "set to the last id you have. Read it with fetch: the token goes into the header."
            ),
            "parameters": [
                {"name": "conversation_id", "in": "path", "required": True, "schema": {"type": "string"}},
                {"name": "Last-Event-ID", "in": "header", "required": False, "schema": {"type": "string"}},
                {"name": "after", "in": "query", "required": False, "schema": {"type": "integer", "minimum": 0}},
            ],
            "responses": {
                "200": {"description": "The stream.", "content": {"text/event-stream": {"schema": {"type": "string"}}}},
                **{str(code): RESPONSES[code] for code in (400, 404, 405, 429, 500, 503)},
            },
        }
    }
    for path, operations in document["paths"].items():
        for operation in operations.values():
            for code, answer in operation["responses"].items():
                if code == "422" and "application/json" in answer.get("content", {}):
                    operation["responses"][code] = RESPONSES[
                        422
                    ]  # FastAPI writes its own shape here, which is never sent
            if "{conversation_id}" in path:
                operation["security"] = [{"conversation": []}]
    app.openapi_schema = document
    return document
