"""Fires when, after a start, nothing that would answer it comes for a while."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

import msgspec
from msgspec.structs import astuple, replace

from sendwhen.domain.run import Run, StartEvent
from sendwhen.domain.shard_limits import ShardLimits
from sendwhen.domain.span import Span
from sendwhen.domain.trigger_kinds import Absence
from sendwhen.domain.triggers.begun import Coding
from sendwhen.domain.triggers.logic import Begun, Hit, Past, Progress, Standing
from sendwhen.domain.triggers.retelling import MOVES_KEPT, Known, Retold, forgotten_hit, known_of, told_again
from sendwhen.domain.triggers.sequence import SequenceLogic
from sendwhen.domain.triggers.used_up import UsedUp, completed_by, latest_of, with_latest

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

    def packed(self) -> object:
        """See ``Pattern``."""
        # Of most, which have only begun, it is as it was before instants were kept.
        return self if self.later else astuple(self)[:-1]


_CODING = Coding(Partial)


class AbsenceLogic:
    """See ``sendwhen.domain.trigger_kinds.Absence``. Remembers the start sequences that were begun, oldest first."""

    def __init__(self, trigger: Absence) -> None:
        self._trigger = trigger
        self._sequence = None if trigger.sequence is None else SequenceLogic(trigger.sequence)
        self._start_within = Span(ms=trigger.start_within_ms) if trigger.start_within_ms else None
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
        within, key, at_ms, hits = self._start_within, hit.key, hit.at_ms, hit.indexes
        remembered = _CODING.decode(memory)
        used_up = remembered.completed
        if used_up:
            used_up = with_latest(used_up, None, at_ms, within, limits)
        moved = []
        for partial in remembered.begun:
            if within is not None and at_ms >= within.after(partial.first_at_ms):
                continue
            if partial.key == key and partial.done in hits:
                if partial.done == last:
                    used_up = with_latest(used_up, completed_by(hit), at_ms, within, limits)
                    others = [one for one in remembered.begun if one.key != key]
                    return Progress(_CODING.encode(others, used_up), True)
                moved.append(partial.moved(at_ms))
            else:
                moved.append(partial)
        if 0 in hits:
            moved.append(Partial(key, at_ms, 1))
        overflows = max(0, len(moved) - limits.partials)
        del moved[:overflows]
        return Progress(_CODING.encode(moved, used_up), False, overflows)

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
            for one in _CODING.decode(memory).begun
        ]

    def join(self, own: bytes, other: bytes) -> bytes:
        """All that was begun by either, oldest first."""
        if self._sequence is not None:
            return self._sequence.join(own, other)
        ours, theirs = _CODING.decode(own), _CODING.decode(other)
        both = sorted((*ours.begun, *theirs.begun), key=lambda one: (one.first_at_ms, one.key, one.done))
        return _CODING.encode(both, latest_of(ours.completed, theirs.completed))

    def rejoin(self, own: bytes, other: bytes, past: Sequence[Past], since_ms: int, limits: ShardLimits) -> bytes:
        """See ``Replayed``."""
        if self._sequence is not None:
            return self._sequence.rejoin(own, other, past, since_ms, limits)
        if len(self.starts) == 1:
            return b""
        ours, theirs = _CODING.decode(own), _CODING.decode(other)
        begun = [
            _rewound(partial, own=mine)
            for remembered, mine in ((ours, True), (theirs, False))
            for partial in remembered.begun
            if partial.first_at_ms < since_ms
        ]
        begun.sort(key=lambda one: one.partial.first_at_ms)
        # What began within the histories is begun again here, and moved on by the events of both sides.
        used_up = UsedUp(past, ours.completed, theirs.completed)
        told = told_again(past, used_up.by_place, begun, self._alike, _event_of)
        known = known_of([one for one, _ in told])
        for one, used in told:
            begun = self._replayed(self._caught_up(begun, one), one, known)
            if 0 in one.hit.indexes and one.hit.at_ms >= since_ms and not used:
                fresh = Partial(one.hit.key, one.hit.at_ms, 1)
                begun.append(Retold(fresh, fresh))
        kept = [one.result() for one in self._caught_up(begun, None)][-limits.partials :]
        return _CODING.encode(kept, used_up.joined(limits))

    def _alike(self, step: int) -> Sequence[int]:
        return [index for index, one in enumerate(self.starts) if one == self.starts[step]]

    def _caught_up(self, begun: Sequence[Retold[Partial]], before: Past | None) -> list[Retold[Partial]]:
        there = (one.caught_up(before, _stepped_to) for one in begun)
        # What the joined history completes is over, and nothing else is: it opens no wait, and uses nothing up.
        return [one for one in there if one.partial.done < len(self.starts)]

    def _replayed(self, begun: Sequence[Retold[Partial]], one: Past, known: Known) -> list[Retold[Partial]]:
        hit, within, last = one.hit, self._start_within, len(self.starts) - 1
        moved: list[Retold[Partial]] = []
        for retold in begun:
            partial = retold.partial
            if within is not None and hit.at_ms >= within.after(partial.first_at_ms):
                continue
            moves = partial.key == hit.key and partial.done in hit.indexes
            if not moves or not retold.is_asked(one, partial.first_at_ms):
                moved.append(retold)
            elif partial.done < last:
                moved.append(retold.moved(partial.moved(hit.at_ms), hit.key, known))
        return moved


def _event_of(end: Partial, step: int) -> Hit:  # noqa: ARG001 - nothing is known of it but when
    return forgotten_hit(end.key, StartEvent("", "", 0, b"", "", 0))


def _rewound(partial: Partial, *, own: bool) -> Retold[Partial]:
    """As it was before the events whose instants are remembered; each is a step."""
    done = partial.done - len(partial.later)
    moves = tuple(zip(partial.later, range(done, partial.done), strict=True))
    return Retold(Partial(partial.key, partial.first_at_ms, done), partial, own, moves)


def _stepped_to(partial: Partial, at_ms: int, step: int, end: Partial) -> Partial:  # noqa: ARG001 - nothing is captured
    return partial.moved(at_ms) if partial.done == step else partial
