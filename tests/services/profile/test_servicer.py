"""The rpcs as a client sees them, over a real channel."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import pytest
import uvloop

from sendwhen.chassis.grpc_channel import open_channel
from sendwhen.chassis.grpc_server import Access, GrpcServer
from sendwhen.v1.profile_service_pb2 import BatchGetRequest, GetRequest, GetResponse
from sendwhen.v1.profile_service_pb2_grpc import ProfileStub
from services.profile.lookup import varint
from services.profile.servicer import SERVICE, ProfileServicer
from tests.services.profile.desk import Desk, by_user, open_desk

pytestmark = pytest.mark.integration


@asynccontextmanager
async def served(desk: Desk, *, key: str = "token") -> AsyncIterator[ProfileStub]:
    server = GrpcServer(
        access=Access(default=["token"]),
        registers=[ProfileServicer(desk.lookup).register],
        services=[SERVICE],
        listen="127.0.0.1:0",
    )
    await server.start()
    async with open_channel(f"127.0.0.1:{server.port}", key=key) as channel:
        yield ProfileStub(channel)
    await server.drain(grace_s=0)


def test_get_answers_with_the_message_of_the_protos() -> None:
    async def act() -> None:
        async with open_desk() as desk, served(desk) as profile:
            await desk.put("ada", seq=300, plan='"pro"')
            await desk.seen("ada", 300)

            first, second = await profile.Get(by_user("ada")), await profile.Get(by_user("ada"))

            assert first == second
            assert first.customer.fields["plan"].value_json == b'"pro"'
            assert first.as_of_seq == 300

    uvloop.run(act())


def test_errors_carry_their_codes() -> None:
    async def act() -> None:
        async with open_desk() as desk, served(desk) as profile:
            await desk.put("ada", seq=1)
            for request, code in (
                (by_user("bob"), grpc.StatusCode.NOT_FOUND),
                (GetRequest(), grpc.StatusCode.INVALID_ARGUMENT),
                (by_user("ada", at_least_seq=9), grpc.StatusCode.FAILED_PRECONDITION),
            ):
                with pytest.raises(grpc.aio.AioRpcError) as refused:
                    await profile.Get(request, timeout=0.3)
                assert refused.value.code() is code
            desk.store.away = True
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await profile.Get(by_user("carol"))
            assert refused.value.code() is grpc.StatusCode.UNAVAILABLE

    uvloop.run(act())


def test_a_stranger_is_refused() -> None:
    async def act() -> None:
        async with open_desk() as desk, served(desk, key="guessed") as profile:
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await profile.Get(by_user("ada"))
            assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED

    uvloop.run(act())


def test_a_batch_is_answered_one_by_one_in_the_order_asked() -> None:
    async def act() -> None:
        async with open_desk() as desk, served(desk) as profile:
            for number in range(300):
                await desk.put(f"customer-{number}", seq=number + 1)

            wanted = [
                by_user("nobody"),
                *(by_user(f"customer-{number}") for number in range(299, -1, -1)),
                GetRequest(),
            ]
            answer = await profile.BatchGet(BatchGetRequest(requests=wanted))

            assert [result.WhichOneof("outcome") for result in answer.results] == ["error", *["found"] * 300, "error"]
            assert [result.found.customer.user_id for result in answer.results[1:-1]] == [
                f"customer-{number}" for number in range(299, -1, -1)
            ]
            assert answer.results[0].error.code == grpc.StatusCode.NOT_FOUND.value[0]
            assert answer.results[-1].error.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]

    uvloop.run(act())


def test_a_batch_of_more_than_500_is_refused() -> None:
    async def act() -> None:
        async with open_desk() as desk, served(desk) as profile:
            with pytest.raises(grpc.aio.AioRpcError, match="at most 500"):
                await profile.BatchGet(BatchGetRequest(requests=[by_user("ada")] * 501))

    uvloop.run(act())


def test_what_does_not_fit_an_answer_is_refused_one_by_one() -> None:
    async def act() -> None:
        async with open_desk(bytes_max=100_000_000) as desk, served(desk) as profile:
            await desk.put("ada", seq=1, note='"' + "x" * 100_000 + '"')

            answer = await profile.BatchGet(BatchGetRequest(requests=[by_user("ada")] * 60))

            kinds = [result.WhichOneof("outcome") for result in answer.results]
            assert kinds == ["found"] * 31 + ["error"] * 29
            assert answer.results[-1].error.code == grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]

    uvloop.run(act())


@pytest.mark.parametrize("number", [0, 1, 127, 128, 300, 16_383, 16_384, 2**31, 2**63 - 1])
def test_numbers_are_written_as_protobuf_writes_them(number: int) -> None:
    assert GetResponse.FromString(b"\x10" + varint(number)).as_of_seq == number
