"""What profile needs of the outside: committed records, where partitions stand, and the streams of changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from sendwhen.errors import Unavailable
from sendwhen.v1.customer_pb2 import Customer


class ChangesLost(Unavailable):
    """The stream of changes broke off; what happened meanwhile is unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Where a partition stands.

    Attributes:
        changes: Number of its latest change, 0 before the first.
        position: Sequence of the last log entry committed.
        position_ms: Log time of that entry.
    """

    changes: int
    position: int
    position_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One commit that changed customers.

    Attributes:
        number: Dense within the partition.
        position: Sequence of the last log entry it contains.
    """

    partition: int
    number: int
    position: int
    uids: tuple[str, ...]


class Records(Protocol):
    """Committed records; read only. Every method raises Unavailable when the store cannot be reached."""

    async def load(self, uids: Mapping[int, Sequence[str]]) -> Mapping[int, Sequence[bytes | None]]:
        """Records by partition, in the order asked; None where the partition has no such customer."""
        ...

    async def head(self, partition: int) -> Head:
        """Where a partition stands now."""
        ...


class Changes(Protocol):
    """The change streams of all partitions over one connection."""

    async def connect(self) -> Mapping[int, Head]:
        """Begin anew: where every partition stands. What comes after that is read by ``read``.

        Raises:
            ChangesLost: The store cannot be reached.
        """
        ...

    async def read(self, after: Mapping[int, int]) -> Sequence[Change]:
        """Changes behind these numbers, by partition ascending; waits about a second and may answer none.

        Raises:
            ChangesLost: The connection broke. It is never mended silently: call ``connect``.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """In the place of a customer who was joined into another: where that one is."""

    uid: str
    partition: int


class AsMessage(Protocol):
    """Turns a stored record into what the outside sees."""

    def __call__(self, record: bytes, *, partition: int) -> Customer | Moved:
        """The customer, or where to look instead.

        Raises:
            Precondition: A later version of sendwhen wrote it.
        """
        ...


class Now(Protocol):
    """What time it is for a partition: the wall clock, or log time where that is the events' own."""

    async def __call__(self, partition: int) -> int:
        """Milliseconds since 1970-01-01 UTC."""
        ...
