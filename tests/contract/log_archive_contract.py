"""What every archive does that the archivist writes to."""

from __future__ import annotations

from abc import ABC, abstractmethod
from itertools import pairwise

import pytest

from sendwhen.errors import Precondition
from services.trigger.archive_ports import LogArchive, Mark
from services.trigger.ports import RawEntry
from tests.archive.logs import a_log
from tests.archive.logs import entry as logged
from tests.builders import HOUR_MS


def raw(count: int, *, first: int = 1, nonce: int = 0) -> list[RawEntry]:
    entries = a_log(count, first=first, step_ms=HOUR_MS // 2)
    return [
        RawEntry(
            seq=one.seq,
            at_ms=one.at_ms,
            appended_at_us=one.appended_at_us,
            nonce=one.nonce if not nonce else logged(one.seq, b"", nonce=nonce + one.seq).nonce,
            body=one.body,
        )
        for one in entries
    ]


class LogArchiveContract(ABC):
    """Subclass once for each."""

    @abstractmethod
    def archive(self) -> LogArchive:
        """An empty one."""

    async def test_ranges_are_marked_by_their_bounds_and_the_last_nonce(self) -> None:
        archive, entries = self.archive(), raw(8)

        await archive.append(1, entries[:5], gap=False)
        await archive.append(1, entries[5:], gap=False)

        marks = await archive.marks(1)
        assert (marks[0].first_seq, marks[-1].last_seq) == (1, 8)
        assert marks[-1] == Mark(first_seq=marks[-1].first_seq, last_seq=8, nonce=entries[-1].nonce)
        assert await archive.marks(2) == []

    async def test_the_same_again_changes_nothing(self) -> None:
        archive, entries = self.archive(), raw(8)
        await archive.append(1, entries[:5], gap=False)
        before = await archive.marks(1)

        await archive.append(1, entries[:5], gap=False)
        assert await archive.marks(1) == before
        await archive.append(1, entries, gap=False)

        marks = await archive.marks(1)
        assert (marks[0].first_seq, marks[-1].last_seq) == (1, 8)

    async def test_a_gap_must_be_meant(self) -> None:
        archive = self.archive()
        await archive.append(1, raw(3), gap=False)

        with pytest.raises(Precondition):
            await archive.append(1, raw(3, first=6), gap=False)
        await archive.append(1, raw(3, first=6), gap=True)

        assert (await archive.marks(1))[-1].last_seq == 8

    async def test_what_is_superseded_makes_room(self) -> None:
        archive = self.archive()
        await archive.append(1, raw(4), gap=False)
        await archive.append(1, raw(4, first=5), gap=False)

        assert await archive.supersede(1, 7) >= 1
        left = [mark.last_seq for mark in await archive.marks(1)]
        assert left
        assert left[-1] < 7
        other = raw(6, first=left[-1] + 1, nonce=900)
        await archive.append(1, other, gap=False)

        assert (await archive.marks(1))[-1].nonce == other[-1].nonce

    async def test_tidying_changes_no_bounds(self) -> None:
        archive = self.archive()
        for start in range(0, 60, 5):
            await archive.append(1, raw(60)[start : start + 5], gap=False)

        await archive.tidy(1, "2999-01-01")

        marks = await archive.marks(1)
        assert (marks[0].first_seq, marks[-1].last_seq) == (1, 60)
        assert all(one.last_seq + 1 == other.first_seq for one, other in pairwise(marks))
