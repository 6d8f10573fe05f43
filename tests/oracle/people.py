"""Who there is, and everything that they did: the oracle's whole memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.oracle.neutral import Props, Rule, later


@dataclass(frozen=True, kw_only=True)
class Version:
    """What a campaign said from an entry on.

    Attributes:
        order: Number of the entry that put it. trigger_order, trigger_at: of the one since which its trigger is this.
    """

    rule: Rule
    order: int
    trigger_order: int
    trigger_at: int


@dataclass(kw_only=True)
class Done:
    """Something that a customer did.

    Attributes:
        order: Number of the entry. at: when it counts (log time, or its own in event time). arrived: log time.
        version: In force when it came. moves: The trigger looked at it. consumed: a completion used it up.
    """

    order: int
    at: int
    arrived: int
    happened: int
    name: str
    props: Props
    attrs: Props
    version: Version | None = None
    moves: bool = False
    consumed: bool = False


@dataclass(kw_only=True)
class Wait:
    """One open run.

    Attributes:
        armed: The how manyth arming. trigger: it waits in its trigger; otherwise in front of ``rest``, in ``step``.
        since: Since when it waits in ``step``. seen: Properties of events that filters may refer to.
        first: Of waits that started again, the instant of the first. repeats: firings of a repeated absence so far.
    """

    version: Version
    key: str
    start: int
    begun: Done
    due: int
    armed: int
    order: int
    trigger: bool = True
    step: Mapping[str, Any] = field(default_factory=dict)
    rest: tuple[Mapping[str, Any], ...] = ()
    value: float | None = None
    repeats: int = 0
    since: int = 0
    seen: Mapping[str, Props] = field(default_factory=dict)
    first: int = 0


@dataclass(kw_only=True)
class Person:
    """One customer.

    Attributes:
        told: By attribute, (happened, order, value) of the last writer.
        fired: (key, when) of every firing. completed: (trigger order, key, when) of every completion of a trigger.
        inside: By the order of a trigger, whether the customer was in its segment when last looked at.
    """

    name: str
    done: list[Done] = field(default_factory=list)
    ids: dict[str, int] = field(default_factory=dict)
    told: dict[str, tuple[int, int, Any]] = field(default_factory=dict)
    waits: list[Wait] = field(default_factory=list)
    fired: list[tuple[str, int]] = field(default_factory=list)
    completed: list[tuple[int, str, int]] = field(default_factory=list)
    inside: dict[int, bool] = field(default_factory=dict)
    looked: int = 0
    first: int | None = None
    stopped: bool = False

    def attributes(self) -> dict[str, Any]:
        """What is known."""
        return {name: value for name, (_, _, value) in self.told.items() if value is not None}

    def has_address(self) -> bool:
        """Everybody with a name has one."""
        return not self.name.startswith("anon-")

    def repeats(self, event_id: str, at: int, ids_for: str) -> bool:
        """Whether the id came so recently in log time, by the second."""
        known = self.ids.get(event_id)
        return known is not None and known // 1_000 >= (at - later(0, ids_for)) // 1_000
