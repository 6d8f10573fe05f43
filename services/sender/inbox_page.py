"""The local inbox: a page that lists emails as they arrive and shows each as its recipient would see it.

What an email holds comes from customers and marketers, so it is shown in a sandboxed frame whose own policy forbids
scripts, forms and anything from the network; and the page answers to the names of this machine only, so that no web
page elsewhere can read it by pointing a name of its own here.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
from dataclasses import asdict
from pathlib import Path
from typing import Final

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from services.sender.inbox import Inbox

_FILES: Final = Path(__file__).parent / "inbox"
_TYPES: Final = {"inbox.js": "text/javascript", "inbox.css": "text/css"}
_PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; frame-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_EMAIL_POLICY: Final = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'"
)
START_HEADER: Final = "Sendwhen-Inbox-Start"
"""Tells starts of the page apart: with each, the numbers of emails begin anew."""
_DIGITS_MAX: Final = 18
_NAMES: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})


class _OnlyThisMachine:
    """Refuses requests under any other host name, and tells browsers to be strict."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            host = next((value for name, value in scope["headers"] if name == b"host"), b"").decode("latin-1")
            if host.rpartition(":")[0] not in _NAMES and host not in _NAMES:
                refusal = PlainTextResponse("This page is at http://127.0.0.1 only.\n", status_code=421)
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)


class InboxPage:
    """Serves the page.

    Attributes:
        port: Where; differs from the one asked for when that was 0.
    """

    def __init__(self, inbox: Inbox, *, listen: str) -> None:
        self._inbox = inbox
        self._listen = listen
        self._start = secrets.token_hex(8)
        self.port = 0
        self._serving: asyncio.Task[None] | None = None
        self._server: uvicorn.Server | None = None

    def app(self) -> ASGIApp:
        """The page as an ASGI application."""
        routes = [
            Route("/", self._index),
            Route("/static/{name}", self._static),
            Route("/emails", self._emails),
            Route("/emails/{name}", self._email),
            Route("/emails/{name}/html", self._html),
            Route("/emails/{name}/text", self._text),
        ]
        return _OnlyThisMachine(Starlette(routes=routes))

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: The address is taken or not ours.
        """
        host, _, port = self._listen.rpartition(":")
        listener = socket.socket()
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, int(port)))
        except OSError as error:
            listener.close()
            raise OSError(
                f"{self._listen} cannot be listened on for the inbox page: is another program using this port?"
            ) from error
        self.port = listener.getsockname()[1]
        config = uvicorn.Config(
            self.app(), log_level="warning", access_log=False, lifespan="off", timeout_graceful_shutdown=1
        )
        self._server = uvicorn.Server(config)
        # The process has its own handlers for signals; uvicorn must not take them over.
        self._serving = asyncio.create_task(self._server._serve([listener]))

    async def stop(self) -> None:
        """Stop listening."""
        if self._server is not None and self._serving is not None:
            self._server.should_exit = True
            await self._serving

    async def _index(self, _request: Request) -> Response:
        return HTMLResponse(
            (_FILES / "index.html").read_text(encoding="utf-8"),
            headers={
                "Content-Security-Policy": _PAGE_POLICY,
                "X-Content-Type-Options": "nosniff",
                "Cache-Control": "no-store",
            },
        )

    async def _static(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in _TYPES:
            return PlainTextResponse("There is no such file.\n", status_code=404)
        return FileResponse(_FILES / name, media_type=_TYPES[name], headers={"X-Content-Type-Options": "nosniff"})

    async def _emails(self, request: Request) -> Response:
        after = request.query_params.get("after", "0")
        if not after.isascii() or not after.isdigit() or len(after) > _DIGITS_MAX:
            return PlainTextResponse("after is the number of the latest email seen.\n", status_code=400)
        lines = self._inbox.after(int(after))
        headers = {"Cache-Control": "no-store", START_HEADER: self._start}
        return JSONResponse([asdict(line) for line in lines], headers=headers)

    async def _email(self, request: Request) -> Response:
        email = self._inbox.read(request.path_params["name"])
        if email is None:
            return _gone()
        parts = {"text": email.text, "has_html": bool(email.html), "has_remote_images": email.has_remote_images()}
        return JSONResponse(parts, headers={"Cache-Control": "no-store"})

    async def _html(self, request: Request) -> Response:
        email = self._inbox.read(request.path_params["name"])
        if email is None:
            return _gone()
        return HTMLResponse(
            email.html or "<p>This email has no HTML part.</p>",
            headers={"Content-Security-Policy": _EMAIL_POLICY, "X-Content-Type-Options": "nosniff"},
        )

    async def _text(self, request: Request) -> Response:
        email = self._inbox.read(request.path_params["name"])
        if email is None:
            return _gone()
        return PlainTextResponse(email.text, headers={"X-Content-Type-Options": "nosniff"})


def _gone() -> Response:
    return PlainTextResponse("This email is not in the inbox any more.\n", status_code=404)
