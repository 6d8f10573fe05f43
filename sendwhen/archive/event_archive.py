"""An archive made of a file of events, as if an installation on the events' own time had logged them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from sendwhen.archive.archive import Archive
from sendwhen.archive.columns import LoggedEntry
from sendwhen.archive.manifest import Identity
from sendwhen.client.event_file import BadLine, by_time, event_of, identity_of
from sendwhen.domain.event import LATEST_MS
from sendwhen.domain.partition import normalised_email, routing_hash, routing_key
from sendwhen.wire.entry import event_entry
from sendwhen.wire.event_rules import violations_of

PARTITIONS: Final = 16
ENTRY_EVENTS: Final = 500
HELD_EVENTS: Final = 250_000
"""Events in memory at a time."""
HELD_BYTES: Final = 256 * 1024 * 1024
"""And so many bytes of them."""
REASONS_MAX: Final = 10
TELL_EVERY_LINES: Final = 10_000


class Taken(msgspec.Struct, kw_only=True):
    """What became of a file's lines.

    Attributes:
        reasons: Of the first few that were refused.
    """

    events: int = 0
    refused: int = 0
    reasons: list[str] = []


def archive_events(file: Path, archive: Archive, tell: Callable[[int], None]) -> Taken:
    """Sort a file's events by time and put them into an empty archive; ``tell`` hears how many lines are done."""
    archive.establish(Identity(partitions=PARTITIONS, clock="events"))
    return _Filling(archive, identity_of(file)).take(file, tell)


class _Filling:
    def __init__(self, archive: Archive, identity: str) -> None:
        self._archive = archive
        self._identity = identity
        self._held: dict[int, list[tuple[int, bytes]]] = defaultdict(list)
        self._seqs: dict[int, int] = defaultdict(int)
        self._count = 0
        self._bytes = 0

    def take(self, file: Path, tell: Callable[[int], None]) -> Taken:
        taken = Taken()
        for done, (number, line) in enumerate(by_time(file), start=1):
            if done % TELL_EVERY_LINES == 0:
                tell(done)
            try:
                event = event_of(line, number, file_identity=self._identity)
                if wrong := violations_of(event, now_ms=LATEST_MS, event_clock=True):
                    raise BadLine("; ".join(f"{one.field}: {one.description}" for one in wrong))
                event.email = normalised_email(event.email)
            except BadLine as error:
                taken.refused += 1
                if len(taken.reasons) < REASONS_MAX:
                    taken.reasons.append(f"line {number}: {error}")
                continue
            taken.events += 1
            event.source = "file"
            key = routing_key(user_id=event.user_id, anonymous_id=event.anonymous_id, email=event.email)
            partition = routing_hash(key) % PARTITIONS
            message = event.SerializeToString()
            self._held[partition].append((event.occurred_at_ms, message))
            self._count += 1
            self._bytes += len(message)
            if self._count >= HELD_EVENTS or self._bytes >= HELD_BYTES:
                self._flush()
        self._flush()
        return taken

    def _flush(self) -> None:
        for partition, events in sorted(self._held.items()):
            entries = []
            for start in range(0, len(events), ENTRY_EVENTS):
                batch = events[start : start + ENTRY_EVENTS]
                self._seqs[partition] = seq = self._seqs[partition] + 1
                entries.append(
                    LoggedEntry(
                        seq=seq,
                        at_ms=batch[-1][0],
                        appended_at_us=0,
                        nonce=seq.to_bytes(8, "big"),
                        body=event_entry([event for _, event in batch], 0),
                    )
                )
            self._archive.append(partition, entries)
        self._held.clear()
        self._count = self._bytes = 0
