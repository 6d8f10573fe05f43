"""Fires when several events came in their order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from msgspec.structs import astuple, replace

from sendwhen.domain.condition import EventScope
from sendwhen.domain.event_filter import EventFilter
from sendwhen.domain.run import Run, StartEvent
from sendwhen.domain.shard_limits import ShardLimits
from sendwhen.domain.trigger_kinds import Sequence as SequenceTrigger
from sendwhen.domain.triggers.logic import AtOnce, Begun, Hit, Past, Progress, Standing, holds
from sendwhen.domain.triggers.retelling import MOVES_KEPT, Known, Retold, known_of


class Partial(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A sequence that was begun.

    Attributes:
        first_at_ms: When. first: with what.
        step: Index of the step that it waits for; ``done``: how many events of that step came.
        captured: Latest events of named steps.
        complete: All steps came, and further events of the last one count.
        later: Instants of the events that moved it on behind the first, the latest.
    """

    key: str
    first_at_ms: int
    first: StartEvent
    step: int
    done: int
    captured: Mapping[str, StartEvent] = {}
    complete: bool = False
    later: tuple[int, ...] = ()

    def scope(self) -> EventScope:
        """What conditions see as ``start``, with the named steps."""
        scope = self.first.scope()
        if self.captured:
            scope.steps = {name: one.scope() for name, one in self.captured.items()}
        return scope


_packed = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Partial]).decode


def _encode(partials: Sequence[Partial]) -> bytes:
    # Of most, which have only begun, the memory is as it was before instants were kept.
    return _packed([one if one.later else astuple(one)[:-1] for one in partials])


class SequenceLogic(AtOnce):
    """See ``sendwhen.domain.trigger_kinds.Sequence``. Remembers what was begun, oldest first."""

    def __init__(self, trigger: SequenceTrigger) -> None:
        self._trigger = trigger
        self._steps = steps = trigger.steps
        starts = [step.of for step in steps]
        self._forbidden: list[range] = []
        for step in steps:
            self._forbidden.append(range(len(starts), len(starts) + len(step.forbidden)))
            starts += step.forbidden
        self.starts: tuple[EventFilter, ...] = tuple(starts)
        self._refers = any(one.where is not None and one.where.needs_start for one in starts)

    def progress(self, memory: bytes, hit: Hit, limits: ShardLimits) -> Progress:
        """Every start is tracked; a completion drops all that was begun under its key (rule R7)."""
        kept: list[Partial] = []
        completed: Partial | None = None
        for partial in _decode(memory) if memory else ():
            if self._over(partial, hit.at_ms):
                continue
            moved = partial if partial.key != hit.key else self._moved(partial, hit)
            if moved is None:
                continue
            kept.append(moved)
            if completed is None and moved is not partial and moved.complete:
                completed = moved
        if completed is not None:
            kept = [one for one in kept if one.key != hit.key or self._trigger.repeat_last]
        if 0 in hit.indexes and (completed is None or self._trigger.repeat_last):
            begun = self._begin(kept, hit)
            completed = completed or begun
        overflows = max(0, len(kept) - limits.partials)
        del kept[:overflows]
        since = None
        if completed is not None and completed.first != hit.occurrence:
            since = Begun(completed.first_at_ms, completed.first, completed.captured)
        return Progress(_encode(kept) if kept else b"", completed is not None, overflows, since)

    def because(self, run: Run) -> str:  # noqa: ARG002 - it is the same for all
        """Why it fires."""
        names = [f"“{step.of.event}”" + (f" {step.times} times" if step.times > 1 else "") for step in self._steps]
        return ", then ".join(names) + " came"

    def standings(self, memory: bytes) -> Sequence[Standing]:
        """What each that was begun waits for."""
        told = []
        for one in _decode(memory):
            step = self._steps[one.step]
            came = f", {one.done} of {step.times} came" if one.done and not one.complete else ""
            told.append(Standing(one.key, f"a sequence waits for “{step.of.event}”{came}", one.first_at_ms))
        return told

    def join(self, own: bytes, other: bytes) -> bytes:
        """All that was begun by either, oldest first."""
        both = [*_decode(own), *(one for one in _decode(other) if one not in _decode(own))]
        return _encode(sorted(both, key=lambda one: (one.first_at_ms, one.key, one.first.event_id)))

    def rejoin(self, own: bytes, other: bytes, past: Sequence[Past], since_ms: int, limits: ShardLimits) -> bytes:
        """See ``Replayed``."""
        known = known_of(past)
        begun = [
            self._rewound(partial, own=mine)
            for memory, mine in ((own, True), (other, False))
            for partial in (_decode(memory) if memory else ())
            if partial.first_at_ms < since_ms
        ]
        begun.sort(key=lambda one: one.partial.first_at_ms)
        for one in past:
            begun = self._replayed(self._caught_up(begun, one), one, since_ms, known)
        kept = [one.result() for one in self._caught_up(begun, None)][-limits.partials :]
        return _encode(kept) if kept else b""

    def _rewound(self, partial: Partial, *, own: bool) -> Retold[Partial]:
        """As it was before the moves whose instants are remembered."""
        if partial.complete or not partial.later:
            return Retold(partial, partial, own)
        steps = [number for number, step in enumerate(self._steps) for _ in range(step.times)]
        came = steps[: sum(step.times for step in self._steps[: partial.step]) + partial.done]
        before, moved = came[: -len(partial.later)], came[-len(partial.later) :]
        at = moved[0]
        names = {step.name for step in self._steps[:at] if step.name}
        captured = {name: event for name, event in partial.captured.items() if name in names}
        rewound = replace(partial, step=at, done=before.count(at), captured=captured, later=())
        return Retold(rewound, partial, own, tuple(zip(partial.later, moved, strict=True)))

    def _caught_up(self, begun: Sequence[Retold[Partial]], before: Past | None) -> list[Retold[Partial]]:
        there = [one.caught_up(before, self._stepped_to) for one in begun]
        over = {
            one.partial.key for one in there if one.parted and one.partial.complete and not self._trigger.repeat_last
        }
        return [one for one in there if one.partial.key not in over]

    def _stepped_to(self, partial: Partial, at_ms: int, step: int, end: Partial) -> Partial:
        if partial.complete or partial.step != step:
            return partial
        return self._advanced(partial, at_ms, end.captured.get(self._steps[step].name, partial.first))

    def _replayed(
        self, begun: Sequence[Retold[Partial]], one: Past, since_ms: int, known: Known
    ) -> list[Retold[Partial]]:
        hit, completed = one.hit, False
        kept: list[Retold[Partial]] = []
        for retold in begun:
            partial = retold.partial
            if self._over(partial, hit.at_ms):
                continue
            moved = (
                self._moved(partial, hit)
                if partial.key == hit.key and retold.is_asked(one, partial.first_at_ms)
                else partial
            )
            if moved is not None:
                kept.append(retold if moved is partial else retold.moved(moved, hit.key, known))
                completed = completed or (moved is not partial and moved.complete)
        if completed:
            return [each for each in kept if each.partial.key != hit.key or self._trigger.repeat_last]
        if 0 in hit.indexes and hit.at_ms >= since_ms:
            partials = [each.partial for each in kept]
            self._begin(partials, hit)
            kept += [Retold(partial, partial) for partial in partials[len(kept) :]]
        return kept

    def _over(self, partial: Partial, at_ms: int) -> bool:
        within = self._trigger.within
        return within is not None and at_ms >= within.after(partial.first_at_ms)

    def _moved(self, partial: Partial, hit: Hit) -> Partial | None:
        """What becomes of one by an event of its key; None: it is dropped. What forbids comes before what moves on."""
        asked = (partial.step, *self._forbidden[partial.step])
        if not any(index in hit.indexes for index in asked):
            return partial
        scope = partial.scope() if self._refers else hit.event
        forbidden = () if partial.complete else self._forbidden[partial.step]
        if self._passes(forbidden, hit, scope):
            return None
        if not self._passes((partial.step,), hit, scope):
            return partial
        return self._advanced(partial, hit.at_ms, hit.occurrence)

    def _passes(self, indexes: Sequence[int], hit: Hit, start: EventScope) -> bool:
        return any(index in hit.indexes and holds(self.starts[index], hit, start) for index in indexes)

    def _advanced(self, partial: Partial, at_ms: int, by: StartEvent) -> Partial:
        step, done = self._steps[partial.step], partial.done + 1
        captured = {**partial.captured, step.name: by} if step.name else partial.captured
        # The first event has its instant already.
        later = (*partial.later, at_ms)[-MOVES_KEPT:] if partial.step or partial.done else ()
        if partial.complete or done < step.times:
            # A complete one stays itself, so that it is told from one that moved by what it captured or by ``done``.
            return replace(partial, captured=captured, done=done, later=later)
        if partial.step == len(self._steps) - 1:
            return replace(partial, captured=captured, done=done, complete=True, later=later)
        return replace(partial, captured=captured, step=partial.step + 1, done=0, later=later)

    def _begin(self, kept: list[Partial], hit: Hit) -> Partial | None:
        """Begin with this event; the partial where that completes it already."""
        begun = self._advanced(Partial(hit.key, hit.at_ms, hit.occurrence, 0, 0), hit.at_ms, hit.occurrence)
        if begun.complete and not self._trigger.repeat_last:
            return begun
        if self._trigger.within is None and not self._refers and not begun.complete and self._known(kept, begun):
            return None
        kept.append(begun)
        return begun if begun.complete else None

    @staticmethod
    def _known(kept: Sequence[Partial], begun: Partial) -> bool:
        # Without a window, one that was begun before and stands at the same place comes to everything first.
        return any((one.key, one.step, one.done) == (begun.key, begun.step, begun.done) for one in kept)
