"""Profile, warm: a hit in process, and the rpc beside an empty one on the same server."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import grpc
import uvloop

from bench.figures import Figure
from sendwhen.chassis.grpc_channel import open_channel
from sendwhen.chassis.grpc_server import Access, GrpcServer
from sendwhen.v1.profile_service_pb2_grpc import ProfileStub
from services.profile.servicer import SERVICE, ProfileServicer
from tests.services.profile.desk import by_user, home, open_desk, record

CUSTOMERS = 10_000
HITS = 100_000
CALLS = 1_500
ROUNDS = 11
IN_FLIGHT = 64


def measure() -> Sequence[Figure]:
    """All figures of profile."""
    return uvloop.run(_measure())


async def _measure() -> Sequence[Figure]:
    async with open_desk(bytes_max=256 * 1024 * 1024) as desk:
        for number in range(CUSTOMERS):
            name = f"customer-{number}"
            uid, partition = home(name)
            fields = {f"field_{index}": f'"value {index} of {name}"' for index in range(10)}
            await desk.store.commit(partition, {uid: record(name, seq=number + 1, **fields)}, position=number + 1)
        requests = [by_user(f"customer-{number}") for number in range(CUSTOMERS)]
        for request in requests:
            await desk.get(request)
        chance = random.Random(1)
        wanted = chance.choices(requests, k=HITS)
        taken_us = []
        for request in wanted:
            before = time.perf_counter_ns()
            await desk.lookup.get(request, remaining_s=None)
            taken_us.append((time.perf_counter_ns() - before) / 1_000)
        taken_us.sort()
        empty_us, ratio = await _rpcs(desk.lookup, wanted)
    return [
        Figure(name="profile.hit.p50", value=taken_us[HITS // 2], unit="µs"),
        Figure(name="profile.hit.p99", value=taken_us[HITS * 99 // 100], unit="µs", must="at most", bound=50),
        Figure(
            name="profile.get.rpc",
            value=ratio,
            unit="empty rpcs",
            must="at most",
            bound=1.3,
            reference="an empty unary rpc, µs each",
            reference_value=empty_us,
        ),
    ]


async def _rpcs(lookup: Any, wanted: Sequence[Any]) -> tuple[float, float]:
    def empty(server: grpc.aio.Server) -> None:
        async def answer(_request: bytes, _context: object) -> bytes:
            return b""

        handlers = {"Empty": grpc.unary_unary_rpc_method_handler(answer)}
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("bench.Reference", handlers),))

    server = GrpcServer(
        access=Access(default=["token"]),
        registers=[ProfileServicer(lookup).register, empty],
        services=[SERVICE],
        listen="127.0.0.1:0",
    )
    await server.start()
    async with open_channel(f"127.0.0.1:{server.port}", key="token") as channel:
        nothing = channel.unary_unary("/bench.Reference/Empty")
        get = ProfileStub(channel).Get
        # One beside the other, many times: a machine that others use drifts by more than what is measured.
        empties, ratios = [], []
        for _ in range(ROUNDS):
            empty_us = await _each_us(lambda _: nothing(b""), wanted)
            empties.append(empty_us)
            ratios.append(await _each_us(get, wanted) / empty_us)
    await server.drain(grace_s=0)
    return sorted(empties)[ROUNDS // 2], sorted(ratios)[ROUNDS // 2]


async def _each_us(call: Callable[[Any], Awaitable[object]], wanted: Sequence[Any]) -> float:
    left = iter(wanted[:CALLS])

    async def client() -> None:
        for request in left:
            await call(request)

    before = time.perf_counter()
    await asyncio.gather(*[client() for _ in range(IN_FLIGHT)])
    return (time.perf_counter() - before) * 1e6 / CALLS
