"""Moves the clock of an installation that runs on the events' own time: a tick in every partition."""

from __future__ import annotations

from collections.abc import Sequence

from sendwhen.domain.event import LATEST_MS
from sendwhen.errors import Invalid, Overloaded, Precondition, Violation
from sendwhen.wire.entry import tick_entry
from services.trigger.log_port import Append, Appended, Lagging, Log


async def advance_clock(event_log: Log, to_ms: int, *, partitions: int, event_clock: bool) -> Sequence[Appended]:
    """Append ticks at ``to_ms``; clocks that are later stay. Repeating it is harmless.

    Raises:
        Precondition: The installation runs on the wall's clock.
        Overloaded: A shard is too far behind; some partitions may have their tick.
    """
    if not event_clock:
        raise Precondition(
            "This installation runs on the wall's clock, which nobody moves.",
            remedy="Create one with --clock=events to replay the past.",
        )
    if not 0 < to_ms <= LATEST_MS:
        raise Invalid.of([Violation(field="to_ms", description="Send milliseconds since 1970-01-01 UTC, before 2100.")])
    ticks = [Append(partition=partition, body=tick_entry(), events=0, at_ms=to_ms) for partition in range(partitions)]
    outcomes = await event_log.append(ticks)
    for outcome in outcomes:
        if isinstance(outcome, Lagging):
            raise Overloaded(f"Partition {outcome.partition} is {outcome.lag_events} events behind.")
    return [outcome for outcome in outcomes if isinstance(outcome, Appended)]
