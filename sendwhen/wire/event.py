"""An event on the wire (sendwhen.v1.Event) and as the domain sees it."""

from __future__ import annotations

from functools import lru_cache
from typing import Final
from zlib import crc32

from google.protobuf.message import DecodeError

from sendwhen.domain.entry import Unreadable
from sendwhen.domain.event import Event
from sendwhen.domain.partition import customer_uid, normalised_email, routing_key
from sendwhen.v1 import event_pb2, log_pb2

_UID_CACHE_MAX: Final = 131_072
"""At 0.3 KB each, against a hash of every event: where it is too small for the customers at hand it helps nobody."""
_uid = lru_cache(maxsize=_UID_CACHE_MAX)(customer_uid)


@lru_cache(maxsize=_UID_CACHE_MAX)
def _uid_of_user(user_id: str) -> str:
    return customer_uid("user:" + user_id)


# First bytes of the three fields that ingest sets (traceparent = 9, received_at_us = 10, source = 11) and their usual
# sizes: two bytes before a short string, one before the eight that a present instant in microseconds takes.
_TRACEPARENT_TAG: Final = 0x4A
_RECEIVED_TAG: Final = 0x50
_RECEIVED_BYTES: Final = 9


def event_of(payload: bytes) -> Event | Unreadable:
    """The event that ``payload`` holds; Unreadable where it holds none or none whose customer can be told."""
    try:
        message = event_pb2.Event.FromString(payload)
    except DecodeError:
        return Unreadable(payload=payload)
    return event_of_message(message, payload)


def events_of(entry: log_pb2.EventEntry) -> tuple[Event | Unreadable, ...]:
    """The same for all of an entry, in order; a quarter of the cost of one by one."""
    try:
        # An EventEntry reads as an EventBatch: both have their events in field 1, here still as bytes.
        batch = event_pb2.EventBatch.FromString(entry.SerializeToString())
    except DecodeError:
        return tuple(map(event_of, entry.events))
    # Not ``map``: calling from Python to Python is cheaper than through C.
    return tuple([event_of_message(one, payload) for one, payload in zip(batch.events, entry.events, strict=True)])


def event_of_message(message: event_pb2.Event, payload: bytes) -> Event | Unreadable:
    """The event that ``message`` is; ``payload`` must be its serialised form."""
    event_id, name, user_id = message.event_id, message.name, message.user_id
    anonymous_id, email = message.anonymous_id, message.email
    if user_id:
        uid = _uid_of_user(user_id)
    else:
        email = normalised_email(email)
        key = routing_key(user_id="", anonymous_id=anonymous_id, email=email)
        if not key:
            return Unreadable(payload=payload)
        uid = _uid(key)
    if not event_id or not name:
        return Unreadable(payload=payload)
    source, traceparent, received_at_us = message.source, message.traceparent, message.received_at_us
    previous_id = message.previous_id
    if traceparent:
        tail, first = _RECEIVED_BYTES + 2 + len(source) + 2 + len(traceparent), _TRACEPARENT_TAG
    else:
        tail, first = _RECEIVED_BYTES + 2 + len(source), _RECEIVED_TAG
    # previous_id is serialised behind what ingest sets: then there is no such end to cut off.
    cut = not previous_id and len(payload) > tail and payload[-tail] == first
    fingerprint = crc32(payload[:-tail]) if cut else _fingerprint_of(message)
    return Event(
        event_id=event_id,
        name=name,
        uid=uid,
        user_id=user_id,
        anonymous_id=anonymous_id,
        email=email,
        # A client that names no time means now; ingest keeps the 0, so that a repetition has the same fingerprint.
        occurred_at_ms=message.occurred_at_ms or received_at_us // 1_000,
        properties=message.properties_json,
        attributes=message.attributes_json,
        source=source,
        traceparent=traceparent,
        received_at_us=received_at_us,
        fingerprint=fingerprint,
        previous_id=previous_id,
    )


def _fingerprint_of(message: event_pb2.Event) -> int:
    # Serialised in the order of field numbers, what ingest sets comes last, but for previous_id, with which nothing is
    # cut: this equals the cut in event_of_message.
    rest = event_pb2.Event()
    rest.CopyFrom(message)
    rest.ClearField("traceparent")
    rest.ClearField("received_at_us")
    rest.ClearField("source")
    return crc32(rest.SerializeToString())


def event_message(event: Event) -> event_pb2.Event:
    """The message of an event; ``event_of`` of its bytes is the same event."""
    return event_pb2.Event(
        event_id=event.event_id,
        name=event.name,
        user_id=event.user_id,
        anonymous_id=event.anonymous_id,
        email=event.email,
        occurred_at_ms=event.occurred_at_ms,
        properties_json=event.properties,
        attributes_json=event.attributes,
        source=event.source,
        traceparent=event.traceparent,
        received_at_us=event.received_at_us,
        previous_id=event.previous_id,
    )
