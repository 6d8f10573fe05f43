"""The front's Log on Valkey or Redis, one node.

Appends of one call go in one MULTI, so the store syncs once for all of them. In a cluster a MULTI stays on one slot:
there ``_call`` becomes one pipeline for each node, joined again in the order asked for.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from itertools import islice
from typing import Any

import msgspec
import redis
from redis.asyncio import Redis

from sendwhen.chassis.clock import Clock
from sendwhen.chassis.store_calls import call_store, transact
from sendwhen.domain.changes import CampaignRow, DeadLetter
from sendwhen.domain.past import PAST_SLOTS
from sendwhen.domain.record import with_past
from services.trigger import store_keys
from services.trigger.archive_ports import Standing
from services.trigger.log_port import Append, Appended, Lagging, PartitionHead
from services.trigger.ports import RawEntry, StoreLost
from services.trigger.store_clock import StoreClock
from services.trigger.store_errors import in_our_words, store_errors
from services.trigger.store_library import store_library
from services.trigger.valkey_commit import nonce
from services.trigger.valkey_library import load_library

TRIM_KEEP_MS = 3_600_000
"""So much log time stays behind the committed position, until an archive has it."""

TRIM_KEEP_BYTES = 256 * 1024 * 1024
"""But no more than this for the store; every partition has an equal share of it."""

TRIM_STEP_ENTRIES = 2_000
"""Deleted in one step: the store does nothing else meanwhile."""

_HEAD = (
    "owner", "epoch", "generation", "seq", "ts", "position", "events", "events_applied", "ordinal", "out_acked", "dead",
    "duplicates", "applied",
)  # fmt: skip
_ROWS = msgspec.msgpack.Decoder(CampaignRow)
_LETTERS = msgspec.msgpack.Decoder(DeadLetter)


class ValkeyLog:
    """See the port Log. ``client`` comes from ``open_async_store`` and is closed by whoever opened it.

    Attributes of the installation: ``partitions`` (for each one's share of what is kept) and ``events_clock``. A
    partition whose lag has reached ``lag_max_events`` is refused.
    """

    def __init__(
        self,
        client: Redis,
        *,
        clock: Clock,
        partitions: int,
        events_clock: bool = False,
        lag_max_events: int = 1_000_000,
        trim_keep_bytes: int = TRIM_KEEP_BYTES,
    ) -> None:
        self._client: Any = client
        self._clock = clock
        self._functions = store_library()
        self._store_clock = StoreClock(clock)
        self._own_time = "1" if events_clock else ""
        self._lag_max_events = lag_max_events
        self._keep_bytes = trim_keep_bytes // partitions
        self._has_functions = False

    @property
    def clock_difference_ms(self) -> int:
        """The store's clock less ours, as last seen; an alarm when it is over a second."""
        return self._store_clock.difference_ms

    async def append(self, appends: Sequence[Append]) -> Sequence[Appended | Lagging]:
        """See the port. Raises Overloaded where the store's memory is full."""
        if len({append.partition for append in appends}) != len(appends):
            raise ValueError("appends must be to distinct partitions")
        sent_ms = self._clock.now_ms()
        replies = await self._call([self._append_command(append) for append in appends])
        answers: list[Appended | Lagging] = []
        for append, reply in zip(appends, replies, strict=True):
            if reply[0]:
                answers.append(Appended(partition=append.partition, seq=reply[1], at_ms=reply[2]))
                self._store_clock.heard(sent_ms=sent_ms, store_ms=reply[3])
            else:
                answers.append(Lagging(partition=append.partition, lag_events=reply[1]))
        return answers

    def _append_command(self, append: Append) -> tuple[Any, ...]:
        head = store_keys.head(append.partition)
        entry = (append.at_ms, append.events, nonce(), append.body)
        return ("FCALL", self._functions.append, 1, head, *entry, self._lag_max_events, self._own_time)

    async def heads(self, partitions: Sequence[int]) -> Sequence[PartitionHead]:
        """See the port."""
        replies = await self._call([("HMGET", store_keys.head(partition), *_HEAD) for partition in partitions])
        return [_head(partition, reply) for partition, reply in zip(partitions, replies, strict=True)]

    async def campaigns(self, partition: int) -> Sequence[CampaignRow]:
        """See the port."""
        (rows,) = await self._call([("HVALS", store_keys.campaigns(partition))])
        return [_ROWS.decode(row) for row in rows]

    async def record(self, partition: int, uid: str) -> bytes | None:
        """See the port."""
        fields = [store_keys.past_field(uid, slot) for slot in range(PAST_SLOTS)]
        record, past = await self._call(
            [("HGET", store_keys.records(partition), uid), ("HMGET", store_keys.past(partition), *fields)]
        )
        return record if record is None else with_past(bytes(record), past)

    async def dead_letters(self, partition: int, limit: int) -> Sequence[DeadLetter]:
        """See the port."""
        keys = (store_keys.dead_letters(partition), store_keys.flood_letters(partition))
        streams = await self._call([("XREVRANGE", key, "+", "-", "COUNT", limit) for key in keys])
        latest_first = heapq.merge(*streams, key=_place, reverse=True)
        return [_LETTERS.decode(letter) for _, (_, letter) in islice(latest_first, limit)]

    async def trim(self, partition: int, archived: int | None = None) -> int:
        """See the port. The last hour of log time stays, within this partition's share of the bytes kept."""
        gone: int = 0
        head = store_keys.head(partition)
        bound = "" if archived is None else archived
        keep = (TRIM_KEEP_MS, self._keep_bytes, TRIM_STEP_ENTRIES, bound, self._own_time)
        while True:
            (step,) = await self._call([("FCALL", self._functions.trim, 1, head, *keep)])
            gone += int(step)
            if step < TRIM_STEP_ENTRIES:
                return gone

    async def standing(self, partition: int, after: int) -> Standing:
        """See the port LogTail."""
        stream = store_keys.log(partition)
        head, at, first, following = await self._call(
            [
                ("HMGET", store_keys.head(partition), "seq", "position"),
                ("XRANGE", stream, f"{after}-0", f"{after}-0"),
                ("XRANGE", stream, "-", "+", "COUNT", 1),
                ("XRANGE", stream, f"{after + 1}-0", "+", "COUNT", 1),
            ]
        )
        position = int(head[1] or 0)
        following = [row for row in following if _seq(row) <= position]
        last = await self._call([("XRANGE", stream, f"{position}-0", f"{position}-0")]) if following else [[]]
        size = _field(last[0][0], b"s") - _field(following[0], b"s") if following and last[0] else 0
        return Standing(
            head_seq=int(head[0] or 0),
            position=position,
            first_seq=_seq(first[0]) if first else 0,
            nonce=bytes(at[0][1][1]) if at else None,
            next_appended_at_us=_field(following[0], b"a") if following else 0,
            bytes=size,
        )

    async def entries(self, partition: int, after: int, up_to: int, limit: int) -> Sequence[RawEntry]:
        """See the port LogTail."""
        span = (f"{after + 1}-0", f"{up_to}-0")
        (rows,) = await self._call([("XRANGE", store_keys.log(partition), *span, "COUNT", limit)])
        return [
            RawEntry(
                seq=_seq(row),
                at_ms=_field(row, b"t"),
                appended_at_us=_field(row, b"a"),
                nonce=bytes(row[1][1]),
                body=bytes(row[1][2 * row[1][::2].index(b"b") + 1]),
            )
            for row in rows
        ]

    async def _call(self, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        with store_errors():
            if not self._has_functions:
                await load_library(self._client)
                self._has_functions = True
            if len(commands) == 1:
                replies = [await self._answer(commands[0])]
            else:
                replies = await transact(self._client, commands)
        for reply in replies:
            if isinstance(reply, Exception):
                raised = in_our_words(reply)
                # The functions may have gone with a lost tail or a failover; so they are loaded before the next call.
                self._has_functions = not isinstance(raised, StoreLost)
                raise raised
        return replies

    async def _answer(self, command: tuple[Any, ...]) -> Any:
        try:
            (reply,) = await call_store(self._client, [command])
        except redis.ResponseError as error:
            return error
        return reply


def _seq(row: Any) -> int:
    return int(row[0].partition(b"-")[0])


def _field(row: Any, name: bytes) -> int:
    # Fields stand at even places; a nonce may look like a name, but stands at an odd one.
    fields = row[1]
    return int(fields[2 * fields[::2].index(name) + 1])


def _place(row: tuple[bytes, object]) -> tuple[int, int]:
    ms, _, number = row[0].partition(b"-")
    return int(ms), int(number)


def _head(partition: int, reply: Sequence[bytes | None]) -> PartitionHead:
    head = dict(zip(_HEAD[1:], (int(value or 0) for value in reply[1:]), strict=True))
    return PartitionHead(
        partition=partition,
        owner=(reply[0] or b"").decode(),
        epoch=head["epoch"],
        generation=head["generation"],
        head_seq=head["seq"],
        head_at_ms=head["ts"],
        position=head["position"],
        lag_events=head["events"] - head["events_applied"],
        outbox=head["ordinal"] - head["out_acked"],
        dead_letters=head["dead"],
        duplicates=head["duplicates"],
        applied=head["applied"],
    )
