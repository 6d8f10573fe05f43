"""A store in memory and shard hosts on it that a test moves request by request."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from sendwhen.domain.campaign import Campaign
from sendwhen.domain.event import Event
from sendwhen.domain.shard import Shard
from sendwhen.domain.shard_limits import ShardLimits
from sendwhen.v1 import email_pb2, log_pb2
from sendwhen.wire.email import intent_of
from sendwhen.wire.entry import campaign_put_entry, campaign_source, entry_of, event_entry
from sendwhen.wire.event import event_message
from services.trigger.host_limits import HostLimits
from services.trigger.hosted_partition import HostPorts
from services.trigger.log_port import Append
from services.trigger.ports import (
    Due,
    OutboxRow,
    Read,
    Release,
    ShardRequest,
    StoreLost,
)
from services.trigger.shard_host import ShardHost
from services.trigger.store_requests import carry_out
from tests.builders import fuse
from tests.fakes.fixed_clock import FixedClock
from tests.fakes.memory_shards import MemoryShards
from tests.fakes.memory_store import MemoryStore


class World:
    """A store, its log's front, and the campaigns that its shards can compile."""

    def __init__(self, *campaigns: Campaign, partitions: int = 1, events_clock: bool = False) -> None:
        self.clock = FixedClock()
        self.events_clock = events_clock
        self.store = MemoryStore(partitions=partitions, clock=self.clock, events_clock=events_clock)
        self.campaigns = {campaign.campaign_id: campaign for campaign in campaigns}
        for number in range(partitions):
            for campaign in campaigns:
                source = campaign_source(
                    version=campaign.version, source_yaml=campaign.campaign_id.encode(), template_hashes={}
                )
                self.append_body(campaign_put_entry(campaign.campaign_id, source), partition=number)

    def happens(self, *events: Event, partition: int = 0, at_ms: int | None = None) -> None:
        """Events come in one entry, now."""
        body = event_entry([event_message(event).SerializeToString() for event in events], 0)
        self.append_body(body, partition=partition, events=len(events), at_ms=at_ms)

    def append_body(self, body: bytes, *, partition: int = 0, events: int = 0, at_ms: int | None = None) -> None:
        now_ms = self.clock.now_ms() if at_ms is None else at_ms
        append = Append(partition=partition, body=body, events=events, at_ms=now_ms)
        asyncio.run(self.store.append([append]))

    def compiled(self, source: bytes) -> Campaign:
        return self.campaigns[log_pb2.CampaignVersion.FromString(source).source_yaml.decode()]

    def owner(self, name: str = "a", **more: Any) -> Owner:
        return Owner(self, name, **more)

    def sent(self, partition: int = 0) -> list[str]:
        """What stands in the outbox: who is written to."""
        rows = self.store.partitions[partition].outbox.values()
        return [email_pb2.SendIntent.FromString(row.intent).to_address.split("@")[0] for row in rows]


class Owner:
    """One life of a shard host, moved request by request."""

    def __init__(
        self,
        world: World,
        name: str,
        *,
        generation: int = 1,
        limits: HostLimits | None = None,
        memory: ShardLimits | None = None,
        partitions: Sequence[int] | None = None,
        missing: Callable[[int, int], None] = lambda _partition, _behind: None,
    ) -> None:
        self.world = world
        self.connection: MemoryShards = world.store.connect()
        self.released: list[OutboxRow] = []
        self.claims_seen = 0
        self.requests: list[ShardRequest] = []
        self.shards: dict[int, Shard] = {}
        self.memory = memory or ShardLimits()
        self.host = ShardHost(
            partitions=tuple(world.store.partitions) if partitions is None else partitions,
            owner=name,
            generation=generation,
            new_shard=self._new_shard,
            ports=HostPorts(
                decode=entry_of,
                encode=lambda send, partition, read, decided: intent_of(
                    send, partition=partition, shard_read_at_us=read, decided_at_us=decided
                ).SerializeToString(),
                payload=lambda body, index: body,
                now_us=world.clock.now_us,
            ),
            event_clock=world.events_clock,
            limits=limits,
            missing=missing,
        )
        self._steps = self.host.run()
        self.pending: ShardRequest = next(self._steps)

    def _new_shard(self, partition: int) -> Shard:
        shard = Shard(
            partition=partition,
            send_key=b"key",
            compile_campaign=self.world.compiled,
            fuse=fuse,
            event_clock=self.world.events_clock,
            limits=self.memory,
        )
        self.shards[partition] = shard
        return shard

    def step(self) -> ShardRequest:
        """Carry one request out and have the next; answers the one carried out."""
        request = self.pending
        self.requests.append(request)
        try:
            answer = self._answer(request)
        except StoreLost as lost:
            self.pending = self._steps.throw(lost)
            return request
        self.pending = self._steps.send(answer)
        return request

    def answer(self, answer: object) -> None:
        """Answer the next request with this instead of carrying it out."""
        self.requests.append(self.pending)
        self.pending = self._steps.send(answer)

    def until(self, kind: type, *, steps_max: int = 500) -> ShardRequest:
        """Move on until the next request, not carried out yet, is of this kind."""
        for _ in range(steps_max):
            if isinstance(self.pending, kind):
                return self.pending
            self.step()
        raise AssertionError(f"no {kind.__name__} in {steps_max} steps")

    def settle(self, *, turns: int = 4, steps_max: int = 5_000) -> None:
        """Move on until so many reads in a row found nothing, with no tick between them."""
        quiet = 0
        for _ in range(steps_max):
            done = self.step()
            if isinstance(done, Read):
                quiet += 1
            elif not isinstance(done, Due):
                quiet = 0
            if quiet > turns and isinstance(self.pending, Read):
                return
        raise AssertionError(f"not settled after {steps_max} steps")

    def _answer(self, request: ShardRequest) -> object:
        if isinstance(request, Release):
            for rows in request.rows.values():
                self.released.extend(rows)
                self.claims_seen += not rows
            return None
        return carry_out(self.connection, request)
