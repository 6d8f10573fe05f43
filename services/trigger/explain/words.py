"""Instants and lengths of time for people."""

from __future__ import annotations

from datetime import UTC, datetime

_UNITS = (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1_000))


def at(ms: int) -> str:
    """An instant."""
    try:
        return datetime.fromtimestamp(ms / 1_000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (OverflowError, ValueError, OSError):
        return f"{ms} ms"


def at_exactly(ms: int) -> str:
    """An instant to the millisecond, where that matters."""
    return at(ms) if ms % 1_000 == 0 else at(ms).replace(" UTC", f".{ms % 1_000:03} UTC")


def length(ms: int) -> str:
    """A length of time: 120 ms, 4.1 s, 2 min 3 s."""
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
