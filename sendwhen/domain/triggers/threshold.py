"""Fires on an event with which a count, sum, average or number of distinct values reaches a bound."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from math import ceil, fsum, isfinite
from typing import Any

import msgspec

from sendwhen.domain.calendar import month_start
from sendwhen.domain.event_filter import EventFilter
from sendwhen.domain.run import Run
from sendwhen.domain.shard_limits import ShardLimits
from sendwhen.domain.trigger_kinds import Fire, Measure, Threshold
from sendwhen.domain.triggers.logic import AtOnce, Hit, Progress, Standing


class Window(msgspec.Struct, array_like=True, gc=False):
    """What counts for one key.

    Attributes:
        since_ms: Beginning of a tumbling window; 0 for the others.
        at_ms: Instants of what counts, ascending. values: beside them, what is summed or told apart; empty for a count.
        count, total: Of what need not be kept one by one, as nothing of it leaves before all of it does.
    """

    key: str
    since_ms: int = 0
    at_ms: list[int] = []
    values: list[float | bytes] = []
    count: int = 0
    total: float = 0.0

    def size(self) -> int:
        """What it takes of ``ShardLimits.window_events``."""
        return max(1, len(self.at_ms))


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Window]).decode
_NOUN = {
    Measure.COUNT: "the number of “{name}”",
    Measure.SUM: "the sum over “{name}”",
    Measure.AVERAGE: "the average over “{name}”",
    Measure.DISTINCT: "the number of different values of “{name}”",
}


class ThresholdLogic(AtOnce):
    """See ``sendwhen.domain.trigger_kinds.Threshold``.

    Remembers, by key, the instants (and values) in a sliding window; of other windows of sums and averages the sum
    and the number; of counts and distinct values no more than the threshold asks for.
    """

    def __init__(self, trigger: Threshold) -> None:
        self._trigger = trigger
        self._measure = trigger.measure
        self.starts: tuple[EventFilter, ...] = (trigger.of,)
        self._needed = ceil(trigger.at_least) if trigger.measure in (Measure.COUNT, Measure.DISTINCT) else 0
        self._summed = trigger.sliding is None and trigger.measure in (Measure.SUM, Measure.AVERAGE)

    def progress(self, memory: bytes, hit: Hit, limits: ShardLimits) -> Progress:
        """The crossing is judged on the event: what left the window has left, then the value without and with it."""
        value = self._value(hit)
        if value is None:
            return Progress(memory, False)
        windows = [one for one in (_decode(memory) if memory else ()) if self._current(one, hit.at_ms)]
        place = next((i for i, one in enumerate(windows) if one.key == hit.key), None)
        window = Window(hit.key, self._since(hit.at_ms)) if place is None else windows.pop(place)
        before = self._reached(window)
        self._add(window, hit.at_ms, value)
        windows.append(window)
        overflows = _shorten(windows, limits.window_events)
        measured = self._measured(window)
        assert measured is not None
        fire = self._trigger.fire
        complete = measured >= self._trigger.at_least and (fire is not Fire.CROSSING or not before)
        if complete and fire is Fire.CONSUME:
            windows.pop()
        memory = _encode(windows) if windows else b""
        return Progress(memory, complete, overflows, value=float(measured) if complete else None)

    def because(self, run: Run) -> str:
        """Why it fires."""
        noun = _NOUN[self._measure].format(name=run.start.name)
        reached = "" if run.value is None else f", being {run.value:g}"
        return f"{noun} reached {self._trigger.at_least:g}{reached}"

    def standings(self, memory: bytes) -> Sequence[Standing]:
        """What was measured with the last event."""
        told = []
        for window in _decode(memory):
            noun, measured = _NOUN[self._measure].format(name=self._trigger.of.event), self._measured(window)
            latest_ms = window.at_ms[-1] if window.at_ms else 0
            told.append(Standing(window.key, f"{noun} was {measured or 0:g} of {self._trigger.at_least:g}", latest_ms))
        return told

    def join(self, own: bytes, other: bytes) -> bytes:
        """Everything that counts for either."""
        windows = {one.key: one for one in _decode(own)}
        for theirs in _decode(other):
            mine = windows.get(theirs.key)
            if mine is None or mine.since_ms < theirs.since_ms:
                windows[theirs.key] = theirs
            elif mine.since_ms == theirs.since_ms:
                windows[theirs.key] = self._joined(mine, theirs)
        ordered = sorted(windows.values(), key=lambda one: (one.at_ms[-1:], one.key))
        return _encode(ordered)

    def _joined(self, mine: Window, theirs: Window) -> Window:
        together = Window(mine.key, mine.since_ms, count=mine.count + theirs.count, total=mine.total + theirs.total)
        entries = [*_entries(mine), *_entries(theirs)]
        for at_ms, value in sorted(entries, key=lambda entry: entry[0]):
            self._add(together, at_ms, value)
        return together

    def _value(self, hit: Hit) -> float | bytes | None:
        expression = self._trigger.value
        if expression is None or self._measure is Measure.COUNT:
            return 1
        value = expression.value(hit.event, hit.customer, hit.event, hit.at_ms)
        if self._measure is Measure.DISTINCT:
            return None if value is None else _digest(value)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        return float(value) if isfinite(value) else None

    def _since(self, at_ms: int) -> int:
        tumbling = self._trigger.tumbling
        if tumbling is None:
            return 0
        return month_start(at_ms, tumbling.months) if tumbling.months else at_ms // tumbling.ms * tumbling.ms

    def _current(self, window: Window, at_ms: int) -> bool:
        """Whether anything of it still counts; what left a sliding window is taken out."""
        if self._trigger.sliding is None:
            return window.since_ms >= self._since(at_ms)
        after = self._trigger.sliding.after
        gone = 0
        while gone < len(window.at_ms) and after(window.at_ms[gone]) <= at_ms:
            gone += 1
        del window.at_ms[:gone], window.values[:gone]
        return bool(window.at_ms)

    def _add(self, window: Window, at_ms: int, value: float | bytes) -> None:
        if self._summed:
            assert not isinstance(value, bytes)
            window.count += 1
            window.total += value
            return
        if self._measure is Measure.DISTINCT and value in window.values:
            known = window.values.index(value)
            at_ms = max(at_ms, window.at_ms[known])
            del window.at_ms[known], window.values[known]
        place = len(window.at_ms)
        while place and window.at_ms[place - 1] > at_ms:
            place -= 1
        window.at_ms.insert(place, at_ms)
        if self._measure is not Measure.COUNT:
            window.values.insert(place, value)
        if self._needed:
            # Whether so many are in the window is told by the latest so many.
            surplus = len(window.at_ms) - self._needed
            del window.at_ms[: max(0, surplus)], window.values[: max(0, surplus)]

    def _reached(self, window: Window) -> bool:
        measured = self._measured(window)
        return measured is not None and measured >= self._trigger.at_least

    def _measured(self, window: Window) -> float | None:
        if self._measure in (Measure.COUNT, Measure.DISTINCT):
            return len(window.at_ms)
        count = window.count or len(window.values)
        total = window.total if self._summed else fsum(one for one in window.values if not isinstance(one, bytes))
        if self._measure is Measure.SUM:
            return total
        return total / count if count else None


def _entries(window: Window) -> list[tuple[int, float | bytes]]:
    return list(zip(window.at_ms, window.values or [1.0] * len(window.at_ms), strict=True))


def _shorten(windows: list[Window], events_max: int) -> int:
    """Bring all keys together within the limit: what was touched least recently goes first; how much went."""
    size, gone = sum(one.size() for one in windows), 0
    while size > events_max and len(windows) > 1:
        gone += 1
        size -= windows.pop(0).size()
    surplus = max(0, size - events_max)
    if surplus and windows:
        del windows[0].at_ms[:surplus], windows[0].values[:surplus]
    return gone + surplus


def _digest(value: Any) -> bytes:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = f"{'number' if number else type(value).__name__}:{value}"
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
