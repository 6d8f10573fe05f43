"""What waits for the store is bounded in bytes as in events."""

from __future__ import annotations

import asyncio

from sendwhen.chassis.metrics import Metrics
from sendwhen.domain.partition import routing_hash
from sendwhen.errors import Overloaded
from services.trigger.append import Appender
from services.trigger.log_port import Appended
from tests.fakes.fixed_clock import FixedClock
from tests.fakes.front import SettableWatch
from tests.fakes.memory_store import MemoryStore
from tests.services.running import HeldLog

LARGE = b"x" * 30_000
HASH = routing_hash("user:ann")


async def test_large_events_that_wait_for_the_store_are_refused_before_they_fill_the_memory() -> None:
    clock = FixedClock()
    log = HeldLog(MemoryStore(partitions=2, clock=clock))
    appender = Appender(
        log, clock, SettableWatch(), Metrics(), partitions=2, event_clock=False, queued_bytes_max=100_000
    )
    log.go.clear()
    under_way = asyncio.create_task(appender.append([LARGE], [HASH], []))
    await log.arrived.wait()
    waiting = asyncio.create_task(appender.append([LARGE] * 3, [HASH] * 3, []))
    await asyncio.sleep(0)

    [refused] = await appender.append([LARGE], [HASH], [])

    assert isinstance(refused, Overloaded)
    log.go.set()
    outcomes = [*await under_way, *await waiting, *await appender.append([LARGE], [HASH], [])]
    assert all(isinstance(outcome, Appended) for outcome in outcomes)
    assert (appender.queued_events, appender.queued_bytes) == (0, 0)
