"""Finds a customer's committed record by any of its ids."""

from __future__ import annotations

import asyncio

from sendwhen.domain.customer import Customer
from sendwhen.domain.partition import customer_uid, normalised_email, routing_hash, routing_key
from sendwhen.domain.record import read_record
from services.trigger.log_port import Log


class Lookup:
    """Reads committed records."""

    def __init__(self, event_log: Log, *, partitions: int) -> None:
        self._log = event_log
        self._partitions = partitions

    async def by_uid(self, uid: str) -> tuple[int, Customer] | None:
        """Partition and customer; a uid does not tell its partition, so all are asked."""
        records = await asyncio.gather(*(self._log.record(partition, uid) for partition in range(self._partitions)))
        for partition, record in enumerate(records):
            if record is not None:
                return partition, read_record(record)
        return None

    async def by_identity(
        self, *, user_id: str = "", anonymous_id: str = "", email: str = ""
    ) -> tuple[int, Customer] | None:
        """Partition and customer whose events are kept under this identity."""
        key = routing_key(user_id=user_id, anonymous_id=anonymous_id, email=normalised_email(email))
        partition = routing_hash(key) % self._partitions
        record = await self._log.record(partition, customer_uid(key))
        return None if record is None else (partition, read_record(record))
