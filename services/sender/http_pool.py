"""Posts over a pool of HTTP/1.1 connections, and knows of every failure whether a byte of the request was written.

That one question decides whether an email may be sent again, so it must have an exact answer; and an email's post is on
the way of its first byte, so it must be short. h11 does the protocol, the event loop the sockets, ``http_connection``
joins them; here are places, reuse and time limits.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import certifi

from sendwhen.chassis.clock import Clock
from services.sender.http_connection import BrokenOff, HttpConnection, HttpResponse

CONNECT_S_MAX: Final = 5.0
"""How long a post may wait for its place in the pool, and then for its connection; nothing is written before."""

IDLE_S_MAX: Final = 30.0
"""A connection unused for so long is not used again: who is at its other end may have gone unseen."""

Headers = tuple[tuple[bytes, bytes], ...]


class NotSent(Exception):
    """Proven: not one byte of the request was written. The cause says why."""


class AnswerLost(Exception):
    """Bytes of the request were written, and no whole answer came. The cause says why."""

    def __init__(self, *, first_byte_at_us: int) -> None:
        super().__init__("the answer was lost")
        self.first_byte_at_us = first_byte_at_us


class Answered(HttpResponse, frozen=True, kw_only=True):
    """What the server said, whatever it is.

    Attributes:
        first_byte_at_us: When the request's first byte was handed to the connection.
    """

    first_byte_at_us: int


class HttpPool:
    """Connections to one server.

    Args of the constructor:
        base_url: "https://api.example.com" or "http://127.0.0.1:8025/prefix".
        headers: Of every request, besides Host and Content-Length.
        timeout_s: From the first byte to the whole answer; then the connection is broken off.
        connections_max: Posts under way; more wait for a place.
        authorities: File of the certificates to trust; None: those that Mozilla trusts.
    """

    def __init__(
        self,
        base_url: str,
        *,
        headers: Mapping[str, str],
        timeout_s: float,
        connections_max: int,
        clock: Clock,
        authorities: Path | None = None,
    ) -> None:
        parts = urlsplit(base_url)
        self.host = parts.hostname or ""
        # What the environment says of proxies is not looked at: it must not decide where emails go.
        trusted = authorities or certifi.where()
        self._tls = ssl.create_default_context(cafile=trusted) if parts.scheme == "https" else None
        self._port = parts.port or (443 if self._tls else 80)
        self._prefix = parts.path.rstrip("/")
        self._headers: Headers = (
            (b"Host", parts.netloc.rpartition("@")[2].encode()),
            *((name.encode(), value.encode()) for name, value in headers.items()),
        )
        self._timeout_s = timeout_s
        self._connect_s = min(CONNECT_S_MAX, timeout_s)
        self._clock = clock
        self._places = asyncio.Semaphore(connections_max)
        self._idle: list[HttpConnection] = []

    async def post(self, path: str, content: bytes) -> Answered:
        """One request, one answer; redirects are not followed, nothing is tried again.

        Raises:
            NotSent: Not a byte was written.
            AnswerLost: Some were.
        """
        await self._place()
        try:
            connection = self._usable() or await self._connected()
            sent_at_us = self._clock.now_us()
            try:
                response = await connection.request(
                    (self._prefix + path).encode(), self._headers, content, within_s=self._timeout_s
                )
            except (BrokenOff, OSError) as error:
                raise AnswerLost(first_byte_at_us=sent_at_us) from error
            if connection.may_go_on:
                connection.idle_since_s = self._clock.monotonic_s()
                self._idle.append(connection)
            return Answered(
                status=response.status, headers=response.headers, content=response.content, first_byte_at_us=sent_at_us
            )
        finally:
            self._places.release()

    async def close(self) -> None:
        """Close what is idle; what is under way closes when it ends."""
        for connection in self._idle:
            connection.close()
        self._idle.clear()
        # Transports close with the loop's next turn.
        await asyncio.sleep(0)

    async def _place(self) -> None:
        try:
            async with asyncio.timeout(self._connect_s if self._places.locked() else None):
                await self._places.acquire()
        except TimeoutError as error:
            raise NotSent from error

    def _usable(self) -> HttpConnection | None:
        """The idle connection used last, so that those that are not needed grow old together."""
        oldest_s = self._clock.monotonic_s() - IDLE_S_MAX
        while self._idle:
            connection = self._idle.pop()
            if connection.idle_since_s >= oldest_s and connection.is_quiet():
                return connection
            connection.close()
        return None

    async def _connected(self) -> HttpConnection:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._connect_s):
                _, connection = await loop.create_connection(
                    HttpConnection,
                    self.host,
                    self._port,
                    ssl=self._tls,
                    server_hostname=self.host if self._tls else None,
                )
        except (OSError, UnicodeError) as error:  # TimeoutError and TLS's errors are OSErrors too
            raise NotSent from error
        return connection
