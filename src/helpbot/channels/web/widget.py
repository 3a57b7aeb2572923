"""The widget's files, the page in its frame, and the line that embeds it."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from html import escape
from pathlib import Path
from typing import Any, Final

from helpbot.channels.web.schema import reply_out
from helpbot.channels.web.sites import LANGUAGES, Site, palette
from helpbot.messages import Reply

__all__ = ["app_page", "embed_snippet", "frame_policy", "integrity", "language_of", "widget_file"]

STATIC: Final = Path(__file__).with_name("static")
FOLDER: Final = STATIC / "widget" / "v1"
TYPES: Final = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
_RIGHT_TO_LEFT: Final = frozenset({"ar", "fa", "he", "ur"})


@cache
def widget_file(name: str, encoding: str = "") -> bytes | None:
    """A built file as bytes, or its copy compressed as `br` or `gz`."""
    if name not in {"loader.js", "app.js", "app.css"}:
        return None
    path = FOLDER / (f"{name}.{encoding}" if encoding else name)
    return path.read_bytes() if path.is_file() else None


@cache
def fingerprint(name: str) -> str:
    """Ten letters of a file's hash: in its address, so that a new one is never taken from an old cache."""
    return hashlib.sha256(widget_file(name) or b"").hexdigest()[:10]


def integrity(name: str = "loader.js") -> str:
    """A file's Subresource Integrity: what `helpbot embed` prints."""
    digest = hashlib.sha384(widget_file(name) or b"").digest()
    return "sha384-" + base64.b64encode(digest).decode()


def embed_snippet(public_url: str, site: Site) -> str:
    """The line that a page carries to have the widget."""
    more = f' data-site="{site.key}"' if site.key != "default" else ""
    more += ' data-position="left"' if site.position == "left" else ""
    more += f' data-lang="{site.language}"' if site.language != "auto" else ""
    return (
        f'<script src="{public_url.rstrip("/")}/widget/v1/loader.js" integrity="{integrity()}" '
        f'crossorigin="anonymous" data-colour="{palette(site.colour).brand}"{more} async></script>'
    )


def language_of(asked: str, accepted: str, site: Site) -> str:
    """The language to speak: the site's own, else what the page says, else what the browser prefers, else English."""
    if site.language in LANGUAGES:
        return site.language
    for wanted in (asked, *(part.partition(";")[0] for part in accepted.split(","))):
        language = wanted.strip().lower()[:2]
        if language in LANGUAGES:
            return language
    return "en"


def frame_policy(site: Site) -> str:
    """The frame's Content-Security-Policy: nothing but its own files and its own API, and no text as markup."""
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
        f"base-uri 'none'; form-action 'none'; frame-ancestors {site.frame_ancestors}; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )


def app_page(
    site: Site, language: str, direction: str, texts: Mapping[str, Mapping[str, str]], greeting: Reply,
    *, public_url: str, attachments: bool, mail: bool = False,
) -> str:  # fmt: skip
    """The page in the frame. Everything it needs to know stands in one attribute, so it asks for two files only."""
    if site.direction != "auto":
        direction = site.direction
    elif direction not in {"ltr", "rtl"}:
        direction = "rtl" if language in _RIGHT_TO_LEFT else "ltr"
    own = public_url.rstrip("/")
    config: dict[str, Any] = {
        "site": site.key, "lang": language, "dir": direction, "theme": site.theme, "name": site.name,
        "colours": asdict(palette(site.colour)), "allowed": [own, *site.allowed], "attachments": attachments,
        "mail": mail,
        "greeting": reply_out(greeting), "texts": texts.get(language) or texts.get("en") or {},
    }  # fmt: skip
    packed = escape(json.dumps(config, ensure_ascii=False, separators=(",", ":")), quote=True)
    return (
        f'<!doctype html><html lang="{language}" dir="{direction}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1,interactive-widget=resizes-content">'
        f'<meta name="robots" content="noindex"><title>{escape(site.name)}</title>'
        f'<link rel="stylesheet" href="app.css?{fingerprint("app.css")}">'
        f'<script defer src="app.js?{fingerprint("app.js")}"></script>'
        f'</head><body data-config="{packed}"></body></html>'
    )
