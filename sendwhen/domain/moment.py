"""When something is decided."""

from __future__ import annotations

import msgspec

from sendwhen.domain.entry import Entry, EventBatch


class Moment(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The instant and the entry.

    Attributes:
        now_ms: The logical instant: the deadline of a timer, else log time.
        at_ms: Log time of what made it visible; now_ms or later.
        seq: The entry.
        before_ms: For an event: log time reached before its entry.
        front_received_at_us, appended_at_us: Of the entry, for traces.
    """

    now_ms: int
    at_ms: int
    seq: int
    front_received_at_us: int = 0
    appended_at_us: int = 0
    before_ms: int = 0

    @classmethod
    def of(cls, entry: Entry, *, now_ms: int, at_ms: int, before_ms: int = 0) -> Moment:
        """An instant at which an entry, or what its coming made due, is decided."""
        if not isinstance(entry, EventBatch):
            return cls(now_ms=now_ms, at_ms=at_ms, seq=entry.seq)
        return cls(
            now_ms=now_ms,
            at_ms=at_ms,
            seq=entry.seq,
            front_received_at_us=entry.front_received_at_us,
            appended_at_us=entry.appended_at_us,
            before_ms=before_ms,
        )
