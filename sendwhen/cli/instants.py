"""Instants as people write them on the command line."""

from __future__ import annotations

from datetime import UTC, datetime


def instant_ms(text: str) -> int | None:
    """Milliseconds since 1970 of an RFC 3339 text (UTC where it names no zone) or of a number; None of all else."""
    if text.isdigit():
        return int(text)
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1_000)
