from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest

from services.trigger.ports import Refusal, StoreLost, Why
from tests.contract.commit_contract import CommitContract
from tests.contract.identity_contract import IdentityContract
from tests.contract.log_contract import LogContract
from tests.contract.review_contract import ReviewContract
from tests.contract.store_world import ChangeTuple, Owner, World, customer
from tests.contract.waiting_contract import WaitingContract
from tests.fakes.fixed_clock import FixedClock
from tests.fakes.memory_shards import MemoryShards
from tests.fakes.memory_store import MemoryStore
from tests.fakes.memory_waiting import MemoryWaiting

T = TypeVar("T")


class MemoryWorld(World):
    def __init__(self, **options: Any) -> None:
        self.clock = FixedClock()
        self.store = MemoryStore(partitions=3, clock=self.clock, **options)
        self.log = self.store
        self.waiting = MemoryWaiting(self.store)

    def connect(self) -> MemoryShards:
        return self.store.connect()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run(coroutine)

    def now_ms(self) -> int:
        return self.clock.now_ms()

    def break_connections(self) -> None:
        self.store.break_connections()

    def change_rows(self, partition: int) -> list[ChangeTuple]:
        rows = self.store.partitions[partition].change_rows
        return [(row.number, row.epoch, row.owner, row.position, row.uids) for row in rows]


class TestMemoryStore(LogContract, CommitContract, IdentityContract, ReviewContract, WaitingContract):
    def open(self, **options: Any) -> World:
        return MemoryWorld(**options)


def test_a_lost_tail_takes_entries_records_and_owner_with_it() -> None:
    world = MemoryWorld()
    world.fill(2)
    before = world.store.snapshot()
    owner = Owner(world)
    owner.commit(2, customers=[customer("u")])

    world.store.restore(before)

    with pytest.raises(StoreLost):
        owner.read()
    assert owner.claim().position == 0
    assert world.run(world.log.record(0, "u")) is None


def test_a_tail_lost_and_refilled_behind_a_live_connection_is_found_by_the_nonce() -> None:
    world = MemoryWorld()
    world.fill(1)
    owner = Owner(world)
    before = world.store.snapshot()
    world.fill(1)
    round_ = owner.round(2)

    world.store.restore(before, quietly=True)
    gone = owner.commit_round(round_)
    world.fill(1)
    replaced = owner.commit_round(round_)

    assert (gone, replaced) == (Refusal(why=Why.LOST), Refusal(why=Why.LOST))


def test_a_commit_whose_reply_was_lost_is_recognised_by_the_stored_position() -> None:
    world = MemoryWorld()
    world.fill(1)
    owner = Owner(world)
    round_ = owner.round(1)

    owner.store.lose_next_reply()  # type: ignore[attr-defined]  # the fake's fault
    with pytest.raises(StoreLost):
        owner.commit_round(round_)

    assert owner.claim().position == 1


def test_a_lost_request_is_not_carried_out() -> None:
    world = MemoryWorld()
    world.fill(1)
    owner = Owner(world)
    round_ = owner.round(1)

    owner.store.lose_next_request()  # type: ignore[attr-defined]  # the fake's fault
    with pytest.raises(StoreLost):
        owner.commit_round(round_)

    assert owner.claim().position == 0


def test_a_store_that_is_down_refuses_everything_until_it_is_back() -> None:
    world = MemoryWorld()
    owner = Owner(world)

    world.store.is_down = True
    with pytest.raises(StoreLost):
        world.append()
    with pytest.raises(StoreLost):
        owner.try_claim()
    world.store.is_down = False

    owner.claim()
