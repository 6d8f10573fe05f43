"""Partitions whose log misses entries that were never applied: each stands still by itself, until the log is whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence

LOOK_AGAIN_S = 10
"""So often a partition that stands still is claimed and looked at anew, in case somebody has mended its log."""


class LogGaps:
    """What was found missing.

    A gap is believed when it is found twice in a row, with a fresh claim between: the first may only mean that the tail
    was replaced, of which the claim learns.
    """

    def __init__(self, told: Callable[[int, int], None]) -> None:
        """``told``: is told each time a partition is left to stand still: which, and the last entry that is there."""
        self._told = told
        self._suspected: set[int] = set()
        self._again_at_us: dict[int, int] = {}
        self._behind: dict[int, int] = {}

    def found(self, partition: int, behind: int, now_us: int) -> None:
        """Entries that were read do not follow ``behind``, the last one known."""
        if partition not in self._suspected:
            self._suspected.add(partition)
            return
        self._behind[partition] = behind
        self._again_at_us[partition] = now_us + LOOK_AGAIN_S * 1_000_000
        self._told(partition, behind)

    def whole(self, partition: int) -> None:
        """Entries followed."""
        self._suspected.discard(partition)
        self._behind.pop(partition, None)
        self._again_at_us.pop(partition, None)

    def may_be_claimed(self, partition: int, now_us: int) -> bool:
        """Whether it is worth looking at its log."""
        return now_us >= self._again_at_us.get(partition, 0)

    def standing_still(self) -> Sequence[int]:
        """Partitions that do."""
        return sorted(self._behind)
