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
from sendwhen.domain.trigger_kinds import Starts
from sendwhen.domain.triggers.begun import Coding
from sendwhen.domain.triggers.logic import AtOnce, Begun, Hit, Past, Progress, Standing, holds
from sendwhen.domain.triggers.retelling import MOVES_KEPT, Known, Retold, forgotten_hit, known_of, told_again
from sendwhen.domain.triggers.used_up import UsedUp, completed_by, latest_of, with_latest


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

    def packed(self) -> object:
        """See ``Pattern``."""
        # Of most, which have only begun, it is as it was before instants were kept.
        return self if self.later else astuple(self)[:-1]


_CODING = Coding(Partial)


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
        self._uses_up = trigger.starts is not Starts.EACH and not trigger.repeat_last
        self._refers = any(one.where is not None and one.where.needs_start for one in starts)

    def progress(self, memory: bytes, hit: Hit, limits: ShardLimits) -> Progress:
        """Every start is tracked; a completion drops all that was begun under its key (rule R7), or see ``Starts``."""
        kept: list[Partial] = []
        completed: list[Partial] = []
        remembered = _CODING.decode(memory)
        for partial in remembered.begun:
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
        used_up = remembered.completed
        if used_up or (completed and self._uses_up):
            latest = completed_by(hit) if completed else None
            used_up = with_latest(used_up, latest, hit.at_ms, self._trigger.within, limits)
        memory = _CODING.encode(kept, used_up)
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
        for one in _CODING.decode(memory).begun:
            step = self._steps[one.step]
            came = f", {one.done} of {step.times} came" if one.done and not one.complete else ""
            told.append(Standing(one.key, f"a sequence waits for “{step.of.event}”{came}", one.first_at_ms))
        return told

    def join(self, own: bytes, other: bytes) -> bytes:
        """All that was begun by either, oldest first."""
        ours, theirs = _CODING.decode(own), _CODING.decode(other)
        both = [*ours.begun, *(one for one in theirs.begun if one not in ours.begun)]
        both.sort(key=lambda one: (one.first_at_ms, one.key, one.first.event_id))
        return _CODING.encode(self._counting(both), latest_of(ours.completed, theirs.completed))

    def rejoin(self, own: bytes, other: bytes, past: Sequence[Past], since_ms: int, limits: ShardLimits) -> bytes:
        """See ``Replayed``."""
        ours, theirs = _CODING.decode(own), _CODING.decode(other)
        begun = [
            self._rewound(partial, own=mine)
            for remembered, mine in ((ours, True), (theirs, False))
            for partial in remembered.begun
            if partial.first_at_ms < since_ms
        ]
        begun.sort(key=lambda one: one.partial.first_at_ms)
        used_up = UsedUp(past, ours.completed, theirs.completed)
        told = told_again(past, used_up.by_place, begun, self._alike, self._event_of)
        known = known_of([one for one, _ in told])
        for one, used in told:
            begun = self._replayed(self._caught_up(begun, one), one, known)
            if 0 in one.hit.indexes and one.hit.at_ms >= since_ms and not used:
                begun = self._begun_again(begun, one.hit)
        kept = self._counting([one.result() for one in self._caught_up(begun, None)])[-limits.partials :]
        return _CODING.encode(kept, used_up.joined(limits))

    def _alike(self, step: int) -> Sequence[int]:
        of = self.starts[step]
        refers = of.where is not None and of.where.needs_start
        return () if refers else [index for index, one in enumerate(self.starts) if one == of]

    def _event_of(self, end: Partial, step: int) -> Hit:
        return forgotten_hit(end.key, end.captured.get(self._steps[step].name, end.first))

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
        there = (one.caught_up(before, self._stepped_to) for one in begun)
        return [one for one in there if self._goes_on(one.partial)]

    def _goes_on(self, partial: Partial) -> bool:
        """What the joined history completes is over, and nothing else is: it fires nothing, and uses nothing up."""
        return self._trigger.repeat_last or not partial.complete

    def _stepped_to(self, partial: Partial, at_ms: int, step: int, end: Partial) -> Partial:
        if partial.complete or partial.step != step:
            return partial
        return self._advanced(partial, at_ms, end.captured.get(self._steps[step].name, partial.first))

    def _replayed(self, begun: Sequence[Retold[Partial]], one: Past, known: Known) -> list[Retold[Partial]]:
        hit = one.hit
        kept: list[Retold[Partial]] = []
        for retold in begun:
            partial = retold.partial
            if self._over(partial, hit.at_ms):
                continue
            asked = partial.key == hit.key and retold.is_asked(one, partial.first_at_ms)
            moved = self._moved(partial, hit) if asked else partial
            if moved is not None and self._goes_on(moved):
                kept.append(retold if moved is partial else retold.moved(moved, hit.key, known))
        return kept

    def _begun_again(self, begun: list[Retold[Partial]], hit: Hit) -> list[Retold[Partial]]:
        partials = [each.partial for each in begun]
        if self._may_begin(partials, hit.key, completed=False):
            self._begin(partials, hit)
        return [*begun, *(Retold(partial, partial) for partial in partials[len(begun) :])]

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
        alike = self._trigger.within is None and not self._refers and self._trigger.starts is not Starts.EACH
        if alike and not begun.complete and self._known(kept, begun):
            return None
        kept.append(begun)
        return begun if begun.complete else None

    @staticmethod
    def _known(kept: Sequence[Partial], begun: Partial) -> bool:
        # Without a window, one that was begun before and stands at the same place comes to everything first.
        return any((one.key, one.step, one.done) == (begun.key, begun.step, begun.done) for one in kept)
