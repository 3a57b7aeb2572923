"""What an operator decides about the web: plain values, read and checked once by `helpbot.config`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from helpbot.channels.web.holds import Hold
from helpbot.channels.web.identity import IdentityKey
from helpbot.channels.web.limits import Rate
from helpbot.channels.web.sites import DEFAULT_SITE, Site

__all__ = ["Limits", "WebSettings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much one caller may ask for. An address may stand for a whole office behind one router."""

    address: Rate = Rate(20, 200)  # any call, by address
    start: Rate = Rate(1, 30)  # new conversations, by address
    visitor: Rate = Rate(2, 40)  # starts and messages of a signed-in user, in whatever conversation and from wherever
    conversation: Rate = Rate(1, 20)  # messages, by conversation; an anonymous visitor has one a start
    attachments: Rate = Rate(0.1, 6)  # uploads, by conversation
    body: int = 64 * 1024  # bytes of a JSON body
    attachment: int = 5_000_000  # bytes of an image
    body_seconds: float = 10.0  # for a body to arrive
    streams: int = 5_000  # open at once on this node
    streams_each: int = 20  # open at once for one conversation
    waiting: int = 256  # calls that wait for a worker before the next is told to come back


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSettings:
    """The web's settings."""

    public_url: str = "http://127.0.0.1:8080"
    sites: Mapping[str, Site] = field(default_factory=lambda: {"default": DEFAULT_SITE})
    texts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # interface texts by language
    identity_keys: tuple[IdentityKey, ...] = ()
    trusted_proxies: tuple[str, ...] = ()  # addresses or networks whose X-Forwarded-For is believed
    metrics_token: str = ""  # opens /metrics from elsewhere; without it only this machine may read them
    files: Path | Hold | None = None  # where attachments are kept; None: there are none
    demo: bool = True  # `/` shows the demo page
    limits: Limits = Limits()
    threads: int = 8
    poll_seconds: float = 1.0  # how often a stream looks by itself where another process may have written
    heartbeat_seconds: float = 15.0
    ocr: bool = True  # read text from screenshots where Tesseract is installed
