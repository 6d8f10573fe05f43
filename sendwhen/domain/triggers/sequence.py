"""Fires when several events came in their order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from msgspec.structs import replace

from sendwhen.domain.condition import EventScope
from sendwhen.domain.event_filter import EventFilter
from sendwhen.domain.run import Run, StartEvent
from sendwhen.domain.shard_limits import ShardLimits
from sendwhen.domain.trigger_kinds import Sequence as SequenceTrigger
from sendwhen.domain.trigger_kinds import Starts
from sendwhen.domain.triggers.logic import AtOnce, Begun, Hit, Past, Progress, Standing, holds


class Partial(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A sequence that was begun.

    Attributes:
        first_at_ms: When. first: with what.
        step: Index of the step that it waits for; ``done``: how many events of that step came.
        captured: Latest events of named steps.
        complete: All steps came, and further events of the last one count.
        until_ms: When its window is over, by the version with which it began; 0: never. -1: kept by an earlier release.
    """

    key: str
    first_at_ms: int
    first: StartEvent
    step: int
    done: int
    captured: Mapping[str, StartEvent] = {}
    complete: bool = False
    until_ms: int = -1

    def scope(self) -> EventScope:
        """What conditions see as ``start``, with the named steps."""
        scope = self.first.scope()
        if self.captured:
            scope.steps = {name: one.scope() for name, one in self.captured.items()}
        return scope


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Partial]).decode


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
        """Every start is tracked; a completion drops all that was begun under its key (rule R7), or see ``Starts``."""
        kept: list[Partial] = []
        completed: list[Partial] = []
        for partial in _decode(memory) if memory else ():
            if self._over(partial, hit.at_ms):
                continue
            moved = partial if partial.key != hit.key else self._moved(partial, hit)
            if moved is None:
                continue
            kept.append(moved)
            if moved is not partial and moved.complete:
                completed.append(moved)
        if completed:
            kept = [one for one in kept if self._outlasts(one, hit.key)]
        if 0 in hit.indexes and self._may_begin(kept, hit.key, completed=bool(completed)):
            begun = self._begin(kept, hit)
            completed += [begun] if begun is not None else []
        overflows = max(0, len(kept) - limits.partials)
        del kept[:overflows]
        memory = _encode(kept) if kept else b""
        if not completed:
            return Progress(memory, False, overflows)
        begins = [Begun(one.first_at_ms, one.first, one.captured) for one in completed]
        since = begins[0] if completed[0].first != hit.occurrence else None
        also = begins[1:] if self._trigger.starts is Starts.EACH else ()
        return Progress(memory, True, overflows, since, also=also)

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
        both.sort(key=lambda one: (one.first_at_ms, one.key, one.first.event_id))
        return _encode(self._counting(both))

    def rejoin(self, own: bytes, other: bytes, past: Sequence[Past], since_ms: int, limits: ShardLimits) -> bytes:
        """See ``Replayed``. What a side began and used up by itself stays as it was: only what is open counts."""
        remembered: list[tuple[Partial, bool]] = [
            (partial, mine)
            for memory, mine in ((own, True), (other, False))
            for partial in (_decode(memory) if memory else ())
        ]
        begun: list[tuple[Partial, bool | None]] = [one for one in remembered if one[0].first_at_ms < since_ms]
        begun.sort(key=lambda one: one[0].first_at_ms)
        for one in past:
            begun = self._replayed(begun, one, self._began(remembered, one) if one.hit.at_ms >= since_ms else None)
        kept = self._counting([partial for partial, _ in begun])[-limits.partials :]
        return _encode(kept) if kept else b""

    def _replayed(
        self, begun: Sequence[tuple[Partial, bool | None]], one: Past, begins: Partial | None
    ) -> list[tuple[Partial, bool | None]]:
        hit = one.hit
        kept: list[tuple[Partial, bool | None]] = []
        for partial, mine in begun:
            if self._over(partial, hit.at_ms):
                continue
            # What one side remembers was moved on by its own events already.
            is_asked = partial.key == hit.key and mine is not one.own
            moved = self._moved(partial, hit) if is_asked else partial
            is_over = moved is None or (moved is not partial and moved.complete and not self._trigger.repeat_last)
            if moved is not None and not is_over:
                kept.append((moved, mine))
        if begins is not None:
            partials = [partial for partial, _ in kept]
            self._begin(partials, hit, begins.until_ms)
            kept += [(partial, None) for partial in partials[len(kept) :]]
        return kept

    def _began(self, remembered: Sequence[tuple[Partial, bool]], one: Past) -> Partial | None:
        """What the event began on its side, if that is open still, or would have, had not another stood there."""
        hit = one.hit
        if 0 not in hit.indexes:
            return None
        same = [(partial, mine) for partial, mine in remembered if partial.key == hit.key]
        began = next((partial for partial, _ in same if partial.first.event_id == hit.occurrence.event_id), None)
        if began is None and self._leaves_out_alike():
            began = next(
                (earlier for earlier, mine in same if mine is one.own and earlier.first_at_ms <= hit.at_ms), None
            )
        return began

    def _leaves_out_alike(self) -> bool:
        """Without a window, one that was begun before and stands at the same place comes to everything first."""
        return self._trigger.within is None and not self._refers and self._trigger.starts is not Starts.EACH

    def _outlasts(self, partial: Partial, key: str) -> bool:
        """It is still open after something of a key was completed."""
        trigger = self._trigger
        return partial.key != key or trigger.repeat_last or (trigger.starts is Starts.EACH and not partial.complete)

    def _may_begin(self, kept: Sequence[Partial], key: str, *, completed: bool) -> bool:
        match self._trigger.starts:
            case Starts.EACH:
                return True
            case Starts.FIRST if any(one.key == key for one in kept):
                return False
        return not completed or self._trigger.repeat_last

    def _counting(self, begun: Sequence[Partial]) -> list[Partial]:
        """Those that count, of all that two customers began who turn out to be one; oldest first."""
        if self._trigger.starts is not Starts.FIRST:
            return list(begun)
        first: dict[str, Partial] = {}
        for one in begun:
            first.setdefault(one.key, one)
        return list(first.values())

    def _over(self, partial: Partial, at_ms: int) -> bool:
        until_ms = self._until_ms(partial.first_at_ms) if partial.until_ms < 0 else partial.until_ms
        return until_ms > 0 and at_ms >= until_ms

    def _until_ms(self, first_at_ms: int) -> int:
        return 0 if self._trigger.within is None else self._trigger.within.after(first_at_ms)

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
        return self._advanced(partial, hit)

    def _passes(self, indexes: Sequence[int], hit: Hit, start: EventScope) -> bool:
        return any(index in hit.indexes and holds(self.starts[index], hit, start) for index in indexes)

    def _advanced(self, partial: Partial, hit: Hit) -> Partial:
        step, done = self._steps[partial.step], partial.done + 1
        captured = {**partial.captured, step.name: hit.occurrence} if step.name else partial.captured
        if partial.complete or done < step.times:
            # A complete one stays itself, so that it is told from one that moved by what it captured or by ``done``.
            return replace(partial, captured=captured, done=done)
        if partial.step == len(self._steps) - 1:
            return replace(partial, captured=captured, done=done, complete=True)
        return replace(partial, captured=captured, step=partial.step + 1, done=0)

    def _begin(self, kept: list[Partial], hit: Hit, until_ms: int = -1) -> Partial | None:
        """Begin with this event; the partial where that completes it already."""
        until_ms = self._until_ms(hit.at_ms) if until_ms < 0 else until_ms
        begun = self._advanced(Partial(hit.key, hit.at_ms, hit.occurrence, 0, 0, until_ms=until_ms), hit)
        if begun.complete and not self._trigger.repeat_last:
            return begun
        if self._leaves_out_alike() and not begun.complete and self._known(kept, begun):
            return None
        kept.append(begun)
        return begun if begun.complete else None

    @staticmethod
    def _known(kept: Sequence[Partial], begun: Partial) -> bool:
        return any(
            (one.key, one.step, one.done, one.until_ms) == (begun.key, begun.step, begun.done, 0) for one in kept
        )
