"""Events and transfers to be left out, as the log's Skip entries name them."""

from __future__ import annotations

from collections.abc import Collection

WHOLE_ENTRY = -1


class Skips:
    """Places in the log, as (seq, index); index -1: a whole entry."""

    def __init__(self, places: Collection[tuple[int, int]] = ()) -> None:
        self._places = set(places)

    def add(self, seq: int, index: int) -> None:
        """One more."""
        self._places.add((seq, index))

    def whole(self, seq: int) -> bool:
        """The whole entry is left out."""
        return (seq, WHOLE_ENTRY) in self._places

    def of(self, seq: int, number: int) -> Collection[int]:
        """Indexes left out of an entry with so many items."""
        if not self._places:
            return ()
        if (seq, WHOLE_ENTRY) in self._places:
            return range(number)
        return [index for index in range(number) if (seq, index) in self._places]
