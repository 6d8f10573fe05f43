"""The archivist between a real store and real files."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sendwhen.archive.archive import Archive
from sendwhen.archive.columns import read_rows
from sendwhen.archive.erasure import CLOSES_AFTER_MS
from sendwhen.archive.local_files import LocalFiles
from sendwhen.archive.verification import verify
from sendwhen.chassis.clock import SystemClock
from sendwhen.chassis.metrics import Metrics
from sendwhen.chassis.store_pool import open_async_store
from services.trigger.archiver import Archiver
from services.trigger.parquet_archive import ParquetArchive
from services.trigger.valkey_lease import ValkeyLease
from tests.archive.logs import events
from tests.builders import an_event
from tests.contract.store_world import Owner
from tests.fakes.fixed_clock import FixedClock
from tests.integration.test_valkey_store import ValkeyWorld
from tests.integration.valkey_process import ValkeyServer

pytestmark = pytest.mark.integration


def test_what_a_real_store_holds_is_archived_and_trimmed_behind(valkey: ValkeyServer, tmp_path: Path) -> None:
    world = ValkeyWorld(valkey, events_clock=True)
    hour_ms = 3_600_000
    for number in range(40):
        body = events(an_event(event_id=f"e{number}", at_ms=number * hour_ms))
        world.append(0, body=body, at_ms=1_700_000_000_000 + number * hour_ms)
    Owner(world).commit(30, clock_ms=1_700_000_000_000 + 29 * hour_ms)
    clock = FixedClock(SystemClock().now_ms() + CLOSES_AFTER_MS + 60_000)
    archiver = Archiver(
        world.log,
        ParquetArchive(str(tmp_path), partitions=3, clock="events"),
        ValkeyLease(open_async_store(valkey.url)),
        partitions=3,
        clock=clock,
        meter=Metrics(),
    )

    assert world.run(archiver.archive()) == 30

    archive = Archive(LocalFiles(tmp_path))
    rows = [row for day, one in archive.segments(0) for row in read_rows(archive.table(0, day, one))]
    assert sorted(row.event.event_id for row in rows if row.event) == sorted(f"e{n}" for n in range(30))
    assert [flaw for checked in verify(archive, 0) for flaw in checked.flaws] == []
    left = world.run(world.log.entries(0, 0, 40, 100))
    assert [entry.seq for entry in left] == list(range(29, 41))
    assert world.run(archiver.archive()) == 0


def test_one_of_several_candidates_has_the_lease_until_it_lets_it_expire(valkey: ValkeyServer) -> None:
    async def contend() -> list[bool]:
        client = open_async_store(valkey.url)
        first, second = ValkeyLease(client, lease_ms=300), ValkeyLease(client, lease_ms=300)
        answers = [await first.hold(), await second.hold(), await first.hold()]
        await asyncio.sleep(0.4)  # the store's own clock lets it expire
        answers += [await second.hold(), await first.hold()]
        await client.aclose()
        return answers

    assert asyncio.run(contend()) == [True, False, True, True, False]
