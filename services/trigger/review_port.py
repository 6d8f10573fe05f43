"""What a host asks of the store so that its shards look at customers who were known before a campaign was put."""

from __future__ import annotations

from typing import Protocol

import msgspec


class ReviewCustomers(msgspec.Struct, frozen=True, kw_only=True):
    """Append an entry that names the next customers of a partition, behind the fence.

    The store goes through all customers once for each mark, and remembers how far it is: the same mark again goes on
    where the last entry ended, also for another owner. Who comes meanwhile may be left out, who stays is not; after the
    store's process has changed it begins anew. Answer: Reviewed, or None where another owner has taken over.

    Attributes:
        mark: Names what is to be looked at (``Shard.watch_mark``).
        customers_max: About so many in one entry.
    """

    partition: int
    epoch: int
    owner: str
    mark: str
    customers_max: int


class Reviewed(msgspec.Struct, frozen=True, kw_only=True):
    """What was appended.

    Attributes:
        customers: Named in the entry; 0: there is no entry.
        done: All customers were named for this mark.
    """

    customers: int
    done: bool


class ReviewStore(Protocol):
    """This part of the store as a shard uses it."""

    def review(self, request: ReviewCustomers) -> Reviewed | None:
        """See ReviewCustomers. Raises StoreLost."""
        ...
