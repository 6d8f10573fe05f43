"""Campaigns on event time under a real host: deadlines in pages, and entries that bring events from before."""

from __future__ import annotations

import pytest

from services.trigger.host_limits import HostLimits
from services.trigger.ports import Commit
from tests.builders import HOUR_MS, MINUTE_MS, an_abandoned_cart, an_event
from tests.services.shard_world import World

GRACE_MS = 15 * MINUTE_MS
CART = an_abandoned_cart(grace_ms=GRACE_MS)
PAGES = HostLimits(page_customers=10, wakes=20)


def carts(world: World, count: int) -> list[str]:
    base_ms = world.clock.now_ms()
    names = [f"c{number:03}" for number in range(count)]
    for number, name in enumerate(names):
        at_ms = base_ms + number // 3 * 1_000
        world.clock.us = at_ms * 1_000
        world.happens(an_event("Product Added", name, at_ms=at_ms), at_ms=at_ms)
    return names


def test_when_the_clock_jumps_held_events_and_deadlines_come_page_by_page() -> None:
    world = World(CART)
    names = carts(world, 90)
    world.owner("before").settle()
    owner = world.owner("after", limits=PAGES)

    world.clock.advance(20 * HOUR_MS)
    at_ms = world.clock.now_ms()
    world.happens(an_event("Product Added", "late", at_ms=at_ms), at_ms=at_ms)
    owner.settle()

    assert world.sent() == names
    commits = [request.rounds[0] for request in owner.requests if isinstance(request, Commit)]
    assert max(len(commit.changes.customers) for commit in commits) <= 31


@pytest.mark.parametrize("restarts", [False, True])
def test_an_entry_that_brings_events_from_before_is_waited_for_whoever_applies_it(restarts: bool) -> None:
    """The log was silent, so nothing behind the answers was decided; they come behind the deadlines in log time."""
    world = World(CART)
    base_ms = world.clock.now_ms()
    names = carts(world, 60)
    if restarts:
        world.owner("before").settle()
    owner = world.owner("after", limits=PAGES)

    world.clock.advance(2 * HOUR_MS)
    answers = [
        an_event("Order Completed", name, at_ms=base_ms + 30 * MINUTE_MS)
        for number, name in enumerate(names)
        if number % 2
    ]
    world.happens(*answers, at_ms=world.clock.now_ms())
    owner.settle()

    assert world.sent() == names[::2]
