"""What an archive says of itself: its identity, and for each partition's day which files count."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from sendwhen.errors import Precondition

FORMAT = 1


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Which installation's log it is.

    Attributes:
        partitions: As of the installation.
        clock: "wall" or "events".
    """

    format: int = FORMAT
    partitions: int
    clock: str


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """A file with all entries of a range, but for rows that were removed since.

    Attributes:
        file: Name within the day's folder.
        first_seq, last_seq: The range, both included.
        first_at_ms, last_at_ms: Log times of its first and last entry.
        first_occurred_at_ms: The earliest event's own time; the first log time where it holds no event.
        last_nonce: Of the last entry, in hexadecimal digits: tells whether the log still holds the same history.
        rows: Events, and entries that hold none.
        events: Events among them.
        bytes, checksum: Of the file; blake2b of 16 bytes, in hexadecimal digits.
        content_bytes: What its rows take in memory; 0 in manifests that do not say it.
        revision: How often it was rewritten.
        skips: (seq, index) of events that were set aside, as the range's Skip entries name them; index -1: all of them.
        deleted: Customers whose deletion stands in this range, with the sequence of each.
        clean_to_seq: Rows of customers deleted by entries up to this one are gone from it.
    """

    file: str
    first_seq: int
    last_seq: int
    first_at_ms: int
    last_at_ms: int
    first_occurred_at_ms: int
    last_nonce: str
    rows: int
    events: int
    bytes: int
    checksum: str
    content_bytes: int = 0
    revision: int = 0
    skips: tuple[tuple[int, int], ...] = ()
    deleted: tuple[tuple[str, int], ...] = ()
    clean_to_seq: int = 0


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The files of one partition's day, in the order of their ranges."""

    format: int = FORMAT
    partition: int
    day: str
    segments: tuple[Segment, ...] = ()


_Kind = TypeVar("_Kind", Manifest, Identity)


def write_manifest(manifest: Manifest | Identity) -> bytes:
    """As JSON; the same for the same."""
    return msgspec.json.format(msgspec.json.encode(manifest, order="deterministic"), indent=1) + b"\n"


def read_manifest(content: bytes) -> Manifest:
    """A manifest that was written.

    Raises:
        Precondition: It is none, or one of a later version.
    """
    return _read(content, Manifest)


def read_identity(content: bytes) -> Identity:
    """An identity that was written.

    Raises:
        Precondition: It is none, or one of a later version.
    """
    return _read(content, Identity)


def _read(content: bytes, kind: type[_Kind]) -> _Kind:
    try:
        found = msgspec.json.decode(content, type=kind)
    except msgspec.DecodeError as error:
        raise Precondition(
            f"A {kind.__name__.lower()} of the archive cannot be read: {error}.",
            remedy="Put it back from a backup; `sendwhen log verify` says what is missing.",
        ) from error
    if found.format != FORMAT:
        raise Precondition(
            f"The archive has format {found.format}; this sendwhen reads {FORMAT}.",
            remedy="Use the version of sendwhen that wrote it, or a later one.",
        )
    return found
