"""The one form in which an event enters the log: checked by the rules of every way in, and normalised here alone."""

from __future__ import annotations

import re
from typing import Final

from sendwhen.domain.partition import normalised_email, routing_hash, routing_key
from sendwhen.errors import Violation
from sendwhen.v1 import event_pb2
from sendwhen.wire.event_rules import violations_of
from services.ingest.ports import LogEvent

TRACEPARENT_CHARS: Final = 55

_TRACEPARENT: Final = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def normalised(
    event: event_pb2.Event, *, now_us: int, source: str, traceparent: str, event_clock: bool
) -> LogEvent | list[Violation]:
    """The event ready for the log, or everything that is wrong with it at once.

    Args:
        event: As the client sent it; becomes the normalised one.
        now_us: When it was taken in.
        source: Who sent it, such as "grpc".
        traceparent: The call's own trace context, used where the event has none.
        event_clock: The installation runs on the events' own time.
    """
    wrong = violations_of(event, now_ms=now_us // 1_000, event_clock=event_clock)
    if wrong:
        return wrong
    user_id, anonymous_id, email = event.user_id, event.anonymous_id, event.email
    if email:
        email = normalised_email(email)
    event.DiscardUnknownFields()
    if email != event.email:
        event.email = email
    if event.traceparent or traceparent:
        event.traceparent = _valid(event.traceparent) or _valid(traceparent)
    event.received_at_us = now_us
    event.source = source
    key = routing_key(user_id=user_id, anonymous_id=anonymous_id, email=email)
    # occurred_at_ms stays 0 where the client named no time: filled in when read, so that a retry has the same payload.
    return LogEvent(
        payload=event.SerializeToString(), routing_hash=routing_hash(key), occurred_at_ms=event.occurred_at_ms
    )


def _valid(traceparent: str) -> str:
    # A bad one is ignored, as the W3C text says: it is the tracer's fault, not the event's.
    if len(traceparent) == TRACEPARENT_CHARS and _TRACEPARENT.fullmatch(traceparent):
        return traceparent
    return ""
