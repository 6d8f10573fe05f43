"""`python -m services.profile`: what this process is made of."""

from __future__ import annotations

import asyncio
import os
from contextlib import AsyncExitStack

import structlog
from redis.asyncio import Redis

from sendwhen.chassis.clock import SystemClock
from sendwhen.chassis.grpc_server import Access, GrpcServer, serve_until
from sendwhen.chassis.logs import configure_logs
from sendwhen.chassis.metrics import Metrics, serve_metrics
from sendwhen.chassis.process import run
from sendwhen.chassis.settings import read_settings
from sendwhen.chassis.store_pool import open_async_store
from services.profile.cache import NearCache
from services.profile.change_tail import ChangeTail
from services.profile.freshness import Freshness
from services.profile.installation import Installation, await_installation
from services.profile.loader import Loader
from services.profile.lookup import Lookup
from services.profile.ports import Now
from services.profile.record_message import record_message
from services.profile.servicer import SERVICE, ProfileServicer
from services.profile.settings import PREFIX, Settings
from services.profile.valkey_changes import ValkeyChanges
from services.profile.valkey_records import ValkeyRecords

log = structlog.get_logger()


async def main(settings: Settings, stop: asyncio.Event) -> None:
    """Serve until ``stop``."""
    metrics = Metrics()
    async with AsyncExitStack() as opened:
        if settings.metrics_listen:
            opened.callback(serve_metrics(metrics, settings.metrics_listen).close)
        store = open_async_store(settings.store_url)
        opened.push_async_callback(store.aclose)
        installation = await await_installation(store, within_s=settings.start_within_s, stop=stop)
        if installation is not None:
            await _serve(settings, installation, store, metrics, stop)


async def _serve(
    settings: Settings, installation: Installation, store: Redis, metrics: Metrics, stop: asyncio.Event
) -> None:
    clock = SystemClock()
    cache = NearCache(bytes_max=settings.cache_bytes)
    records = ValkeyRecords(store)
    changes = ValkeyChanges(pool=store.connection_pool, partitions=installation.partitions)
    tail = ChangeTail(changes=changes, cache=cache, metrics=metrics)
    loader = Loader(
        records=records,
        cache=cache,
        as_message=record_message,
        partitions=installation.partitions,
        metrics=metrics,
    )
    lookup = Lookup(
        cache=cache,
        loader=loader,
        freshness=Freshness(followed=tail, records=records, clock=clock),
        partitions=installation.partitions,
        now=_log_time(records) if installation.events_clock else _wall_clock(clock),
        metrics=metrics,
    )
    server = GrpcServer(
        access=Access(default=[settings.service_token]),
        registers=[ProfileServicer(lookup).register],
        services=[SERVICE],
        listen=settings.listen,
    )
    try:
        await server.start()
        log.info("profile.started", port=server.port, partitions=installation.partitions)
        # Serving without the tail would serve stale customers.
        await serve_until(server, stop, beside=[tail.run()], grace_s=settings.grace_s)
    finally:
        await changes.close()
    log.info("profile.stopped")


async def start(stop: asyncio.Event) -> None:
    """Read the settings and serve."""
    settings = read_settings(Settings, os.environ, prefix=PREFIX)
    configure_logs("profile", level=settings.log_level)
    await main(settings, stop)


def _wall_clock(clock: SystemClock) -> Now:
    async def now(partition: int) -> int:  # noqa: ARG001  one clock for all
        return clock.now_ms()

    return now


def _log_time(records: ValkeyRecords) -> Now:
    async def now(partition: int) -> int:
        return (await records.head(partition)).position_ms

    return now


if __name__ == "__main__":
    run("profile", start)
