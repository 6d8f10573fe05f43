from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.contract.profile_store_contract import ProfileStoreContract, Store
from tests.fakes.profile_store import MemoryProfileStore


class Both:
    """The fake is records and changes in one."""

    def __init__(self) -> None:
        self.records = self.changes = store = MemoryProfileStore(partitions=4)
        self.commit = store.commit
        self.break_connections = store.break_connections


class TestMemoryProfileStore(ProfileStoreContract):
    @asynccontextmanager
    async def store(self) -> AsyncIterator[Store]:
        yield Both()
