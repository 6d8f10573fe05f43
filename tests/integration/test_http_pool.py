"""Posts over a pool of connections: whatever the server does, it is known whether bytes were written."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from sendwhen.chassis.clock import SystemClock
from services.sender.http_connection import CONTENT_BYTES_MAX
from services.sender.http_pool import AnswerLost, HttpPool, NotSent
from tests.fakes.certificate import write_certificate

pytestmark = pytest.mark.integration

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


class Server:
    """Answers each request as the next function of ``script`` does; requests and connections are counted."""

    def __init__(self, *script: bytes | Answer) -> None:
        self.script = list(script)
        self.requests: list[bytes] = []
        self.connections = 0
        self.port = 0

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
                self.requests.append(head + await reader.readexactly(length))
                answer = self.script.pop(0) if self.script else OK
                if isinstance(answer, bytes):
                    writer.write(answer)
                else:
                    await answer(writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()


@asynccontextmanager
async def served(server: Server, **options: float) -> AsyncIterator[HttpPool]:
    listening = await asyncio.start_server(server.connected, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    pool = HttpPool(
        f"http://127.0.0.1:{server.port}/api",
        headers={"Authorization": "Bearer k"},
        timeout_s=options.get("timeout_s", 5.0),
        connections_max=int(options.get("connections_max", 4)),
        clock=SystemClock(),
    )
    try:
        yield pool
    finally:
        await pool.close()
        listening.close()


async def close(writer: asyncio.StreamWriter) -> None:
    writer.close()


async def answer_and_close(writer: asyncio.StreamWriter) -> None:
    writer.write(OK)
    await writer.drain()
    writer.close()


async def never(_writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


def test_a_request_is_written_as_http_wants_it_and_the_answer_is_read() -> None:
    async def story() -> None:
        server = Server(b"HTTP/1.1 202 Accepted\r\nX-Message-Id: m\r\nContent-Length: 0\r\n\r\n")
        async with served(server) as pool:
            answered = await pool.post("/send", b"{}")

            assert (answered.status, answered.headers["x-message-id"], answered.content) == (202, "m", b"")
            head = server.requests[0].split(b"\r\n")
            assert head[0] == b"POST /api/send HTTP/1.1"
            assert set(head[1:4]) == {f"Host: 127.0.0.1:{server.port}".encode(), b"Authorization: Bearer k", b"Content-Length: 2"}  # fmt: skip  # noqa: E501
            assert head[-1] == b"{}"

    asyncio.run(story())


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" + OK,
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    ],
)
def test_answers_of_all_framings_are_read_and_the_next_post_goes_through(answer: bytes) -> None:
    async def story() -> None:
        async with served(Server(answer)) as pool:
            for _ in range(3):
                assert (await pool.post("/", b"x")).content == b"ok"

    asyncio.run(story())


@pytest.mark.parametrize(
    "answer",
    [
        b"no HTTP at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (CONTENT_BYTES_MAX + 1) + bytes(CONTENT_BYTES_MAX + 1),
        b"HTTP/1.1 200 OK\r\nX: " + bytes(200_000),
        close,
        never,
    ],
)
def test_an_answer_that_is_none_leaves_the_request_unknown_and_the_next_one_is_not_touched(
    answer: bytes | Answer,
) -> None:
    async def story() -> None:
        server = Server(answer)
        async with served(server, timeout_s=0.3) as pool:
            with pytest.raises(AnswerLost) as lost:
                await pool.post("/", b"x")
            assert lost.value.first_byte_at_us > 0
            assert (await pool.post("/", b"y")).content == b"ok"
            assert server.connections == 2
            assert len(server.requests) == 2

    asyncio.run(story())


def test_a_connection_that_the_server_has_closed_meanwhile_is_not_used_again() -> None:
    async def story() -> None:
        server = Server(*[answer_and_close] * 50)
        async with served(server) as pool:
            for _ in range(50):
                assert (await pool.post("/", b"x")).status == 200
                # Not a turn of the loop: only the socket can tell.
                await asyncio.sleep(0)
            assert len(server.requests) == 50

    asyncio.run(story())


def test_an_answer_nobody_asked_for_is_not_taken_for_the_next_ones() -> None:
    async def story() -> None:
        server = Server(OK + b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n")
        async with served(server) as pool:
            assert (await pool.post("/", b"x")).status == 200
            assert (await pool.post("/", b"x")).status == 200

    asyncio.run(story())


def test_posts_at_once_have_a_connection_each_up_to_the_limit_and_keep_them() -> None:
    async def story() -> None:
        server = Server()
        async with served(server, connections_max=3) as pool:
            for _ in range(3):
                answers = await asyncio.gather(*(pool.post("/", b"x") for _ in range(12)))
                assert {answered.status for answered in answers} == {200}
            assert server.connections == 3

    asyncio.run(story())


def test_who_finds_no_place_in_time_has_sent_nothing() -> None:
    async def story() -> None:
        server = Server(never)
        async with served(server, connections_max=1, timeout_s=0.2) as pool:
            outcomes = await asyncio.gather(*(pool.post("/", b"x") for _ in range(2)), return_exceptions=True)
            assert [type(outcome) for outcome in outcomes] == [AnswerLost, NotSent]
            assert len(server.requests) == 1

    asyncio.run(story())


def test_a_cancelled_post_takes_its_connection_along() -> None:
    async def story() -> None:
        server = Server(never)
        async with served(server) as pool:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(pool.post("/", b"x"), 0.1)
            assert (await pool.post("/", b"y")).content == b"ok"
            assert server.connections == 2

    asyncio.run(story())


def test_a_server_whose_certificate_nobody_vouches_for_gets_nothing_and_one_that_is_trusted_does(
    tmp_path: Path,
) -> None:
    write_certificate(tmp_path / "key", tmp_path / "cert")

    async def story() -> None:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(tmp_path / "cert", tmp_path / "key")
        server = Server()
        listening = await asyncio.start_server(server.connected, "127.0.0.1", 0, ssl=tls)
        port = listening.sockets[0].getsockname()[1]
        stranger, friend = (
            HttpPool(
                f"https://localhost:{port}",
                headers={},
                timeout_s=5.0,
                connections_max=1,
                clock=SystemClock(),
                authorities=authorities,
            )
            for authorities in (None, tmp_path / "cert")
        )
        with pytest.raises(NotSent) as refused:
            await stranger.post("/", b"x")
        assert isinstance(refused.value.__cause__, ssl.SSLCertVerificationError)
        assert server.requests == []

        assert (await friend.post("/", b"x")).content == b"ok"
        assert (await friend.post("/", b"x")).content == b"ok"
        assert len(server.requests) == 2
        await friend.close()
        listening.close()

    asyncio.run(story())
