"""Customers by their earliest deadline, as the store keeps them: a sorted set of a partition."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from services.trigger import store_keys
from services.trigger.ports import Due, DueAnswer
from services.trigger.valkey_connection import Command


def due_answers(request: Due, call: Callable[[Iterable[Command]], list[Any]]) -> Mapping[int, DueAnswer]:
    """See Due."""
    at_most = request.customers_max
    replies = call(
        _range(partition, "-inf", up_to_ms, "LIMIT", 0, at_most + 1) for partition, up_to_ms in request.up_to_ms.items()
    )
    answers: dict[int, DueAnswer] = {}
    for (partition, up_to_ms), reply in zip(request.up_to_ms.items(), replies, strict=True):
        rows = _rows(reply)
        complete_to_ms = up_to_ms
        if len(rows) > at_most:
            cut_ms = rows[-1][0]
            rows = [row for row in rows if row[0] < cut_ms]
            complete_to_ms = cut_ms - 1
            if not rows:
                rows = _rows(call([_range(partition, cut_ms, cut_ms)])[0])
                complete_to_ms = cut_ms
        answers[partition] = DueAnswer(customers=tuple(rows), complete_to_ms=complete_to_ms)
    return answers


def _range(partition: int, low: Any, high: int, *more: Any) -> Command:
    return ("ZRANGE", store_keys.due(partition), low, high, "BYSCORE", *more, "WITHSCORES")


def _rows(reply: list[bytes]) -> list[tuple[int, str]]:
    return [(int(score), uid.decode()) for uid, score in zip(reply[::2], reply[1::2], strict=True)]
