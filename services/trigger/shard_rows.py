"""What the store answers a shard, as values."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

import msgspec

from sendwhen.domain.changes import CampaignRow, ReceivedRow
from sendwhen.domain.past import PAST_SLOTS
from services.trigger import store_keys
from services.trigger.ports import TO_SENDER, Claimed, OutboxRow, RawEntry, Refusal, Why
from services.trigger.valkey_connection import Command

REFUSALS = {1: Refusal(why=Why.FENCED), 2: Refusal(why=Why.MOVED), 3: Refusal(why=Why.LOST)}
_ROWS = msgspec.msgpack.Decoder(CampaignRow)
_RECEIVED = msgspec.msgpack.Decoder(ReceivedRow)


def outbox_row(row_id: bytes, fields: Sequence[bytes]) -> OutboxRow:
    """A row of the outbox's stream."""
    # Rows of former releases have no target; all of theirs were sender's.
    target = int(fields[5]) if len(fields) > 5 else TO_SENDER
    return OutboxRow(
        ordinal=int(row_id.partition(b"-")[0]), lineage=fields[1].decode(), intent=fields[3], target=target
    )


def claimed_of(reply: list[Any]) -> Claimed:
    """The answer of the claim."""
    return Claimed(
        epoch=reply[0],
        position=reply[1],
        position_nonce=reply[2],
        clock_ms=reply[3],
        campaigns=tuple(_ROWS.decode(row) for row in reply[7]),
        next_ordinal=reply[4] + 1,
        lineage=secrets.token_hex(8),
        claims_without_progress=reply[5],
        received=tuple(_RECEIVED.decode(row) for row in reply[8]),
    )


def entry_of(row: Any) -> RawEntry:
    """An entry of the log's stream."""
    entry_id, fields = row
    return RawEntry(
        seq=int(entry_id[:-2]), at_ms=int(fields[3]), appended_at_us=int(fields[5]), nonce=fields[1], body=fields[11]
    )


def due_range(partition: int, low: Any, high: int, *more: Any) -> Command:
    """Deadlines between two instants."""
    return ("ZRANGE", store_keys.due(partition), low, high, "BYSCORE", *more, "WITHSCORES")


def due_rows(reply: list[bytes]) -> list[tuple[int, str]]:
    """What they are."""
    return [(int(score), uid.decode()) for uid, score in zip(reply[::2], reply[1::2], strict=True)]


def outcomes_of(partitions: Sequence[int], replies: Sequence[Any]) -> dict[int, Refusal | None]:
    """What became of each partition's commit."""
    return {partition: REFUSALS.get(reply) for partition, reply in zip(partitions, replies, strict=True)}


def past_command(partition: int, uid: str) -> Command:
    """A customer's chunks of older events, by slot."""
    return ("HMGET", store_keys.past(partition), *(store_keys.past_field(uid, slot) for slot in range(PAST_SLOTS)))


def chunks_of(partitions: Sequence[int], replies: Sequence[Any]) -> dict[int, tuple[tuple[bytes | None, ...], ...]]:
    """What they are, by partition in the order asked."""
    answers: dict[int, tuple[tuple[bytes | None, ...], ...]] = {}
    for partition, chunks in zip(partitions, replies, strict=True):
        answers[partition] = (*answers.get(partition, ()), tuple(chunks))
    return answers
