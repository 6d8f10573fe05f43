"""The production parts as a run puts them together: a shard, a host's ports, a poison that makes events fail."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from functools import cache
from typing import Any, TypeVar

from msgspec.structs import replace

from sendwhen.campaigns import compile_campaign, compile_policy, fuse
from sendwhen.domain.campaign import Campaign
from sendwhen.domain.condition import Condition, CustomerScope, EventScope, Fuse, Fused
from sendwhen.domain.decision import Send
from sendwhen.domain.sending_rules import SendingPolicy
from sendwhen.domain.shard import Shard
from sendwhen.domain.shard_limits import ShardLimits
from sendwhen.v1.log_pb2 import CampaignVersion, LogEntry
from sendwhen.wire.email import intent_of
from sendwhen.wire.entry import entry_of
from tests.simulation.script import IDENTITIES, MINUTE_EVENTS, PARTITIONS, RECENT_EVENTS, VISITOR_MS

SEND_KEY = b"simulation"
T = TypeVar("T")

YOUNG_IDS = 3
"""So few that customers have seen ids both in their record and beside it."""
ROOMY = ShardLimits(
    minute_events=MINUTE_EVENTS,
    young_ids=YOUNG_IDS,
    recent_events=RECENT_EVENTS,
    visitor_ms=VISITOR_MS,
    identities=IDENTITIES,
)
LIMITS = replace(ROOMY, live_bytes=20_000, warm_bytes=4_000)
"""So little memory that customers are evicted and loaded again all the time."""


class Poisoned(Exception):
    """What applying a poisoned event raises."""


@cache
def compiled(source: bytes) -> Campaign | SendingPolicy:
    """A campaign as shards compile it."""
    version = CampaignVersion.FromString(source)
    if version.sending_policy:
        return compile_policy(version.source_yaml)
    return compile_campaign(
        version.source_yaml,
        dict(version.template_hashes),
        version=version.version,
        segments_yaml=version.segments_yaml,
    )


@cache
def _fused(conditions: tuple[Condition, ...]) -> Fused:
    return fuse(conditions)


def fused(conditions: Sequence[Condition]) -> Fused:
    """As shards fuse conditions: the same ones once."""
    return _fused(tuple(conditions))


def poisonous_fuse(conditions: Sequence[Condition]) -> Fused:
    """The production fuse, but an event with the property ``poison`` raises, as a defect of ours would."""
    sound = fused(conditions)

    def evaluate(event: EventScope, customer: CustomerScope, now_ms: int) -> int:
        if "poison" in event.properties:
            raise Poisoned
        return sound(event, customer, now_ms)

    return evaluate


def new_shard(partition: int) -> Shard:
    """An empty shard."""
    return _shard(partition, fuse=poisonous_fuse, limits=LIMITS)


def roomy_shard(partition: int) -> Shard:
    """One that evicts nobody."""
    return _shard(partition, fuse=poisonous_fuse, limits=ROOMY)


def mended_shard(partition: int) -> Shard:
    """One in which nothing is poison any more: only the log's Skip entries tell it what was left out."""
    return _shard(partition, fuse=fused, limits=ROOMY)


def _shard(partition: int, *, fuse: Fuse, limits: ShardLimits) -> Shard:
    return Shard(
        partition=partition,
        partitions=PARTITIONS,
        send_key=SEND_KEY,
        compile_campaign=compiled,
        fuse=fuse,
        limits=limits,
    )


def finished(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that never waits, as those of the in-memory adapters are."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
    raise AssertionError("an in-memory adapter waited")


def encoded(send: Send, partition: int, read_at_us: int, decided_at_us: int) -> bytes:
    """A decision as the outbox holds it."""
    intent = intent_of(send, partition=partition, shard_read_at_us=read_at_us, decided_at_us=decided_at_us)
    return intent.SerializeToString()


def payload(body: bytes, index: int) -> bytes:
    """An event as it stands in an entry."""
    entry = LogEntry.FromString(body)
    return (entry.events.events or [transfer.body for transfer in entry.transfers.transfers])[index]


decode = entry_of
