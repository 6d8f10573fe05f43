"""A stored customer record as the outside sees it."""

from __future__ import annotations

from sendwhen.domain.record import read_record
from sendwhen.v1.customer_pb2 import Customer
from sendwhen.wire.customer import customer_message
from services.profile.ports import Moved


def record_message(record: bytes, *, partition: int) -> Customer | Moved:
    """The customer, or where a tombstone points to.

    Raises:
        Precondition: A later version of sendwhen wrote it.
    """
    customer = read_record(record)
    if customer.into is not None:
        return Moved(uid=customer.into.uid, partition=customer.into.partition)
    return customer_message(customer, partition=partition)
