"""Logs of a few partitions, as the store would hand them to an archive."""

from __future__ import annotations

import random
from collections.abc import Sequence

from sendwhen.archive.columns import LoggedEntry
from sendwhen.wire.entry import event_entry, skip_entry, tick_entry
from sendwhen.wire.event import event_message
from tests.builders import HOUR_MS, T0_MS, an_event


def entry(seq: int, body: bytes, *, at_ms: int = T0_MS, nonce: int = 0) -> LoggedEntry:
    number = seq if nonce == 0 else nonce
    return LoggedEntry(seq=seq, at_ms=at_ms, appended_at_us=at_ms * 1_000, nonce=number.to_bytes(8, "big"), body=body)


def events(*of: object, front_received_at_us: int = 5) -> bytes:
    return event_entry([event_message(one).SerializeToString() for one in of], front_received_at_us)  # type: ignore[arg-type]  # events


def a_log(entries: int, *, first: int = 1, seed: int = 3, step_ms: int = HOUR_MS) -> Sequence[LoggedEntry]:
    """Entries of mixed kinds, a step of log time apart: most with a few events of a few customers."""
    chance = random.Random(seed)
    made = []
    for seq in range(first, first + entries):
        at_ms = T0_MS + seq * step_ms
        kind = chance.random()
        if kind < 0.1:
            body = tick_entry()
        elif kind < 0.2 and seq > 1:
            body = skip_entry(skipped_seq=seq - 1, index=0, reason="failed")
        else:
            body = events(
                *(
                    an_event(
                        chance.choice(("Product Viewed", "Product Added", "Order Completed")),
                        chance.choice(("ada", "bob", "cleo", "dan")),
                        event_id=f"e-{seq}-{index}",
                        at_ms=at_ms - chance.randrange(1_000),
                        properties={"price": chance.randrange(100), "name": "Müller\u2028"},
                        attributes={"plan": "pro"} if index == 0 else None,
                    )
                    for index in range(chance.randrange(1, 5))
                )
            )
        made.append(entry(seq, body, at_ms=at_ms))
    return made
