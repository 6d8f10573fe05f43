"""What profile answers, however it answers, leaves nobody waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import grpc
import pytest

from sendwhen.chassis.grpc_channel import open_channel
from sendwhen.v1 import customer_pb2
from sendwhen.v1 import profile_service_pb2 as pb
from sendwhen.v1.profile_service_pb2_grpc import ProfileServicer, add_ProfileServicer_to_server
from services.sender.grpc_profiles import GrpcProfiles

pytestmark = pytest.mark.integration


def known(uid: str, value_json: bytes = b'"pro"') -> pb.BatchGetResult:
    customer = customer_pb2.Customer(uid=uid, fields={"plan": customer_pb2.Field(value_json=value_json)})
    return pb.BatchGetResult(found=pb.GetResponse(customer=customer))


class Profile(ProfileServicer):
    """Answers what it is given, whatever is asked."""

    def __init__(self, *answers: pb.BatchGetResult) -> None:
        self._answers = answers

    async def BatchGet(self, request: pb.BatchGetRequest, context: object) -> pb.BatchGetResponse:
        return pb.BatchGetResponse(results=self._answers)


async def asked(*answers: pb.BatchGetResult) -> Sequence[object]:
    """What those are told who ask for two customers at once."""
    server = grpc.aio.server()
    add_ProfileServicer_to_server(Profile(*answers), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with open_channel(f"127.0.0.1:{port}", key="k") as channel:
            profiles = GrpcProfiles(channel)
            asking = [profiles.attributes(uid, at_least_seq=1, deadline_ms=5_000) for uid in ("a", "b")]
            found = await asyncio.wait_for(asyncio.gather(*asking), 10)
            return [None if one is None else one["plan"] for one in found]
    finally:
        await server.stop(None)


async def test_each_who_asks_is_told_of_their_own_customer() -> None:
    assert await asked(known("a"), known("b", b'"free"')) == ["pro", "free"]


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ((known("a"),), ["pro", None]),
        ((known("a"), known("b"), known("c")), ["pro", "pro"]),
        ((known("a"), known("b", b"{no json")), [None, None]),
        ((), [None, None]),
    ],
)
async def test_an_answer_that_does_not_fit_or_cannot_be_read_is_no_answer(
    answers: tuple[pb.BatchGetResult, ...], told: list[object]
) -> None:
    assert await asked(*answers) == told
