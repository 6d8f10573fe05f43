"""What every kind of trigger tells the journey. A new kind is a module beside this one and a line in ``of``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from sendwhen.domain.campaign import EventFilter, OnRestart
from sendwhen.domain.condition import CustomerScope, EventScope


class Progress(msgspec.Struct, frozen=True, gc=False):
    """How far a trigger has come.

    Attributes:
        memory: The kind's own memory from now on, in its own coding; b"" for none.
        complete: The event completes the start.
        overflows: Limits that overflowed.
    """

    memory: bytes
    complete: bool
    overflows: int = 0


class Hit(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An event that passes filters of a trigger.

    Attributes:
        indexes: It passes ``starts[i]`` for these i; at least one.
        event, customer: As conditions see them.
        key: Of the run.
        at_ms: Log time.
    """

    indexes: Sequence[int]
    event: EventScope
    customer: CustomerScope
    key: str
    at_ms: int


class TriggerLogic(Protocol):
    """One trigger of one version of a campaign."""

    @property
    def starts(self) -> tuple[EventFilter, ...]:
        """Filters that move the trigger on."""
        ...

    @property
    def answers(self) -> tuple[EventFilter, ...]:
        """Filters that end a wait in the trigger; they may refer to ``start``."""
        ...

    @property
    def on_restart(self) -> OnRestart:
        """What a further start does to an open wait of its key."""
        ...

    def progress(self, memory: bytes, hit: Hit, memories_max: int) -> Progress:
        """Move on by a hit, from what was remembered; at most ``memories_max`` things are to be remembered."""
        ...

    def wait_ms(self, hit: Hit) -> int | None:
        """How long to wait before it fires: 0 for at once, None where the event gives no usable time."""
        ...

    def because(self, event_name: str) -> str:
        """Why it fires, in words that follow "because"."""
        ...
