"""Older events of customers, brought back from beside their records for as long as one round needs them."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from sendwhen.domain.customer import Customer
from sendwhen.domain.past import PAST_SLOTS, behind, chunk_events, joined, kept_events
from sendwhen.domain.shard_limits import ShardLimits
from sendwhen.errors import Precondition


class Recalled:
    """Chunks by uid."""

    def __init__(self, limits: ShardLimits) -> None:
        self._chunk_events = chunk_events(limits.recent_events)
        self._kept_events = kept_events(limits.recent_events)
        self._chunks: dict[str, Sequence[bytes | None]] = {}

    def keep(self, uid: str, chunks: Sequence[bytes | None]) -> None:
        """What lies beside the record, as of the last commit."""
        self._chunks[uid] = chunks

    def forget(self) -> None:
        """A commit is coming; what lies there will be other chunks."""
        self._chunks.clear()

    def whole(self, customer: Customer) -> Customer:
        """The customer with all recent events: the same, however many of them were cut off by commits.

        Its next chunk has a number by which none of those that lie beside the record now is taken for one of its own.

        Raises:
            Precondition: They were not brought.
        """
        if not customer.exists:
            return customer
        if customer.uid not in self._chunks:
            raise Precondition(
                f"Older events of customer {customer.uid} were not recalled.",
                remedy="Recall those of the customers in past_wanted() first.",
            )
        recent, count = joined(customer.recent, customer.recent_count, customer.past_chunks, self._chunks[customer.uid])
        over = max(0, count - self._kept_events)
        number = customer.past_chunks + customer.recent_count // self._chunk_events + PAST_SLOTS
        return replace(customer, recent=recent[behind(recent, over) :], recent_count=count - over, past_chunks=number)
