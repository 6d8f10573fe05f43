"""Refuses appends early when the store's memory or disk runs short.

A store whose disk fills under ``appendfsync always`` exits, and one whose memory is full refuses what would shrink the
backlog; it must never get that far. Lag is the third limit; the append function itself looks at that.
"""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any

import structlog
from redis.asyncio import Redis

from sendwhen.errors import SendwhenError
from services.trigger.store_errors import store_errors

MEMORY_SHARE_MAX = 0.90
"""Of the memory limit. What is left is for commits, which shrink the backlog."""

DISK_FREE_SHARE_MIN = 0.10
POLL_S = 1.0

log = structlog.get_logger()


class StoreAdmission:
    """Looks at the store's memory and disk every second.

    Args:
        client: Of the store.
        memory_bytes_max: The limit where the store itself has none (maxmemory 0); 0: the machine's memory.
        data_folder: The store's, where it is on this machine; None: its disk is not looked at.
        disk_free_share_min: Appends are refused while less of that disk is free, as a share of the whole,
        disk_free_bytes_min: or less in bytes.
    """

    def __init__(
        self,
        client: Redis,
        *,
        memory_bytes_max: int = 0,
        data_folder: Path | None = None,
        disk_free_share_min: float = DISK_FREE_SHARE_MIN,
        disk_free_bytes_min: int = 0,
    ) -> None:
        self._client = client
        self._memory_bytes_max = memory_bytes_max
        self._data_folder = data_folder
        self._disk_free_share_min = disk_free_share_min
        self._disk_free_bytes_min = disk_free_bytes_min
        self._reason = ""

    @property
    def reason(self) -> str:
        """Why nothing may be appended now; "": it may. As of the last look."""
        return self._reason

    async def look(self) -> str:
        """Look now. The reason, or "". A store that does not answer changes nothing: appends find out themselves."""
        try:
            reason = self._disk() or await self._memory()
        except (SendwhenError, OSError) as error:
            log.warning("store.limits_not_read", problem=str(error))
            return self._reason
        if reason and not self._reason:
            log.error("store.appends_refused", reason=reason)
        if self._reason and not reason:
            log.info("store.appends_resumed")
        self._reason = reason
        return reason

    async def watch(self, stop: asyncio.Event) -> None:
        """Look every second until ``stop`` is set."""
        while not stop.is_set():
            await self.look()
            try:
                await asyncio.wait_for(stop.wait(), POLL_S)
            except TimeoutError:
                continue

    async def _memory(self) -> str:
        with store_errors():
            info: Any = await self._client.info("memory")
        limit = int(info["maxmemory"]) or self._memory_bytes_max or int(info["total_system_memory"])
        used = int(info["used_memory"])
        if used < limit * MEMORY_SHARE_MAX:
            return ""
        return f"the store uses {used >> 20} of {limit >> 20} MiB of memory"

    def _disk(self) -> str:
        if self._data_folder is None:
            return ""
        disk = shutil.disk_usage(self._data_folder)
        if disk.free >= max(disk.total * self._disk_free_share_min, self._disk_free_bytes_min):
            return ""
        return f"the store's disk has {disk.free >> 20} of {disk.total >> 20} MiB free"
