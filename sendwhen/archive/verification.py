"""Looks whether an archive is whole: every file there, its sum right, its rows those of its range, nothing between."""

from __future__ import annotations

import io
from collections.abc import Iterator

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sendwhen.archive.archive import Archive, checksum
from sendwhen.archive.manifest import Segment
from sendwhen.errors import NotFound, Precondition


class Flaw(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is not as it should be."""

    partition: int
    day: str
    problem: str

    def __str__(self) -> str:
        return f"partition {self.partition}, {self.day}: {self.problem}"


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """One file was looked at; ``flaws`` are those of it and of the place before it."""

    segment: Segment | None
    flaws: tuple[Flaw, ...]


def verify(archive: Archive, partition: int) -> Iterator[Checked]:
    """Look at a partition's files, one after the other."""
    last_seq = 0
    for day in archive.days(partition):
        try:
            segments = archive.manifest(partition, day).segments
        except Precondition as error:
            yield Checked(segment=None, flaws=(Flaw(partition=partition, day=day, problem=error.problem),))
            continue
        for segment in segments:
            problems = []
            if last_seq and segment.first_seq > last_seq + 1:
                problems.append(f"entries {last_seq + 1} to {segment.first_seq - 1} are missing")
            elif segment.first_seq <= last_seq:
                problems.append(f"entries {segment.first_seq} to {min(last_seq, segment.last_seq)} are there twice")
            last_seq = segment.last_seq
            problem = _problem(archive, partition, day, segment)
            problems += [f"{segment.file}: {problem}"] if problem else []
            flaws = tuple(Flaw(partition=partition, day=day, problem=one) for one in problems)
            yield Checked(segment=segment, flaws=flaws)


def _problem(archive: Archive, partition: int, day: str, segment: Segment) -> str:
    try:
        content = archive.content(partition, day, segment)
    except NotFound:
        return "it is missing"
    if len(content) != segment.bytes:
        return f"it has {len(content)} bytes instead of {segment.bytes}"
    if checksum(content) != segment.checksum:
        return "its checksum is not that of the manifest"
    try:
        table = pq.ParquetFile(io.BytesIO(content)).read(columns=["seq", "at_ms"])
    except (pa.ArrowInvalid, OSError):
        return "it is no Parquet file"
    return _misplaced(table, segment)


def _misplaced(table: pa.Table, segment: Segment) -> str:
    if table.num_rows != segment.rows:
        return f"it has {table.num_rows} rows instead of {segment.rows}"
    bounds = {
        "seq": ("entries beyond its range", segment.first_seq, segment.last_seq),
        "at_ms": ("entries of another time", segment.first_at_ms, segment.last_at_ms),
    }
    for name, (what, low, high) in bounds.items():
        if table.num_rows and (pc.min(table[name]).as_py() < low or pc.max(table[name]).as_py() > high):
            return f"it holds {what}"
    return ""
