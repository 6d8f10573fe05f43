"""What the ledger is asked about a campaign's volume: room on a day, and what is to become of what had none."""

from __future__ import annotations

import msgspec


class Reserve(msgspec.Struct, frozen=True, kw_only=True):
    """Count emails towards their campaign's volume of a day, as far as there is room. Answer: Reserved.

    Idempotent by send_id: what was granted once is granted again, and counted once. What is granted and never sent
    counts all the same.

    Attributes:
        day: As ISO 8601 writes it; UTC.
        at_most: The campaign's volume, as these decisions carry it.
    """

    campaign_id: str
    day: str
    at_most: int
    send_ids: tuple[str, ...]


class Reserved(msgspec.Struct, frozen=True, kw_only=True):
    """How far there was room.

    Attributes:
        held: Those for which there was none.
        is_first: The day's volume is exceeded by these for the first time.
    """

    held: tuple[str, ...]
    is_first: bool


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """Let go, or discard, what is held of a campaign. Answer: Released. Idempotent.

    Attributes:
        day: Of which the bound is lifted, where they are let go.
        emails_max: At most so many, about.
    """

    campaign_id: str
    discard: bool
    day: str
    now_ms: int
    emails_max: int


class Released(msgspec.Struct, frozen=True, kw_only=True):
    """``emails`` were decided; ``more`` may be held."""

    emails: int
    more: bool
