"""Rewrites a day's files: many small ones become few, and rows of deleted customers go.

A new file is written whole before the manifest names it in the place of those that it replaces; these are removed after
that. A crash in between leaves files that no manifest names, which the next round removes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from sendwhen.archive import layout
from sendwhen.archive.archive import Archive
from sendwhen.archive.columns import EVENT, ORDER
from sendwhen.archive.manifest import Segment
from sendwhen.errors import Precondition

FILE_ROWS: Final = 200_000
"""Files are put together up to so many rows."""
FILE_BYTES: Final = 64 * 1024 * 1024
"""And up to so many bytes of them in memory, of which one step holds a few copies."""


class Compacted(msgspec.Struct, kw_only=True):
    """What was done.

    Attributes:
        files_before, files_after: Of the days that were looked at.
        rows_removed: Of deleted customers.
        strays: Files removed that no manifest named.
    """

    files_before: int = 0
    files_after: int = 0
    rows_removed: int = 0
    strays: int = 0

    def add(self, other: Compacted) -> None:
        """Add another day's."""
        self.files_before += other.files_before
        self.files_after += other.files_after
        self.rows_removed += other.rows_removed
        self.strays += other.strays


def deletions_of(archive: Archive, partition: int) -> Mapping[str, int]:
    """Customers whose deletion is in the archive, each with the sequence of the latest."""
    found: dict[str, int] = {}
    for _, segment in archive.segments(partition):
        found.update(segment.deleted)
    return found


def compact_before(archive: Archive, partition: int, before_day: str) -> Compacted:
    """Compact all days of a partition before this one.

    Raises:
        Precondition: A file is damaged, or somebody else compacts. The other days are through: deleted customers shall
            not stay in them for that.
    """
    deletions = deletions_of(archive, partition)
    done = Compacted()
    refused: Precondition | None = None
    for day in archive.days(partition):
        if day < before_day:
            try:
                done.add(compact_day(archive, partition, day, deletions))
            except Precondition as error:
                refused = refused or error
    if refused is not None:
        raise refused
    return done


def compact_day(archive: Archive, partition: int, day: str, deletions: Mapping[str, int]) -> Compacted:
    """Bring a day that is over into its final form. Idempotent; rows of customers deleted so far are gone then.

    Raises:
        Precondition: Somebody else compacts it at the same time.
    """
    return _Day(archive, partition, day, deletions).compact()


class _Day:
    def __init__(self, archive: Archive, partition: int, day: str, deletions: Mapping[str, int]) -> None:
        self._archive = archive
        self._partition = partition
        self._day = day
        self._deletions = deletions
        self._uids = pa.array(sorted(deletions), pa.string())
        self._to_seq = max(deletions.values(), default=0)

    def compact(self) -> Compacted:
        archive, partition, day = self._archive, self._partition, self._day
        manifest = archive.manifest(partition, day)
        kept: list[Segment] = []
        removed = 0
        for group in _together(manifest.segments):
            gone = sum(map(self._deleted_rows, group))
            if len(group) == 1 and not gone:
                clean_to_seq = max(self._to_seq, group[0].clean_to_seq)
                kept.append(msgspec.structs.replace(group[0], clean_to_seq=clean_to_seq))
            else:
                kept.append(self._rewritten(group))
                removed += gone
        if tuple(kept) != manifest.segments:
            # A day that is over has one writer; whoever runs a second one by hand is told before anything is lost.
            if archive.manifest(partition, day) != manifest:
                raise Precondition(
                    f"Somebody else writes to {day} of partition {partition} in the archive.",
                    remedy="Let one finish, then compact again.",
                )
            archive.put_manifest(msgspec.structs.replace(manifest, segments=tuple(kept)))
        named = {segment.file for segment in kept}
        before = {segment.file for segment in manifest.segments}
        unnamed = [name for name in archive.files_of(partition, day) if name not in named]
        for name in unnamed:
            archive.remove(partition, day, name)
        return Compacted(
            files_before=len(before),
            files_after=len(named),
            rows_removed=removed,
            strays=sum(name not in before for name in unnamed),
        )

    def _deleted_rows(self, segment: Segment) -> int:
        if segment.clean_to_seq >= self._to_seq:
            return 0
        table = self._archive.table(self._partition, self._day, segment, columns=["uid", "seq"])
        table = table.filter(pc.is_in(table["uid"], value_set=self._uids))
        pairs = zip(table["uid"].to_pylist(), table["seq"].to_pylist(), strict=True)
        return sum(seq < self._deletions[uid] for uid, seq in pairs)

    def _rewritten(self, group: Sequence[Segment]) -> Segment:
        """One file in the place of several, or of one."""
        table = pa.concat_tables([self._archive.table(self._partition, self._day, segment) for segment in group])
        if self._deletions:
            places = zip(table["uid"].to_pylist(), table["seq"].to_pylist(), strict=True)
            table = table.filter(pa.array([seq >= self._deletions.get(uid, 0) for uid, seq in places], pa.bool_()))
        table = table.sort_by(ORDER)
        first, last = group[0], group[-1]
        revision = max(segment.revision for segment in group) + 1
        name = layout.segment_name(first.first_seq, last.last_seq, revision)
        size, digest = self._archive.put_table(self._partition, self._day, name, table)
        return msgspec.structs.replace(
            first,
            file=name,
            last_seq=last.last_seq,
            last_at_ms=last.last_at_ms,
            first_occurred_at_ms=min(segment.first_occurred_at_ms for segment in group),
            last_nonce=last.last_nonce,
            rows=table.num_rows,
            events=pc.sum(pc.equal(table["kind"], EVENT)).as_py() or 0,
            bytes=size,
            checksum=digest,
            content_bytes=table.nbytes,
            revision=revision,
            skips=tuple(skip for segment in group for skip in segment.skips),
            deleted=tuple(one for segment in group for one in segment.deleted),
            clean_to_seq=self._to_seq,
        )


def _together(segments: Sequence[Segment]) -> Sequence[Sequence[Segment]]:
    """Ranges that follow each other, in groups that one file may hold."""
    groups: list[list[Segment]] = []
    rows = size = 0
    for segment in segments:
        own = segment.content_bytes or segment.bytes
        follows = bool(groups) and groups[-1][-1].last_seq + 1 == segment.first_seq
        if not follows or rows + segment.rows > FILE_ROWS or size + own > FILE_BYTES:
            groups.append([])
            rows = size = 0
        groups[-1].append(segment)
        rows, size = rows + segment.rows, size + own
    return groups
