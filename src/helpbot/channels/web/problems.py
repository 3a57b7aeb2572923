"""Every refusal in one shape: RFC 9457 problem details, with the request's id and what to do about it."""

from __future__ import annotations

import json
import math
from typing import Final

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from helpbot.errors import CallError, Code

__all__ = ["RESPONSES", "STATUS", "Problem", "ProblemError", "problem", "refusal"]

STATUS: Final[dict[Code, int]] = {
    Code.INVALID: 422,
    Code.UNAUTHORISED: 401,
    Code.FORBIDDEN: 403,
    Code.NOT_FOUND: 404,
    Code.CONFLICT: 409,
    Code.IN_PROGRESS: 409,
    Code.KEY_REUSED: 422,
    Code.TOO_LARGE: 413,
    Code.TOO_MANY: 429,
    Code.UNAVAILABLE: 503,
}
TITLES: Final[dict[int, str]] = {
    400: "The request cannot be read",
    401: "The identity was not accepted",
    403: "This is not allowed",
    404: "There is no such thing",
    405: "This cannot be done here",
    408: "The request took too long",
    409: "This cannot be done now",
    413: "The request is too large",
    415: "This kind of content is not taken",
    422: "The request cannot be used",
    429: "Too many requests",
    500: "Something went wrong here",
    503: "Not available at the moment",
}


class FieldFault(BaseModel):
    """What is wrong with one field."""

    field: str
    problem: str


class Problem(BaseModel):
    """Problem details (RFC 9457). `request_id` is what to tell the operator."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "type": "urn:helpbot:not-found",
                "title": "There is no such thing",
                "status": 404,
                "detail": "There is no such conversation. Start a new one.",
                "request_id": "5f1c0d9ab2e34f67",
            }
        }
    )
    type: str = Field(description="A stable name for programs: `urn:helpbot:` and a word.")
    title: str
    status: int
    detail: str
    request_id: str
    errors: list[FieldFault] | None = Field(default=None, description="The fields at fault, where there are any.")


class ProblemError(Exception):
    """Ends a request with a problem; raised at the edge, where there is no desk yet to say no."""

    def __init__(
        self, status: int, detail: str, *, kind: str = "", retry_after: float | None = None,
        errors: list[dict[str, str]] | None = None, allow: str = "",
    ) -> None:  # fmt: skip
        super().__init__(detail)
        self.status, self.detail, self.kind = status, detail, kind or TITLES.get(status, "problem").lower()
        self.retry_after, self.errors, self.allow = retry_after, errors, allow


def problem(
    status: int, detail: str, request_id: str, *, kind: str = "", retry_after: float | None = None,
    errors: list[dict[str, str]] | None = None, allow: str = "",
) -> Response:  # fmt: skip
    """The response that says what is wrong."""
    body: dict[str, object] = {
        "type": f"urn:helpbot:{(kind or TITLES.get(status, 'problem')).lower().replace(' ', '-')}",
        "title": TITLES.get(status, "The request failed"),
        "status": status,
        "detail": detail,
        "request_id": request_id,
    }
    if errors:
        body["errors"] = errors
    headers = {"Cache-Control": "no-store"}
    if retry_after is not None:
        headers["Retry-After"] = str(max(1, math.ceil(retry_after)))
    if allow:
        headers["Allow"] = allow
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(json.dumps(body, ensure_ascii=True), status, headers=headers, media_type="application/problem+json")


def refusal(request: Request, error: CallError) -> Response:
    """A desk's or edge's no as a response."""
    sentence = error.problem[:1].upper() + error.problem[1:]
    return problem(
        STATUS[error.code], f"{sentence}. {error.remedy}.", request.scope.get("helpbot.request", ""),
        kind=error.code.value, retry_after=error.retry_after,
    )  # fmt: skip


def _documented(status: int, text: str, kind: str, detail: str, **more: object) -> dict[str, object]:
    example: dict[str, object] = {
        "type": f"urn:helpbot:{kind}",
        "title": TITLES[status],
        "status": status,
        "detail": detail,
        "request_id": "5f1c0d9ab2e34f67",
        **more,
    }
    wait: dict[str, object] = {"schema": {"type": "integer"}, "description": "Seconds."}
    return {
        "description": text,
        **({"headers": {"Retry-After": wait}} if status in {429, 503} else {}),
        "content": {
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}
        },
    }


# What any call may be answered with; each route picks from it, so that the document names all of them.
RESPONSES: Final[dict[int | str, dict[str, object]]] = {
    400: _documented(
        400,
        "It cannot be read: bad JSON, no usable `Idempotency-Key`, a token in the address.",
        "bad-json",
        "The field 'text' cannot be read: it is given twice.",
        errors=[{"field": "text", "problem": "it is given twice"}],
    ),
    401: _documented(
        401,
        "The `Helpbot-Identity` token was refused; `detail` says why.",
        "unauthorised",
        "The identity token is expired. Sign one on your server, see docs/embedding.md.",
    ),
    403: _documented(
        403,
        "The conversation belongs to another user.",
        "forbidden",
        "This conversation belongs to another user. Start a new one.",
    ),
    404: _documented(
        404,
        "There is no such conversation, or this token does not open it.",
        "not-found",
        "There is no such conversation. Start a new one.",
    ),
    405: _documented(
        405, "The path does not take this method; `Allow` names those it takes.", "method", "Use POST here."
    ),
    408: _documented(
        408, "The body did not arrive in time.", "too-slow", "The body did not arrive within 10 seconds. Send it again."
    ),
    409: _documented(
        409,
        "Its state does not allow this, or the key is being worked on (then with `Retry-After`).",
        "in-progress",
        "The same key is being worked on. Try again in a moment.",
    ),
    413: _documented(
        413, "The body is larger than what is read.", "too-large", "The body has more than 65,536 bytes. Send less."
    ),
    415: _documented(
        415,
        "The content type is not taken here.",
        "unsupported-type",
        "Send JSON, with Content-Type: application/json.",
    ),
    422: _documented(
        422,
        "The JSON is well formed but says something that cannot be used; `errors` names the fields.",
        "invalid",
        "txt: it is not known here; leave it out.",
        errors=[{"field": "txt", "problem": "it is not known here; leave it out"}],
    ),
    429: _documented(
        429,
        "Too many from this address or conversation; `Retry-After` says when to come back.",
        "too-many",
        "Messages come too fast. Wait a moment.",
    ),
    500: _documented(
        500,
        "A fault of this program.",
        "internal",
        "This was not your fault. Try again, and tell us the request id if it stays.",
    ),
    503: _documented(
        503,
        "Storage or workers are busy; `Retry-After` says when to come back.",
        "unavailable",
        "All workers are busy. Try again in a moment.",
    ),
}
