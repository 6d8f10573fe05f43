"""One installation's archive: append closed ranges, list them, read them.

One writer at a time; readers need no lock: a file that a manifest named stays until a later manifest names another.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from itertools import groupby
from typing import Final

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from sendwhen.archive import layout
from sendwhen.archive.columns import (
    ENTRY,
    ORDER,
    SCHEMA,
    LoggedEntry,
    Row,
    change_of,
    completed,
    deletion_in,
    rows_of,
    table_of,
)
from sendwhen.archive.files import Files
from sendwhen.archive.manifest import Identity, Manifest, Segment, read_identity, read_manifest, write_manifest
from sendwhen.chassis.days import day_of
from sendwhen.domain.entry import Skip
from sendwhen.errors import NotFound, Precondition, Unavailable

ROW_GROUP_ROWS: Final = 4_096
"""Rows that are read together at least; a customer's past is found by their bounds."""

Place = tuple[str, Segment]
"""(day, segment)."""


class Archive:
    """See the module."""

    def __init__(self, files: Files) -> None:
        self._files = files

    def establish(self, identity: Identity) -> None:
        """Make sure that it is this installation's.

        Raises:
            Precondition: It is another's.
        """
        try:
            found = read_identity(self._files.read(layout.IDENTITY))
        except NotFound:
            self._files.write(layout.IDENTITY, write_manifest(identity))
            return
        if found != identity:
            raise Precondition(
                f"The archive has {found.partitions} partitions and clock {found.clock}; the installation has "
                f"{identity.partitions} and {identity.clock}.",
                remedy="Give each installation an archive of its own.",
            )

    def identity(self) -> Identity:
        """Whose it is.

        Raises:
            NotFound: There is no archive here.
        """
        try:
            return read_identity(self._files.read(layout.IDENTITY))
        except NotFound as error:
            raise NotFound("There is no archive here.", remedy="Name the folder that holds archive.json.") from error

    def partitions(self) -> Sequence[int]:
        """Those that anything was written of."""
        found = [layout.partition_of(name) for name in self._files.children("")]
        return sorted(partition for partition in found if partition is not None)

    def days(self, partition: int) -> Sequence[str]:
        """Days that anything was written of, in order."""
        found = [layout.day_named(name) for name in self._files.children(layout.partition_folder(partition))]
        return sorted(day for day in found if day is not None)

    def manifest(self, partition: int, day: str) -> Manifest:
        """What counts of a day; an empty one where none was written.

        Raises:
            Precondition: It is damaged, or of a later version.
        """
        place = f"{layout.day_folder(partition, day)}/{layout.MANIFEST}"
        try:
            return read_manifest(self._files.read(place))
        except NotFound:
            return Manifest(partition=partition, day=day)
        except Precondition as error:
            raise Precondition(f"{place}: {error.problem}", remedy=error.remedy) from error

    def segments(self, partition: int) -> Sequence[Place]:
        """All that counts, in the order of the log."""
        return [(day, segment) for day in self.days(partition) for segment in self.manifest(partition, day).segments]

    def last(self, partition: int) -> Segment | None:
        """The latest range; None where nothing is archived."""
        for day in reversed(self.days(partition)):
            segments = self.manifest(partition, day).segments
            if segments:
                return segments[-1]
        return None

    def append(self, partition: int, entries: Sequence[LoggedEntry], *, gap: bool = False) -> Sequence[Segment]:
        """Add entries that follow each other and the last range, or, with ``gap``, come later; durable when it returns.

        Those that are there already are left out, so the same again changes nothing.

        Raises:
            Precondition: They do not follow.
        """
        last = self.last(partition)
        fresh = [entry for entry in entries if last is None or entry.seq > last.last_seq]
        if last is not None and fresh and not gap and fresh[0].seq != last.last_seq + 1:
            raise Precondition(
                f"Entry {fresh[0].seq} of partition {partition} does not follow {last.last_seq} in the archive.",
                remedy="Archive from there on; if the log was trimmed further, name another archive.",
            )
        written = []
        for day, of_day in groupby(fresh, key=lambda entry: day_of(entry.at_ms)):
            segment = self._write(partition, day, list(of_day))
            manifest = self.manifest(partition, day)
            self.put_manifest(msgspec.structs.replace(manifest, segments=(*manifest.segments, segment)))
            written.append(segment)
        return written

    def supersede(self, partition: int, from_seq: int) -> Sequence[Segment]:
        """Drop ranges that hold this entry or a later one: the log went another way. The latest go first."""
        gone: list[Segment] = []
        for day in reversed(self.days(partition)):
            manifest = self.manifest(partition, day)
            kept = tuple(segment for segment in manifest.segments if segment.last_seq < from_seq)
            if len(kept) == len(manifest.segments):
                break
            dropped = manifest.segments[len(kept) :]
            self.put_manifest(msgspec.structs.replace(manifest, segments=kept))
            for segment in dropped:
                self._files.remove(f"{layout.day_folder(partition, day)}/{segment.file}")
            gone += dropped
        return gone

    def put_manifest(self, manifest: Manifest) -> None:
        """Let these files count, and no others of that day."""
        folder = layout.day_folder(manifest.partition, manifest.day)
        self._files.write(f"{folder}/{layout.MANIFEST}", write_manifest(manifest))

    def put_table(self, partition: int, day: str, name: str, table: pa.Table) -> tuple[int, str]:
        """Write a file that no manifest names yet; its size and checksum."""
        content = parquet_bytes(table)
        self._files.write(f"{layout.day_folder(partition, day)}/{name}", content)
        return len(content), checksum(content)

    def table(self, partition: int, day: str, segment: Segment, *, columns: Sequence[str] | None = None) -> pa.Table:
        """The rows of a file, sorted by customer.

        Raises:
            NotFound: It is not there any more: compaction put another in its place.
            Precondition: It is damaged.
        """
        with self._opened(partition, day, segment) as parquet:
            found = parquet.read(columns=columns)
        return completed(found) if columns is None else found

    def customers(
        self, partition: int, day: str, segment: Segment, *, low: str, high: str, columns: Sequence[str] | None
    ) -> Iterator[pa.Table]:
        """The rows of customers from ``low`` up to, not including, ``high``, without reading most of the others.

        Raises:
            NotFound, Precondition: As ``table``.
        """
        with self._opened(partition, day, segment) as parquet:
            for number in range(parquet.num_row_groups):
                bounds = parquet.metadata.row_group(number).column(0).statistics
                if bounds is None or not bounds.has_min_max or (bounds.min < high and bounds.max >= low):
                    yield parquet.read_row_group(number, columns=columns)

    def content(self, partition: int, day: str, segment: Segment) -> bytes:
        """A file as it is, to be checked."""
        return self._files.read(f"{layout.day_folder(partition, day)}/{segment.file}")

    def files_of(self, partition: int, day: str) -> Sequence[str]:
        """Files of rows that lie in a day's folder, whether they count or not."""
        names = self._files.children(layout.day_folder(partition, day))
        return [name for name in names if name.endswith(layout.SUFFIX)]

    def remove(self, partition: int, day: str, name: str) -> None:
        """Remove a file that does not count any more."""
        self._files.remove(f"{layout.day_folder(partition, day)}/{name}")

    @contextmanager
    def _opened(self, partition: int, day: str, segment: Segment) -> Iterator[pq.ParquetFile]:
        path = f"{layout.day_folder(partition, day)}/{segment.file}"
        with self._files.open(path) as file:
            try:
                yield pq.ParquetFile(file)
            except FileNotFoundError as error:
                raise NotFound(f"The archive has no file {path} any more.") from error
            except (ConnectionError, TimeoutError) as error:
                raise Unavailable("The archive went away while it was read.", remedy="Try again.") from error
            except (pa.ArrowInvalid, OSError) as error:
                raise Precondition(
                    f"{path} of the archive cannot be read.",
                    remedy="`sendwhen log verify` names all that is damaged; put it back from a copy.",
                ) from error

    def _write(self, partition: int, day: str, entries: Sequence[LoggedEntry]) -> Segment:
        rows: list[Row] = [row for entry in entries for row in rows_of(entry)]
        first, last = entries[0], entries[-1]
        name = layout.segment_name(first.seq, last.seq)
        table = table_of(rows)
        size, digest = self.put_table(partition, day, name, table)
        return Segment(
            file=name,
            first_seq=first.seq,
            last_seq=last.seq,
            first_at_ms=first.at_ms,
            last_at_ms=last.at_ms,
            first_occurred_at_ms=min((row.event.occurred_at_ms for row in rows if row.event), default=first.at_ms),
            last_nonce=last.nonce.hex(),
            rows=len(rows),
            events=sum(row.event is not None for row in rows),
            bytes=size,
            checksum=digest,
            content_bytes=table.nbytes,
            skips=tuple(
                (change.skipped_seq, change.index)
                for row in rows
                if row.kind == ENTRY and isinstance(change := change_of(row), Skip)
            ),
            deleted=tuple(found for row in rows if (found := deletion_in(row)) is not None),
        )


def parquet_bytes(table: pa.Table) -> bytes:
    """A table as a file; the same bytes for the same rows."""
    buffer = io.BytesIO()
    pq.write_table(
        completed(table).select(SCHEMA.names).cast(SCHEMA),
        buffer,
        compression="zstd",
        row_group_size=ROW_GROUP_ROWS,
        sorting_columns=_SORTING,
    )
    return buffer.getvalue()


def plain_bytes(table: pa.Table) -> bytes:
    """A table of any columns as a Parquet file."""
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


def checksum(content: bytes) -> str:
    """Of a file's bytes."""
    return blake2b(content, digest_size=16).hexdigest()


_SORTING: Final = pq.SortingColumn.from_ordering(SCHEMA, ORDER)
