"""Who there is, and everything that they did: the oracle's whole memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.oracle.neutral import Props, Rule, later


@dataclass(frozen=True, kw_only=True)
class Version:
    """What a campaign said from an entry on.

    Attributes:
        campaign: Its name.
        order: Number of the entry that put it. trigger_order, trigger_at: of the one since which its trigger is this.
        steps: What follows a firing.
    """

    rule: Rule
    order: int
    trigger_order: int
    trigger_at: int
    campaign: str = ""
    steps: Sequence[Mapping[str, Any]] = ()


@dataclass(kw_only=True)
class Done:
    """Something that a customer did.

    Attributes:
        order: Number of the entry. at: when it counts (log time, or its own in event time). arrived: log time.
        versions: By campaign, those in force when it came. moves: campaigns whose trigger looked at it. consumed:
            those of which a completion used it up.
        address: It told one.
    """

    order: int
    at: int
    arrived: int
    happened: int
    name: str
    props: Props
    attrs: Props
    versions: Mapping[str, Version] = field(default_factory=dict)
    moves: set[str] = field(default_factory=set)
    consumed: set[str] = field(default_factory=set)
    address: bool = False


@dataclass(kw_only=True)
class Wait:
    """One open run.

    Attributes:
        armed: The how manyth arming. trigger: it waits in its trigger; otherwise in front of ``rest``, in ``step``.
        since: Since when it waits in ``step``. seen: Properties of events that filters may refer to.
        first: Of waits that started again, the instant of the first. repeats: firings of a repeated absence so far.
        held: Why it stands before the email that is the first of ``rest``; "" where it does not.
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
    held: str = ""


@dataclass(kw_only=True)
class Awaited:
    """The latest email of a campaign, to which its goal would be attributed."""

    wait: Wait
    emailed: int
    until: int


@dataclass(kw_only=True)
class Part:
    """What a customer has been to one campaign.

    Attributes:
        fired: (key, when) of every firing. completed: (trigger order, key, when) of every completion of a trigger.
        inside: By the order of a trigger, whether the customer was in its segment when last looked at.
        stopped: The campaign is over for the customer.
        day: On which its date fired last.  awaited: its goal.
    """

    fired: list[tuple[str, int]] = field(default_factory=list)
    completed: list[tuple[int, str, int]] = field(default_factory=list)
    inside: dict[int, bool] = field(default_factory=dict)
    stopped: bool = False
    day: int = 0
    awaited: Awaited | None = None


@dataclass(kw_only=True)
class Person:
    """One customer.

    Attributes:
        done: What counts by now. logged: what came by now, in event time before it counts.
        told: By attribute, (happened, order, value) of the last writer.
        parts: By campaign.
        sent: (instant, campaign, category, number of the entry) of every email.
        addressed: An address is known.
    """

    name: str
    done: list[Done] = field(default_factory=list)
    logged: list[Done] = field(default_factory=list)
    ids: dict[str, int] = field(default_factory=dict)
    told: dict[str, tuple[int, int, Any]] = field(default_factory=dict)
    waits: list[Wait] = field(default_factory=list)
    parts: dict[str, Part] = field(default_factory=dict)
    sent: list[tuple[int, str, str, int]] = field(default_factory=list)
    looked: int = 0
    first: int | None = None
    addressed: bool = False

    def part(self, campaign: str) -> Part:
        """What the customer has been to a campaign."""
        return self.parts.setdefault(campaign, Part())

    def attributes(self) -> dict[str, Any]:
        """What is known."""
        return {name: value for name, (_, _, value) in self.told.items() if value is not None}

    def repeats(self, event_id: str, at: int, ids_for: str) -> bool:
        """Whether the id came so recently in log time, by the second."""
        known = self.ids.get(event_id)
        return known is not None and known // 1_000 >= (at - later(0, ids_for)) // 1_000
