"""Fires when, after a start, nothing that would answer it comes for a while."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

import msgspec
from msgspec.structs import astuple, replace

from sendwhen.domain.run import Run
from sendwhen.domain.shard_limits import ShardLimits
from sendwhen.domain.span import Span
from sendwhen.domain.trigger_kinds import Absence
from sendwhen.domain.triggers.logic import Begun, Hit, Past, Progress, Standing
from sendwhen.domain.triggers.retelling import MOVES_KEPT, Known, Retold, known_of
from sendwhen.domain.triggers.sequence import SequenceLogic

FIRINGS_MAX = 100
"""Firings of a repeated absence from one start."""


class Partial(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A start sequence that was begun.

    Attributes:
        first_at_ms: Log time of its first event. done: how many of its events were seen.
        later: Instants of the events behind the first, the latest.
    """

    key: str
    first_at_ms: int
    done: int
    later: tuple[int, ...] = ()

    def moved(self, at_ms: int) -> Partial:
        """The next of its events came."""
        return Partial(self.key, self.first_at_ms, self.done + 1, (*self.later, at_ms)[-MOVES_KEPT:])


_packed = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[Partial, ...]).decode


def _encode(partials: Sequence[Partial]) -> bytes:
    # Of most, which have only begun, the memory is as it was before instants were kept.
    return _packed([one if one.later else astuple(one)[:-1] for one in partials])


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
        within_ms, key, at_ms, hits = self._trigger.start_within_ms, hit.key, hit.at_ms, hit.indexes
        moved = []
        for partial in _decode(memory) if memory else ():
            if within_ms and at_ms - partial.first_at_ms >= within_ms:
                continue
            if partial.key == key and partial.done in hits:
                if partial.done == last:
                    return Progress(self._without(memory, key), True)
                moved.append(partial.moved(at_ms))
            else:
                moved.append(partial)
        if 0 in hits:
            moved.append(Partial(key, at_ms, 1))
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
        known = known_of(past)
        begun = [
            _rewound(partial, own=mine)
            for memory, mine in ((own, True), (other, False))
            for partial in (_decode(memory) if memory else ())
            if partial.first_at_ms < since_ms
        ]
        begun.sort(key=lambda one: one.partial.first_at_ms)
        # What began within the histories is begun again here, and moved on by the events of both sides.
        for one in past:
            begun = self._replay(self._caught_up(begun, one), one, since_ms, known)
        kept = [one.result() for one in self._caught_up(begun, None)][-limits.partials :]
        return _encode(kept) if kept else b""

    def _caught_up(self, begun: Sequence[Retold[Partial]], before: Past | None) -> list[Retold[Partial]]:
        there = [one.caught_up(before, _stepped_to) for one in begun]
        over = {one.partial.key for one in there if one.partial.done >= len(self.starts)}
        return [one for one in there if one.partial.key not in over]

    def _replay(
        self, begun: Sequence[Retold[Partial]], one: Past, since_ms: int, known: Known
    ) -> list[Retold[Partial]]:
        hit, within_ms, last = one.hit, self._trigger.start_within_ms, len(self.starts) - 1
        moved: list[Retold[Partial]] = []
        for retold in begun:
            partial = retold.partial
            if within_ms and hit.at_ms - partial.first_at_ms >= within_ms:
                continue
            if partial.key == hit.key and partial.done in hit.indexes and retold.is_asked(one, partial.first_at_ms):
                if partial.done == last:
                    return [kept for kept in begun if kept.partial.key != hit.key]
                moved.append(retold.moved(partial.moved(hit.at_ms), hit.key, known))
            else:
                moved.append(retold)
        if 0 in hit.indexes and hit.at_ms >= since_ms:
            fresh = Partial(hit.key, hit.at_ms, 1)
            moved.append(Retold(fresh, fresh))
        return moved

    @staticmethod
    def _without(memory: bytes, key: str) -> bytes:
        others = [partial for partial in _decode(memory) if partial.key != key]
        return _encode(others) if others else b""


def _rewound(partial: Partial, *, own: bool) -> Retold[Partial]:
    """As it was before the events whose instants are remembered; each is a step."""
    done = partial.done - len(partial.later)
    moves = tuple(zip(partial.later, range(done, partial.done), strict=True))
    return Retold(Partial(partial.key, partial.first_at_ms, done), partial, own, moves)


def _stepped_to(partial: Partial, at_ms: int, step: int, end: Partial) -> Partial:  # noqa: ARG001 - nothing is captured
    return partial.moved(at_ms) if partial.done == step else partial
