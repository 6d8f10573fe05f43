"""What every implementation of the log, its reader and its owner's fence does."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import pytest

from sendwhen.v1 import log_pb2
from services.trigger.log_port import Append, Appended, Lagging
from services.trigger.ports import AppendTick, Claim, Claimed, MarkTrying, Read, Refusal, StoreLost, Why
from tests.contract.store_world import Owner, World, customer

DAY_MS = 86_400_000


class OpensWorlds(ABC):
    @abstractmethod
    def open(self, **options: Any) -> World:
        """A fresh world; options: events_clock, lag_max_events, trim_keep_bytes."""


class LogContract(OpensWorlds):
    def test_sequences_are_dense_in_each_partition_and_entries_read_as_written(self) -> None:
        world = self.open()
        answers = [world.append(1, body=bytes([n]), events=n) for n in range(3)]
        world.append(2)

        owner = Owner(world, partition=1)
        entries = owner.read()

        assert [answer.seq for answer in answers if isinstance(answer, Appended)] == [1, 2, 3]
        assert [(entry.seq, entry.body) for entry in entries] == [(1, b"\0"), (2, b"\1"), (3, b"\2")]
        assert len({entry.nonce for entry in entries}) == 3
        assert {len(entry.nonce) for entry in entries} == {8}
        assert all(abs(entry.appended_at_us // 1_000 - world.now_ms()) < 60_000 for entry in entries)

    def test_one_call_appends_to_several_partitions_and_answers_in_their_order(self) -> None:
        world = self.open()
        world.append(2)
        now = world.now_ms()

        answers = world.run(world.log.append([Append(partition=p, body=b"b", events=1, at_ms=now) for p in (2, 0, 1)]))

        assert [(answer.partition, getattr(answer, "seq", None)) for answer in answers] == [(2, 2), (0, 1), (1, 1)]

    def test_appends_of_one_call_must_be_to_distinct_partitions(self) -> None:
        world = self.open()
        twice = [Append(partition=0, body=b"b", events=1, at_ms=1)] * 2

        with pytest.raises(ValueError, match="distinct"):
            world.run(world.log.append(twice))

    def test_a_front_whose_clock_is_in_the_future_is_bounded_by_the_stores_clock(self) -> None:
        world = self.open()

        answer = world.append(at_ms=world.now_ms() + DAY_MS)

        assert isinstance(answer, Appended)
        assert answer.at_ms <= world.now_ms() + 1_000

    def test_log_time_never_goes_back(self) -> None:
        world = self.open()
        now = world.now_ms() - 10

        times = [world.append(at_ms=at) for at in (now, now - DAY_MS, now + 1)]

        assert [answer.at_ms for answer in times if isinstance(answer, Appended)] == [now, now, now + 1]

    def test_on_the_events_own_time_no_clock_bounds_it_but_it_never_goes_back(self) -> None:
        world = self.open(events_clock=True)
        future = world.now_ms() + 10 * DAY_MS

        times = [world.append(at_ms=at) for at in (5, future, 7)]

        assert [answer.at_ms for answer in times if isinstance(answer, Appended)] == [5, future, future]

    def test_a_partition_too_far_behind_is_refused_by_name_while_others_go_on(self) -> None:
        world = self.open(lag_max_events=10)
        world.append(0, events=12)

        answers = world.run(
            world.log.append([Append(partition=p, body=b"b", events=3, at_ms=world.now_ms()) for p in (0, 1)])
        )

        assert answers[0] == Lagging(partition=0, lag_events=12)
        assert isinstance(answers[1], Appended)
        assert isinstance(world.append(0, events=0), Appended), "what holds no events is never refused for lag"

    def test_lag_counts_events_appended_and_not_yet_committed(self) -> None:
        world = self.open()
        for events in (5, 7, 9):
            world.append(events=events)
        owner = Owner(world)

        owner.commit(2)

        (head,) = world.run(world.log.heads([0]))
        assert (head.head_seq, head.position, head.lag_events) == (3, 2, 9)
        owner.commit(3)
        (head,) = world.run(world.log.heads([0]))
        assert (head.lag_events, head.owner, head.epoch, head.generation) == (0, "shard-a", 1, 1)

    def test_a_read_is_capped_for_each_partition_and_leaves_out_those_with_nothing(self) -> None:
        world = self.open()
        world.fill(5, 0)
        world.fill(2, 1)
        store = world.connect()
        store.claim(Claim(partitions=(0, 1, 2), owner="a", generation=1))

        answer = store.read(Read(after={0: 1, 1: 0, 2: 0}, entries_max=3, block_ms=0))

        assert {p: [entry.seq for entry in entries] for p, entries in answer.entries.items()} == {
            0: [2, 3, 4],
            1: [1, 2],
        }

    def test_a_read_with_nothing_there_answers_with_nothing_and_the_time(self) -> None:
        world = self.open()
        owner = Owner(world)

        answer = owner.store.read(Read(after={0: 0}, entries_max=3, block_ms=1))

        assert answer.entries == {}
        assert abs(answer.now_ms - world.now_ms()) < 2_000
        assert abs(answer.now_us // 1_000 - world.now_ms()) < 2_000

    def test_on_the_events_own_time_the_reader_tells_no_time(self) -> None:
        world = self.open(events_clock=True)

        assert Owner(world).store.read(Read(after={0: 0}, entries_max=3, block_ms=0)).now_ms == 0

    # --- owners ---

    def test_a_first_claim_starts_from_nothing(self) -> None:
        world = self.open()

        claimed = Owner(world).claimed

        assert claimed == Claimed(
            epoch=1,
            position=0,
            position_nonce=b"",
            clock_ms=0,
            campaigns=(),
            next_ordinal=1,
            lineage=claimed.lineage,
            claims_without_progress=1,
        )
        assert claimed.lineage

    def test_each_claim_raises_the_epoch_and_makes_another_lineage(self) -> None:
        world = self.open()

        first, second = Owner(world).claimed, Owner(world, "shard-b").claimed

        assert second.epoch == first.epoch + 1
        assert second.lineage != first.lineage

    def test_claims_are_counted_until_a_commit_moves_the_position(self) -> None:
        world = self.open()
        world.fill(1)
        owner = Owner(world)

        assert owner.claim().claims_without_progress == 2
        owner.commit(1)
        assert owner.claim().claims_without_progress == 1

    def test_a_claim_of_an_older_generation_is_refused(self) -> None:
        world = self.open()
        late = Owner(world, "late", generation=1)
        Owner(world, "new", generation=2)

        assert late.try_claim() == Refusal(why=Why.FENCED)

    def test_partitions_are_claimed_each_by_itself(self) -> None:
        world = self.open()
        Owner(world, "new", generation=2, partition=1)
        store = world.connect()

        answers = store.claim(Claim(partitions=(0, 1), owner="a", generation=1))

        assert isinstance(answers[0], Claimed)
        assert answers[1] == Refusal(why=Why.FENCED)

    def test_a_tick_follows_the_entry_it_names(self) -> None:
        world = self.open()
        world.fill(2)
        owner = Owner(world)

        assert owner.store.append_tick(AppendTick(partition=0, epoch=1, owner="shard-a", after_seq=2)) is True

        last = owner.read()[-1]
        assert last.seq == 3
        assert log_pb2.LogEntry.FromString(last.body).WhichOneof("body") == "tick"
        assert last.at_ms <= world.now_ms()
        assert world.run(world.log.heads([0]))[0].lag_events == 2

    def test_a_tick_is_refused_where_the_log_went_on_or_another_owns_it(self) -> None:
        world = self.open()
        world.fill(2)
        old = Owner(world, "old")
        new = Owner(world, "new")

        refused = [
            old.store.append_tick(AppendTick(partition=0, epoch=1, owner="old", after_seq=2)),
            new.store.append_tick(AppendTick(partition=0, epoch=2, owner="new", after_seq=1)),
        ]

        assert refused == [Refusal(why=Why.FENCED), Refusal(why=Why.MOVED)]
        assert world.run(world.log.heads([0]))[0].head_seq == 2

    def test_a_tick_on_the_events_own_time_leaves_the_time_as_it_is(self) -> None:
        world = self.open(events_clock=True)
        world.append(at_ms=77)
        owner = Owner(world)

        owner.store.append_tick(AppendTick(partition=0, epoch=1, owner="shard-a", after_seq=1))

        assert owner.read()[-1].at_ms == 77

    def test_attempts_at_one_entry_are_counted_and_another_entry_starts_anew(self) -> None:
        world = self.open()
        owner = Owner(world)

        def attempt(seq: int, name: str = "shard-a") -> int | Refusal:
            return owner.store.mark_trying(MarkTrying(partition=0, epoch=owner.claimed.epoch, owner=name, seq=seq))

        assert [attempt(4), attempt(4), attempt(5)] == [1, 2, 1]
        owner.claim()
        assert attempt(5) == 2, "counts outlive the owner"
        assert attempt(5, "other") == Refusal(why=Why.FENCED)

    def test_a_broken_connection_shows_once_and_nothing_works_until_a_claim(self) -> None:
        world = self.open()
        world.fill(1)
        owner = Owner(world)

        world.break_connections()

        for _ in range(2):
            with pytest.raises(StoreLost):
                owner.read()
        owner.claim()
        assert len(owner.read()) == 1

    def test_partitions_that_were_not_claimed_on_this_connection_count_as_lost(self) -> None:
        world = self.open()
        owner = Owner(world)

        with pytest.raises(StoreLost):
            owner.store.read(Read(after={1: 0}, entries_max=1, block_ms=0))

    # --- trimming ---

    def test_what_lies_behind_the_position_by_over_an_hour_is_trimmed_the_position_itself_stays(self) -> None:
        world = self.open(events_clock=True)
        hour = 3_600_000
        for at in (0, 10, 15, hour + 15, hour + 16, 3 * hour):
            world.append(at_ms=at)
        owner = Owner(world)
        owner.commit(4, clock_ms=hour + 15)

        assert world.run(world.log.trim(0)) == 2

        assert [entry.seq for entry in owner.read(after=0)] == [3, 4, 5, 6]
        assert world.run(world.log.trim(0)) == 0
        owner.commit(6, clock_ms=3 * hour)
        assert world.run(world.log.trim(0)) == 3
        assert [entry.seq for entry in owner.read(after=0)] == [6]
        assert owner.commit(6, customers=[customer("u")]) is None, "the entry at the position can still be checked"

    def test_nothing_is_trimmed_that_is_not_committed(self) -> None:
        world = self.open(events_clock=True)
        for at in (1, DAY_MS, 2 * DAY_MS):
            world.append(at_ms=at)

        assert world.run(world.log.trim(0)) == 0
        Owner(world).commit(1)
        assert world.run(world.log.trim(0)) == 0

    def test_the_hour_that_is_kept_is_bounded_in_bytes(self) -> None:
        entry_bytes = 20_000 + 128  # what an entry costs beside its body is a flat rate
        world = self.open(trim_keep_bytes=3 * 2 * entry_bytes)
        for _ in range(10):
            world.append(body=bytes(20_000))
        owner = Owner(world)
        owner.commit(9)

        assert world.run(world.log.trim(0)) == 6

        assert [entry.seq for entry in owner.read(after=0)] == [7, 8, 9, 10]

    def test_what_is_not_archived_is_not_trimmed_and_the_last_archived_entry_stays(self) -> None:
        world = self.open(events_clock=True)
        for at in range(6):
            world.append(at_ms=at * DAY_MS)
        Owner(world).commit(6, clock_ms=5 * DAY_MS)

        assert world.run(world.log.trim(0, 0)) == 0
        assert world.run(world.log.trim(0, 3)) == 2

        assert [entry.seq for entry in world.run(world.tail().entries(0, 0, 6, 10))] == [3, 4, 5, 6]
        assert world.run(world.log.trim(0, 6)) == 3

    # --- the archivist's view ---

    def test_entries_are_read_behind_a_sequence_up_to_another(self) -> None:
        world = self.open()
        for number in range(6):
            world.append(body=bytes([number]), events=1)
        read = Owner(world).read()

        entries = world.run(world.tail().entries(0, 1, 5, 3))

        assert entries == list(read[1:4])
        assert [entry.seq for entry in world.run(world.tail().entries(0, 4, 5, 3))] == [5]

    def test_standing_tells_what_is_committed_behind_a_sequence(self) -> None:
        world = self.open()
        nothing = world.run(world.tail().standing(0, 0))
        assert (nothing.head_seq, nothing.position, nothing.first_seq, nothing.nonce) == (0, 0, 0, None)
        assert (nothing.next_appended_at_us, nothing.bytes) == (0, 0)
        for _ in range(5):
            world.append(body=bytes(100))
        owner = Owner(world)
        owner.commit(4)
        entries = owner.read(after=0)

        standing = world.run(world.tail().standing(0, 2))

        assert (standing.head_seq, standing.position, standing.first_seq) == (5, 4, 1)
        assert standing.nonce == entries[1].nonce
        assert standing.next_appended_at_us == entries[2].appended_at_us
        assert standing.bytes == 228
        behind = world.run(world.tail().standing(0, 4))
        assert (behind.next_appended_at_us, behind.bytes, behind.nonce) == (0, 0, entries[3].nonce)
        assert world.run(world.tail().standing(0, 9)).nonce is None
