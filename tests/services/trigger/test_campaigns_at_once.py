"""Campaigns are listed while others are put: who lists must not make who puts forget what was logged. And how many."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from sendwhen.errors import Precondition
from services.trigger.campaigns import Campaigns
from services.trigger.log_port import PartitionHead
from services.trigger.yaml_checker import YamlChecker
from tests.fakes.fixed_clock import FixedClock
from tests.fakes.front import MemoryEmails, MemoryShelf
from tests.fakes.memory_store import MemoryStore

FILES = {
    "campaign.yaml": b"campaign: hello\ntrigger:\n  match: {event: A}\nsteps:\n  - send: hello\n",
    "hello.subject.liquid": b"Hello",
    "hello.text.liquid": b"Hello",
}


class LateHeads:
    """A log whose first answer to where the partitions stand comes late, and says how it was."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self.asked, self.go = asyncio.Event(), asyncio.Event()

    async def heads(self, partitions: Sequence[int]) -> Sequence[PartitionHead]:
        found = await self._store.heads(partitions)
        if not self.asked.is_set():
            self.asked.set()
            await self.go.wait()
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


async def test_a_list_that_is_answered_late_makes_nobody_log_a_campaign_twice() -> None:
    clock = FixedClock()
    store = MemoryStore(partitions=4, clock=clock)
    log = LateHeads(store)
    campaigns = Campaigns(log, YamlChecker(), MemoryEmails(), MemoryShelf(), clock, partitions=4, event_clock=False)
    listing = asyncio.create_task(campaigns.standings())
    await log.asked.wait()
    await campaigns.put(FILES)

    log.go.set()
    await listing
    assert await campaigns.reconcile()

    assert [partition.seq for partition in store.partitions.values()] == [1] * 4


async def test_beyond_so_many_campaigns_in_force_a_further_one_is_refused_until_one_is_archived() -> None:
    clock = FixedClock()
    store = MemoryStore(partitions=1, clock=clock)
    emails = MemoryEmails()
    campaigns = Campaigns(
        store, YamlChecker(), emails, MemoryShelf(), clock, partitions=1, event_clock=False, campaigns_max=1
    )
    other = {**FILES, "campaign.yaml": FILES["campaign.yaml"].replace(b"hello", b"other", 1)}
    await campaigns.put(FILES)

    with pytest.raises(Precondition, match="Archive those that are over"):
        await campaigns.put(other)
    edited, _, changed = await campaigns.put({**FILES, "campaign.yaml": FILES["campaign.yaml"] + b"reentry: once\n"})
    assert changed
    assert edited.campaign.campaign_id == "hello"
    await campaigns.archive("hello")
    await campaigns.put(other)
    with pytest.raises(Precondition, match="1 campaigns in force"):
        await campaigns.put(FILES)
