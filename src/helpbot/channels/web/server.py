"""Run the web edge under uvicorn, so that a stop is clean: streams end first, calls in flight are answered."""

from __future__ import annotations

import socket
from types import FrameType
from typing import Final

import uvicorn
from fastapi import FastAPI

__all__ = ["GRACE_SECONDS", "Server", "make_server"]

GRACE_SECONDS: Final = 8


class Server(uvicorn.Server):
    """uvicorn waits for open connections; this one ends the streams first, and asked twice, it waits no more."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop; at once when asked a second time, by whatever signal: uvicorn itself heeds a second SIGTERM no more."""
        if self.should_exit:
            self.force_exit = True
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams, then as uvicorn does."""
        live = getattr(getattr(self.config.loaded_app, "state", None), "live", None) or getattr(
            getattr(self.config.app, "state", None), "live", None
        )
        if live is not None:
            live.close()
        await super().shutdown(sockets)


def make_server(app: FastAPI, host: str, port: int) -> Server:
    """A server for this app; `.run()` serves until SIGTERM or SIGINT, a second one stops it at once."""
    return Server(
        uvicorn.Config(
            app, host=host, port=port, log_config=None, access_log=False, server_header=False, date_header=True,
            proxy_headers=False,  # the gate reads X-Forwarded-For itself, from trusted proxies only
            timeout_graceful_shutdown=GRACE_SECONDS, timeout_keep_alive=30, h11_max_incomplete_event_size=16_384,
            limit_concurrency=None, backlog=2048, ws="none", lifespan="on",
        )
    )  # fmt: skip
