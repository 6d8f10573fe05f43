"""Events that something listens to."""

from __future__ import annotations

import msgspec

from sendwhen.domain.condition import Condition


class EventFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Events of one name, those for which ``where`` holds."""

    event: str
    where: Condition | None = None
