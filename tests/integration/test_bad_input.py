"""Bad input at profile and sender, as at the front door (tests/fuzz): never our fault, and memory does not grow."""

from __future__ import annotations

import asyncio
import gc
import sys
from pathlib import Path

import grpc
import pytest
import uvloop
from google.protobuf.descriptor import ServiceDescriptor

from sendwhen.chassis.grpc_server import Access, GrpcServer
from sendwhen.v1 import email_pb2, profile_service_pb2, sender_service_pb2
from services.profile.servicer import SERVICE, ProfileServicer
from tests.fuzz.storm import OURS_TO_MEND, rss_bytes, storm
from tests.fuzz.test_front_door import CALLS, GROWTH_BYTES_MAX, SEED
from tests.integration.test_sender_process import intent, running
from tests.integration.valkey_process import ValkeyServer
from tests.services.profile.desk import by_user, open_desk

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(600)]


async def weathered(target: str, service: ServiceDescriptor, *, key: str) -> set[str]:
    """Let a short storm pass and then the whole one; the names of the rpcs that weathered it."""
    await storm(target, service, key_of={"": key}, calls=min(300, CALLS), seed=SEED + 1)
    gc.collect()
    before = rss_bytes()
    codes = await storm(target, service, key_of={"": key}, calls=CALLS, seed=SEED)
    gc.collect()
    growth = rss_bytes() - before
    told = {method: {code.name: count for code, count in counts.items()} for method, counts in codes.items()}
    sys.stdout.write(f"{told} {growth}\n")
    assert growth < GROWTH_BYTES_MAX, f"memory grew by {growth} bytes"
    for counts in codes.values():
        assert sum(counts.values()) == 2 * CALLS
        assert not OURS_TO_MEND & set(counts)
    return set(codes)


def test_profile_weathers_random_bytes_and_messages() -> None:
    async def story() -> None:
        async with open_desk() as desk:
            server = GrpcServer(
                access=Access(default=["token"]),
                registers=[ProfileServicer(desk.lookup).register],
                services=[SERVICE],
                listen="127.0.0.1:0",
            )
            await server.start()
            service = profile_service_pb2.DESCRIPTOR.services_by_name["Profile"]

            assert await weathered(f"127.0.0.1:{server.port}", service, key="token") == {"Get", "BatchGet"}

            await desk.put("ada", seq=300, plan='"pro"')
            assert (await desk.get(by_user("ada"))).customer.seq == 300
            await server.drain(grace_s=0)

    uvloop.run(story())


def test_sender_weathers_random_bytes_and_messages(valkey: ValkeyServer, tmp_path: Path) -> None:
    async def story() -> None:
        async with running(valkey, tmp_path) as sender:
            service = sender_service_pb2.DESCRIPTOR.services_by_name["Sender"]

            assert len(await weathered(sender.listen, service, key="service")) == 6

            after = intent("after", address="after@example.invalid")
            await sender.submit(after, lineage="after")
            await sender.reaches(after, email_pb2.EMAIL_STATE_ACCEPTED)

    asyncio.run(story())


def test_what_comes_back_from_a_stranger_is_always_the_same(valkey: ValkeyServer, tmp_path: Path) -> None:
    async def story() -> None:
        async with running(valkey, tmp_path) as sender:
            service = sender_service_pb2.DESCRIPTOR.services_by_name["Sender"]
            codes = await storm(sender.listen, service, key_of={"": "wrong"}, calls=20, seed=SEED)

            assert {code for counts in codes.values() for code in counts} == {grpc.StatusCode.UNAUTHENTICATED}

    asyncio.run(story())
