"""WaitingRecords on Valkey or Redis."""

from __future__ import annotations

from typing import Any

from redis.asyncio import Redis

from services.trigger import store_keys
from services.trigger.store_errors import store_errors
from services.trigger.waiting_port import WaitingPage


class ValkeyWaiting:
    """See the port WaitingRecords."""

    def __init__(self, client: Redis) -> None:
        self._client: Any = client

    async def page(self, partition: int, first: int, limit: int) -> WaitingPage:
        """See the port."""
        due = store_keys.due(partition)
        with store_errors():
            total = int(await self._client.zcard(due))
            uids = await self._client.zrange(due, first, first + limit - 1)
            records = await self._client.hmget(store_keys.records(partition), uids) if uids else []
        found = zip(uids, records, strict=True)
        return WaitingPage(
            records=[(uid.decode(), bytes(record)) for uid, record in found if record is not None], total=total
        )
