"""The sender process: what it is made of, and its life from start to drain."""

from __future__ import annotations

import asyncio
import gc
import os
import secrets
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Any

import structlog

from sendwhen.chassis.clock import SystemClock
from sendwhen.chassis.grpc_access import Access
from sendwhen.chassis.grpc_channel import open_channel
from sendwhen.chassis.grpc_server import GrpcServer, serve_until
from sendwhen.chassis.logs import configure_logs
from sendwhen.chassis.metrics import Metrics, serve_metrics
from sendwhen.chassis.process import run
from sendwhen.chassis.settings import read_settings
from sendwhen.chassis.store_pool import open_async_store
from sendwhen.chassis.telemetry import Telemetry
from sendwhen.v1 import sender_service_pb2_grpc
from services.sender.addresses import AddressBook
from services.sender.dispatch import Dispatch
from services.sender.dispatcher import Dispatcher
from services.sender.email_trace import EmailTracer
from services.sender.eml_keeper import EmlKeeper
from services.sender.eml_provider import EmlProvider
from services.sender.eml_retention import EmlRetention
from services.sender.grpc_profiles import GrpcProfiles
from services.sender.inbox import Inbox
from services.sender.inbox_page import InboxPage
from services.sender.ledger_gauges import LedgerGauges
from services.sender.liquid_renderer import LiquidRenderer
from services.sender.ports import Provider
from services.sender.reporting import Reporting
from services.sender.retry import Backoff
from services.sender.rules import Rules
from services.sender.servicer import SERVICE, SenderServicer
from services.sender.settings import PREFIX, SenderSettings
from services.sender.submission import Submission
from services.sender.valkey_ledger import ValkeyLedger, ledger_library
from services.sender.valkey_pipeline import ValkeyPipeline
from services.sender.valkey_templates import ValkeyTemplates

log = structlog.get_logger()

_SECONDS_A_DAY = 86_400
_GRACE_S = 25.0


async def main(settings: SenderSettings, stop: asyncio.Event) -> None:
    """Run sender until ``stop`` is set, then let open attempts end."""
    configure_logs("sender", level=settings.log_level)
    clock = SystemClock()
    addresses = AddressBook(settings.address_key)
    async with AsyncExitStack() as opened:
        store = open_async_store(settings.store_url)
        opened.push_async_callback(store.aclose)
        pipeline = ValkeyPipeline(store, library=ledger_library())
        opened.push_async_callback(pipeline.close)
        ledger = ValkeyLedger(pipeline, kept_s=settings.kept_days * _SECONDS_A_DAY, open_max=settings.open_max)
        await ledger.start(key_check=addresses.key_check())
        templates, renderer = ValkeyTemplates(pipeline), LiquidRenderer()
        telemetry = Telemetry(endpoint=settings.otlp_endpoint)
        opened.callback(telemetry.close)
        metrics = Metrics()
        opened.callback(serve_metrics(metrics, settings.metrics_listen).close)
        provider, keeper = await _provider(settings, clock, opened)
        opened.push_async_callback(provider.close)
        channel = open_channel(settings.profile, key=settings.service_token)
        opened.push_async_callback(channel.close)

        dispatcher = Dispatcher(
            dispatch=_dispatch(settings, renderer, provider.name, clock),
            ledger=ledger,
            templates=templates,
            profiles=GrpcProfiles(channel),
            provider=provider,
            reporter=Reporting(tracer=EmailTracer(telemetry), metrics=metrics, provider=provider.name),
            worker=secrets.token_hex(8),
            at_once=settings.at_once,
            waiting_max=settings.waiting_max,
            poll_ms=settings.poll_ms,
        )
        submission = Submission(dispatcher, ledger, keeper, addresses=addresses, metrics=metrics, clock=clock)
        servicer = SenderServicer(
            submission=submission,
            ledger=ledger,
            templates=templates,
            renderer=renderer,
            addresses=addresses,
            clock=clock,
        )
        server = GrpcServer(
            access=_access(settings),
            registers=[lambda server: sender_service_pb2_grpc.add_SenderServicer_to_server(servicer, server)],
            services=[SERVICE],
            listen=settings.listen,
        )
        await server.start()
        # What is there now stays: collections that look through it would stand in the way of an email.
        gc.collect()
        gc.freeze()
        log.info("sender.started", listen=settings.listen, provider=provider.name, worker=dispatcher.worker)
        try:
            gauges = LedgerGauges(ledger, metrics)
            await serve_until(server, stop, beside=[dispatcher.run(), gauges.run(), *_tidying(settings, keeper, clock)])
        finally:
            await dispatcher.drain(grace_s=_GRACE_S)
        log.info("sender.stopped")


def _tidying(settings: SenderSettings, keeper: EmlKeeper | None, clock: SystemClock) -> list[Coroutine[Any, Any, None]]:
    return [EmlRetention(keeper, clock, days=settings.eml_days).run()] if keeper and settings.eml_days else []


async def _provider(
    settings: SenderSettings, clock: SystemClock, opened: AsyncExitStack
) -> tuple[Provider, EmlKeeper | None]:
    """The provider, and where emails that went out can still be removed who does that."""
    folder, sender_address = settings.eml_folder, settings.from_address
    if settings.provider == "sendgrid":
        # Imported here: the package takes a quarter of a second, which who writes files can do without.
        from services.sender.sendgrid_provider import SendgridProvider

        sendgrid = SendgridProvider(
            key=settings.sendgrid_key,
            base_url=settings.sendgrid_url,
            sender_address=sender_address,
            timeout_ms=settings.sendgrid_timeout_ms,
            connections_max=settings.at_once,
            clock=clock,
        )
        return sendgrid, None
    if not settings.inbox_listen:
        return EmlProvider(folder=folder, sender_address=sender_address, clock=clock), EmlKeeper(folder)
    inbox = Inbox(folder)
    page = InboxPage(inbox, listen=settings.inbox_listen)
    await page.start()
    opened.push_async_callback(page.stop)
    provider = EmlProvider(folder=folder, sender_address=sender_address, clock=clock, on_written=inbox.add)
    return provider, EmlKeeper(folder, on_removed=inbox.remove)


def _dispatch(settings: SenderSettings, renderer: LiquidRenderer, provider_name: str, clock: SystemClock) -> Dispatch:
    return Dispatch(
        rules=_rules(settings),
        backoff=_backoff(settings),
        renderer=renderer,
        provider_name=provider_name,
        clock=clock,
    )


def _rules(settings: SenderSettings) -> Rules:
    return Rules(
        claim_lease_ms=settings.claim_lease_ms,
        attempt_lease_ms=settings.attempt_lease_ms,
        evidence_wait_ms=settings.evidence_wait_ms,
        captured_max_age_ms=settings.captured_max_age_ms,
        captured_max_age_stale_ms=settings.captured_max_age_stale_ms,
        profile_deadline_ms=settings.profile_deadline_ms,
        events_clock=settings.clock == "events",
    )


def _backoff(settings: SenderSettings) -> Backoff:
    return Backoff(
        first_ms=settings.retry_first_ms,
        attempts_max=settings.retry_attempts_max,
        total_ms=settings.retry_total_ms,
    )


def _access(settings: SenderSettings) -> Access:
    service, either = [settings.service_token], [settings.service_token, settings.admin_key]
    inner = {f"/{SERVICE}/{method}": service for method in ("Submit", "PutTemplates")}
    return Access(default=either, methods=inner)


if __name__ == "__main__":
    run("sender", lambda stop: main(read_settings(SenderSettings, os.environ, prefix=PREFIX), stop))
