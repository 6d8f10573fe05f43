"""The store as a shard uses it: carries out the requests of ``ports``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

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
    Read,
    ReadAnswer,
    ReadOutbox,
    Refusal,
)
from services.trigger.review_port import ReviewStore


class ShardStore(ReviewStore, Protocol):
    """The store as a shard uses it, one method for each request. Every method raises StoreLost."""

    def claim(self, request: Claim) -> Mapping[int, Claimed | Refusal]:
        """See Claim."""
        ...

    def read(self, request: Read) -> ReadAnswer:
        """See Read."""
        ...

    def load(self, request: Load) -> Mapping[int, tuple[tuple[bytes | None, bytes], ...]]:
        """See Load."""
        ...

    def load_past(self, request: LoadPast) -> Mapping[int, tuple[tuple[bytes | None, ...], ...]]:
        """See LoadPast."""
        ...

    def due(self, request: Due) -> Mapping[int, DueAnswer]:
        """See Due."""
        ...

    def commit(self, request: Commit) -> Mapping[int, Refusal | None]:
        """See Commit."""
        ...

    def await_commit(self) -> Mapping[int, Refusal | None]:
        """See AwaitCommit."""
        ...

    def append_tick(self, request: AppendTick) -> bool | Refusal:
        """See AppendTick."""
        ...

    def mark_trying(self, request: MarkTrying) -> int | Refusal:
        """See MarkTrying."""
        ...

    def read_outbox(self, request: ReadOutbox) -> tuple[OutboxRow, ...]:
        """See ReadOutbox."""
        ...

    def deliver(self, request: Deliver) -> None:
        """See Deliver."""
        ...

    def delete_outbox(self, request: DeleteOutbox) -> None:
        """See DeleteOutbox."""
        ...
