"""Customers by their earliest deadline, as the store keeps them: a sorted set of a partition."""

from __future__ import annotations

from typing import Any

from services.trigger import store_keys
from services.trigger.valkey_connection import Command


def due_range(partition: int, low: Any, high: int, *more: Any) -> Command:
    """Asks for those between two instants, inclusive."""
    return ("ZRANGE", store_keys.due(partition), low, high, "BYSCORE", *more, "WITHSCORES")


def due_rows(reply: list[bytes]) -> list[tuple[int, str]]:
    """(due_ms, uid), ascending, of the answer."""
    return [(int(score), uid.decode()) for uid, score in zip(reply[::2], reply[1::2], strict=True)]
