"""Runs trigger's front: ``python -m services.trigger``. The one place that knows which adapters it stands on."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final

import structlog
from redis.asyncio import Redis

from sendwhen.chassis.clock import Clock, SystemClock
from sendwhen.chassis.grpc_channel import open_channel
from sendwhen.chassis.grpc_server import serve_until
from sendwhen.chassis.logs import configure_logs
from sendwhen.chassis.metrics import Metrics, serve_metrics
from sendwhen.chassis.process import run
from sendwhen.chassis.settings import read_settings
from sendwhen.chassis.store_pool import open_async_store
from services.trigger.archiver import Archiver
from services.trigger.front import Front
from services.trigger.front_ports import Emails, Shards
from services.trigger.grpc_emails import GrpcEmails
from services.trigger.housekeeping import LOOK_EVERY_S, repeat
from services.trigger.parquet_archive import ParquetArchive
from services.trigger.ray_shards import RayShards
from services.trigger.settings import Settings
from services.trigger.shard_settings import ShardSettings
from services.trigger.store_admission import StoreAdmission
from services.trigger.store_durability import check_durability
from services.trigger.store_gauges import StoreGauges
from services.trigger.store_watch import AdmissionWatch
from services.trigger.valkey_assignment import assign_shards
from services.trigger.valkey_installation import check_installation
from services.trigger.valkey_lease import ValkeyLease
from services.trigger.valkey_log import ValkeyLog
from services.trigger.valkey_shelf import ValkeyShelf
from services.trigger.valkey_waiting import ValkeyWaiting
from services.trigger.yaml_checker import YamlChecker

log = structlog.get_logger()

PREFIX: Final = "SENDWHEN_TRIGGER_"

Beside = Callable[[Front], Coroutine[Any, Any, None]]
"""What runs in this process as long as a started front does."""


async def main(
    settings: Settings, shard_settings: ShardSettings, stop: asyncio.Event, *, beside: Beside | None = None
) -> None:
    """Serve until ``stop`` is set."""
    client = open_async_store(settings.store_url)
    channel = open_channel(settings.sender, key=settings.service_token)

    def shards(generation: int) -> Shards:
        return RayShards(settings.ray_address, settings=shard_settings, generation=generation)

    try:
        await serve(settings, stop, client=client, emails=GrpcEmails(channel), shards=shards, beside=beside)
    finally:
        await channel.close()
        await client.aclose()


def _admission(settings: Settings, client: Redis, folder: Path | None) -> StoreAdmission:
    return StoreAdmission(
        client,
        memory_bytes_max=settings.store_memory_bytes_max,
        data_folder=folder,
        disk_free_bytes_min=settings.store_disk_free_bytes_min,
    )


def _log(settings: Settings, client: Redis, clock: Clock) -> ValkeyLog:
    return ValkeyLog(
        client,
        clock=clock,
        partitions=settings.partitions,
        events_clock=settings.clock == "events",
        lag_max_events=settings.lag_max_events,
    )


async def serve(
    settings: Settings,
    stop: asyncio.Event,
    *,
    client: Redis,
    emails: Emails,
    shards: Callable[[int], Shards],
    beside: Beside | None = None,
) -> None:
    """Serve over a store; ``shards`` makes their launcher for the generation under which they are assigned."""
    clock = SystemClock()
    durability = await check_durability(client, settings.durability)
    await check_installation(client, partitions=settings.partitions, clock=settings.clock, now_ms=clock.now_ms())
    assignment = await assign_shards(client, shard_count=settings.shards)
    folder = Path(settings.store_folder) if settings.store_folder else None
    admission = _admission(settings, client, folder)
    metrics = Metrics()
    event_log = _log(settings, client, clock)
    archive = _archive(settings)
    front = Front(
        settings=settings,
        event_log=event_log,
        checker=YamlChecker(),
        emails=emails,
        shelf=ValkeyShelf(client),
        waiting=ValkeyWaiting(client),
        tail=event_log,
        watch=AdmissionWatch(durability, admission),
        shards=shards(assignment.generation),
        meter=metrics,
        clock=clock,
        archiver=_archiver(settings, client, event_log, archive, clock=clock, meter=metrics),
        archived_past=archive,
    )
    memory_bytes_max = settings.store_memory_bytes_max
    gauges = StoreGauges(client, memory_bytes_max=memory_bytes_max, data_folder=folder, clock=clock, metrics=metrics)
    scrape = serve_metrics(metrics, settings.metrics_listen)
    await front.server.start()
    _leave_out_of_collections()
    log.info(
        "trigger.started",
        listen=settings.listen,
        partitions=settings.partitions,
        clock=settings.clock,
        durability=durability.level,
    )
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(admission.watch(stop))
            tasks.create_task(repeat("store", LOOK_EVERY_S, gauges.look, stop))
            tasks.create_task(front.housekeeping.run(stop))
            tasks.create_task(serve_until(front.server, stop))
            if beside is not None:
                tasks.create_task(beside(front))
    finally:
        scrape.close()


def _leave_out_of_collections() -> None:
    """What is there now stays: a collection that looks through it takes 60 ms, in which nothing is appended."""
    gc.collect()
    gc.freeze()


def _archive(settings: Settings) -> ParquetArchive | None:
    if not settings.archive:
        return None
    return ParquetArchive(settings.archive, partitions=settings.partitions, clock=settings.clock)


def _archiver(
    settings: Settings,
    client: Redis,
    event_log: ValkeyLog,
    archive: ParquetArchive | None,
    *,
    clock: Clock,
    meter: Metrics,
) -> Archiver | None:
    if archive is None:
        return None
    return Archiver(
        event_log,
        archive,
        ValkeyLease(client),
        partitions=settings.partitions,
        clock=clock,
        meter=meter,
    )


async def start(stop: asyncio.Event) -> None:
    """Read the settings and serve."""
    settings = read_settings(Settings, os.environ, prefix=PREFIX)
    configure_logs("trigger", level=settings.log_level)
    await main(settings, ShardSettings.from_environment(os.environ), stop)


if __name__ == "__main__":
    run("trigger", start)
