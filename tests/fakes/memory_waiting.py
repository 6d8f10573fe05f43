"""Records of customers who wait, in memory."""

from __future__ import annotations

from services.trigger.waiting_port import WaitingPage
from tests.fakes.memory_store import MemoryStore


class MemoryWaiting:
    """Reads a MemoryStore."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    async def page(self, partition: int, first: int, limit: int) -> WaitingPage:
        self._store.check_up()
        kept = self._store.partitions[partition]
        uids = sorted(kept.due, key=lambda uid: (kept.due[uid], uid))
        records = [(uid, kept.records[uid]) for uid in uids[first : first + limit] if uid in kept.records]
        return WaitingPage(records=records, total=len(uids))
