"""Days of UTC, as ISO 8601 writes them."""

from __future__ import annotations

from datetime import UTC, datetime


def day_of(at_ms: int) -> str:
    """The day of an instant in milliseconds."""
    return datetime.fromtimestamp(at_ms // 1_000, UTC).date().isoformat()
