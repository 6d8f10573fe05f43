"""What completions used up: an event of a pattern that fired begins no other.

As long as a customer is one that needs no memory, because a completion drops all that was begun under its key. Where
two turn out to be one, patterns are begun again from the events that are remembered of both, and from none that a
firing of its own side had used. So the latest completion of each key is remembered. One of which neither the event nor
any before it is among the remembered events can go: it keeps nothing from beginning any more.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from sendwhen.domain.past import kept_events
from sendwhen.domain.seen import id_hash
from sendwhen.domain.shard_limits import ShardLimits
from sendwhen.domain.span import Span
from sendwhen.domain.triggers.logic import Hit, Past


class Completed(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The latest completion of a key, which used up what its customer had done under it.

    Attributes:
        at_ms: When. by: the event, as a hash of its id.
        spared: Events before it, likewise, that it did not use up, as they were another identity's by then.
    """

    key: str
    at_ms: int
    by: int
    spared: tuple[int, ...] = ()


def completed_by(hit: Hit) -> Completed:
    """A completion of which everything before it was one customer's."""
    return Completed(hit.key, hit.at_ms, _mark(hit))


def with_latest(
    known: Sequence[Completed], latest: Completed | None, now_ms: int, within: Span | None, limits: ShardLimits
) -> tuple[Completed, ...]:
    """With a completion of now, those that still matter to patterns of a window; no more than events are remembered.

    Each completion has an event of its own: what is left out here lies before all events that are remembered.
    """
    if latest is not None:
        known = [*(one for one in known if one.key != latest.key), latest]
    mattering = [one for one in known if within is None or now_ms < within.after(one.at_ms)]
    return tuple(mattering[-kept_events(limits.recent_events) :])


def latest_of(own: Sequence[Completed], other: Sequence[Completed]) -> Sequence[Completed]:
    """Of each key the later one, oldest first."""
    latest = {one.key: one for one in sorted((*own, *other), key=lambda one: one.at_ms)}
    return sorted(latest.values(), key=lambda one: one.at_ms)


class UsedUp:
    """What each side's completions used up of two pasts, which are one from now on.

    Attributes:
        by_place: Of each of ``past``, whether it is used up.
    """

    def __init__(self, past: Sequence[Past], own: Sequence[Completed], other: Sequence[Completed]) -> None:
        self._past = past
        self._completed = {**{(False, one.key): one for one in other}, **{(True, one.key): one for one in own}}
        self._place = {
            side: next((place for place, one in enumerate(past) if _is(one, side, completed)), None)
            for side, completed in self._completed.items()
        }
        self.by_place = [self._used(place, one) for place, one in enumerate(past)]

    def joined(self, limits: ShardLimits) -> tuple[Completed, ...]:
        """What is to be remembered of both, oldest first."""
        latest: dict[str, tuple[Completed, int | None]] = {}
        for (own, key), one in self._completed.items():
            known = latest.get(key)
            # In one instant the survivor's events come first.
            if known is None or known[0].at_ms < one.at_ms:
                latest[key] = one, self._place[own, key]
        joined = sorted((self._with_spared(*one) for one in latest.values()), key=lambda one: one.at_ms)
        return tuple(joined[-kept_events(limits.recent_events) :])

    def _with_spared(self, latest: Completed, place: int | None) -> Completed:
        spared = [
            _mark(one.hit)
            for number, one in enumerate(self._past)
            if one.hit.key == latest.key
            and 0 in one.hit.indexes
            and not self.by_place[number]
            and _is_before(number, one, latest, place)
        ]
        return Completed(latest.key, latest.at_ms, latest.by, tuple(spared))

    def _used(self, number: int, one: Past) -> bool:
        side = one.own, one.hit.key
        completed = self._completed.get(side)
        if completed is None or not _is_before(number, one, completed, self._place[side]):
            return False
        return not completed.spared or _mark(one.hit) not in completed.spared


def _is_before(number: int, one: Past, completed: Completed, place: int | None) -> bool:
    """It came before a completion, or is its event."""
    # Of the instant of one that is forgotten only later events are left.
    at_ms = one.hit.at_ms
    return at_ms < completed.at_ms or (at_ms == completed.at_ms and place is not None and number <= place)


def _is(one: Past, side: tuple[bool, str], completed: Completed) -> bool:
    hit = one.hit
    return (one.own, hit.key) == side and hit.at_ms == completed.at_ms and _mark(hit) == completed.by


def _mark(hit: Hit) -> int:
    return int.from_bytes(id_hash(hit.occurrence.event_id))
