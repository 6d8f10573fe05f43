"""Reports how the store is: memory, disk, and its clock against ours."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from sendwhen.chassis.clock import Clock
from sendwhen.chassis.metrics import Meter
from services.trigger.store_errors import store_errors


class StoreGauges:
    """Sets the gauges of the store at each look.

    Args:
        client: Of the store.
        memory_bytes_max: The limit where the store itself has none; 0: the machine's memory.
        data_folder: The store's, where it is on this machine; None: its disk is not looked at.
        clock: Ours.
        metrics: Where to.
    """

    def __init__(
        self, client: Redis, *, memory_bytes_max: int, data_folder: Path | None, clock: Clock, metrics: Meter
    ) -> None:
        self._client = client
        self._memory_bytes_max = memory_bytes_max
        self._data_folder = data_folder
        self._clock = clock
        self._metrics = metrics

    async def look(self) -> None:
        """Look once.

        Raises:
            StoreLost: It does not answer; the gauges keep what they said.
        """
        with store_errors():
            info: Any = await self._client.info("memory")
            before_us = self._clock.now_us()
            time: Any = await self._client.time()
        limit = int(info["maxmemory"]) or self._memory_bytes_max or int(info["total_system_memory"])
        self._metrics.set("sendwhen_store_memory_ratio", int(info["used_memory"]) / limit)
        # The store's clock was read somewhere between the two looks at ours.
        ours_us = (before_us + self._clock.now_us()) / 2
        self._metrics.set("sendwhen_clock_skew_seconds", (ours_us - int(time[0]) * 1e6 - int(time[1])) / 1e6)
        if self._data_folder is not None:
            disk = shutil.disk_usage(self._data_folder)
            self._metrics.set("sendwhen_store_disk_free_ratio", disk.free / disk.total)
