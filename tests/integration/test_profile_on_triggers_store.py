"""What trigger's own commit writes is what profile reads: the two meet only in the store's keys."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from sendwhen.chassis.store_pool import open_async_store
from sendwhen.domain.record import read_record, recent_events
from services.profile.installation import Installation, await_installation
from services.profile.ports import Change
from services.profile.valkey_changes import ValkeyChanges
from services.profile.valkey_records import ValkeyRecords
from services.trigger.valkey_installation import check_installation
from tests.builders import T0_MS, Story, an_event, uid_of
from tests.contract.store_world import Owner, customer
from tests.integration.test_valkey_store import ValkeyWorld
from tests.integration.valkey_process import ValkeyServer

pytestmark = pytest.mark.integration


@pytest.fixture
def world(valkey: ValkeyServer) -> Iterator[ValkeyWorld]:
    world = ValkeyWorld(valkey)
    yield world
    world.close()


def test_records_changes_and_positions_of_a_commit_are_seen(valkey: ValkeyServer, world: ValkeyWorld) -> None:
    world.fill(3)
    owner = Owner(world)
    owner.commit(1, customers=[customer("old", b"before")])

    async def act() -> None:
        redis = open_async_store(valkey.url)
        records = ValkeyRecords(redis)
        changes = ValkeyChanges(pool=redis.connection_pool, partitions=3)
        heads = await changes.connect()

        owner.commit(2, customers=[customer("a", b"A"), customer("b", b"B")])
        owner.commit(3)

        seen: list[Change] = []
        after = {partition: head.changes for partition, head in heads.items()}
        while len(seen) < 2:
            seen += await changes.read(after)
            after[0] = heads[0].changes + len(seen)
        assert heads[0].position == 1
        assert [(change.position, change.uids) for change in seen] == [(2, ("a", "b")), (3, ())]
        assert [change.number for change in seen] == [heads[0].changes + 1, heads[0].changes + 2]
        assert dict(await records.load({0: ["a", "old", "nobody"]})) == {0: [b"A", b"before", None]}
        assert (await records.head(0)).position == 3
        assert (await records.head(0)).changes == seen[-1].number
        assert (await records.head(0)).position_ms == 1_000
        await changes.close()
        await redis.aclose()

    world.run(act())


def test_older_events_are_read_together_with_the_record(valkey: ValkeyServer, world: ValkeyWorld) -> None:
    world.fill(1)
    story = Story()
    for number in range(23):
        story.happens(an_event(f"event {number}", "ada", at_ms=T0_MS + number))
    story.happens(an_event("Signed Up", "bob", at_ms=T0_MS + 30))
    Owner(world).commit(1, customers=story.shard.collect().customers)
    asked = [uid_of(who) for who in ("nobody", "bob", "ada")]

    async def act() -> None:
        redis = open_async_store(valkey.url)
        _, bob, ada = (await ValkeyRecords(redis).load({0: asked}))[0]
        await redis.aclose()
        assert ada is not None
        assert bob is not None
        assert [one.name for one in recent_events(read_record(ada))] == [f"event {n}" for n in range(3, 23)]
        assert [one.name for one in recent_events(read_record(bob))] == ["Signed Up"]

    world.run(act())


def test_the_installation_that_trigger_creates_is_understood(valkey: ValkeyServer, world: ValkeyWorld) -> None:
    async def act() -> None:
        redis = open_async_store(valkey.url)
        await check_installation(redis, partitions=3, clock="events", now_ms=1)

        assert await await_installation(redis, within_s=5, stop=asyncio.Event()) == Installation(
            partitions=3, events_clock=True
        )
        await redis.aclose()

    world.run(act())
