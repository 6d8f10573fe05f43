"""Names of an archive's files and folders."""

from __future__ import annotations

IDENTITY = "archive.json"
MANIFEST = "manifest.json"
SUFFIX = ".parquet"
_PARTITION = "partition="
_DAY = "day="


def partition_folder(partition: int) -> str:
    """Folder of a partition."""
    return f"{_PARTITION}{partition:04d}"


def partition_of(name: str) -> int | None:
    """The partition whose folder has this name, if any."""
    number = name.removeprefix(_PARTITION)
    return int(number) if name.startswith(_PARTITION) and number.isdecimal() else None


def day_folder(partition: int, day: str) -> str:
    """Folder of a partition's day."""
    return f"{partition_folder(partition)}/{_DAY}{day}"


def day_named(name: str) -> str | None:
    """The day whose folder has this name, if any."""
    return name.removeprefix(_DAY) if name.startswith(_DAY) else None


def segment_name(first_seq: int, last_seq: int, revision: int = 0) -> str:
    """File of a range of entries; a rewritten one has a revision, so that it never takes the place of one in use."""
    more = f".{revision}" if revision else ""
    return f"{first_seq:012d}-{last_seq:012d}{more}{SUFFIX}"
