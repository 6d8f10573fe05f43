"""The gauges of a real store."""

from __future__ import annotations

from pathlib import Path

import pytest
import uvloop

from sendwhen.chassis.clock import SystemClock
from sendwhen.chassis.store_pool import open_async_store
from services.trigger.ports import StoreLost
from services.trigger.store_gauges import StoreGauges
from tests.fakes.tally import Tally
from tests.integration.valkey_process import ValkeyServer

pytestmark = pytest.mark.integration


def test_memory_disk_and_clock_are_reported_and_a_store_that_is_away_is_not_guessed(
    own_valkey: ValkeyServer, tmp_path: Path
) -> None:
    async def act() -> None:
        tally = Tally()
        client = open_async_store(own_valkey.url)
        gauges = StoreGauges(client, memory_bytes_max=0, data_folder=tmp_path, clock=SystemClock(), metrics=tally)

        await gauges.look()

        assert 0 < tally.counts["sendwhen_store_memory_ratio",] < 1
        assert 0 < tally.counts["sendwhen_store_disk_free_ratio",] < 1
        assert abs(tally.counts["sendwhen_clock_skew_seconds",]) < 0.5
        own_valkey.kill()
        with pytest.raises(StoreLost):
            await gauges.look()
        await client.aclose()

    uvloop.run(act())
