"""What grpc.aio writes down when it cannot deliver an answer, and to whom such answers were: the runs of
``tests/e2e/kills`` pass over it (``logs.HUNG_UP``), so it must never be about a caller that still waits.

Who cancels is the library's core: at the end of the caller's deadline, which travels with the call, or when the caller
or its connection goes. The core then fails the batch that carries the answer, and completes the one by which the
server hears that the call is closed, in no order. Where the failed answer comes first, the server's coroutine does not
know yet that nobody waits, and logs an ``ExecuteBatchError``; the other way round it says nothing. The coroutine of the
handler had returned by then, so no code of ours can look before it answers.
"""

from __future__ import annotations

import asyncio
import logging
import random
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest

from tests.e2e.kills.logs import HUNG_UP

pytestmark = pytest.mark.integration
CALLS, ROUNDS_MAX, ANSWER_S, SEED = 40, 400, 0.01, 7


class Echo(grpc.GenericRpcHandler):
    """Answers calls of any name a little later."""

    def service(self, _details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        async def answer(request: bytes, _context: Any) -> bytes:
            await asyncio.sleep(ANSWER_S)
            return request

        return grpc.unary_unary_rpc_method_handler(answer)


class Complaints(logging.Handler):
    """Calls of which the library complained, each with what it was about."""

    def __init__(self) -> None:
        super().__init__()
        self.of: dict[str, str] = {}

    def emit(self, record: logging.LogRecord) -> None:
        found = re.search(r"/t\.T/\w+", record.getMessage())
        raised = record.exc_info[1] if record.exc_info else None
        self.of[found[0] if found else record.getMessage()] = f"{type(raised).__name__}: {raised}"


@pytest.fixture
def complaints() -> Iterator[Complaints]:
    library, handler = logging.getLogger("grpc._cython.cygrpc"), Complaints()
    library.addHandler(handler)
    library.propagate = False
    yield handler
    library.removeHandler(handler)
    library.propagate = True


@asynccontextmanager
async def channel() -> AsyncIterator[grpc.aio.Channel]:
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((Echo(),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as opened:
        yield opened
    await server.stop(1)


async def outcome(opened: grpc.aio.Channel, name: str, timeout_s: float | None) -> str:
    try:
        await opened.unary_unary(name)(b"x", timeout=timeout_s)
    except grpc.aio.AioRpcError as error:
        return error.code().name
    return "OK"


async def test_the_library_complains_of_answers_to_callers_that_are_gone(complaints: Complaints) -> None:
    rng, outcomes = random.Random(SEED), dict[str, str]()
    async with channel() as opened:
        for number in range(ROUNDS_MAX):
            names = [f"/t.T/r{number}c{one}" for one in range(CALLS)]
            # Deadlines end just as the answer is written.
            ends_s = [ANSWER_S + rng.random() * ANSWER_S for _ in names]
            told = await asyncio.gather(*map(outcome, [opened] * CALLS, names, ends_s))
            outcomes.update(zip(names, told, strict=True))
            if complaints.of:
                break
        await asyncio.sleep(0.1)

    assert complaints.of, "The library does not complain any more: HUNG_UP can go."
    assert {outcomes[name] for name in complaints.of} == {"DEADLINE_EXCEEDED"}
    assert [raised for raised in complaints.of.values() if not HUNG_UP.search(raised)] == []


async def test_it_does_not_complain_of_an_answer_that_somebody_waits_for(complaints: Complaints) -> None:
    async with channel() as opened:
        for number in range(10):
            names = [f"/t.T/r{number}c{one}" for one in range(CALLS)]
            assert set(await asyncio.gather(*map(outcome, [opened] * CALLS, names, [None] * CALLS))) == {"OK"}
        await asyncio.sleep(0.1)

    assert complaints.of == {}
