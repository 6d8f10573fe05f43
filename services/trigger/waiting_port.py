"""Records of customers who wait, read in pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec


class WaitingPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some customers who have a deadline.

    Attributes:
        records: (uid, record as committed); one who went meanwhile is left out.
        total: Customers of the partition who have a deadline.
    """

    records: Sequence[tuple[str, bytes]]
    total: int


class WaitingRecords(Protocol):
    """Reads committed records. Raises StoreLost."""

    async def page(self, partition: int, first: int, limit: int) -> WaitingPage:
        """Customers from place ``first`` on, in the order of their earliest deadline; none: there are no more.

        Deadlines come and go between two pages, so a customer may be seen twice or not at all.
        """
        ...
