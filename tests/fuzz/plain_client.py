"""Just enough of gRPC over HTTP/2 to throw bytes at a server and read the status that comes back.

The library's own client costs as much as the server does, and refuses to send some of what is sent here.
"""

from __future__ import annotations

import asyncio
import struct
from typing import Final, cast

import grpc

_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RESET, _SETTINGS, _PING, _GOAWAY, _WINDOW_UPDATE, _CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
_END_STREAM, _ACK, _END_HEADERS = 0x1, 0x1, 0x4
_FRAME_BYTES_MAX: Final = 16_384
_WINDOW_BYTES: Final = 65_535
"""What may be on its way in a stream, and at first in the connection, before the server makes room."""
BODY_BYTES_MAX: Final = _WINDOW_BYTES - 5
_WIDE_OPEN: Final = 2**31 - 1
_CANCEL: Final = 8
_HELLO: Final = struct.pack(
    # No table of headers seen before, so that each status is spelled out; no pushes; answers without waiting for room.
    ">HIHIHI", 0x1, 0, 0x2, 0, 0x4, _WIDE_OPEN,
)  # fmt: skip
_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}


def headers(path: str, *, authority: str, key: str, timeout_ms: int) -> bytes:
    """The header block of all calls of a method."""
    fields = {
        ":method": "POST",
        ":scheme": "http",
        ":path": path,
        ":authority": authority,
        "te": "trailers",
        "content-type": "application/grpc",
        "grpc-timeout": f"{timeout_ms}m",
        "authorization": f"Bearer {key}",
    }
    assert all(len(text) < 127 for pair in fields.items() for text in pair)
    # Literals without indexing.
    return b"".join(
        b"\x00" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()
        for name, value in fields.items()
    )


class PlainConnection(asyncio.Protocol):
    """One connection; any number of calls at once."""

    def __init__(self) -> None:
        self._calls: dict[int, asyncio.Future[grpc.StatusCode]] = {}
        self._blocks: dict[int, bytearray] = {}
        self._next = 1
        self._window = _WINDOW_BYTES
        self._room = asyncio.Event()
        self._read = bytearray()

    @classmethod
    async def to(cls, target: str) -> PlainConnection:
        host, _, port = target.rpartition(":")
        _, connection = await asyncio.get_running_loop().create_connection(cls, host, int(port))
        return connection

    async def call(self, header_block: bytes, body: bytes) -> grpc.StatusCode:
        """The status of a call with one message. A server that lets the deadline pass may cancel the call instead."""
        assert len(body) <= BODY_BYTES_MAX
        content = b"\x00" + struct.pack(">I", len(body)) + body
        while self._window < len(content):
            self._room.clear()
            await self._room.wait()
        self._window -= len(content)
        stream, self._next = self._next, self._next + 2
        answered = self._calls[stream] = asyncio.get_running_loop().create_future()
        out = [_frame(_HEADERS, _END_HEADERS, stream, header_block)]
        for begin in range(0, len(content), _FRAME_BYTES_MAX):
            part = content[begin : begin + _FRAME_BYTES_MAX]
            last = begin + _FRAME_BYTES_MAX >= len(content)
            out.append(_frame(_DATA, _END_STREAM if last else 0, stream, part))
        self._transport.write(b"".join(out))
        return await answered

    def close(self) -> None:
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        room = struct.pack(">I", _WIDE_OPEN - _WINDOW_BYTES)
        self._transport.write(_PREFACE + _frame(_SETTINGS, 0, 0, _HELLO) + _frame(_WINDOW_UPDATE, 0, 0, room))

    def connection_lost(self, error: Exception | None) -> None:
        for answered in self._calls.values():
            if not answered.done():
                answered.set_exception(error or ConnectionError("The server closed the connection."))

    def data_received(self, data: bytes) -> None:
        self._read += data
        begin = 0
        while len(self._read) - begin >= 9:
            head = struct.unpack_from(">HBBBI", self._read, begin)
            size = head[0] << 8 | head[1]
            if len(self._read) - begin - 9 < size:
                break
            payload = bytes(self._read[begin + 9 : begin + 9 + size])
            self._frame_came(kind=head[2], flags=head[3], stream=head[4] & _WIDE_OPEN, payload=payload)
            begin += 9 + size
        del self._read[:begin]

    def _frame_came(self, *, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind in (_HEADERS, _CONTINUATION):
            # The last block of a call is the one with the status.
            block = self._blocks.setdefault(stream, bytearray())
            block += payload
        elif kind == _SETTINGS and not flags & _ACK:
            self._transport.write(_frame(_SETTINGS, _ACK, 0, b""))
        elif kind == _PING and not flags & _ACK:
            self._transport.write(_frame(_PING, _ACK, 0, payload))
        elif kind == _WINDOW_UPDATE and stream == 0:
            self._window += int.from_bytes(payload, "big")
            self._room.set()
        elif kind == _RESET and stream in self._calls:
            code = grpc.StatusCode.DEADLINE_EXCEEDED if payload[-1] == _CANCEL else grpc.StatusCode.UNKNOWN
            self._ended(stream, code)
        elif kind == _GOAWAY:
            raise ConnectionError(f"The server goes away: {payload[8:]!r}")
        if kind == _HEADERS and flags & _END_STREAM and stream in self._calls:
            self._ended(stream, _status(bytes(self._blocks[stream])))

    def _ended(self, stream: int, code: grpc.StatusCode) -> None:
        self._blocks.pop(stream, None)
        answered = self._calls.pop(stream)
        if not answered.done():
            answered.set_result(code)


def _status(block: bytes) -> grpc.StatusCode:
    # A literal: its name's length, its name, its value's length, its value.
    name = b"\x0bgrpc-status"
    place = block.rfind(name)
    assert place >= 0, f"no status in {block!r}"
    size = block[place + len(name)]
    digits = block[place + len(name) + 1 : place + len(name) + 1 + size]
    return _CODES[int(digits)]


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    size = len(payload)
    return struct.pack(">HBBBI", size >> 8, size & 0xFF, kind, flags, stream) + payload
