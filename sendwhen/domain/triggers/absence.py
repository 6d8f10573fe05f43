"""Fires when, after a start, nothing that would answer it comes for a while."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

import msgspec
from msgspec.structs import replace

from sendwhen.domain.run import Run
from sendwhen.domain.shard_limits import ShardLimits
from sendwhen.domain.span import Span
from sendwhen.domain.trigger_kinds import Absence
from sendwhen.domain.triggers.logic import Begun, Hit, Past, Progress, Standing
from sendwhen.domain.triggers.sequence import SequenceLogic

FIRINGS_MAX = 100
"""Firings of a repeated absence from one start."""


class Partial(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A start sequence that was begun.

    Attributes:
        first_at_ms: Log time of its first event. done: how many of its events were seen.
        until_ms: When its window is over, by the version with which it began; 0: never. -1: kept by an earlier release.
    """

    key: str
    first_at_ms: int
    done: int
    until_ms: int = -1


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[Partial, ...]).decode


class AbsenceLogic:
    """See ``sendwhen.domain.trigger_kinds.Absence``. Remembers the start sequences that were begun, oldest first."""

    def __init__(self, trigger: Absence) -> None:
        self._trigger = trigger
        self._sequence = None if trigger.sequence is None else SequenceLogic(trigger.sequence)
        self.starts = trigger.start if self._sequence is None else self._sequence.starts
        self.answers = trigger.unless
        self.on_restart = trigger.on_restart
        self.waits_for_itself = False
        self.at_latest = trigger.at_latest

    def progress(self, memory: bytes, hit: Hit, limits: ShardLimits) -> Progress:
        """Every first event is tracked; a completion drops all partials of its key (rule R7)."""
        if self._sequence is not None:
            return self._sequenced(self._sequence.progress(memory, hit, limits), hit)
        last = len(self.starts) - 1
        if last == 0:
            return Progress(b"", True)
        key, at_ms, hits = hit.key, hit.at_ms, hit.indexes
        moved = []
        for partial in _decode(memory) if memory else ():
            if self._over(partial, at_ms):
                continue
            if partial.key == key and partial.done in hits:
                if partial.done == last:
                    return Progress(self._without(memory, key), True)
                moved.append(Partial(key, partial.first_at_ms, partial.done + 1, partial.until_ms))
            else:
                moved.append(partial)
        if 0 in hits:
            moved.append(Partial(key, at_ms, 1, self._until_ms(at_ms)))
        overflows = max(0, len(moved) - limits.partials)
        del moved[:overflows]
        return Progress(_encode(moved) if moved else b"", False, overflows)

    @staticmethod
    def _sequenced(progress: Progress, hit: Hit) -> Progress:
        # The wait starts with the event that completes the sequence; of the others the named ones are kept.
        if progress.begun is None:
            return progress
        return replace(progress, begun=Begun(hit.at_ms, hit.occurrence, progress.begun.captured))

    def due_at_ms(self, hit: Hit) -> int | None:
        """After the fixed time, or what the starting event says, shortened to the longest allowed."""
        duration = self._trigger.duration
        if duration.value is None:
            return Span(ms=duration.fixed_ms, months=duration.months).after(hit.at_ms)
        number = duration.value.value(hit.event, hit.customer, hit.event, hit.at_ms)
        if isinstance(number, bool) or not isinstance(number, int | float) or not number > 0:
            return None
        if not isfinite(number) or number > duration.at_most_ms / duration.unit_ms:
            return hit.at_ms + duration.at_most_ms
        # A wait shorter than the clock can tell is one tick of the clock, not none: the start itself never fires.
        return hit.at_ms + max(1, round(number * duration.unit_ms))

    def due_again_at_ms(self, run: Run, due_at_ms: int) -> int | None:
        """So long after this firing as it came after what is before it, as often as allowed."""
        repeat, duration = self._trigger.repeat, self._trigger.duration
        if repeat is None or run.occurrence + 1 >= min(repeat.at_most or FIRINGS_MAX, FIRINGS_MAX):
            return None
        if duration.value is None:
            again_ms = Span(ms=duration.fixed_ms, months=duration.months).after(due_at_ms)
        else:
            again_ms = due_at_ms + (due_at_ms - run.start_at_ms) // (run.occurrence + 1)
        over = repeat.within is not None and again_ms >= repeat.within.after(run.start_at_ms)
        return None if over else again_ms

    def because(self, run: Run) -> str:
        """Why it fires."""
        names = " or ".join(dict.fromkeys(f"“{answer.event}”" for answer in self.answers))
        name, again = run.start.name, f", {run.occurrence + 1} times in a row" if run.occurrence else ""
        return f"no {names} came in time after “{name}”{again}" if names else f"the wait after “{name}” is over{again}"

    def standings(self, memory: bytes) -> Sequence[Standing]:
        """What each start that was begun waits for."""
        if self._sequence is not None:
            return self._sequence.standings(memory)
        return [
            Standing(one.key, f"a start waits for “{self.starts[one.done].event}”", one.first_at_ms)
            for one in _decode(memory)
        ]

    def join(self, own: bytes, other: bytes) -> bytes:
        """All that was begun by either, oldest first."""
        if self._sequence is not None:
            return self._sequence.join(own, other)
        return _encode(sorted((*_decode(own), *_decode(other)), key=lambda one: (one.first_at_ms, one.key, one.done)))

    def rejoin(self, own: bytes, other: bytes, past: Sequence[Past], since_ms: int, limits: ShardLimits) -> bytes:
        """See ``Replayed``."""
        if self._sequence is not None:
            return self._sequence.rejoin(own, other, past, since_ms, limits)
        if len(self.starts) == 1:
            return b""
        remembered = [
            (partial, mine)
            for memory, mine in ((own, True), (other, False))
            for partial in (_decode(memory) if memory else ())
        ]
        # What began within the histories, and is open still, is begun again and moved on by the events of both sides.
        again = {(one.key, one.first_at_ms, mine): one for one, mine in remembered if one.first_at_ms >= since_ms}
        partials: list[tuple[Partial, bool | None]] = [one for one in remembered if one[0].first_at_ms < since_ms]
        partials.sort(key=lambda one: one[0].first_at_ms)
        for one in past:
            partials = self._replay(partials, one, again.get((one.hit.key, one.hit.at_ms, one.own)))
        kept = [partial for partial, _ in partials][-limits.partials :]
        return _encode(kept) if kept else b""

    def _replay(
        self, partials: Sequence[tuple[Partial, bool | None]], one: Past, begins: Partial | None
    ) -> list[tuple[Partial, bool | None]]:
        hit, last = one.hit, len(self.starts) - 1
        moved: list[tuple[Partial, bool | None]] = []
        for partial, mine in partials:
            if self._over(partial, hit.at_ms):
                continue
            if partial.key != hit.key or partial.done not in hit.indexes or mine is one.own:
                moved.append((partial, mine))
            elif partial.done != last:
                moved.append((Partial(partial.key, partial.first_at_ms, partial.done + 1, partial.until_ms), mine))
        if 0 in hit.indexes and begins is not None:
            moved.append((Partial(hit.key, hit.at_ms, 1, begins.until_ms), None))
        return moved

    def _over(self, partial: Partial, at_ms: int) -> bool:
        until_ms = self._until_ms(partial.first_at_ms) if partial.until_ms < 0 else partial.until_ms
        return until_ms > 0 and at_ms >= until_ms

    def _until_ms(self, first_at_ms: int) -> int:
        return first_at_ms + self._trigger.start_within_ms if self._trigger.start_within_ms else 0

    @staticmethod
    def _without(memory: bytes, key: str) -> bytes:
        others = [partial for partial in _decode(memory) if partial.key != key]
        return _encode(others) if others else b""
