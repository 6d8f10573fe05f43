"""Adds events to the counts that conditions ask for, and keeps these within their limit."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sendwhen.domain.customer import Customer
from sendwhen.domain.predicate import History
from sendwhen.domain.shard_limits import ShardLimits
from sendwhen.domain.tally import counted


def add(
    customer: Customer, histories: Iterable[History], at_ms: int, *, known: Collection[str], limits: ShardLimits
) -> int:
    """Count one event in these; how many of them had no room.

    ``known``: names of all counts that any version of a campaign asks for.
    """
    tallies, overflows = dict(customer.tallies), 0
    for history in histories:
        name = history.tally
        if name not in tallies and len(tallies) >= limits.tallies:
            tallies = {one: packed for one, packed in tallies.items() if one in known}
            if len(tallies) >= limits.tallies:
                overflows += 1
                continue
        tallies[name] = counted(tallies.get(name, b""), history, at_ms)
    customer.tallies = tallies
    return overflows
