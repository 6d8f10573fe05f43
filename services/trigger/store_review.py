"""Names known customers in a partition's log, as ``store_review.lua`` does."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from services.trigger import store_keys
from services.trigger.review_port import ReviewCustomers, Reviewed
from services.trigger.valkey_commit import nonce
from services.trigger.valkey_connection import Command


def reviewed(
    request: ReviewCustomers, call: Callable[[Iterable[Command]], list[Any]], function: str, now_ms: int | None
) -> Reviewed | None:
    """See ReviewCustomers; ``now_ms`` is None on the events' own time."""
    head = store_keys.head(request.partition)
    fence = (request.epoch, request.owner, request.mark, request.customers_max)
    entry = (now_ms or 0, nonce(), "1" if now_ms is None else "")
    ((refused, customers, done),) = call([("FCALL", function, 1, head, *fence, *entry)])
    return None if refused else Reviewed(customers=customers, done=done == 1)
