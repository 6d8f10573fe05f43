"""What triggers tell that look at the customer instead of at events."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

import msgspec

from sendwhen.domain.asking import Asked
from sendwhen.domain.customer import Field


class Sight(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A customer before and after something.

    Attributes:
        now, before: What may be asked of the customer; ``before`` is None for one who is new.
        fields, fields_before: The attributes.
        policy_zone: Time zone of customers of whom none is known.
    """

    now: Asked
    before: Asked | None
    fields: Mapping[str, Field]
    fields_before: Mapping[str, Field]
    policy_zone: str = "UTC"


class Look(msgspec.Struct, frozen=True, gc=False):
    """What a look came to.

    Attributes:
        memory: From now on.
        fires: It fires now.
        next_ms: To be looked at again then, be it that nothing happens; None: never.
        detail: What was seen, for explanations.
    """

    memory: bytes
    fires: bool = False
    next_ms: int | None = None
    detail: str = ""


class Watch(ABC):
    """One trigger that looks at the customer."""

    @abstractmethod
    def look(self, memory: bytes, sight: Sight) -> Look:
        """Look; ``memory`` is b"" the first time for a customer and a version."""

    def inherited(self, before: object, memory: bytes) -> bytes:  # noqa: ARG002 - another trigger begins with nothing
        """What of the memory of another trigger that was in force ``before`` counts for this one, too: nothing."""
        return b""
