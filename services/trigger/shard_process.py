"""Composition of a shard: what an actor's process is made of, without Ray."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from functools import lru_cache, partial

import structlog

from sendwhen.campaigns import compile_campaign, compile_policy, fuse
from sendwhen.chassis.clock import Clock
from sendwhen.chassis.metrics import Meter
from sendwhen.domain.campaign import Campaign
from sendwhen.domain.campaign_book import Compile
from sendwhen.domain.changes import Changes
from sendwhen.domain.condition import Condition, Fused
from sendwhen.domain.decision import Send
from sendwhen.domain.sending_rules import SendingPolicy
from sendwhen.domain.shard import Shard
from sendwhen.domain.shard_limits import ShardLimits
from sendwhen.v1 import log_pb2
from sendwhen.wire.email import intent_of
from sendwhen.wire.entry import entry_of
from services.trigger.grpc_sender import GrpcSender
from services.trigger.host_limits import HostLimits
from services.trigger.hosted_partition import HostPorts
from services.trigger.metered_shard import MeteredSender, MeteredShardStore
from services.trigger.outbox_relay import OutboxRelay
from services.trigger.refused_row import letter_of
from services.trigger.shard_driver import Sender, ShardDriver
from services.trigger.shard_host import ShardHost
from services.trigger.shard_settings import DAY_MS, ShardSettings
from services.trigger.store_port import ShardStore
from services.trigger.valkey_shards import ValkeyShards

log = structlog.get_logger()


COMPILED_MAX = 1_024


# All partitions of an actor get the same versions, and one compilation takes as long as a thousand events.
@lru_cache(maxsize=COMPILED_MAX)
def compiled(source: bytes) -> Campaign | SendingPolicy:
    """What a serialised sendwhen.v1.CampaignVersion stands for; the latest 1,024 are remembered."""
    version = log_pb2.CampaignVersion.FromString(source)
    if version.sending_policy:
        return compile_policy(version.source_yaml)
    return compile_campaign(
        version.source_yaml,
        dict(version.template_hashes),
        version=version.version,
        segments_yaml=version.segments_yaml,
    )


def fused(conditions: Sequence[Condition]) -> Fused:
    """One function of many conditions; as with ``compiled``, partitions share it."""
    return _fused(tuple(conditions))


@lru_cache(maxsize=COMPILED_MAX)
def _fused(conditions: tuple[Condition, ...]) -> Fused:
    return fuse(conditions)


def host_ports(clock: Clock) -> HostPorts:
    """Wire and clock, as the host uses them."""

    def encode(send: Send, partition: int, read_at_us: int, decided_at_us: int) -> bytes:
        intent = intent_of(send, partition=partition, shard_read_at_us=read_at_us, decided_at_us=decided_at_us)
        return intent.SerializeToString()

    return HostPorts(decode=entry_of, encode=encode, payload=_payload, now_us=clock.now_us)


def _payload(body: bytes, index: int) -> bytes:
    entry = log_pb2.LogEntry.FromString(body)
    parts = entry.events.events or [transfer.body for transfer in entry.transfers.transfers]
    return parts[index] if 0 <= index < len(parts) else body


def new_shards(settings: ShardSettings, *, sharing: int, compile_source: Compile) -> Callable[[int], Shard]:
    """Makes empty shards, ``sharing`` of which share the memory allowed."""
    limits = ShardLimits(
        live_bytes=settings.live_bytes // sharing,
        warm_bytes=settings.warm_bytes // sharing,
        visitor_ms=settings.visitor_days * DAY_MS,
    )

    def new_shard(partition: int) -> Shard:
        return Shard(
            partition=partition,
            partitions=settings.partitions,
            send_key=settings.send_key.encode(),
            compile_campaign=compile_source,
            fuse=fused,
            event_clock=settings.clock == "events",
            limits=limits,
        )

    return new_shard


def build_driver(
    settings: ShardSettings,
    *,
    shard: int,
    generation: int,
    clock: Clock,
    died: Callable[[BaseException], None],
    sender: Sender | None = None,
    metrics: Meter | None = None,
) -> ShardDriver:
    """A shard's host and relay on the real store and sender, not started."""
    partitions = settings.partitions_of(shard)
    event_clock = settings.clock == "events"
    host = ShardHost(
        partitions=partitions,
        owner=f"shard-{shard}-{secrets.token_hex(6)}",
        generation=generation,
        new_shard=new_shards(settings, sharing=len(partitions), compile_source=compiled),
        ports=host_ports(clock),
        event_clock=event_clock,
        # On the events' own time ten minutes may pass with each event.
        limits=HostLimits(horizon_ms=DAY_MS) if event_clock else HostLimits(),
        committed=_log_dead_letters,
        missing=partial(_say_missing, metrics),
    )
    host_store: ShardStore = ValkeyShards(settings.store_url, clock=clock, events_clock=event_clock)
    to_sender: Sender = sender or GrpcSender(settings.sender, service_token=settings.service_token)
    if metrics is not None:
        host_store = MeteredShardStore(host_store, metrics)
        to_sender = MeteredSender(to_sender, metrics)
    return ShardDriver(
        host=host,
        relay=OutboxRelay(monotonic_ms=lambda: time.monotonic_ns() // 1_000_000, letter=letter_of),
        host_store=host_store,
        relay_store=ValkeyShards(settings.store_url, clock=clock, events_clock=event_clock),
        sender=to_sender,
        now_us=clock.now_us,
        died=died,
    )


def _say_missing(metrics: Meter | None, partition: int, behind: int) -> None:
    remedy = "Restore the store from its backup. The partition stands still until its log goes on; all others work."
    log.error("log.entries_missing", partition=partition, behind_seq=behind, remedy=remedy)
    if metrics is not None:
        metrics.count("sendwhen_log_gaps_total", partition=str(partition))


def _log_dead_letters(partition: int, changes: Changes) -> None:
    flood = sum(letter.reason == "too_many" for letter in changes.dead_letters)
    if flood:
        log.warning("events.capped", partition=partition, events=flood, position=changes.position)
    for letter in changes.dead_letters:
        if letter.reason == "too_many":
            continue  # a flood in the log would only pass the flood on
        log.warning(
            "event.dead_lettered", partition=partition, seq=letter.seq, index=letter.index, reason=letter.reason
        )
