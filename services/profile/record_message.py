"""A stored customer record as the outside sees it."""

from __future__ import annotations

from sendwhen.domain.record import read_record
from sendwhen.v1.customer_pb2 import Customer
from sendwhen.wire.customer import customer_message


def record_message(record: bytes, *, partition: int) -> Customer:
    """The customer.

    Raises:
        Precondition: A later version of sendwhen wrote it.
    """
    return customer_message(read_record(record), partition=partition)
