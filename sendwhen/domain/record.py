"""The stored form of a customer. Reads every version ever written.

Version 1: its byte, then the customer in MessagePack; all seen ids lie beside the record. Version 2: its byte; 1 where
older seen ids lie beside the record, else 0; in two bytes how many young ones follow; these (``sendwhen.domain.seen``);
then MessagePack as in version 1.

To change the form: add fields with defaults at the end of the structs and leave the version, or write a new version and
keep a reader for the old one. ``tests/golden/records`` holds records of every version, which must load forever.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from struct import Struct

import msgspec
from msgspec.structs import replace

from sendwhen.domain.customer import Customer
from sendwhen.domain.decision import Decision, Kind
from sendwhen.domain.past import cut, joined
from sendwhen.domain.seen import ITEM_BYTES
from sendwhen.errors import Precondition

VERSION = 2
_ALL_BESIDE = 1
_head = Struct(">BBH")
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Customer).decode
_decode_recent = msgspec.msgpack.Decoder(tuple[str, str, int, int, bytes]).decode
_decode_decision = msgspec.msgpack.Decoder(
    tuple[str, str, str, str, str, str, int, int, int, str, str, str, str, int]
).decode


class RecentEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A past event, shortened.

    Attributes:
        logged_at_ms: Log time at which it was applied.
        properties: b"" where they were too long to be kept.
    """

    event_id: str
    name: str
    occurred_at_ms: int
    logged_at_ms: int
    properties: bytes


def write_record(customer: Customer, young: bytes = b"", *, older: bool = False) -> bytes:
    """The customer and its young seen ids as bytes; ``older``: more of them lie beside the record."""
    return b"".join((_written_head(older, len(young) // ITEM_BYTES), young, _encode(customer)))


@lru_cache(maxsize=128)
def _written_head(older: bool, young: int) -> bytes:
    return _head.pack(VERSION, older, young)


def read_record(record: bytes) -> Customer:
    """The customer that was written.

    Raises:
        Precondition: A later version of sendwhen wrote it.
    """
    return _decode(memoryview(record)[_customer_at(record) :]).compacted()


def cut_past(customer: Customer, events: int) -> tuple[Customer, tuple[tuple[int, bytes], ...]]:
    """The customer without the events that make whole chunks, and (slot, chunk) of each."""
    chunks, young = cut(customer.recent, customer.recent_count, customer.past_chunks, events)
    left = replace(
        customer,
        recent=young,
        recent_count=customer.recent_count - len(chunks) * events,
        past_chunks=customer.past_chunks + len(chunks),
    )
    return left, chunks


def with_past(record: bytes, chunks: Sequence[bytes | None]) -> bytes:
    """The record as if the chunks of older events stood in it, for whoever reads them."""
    if not any(chunks):
        return record
    customer = read_record(record)
    recent, count = joined(customer.recent, customer.recent_count, customer.past_chunks, chunks)
    return write_record(replace(customer, recent=recent, recent_count=count))


def young_ids(record: bytes) -> bytes:
    """The seen ids that ride in a record."""
    return b"" if record[0] == _ALL_BESIDE else record[_head.size : _customer_at(record)]


def has_older_ids(record: bytes) -> bool:
    """Whether seen ids lie beside a record."""
    return record[0] != VERSION or bool(record[1])


def _customer_at(record: bytes) -> int:
    if record[0] == VERSION:
        young: int = _head.unpack_from(record)[2]
        return _head.size + young * ITEM_BYTES
    if record[0] == _ALL_BESIDE:
        return 1
    raise Precondition(
        f"A customer record has version {record[0]}; this sendwhen reads up to {VERSION}.",
        remedy="Run the version of sendwhen that wrote this data folder, or a later one.",
    )


def recent_events(customer: Customer) -> tuple[RecentEvent, ...]:
    """The latest events, oldest first."""
    events = []
    start = 0
    while start < len(customer.recent):
        size = int.from_bytes(customer.recent[start : start + 2], "big")
        start += 2
        event_id, name, occurred_at_ms, behind_ms, properties = _decode_recent(customer.recent[start : start + size])
        start += size
        events.append(
            RecentEvent(
                event_id=event_id,
                name=name,
                occurred_at_ms=occurred_at_ms,
                logged_at_ms=occurred_at_ms + behind_ms,
                properties=properties,
            )
        )
    return tuple(events)


def pack_recent(events: Iterable[RecentEvent]) -> bytes:
    """Events as a customer holds them; the reverse of ``recent_events``."""
    packed = bytearray()
    for event in events:
        behind_ms = event.logged_at_ms - event.occurred_at_ms
        one = _encode((event.event_id, event.name, event.occurred_at_ms, behind_ms, event.properties))
        packed += len(one).to_bytes(2, "big") + one
    return bytes(packed)


def pack_decision(decision: Decision) -> bytes:
    """A decision as it is remembered with its customer."""
    return _encode(
        (
            decision.kind.value,
            decision.campaign_id,
            decision.version,
            decision.key,
            decision.reason,
            decision.run_id,
            decision.at_ms,
            decision.due_at_ms,
            decision.start_at_ms,
            decision.detail,
            decision.send_id,
            decision.template,
            decision.event_id,
            decision.seq,
        )
    )


def packed_beginning(decision: Decision) -> bytes:
    """How a packed decision of the same kind, campaign, version, key and reason begins, behind its first byte."""
    return _encode((decision.kind.value, decision.campaign_id, decision.version, decision.key, decision.reason))[1:]


def unpack_decision(packed: bytes) -> Decision:
    """The decision that was packed."""
    kind, campaign_id, version, key, reason, run, at, due, start_at, detail, send, template, event_id, seq = (
        _decode_decision(packed)
    )
    return Decision(
        kind=Kind(kind),
        campaign_id=campaign_id,
        version=version,
        run_id=run,
        key=key,
        at_ms=at,
        due_at_ms=due,
        start_at_ms=start_at,
        reason=reason,
        detail=detail,
        send_id=send,
        template=template,
        event_id=event_id,
        seq=seq,
    )


def remembered_decisions(customer: Customer) -> tuple[Decision, ...]:
    """The latest decisions about the customer, oldest first."""
    return tuple(unpack_decision(packed) for packed in customer.decisions)
