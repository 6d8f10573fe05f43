"""Identities in different partitions, owned by different shards, on a real store: joined, deleted, halfway through."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sendwhen.domain.customer import Customer
from sendwhen.domain.partition import customer_uid, routing_hash
from sendwhen.domain.record import read_record, recent_events, write_record
from sendwhen.domain.ties import Ties
from sendwhen.domain.transfer import Adopt, Delete, Place, Transfer, write_transfer
from sendwhen.v1.event_pb2 import Event
from sendwhen.wire.entry import event_entry, transfer_entry
from tests.integration.shard_kit import CART, Front, RecordingSender, Running, settings, wait_until
from tests.integration.valkey_process import ValkeyServer

pytestmark = pytest.mark.integration
PARTITIONS = 2
VISITOR, ADA = "anon:a2", "user:ada"


def home(key: str) -> int:
    return routing_hash(key) % PARTITIONS


class Town(Front):
    """Events and wishes by routing key."""

    def does(self, name: str, event_id: str, **who: str) -> None:
        key = f"user:{who['user_id']}" if "user_id" in who else f"anon:{who['anonymous_id']}"
        event = Event(event_id=event_id, name=name, occurred_at_ms=1_700_000_000_000, **who)
        self._append(home(key), event_entry([event.SerializeToString()], 0), 1)

    def wish(self, key: str, transfer: Transfer) -> None:
        self._append(home(key), transfer_entry([(-1, "", 0, write_transfer(transfer))]), 0)

    def customer(self, key: str) -> Customer | None:
        record = self._runner.run(self.log.record(home(key), customer_uid(key)))
        return None if record is None else read_record(record)

    def into(self, key: str) -> str:
        """Whom a tombstone points to; "" where it is none."""
        found = self.customer(key)
        return found.into.uid if found and found.into else ""

    def names(self, key: str) -> list[str]:
        found = self.customer(key)
        return [event.name for event in recent_events(found)] if found else []


@pytest.fixture
def sender() -> Iterator[RecordingSender]:
    recording = RecordingSender()
    yield recording
    recording.close()


@pytest.fixture
def town(own_valkey: ValkeyServer) -> Iterator[Town]:
    town = Town(own_valkey.url, partitions=PARTITIONS)
    yield town
    town.close()


def test_the_two_live_in_different_partitions() -> None:
    assert home(VISITOR) != home(ADA)


def test_a_visitors_wait_and_history_go_to_the_customer_and_its_email_goes_out_once(
    own_valkey: ValkeyServer, town: Town, sender: RecordingSender
) -> None:
    town.put(CART)
    of = settings(own_valkey.url, sender, partitions=PARTITIONS, shards=2)
    shards = [Running(of, shard=number) for number in (0, 1)]
    try:
        for number in range(8):
            town.does("Product Viewed", f"v{number}", anonymous_id="a2")
        town.does("Product Added", "cart", anonymous_id="a2")
        town.does("Logged In", "login", user_id="ada", anonymous_id="a2", email="ada@example.invalid")
        wait_until(lambda: town.into(VISITOR) == customer_uid(ADA), "a tombstone")
        town.does("Product Viewed", "late", anonymous_id="a2")

        wait_until(lambda: len(town.names(ADA)) == 11, "histories are one")
        wait_until(lambda: sender.who() == {"ada": 1}, "the email")
        wait_until(town.caught_up, "nothing left to do")
    finally:
        for shard in shards:
            shard.stop()

    assert [shard.death for shard in shards] == [None, None]
    assert sorted(town.names(ADA)[:9]) == sorted(["Product Viewed"] * 8 + ["Product Added"])
    pages = "".join(shard.metrics.page().decode() for shard in shards)
    assert 'sendwhen_identity_total{outcome="merged"} 1.0' in pages
    assert 'sendwhen_identity_total{outcome="forwarded"} 1.0' in pages


def test_a_join_that_stopped_halfway_goes_on_when_the_other_shard_comes_and_deletion_takes_all(
    own_valkey: ValkeyServer, town: Town, sender: RecordingSender
) -> None:
    of = settings(own_valkey.url, sender, partitions=PARTITIONS, shards=2)
    first = Running(of, shard=home(ADA))
    town.does("Product Viewed", "one", anonymous_id="a2")
    town.wish(ADA, Adopt(customer_uid(ADA), ADA, VISITOR))
    with own_valkey.client() as client:
        outbox = f"sw:{{p{routing_hash(ADA) % PARTITIONS}}}:out"
        asked = lambda: town.customer(ADA) is not None and client.xlen(outbox) == 0  # noqa: E731
        wait_until(asked, "the survivor asked")
    first.stop()
    second = Running(of, shard=home(VISITOR))
    wait_until(lambda: town.into(VISITOR) == customer_uid(ADA), "the state left")
    second.stop()
    assert town.names(ADA) == []

    both = [Running(of, shard=number, generation=1) for number in (0, 1)]
    try:
        wait_until(lambda: town.names(ADA) == ["Product Viewed"], "the state arrived")
        town.wish(VISITOR, Delete(customer_uid(VISITOR)))
        wait_until(lambda: town.customer(ADA) is None and town.customer(VISITOR) is None, "nobody is left")
        wait_until(town.caught_up, "nothing left to do")
    finally:
        for shard in both:
            shard.stop()

    with own_valkey.client() as client:
        kinds = [key.decode().rsplit(":", 1)[-1] for key in client.keys("sw:{p*}:*")]
    assert {"rec", "past", "due"}.isdisjoint(kinds)
    assert not [key for key in kinds if ":ids:" in key]


def test_a_tombstone_takes_no_more_of_the_store_than_is_documented(own_valkey: ValkeyServer) -> None:
    number = 20_000
    place = Place(customer_uid(ADA), 2, 1_234_567)
    rows = {}
    for one in range(number):
        uid = customer_uid(f"anon:visitor-{one}")
        tombstone = Customer(uid, ties=Ties(into=place), born_seq=one + 1, seq=9_000_000 + one, changed_at_ms=10**12)
        rows[uid] = write_record(tombstone)
    with own_valkey.client() as client:
        before = client.info("memory")["used_memory"]
        client.hset("sw:{p0}:rec", mapping=rows)
        after = client.info("memory")["used_memory"]

    assert max(map(len, rows.values())) <= 128
    assert (after - before) / number <= 250
