"""A SendGrid that misbehaves on request: a real HTTP server on a real socket, with a log of what it took.

Standalone, for measurements: ``python -m tests.fakes.fake_sendgrid --listen 127.0.0.1:8025 --log FILE`` writes one JSON
line for each message: send_id, attempt, and when its first byte came, in microseconds since 1970-01-01 UTC.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any


class Behaviour(Enum):
    """What it does with one request."""

    ACCEPT = "accept"
    ACCEPT_AND_DROP = "accept and drop the reply"
    ACCEPT_TWICE = "accept twice"
    ACCEPT_SLOWLY = "accept, and answer only when asked to"
    HALF_A_REPLY = "accept, and break off in the reply"
    RATE_LIMITED = "429 with reset"
    DOCUMENTED_5XX = "503 with SendGrid's own body"
    PROXY_503 = "503 with somebody else's body"
    UNDOCUMENTED_5XX = "500"
    BAD_REQUEST = "400"
    READ_AND_RESET = "take nothing, break off after the request"


_TAKES = {
    Behaviour.ACCEPT: 1,
    Behaviour.ACCEPT_AND_DROP: 1,
    Behaviour.ACCEPT_TWICE: 2,
    Behaviour.ACCEPT_SLOWLY: 1,
    Behaviour.HALF_A_REPLY: 1,
}
_ERRORS = b'{"errors":[{"message":"no","field":"null","help":"null"}]}'


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A message that will be delivered."""

    send_id: str
    attempt: str
    first_byte_at_us: int
    body: dict[str, Any]


@dataclass(slots=True)
class FakeSendgrid:
    """Serves POST /v3/mail/send.

    Attributes:
        script: What to do with the next requests; when it is empty, ``otherwise``.
        taken: What it took. requests: how many came, taken or not. connections: how many were made.
        reset_s: X-RateLimit-Reset of a 429.
        answer_after_s: How long it thinks before it answers a message it took.
    """

    script: deque[Behaviour] = field(default_factory=deque)
    otherwise: Behaviour = Behaviour.ACCEPT
    taken: list[Taken] = field(default_factory=list)
    requests: int = 0
    connections: int = 0
    reset_s: int = 0
    answer_after_s: float = 0.0
    port: int = 0
    keep_bodies: bool = True
    on_taken: Callable[[Taken], None] | None = None
    release: asyncio.Event = field(default_factory=asyncio.Event)
    _server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self, port: int = 0) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", port or self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Refuse connections; open ones are broken off."""
        self.release.set()
        if self._server is not None:
            self._server.close()
            self._server.close_clients() if hasattr(self._server, "close_clients") else None
            self._server = None

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while self._server is not None and await self._request(reader, writer):
                pass
        writer.close()

    async def _request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        first = await reader.readexactly(1)
        first_byte_at_us = time.time_ns() // 1_000
        head = (first + await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:]) if name}
        content = await reader.readexactly(int(headers.get("content-length", "0")))
        self.requests += 1
        if head[0] != "POST /v3/mail/send HTTP/1.1" or not headers.get("authorization", "").startswith("Bearer "):
            writer.write(_reply(401, _ERRORS))
            return True
        behaviour = self.script.popleft() if self.script else self.otherwise
        self._take(json.loads(content), first_byte_at_us, _TAKES.get(behaviour, 0))
        return await self._answer(behaviour, writer)

    def _take(self, body: dict[str, Any], first_byte_at_us: int, times: int) -> None:
        arguments = body["personalizations"][0]["custom_args"]
        for _ in range(times):
            taken = Taken(
                send_id=arguments["sendwhen_send_id"],
                attempt=arguments["sendwhen_attempt"],
                first_byte_at_us=first_byte_at_us,
                body=body if self.keep_bodies else {},
            )
            self.taken.append(taken)
            if self.on_taken is not None:
                self.on_taken(taken)

    async def _answer(self, behaviour: Behaviour, writer: asyncio.StreamWriter) -> bool:
        accepted = _reply(202, b"", f"X-Message-Id: message-{len(self.taken)}\r\n")
        match behaviour:
            case Behaviour.ACCEPT | Behaviour.ACCEPT_TWICE:
                await asyncio.sleep(self.answer_after_s)
                writer.write(accepted)
            case Behaviour.ACCEPT_SLOWLY:
                await self.release.wait()
                writer.write(accepted)
            case Behaviour.HALF_A_REPLY:
                writer.write(accepted[:20])
                await writer.drain()
                return False
            case Behaviour.ACCEPT_AND_DROP | Behaviour.READ_AND_RESET:
                writer.transport.abort()
                return False
            case Behaviour.RATE_LIMITED:
                writer.write(_reply(429, _ERRORS, f"X-RateLimit-Reset: {self.reset_s}\r\n"))
            case Behaviour.DOCUMENTED_5XX:
                writer.write(_reply(503, _ERRORS))
            case Behaviour.PROXY_503:
                writer.write(_reply(503, b"<html>no backend</html>"))
            case Behaviour.UNDOCUMENTED_5XX:
                writer.write(_reply(500, _ERRORS))
            case Behaviour.BAD_REQUEST:
                writer.write(_reply(400, _ERRORS))
        await writer.drain()
        return True


def _reply(status: int, body: bytes, headers: str = "") -> bytes:
    return f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body


async def _main(listen: str, log: Path) -> None:
    with log.open("a", buffering=1, encoding="utf-8") as lines:

        def note(taken: Taken) -> None:
            line = {"send_id": taken.send_id, "attempt": taken.attempt, "first_byte_at_us": taken.first_byte_at_us}
            lines.write(json.dumps(line) + "\n")

        fake = FakeSendgrid(keep_bodies=False, on_taken=note)
        await fake.start(int(listen.rpartition(":")[2]))
        print(f"fake SendGrid at {fake.url}", flush=True)  # noqa: T201  says where it is
        await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A SendGrid that takes everything and delivers nothing.")
    parser.add_argument("--listen", default="127.0.0.1:8025")
    parser.add_argument("--log", type=Path, required=True)
    chosen = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_main(chosen.listen, chosen.log))
