"""When something is decided."""

from __future__ import annotations

import msgspec


class Moment(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The instant and the entry.

    Attributes:
        now_ms: The logical instant: the deadline of a timer, else log time.
        at_ms: Log time of what made it visible; now_ms or later.
        seq: The entry.
        front_received_at_us, appended_at_us: Of the entry, for traces.
    """

    now_ms: int
    at_ms: int
    seq: int
    front_received_at_us: int = 0
    appended_at_us: int = 0
