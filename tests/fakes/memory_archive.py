"""What archiving needs, in memory: an archive that can be away, and a lease that can be another's."""

from __future__ import annotations

from collections.abc import Sequence

from sendwhen.errors import Precondition, Unavailable
from services.trigger.archive_ports import Mark, Tidied
from services.trigger.ports import RawEntry


class MemoryArchive:
    """Ranges of entries.

    ``is_away``: every request fails; ``loses_answers``: an append is done and fails; ``refused``: a partition.
    """

    def __init__(self) -> None:
        self.ranges: dict[int, list[list[RawEntry]]] = {}
        self.tidied: list[tuple[int, str]] = []
        self.is_away = False
        self.loses_answers = False
        self.refused = -1

    async def marks(self, partition: int) -> Sequence[Mark]:
        self._check()
        return [
            Mark(first_seq=one[0].seq, last_seq=one[-1].seq, nonce=one[-1].nonce)
            for one in self.ranges.get(partition, ())
        ]

    async def append(self, partition: int, entries: Sequence[RawEntry], *, gap: bool) -> None:
        self._check()
        if partition == self.refused:
            raise Precondition("This partition is not taken.")
        ranges = self.ranges.setdefault(partition, [])
        last = ranges[-1][-1].seq if ranges else None
        fresh = [entry for entry in entries if last is None or entry.seq > last]
        if fresh and last is not None and not gap and fresh[0].seq != last + 1:
            raise Precondition("They do not follow.")
        if fresh:
            ranges.append(fresh)
        if self.loses_answers:
            raise Unavailable("The archive does not answer.")

    async def supersede(self, partition: int, from_seq: int) -> int:
        self._check()
        ranges = self.ranges.get(partition, [])
        kept = [one for one in ranges if one[-1].seq < from_seq]
        self.ranges[partition] = kept
        return len(ranges) - len(kept)

    async def tidy(self, partition: int, before_day: str) -> Tidied:
        self._check()
        if partition == self.refused:
            raise Precondition("A file of this partition is damaged.")
        self.tidied.append((partition, before_day))
        return Tidied(files_before=2, files_after=1, rows_removed=0)

    def _check(self) -> None:
        if self.is_away:
            raise Unavailable("The archive is away.")

    def seqs(self, partition: int) -> list[int]:
        return [entry.seq for one in self.ranges.get(partition, ()) for entry in one]


class MemoryLease:
    """Ours while nobody else has it; ``lasts``: so many times more."""

    def __init__(self) -> None:
        self.is_others = False
        self.lasts = 1_000_000

    async def hold(self) -> bool:
        self.lasts -= 1
        return not self.is_others and self.lasts >= 0
