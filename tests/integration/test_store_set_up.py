"""What trigger checks of the store when it starts, and while it runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from sendwhen.chassis.clock import SystemClock
from sendwhen.chassis.store_pool import open_async_store
from sendwhen.domain.record import read_record, write_record
from sendwhen.errors import Overloaded, Precondition
from services.trigger.log_port import Append
from services.trigger.ports import Load
from services.trigger.store_admission import StoreAdmission
from services.trigger.store_durability import check_durability
from services.trigger.store_keys import records, seen_ids
from services.trigger.valkey_assignment import Assignment, assign_shards, read_assignment
from services.trigger.valkey_installation import check_installation
from services.trigger.valkey_log import ValkeyLog
from tests.contract.store_world import Owner, customer
from tests.integration.test_valkey_store import ValkeyWorld
from tests.integration.valkey_process import ValkeyServer

pytestmark = pytest.mark.integration
RECORDS = Path(__file__).parents[1] / "golden" / "records"


def with_client(server: ValkeyServer, act: Callable[[Redis], Coroutine[Any, Any, Any]]) -> Any:
    async def run() -> Any:
        async with open_async_store(server.url) as client:
            return await act(client)

    return asyncio.run(run())


def test_an_installation_is_created_once_and_found_again(valkey: ValkeyServer) -> None:
    for now_ms in (1, 2):
        with_client(valkey, lambda c, at=now_ms: check_installation(c, partitions=16, clock="wall", now_ms=at))

    with valkey.client() as client:
        assert client.hgetall("sw:installation") == {
            b"format": b"1",
            b"partitions": b"16",
            b"clock": b"wall",
            b"created_at_ms": b"1",
        }


@pytest.mark.parametrize(
    ("partitions", "clock", "says"),
    [(32, "wall", "SENDWHEN_TRIGGER_PARTITIONS=16"), (16, "events", "SENDWHEN_TRIGGER_CLOCK=wall")],
)
def test_other_settings_than_it_was_created_with_are_refused(
    valkey: ValkeyServer, partitions: int, clock: str, says: str
) -> None:
    with_client(valkey, lambda c: check_installation(c, partitions=16, clock="wall", now_ms=1))

    with pytest.raises(Precondition, match=says):
        with_client(valkey, lambda c: check_installation(c, partitions=partitions, clock=clock, now_ms=2))


def test_another_format_is_refused(valkey: ValkeyServer) -> None:
    with valkey.client() as client:
        client.hset("sw:installation", mapping={"format": 2, "partitions": 16, "clock": "wall"})

    with pytest.raises(Precondition, match="format 2"):
        with_client(valkey, lambda c: check_installation(c, partitions=16, clock="wall", now_ms=1))


def test_the_generation_grows_with_the_number_of_shards_and_only_then(valkey: ValkeyServer) -> None:
    assert with_client(valkey, read_assignment) is None
    answers = [with_client(valkey, lambda c, n=n: assign_shards(c, shard_count=n)) for n in (2, 2, 3)]

    assert [(answer.generation, answer.shard_count) for answer in answers] == [(1, 2), (1, 2), (2, 3)]
    assert with_client(valkey, read_assignment) == answers[-1]


def test_every_partition_belongs_to_one_shard() -> None:
    assignment = Assignment(generation=1, shard_count=3)

    shares = [assignment.partitions_of(shard, partitions=8) for shard in range(3)]

    assert shares == [(0, 3, 6), (1, 4, 7), (2, 5)]


def test_a_store_that_syncs_before_it_answers_keeps_what_fsync_promises(valkey: ValkeyServer) -> None:
    found = with_client(valkey, lambda c: check_durability(c, "fsync"))

    assert (found.appendonly, found.appendfsync, found.maxmemory_policy) == ("yes", "always", "noeviction")


@pytest.mark.parametrize(
    ("setting", "value"), [("appendfsync", "everysec"), ("appendonly", "no"), ("maxmemory-policy", "allkeys-lru")]
)
def test_a_store_set_otherwise_is_refused_for_fsync_with_the_command_that_mends_it(
    own_valkey: ValkeyServer, setting: str, value: str
) -> None:
    with own_valkey.client() as client:
        wanted = client.config_get(setting)[setting]
        client.config_set(setting, value)

    with pytest.raises(Precondition, match=f"CONFIG SET {setting} {wanted}"):
        with_client(own_valkey, lambda c: check_durability(c, "fsync"))


def test_fast_takes_any_syncing_and_reports_it(own_valkey: ValkeyServer) -> None:
    with own_valkey.client() as client:
        client.config_set("appendfsync", "everysec")

    assert with_client(own_valkey, lambda c: check_durability(c, "fast")).appendfsync == "everysec"


def test_levels_that_are_not_there_are_refused(valkey: ValkeyServer) -> None:
    with pytest.raises(Precondition, match="not built yet"):
        with_client(valkey, lambda c: check_durability(c, "replicated"))
    with pytest.raises(Precondition, match="no durability level"):
        with_client(valkey, lambda c: check_durability(c, "hope"))


def test_appends_are_refused_by_name_when_memory_or_disk_runs_short(valkey: ValkeyServer, tmp_path: Path) -> None:
    async def reasons(client: Redis) -> list[str]:
        plenty = StoreAdmission(client, data_folder=tmp_path, disk_free_share_min=0.0)
        short = StoreAdmission(client, memory_bytes_max=1)
        full = StoreAdmission(client, data_folder=tmp_path, disk_free_share_min=1.1)
        return [await admission.look() for admission in (plenty, short, full)]

    plenty, short, full = with_client(valkey, reasons)

    assert plenty == ""
    assert "of memory" in short
    assert "disk" in full


def test_a_full_store_refuses_appends_as_overloaded(own_valkey: ValkeyServer) -> None:
    with own_valkey.client() as client:
        client.config_set("maxmemory", 1)

    async def append(client: Redis) -> None:
        log = ValkeyLog(client, clock=SystemClock(), partitions=1)
        await log.append([Append(partition=0, body=b"b", events=1, at_ms=1)])

    with pytest.raises(Overloaded):
        with_client(own_valkey, append)


def test_seen_ids_of_idle_customers_go_after_three_days_and_stay_on_the_events_own_time(valkey: ValkeyServer) -> None:
    hour_ms = 3_600_000
    for events_clock in (False, True):
        world = ValkeyWorld(valkey, events_clock=events_clock)
        world.fill(2, int(events_clock))
        owner = Owner(world, partition=int(events_clock))
        owner.commit(
            1, customers=[customer("appended", seen_append=b"1" * 16), customer("set", seen_replace=b"1" * 16)]
        )
        owner.commit(2, customers=[customer("appended", seen_append=b"2" * 16)])
        world.close()

    with valkey.client() as client:
        left = [[client.pttl(seen_ids(partition, uid)) for uid in ("appended", "set")] for partition in (0, 1)]
    assert all(73 * hour_ms <= ms <= 97 * hour_ms for ms in left[0])
    assert left[1] == [-1, -1]


def test_customers_as_the_first_release_stored_them_are_loaded_with_their_ids(valkey: ValkeyServer) -> None:
    """It kept all seen ids beside the record; now only those of which the record says so."""
    world = ValkeyWorld(valkey)
    world.fill(1)
    owner = Owner(world)
    former = (RECORDS / "v1.bin").read_bytes()
    now = write_record(read_record(former), b"2" * 16)
    with valkey.client() as client:
        client.hset(records(0), mapping={"former": former, "now": now})
        for uid in ("former", "now"):
            client.append(seen_ids(0, uid), b"1" * 16)

    found = owner.store.load(Load(uids={0: ("nobody", "now", "former")}))
    world.close()

    assert found == {0: ((None, b""), (now, b""), (former, b"1" * 16))}
