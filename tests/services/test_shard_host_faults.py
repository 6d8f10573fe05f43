"""What a shard host does when it dies, is not alone, or stands before another store than the one it knew."""

from __future__ import annotations

import pytest

from sendwhen.errors import Fenced
from services.trigger.host_limits import HostLimits
from services.trigger.log_gaps import LOOK_AGAIN_S
from services.trigger.ports import AppendTick, Claim, Commit, MarkTrying, Read
from tests.builders import HOUR_MS, a_match, an_abandoned_cart, an_event
from tests.services.shard_world import Owner, World

VIEWED = a_match("Product Viewed")
CART = an_abandoned_cart()


def a_busy_world() -> World:
    world = World(CART, VIEWED)
    for number in range(6):
        for who in ("ada", "bob", "cyd"):
            now_ms = world.clock.now_ms()
            world.happens(
                an_event("Product Added", who, at_ms=now_ms, event_id=f"a{number}"),
                an_event("Product Viewed", who, at_ms=now_ms, event_id=f"v{number}"),
            )
        world.clock.advance(1_000)
    return world


def the_end(world: World) -> tuple[object, ...]:
    partition = world.store.partitions[0]
    sends = [(row.ordinal, who) for row, who in zip(partition.outbox.values(), world.sent(), strict=True)]
    return sends, partition.records, partition.due, partition.applied, partition.duplicates


SMALL = HostLimits(round_events=6, round_partition_events=6, page_customers=1)


class Life:
    """A busy world and its owner, from events until every deadline has come, stopped after so many requests.

    Attributes:
        before: Requests until the clock goes on to the deadlines.
    """

    def __init__(self, steps: int, before: int) -> None:
        self.world = a_busy_world()
        self.owner = self.world.owner("first", limits=SMALL)
        self._is_late = steps > before
        if self._is_late:
            self.owner.settle()
            self.world.clock.advance(2 * HOUR_MS)
            steps -= before
        for _ in range(steps):
            self.owner.step()

    def ended_by(self, owner: Owner) -> tuple[object, ...]:
        """What is there when an owner has gone on to the end."""
        owner.settle()
        if not self._is_late:
            self.world.clock.advance(2 * HOUR_MS)
            owner.settle()
        return the_end(self.world)


def untouched() -> tuple[tuple[object, ...], int, int]:
    """The end where nothing breaks; requests until the clock goes on; requests in all."""
    world = a_busy_world()
    owner = world.owner("first", limits=SMALL)
    owner.settle()
    before = len(owner.requests)
    world.clock.advance(2 * HOUR_MS)
    owner.settle()
    return the_end(world), before, len(owner.requests)


def test_an_owner_may_die_between_any_two_requests() -> None:
    expected, before, whole = untouched()

    for steps in range(whole):
        life = Life(steps, before)
        ended = life.ended_by(life.world.owner("second", limits=SMALL))
        assert ended == expected, f"died after {steps} requests"


@pytest.mark.parametrize("lost", ["request", "reply"])
def test_any_request_may_be_lost_or_its_answer(lost: str) -> None:
    expected, before, whole = untouched()

    for steps in range(whole):
        life = Life(steps, before)
        if lost == "reply":
            life.owner.connection.lose_next_reply()
        else:
            life.owner.connection.lose_next_request()
        assert life.ended_by(life.owner) == expected, f"lost {lost} {steps}"


def test_a_commit_whose_answer_was_lost_is_recognised_and_its_rows_are_left_to_the_outbox() -> None:
    world = a_busy_world()
    owner = world.owner()
    owner.until(Commit)

    owner.connection.lose_next_reply()
    owner.step()
    owner.settle()

    assert len(world.sent()) == 18
    assert owner.released == []
    assert owner.claims_seen == 2


def test_an_owner_that_another_has_replaced_is_refused_and_ends() -> None:
    world = a_busy_world()
    stale = world.owner("stale")
    stale.until(Commit)

    fresh = world.owner("fresh")
    fresh.settle()

    with pytest.raises(Fenced):
        stale.step()
    assert stale.released == []
    assert len(world.sent()) == 18


def test_an_owner_of_an_older_generation_cannot_claim() -> None:
    world = a_busy_world()
    world.owner("fresh", generation=2).settle()
    stale = world.owner("stale", generation=1)

    assert isinstance(stale.pending, Claim)
    with pytest.raises(Fenced):
        stale.step()


def test_a_tick_of_a_stale_owner_is_refused_and_ends_it() -> None:
    world = World(CART)
    world.happens(an_event("Product Added", "ada", at_ms=world.clock.now_ms()))
    stale = world.owner("stale")
    stale.settle()
    world.clock.advance(HOUR_MS)
    stale.until(AppendTick)

    fresh = world.owner("fresh")
    fresh.settle()
    seq = world.store.partitions[0].seq

    with pytest.raises(Fenced):
        stale.step()
    assert world.store.partitions[0].seq == seq
    assert world.sent() == ["ada"]


@pytest.mark.parametrize("quietly", [False, True])
@pytest.mark.parametrize("refilled", [False, True])
def test_a_lost_tail_is_noticed_and_what_stands_in_the_log_now_is_applied(quietly: bool, refilled: bool) -> None:
    world = World(VIEWED)
    world.happens(an_event("Product Viewed", "kept"))
    owner = world.owner()
    owner.settle()
    before = world.store.snapshot()
    world.happens(an_event("Product Viewed", "lost"))
    owner.settle()
    assert world.sent() == ["kept", "lost"]

    world.store.restore(before, quietly=quietly)
    if refilled:
        world.happens(an_event("Product Viewed", "other"))
    owner.settle()
    world.happens(an_event("Product Viewed", "new"), an_event("Product Viewed", "newer"))
    world.happens(an_event("Product Viewed", "newest"))
    owner.settle()

    after = ["other"] if refilled else []
    assert world.sent() == ["kept", *after, "new", "newer", "newest"]


def test_a_tail_that_was_lost_while_a_round_was_under_way_commits_nothing_of_it() -> None:
    world = World(VIEWED)
    world.owner("earlier").settle()
    before = world.store.snapshot()
    world.happens(an_event("Product Viewed", "lost"))
    owner = world.owner()
    owner.until(Commit)

    world.store.restore(before, quietly=True)
    partition = world.store.partitions[0]
    # The claim went with the tail; only position and nonce can tell what is missing.
    partition.epoch, partition.owner = partition.epoch + 1, "a"
    world.happens(an_event("Product Viewed", "other"))
    owner.settle()

    assert world.sent() == ["other"]


def test_a_lost_tail_with_a_timer_due_does_not_leave_the_owner_ticking_in_vain() -> None:
    world = World(CART)
    world.happens(an_event("Product Added", "ada", at_ms=world.clock.now_ms()))
    owner = world.owner()
    owner.settle()
    before = world.store.snapshot()
    world.happens(an_event("Product Added", "bob", at_ms=world.clock.now_ms()))
    owner.settle()

    world.store.restore(before, quietly=True)
    world.clock.advance(HOUR_MS)
    owner.settle()

    assert world.sent() == ["ada"]


def test_a_partition_whose_log_misses_entries_stands_still_by_itself_until_the_log_is_whole() -> None:
    world = World(VIEWED, partitions=2)
    for number in range(3):
        for partition, who in enumerate(("ada", "bob")):
            world.happens(an_event("Product Viewed", who, event_id=str(number)), partition=partition)
    gone = world.store.partitions[0].log.pop(2)
    told: list[tuple[int, int]] = []
    owner = world.owner(missing=lambda *what: told.append(what))

    owner.settle()
    world.happens(an_event("Product Viewed", "cyd"), partition=1)
    owner.settle()

    assert world.sent(0) == []
    assert world.sent(1) == ["bob", "bob", "bob", "cyd"]
    assert list(owner.host.status().standing_still) == [0]
    assert set(told) == {(0, 1)}
    claims = sum(isinstance(request, Claim) for request in owner.requests)
    assert claims == 2

    world.store.partitions[0].log[2] = gone
    world.clock.advance(1_000 * LOOK_AGAIN_S)
    owner.settle()

    assert world.sent(0) == ["ada", "ada", "ada"]
    assert list(owner.host.status().standing_still) == []


def test_an_entry_that_owners_die_of_is_set_aside_after_three_tries_and_no_other() -> None:
    world = World(VIEWED)
    world.happens(an_event("Product Viewed", "ada"))
    world.happens(an_event("Product Viewed", "killer"))
    world.happens(an_event("Product Viewed", "bob"))
    tried = 0

    for life in range(12):
        owner = world.owner(f"life {life}")
        while True:
            owner.step()
            done = owner.requests[-1]
            tried += isinstance(done, MarkTrying) and done.seq == 3
            deadly = isinstance(owner.pending, Commit) and any(
                send.email.startswith("killer") for part in owner.pending.rounds for send in part.changes.sends
            )
            if deadly or world.store.partitions[0].position == world.store.partitions[0].seq == 5:
                break
        if not deadly:
            break

    [letter] = world.store.partitions[0].dead_letters
    assert (letter.seq, letter.index, letter.reason) == (3, -1, "quarantined")
    assert letter.payload
    assert tried == 4
    assert world.sent() == ["ada", "bob"]


def test_without_a_death_no_entry_is_tried_alone() -> None:
    world = a_busy_world()
    owner = world.owner()

    owner.settle()

    assert not any(isinstance(request, MarkTrying) for request in owner.requests)
    assert isinstance(owner.pending, Read)


def test_an_owner_may_die_between_any_two_pages_of_a_clock_that_jumps() -> None:
    pages = HostLimits(page_customers=3, wakes=5)
    names = [f"c{number:02}" for number in range(24)]

    for steps in range(0, 60, 3):
        world = World(CART)
        for name in names:
            world.happens(an_event("Product Added", name, at_ms=world.clock.now_ms()))
            world.clock.advance(10)
        world.owner("first").settle()
        world.clock.advance(2 * HOUR_MS)
        second = world.owner("second", limits=pages)
        for _ in range(steps):
            second.step()
        world.owner("third", limits=pages).settle()

        assert world.sent() == names, f"died after {steps} requests"
