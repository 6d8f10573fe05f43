"""Metrics that are remembered, for tests of those who report them."""

from __future__ import annotations


class Tally:
    """Metrics that are remembered."""

    def __init__(self) -> None:
        self.counts: dict[tuple[str, ...], float] = {}

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        key = (name, *labels.values())
        self.counts[key] = self.counts.get(key, 0) + amount

    def observe(self, name: str, value: float, trace_id: str | None = None, **labels: str) -> None:
        self.count(name, **labels)

    def set(self, name: str, value: float, **labels: str) -> None:
        self.counts[name, *labels.values()] = value
