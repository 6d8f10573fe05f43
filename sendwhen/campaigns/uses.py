"""What a campaign's text refers to, with its place: events by name, and CEL with what its roots stand for.

The readers note it while they read; ``catalogue_check`` holds it against the catalogue once the whole is read.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from ruamel.yaml.nodes import Node, ScalarNode


@dataclass(frozen=True, slots=True)
class EventUse:
    """An event's name."""

    node: Node
    name: str


@dataclass(frozen=True, slots=True)
class CelUse:
    """A condition or an expression that is right by itself.

    Attributes:
        node: The scalar that holds it.
        text: CEL.
        roots: The roots it may refer to.
        event: Name of the event that ``event`` is; "" for the one that starts the run.
        condition: The whole must be true or false.
    """

    node: ScalarNode
    text: str
    roots: Collection[str]
    event: str = ""
    condition: bool = True


@dataclass(slots=True)
class Uses:
    """All of one campaign."""

    events: list[EventUse] = field(default_factory=list)
    cel: list[CelUse] = field(default_factory=list)
