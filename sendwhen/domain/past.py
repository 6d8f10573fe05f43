"""Recent events of a customer: the young ones ride in the record, whole chunks of those before lie beside it.

A record is written with every event, so what is long and never read by a decision does not belong in it. Four chunks
are kept, each in the slot of its number modulo four, so that writing one lets the oldest go. Where the cuts are depends
on the events alone, never on how the log is cut into rounds.
"""

from __future__ import annotations

from collections.abc import Iterable
from struct import Struct

PAST_SLOTS = 4
_head = Struct(">IH")


def chunk_events(recent_events: int) -> int:
    """Of how many events a chunk is, so that all chunks hold what is to be kept."""
    return max(1, recent_events // PAST_SLOTS)


def kept_events(recent_events: int) -> int:
    """How many of the latest events can always be told, wherever they lie."""
    return PAST_SLOTS * chunk_events(recent_events)


def behind(packed: bytes, events: int) -> int:
    """Where the first ``events`` of packed events end; each has its length in front, in two bytes."""
    at = 0
    for _ in range(events):
        at += 2 + (packed[at] << 8 | packed[at + 1])
    return at


def cut(packed: bytes, count: int, number: int, events: int) -> tuple[tuple[tuple[int, bytes], ...], bytes]:
    """Cut whole chunks off: (slot, chunk) of each, the first of them ``number``; and what is left."""
    chunks = []
    while count >= events:
        at = behind(packed, events)
        chunks.append((number % PAST_SLOTS, _head.pack(number, events) + packed[:at]))
        packed, count, number = packed[at:], count - events, number + 1
    return tuple(chunks), packed


def joined(young: bytes, young_count: int, number: int, chunks: Iterable[bytes | None]) -> tuple[bytes, int]:
    """All packed events, oldest first, and how many; ``number`` of the next chunk. Chunks may be missing, or newer."""
    found: dict[int, tuple[int, bytes]] = {}
    for chunk in chunks:
        if chunk:
            its_number, events = _head.unpack_from(chunk)
            if number - PAST_SLOTS <= its_number < number:
                found[its_number] = events, chunk[_head.size :]
    packed = b"".join(found[one][1] for one in sorted(found)) + young
    count = sum(events for events, _ in found.values()) + young_count
    over = max(0, count - PAST_SLOTS * max((events for events, _ in found.values()), default=count))
    return packed[behind(packed, over) :], count - over
