"""Choices made by bytes: cheap to make, and as the bytes get fewer and smaller, so does what is chosen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Choices:
    """Each choice takes a byte; once there are none left, everything is the first and simplest."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def number(self, below: int) -> int:
        """From 0 on."""
        if self._at >= len(self._data):
            return 0
        self._at += 1
        return self._data[self._at - 1] % below

    def one(self, of: Sequence[T]) -> T:
        """One of several, the simplest in front."""
        return of[self.number(len(of))]

    def rarely(self, one_in: int) -> bool:
        """True once in so many times."""
        return self.number(one_in) == one_in - 1
