"""What the front does on its own."""

from __future__ import annotations

import asyncio

import pytest

from sendwhen.errors import Unavailable
from services.trigger.housekeeping import Housekeeping
from tests.fakes.front import NoShards
from tests.services.running import Running, until

pytestmark = pytest.mark.integration


class Restless(NoShards):
    """Shards that cannot be started the first time they are looked after."""

    def __init__(self) -> None:
        self.looked = 0

    async def ensure(self) -> None:
        self.looked += 1
        if self.looked == 1:
            raise Unavailable("Ray does not answer.")


async def test_shards_are_looked_after_again_and_again_whatever_happened_before() -> None:
    async with Running() as running:
        shards, stop = Restless(), asyncio.Event()
        front = running.front
        keeping = Housekeeping(
            running.log, front.appender, front.campaigns, shards, running.metrics, ensure_every_s=0.001
        )
        rounds = asyncio.create_task(keeping.run(stop))

        await until(lambda: shards.looked >= 5)

        stop.set()
        await asyncio.wait_for(rounds, 5)
