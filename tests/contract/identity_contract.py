"""What shards rely on of their store where customers are joined and deleted. Subclass with the other contracts."""

from __future__ import annotations

from msgspec.structs import replace

from sendwhen.domain.changes import ReceivedRow
from sendwhen.wire.entry import transfer_entry
from services.trigger.ports import TO_SENDER, TO_SENDER_FORGET, Deliver, Load, LoadPast, OutboxRow, ReadOutbox
from tests.contract.log_contract import OpensWorlds
from tests.contract.store_world import Owner, customer


class IdentityContract(OpensWorlds):
    def test_a_deleted_customer_leaves_nothing_behind(self) -> None:
        world = self.open()
        world.fill(3)
        owner = Owner(world)
        ids = bytes(range(16))
        kept = customer("kept", b"\x02\x01\x00\x00k", seen_append=ids, past=((0, b"chunk"),), due_at_ms=5)
        gone = customer("gone", b"\x02\x01\x00\x00g", seen_append=ids, past=((0, b"a"), (3, b"b")), due_at_ms=6)
        owner.commit(1, customers=[kept, gone])

        owner.commit(2, customers=[customer("gone", None, seen_replace=b"")])

        assert owner.store.load(Load(uids={0: ("gone", "kept")})) == {0: ((None, b""), (kept.record, ids))}
        past = owner.store.load_past(LoadPast(uids={0: ("gone", "kept", "nobody")}))[0]
        assert past == ((None,) * 4, (b"chunk", None, None, None), (None,) * 4)
        assert world.run(world.log.record(0, "gone")) is None

    def test_one_outbox_holds_rows_for_sender_and_for_partitions_in_one_order(self) -> None:
        world = self.open()
        world.fill(1)
        owner = Owner(world)
        round_ = owner.round(1, sends=[b"s1", b"t2", b"s3", b"f4"])
        rows = tuple(
            OutboxRow(ordinal=row.ordinal, lineage=row.lineage, intent=row.intent, target=target)
            for row, target in zip(round_.outbox, (TO_SENDER, 1, TO_SENDER, TO_SENDER_FORGET), strict=True)
        )

        owner.commit_round(replace(round_, outbox=rows))

        assert owner.store.read_outbox(ReadOutbox(partition=0, after_ordinal=0, rows_max=10)) == rows

    def test_rows_are_delivered_as_one_entry_for_each_target(self) -> None:
        world = self.open()
        source, target = Owner(world), Owner(world, "shard-b", partition=1)
        rows = tuple(
            OutboxRow(ordinal=number, lineage="l", intent=b"t%d" % number, target=to)
            for number, to in ((4, 1), (5, 0), (6, 1))
        )

        source.store.deliver(Deliver(source=0, rows=rows))

        assert [entry.body for entry in target.read()] == [transfer_entry([(0, "l", 4, b"t4"), (0, "l", 6, b"t6")])]
        assert [entry.body for entry in source.read()] == [transfer_entry([(0, "l", 5, b"t5")])]
        assert [head.lag_events for head in world.run(world.log.heads([0, 1]))] == [0, 0]

    def test_what_was_received_is_told_to_the_next_owner(self) -> None:
        world = self.open()
        world.fill(2)
        owner = Owner(world)
        first = ReceivedRow(source=1, lineage="a", ordinal=7, heard_seq=1)
        other = ReceivedRow(source=2, lineage="b", ordinal=1, heard_seq=1)
        owner.commit(1, received=[first, other])

        later = ReceivedRow(source=1, lineage="a", ordinal=9, heard_seq=2)
        owner.commit(2, received=[later, ReceivedRow(source=2, lineage="b", ordinal=0, heard_seq=1)])

        assert Owner(world, "shard-b").claimed.received == (later,)
