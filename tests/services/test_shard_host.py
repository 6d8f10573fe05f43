"""A shard host on a store in memory: what it asks for, in which order, and what is in the store then."""

from __future__ import annotations

import pytest

from sendwhen.domain.shard_limits import ShardLimits
from services.trigger.host_limits import HostLimits
from services.trigger.ports import AppendTick, Commit, Due, Load, Read, Release
from tests.builders import (
    HOUR_MS,
    a_condition,
    a_match,
    an_abandoned_cart,
    an_event,
    uid_of,
)
from tests.services.shard_world import World

VIEWED = a_match("Product Viewed")
CART = an_abandoned_cart()


def cart_of(world: World, who: str) -> None:
    world.happens(an_event("Product Added", who, at_ms=world.clock.now_ms()))


def view_of(world: World, who: str, count: int = 1) -> None:
    world.happens(*(an_event("Product Viewed", who, event_id=f"{who}-{n}", at_ms=world.clock.now_ms() + n)
                    for n in range(count)))  # fmt: skip


def test_an_event_becomes_an_outbox_row_that_is_released_after_its_commit() -> None:
    world = World(VIEWED)
    view_of(world, "ada")
    owner = world.owner()

    owner.settle()

    assert world.sent() == ["ada"]
    assert [row.ordinal for row in owner.released] == [1]
    kinds = [type(request) for request in owner.requests]
    last_release = len(kinds) - 1 - kinds[::-1].index(Release)
    assert kinds[last_release - 1] is Commit
    assert world.store.partitions[0].position == 2


def test_the_customers_of_all_partitions_are_loaded_and_committed_with_one_request_each() -> None:
    world = World(VIEWED, partitions=3)
    for partition in range(3):
        world.happens(an_event("Product Viewed", f"c{partition}"), partition=partition)
    owner = world.owner()

    owner.settle()

    assert sum(isinstance(request, Commit) for request in owner.requests) == 1
    assert sum(isinstance(request, Load) for request in owner.requests) == 1
    assert [world.sent(partition) for partition in range(3)] == [["c0"], ["c1"], ["c2"]]


def test_a_backlog_is_committed_in_rounds_of_bounded_size() -> None:
    world = World(VIEWED)
    for number in range(30):
        view_of(world, f"c{number}", count=5)
    owner = world.owner(limits=HostLimits(round_events=50, round_partition_events=20))

    owner.settle()

    sizes = [len(request.rounds[0].changes.sends) for request in owner.requests if isinstance(request, Commit)]
    assert sum(sizes) == 150
    assert max(sizes) <= 20


def test_it_waits_for_entries_no_longer_than_to_the_next_deadline() -> None:
    world = World(CART)
    cart_of(world, "ada")
    owner = world.owner()
    owner.settle()

    world.clock.advance(HOUR_MS - 200)
    owner.step()
    read = owner.until(Read)

    assert isinstance(read, Read)
    # The wait itself was longer than the horizon, so its deadline was asked of the store meanwhile.
    owner.step()
    owner.until(Read)
    assert isinstance(owner.pending, Read)
    assert owner.pending.block_ms == 200


def test_a_timer_fires_by_a_tick_when_no_traffic_moves_the_clock() -> None:
    world = World(CART)
    cart_of(world, "ada")
    owner = world.owner()
    owner.settle()
    entries_before = world.store.partitions[0].seq

    world.clock.advance(HOUR_MS)
    owner.settle()

    assert world.sent() == ["ada"]
    assert world.store.partitions[0].seq == entries_before + 1
    assert sum(isinstance(request, AppendTick) for request in owner.requests) == 1


def test_no_tick_is_appended_where_traffic_moves_the_clock() -> None:
    world = World(CART)
    cart_of(world, "ada")
    owner = world.owner()
    owner.settle()

    world.clock.advance(HOUR_MS)
    world.happens(an_event("Something", "bob", at_ms=world.clock.now_ms()))
    owner.settle()

    assert world.sent() == ["ada"]
    assert not any(isinstance(request, AppendTick) for request in owner.requests)


@pytest.mark.parametrize("events_clock", [False, True])
def test_when_the_clock_jumps_deadlines_fire_in_order_page_by_page(events_clock: bool) -> None:
    world = World(CART, events_clock=events_clock)
    base_ms = world.clock.now_ms()
    names = [f"c{number:03}" for number in range(90)]
    for number, name in enumerate(names):
        at_ms = base_ms + number // 3 * 1_000
        world.clock.us = at_ms * 1_000
        world.happens(an_event("Product Added", name, at_ms=at_ms), at_ms=at_ms)
    world.owner("before").settle()
    limits = HostLimits(page_customers=10, wakes=20)
    owner = world.owner("after", limits=limits)

    world.clock.advance(20 * HOUR_MS)
    at_ms = world.clock.now_ms()
    world.happens(an_event("Product Added", "late", at_ms=at_ms), at_ms=at_ms)
    owner.settle()

    assert world.sent() == names
    commits = [request.rounds[0] for request in owner.requests if isinstance(request, Commit)]
    assert max(len(commit.changes.customers) for commit in commits) <= 31
    assert all(len(request.up_to_ms) for request in owner.requests if isinstance(request, Due))


def test_customers_beyond_the_memory_limits_are_left_to_the_store_and_loaded_again() -> None:
    campaigns = (VIEWED, CART)
    roomy, tight = World(*campaigns), World(*campaigns)
    for world, memory in ((roomy, ShardLimits()), (tight, ShardLimits(live_bytes=0, warm_bytes=0))):
        owner = world.owner(memory=memory)
        for turn in range(4):
            for who in ("ada", "bob", "cyd"):
                cart_of(world, who)
                view_of(world, who)
            world.happens(an_event("Order Completed", "bob", at_ms=world.clock.now_ms(), event_id=f"o{turn}"))
            owner.settle()
            world.clock.advance(30 * 60_000)
        world.clock.advance(2 * HOUR_MS)
        owner.settle()

    assert tight.sent() == roomy.sent()
    assert sorted(tight.sent()) == ["ada", "ada", "bob", "cyd", "cyd"]
    assert tight.store.partitions[0].records == roomy.store.partitions[0].records
    assert tight.store.partitions[0].dead == roomy.store.partitions[0].dead == 9  # ids seen with another payload


def test_an_event_that_raises_is_set_aside_alone_with_its_bytes() -> None:
    def raises_on_poison(event: object, *_: object) -> bool:
        if event.properties.get("poison"):  # type: ignore[attr-defined]
            raise RuntimeError("poison")
        return True

    world = World(a_match("Product Viewed", a_condition(raises_on_poison)))
    world.happens(
        an_event("Product Viewed", "ada"),
        an_event("Product Viewed", "bob", properties={"poison": True}),
        an_event("Product Viewed", "cyd"),
    )
    owner = world.owner()

    owner.settle()

    [letter] = world.store.partitions[0].dead_letters
    assert world.sent() == ["ada", "cyd"]
    assert (letter.seq, letter.index, letter.reason, letter.logged) == (2, 1, "failed", True)
    assert letter.payload
    assert uid_of("bob") not in world.store.partitions[0].records
    assert world.store.partitions[0].position == world.store.partitions[0].seq == 3


def test_bytes_that_are_no_entry_are_set_aside_and_the_partition_goes_on() -> None:
    world = World(VIEWED)
    world.append_body(b"\xff\xff\xff no entry", events=1)
    view_of(world, "ada")
    owner = world.owner()

    owner.settle()

    assert world.sent() == ["ada"]
    assert [letter.reason for letter in world.store.partitions[0].dead_letters] == ["unreadable"]
