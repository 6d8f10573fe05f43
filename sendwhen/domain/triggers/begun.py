"""How patterns are remembered that were begun, and what those used up that were completed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

import msgspec

from sendwhen.domain.triggers.used_up import Completed

_FIRST_BYTE_OF_A_LIST = 0x90


class Pattern(Protocol):
    """A pattern that was begun."""

    def packed(self) -> object:
        """What is coded of it."""
        ...


P = TypeVar("P", bound=Pattern)


class Remembered(msgspec.Struct, Generic[P], frozen=True, gc=False, rename={"begun": "b", "completed": "c"}):
    """What a trigger remembers.

    Attributes:
        begun: Oldest first. completed: see there.
    """

    begun: list[P]
    completed: tuple[Completed, ...] = ()


_pack = msgspec.msgpack.Encoder().encode


class Coding(Generic[P]):
    """Codes what is remembered: a list of what was begun, as ever, or a map where something is completed as well."""

    def __init__(self, kind: type[P]) -> None:
        self._begun = msgspec.msgpack.Decoder(list[kind]).decode  # type: ignore[valid-type]  # a class that is given
        self._both = msgspec.msgpack.Decoder(Remembered[kind]).decode  # type: ignore[valid-type]  # likewise

    def decode(self, memory: bytes) -> Remembered[P]:
        """See ``encode``."""
        if not memory:
            return Remembered([])
        return Remembered(self._begun(memory)) if memory[0] >= _FIRST_BYTE_OF_A_LIST else self._both(memory)

    def encode(self, begun: Sequence[P], completed: Sequence[Completed] = ()) -> bytes:
        """b"" for nothing."""
        packed = [one.packed() for one in begun]
        if completed:
            return _pack({"b": packed, "c": completed})
        return _pack(packed) if packed else b""
