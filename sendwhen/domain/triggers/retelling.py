"""Patterns that one of two customers began, told again with what both did.

A begun pattern remembers when it was begun and when each of the latest events moved it on. So it can be taken back to
its beginning and moved on in the order of time: by its own side's events where they are remembered to have done so, and
by all that the other side did. As soon as the other side has moved it, it stands elsewhere than its own side remembers,
and every event known of either is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Generic, TypeVar

import msgspec
from msgspec.structs import replace

from sendwhen.domain.run import StartEvent
from sendwhen.domain.triggers.logic import Hit, Past

MOVES_KEPT = 8
"""Instants remembered of a begun pattern behind its first; the oldest goes. What came before them is not told again."""
_FOR_EVER_MS = 2**62
P = TypeVar("P")
Known = tuple[Collection[tuple[int, str]], Collection[tuple[int, str]]]
"""(instant, key) of what is remembered that the other identity did, and the survivor."""
Step = Callable[[P, int, int, P], P]
"""(pattern, instant, step, pattern as its side remembers it): it moves on where it waits for that step."""


class Retold(msgspec.Struct, Generic[P], frozen=True, gc=False):
    """A begun pattern on its way through both histories.

    Attributes:
        partial: As of the instant reached. end: as its side remembers it.
        own: It is the survivor's; None: it was begun here, by events that are known.
        moves: (instant, step) of what its own side did to it behind that instant.
        parted: The other side has moved it.
    """

    partial: P
    end: P
    own: bool | None = None
    moves: tuple[tuple[int, int], ...] = ()
    parted: bool = False

    def is_asked(self, one: Past, since_ms: int) -> bool:
        """Whether an event of either side may move what was begun at ``since_ms``.

        What came before it may not; its own side's events have done so already, as long as it stands where that side
        remembers.
        """
        at_ms = one.hit.at_ms
        if self.own is not None and (at_ms < since_ms or (at_ms == since_ms and one.own)):
            return False
        return self.own is None or self.parted or self.own is not one.own

    def moved(self, partial: P, key: str, known: Known) -> Retold[P]:
        """Moved on by an event that was asked."""
        if self.own is None or self.parted:
            return replace(self, partial=partial)
        # Those of its own side's events that are known are asked themselves from now on.
        moves = tuple(move for move in self.moves if (move[0], key) not in known[self.own])
        return replace(self, partial=partial, moves=moves, parted=True)

    def caught_up(self, before: Past | None, step: Step[P]) -> Retold[P]:
        """Its own side's moves up to an event, or all of them."""
        if not self.moves:
            return self
        at_ms = _FOR_EVER_MS if before is None else before.hit.at_ms
        # In one instant the survivor's events come first.
        tie = before is not None and bool(self.own) and not before.own
        partial, moves = self.partial, list(self.moves)
        while moves and (moves[0][0] < at_ms or (tie and moves[0][0] == at_ms)):
            partial = step(partial, *moves.pop(0), self.end)
        return replace(self, partial=partial, moves=tuple(moves))

    def result(self) -> P:
        """What is remembered from now on."""
        return self.partial if self.own is None or self.parted else self.end


Told = tuple[Past, bool]
"""What is told again, and whether it begins nothing: it is used up, or forgotten."""
Asks = Callable[[int], Sequence[int]]
"""Filters that an event passes which was a step, by index; none where that cannot be said of other patterns."""


def told_again(
    past: Sequence[Past], used_up: Sequence[bool], begun: Sequence[Retold[P]], asks: Asks, by: Callable[[P, int], Hit]
) -> Sequence[Told]:
    """The events that are known, and those that are forgotten but for what they moved on; in their order.

    ``by``: an event as it is known from a pattern that it moved on in a step.
    """
    known = known_of(past)
    forgotten: dict[tuple[bool, str, int, int], Past] = {}
    for one in begun:
        for at_ms, step in one.moves:
            hit = by(one.end, step)
            indexes = asks(step)
            if one.own is not None and indexes and (at_ms, hit.key) not in known[one.own]:
                moving = Past(replace(hit, at_ms=at_ms, indexes=indexes), own=one.own)
                forgotten.setdefault((one.own, hit.key, at_ms, step), moving)
    told = [*zip(past, used_up, strict=True), *((one, True) for one in forgotten.values())]
    # In one instant the survivor's events come first.
    return sorted(told, key=lambda each: (each[0].hit.at_ms, not each[0].own))


def forgotten_hit(key: str, event: StartEvent) -> Hit:
    """An event of which no more is known than what a pattern keeps."""
    return Hit(
        indexes=(),
        event=event.scope(),
        customer={},
        key=key,
        at_ms=0,
        occurrence=event,
        first_seen_at_ms=0,
        put_at_ms=0,
    )


def known_of(past: Sequence[Past]) -> Known:
    """See Known."""
    theirs, ours = ({(one.hit.at_ms, one.hit.key) for one in past if one.own is own} for own in (False, True))
    return theirs, ours
