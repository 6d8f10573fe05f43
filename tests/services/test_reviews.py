"""A campaign reaches customers who were known before it was put."""

from __future__ import annotations

from typing import Any

from sendwhen.domain.local_moment import LocalTime
from sendwhen.domain.trigger_kinds import DateOf
from sendwhen.v1 import log_pb2
from sendwhen.wire.entry import campaign_put_entry, campaign_source
from services.trigger.host_limits import HostLimits
from services.trigger.review_port import ReviewCustomers
from tests.builders import HOUR_MS, a_match, an_event
from tests.domain.watchers import entering, is_, watching
from tests.services.shard_world import World

LIMITS = HostLimits(review_customers=3, review_every_ms=50)
BIRTHDAY = watching(DateOf(attribute="birthday", at=LocalTime(minute=540), yearly=True), campaign_id="birthday")
PRO = entering(is_("plan", "pro"), campaign_id="pro")


def a_world(*later: Any, customers: int = 8, events_clock: bool = False) -> World:
    """Customers who are known, and then campaigns are put."""
    world = World(a_match("nothing"), events_clock=events_clock)
    for number in range(customers):
        attributes = {"birthday": "1990-11-15", "plan": "pro"}
        world.happens(an_event("Signed Up", f"who-{number}", attributes=attributes, at_ms=world.clock.now_ms()))
    for campaign in later:
        world.campaigns[campaign.campaign_id] = campaign
        source = campaign_source(
            version=campaign.version, source_yaml=campaign.campaign_id.encode(), template_hashes={}
        )
        world.append_body(campaign_put_entry(campaign.campaign_id, source), at_ms=0 if events_clock else None)
    return world


def reviews(world: World) -> int:
    bodies = [log_pb2.LogEntry.FromString(one.entry.body) for one in world.store.partitions[0].log.values()]
    return sum(body.WhichOneof("body") == "review" for body in bodies)


def pass_(world: World, owner: Any, times: int = 6) -> None:
    for _ in range(times):
        world.clock.advance(ms=50)
        owner.settle()


def test_a_date_is_armed_for_everybody_and_fires_by_a_tick() -> None:
    world = a_world(BIRTHDAY)
    owner = world.owner(limits=LIMITS)
    owner.settle()
    pass_(world, owner)
    assert reviews(world) == 3
    assert owner.host.status().reviewing == {}

    world.clock.advance(ms=24 * HOUR_MS)
    owner.settle()
    assert sorted(world.sent()) == [f"who-{number}" for number in range(8)]


def test_who_is_in_a_segment_already_is_only_noted() -> None:
    world = a_world(PRO)
    owner = world.owner(limits=LIMITS)
    owner.settle()
    pass_(world, owner)
    assert reviews(world) == 3
    assert world.sent() == []

    world.happens(an_event("Told", "who-1", attributes={"plan": "free"}, at_ms=world.clock.now_ms()))
    world.happens(an_event("Told again", "who-1", attributes={"plan": "pro"}, at_ms=world.clock.now_ms() + 1))
    owner.settle()
    assert world.sent() == ["who-1"]


def test_they_come_a_few_at_a_time_and_the_status_says_how_far_it_is() -> None:
    world = a_world(BIRTHDAY)
    owner = world.owner(limits=LIMITS)

    owner.settle()
    assert reviews(world) == 1
    assert owner.host.status().reviewing == {0: 3}

    pass_(world, owner, times=1)
    assert owner.host.status().reviewing == {0: 6}


def test_the_next_owner_goes_on_where_the_last_one_was() -> None:
    world = a_world(BIRTHDAY)
    first = world.owner("a", limits=LIMITS)
    first.settle()

    second = world.owner("b", limits=LIMITS)
    second.settle()
    pass_(world, second)

    assert reviews(world) == 3
    assert len(world.store.partitions[0].due) == 8


def test_a_store_that_was_lost_is_asked_again_and_names_nobody_twice() -> None:
    world = a_world(BIRTHDAY)
    owner = world.owner(limits=LIMITS)
    owner.until(ReviewCustomers)
    owner.connection.lose_next_reply()
    owner.settle()
    pass_(world, owner)

    assert reviews(world) == 3
    assert len(world.store.partitions[0].due) == 8


def test_where_nothing_watches_nobody_is_asked_for() -> None:
    world = a_world()
    owner = world.owner(limits=LIMITS)
    owner.settle()
    pass_(world, owner)

    assert not [one for one in owner.requests if isinstance(one, ReviewCustomers)]


def test_on_the_events_own_time_too() -> None:
    world = a_world(BIRTHDAY, events_clock=True)
    owner = world.owner(limits=LIMITS)
    owner.settle()
    pass_(world, owner)

    assert reviews(world) == 3
    assert len(world.store.partitions[0].due) == 8
