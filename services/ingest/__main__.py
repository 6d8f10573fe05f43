"""Runs ingest: ``python -m services.ingest``. The one place that knows which log and which clock it is."""

from __future__ import annotations

import asyncio
import os
from typing import Final

import structlog

from sendwhen.chassis.clock import SystemClock
from sendwhen.chassis.grpc_channel import open_channel
from sendwhen.chassis.grpc_server import Access, GrpcServer, serve_until
from sendwhen.chassis.logs import configure_logs
from sendwhen.chassis.metrics import Metrics, serve_metrics
from sendwhen.chassis.process import run
from sendwhen.chassis.settings import read_settings
from sendwhen.v1 import ingest_service_pb2_grpc
from services.ingest.grpc_log import GrpcLog
from services.ingest.intake import Intake
from services.ingest.metering import Metering
from services.ingest.ports import EventLog
from services.ingest.servicer import SERVICE, IngestServicer
from services.ingest.settings import Settings

log = structlog.get_logger()


PREFIX: Final = "SENDWHEN_INGEST_"


async def main(settings: Settings, stop: asyncio.Event) -> None:
    """Serve until ``stop`` is set."""
    channel = open_channel(settings.trigger, key=settings.service_token)
    try:
        await serve(settings, stop, event_log=GrpcLog(channel, event_clock=settings.clock == "events"))
    finally:
        await channel.close()


async def serve(settings: Settings, stop: asyncio.Event, *, event_log: EventLog) -> None:
    """Serve over a log."""
    clock, metrics = SystemClock(), Metrics()
    intake = Intake(event_log, clock, event_clock=settings.clock == "events")
    servicer = IngestServicer(intake, Metering(metrics, clock))
    server = GrpcServer(
        access=Access(default=settings.write_keys),
        registers=[lambda grpc_server: ingest_service_pb2_grpc.add_IngestServicer_to_server(servicer, grpc_server)],
        services=[SERVICE],
        listen=settings.listen,
    )
    scrape = serve_metrics(metrics, settings.metrics_listen)
    await server.start()
    log.info("ingest.started", listen=settings.listen, trigger=settings.trigger, clock=settings.clock)
    try:
        await serve_until(server, stop)
    finally:
        scrape.close()


async def start(stop: asyncio.Event) -> None:
    """Read the settings and serve."""
    settings = read_settings(Settings, os.environ, prefix=PREFIX)
    configure_logs("ingest", level=settings.log_level)
    await main(settings, stop)


if __name__ == "__main__":
    run("ingest", start)
