"""What the log still tells of a customer, for explanations."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from sendwhen.domain.customer import Customer
from sendwhen.domain.partition import customer_uid
from sendwhen.errors import Unavailable
from sendwhen.v1 import event_pb2
from sendwhen.wire.entry import event_entry, tick_entry
from services.trigger.archive_ports import EVENTS_MAX, Archived
from services.trigger.explain import past_of
from services.trigger.log_past import ENTRIES_MAX, LogPast
from services.trigger.log_port import Append
from services.trigger.parquet_archive import ParquetArchive
from tests.fakes.fixed_clock import FixedClock
from tests.fakes.memory_store import MemoryStore
from tests.services.trigger.test_near_misses import CART, campaign_of, lived

ANN = Customer(uid=customer_uid("user:ann"), user_id="ann")


def an_event(event_id: str, user_id: str = "ann", attributes: bytes = b"", at_ms: int = 5) -> bytes:
    return event_pb2.Event(
        event_id=event_id, name="A", user_id=user_id, occurred_at_ms=at_ms, attributes_json=attributes
    ).SerializeToString()


async def a_store(*bodies: bytes) -> MemoryStore:
    clock = FixedClock()
    store = MemoryStore(partitions=1, clock=clock)
    for body in bodies:
        clock.advance(1_000)
        await store.append([Append(partition=0, body=body, events=1, at_ms=clock.now_ms())])
    store.partitions[0].position = store.partitions[0].seq
    return store


async def test_only_the_customer_s_events_are_found_with_their_log_times() -> None:
    store = await a_store(
        event_entry([an_event("1"), an_event("2", "bob")], 0), tick_entry(), event_entry([an_event("3")], 0)
    )

    logged = await LogPast(store, event_clock=False).of(0, ANN)

    assert [(at_ms, event.event_id) for at_ms, event in logged.events] == [
        (1_700_000_001_000, "1"),
        (1_700_000_003_000, "3"),
    ]
    assert logged.since_ms == 1_700_000_001_000
    by_own_time = await LogPast(store, event_clock=True).of(0, ANN)
    assert [at_ms for at_ms, _ in by_own_time.events] == [5, 5]


async def test_an_empty_log_tells_nothing_and_a_long_one_only_its_end() -> None:
    assert (await LogPast(await a_store(), event_clock=False).of(0, ANN)).events == ()
    many = [event_entry([an_event("first")], 0), *[tick_entry()] * ENTRIES_MAX, event_entry([an_event("last")], 0)]

    logged = await LogPast(await a_store(*many), event_clock=False).of(0, ANN)

    assert [event.event_id for _, event in logged.events] == ["last"]


async def test_a_log_of_large_entries_is_looked_through_no_further_than_its_bytes_allow() -> None:
    large = event_entry([an_event("large", attributes=b" " * 9_000_000)], 0)

    logged = await LogPast(await a_store(*[large] * 6), event_clock=False).of(0, ANN)

    assert 0 < len(logged.events) <= 4


def test_a_history_that_the_log_holds_as_a_whole_leaves_nothing_unknown() -> None:
    cart = campaign_of(CART)
    customer = lived(cart, (0, "Product Added", {"price": 3}), (5_000, "Other", {}))
    remembered = past_of(customer, until_ms=2**61)

    logged = [(at_ms, replace(event, attributes=b'{"plan":"pro"}')) for at_ms, event in remembered.events]
    whole = past_of(customer, until_ms=2**61, logged=logged, logged_since_ms=customer.first_seen_at_ms)
    part = past_of(customer, until_ms=2**61, logged=logged[1:], logged_since_ms=logged[1][0])

    assert (whole.unknown, whole.attributes) == ((), {})
    assert [entry.events[0].attributes for entry in whole.entries()] == [b'{"plan":"pro"}'] * 2
    assert part.unknown
    assert part.attributes == {"consent": True}
    assert [event.event_id for _, event in part.events] == ["e0", "e1"]


class AwayArchive:
    async def customer(self, partition: int, uid: str) -> Archived:
        raise Unavailable("The folder is away.")


async def test_the_archive_tells_what_the_log_has_let_go(tmp_path: Path) -> None:
    store = await a_store(
        event_entry([an_event("1"), an_event("2", "bob")], 0), tick_entry(), event_entry([an_event("3")], 0)
    )
    archive = ParquetArchive(str(tmp_path), partitions=1, clock="wall")
    entries = await store.entries(0, 0, 3, 100)
    await archive.append(0, entries[:2], gap=False)
    for seq in (1, 2):
        del store.partitions[0].log[seq]

    logged = await LogPast(store, event_clock=False, archive=archive).of(0, ANN)
    away = await LogPast(store, event_clock=False, archive=AwayArchive()).of(0, ANN)

    assert [(at_ms, event.event_id) for at_ms, event in logged.events] == [
        (1_700_000_001_000, "1"),
        (1_700_000_003_000, "3"),
    ]
    assert (logged.since_ms, logged.unread) == (0, "")
    assert [event.event_id for _, event in away.events] == ["3"]
    assert away.unread == "The archive could not be read: The folder is away."


async def test_of_a_customer_who_does_very_much_the_latest_events_are_looked_at(tmp_path: Path) -> None:
    numbers = range(3 * EVENTS_MAX)
    entries = [event_entry([an_event(str(n)) for n in numbers[at : at + 100]], 0) for at in range(0, len(numbers), 100)]
    store = await a_store(*entries)
    archive = ParquetArchive(str(tmp_path), partitions=1, clock="wall")
    for entry in await store.entries(0, 0, 4, 100):
        await archive.append(0, [entry], gap=False)

    of_log = await LogPast(store, event_clock=False).of(0, ANN)
    of_archive = await archive.customer(0, ANN.uid)
    of_both = await LogPast(store, event_clock=False, archive=archive).of(0, ANN)

    latest = [str(n) for n in numbers][-EVENTS_MAX:]
    for found in (of_log, of_both):
        assert [event.event_id for _, event in found.events] == latest
        assert found.since_ms == found.events[0][0] + 1
    assert EVENTS_MAX < len(of_archive.events) <= EVENTS_MAX + 100
    assert of_archive.first_seq > 1
