"""Times of the day where a customer lives."""

from __future__ import annotations

import msgspec

from sendwhen.domain.condition import Expression


class LocalTime(msgspec.Struct, frozen=True, kw_only=True):
    """A time of the day.

    Attributes:
        minute: Of the day, from 0.
        zone: Gives the name of a time zone; where it gives none that is known, the customer's attribute ``time_zone``
            counts, then ``fallback_zone``.
        fallback_zone: IANA name. "": that of the sending policy.
    """

    minute: int
    zone: Expression | None = None
    fallback_zone: str = "UTC"
