"""What every implementation of the commit and of what it writes does."""

from __future__ import annotations

from msgspec.structs import replace

from sendwhen.domain.changes import Counters
from sendwhen.domain.record import read_record, recent_events
from sendwhen.v1 import log_pb2
from services.trigger.ports import (
    AppendTick,
    Claim,
    Claimed,
    Commit,
    DeleteOutbox,
    Due,
    DueAnswer,
    Load,
    OutboxRow,
    ReadOutbox,
    Refusal,
    Why,
)
from tests.builders import T0_MS, Story, an_event, uid_of
from tests.contract.log_contract import OpensWorlds
from tests.contract.store_world import Owner, World, campaign_row, customer, dead_letter


class CommitContract(OpensWorlds):
    def test_a_commit_moves_the_position_and_the_next_owner_starts_there(self) -> None:
        world = self.open()
        world.fill(3)
        owner = Owner(world)
        nonce = owner.read()[1].nonce

        assert owner.commit(2, clock_ms=1234, sends=[b"s1", b"s2"], campaigns=[campaign_row("c", "v1")]) is None

        claimed = Owner(world, "shard-b").claimed
        assert claimed == Claimed(
            epoch=2,
            position=2,
            position_nonce=nonce,
            clock_ms=1234,
            campaigns=(campaign_row("c", "v1"),),
            next_ordinal=3,
            lineage=claimed.lineage,
            claims_without_progress=1,
        )

    def test_a_commit_of_a_loser_is_fenced_and_writes_nothing(self) -> None:
        world = self.open()
        world.fill(2)
        old = Owner(world, "old")
        Owner(world, "new")

        refusal = old.commit(1, customers=[customer("u", b"stale")], sends=[b"s"])

        assert refusal == Refusal(why=Why.FENCED)
        assert world.run(world.log.record(0, "u")) is None
        head = world.run(world.log.heads([0]))[0]
        assert (head.position, head.outbox, head.applied) == (0, 0, 0)

    def test_the_right_epoch_under_another_name_is_fenced(self) -> None:
        world = self.open()
        world.fill(1)
        owner = Owner(world)
        owner.name = "impostor"

        assert owner.commit(1) == Refusal(why=Why.FENCED)

    def test_a_commit_from_another_position_than_the_stored_one_is_refused(self) -> None:
        world = self.open()
        world.fill(3)
        owner = Owner(world)
        round_ = owner.round(1)
        owner.commit_round(round_)

        assert owner.commit_round(round_) == Refusal(why=Why.MOVED)

    def test_a_commit_whose_last_entry_is_gone_or_another_is_refused(self) -> None:
        world = self.open()
        world.fill(3)
        owner = Owner(world)

        for to in (2, 3):
            assert owner.commit(to, nonce=b"12345678", customers=[customer("u")]) == Refusal(why=Why.LOST)
        assert owner.commit(4, nonce=b"12345678") == Refusal(why=Why.LOST)
        assert world.run(world.log.record(0, "u")) is None
        assert owner.commit(3) is None

    def test_a_commit_whose_entry_ahead_is_gone_or_another_is_refused(self) -> None:
        world = self.open()
        world.fill(3)
        owner = Owner(world)
        nonce = owner.read(after=2, entries_max=1)[0].nonce
        round_ = owner.round(1, customers=[customer("u")])

        for ahead_seq, ahead_nonce in ((3, b"12345678"), (2, nonce), (4, nonce)):
            ahead = replace(round_, ahead_seq=ahead_seq, ahead_nonce=ahead_nonce)
            assert owner.commit_round(ahead) == Refusal(why=Why.LOST)
        assert owner.commit_round(replace(round_, ahead_seq=3, ahead_nonce=nonce)) is None

    def test_rounds_of_several_partitions_stand_each_by_itself(self) -> None:
        world = self.open()
        for partition in range(3):
            world.fill(1, partition)
        rounds = [Owner(world, partition=partition).round(1) for partition in range(3)]
        store = world.connect()
        store.claim(Claim(partitions=(0, 1, 2), owner="shard-a", generation=1))
        rounds[1] = replace(rounds[1], epoch=2)
        rounds[2] = replace(rounds[2], epoch=2, from_position=1)

        answers = store.commit(Commit(rounds=tuple(rounds)))

        assert answers == {0: Refusal(why=Why.FENCED), 1: None, 2: Refusal(why=Why.MOVED)}

    def test_records_and_seen_ids_are_loaded_as_committed_and_missing_ones_are_none(self) -> None:
        world = self.open()
        world.fill(3)
        owner = Owner(world)
        owner.commit(1, customers=[customer("u1", b"a1", seen_append=b"1" * 16), customer("u2", b"b1")])
        owner.commit(2, customers=[customer("u1", b"a2", seen_append=b"2" * 16), customer("u3", seen_append=b"3" * 16)])

        assert self.loaded(owner, "u1", "u2", "nobody") == ((b"a2", b"1" * 16 + b"2" * 16), (b"b1", b""), (None, b""))
        owner.commit(3, customers=[customer("u1", b"a3", seen_replace=b"9" * 16), customer("u3", seen_replace=b"")])
        assert self.loaded(owner, "u3", "u1") == ((b"r", b""), (b"a3", b"9" * 16))
        assert world.run(world.log.record(0, "u1")) == b"a3"

    def test_a_record_is_read_with_the_older_events_that_lie_beside_it(self) -> None:
        world = self.open()
        world.fill(6)
        owner = Owner(world)
        story = Story()
        for number in range(1, 7):
            for n in range(4):
                story.happens(an_event(f"event {number * 4 - 3 + n}", "ada", at_ms=T0_MS + number))
            owner.commit(number, customers=story.shard.collect().customers)

        record = world.run(world.log.record(0, uid_of("ada")))

        assert [one.name for one in recent_events(read_record(record))] == [f"event {n}" for n in range(5, 25)]
        ((stored, _),) = self.loaded(owner, uid_of("ada"))
        assert stored is not None
        assert len(recent_events(read_record(stored))) == 4

    def test_a_commit_of_a_few_thousand_customers_is_written_whole(self) -> None:
        world = self.open()
        world.fill(1)
        owner = Owner(world)
        many = [customer(f"u{n}", b"r%d" % n, seen_append=b"x" * 16, due_at_ms=n) for n in range(4_500)]

        assert owner.commit(1, customers=many, sends=[b"s%d" % n for n in range(3_000)]) is None

        assert self.loaded(owner, "u0", "u2222", "u4499") == tuple((b"r%d" % n, b"x" * 16) for n in (0, 2222, 4499))
        assert len(self.due(owner, 10_000, 10_000).customers) == 4_500
        assert world.run(world.log.heads([0]))[0].outbox == 3_000

    # --- deadlines ---

    def test_deadlines_come_earliest_first_up_to_the_instant_inclusive(self) -> None:
        world = self.open()
        owner = self.with_deadlines(world, c=30, a=10, b=20)

        assert self.due(owner, 20, 10) == DueAnswer(customers=((10, "a"), (20, "b")), complete_to_ms=20)

    def test_a_cut_answer_says_up_to_where_it_is_complete(self) -> None:
        world = self.open()
        owner = self.with_deadlines(world, a=10, b=20, c=20, d=30)

        assert self.due(owner, 100, 2) == DueAnswer(customers=((10, "a"),), complete_to_ms=19)
        assert self.due(owner, 100, 3) == DueAnswer(customers=((10, "a"), (20, "b"), (20, "c")), complete_to_ms=29)

    def test_one_millisecond_is_never_cut(self) -> None:
        world = self.open()
        owner = self.with_deadlines(world, a=10, b=10, c=10, d=30)

        assert self.due(owner, 100, 1) == DueAnswer(customers=((10, "a"), (10, "b"), (10, "c")), complete_to_ms=10)

    def test_a_deadline_moves_and_goes_with_its_customer(self) -> None:
        world = self.open()
        world.fill(1)
        owner = self.with_deadlines(world, a=10, b=20)

        owner.commit(2, customers=[customer("a", due_at_ms=1_700_000_000_123), customer("b", due_at_ms=None)])

        assert self.due(owner, 2_000_000_000_000, 9).customers == ((1_700_000_000_123, "a"),)

    # --- outbox ---

    def test_outbox_rows_are_read_behind_an_ordinal_and_deleted_up_to_one(self) -> None:
        world = self.open()
        world.fill(2)
        owner = Owner(world)
        owner.commit(1, sends=[b"s1", b"s2"])
        owner.commit(2, sends=[b"s3"])
        lineage = owner.claimed.lineage

        rows = owner.store.read_outbox(ReadOutbox(partition=0, after_ordinal=1, rows_max=9))

        assert rows == tuple(OutboxRow(ordinal=n, lineage=lineage, intent=b"s%d" % n) for n in (2, 3))
        assert len(owner.store.read_outbox(ReadOutbox(partition=0, after_ordinal=0, rows_max=2))) == 2
        owner.store.delete_outbox(DeleteOutbox(partition=0, up_to_ordinal=2, lineage=lineage))
        owner.store.delete_outbox(DeleteOutbox(partition=0, up_to_ordinal=1, lineage=lineage))
        assert owner.store.read_outbox(ReadOutbox(partition=0, after_ordinal=0, rows_max=9)) == rows[1:]
        assert world.run(world.log.heads([0]))[0].outbox == 1

    def test_ordinals_go_on_from_owner_to_owner_each_under_its_lineage(self) -> None:
        world = self.open()
        world.fill(2)
        first = Owner(world)
        first.commit(1, sends=[b"s1"])
        first.store.delete_outbox(DeleteOutbox(partition=0, up_to_ordinal=1))
        second = Owner(world, "shard-b")

        second.commit(2, sends=[b"s2"])

        rows = second.store.read_outbox(ReadOutbox(partition=0, after_ordinal=0, rows_max=9))
        assert rows == (OutboxRow(ordinal=2, lineage=second.claimed.lineage, intent=b"s2"),)
        assert second.claimed.lineage != first.claimed.lineage

    def test_rows_of_another_lineage_under_a_used_ordinal_are_not_deleted(self) -> None:
        world = self.open()
        world.fill(1)
        owner = Owner(world)
        owner.commit(1, sends=[b"s1"])

        owner.store.delete_outbox(DeleteOutbox(partition=0, up_to_ordinal=1, lineage="of a lost tail"))
        owner.store.delete_outbox(DeleteOutbox(partition=0, up_to_ordinal=5, lineage=owner.claimed.lineage))

        assert len(owner.store.read_outbox(ReadOutbox(partition=0, after_ordinal=0, rows_max=9))) == 1

    def test_a_row_that_sender_refuses_leaves_the_outbox_and_a_dead_letter_in_one_step(self) -> None:
        world = self.open()
        world.fill(1)
        owner = Owner(world)
        owner.commit(1, sends=[b"s1", b"s2"])
        letter = dead_letter(1, -1)
        request = DeleteOutbox(partition=0, up_to_ordinal=1, lineage=owner.claimed.lineage, letter=letter)

        owner.store.delete_outbox(request)
        owner.store.delete_outbox(request)

        assert [
            row.ordinal for row in owner.store.read_outbox(ReadOutbox(partition=0, after_ordinal=0, rows_max=9))
        ] == [2]
        assert world.run(world.log.dead_letters(0, 10)) == [letter]
        assert world.run(world.log.heads([0]))[0].dead_letters == 1

    # --- what else a commit writes ---

    def test_dead_letters_are_kept_latest_first_and_counted(self) -> None:
        world = self.open()
        world.fill(2)
        owner = Owner(world)
        letters = [dead_letter(1, 0), dead_letter(1, 3), dead_letter(2, -1)]
        owner.commit(1, dead_letters=letters[:2])
        owner.commit(2, dead_letters=letters[2:])

        assert world.run(world.log.dead_letters(0, 10)) == letters[::-1]
        assert world.run(world.log.dead_letters(0, 1)) == letters[2:]
        head = world.run(world.log.heads([0]))[0]
        assert (head.dead_letters, head.head_seq) == (3, 2)

    def test_a_flood_of_one_customer_pushes_out_no_other_dead_letter(self) -> None:
        """Kills the mutant that keeps all of them in one place."""
        world = self.open()
        world.fill(3)
        owner = Owner(world)
        other = dead_letter(1, 0)
        owner.commit(1, dead_letters=[other])
        flood = [dead_letter(2, index, reason="too_many") for index in range(5_500)]
        owner.commit(2, dead_letters=flood)
        owner.commit(3, dead_letters=[replace(letter, seq=3) for letter in flood])

        kept = world.run(world.log.dead_letters(0, 20_000))

        assert kept[-1] == other
        assert (kept[0].seq, kept[0].index) == (3, 5_499)
        assert 1_000 <= len(kept) - 1 <= 1_200
        assert world.run(world.log.heads([0]))[0].dead_letters == 11_001

    def test_a_logged_dead_letter_puts_a_skip_entry_behind_the_log_in_the_same_step(self) -> None:
        world = self.open()
        world.fill(3)
        owner = Owner(world)

        owner.commit(
            2, dead_letters=[dead_letter(1, 4, logged=True), dead_letter(1, 5), dead_letter(2, -1, logged=True)]
        )

        entries = owner.read(after=3)
        skips = [log_pb2.LogEntry.FromString(entry.body).skip for entry in entries]
        assert [(entry.seq, skip.seq, skip.index, skip.reason) for entry, skip in zip(entries, skips, strict=True)] == [
            (4, 1, 4, "failed"),
            (5, 2, -1, "failed"),
        ]
        assert len({entry.nonce for entry in entries}) == 2
        assert owner.read(after=2)[0].at_ms <= entries[0].at_ms <= entries[1].at_ms <= world.now_ms()
        assert world.run(world.log.heads([0]))[0].lag_events == 1
        assert owner.store.append_tick(AppendTick(partition=0, epoch=1, owner="shard-a", after_seq=5)) is True
        assert owner.commit(5) is None

    def test_campaign_rows_are_kept_by_version_until_they_are_forgotten(self) -> None:
        world = self.open()
        world.fill(2)
        owner = Owner(world)
        rows = [campaign_row("c", "v1"), campaign_row("c", "v2"), campaign_row("d", "v1", current=False)]
        owner.commit(1, campaigns=rows)

        owner.commit(2, campaigns=[campaign_row("c", "v1", b""), campaign_row("d", "v1", b"other")])

        kept = {(row.campaign_id, row.version): row for row in world.run(world.log.campaigns(0))}
        assert kept == {("c", "v2"): rows[1], ("d", "v1"): campaign_row("d", "v1", b"other")}
        assert {(row.campaign_id, row.version): row for row in owner.claim().campaigns} == kept

    def test_counters_add_up(self) -> None:
        world = self.open()
        world.fill(2)
        owner = Owner(world)
        owner.commit(1, counters=Counters(applied=5, duplicates=2))
        owner.commit(2, counters=Counters(applied=1, duplicates=1))

        head = world.run(world.log.heads([0]))[0]
        assert (head.applied, head.duplicates) == (6, 3)

    def test_every_commit_leaves_a_numbered_row_in_the_change_stream(self) -> None:
        world = self.open()
        world.fill(3)
        owner = Owner(world)
        owner.commit(1, customers=[customer("u2"), customer("u1")])
        owner.commit(2)
        second = Owner(world, "shard-b")
        second.commit(3, customers=[customer("u3")])

        assert world.change_rows(0) == [
            (1, 1, "shard-a", 1, ("u2", "u1")),
            (2, 1, "shard-a", 2, ()),
            (3, 2, "shard-b", 3, ("u3",)),
        ]

    # --- words ---

    def loaded(self, owner: Owner, *uids: str) -> tuple[tuple[bytes | None, bytes], ...]:
        return owner.store.load(Load(uids={0: uids}))[0]

    def due(self, owner: Owner, up_to_ms: int, customers_max: int) -> DueAnswer:
        return owner.store.due(Due(up_to_ms={0: up_to_ms}, customers_max=customers_max))[0]

    def with_deadlines(self, world: World, **deadlines: int) -> Owner:
        world.fill(1)
        owner = Owner(world)
        owner.commit(1, customers=[customer(uid, due_at_ms=due) for uid, due in deadlines.items()])
        return owner
