"""Events as a client gives them, and what becomes of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import msgspec

from sendwhen.chassis.grpc_status import error_from
from sendwhen.errors import Invalid, Overloaded, SendwhenError, TooLate, Unavailable, Violation
from sendwhen.v1 import event_pb2
from sendwhen.v1 import ingest_service_pb2 as pb

Properties = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing one customer did; one of the three ids is needed.

    Attributes:
        name: What happened, such as "Order Completed".
        properties: What it is about. attributes: What it tells of the customer.
        occurred_at_ms: Milliseconds since 1970-01-01 UTC; 0: now.
        event_id: The same on every retry; made here unless given.
        traceparent: W3C trace context, or "".
        previous_id: An id under which the customer was known before; what it did becomes part of this one's history.
    """

    name: str
    user_id: str = ""
    anonymous_id: str = ""
    email: str = ""
    properties: Properties = field(default_factory=dict)
    attributes: Properties = field(default_factory=dict)
    occurred_at_ms: int = 0
    event_id: str = field(default_factory=lambda: str(uuid4()))
    traceparent: str = ""
    previous_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Where an event is in the log."""

    partition: int
    seq: int


Result = Position | SendwhenError


def message_of(event: Event) -> event_pb2.Event:
    """The event as it is sent.

    Raises:
        Invalid: Its properties or attributes cannot be written as JSON.
    """
    return event_pb2.Event(
        event_id=event.event_id,
        name=event.name,
        user_id=event.user_id,
        anonymous_id=event.anonymous_id,
        email=event.email,
        occurred_at_ms=event.occurred_at_ms,
        properties_json=_json("properties", event.properties),
        attributes_json=_json("attributes", event.attributes),
        traceparent=event.traceparent,
        previous_id=event.previous_id,
    )


def _json(name: str, value: Properties) -> bytes:
    if not value:
        return b""
    try:
        return msgspec.json.encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise Invalid.of([Violation(field=name, description=f"Give what JSON can hold: {error}.")]) from None


def result_of(result: pb.EventResult) -> Result:
    """What became of one event of a batch."""
    if result.HasField("position"):
        return Position(partition=result.position.partition, seq=result.position.seq)
    return error_from(
        result.error.code,
        result.error.message,
        violations=[Violation(field=v.field, description=v.description) for v in result.error.violations],
        retry_after_ms=result.error.retry_after_ms,
    )


def is_retryable(result: object) -> bool:
    """Whether sending the same again, with the same event id, may help."""
    return isinstance(result, Overloaded | Unavailable | TooLate)
