"""One thing one customer did, once."""

from __future__ import annotations

from typing import Final

import msgspec

EARLIEST_MS: Final = 946_684_800_000
"""2000-01-01 UTC: no event happened before."""
LATEST_MS: Final = 4_102_444_800_000
"""2100-01-01 UTC: where the events' own time is the clock, no event may end all others."""


class Event(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An event as the log holds it: validated and normalised by ingest.

    Attributes:
        event_id: The producer's id; the same on every retry.
        name: What happened.
        uid: Our id of the customer (``sendwhen.domain.partition.customer_uid`` of the routing key).
        user_id: The customer's id in the user's system, or "".
        anonymous_id: Visitor's id, or "".
        email: Normalised address, or "".
        occurred_at_ms: When it happened, by the producer.
        properties: A JSON object as bytes; stays bytes until a campaign listens. b"" means {}.
        attributes: A JSON object as bytes, what it tells of the customer. b"" means {}.
        source: Who sent it.
        traceparent: Trace context, or "". No decision reads it.
        received_at_us: When ingest took it in. No decision reads it.
        fingerprint: Hash of the whole payload but for what ingest sets itself (32 bits): tells a repetition from
            another event under the same id.
        previous_id: An id under which the customer was known before, as the producer wrote it; or "".
    """

    event_id: str
    name: str
    uid: str
    user_id: str = ""
    anonymous_id: str = ""
    email: str = ""
    occurred_at_ms: int
    properties: bytes = b""
    attributes: bytes = b""
    source: str = ""
    traceparent: str = ""
    received_at_us: int = 0
    fingerprint: int = 0
    previous_id: str = ""
