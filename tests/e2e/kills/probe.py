"""Looks at the running installation from outside: whether events become emails again, and whether all is at rest."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

import grpc

from sendwhen.chassis.grpc_channel import open_channel
from sendwhen.client import Client, connect
from sendwhen.domain.partition import routing_hash, routing_key
from sendwhen.v1.profile_service_pb2 import CustomerId, Freshness, GetRequest
from sendwhen.v1.profile_service_pb2_grpc import ProfileStub
from sendwhen.v1.trigger_service_pb2 import GetStatusRequest, GetStatusResponse
from sendwhen.v1.trigger_service_pb2_grpc import TriggerStub
from tests.e2e.installation import Installation
from tests.e2e.kills.audit import PARTITIONS
from tests.e2e.kills.shop import CALL_WITHIN_S, FOR_EVER, Customer, Shop
from tests.fakes.fake_sendgrid import FakeSendgrid

WITHIN_S = 120.0
"""For anything to come about while no email goes out: a bound for what never comes, not a measure of speed."""
SHARDS = 2


class Probe:
    """Use it as ``async with``."""

    def __init__(self, installation: Installation, shop: Shop, provider: FakeSendgrid) -> None:
        keys = installation.secrets
        self._shop, self._provider = shop, provider
        self._client: Client = connect(
            installation.target("ingest"), write_key=keys["write_key"], deadline_s=CALL_WITHIN_S, retries=FOR_EVER
        )
        self._to_profile = open_channel(installation.target("profile"), key=keys["service_token"])
        self._to_trigger = open_channel(installation.target("trigger"), key=keys["admin_key"])
        self._profile, self._trigger = ProfileStub(self._to_profile), TriggerStub(self._to_trigger)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, value: object, trace: TracebackType | None) -> None:
        await self._client.close()
        await self._to_profile.close()
        await self._to_trigger.close()

    async def events_become_emails(self) -> float:
        """Wait until an event of a customer of each shard is an email, and profile knows it; how long that took."""
        began_s = time.monotonic()
        shards = {_shard(canary) for canary in self._shop.canaries}
        assert len(shards) == SHARDS, f"canaries only in the partitions of shards {shards}"
        await asyncio.gather(*(self._one(canary) for canary in self._shop.canaries))
        return time.monotonic() - began_s

    async def _one(self, canary: Customer) -> None:
        event = canary.does("Seat Freed")
        await self._shop.hand_over(self._client, [event])
        wanted = f"{canary.user_id}@example.com", f"Visit {canary.events}."

        async def taken() -> bool:
            return any(_addressee_and_text(take.body) == wanted for take in reversed(self._provider.taken))

        await self.until(taken, f"an email for {event.event_id}")
        await self.until(lambda: self.profile_knows(canary), f"profile's knowledge of {event.event_id}")

    async def profile_knows(self, customer: Customer) -> bool:
        """Whether profile answers with what the customer's last acknowledged event said."""
        position = self._shop.acknowledged[f"{customer.user_id}/{customer.events}"]
        request = GetRequest(id=CustomerId(user_id=customer.user_id), freshness=Freshness(at_least_seq=position.seq))
        try:
            answer = await self._profile.Get(request, timeout=CALL_WITHIN_S)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.INTERNAL:
                raise
            return False
        return bool(answer.customer.fields["visits"].value_json == str(customer.events).encode())

    async def until(self, condition: Callable[[], Awaitable[bool]], what: str, *, every_s: float = 0.1) -> None:
        """Wait for something that must come about. On a busy machine it may stand behind many emails."""
        taken, deadline_s = -1, 0.0
        while not await condition():
            if len(self._provider.taken) > taken:
                taken, deadline_s = len(self._provider.taken), time.monotonic() + WITHIN_S
            assert time.monotonic() < deadline_s, f"{what} did not come about, and no email, for {WITHIN_S:.0f} s"
            await asyncio.sleep(every_s)

    async def is_caught_up(self) -> bool:
        """Whether both shards run, every partition is applied to its end, and nothing waits for sender."""
        try:
            status: GetStatusResponse = await self._trigger.GetStatus(GetStatusRequest(), timeout=CALL_WITHIN_S * 3)
        except grpc.aio.AioRpcError:
            return False
        running = [shard for shard in status.shards if shard.state == "running"]
        return len(running) == SHARDS and all(
            partition.owner and partition.position == partition.head_seq and not partition.outbox
            for partition in status.partitions
        )


def _shard(customer: Customer) -> int:
    return routing_hash(routing_key(user_id=customer.user_id, anonymous_id="", email="")) % PARTITIONS % SHARDS


def _addressee_and_text(body: dict[str, object]) -> tuple[str, str]:
    match body:
        case {"personalizations": [{"to": [{"email": str(address)}]}], "content": [{"value": str(text)}, *_]}:
            return address, text.strip()
        case _:
            return "", ""
