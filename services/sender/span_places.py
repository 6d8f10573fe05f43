"""Where an email's spans lie: ids made from hashes, and instants of different clocks put on one line."""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import Final

from sendwhen.chassis.telemetry import Place

_TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(?:-.*)?", re.ASCII)


class TimeLine:
    """Puts instants on one line: none lies before the one it follows.

    Attributes:
        now_us: How far the line has come.
    """

    def __init__(self) -> None:
        self.now_us = 0

    def span(self, start_us: int, end_us: int) -> tuple[int, int, int]:
        """Start and end, neither before what came before, and by how much the clocks disagreed (0: not at all)."""
        start, moved_us = self._next(start_us)
        end, moved_more_us = self._next(end_us)
        return start, end, max(moved_us, moved_more_us)

    def _next(self, at_us: int) -> tuple[int, int]:
        # An instant nobody took (0) disagrees with none.
        moved_us = max(0, self.now_us - at_us) if at_us else 0
        self.now_us = max(self.now_us, at_us)
        return self.now_us, moved_us


def client_span(traceparent: str) -> Place | None:
    """The caller's span, or None where the header says nothing usable (as W3C Trace Context has it)."""
    found = _TRACEPARENT.fullmatch(traceparent)
    if found is None or traceparent.startswith("ff"):
        return None
    trace_id, span_id = int(found[1], 16), int(found[2], 16)
    return Place(trace_id=trace_id, span_id=span_id) if trace_id and span_id else None


def event_span(event_id: str) -> Place:
    """Where an event's own span lies when its client traced nothing."""
    return Place(trace_id=trace_id_of("event", event_id), span_id=span_id_of("event", event_id))


def trace_id_of(what: str, text: str) -> int:
    """A trace id that is the same whoever makes it."""
    return _number(what, text, 16)


def span_id_of(what: str, text: str) -> int:
    """A span id that is the same whoever makes it."""
    return _number(what, text, 8)


def _number(what: str, text: str, size_bytes: int) -> int:
    # 0 would mean "none".
    return int.from_bytes(blake2b(f"{what}\0{text}".encode(), digest_size=size_bytes).digest(), "big") or 1
