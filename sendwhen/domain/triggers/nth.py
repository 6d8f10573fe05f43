"""Fires once, on the event with a certain ordinal."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from sendwhen.domain.event_filter import EventFilter
from sendwhen.domain.run import Run
from sendwhen.domain.shard_limits import ShardLimits
from sendwhen.domain.trigger_kinds import Nth
from sendwhen.domain.triggers.logic import AtOnce, Hit, Progress, Standing

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(dict[str, int]).decode


class NthLogic(AtOnce):
    """See ``sendwhen.domain.trigger_kinds.Nth``. Remembers how many came, by key, up to the ordinal."""

    def __init__(self, trigger: Nth) -> None:
        self._ordinal = trigger.ordinal
        self.starts: tuple[EventFilter, ...] = (trigger.of,)

    def progress(self, memory: bytes, hit: Hit, limits: ShardLimits) -> Progress:
        """Count; beyond the ordinal there is nothing to count."""
        counts = _decode(memory) if memory else {}
        count = counts.pop(hit.key, 0) + 1
        counts[hit.key] = min(count, self._ordinal)
        overflows = 0
        while len(counts) > limits.trigger_keys:
            del counts[next(iter(counts))]
            overflows += 1
        return Progress(_encode(counts), count == self._ordinal, overflows, value=float(count))

    def because(self, run: Run) -> str:
        """Why it fires."""
        return f"“{run.start.name}” happened for the {_ordinal(self._ordinal)} time"

    def standings(self, memory: bytes) -> Sequence[Standing]:
        """How many came."""
        return [Standing(key, f"{count} of {self._ordinal} came") for key, count in _decode(memory).items()]

    def join(self, own: bytes, other: bytes) -> bytes:
        """Counts add up. An ordinal that is reached by that is over: what is past fires nothing."""
        counts = _decode(own)
        for key, count in _decode(other).items():
            counts[key] = min(counts.get(key, 0) + count, self._ordinal)
        return _encode(counts)


def _ordinal(number: int) -> str:
    if number % 100 in (11, 12, 13):
        return f"{number}th"
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th') }"
