"""Instants for people."""

from __future__ import annotations

from datetime import UTC, datetime


def at(ms: int) -> str:
    """An instant."""
    try:
        return datetime.fromtimestamp(ms / 1_000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (OverflowError, ValueError, OSError):
        return f"{ms} ms"


def at_exactly(ms: int) -> str:
    """An instant to the millisecond, where that matters."""
    return at(ms) if ms % 1_000 == 0 else at(ms).replace(" UTC", f".{ms % 1_000:03} UTC")
