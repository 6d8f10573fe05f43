"""When nothing is left of a customer who was deleted.

The record goes at once. Events stay in the log until it is trimmed, and in the archive until the day's compaction has
rewritten the files that hold them. Backups that others make are others' to let go.
"""

from __future__ import annotations

from typing import Final

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
LOG_KEEPS_MS: Final = HOUR_MS
"""Entries behind the position stay in the log for so long."""

CLOSES_AFTER_MS: Final = 10 * 60_000
"""An entry is archived at the latest so long after it was appended, where the shard keeps up."""

COMPACTS_AT_MS: Final = 2 * HOUR_MS
"""Time of the UTC day from which on the days before are compacted."""

TAKES_MS: Final = 2 * HOUR_MS
"""How long trimming and compacting are given to be through."""


def gone_by_ms(deleted_at_ms: int, *, archived: bool) -> int:
    """Until when the last trace of a customer is gone whose deletion was logged at this instant, in milliseconds.

    Without an archive that is when the log has been trimmed. With one the next compaction that begins once the deletion
    and the day of the last event before it are archived removes the rest.
    """
    trimmed_ms = deleted_at_ms + LOG_KEEPS_MS + TAKES_MS
    if not archived:
        return trimmed_ms
    # The day must be over before its files are rewritten.
    next_day_ms = (deleted_at_ms + CLOSES_AFTER_MS) // DAY_MS * DAY_MS + DAY_MS
    return max(trimmed_ms, next_day_ms + COMPACTS_AT_MS + TAKES_MS)
