"""A lease as one key of the store that expires: whoever holds it says so again before it does."""

from __future__ import annotations

import secrets
from typing import Any, Final

from redis.asyncio import Redis

from services.trigger import store_keys
from services.trigger.store_errors import store_errors

LEASE_MS: Final = 120_000
"""Longer than one file takes to be written; so long nobody archives after the archivist died."""


class ValkeyLease:
    """See the port Lease. One object is one candidate."""

    def __init__(self, client: Redis, *, lease_ms: int = LEASE_MS) -> None:
        self._client: Any = client
        self._name = secrets.token_hex(8).encode()
        self._lease_ms = lease_ms

    async def hold(self) -> bool:
        """See the port."""
        with store_errors():
            if await self._client.set(store_keys.ARCHIVIST, self._name, nx=True, px=self._lease_ms):
                return True
            # Between the two it may expire and be another's; then the next call says so. Nothing relies on it more.
            if await self._client.get(store_keys.ARCHIVIST) != self._name:
                return False
            return bool(await self._client.pexpire(store_keys.ARCHIVIST, self._lease_ms))
