"""The threads of a shard: one carries the host's requests out on the store, one the relay's on outbox and sender.

They meet in ``ReleasedRows``. When either ends by an exception the shard is dead: ``died`` is told, and whoever runs it
ends the process. Nothing here decides anything.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Mapping
from typing import Any, Protocol, assert_never

import msgspec
import structlog

from sendwhen.v1 import email_pb2
from services.trigger.outbox_relay import OutboxRelay
from services.trigger.ports import (
    TO_SENDER,
    Claim,
    DeleteOutbox,
    Deliver,
    OutboxRow,
    Pause,
    Push,
    Read,
    ReadOutbox,
    RelayRequest,
    Release,
    SenderLost,
    SenderRefused,
    ShardRequest,
    StoreLost,
)
from services.trigger.shard_host import ShardHost
from services.trigger.store_port import ShardStore
from services.trigger.store_requests import carry_out

log = structlog.get_logger()

BACKOFF_S = 0.02
BACKOFF_MAX_S = 1.0
JOIN_S = 10.0
GC_THRESHOLDS = (50_000, 50, 1_000)
"""Customers live long and hold no cycles; the defaults look through all of them again and again."""

Rows = Mapping[int, tuple[OutboxRow, ...]]


class Sender(Protocol):
    """Takes rows of an outbox."""

    def push(self, request: Push) -> None:
        """Return when they are durable there.

        Raises:
            SenderLost: Sender did not say so.
            SenderRefused: It will never take them.
        """
        ...


class ReleasedRows:
    """Committed rows on their way from the host's thread to the relay's. () for a partition: look into the outbox.

    That is so after a claim, and where more than ``rows_max`` of a partition wait because the relay is held up.
    """

    def __init__(self, *, rows_max: int = 2_000) -> None:
        self._rows_max = rows_max
        self._changed = threading.Condition()
        self._rows: dict[int, tuple[OutboxRow, ...]] = {}
        self._closed = False

    def put(self, rows: Rows) -> None:
        """Hand rows over; never waits."""
        with self._changed:
            for partition, more in rows.items():
                before = self._rows.get(partition)
                # Where the outbox itself is going to be read, its rows need not be kept here.
                fresh = () if not more or before == () else (*(before or ()), *more)
                self._rows[partition] = fresh if len(fresh) <= self._rows_max else ()
            self._changed.notify()

    def take(self, at_most_s: float) -> Rows:
        """All that came, waiting for it."""
        with self._changed:
            if not self._rows and not self._closed and at_most_s > 0:
                self._changed.wait(at_most_s)
            taken, self._rows = self._rows, {}
            return taken

    def close(self) -> None:
        """Wake who waits."""
        with self._changed:
            self._closed = True
            self._changed.notify()


class ShardDriver:
    """A host and a relay, each on its thread and on its own connection to the store."""

    def __init__(
        self,
        *,
        host: ShardHost,
        relay: OutboxRelay,
        host_store: ShardStore,
        relay_store: ShardStore,
        sender: Sender,
        now_us: Callable[[], int],
        died: Callable[[BaseException], None],
    ) -> None:
        self.host, self.relay = host, relay
        self._host_store, self._relay_store = host_store, relay_store
        self._sender = sender
        self._now_us = now_us
        self._died = died
        self._released = ReleasedRows()
        self._stop = threading.Event()
        self._threads = (
            threading.Thread(target=self._guarded, args=(self._run_host,), name="shard-host", daemon=True),
            threading.Thread(target=self._guarded, args=(self._run_relay,), name="outbox-relay", daemon=True),
        )

    def start(self) -> None:
        """Start both threads."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> bool:
        """Stop after the round under way; everything done is committed then. False: a thread has not ended in time."""
        self._stop.set()
        self._released.close()
        for thread in self._threads:
            if thread is not threading.current_thread() and thread.ident is not None:
                thread.join(JOIN_S)
        return not self.alive()

    def alive(self) -> bool:
        """Whether a thread runs."""
        return any(thread.is_alive() for thread in self._threads)

    def _guarded(self, run: Callable[[], None]) -> None:
        try:
            run()
        except BaseException as error:  # noqa: BLE001 - a mute shard must not go on answering control calls
            self._died(error)

    def _run_host(self) -> None:
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        steps = self.host.run()
        answer: Any = None
        lost: StoreLost | None = None
        losses = 0
        while True:
            request = steps.throw(lost) if lost is not None else steps.send(answer)
            if self._stop.is_set() and isinstance(request, Claim | Read):
                steps.close()
                return
            try:
                answer, lost = self._carry_out(request), None
                losses = losses if isinstance(request, Claim) else 0
            except StoreLost as error:
                answer, lost = None, error
                self._stop.wait(min(BACKOFF_S * 2 ** min(losses, 10), BACKOFF_MAX_S))
                losses += 1
                if losses == 1 or losses % 30 == 0:
                    log.warning("shard.store_lost", problem=error.problem, losses=losses)

    def _carry_out(self, request: ShardRequest) -> object:
        if isinstance(request, Release):
            self._released.put({p: tuple(map(self._stamped, rows)) for p, rows in request.rows.items()})
            return None
        return carry_out(self._host_store, request)

    def _run_relay(self) -> None:
        steps = self.relay.run()
        answer: Any = None
        failed: StoreLost | SenderLost | SenderRefused | None = None
        while not self._stop.is_set():
            request = steps.throw(failed) if failed is not None else steps.send(answer)
            try:
                answer, failed = self._relay(request), None
            except (StoreLost, SenderLost, SenderRefused) as error:
                answer, failed = None, error
                log.warning("relay.failed", kind=type(error).__name__, problem=error.problem)
        steps.close()

    def _relay(self, request: RelayRequest) -> object:
        match request:
            case Pause():
                return self._released.take(request.at_most_ms / 1_000)
            case Push():
                self._sender.push(request)
                return None
            case Deliver():
                self._relay_store.deliver(request)
                return None
            case ReadOutbox():
                return tuple(map(self._stamped, self._relay_store.read_outbox(request)))
            case DeleteOutbox():
                self._relay_store.delete_outbox(request)
                return None
            case _:
                assert_never(request)

    def _stamped(self, row: OutboxRow) -> OutboxRow:
        if row.target != TO_SENDER:
            return row
        # Serialised messages that follow each other are merged, so the stamp needs no parsing.
        trace = email_pb2.TraceStamps(committed_at_us=self._now_us())
        stamp = email_pb2.SendIntent(trace=trace).SerializeToString()
        return msgspec.structs.replace(row, intent=row.intent + stamp)
