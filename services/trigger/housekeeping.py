"""What the front does on its own, again and again: trim the log, reconcile campaigns, keep shards running."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from sendwhen.chassis.metrics import Meter
from services.trigger.append import Appender
from services.trigger.archiver import Archiver
from services.trigger.campaigns import Campaigns
from services.trigger.front_ports import Shards
from services.trigger.log_port import Log

log = structlog.get_logger()

TRIM_EVERY_S: Final = 60.0
ARCHIVE_EVERY_S: Final = 15.0
TIDY_EVERY_S: Final = 600.0
RECONCILE_EVERY_S: Final = 5.0
ENSURE_EVERY_S: Final = 2.0
LOOK_EVERY_S: Final = 5.0


async def repeat(name: str, every_s: float, work: Callable[[], Awaitable[object]], stop: asyncio.Event) -> None:
    """Do ``work`` at once and then every ``every_s`` seconds until ``stop``; a failure is logged and tried again."""
    while not stop.is_set():
        try:
            await work()
        except Exception as error:  # noqa: BLE001  whatever it was, the next round is the remedy
            log.warning("housekeeping.failed", work=name, problem=str(error) or type(error).__name__)
        try:
            await asyncio.wait_for(stop.wait(), every_s)
        except TimeoutError:
            continue


class Housekeeping:
    """The front's own rounds."""

    def __init__(
        self,
        event_log: Log,
        appender: Appender,
        campaigns: Campaigns,
        shards: Shards,
        meter: Meter,
        *,
        archiver: Archiver | None = None,
        ensure_every_s: float = ENSURE_EVERY_S,
    ) -> None:
        """Without an archiver the log is trimmed behind the committed position, with one only behind the archive."""
        self._archiver = archiver
        self._ensure_every_s = ensure_every_s
        self._log = event_log
        self._appender = appender
        self._campaigns = campaigns
        self._shards = shards
        self._meter = meter
        self._partitions = range(appender.partitions)

    async def run(self, stop: asyncio.Event) -> None:
        """All of them until ``stop``."""
        async with asyncio.TaskGroup() as rounds:
            if self._archiver is None:
                rounds.create_task(repeat("trim", TRIM_EVERY_S, self.trim, stop))
            else:
                rounds.create_task(repeat("archive", ARCHIVE_EVERY_S, self._archiver.archive, stop))
                rounds.create_task(repeat("tidy", TIDY_EVERY_S, self._archiver.tidy, stop))
            rounds.create_task(repeat("reconcile", RECONCILE_EVERY_S, self._campaigns.reconcile, stop))
            rounds.create_task(repeat("shards", self._ensure_every_s, self._shards.ensure, stop))
            rounds.create_task(repeat("lag", LOOK_EVERY_S, self.look, stop))

    async def trim(self) -> int:
        """Trim every partition; how many entries went."""
        went = 0
        for partition in self._partitions:
            went += await self._log.trim(partition)
        if went:
            self._meter.count("sendwhen_log_trimmed_entries_total", went)
        return went

    async def look(self) -> None:
        """Report how far shards and their outboxes are behind, and clocks apart."""
        self._meter.set("sendwhen_clock_skew_seconds", self._appender.skew_ms / 1_000)
        heads = await self._log.heads(self._partitions)
        for head in heads:
            self._meter.set("sendwhen_log_lag_events", head.lag_events, partition=str(head.partition))
        self._meter.set("sendwhen_outbox_rows", sum(head.outbox for head in heads))
