"""What profile relies on of its store. Subclass once for each implementation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import pytest
import uvloop

from services.profile.ports import Change, Changes, ChangesLost, Head, Records


class Store(Protocol):
    """One implementation, and what a shard does to it."""

    @property
    def records(self) -> Records: ...

    @property
    def changes(self) -> Changes: ...

    async def commit(
        self, partition: int, records: Mapping[str, bytes], *, position: int, change_lost: bool = False
    ) -> None: ...

    async def break_connections(self) -> None: ...


async def read_some(changes: Changes, after: Mapping[int, int]) -> Sequence[Change]:
    """A read may answer none; a change that is there comes within a few of them."""
    for _ in range(5):
        found = await changes.read(after)
        if found:
            return found
    raise AssertionError("No change came.")


class ProfileStoreContract(ABC):
    """Four partitions, nothing in them."""

    @abstractmethod
    def store(self) -> AbstractAsyncContextManager[Store]: ...

    def test_records_come_back_as_committed_in_the_order_asked_and_none_where_there_is_none(self) -> None:
        async def act() -> None:
            async with self.store() as store:
                await store.commit(0, {"a": b"A", "b": b"B"}, position=1)
                await store.commit(2, {"c": bytes(range(256))}, position=1)

                found = await store.records.load({2: ["a", "c"], 0: ["b", "a"]})

                assert {partition: list(records) for partition, records in found.items()} == {
                    2: [None, bytes(range(256))],
                    0: [b"B", b"A"],
                }

        uvloop.run(act())

    def test_a_head_says_where_its_partition_stands(self) -> None:
        async def act() -> None:
            async with self.store() as store:
                before = await store.records.head(1)
                await store.commit(1, {"a": b"A"}, position=7)

                assert before == Head(changes=0, position=0, position_ms=0)
                assert await store.records.head(1) == Head(changes=1, position=7, position_ms=7_000)
                assert (await store.records.head(2)).position == 0

        uvloop.run(act())

    def test_changes_are_dense_and_name_who_changed(self) -> None:
        async def act() -> None:
            async with self.store() as store:
                await store.commit(0, {"old": b"x"}, position=1)
                heads = await store.changes.connect()
                await store.commit(0, {"a": b"A", "b": b"B"}, position=2)
                await store.commit(0, {}, position=3)

                after = {partition: head.changes for partition, head in heads.items()}
                seen: list[Change] = []
                while len(seen) < 2:
                    seen += await read_some(store.changes, after)
                    after[0] = seen[-1].number

                assert heads[0] == Head(changes=1, position=1, position_ms=1_000)
                assert seen == [
                    Change(partition=0, number=2, position=2, uids=("a", "b")),
                    Change(partition=0, number=3, position=3, uids=()),
                ]

        uvloop.run(act())

    def test_a_change_that_was_trimmed_shows_as_a_gap(self) -> None:
        async def act() -> None:
            async with self.store() as store:
                await store.changes.connect()
                await store.commit(3, {"a": b"A"}, position=1, change_lost=True)
                await store.commit(3, {"b": b"B"}, position=2)

                [seen] = await read_some(store.changes, {0: 0, 1: 0, 2: 0, 3: 0})

                assert seen.number == 2

        uvloop.run(act())

    def test_a_broken_connection_is_never_mended_silently(self) -> None:
        async def act() -> None:
            async with self.store() as store:
                await store.changes.connect()
                await store.break_connections()

                with pytest.raises(ChangesLost):
                    await store.changes.read({0: 0, 1: 0, 2: 0, 3: 0})
                with pytest.raises(ChangesLost):
                    await store.changes.read({0: 0, 1: 0, 2: 0, 3: 0})

                await store.commit(0, {"a": b"A"}, position=1)
                assert (await store.changes.connect())[0].changes == 1

        uvloop.run(act())
