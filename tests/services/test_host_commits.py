"""Behind a backlog a shard applies the next round while the store commits the one before."""

from __future__ import annotations

from itertools import pairwise

from services.trigger.host_limits import HostLimits
from services.trigger.ports import AwaitCommit, Commit, Refusal, Release, Why
from tests.builders import a_match, an_event
from tests.services.shard_world import Owner, World

VIEWED = a_match("Product Viewed")
LIMITS = HostLimits(round_events=50, round_partition_events=20)


def a_backlog(customers: int = 30) -> World:
    world = World(VIEWED)
    for number in range(customers):
        at_ms = world.clock.now_ms()
        who = f"c{number}"
        world.happens(*(an_event("Product Viewed", who, event_id=f"{who}-{n}", at_ms=at_ms + n) for n in range(5)))
    return world


def is_begun(request: object) -> bool:
    return isinstance(request, Commit) and request.begun


def until_begun(owner: Owner) -> None:
    while not is_begun(owner.pending):
        owner.step()


def test_a_round_is_begun_only_when_the_one_before_is_known_to_be_stored() -> None:
    owner = a_backlog().owner(limits=LIMITS)

    owner.settle()

    asked = [request for request in owner.requests if isinstance(request, Commit | AwaitCommit)]
    assert sum(map(is_begun, asked)) > 2
    for one, following in pairwise(asked):
        assert isinstance(following, AwaitCommit) == is_begun(one)


def test_rows_are_released_only_after_their_commit_was_answered() -> None:
    owner = a_backlog().owner(limits=LIMITS)

    owner.settle()

    stored = 0
    released = 0
    begun = 0
    for request in owner.requests:
        if isinstance(request, Commit):
            rows = sum(len(made.outbox) for made in request.rounds)
            begun, stored = (rows, stored) if request.begun else (0, stored + rows)
        elif isinstance(request, AwaitCommit):
            stored, begun = stored + begun, 0
        elif isinstance(request, Release):
            released += sum(len(rows) for rows in request.rows.values())
        assert released <= stored
    assert released == 150


def test_with_nothing_more_to_do_a_commit_is_waited_for_at_once() -> None:
    world = a_backlog(customers=1)
    owner = world.owner(limits=LIMITS)

    owner.settle()

    assert not any(map(is_begun, owner.requests))
    assert len(world.sent()) == 5


def test_a_store_lost_while_a_commit_is_under_way_costs_nothing_and_doubles_nothing() -> None:
    world = a_backlog()
    owner = world.owner(limits=LIMITS)
    until_begun(owner)
    owner.step()

    owner.connection.lose_next_request()
    owner.settle()

    assert sorted(world.sent()) == sorted(f"c{n}" for n in range(30) for _ in range(5))


def test_what_was_applied_meanwhile_is_forgotten_when_the_round_before_is_refused() -> None:
    world = a_backlog()
    owner = world.owner(limits=LIMITS)
    until_begun(owner)
    owner.step()
    while not isinstance(owner.pending, AwaitCommit):
        owner.step()

    # The store took the commit, as a reload will show; the answer says otherwise.
    owner.answer({0: Refusal(why=Why.LOST)})
    owner.settle()

    assert sorted(world.sent()) == sorted(f"c{n}" for n in range(30) for _ in range(5))
    assert owner.claims_seen == 2
