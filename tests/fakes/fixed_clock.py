"""A clock that a test moves."""

from __future__ import annotations


class FixedClock:
    """Stands still until told otherwise."""

    def __init__(self, now_ms: int = 1_700_000_000_000) -> None:
        self.us = now_ms * 1_000

    def advance(self, ms: int) -> None:
        self.us += ms * 1_000

    def now_ms(self) -> int:
        return self.us // 1_000

    def now_us(self) -> int:
        return self.us

    def monotonic_s(self) -> float:
        return self.us / 1e6
