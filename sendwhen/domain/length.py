"""Lengths of time as people write them."""

from __future__ import annotations

_UNITS = (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1_000))


def length(ms: int) -> str:
    """A length of time, to the millisecond: 120 ms, 4.1 s, 2 min 3 s, 23 h 59 min."""
    ms = abs(ms)
    if ms < 1_000:
        return f"{ms} ms"
    if ms < 60_000:
        return f"{ms / 1_000:.3f}".rstrip("0").rstrip(".") + " s"
    parts = []
    for unit, size_ms in _UNITS:
        number, ms = divmod(ms, size_ms)
        if number:
            parts.append(f"{number} {unit}")
    if ms:
        parts.append(f"{ms} ms")
    return " ".join(parts)
