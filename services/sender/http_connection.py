"""One HTTP/1.1 connection of the client's side: h11's protocol on the event loop's transport."""

from __future__ import annotations

import asyncio
import select
from collections.abc import Sequence
from typing import Any, Final

import h11
import msgspec

CONTENT_BYTES_MAX: Final = 1024 * 1024
"""Of an answer; a longer one is broken off, and counts as lost."""


class BrokenOff(Exception):
    """The connection ended, or what came is no HTTP, before the answer was whole."""


class HttpResponse(msgspec.Struct, frozen=True, kw_only=True):
    """An answer. ``headers``: by name in small letters."""

    status: int
    headers: dict[str, str]
    content: bytes


class HttpConnection(asyncio.Protocol):
    """Carries one request at a time.

    Attributes:
        idle_since_s: Set by the pool, read by the pool.
    """

    def __init__(self) -> None:
        self.idle_since_s = 0.0
        self._http = h11.Connection(h11.CLIENT)
        self._answer: asyncio.Future[HttpResponse] | None = None
        self._head: h11.Response | None = None
        self._content = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The loop has connected."""
        # Any: uvloop's transports are no subclasses of asyncio's.
        self._transport: Any = transport

    async def request(
        self, target: bytes, headers: Sequence[tuple[bytes, bytes]], content: bytes, *, within_s: float
    ) -> HttpResponse:
        """Write a POST and wait for its answer.

        Raises:
            BrokenOff: There is none; bytes may have been written.
        """
        loop = asyncio.get_running_loop()
        length = (b"Content-Length", str(len(content)).encode())
        asked = h11.Request(method=b"POST", target=target, headers=[*headers, length])
        self._answer = loop.create_future()
        written = (self._http.send(part) for part in (asked, h11.Data(data=content), h11.EndOfMessage()))
        self._transport.write(b"".join(filter(None, written)))
        limit = loop.call_later(within_s, self._break_off, "no answer in time")
        try:
            return await self._answer
        except asyncio.CancelledError:
            self._break_off("cancelled")
            raise
        finally:
            limit.cancel()
            self._answer = None

    @property
    def may_go_on(self) -> bool:
        """Whether another request may be written."""
        return self._http.our_state is h11.IDLE and not self._transport.is_closing()

    def is_quiet(self) -> bool:
        """Still true when it is asked: neither closed by the other end, nor anything came that was not asked for."""
        if not self.may_go_on:
            return False
        waiting = select.poll()
        waiting.register(self._transport.get_extra_info("socket").fileno(), select.POLLIN)
        return not waiting.poll(0)

    def close(self) -> None:
        """Close it, in good order."""
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        self._take(data)

    def eof_received(self) -> None:
        """The other end will write no more; h11 knows whether that ends an answer."""
        self._take(b"")

    def connection_lost(self, error: Exception | None) -> None:
        """Nothing more will come."""
        self._fail(str(error) if error is not None else "closed")

    def _take(self, data: bytes) -> None:
        try:
            self._http.receive_data(data)
            while self._event(self._http.next_event()):
                pass
        except h11.RemoteProtocolError as error:
            self._break_off(str(error))

    def _event(self, event: Any) -> bool:
        """Take what h11 made of the bytes. False: there is nothing more for now."""
        match event:
            case h11.Response():
                self._head = event
            case h11.Data():
                self._content += event.data
                if len(self._content) > CONTENT_BYTES_MAX:
                    self._break_off("the answer is too long")
                    return False
            case h11.EndOfMessage():
                self._whole()
                return False
            case h11.InformationalResponse():
                pass
            case _:
                return False
        return True

    def _whole(self) -> None:
        head, content = self._head, bytes(self._content)
        self._head = None
        self._content.clear()
        both_done = self._http.our_state is h11.DONE and self._http.their_state is h11.DONE
        # What came behind the answer was not asked for, and must not be taken for the next one.
        if both_done and not self._http.trailing_data[0]:
            self._http.start_next_cycle()
        else:
            self._transport.close()
        if head is not None and self._answer is not None and not self._answer.done():
            headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers}
            self._answer.set_result(HttpResponse(status=head.status_code, headers=headers, content=content))

    def _break_off(self, why: str) -> None:
        self._transport.abort()
        self._fail(why)

    def _fail(self, why: str) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(BrokenOff(why))
