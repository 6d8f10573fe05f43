"""A metered store is a store, and what passes through it is counted."""

from __future__ import annotations

from typing import Any

import pytest

from sendwhen.domain.changes import Counters
from services.trigger.metered_shard import MeteredSender, MeteredShardStore
from services.trigger.ports import OutboxRow, Push, SenderLost, SenderRefused, StoreLost
from services.trigger.shard_settings import ShardSettings
from services.trigger.store_port import ShardStore
from tests.contract.commit_contract import CommitContract
from tests.contract.log_contract import LogContract
from tests.contract.store_world import Owner, World, customer
from tests.contract.test_memory_store import MemoryWorld
from tests.fakes.tally import Tally


class MeteredWorld(MemoryWorld):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.tally = Tally()

    def connect(self) -> ShardStore:  # type: ignore[override]
        return MeteredShardStore(super().connect(), self.tally)


class TestMeteredStore(LogContract, CommitContract):
    def open(self, **options: Any) -> World:
        return MeteredWorld(**options)


def test_a_commit_is_timed_and_what_it_holds_is_counted() -> None:
    world = MeteredWorld()
    world.fill(2)
    owner = Owner(world)
    owner.read()

    owner.commit(2, customers=[customer("u")], counters=Counters(applied=2, duplicates=1, fired_timers=3))

    counts = world.tally.counts
    assert counts["sendwhen_claims_total", "claimed"] == 1
    assert counts["sendwhen_decision_duration_seconds",] == 1
    assert counts["sendwhen_commit_duration_seconds",] == 1
    assert counts["sendwhen_applied_events_total",] == 2
    assert counts["sendwhen_duplicates_dropped_total", "event"] == 1
    assert counts["sendwhen_timers_fired_total",] == 3


def test_a_fenced_commit_counts_as_that_and_its_contents_as_nothing() -> None:
    world = MeteredWorld()
    world.fill(1)
    fenced = Owner(world, "shard-a")
    Owner(world, "shard-b")

    fenced.commit(1, counters=Counters(applied=1))

    assert world.tally.counts["sendwhen_commits_fenced_total", "fenced"] == 1
    assert ("sendwhen_applied_events_total",) not in world.tally.counts


def test_a_lost_connection_is_counted_and_passed_on() -> None:
    world = MeteredWorld()
    owner = Owner(world)
    world.break_connections()

    with pytest.raises(StoreLost):
        owner.read()

    assert world.tally.counts["sendwhen_store_reconnects_total",] == 1


class HalfHearted:
    """A sender that takes the first push, says nothing of the second, and refuses the third."""

    def __init__(self) -> None:
        self.pushed = 0

    def push(self, request: Push) -> None:
        self.pushed += 1
        if self.pushed == 2:
            raise SenderLost("It did not say so.")
        if self.pushed == 3:
            raise SenderRefused("It never will.")


def test_pushes_are_counted_by_what_is_known_of_them() -> None:
    tally = Tally()
    sender = MeteredSender(HalfHearted(), tally)
    rows = tuple(OutboxRow(ordinal=n, lineage="l", intent=b"") for n in (1, 2))

    sender.push(Push(partition=0, rows=rows))
    with pytest.raises(SenderLost):
        sender.push(Push(partition=0, rows=rows))

    with pytest.raises(SenderRefused):
        sender.push(Push(partition=0, rows=rows))

    assert tally.counts["sendwhen_outbox_pushed_total", "refused"] == 2
    assert tally.counts["sendwhen_outbox_pushed_total", "durable"] == 2
    assert tally.counts["sendwhen_outbox_pushed_total", "unknown"] == 2


def test_every_shard_has_its_own_port_for_metrics() -> None:
    settings = ShardSettings(store_url="x", shard_metrics_listen="127.0.0.1:7420")

    assert [settings.metrics_listen_of(shard) for shard in (0, 1)] == ["127.0.0.1:7420", "127.0.0.1:7421"]
    assert ShardSettings(store_url="x").metrics_listen_of(1) == ""
    with pytest.raises(ValueError, match="host:port"):
        ShardSettings(store_url="x", shard_metrics_listen="here")
