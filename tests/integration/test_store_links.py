"""What both kinds of connections to the store promise: broken anywhere, slow, given up, greeted as redis-py does."""

from __future__ import annotations

import asyncio
import ssl
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import hiredis
import pytest
import redis
import uvloop

from sendwhen.chassis.store_calls import Command, call_store, transact
from sendwhen.chassis.store_link import StoreLink
from sendwhen.chassis.store_pool import open_async_store
from tests.fakes.certificate import write_certificate
from tests.fakes.scripted_store import ScriptedStore

pytestmark = pytest.mark.integration
PACK: Any = hiredis.pack_command
TIMEOUT_S = 0.1


class Caller(Protocol):
    """One way to call the store."""

    def __call__(self, *commands: Command) -> list[Any]: ...


@pytest.fixture
def store() -> Iterator[ScriptedStore]:
    with tempfile.TemporaryDirectory(prefix="sw-") as folder:
        made = ScriptedStore(Path(folder))
        yield made
        made.close()


def _blocking(url: str) -> tuple[Caller, Callable[[], None]]:
    links: list[StoreLink] = []

    def call(*commands: Command) -> list[Any]:
        # Whoever uses it makes a new one after a break.
        if not links or not links[-1].is_open:
            links.append(StoreLink(url, timeout_s=TIMEOUT_S))
        links[-1].send(b"".join(PACK(tuple(command)) for command in commands), len(commands))
        return links[-1].receive(len(commands))

    return call, partial(_close_last, links)


def _close_last(links: list[StoreLink]) -> None:
    links[-1].close()


def _plain_loop(url: str) -> tuple[Caller, Callable[[], None]]:
    return _on_a_loop(asyncio.Runner(), url)


def _uvloop(url: str) -> tuple[Caller, Callable[[], None]]:
    return _on_a_loop(asyncio.Runner(loop_factory=uvloop.new_event_loop), url)


def _on_a_loop(runner: asyncio.Runner, url: str) -> tuple[Caller, Callable[[], None]]:

    async def opened() -> Any:
        return open_async_store(url, timeout_s=TIMEOUT_S)

    client = runner.run(opened())

    def close() -> None:
        runner.run(client.aclose())
        runner.close()

    return lambda *commands: runner.run(call_store(client, commands)), close


WAYS = [_blocking, _uvloop, _plain_loop]


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, store: ScriptedStore) -> Iterator[Caller]:
    call, close = request.param(store.address)
    yield call
    close()


def test_replies_come_in_the_order_of_the_commands_and_a_refusal_among_them(way: Caller, store: ScriptedStore) -> None:
    store.answer = lambda command: b"-ERR no\r\n" if command[1] == b"1" else b":" + command[1] + b"\r\n"

    zero, one, two = way(*(("ECHO", number) for number in range(3)))

    assert (zero, two) == (0, 2)
    assert isinstance(one, redis.ResponseError)
    assert way(("ECHO", 5)) == [5]
    assert store.connections == 1


def test_a_connection_that_breaks_anywhere_in_a_reply_is_lost_and_the_next_has_its_own(
    way: Caller, store: ScriptedStore
) -> None:
    whole = b"*2\r\n$3\r\nabc\r\n:7\r\n"
    for sent in range(len(whole)):

        def broken(command: list[bytes], sent: int = sent) -> bytes | None:
            return whole[:sent] if command[0] == b"ONE" else None

        store.answer = broken
        with pytest.raises(redis.ConnectionError):
            way(("ONE",), ("TWO",))
        store.answer = lambda _command: whole
        assert way(("ONE",)) == [[b"abc", 7]]


def test_a_store_that_does_not_answer_is_lost_and_what_it_says_late_reaches_nobody(
    way: Caller, store: ScriptedStore
) -> None:
    def late(command: list[bytes]) -> bytes:
        if command[0] == b"SLOW":
            time.sleep(3 * TIMEOUT_S)
        return b"+" + command[0] + b"\r\n"

    store.answer = late

    with pytest.raises(redis.TimeoutError):
        way(("SLOW",))
    assert way(("QUICK",)) == [b"QUICK"]
    assert store.connections == 2


def test_replies_that_nobody_asked_for_end_the_connection(way: Caller, store: ScriptedStore) -> None:
    assert way(("ONE",)) == [b"OK"]
    store.answer = lambda _command: b":1\r\n:2\r\n"

    with pytest.raises(redis.ConnectionError):
        way(("ONE",))

    store.answer = lambda _command: b":3\r\n"
    assert way(("ONE",)) == [3]


def test_a_store_that_serves_nobody_yet_is_an_error_of_the_connection(way: Caller, store: ScriptedStore) -> None:
    store.answer = lambda _command: b"-LOADING soon\r\n"

    with pytest.raises(redis.ConnectionError):
        way(("ONE",))


@pytest.mark.parametrize("opened", WAYS)
def test_it_is_greeted_with_password_database_and_names(
    opened: Callable[[str], tuple[Caller, Callable[[], None]]], store: ScriptedStore
) -> None:
    call, close = opened(store.address + "username=me&password=secret&db=3&client_name=us")

    call(("ONE",))
    close()

    assert [b"AUTH", b"me", b"secret"] in store.greeted
    assert [b"SELECT", b"3"] in store.greeted
    assert [b"CLIENT", b"SETNAME", b"us"] in store.greeted


@pytest.mark.parametrize("opened", WAYS)
def test_it_speaks_tls_and_looks_at_the_certificate(
    opened: Callable[[str], tuple[Caller, Callable[[], None]]], tmp_path: Path
) -> None:
    write_certificate(tmp_path / "key", tmp_path / "cert")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(tmp_path / "cert", tmp_path / "key")
    store = ScriptedStore(tmp_path, tls=tls)
    large = b"x" * 300_000
    store.answer = lambda _command: b"$%d\r\n%s\r\n" % (len(large), large)
    call, close = opened(f"{store.address}ssl_ca_certs={tmp_path / 'cert'}")

    assert call(("ONE", large)) == [large]
    close()
    store.close()


def test_a_call_given_up_by_its_caller_ends_its_connection_and_no_other(store: ScriptedStore) -> None:
    async def calls() -> list[Any]:
        client = open_async_store(store.address, timeout_s=5.0)
        held = asyncio.create_task(call_store(client, [("HELD",)]))
        await asyncio.sleep(0.02)
        other = await call_store(client, [("OTHER",)])
        held.cancel()
        with pytest.raises(asyncio.CancelledError):
            await held
        following = [await call_store(client, [("NEXT",)]) for _ in range(3)]
        await client.aclose()
        return [*other, *(reply for (reply,) in following)]

    def held_back(command: list[bytes]) -> bytes:
        return b"" if command[0] == b"HELD" else b"+" + command[0] + b"\r\n"

    store.answer = held_back

    assert uvloop.run(calls()) == [b"OTHER", b"NEXT", b"NEXT", b"NEXT"]
    assert store.connections == 2


def test_who_finds_no_connection_free_waits_in_turn_and_not_for_ever(store: ScriptedStore) -> None:
    async def calls() -> tuple[list[Any], int]:
        client = open_async_store(store.address, timeout_s=5.0, connections_max=2)
        answers = await asyncio.gather(*(call_store(client, [("ECHO", number)]) for number in range(50)))
        await client.aclose()
        held = open_async_store(store.address, timeout_s=TIMEOUT_S, connections_max=1)
        both = await asyncio.gather(*(call_store(held, [("SILENT",)]) for _ in range(2)), return_exceptions=True)
        await held.aclose()
        return [reply for (reply,) in answers], sum(isinstance(one, redis.TimeoutError) for one in both)

    store.answer = lambda command: b"" if command[0] == b"SILENT" else b":" + command[1] + b"\r\n"

    assert uvloop.run(calls()) == (list(range(50)), 2)


def test_a_store_that_goes_on_answering_slowly_is_not_lost(store: ScriptedStore) -> None:
    pieces = 6

    async def call() -> list[Any]:
        client = open_async_store(store.address, timeout_s=TIMEOUT_S)
        calling = asyncio.create_task(call_store(client, [("SLOW",)]))
        for piece in (b"*%d\r\n" % pieces, *[b":1\r\n"] * pieces):
            await asyncio.sleep(TIMEOUT_S / 3)
            store.send(piece)
        replies = await calling
        await client.aclose()
        return replies

    store.answer = lambda _command: b""

    assert uvloop.run(call()) == [[1] * pieces]


def test_what_comes_while_nobody_calls_ends_the_connection(store: ScriptedStore) -> None:
    async def calls() -> list[Any]:
        client = open_async_store(store.address, timeout_s=5.0)
        await call_store(client, [("ONE",)])
        store.send(b":99\r\n")
        await asyncio.sleep(0.05)
        replies = await call_store(client, [("ONE",)])
        await client.aclose()
        return replies

    assert uvloop.run(calls()) == [b"OK"]
    assert store.connections == 2


def test_a_transaction_that_was_refused_says_why(store: ScriptedStore) -> None:
    def refuses(command: list[bytes]) -> bytes:
        replies = {b"MULTI": b"+OK\r\n", b"EXEC": b"-EXECABORT because\r\n"}
        return replies.get(command[0], b"-ERR this one\r\n")

    async def call() -> None:
        client = open_async_store(store.address)
        try:
            await transact(client, [("ONE",), ("TWO",)])
        finally:
            await client.aclose()

    store.answer = refuses
    with pytest.raises(redis.ResponseError, match="this one"):
        uvloop.run(call())
