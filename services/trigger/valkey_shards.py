"""ShardStore on Valkey or Redis: two connections to one node, one for reading that may wait, one for everything else.

Reading is one XREAD over all streams asked for: measured against a connection for each partition and ``select`` it
wakes as fast (medians within noise), and takes half the processor time for entries in several partitions at once. A
cluster refuses it across slots, so there it becomes those connections; ``_read_entries`` and ``_call`` are the places.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
import redis

from sendwhen.chassis.clock import Clock
from sendwhen.domain.record import has_older_ids
from services.trigger import shard_rows, store_keys
from services.trigger.delivery import entries_of
from services.trigger.ports import (
    AppendTick,
    Claim,
    Claimed,
    Commit,
    DeleteOutbox,
    Deliver,
    Due,
    DueAnswer,
    Load,
    LoadPast,
    MarkTrying,
    OutboxRow,
    RawEntry,
    Read,
    ReadAnswer,
    ReadOutbox,
    Refusal,
    StoreLost,
)
from services.trigger.review_port import ReviewCustomers, Reviewed
from services.trigger.store_clock import StoreClock
from services.trigger.store_due import due_answers
from services.trigger.store_library import store_library
from services.trigger.store_review import reviewed
from services.trigger.valkey_commit import TICK_BODY, commit_arguments, nonce
from services.trigger.valkey_connection import TIMEOUT_S, Command, ValkeyConnection
from services.trigger.valkey_library import is_already_loaded

IDS_EXPIRE_MS = 73 * 3_600_000
"""Seen ids beside a record, to which nothing was added for so long (to a day longer), go.

Dedupe promises 72 h of log time, which on the events' own time no expiry measures: there they stay.
"""

_COMPARE_CLOCKS_S = 5.0


class ValkeyShards:
    """One owner's connections. Blocking; not for several threads.

    A break of any connection raises StoreLost, and again for every request on a partition until that is claimed anew;
    the outbox, which needs no claim, can be read again at once.
    """

    def __init__(self, url: str, *, clock: Clock, events_clock: bool = False, timeout_s: float = TIMEOUT_S) -> None:
        self._url = url
        self._timeout_s = timeout_s
        self._clock = clock
        self._events_clock = events_clock
        self._functions = store_library()
        self._store_clock = StoreClock(clock)
        self._compared_at_s = 0.0
        self._commands: ValkeyConnection | None = None
        self._reader: ValkeyConnection | None = None
        self._claimed: set[int] = set()
        self._begun: Sequence[int] = ()

    @property
    def clock_difference_ms(self) -> int:
        """The store's clock less ours, as last seen."""
        return self._store_clock.difference_ms

    def close(self) -> None:
        """Disconnect; partitions must be claimed anew after this."""
        for connection in (self._commands, self._reader):
            if connection is not None:
                connection.close()
        self._commands = self._reader = None
        self._claimed.clear()

    # --- ShardStore ---

    def claim(self, request: Claim) -> Mapping[int, Claimed | Refusal]:
        """See the port. Connects where there is no connection."""
        sent_ms = self._clock.now_ms()
        replies = self._call(
            ("FCALL", self._functions.claim, 1, store_keys.head(partition), request.owner, request.generation)
            for partition in request.partitions
        )
        answers: dict[int, Claimed | Refusal] = {}
        for partition, reply in zip(request.partitions, replies, strict=True):
            if isinstance(reply, int):
                answers[partition] = shard_rows.REFUSALS[reply]
                continue
            self._store_clock.heard(sent_ms=sent_ms, store_ms=reply[6])
            answers[partition] = shard_rows.claimed_of(reply)
            self._claimed.add(partition)
        return answers

    def read(self, request: Read) -> ReadAnswer:
        """See the port."""
        self._check_claimed(request.after)
        self._compare_clocks()
        found = self._read_entries(request)
        now_us = self._clock.now_us()
        now_ms = 0 if self._events_clock else self._store_clock.bounded_ms(now_us // 1_000)
        return ReadAnswer(entries=found, now_ms=now_ms, now_us=now_us)

    def _read_entries(self, request: Read) -> dict[int, tuple[RawEntry, ...]]:
        if not request.after:
            time.sleep(request.block_ms / 1_000)
            return {}
        partitions = {store_keys.log(partition).encode(): partition for partition in request.after}
        command: list[str | bytes | int] = ["XREAD", "COUNT", request.entries_max]
        if request.block_ms > 0:
            command += ["BLOCK", request.block_ms]
        command += ["STREAMS", *partitions, *(f"{after}-0" for after in request.after.values())]
        assert self._reader is not None
        (reply,) = self._on(self._reader, [command], waits_s=request.block_ms / 1_000)
        return {partitions[key]: tuple(shard_rows.entry_of(row) for row in rows) for key, rows in reply or ()}

    def load(self, request: Load) -> Mapping[int, tuple[tuple[bytes | None, bytes], ...]]:
        """See the port."""
        self._check_claimed(request.uids)
        asked = [(partition, uids) for partition, uids in request.uids.items() if uids]
        found = self._call([("HMGET", store_keys.records(partition), *uids) for partition, uids in asked])
        keys = [
            store_keys.seen_ids(partition, uid)
            for (partition, uids), records in zip(asked, found, strict=True)
            for uid, record in zip(uids, records, strict=True)
            if record is not None and has_older_ids(record)
        ]
        # Key by key: on a cluster they are in several slots.
        older = iter(self._call([("GET", key) for key in keys]))
        answers: dict[int, tuple[tuple[bytes | None, bytes], ...]] = dict.fromkeys(request.uids, ())
        for (partition, _), records in zip(asked, found, strict=True):
            answers[partition] = tuple(
                (record, (next(older) or b"") if record is not None and has_older_ids(record) else b"")
                for record in records
            )
        return answers

    def load_past(self, request: LoadPast) -> Mapping[int, tuple[tuple[bytes | None, ...], ...]]:
        """See the port."""
        self._check_claimed(request.uids)
        asked = [(partition, uid) for partition, uids in request.uids.items() for uid in uids]
        replies = self._call(shard_rows.past_command(partition, uid) for partition, uid in asked)
        return shard_rows.chunks_of([partition for partition, _ in asked], replies)

    def due(self, request: Due) -> Mapping[int, DueAnswer]:
        """See the port."""
        self._check_claimed(request.up_to_ms)
        return due_answers(request, self._call)

    def commit(self, request: Commit) -> Mapping[int, Refusal | None]:
        """See the port. One pipeline; the store syncs once for all of it."""
        partitions = [round_.partition for round_ in request.rounds]
        self._check_claimed(partitions)
        given_ms = None if self._events_clock else self._clock.now_ms()
        expire_ms = 0 if self._events_clock else IDS_EXPIRE_MS
        commands = [
            (
                "FCALL",
                self._functions.commit,
                1,
                store_keys.head(round_.partition),
                *commit_arguments(round_, given_ms=given_ms, ids_expire_ms=expire_ms),
            )
            for round_ in request.rounds
        ]
        if not request.begun:
            return shard_rows.outcomes_of(partitions, self._call(commands))
        self._begun = partitions
        assert self._commands is not None
        with self._closing():
            self._commands.begin(commands)
        return {}

    def await_commit(self) -> Mapping[int, Refusal | None]:
        """See the port."""
        self._check_claimed(self._begun)
        assert self._commands is not None
        with self._closing():
            return shard_rows.outcomes_of(self._begun, self._commands.finish())

    def append_tick(self, request: AppendTick) -> bool | Refusal:
        """See the port. On the events' own time a tick leaves the time as it is."""
        self._check_claimed((request.partition,))
        head = store_keys.head(request.partition)
        fence = (request.epoch, request.owner, request.after_seq)
        entry = (self._clock.now_ms(), nonce(), TICK_BODY, "1" if self._events_clock else "")
        (reply,) = self._call([("FCALL", self._functions.tick, 1, head, *fence, *entry)])
        return shard_rows.REFUSALS.get(reply, True)

    def mark_trying(self, request: MarkTrying) -> int | Refusal:
        """See the port."""
        self._check_claimed((request.partition,))
        head = store_keys.head(request.partition)
        fence = (request.epoch, request.owner, request.seq)
        (reply,) = self._call([("FCALL", self._functions.mark_trying, 1, head, *fence)])
        return shard_rows.REFUSALS[reply[0]] if reply[0] else int(reply[1])

    def review(self, request: ReviewCustomers) -> Reviewed | None:
        """See the port."""
        self._check_claimed((request.partition,))
        now_ms = None if self._events_clock else self._clock.now_ms()
        return reviewed(request, self._call, self._functions.review, now_ms)

    def read_outbox(self, request: ReadOutbox) -> tuple[OutboxRow, ...]:
        """See the port."""
        start = f"{request.after_ordinal + 1}-0"
        (rows,) = self._call([("XRANGE", store_keys.outbox(request.partition), start, "+", "COUNT", request.rows_max)])
        return tuple(shard_rows.outbox_row(row_id, fields) for row_id, fields in rows)

    def deliver(self, request: Deliver) -> None:
        """See the port. The time of the log stays, where it is the events' own."""
        given_ms, own_time = (0, "1") if self._events_clock else (self._clock.now_ms(), "")
        self._call(
            ("FCALL", self._functions.append, 1, store_keys.head(target), given_ms, 0, nonce(), body, 0, own_time)
            for target, body in entries_of(request).items()
        )

    def delete_outbox(self, request: DeleteOutbox) -> None:
        """See the port."""
        letter = () if request.letter is None else (msgspec.msgpack.encode(request.letter),)
        about = (store_keys.head(request.partition), request.up_to_ordinal, request.lineage, *letter)
        self._call([("FCALL", self._functions.acknowledge_outbox, 1, *about)])

    # --- connections ---

    def _call(self, commands: Iterable[Command]) -> list[Any]:
        if self._commands is None:
            self._connect()
        assert self._commands is not None
        return self._on(self._commands, list(commands))

    def _on(self, connection: ValkeyConnection, commands: Sequence[Command], *, waits_s: float = 0.0) -> list[Any]:
        if not commands:
            return []
        try:
            return connection.call(commands, waits_s=waits_s)
        except StoreLost:
            self.close()
            raise

    @contextmanager
    def _closing(self) -> Iterator[None]:
        try:
            yield
        except StoreLost:
            self.close()
            raise

    def _connect(self) -> None:
        self._commands = ValkeyConnection(self._url, timeout_s=self._timeout_s)
        try:
            self._reader = ValkeyConnection(self._url, timeout_s=self._timeout_s)
            self._commands.call([("FUNCTION", "LOAD", self._functions.source)])
        except StoreLost:
            self.close()
            raise
        except redis.ResponseError as error:
            if not is_already_loaded(error):
                self.close()
                raise

    def _check_claimed(self, partitions: Iterable[int]) -> None:
        if self._reader is None or not self._claimed.issuperset(partitions):
            raise StoreLost("The connection to the store was lost or made anew.", remedy="Claim anew.")

    def _compare_clocks(self) -> None:
        now_s = self._clock.monotonic_s()
        if now_s - self._compared_at_s < _COMPARE_CLOCKS_S:
            return
        self._compared_at_s = now_s
        sent_ms = self._clock.now_ms()
        ((seconds, micros),) = self._call([("TIME",)])
        self._store_clock.heard(sent_ms=sent_ms, store_ms=int(seconds) * 1_000 + int(micros) // 1_000)
