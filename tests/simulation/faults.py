"""Which faults a run will meet, and when."""

from __future__ import annotations

from collections import Counter
from random import Random

ANYWHERE = (
    "owner crash",
    "second owner",
    "owner paused",
    "store restart",
    "sender crash",
    "lost tail",
    "replaced tail",
    "slow sync",
)
"""Happen between two steps of anybody."""

AT_A_STEP = (
    "duplicate",
    "other payload",
    "stale tick",
    "append reply lost",
    "store reply lost",
    "store request lost",
    "push reply lost",
    "delivery reply lost",
    "ledger reply lost",
    "provider ambiguity",
    "provider refusal",
)
"""Happen at the next step of that kind."""

KINDS = (*ANYWHERE, *AT_A_STEP)
FAULTS_MIN, FAULTS_MAX = 6, 14


class Plan:
    """When each fault of a run becomes due, counted in batches of events."""

    def __init__(self, rng: Random, *, batches: int) -> None:
        number = rng.randrange(FAULTS_MIN, FAULTS_MAX + 1)
        # The last tenth of a run stays free, so that a fault that waits for its moment finds it.
        self._at = sorted((rng.randrange(2, max(3, batches * 8 // 10)), rng.choice(KINDS)) for _ in range(number))

    def due(self, batch: int) -> Counter[str]:
        """Faults that become due with this batch."""
        due: Counter[str] = Counter()
        while self._at and self._at[0][0] <= batch:
            due[self._at.pop(0)[1]] += 1
        return due
