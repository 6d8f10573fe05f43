"""What starts a campaign: one struct for each kind. Their logic stands in ``sendwhen.domain.triggers``."""

from __future__ import annotations

from enum import Enum

import msgspec

from sendwhen.domain.condition import Expression
from sendwhen.domain.event_filter import EventFilter
from sendwhen.domain.local_moment import LocalTime
from sendwhen.domain.predicate import When
from sendwhen.domain.span import Span

DAY_MS = 86_400_000


class OnRestart(Enum):
    """What a further start does while a wait of the same key is open."""

    RESET = "reset"
    KEEP = "keep"
    PARALLEL = "parallel"
    EXTEND = "extend"
    """As reset, but what was begun stays the start; only of kinds that say so themselves."""


class Duration(msgspec.Struct, frozen=True, kw_only=True):
    """A length of time: fixed, or taken from the starting event.

    Attributes:
        fixed_ms, months: The length, where ``value`` is None: calendar months of UTC first, then milliseconds.
        value: Gives a number of ``unit_ms``; anything but a number > 0 refuses the start ("bad_duration").
        at_most_ms: A longer one is shortened to this.
    """

    fixed_ms: int = 0
    value: Expression | None = None
    unit_ms: int = 1
    at_most_ms: int = 400 * DAY_MS
    months: int = 0


class Match(msgspec.Struct, frozen=True, kw_only=True, tag="match"):
    """Fires on every event that passes."""

    match: EventFilter


class SequenceStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a sequence.

    Attributes:
        of: Its condition may refer to ``start`` (the first event of the sequence) and to ``steps.<name>``.
        times: So many events of it before the next step counts.
        name: Under which later conditions and templates see its (last) event; "" for none.
        forbidden: Events that drop a sequence which waits for this step.
    """

    of: EventFilter
    times: int = 1
    name: str = ""
    forbidden: tuple[EventFilter, ...] = ()


class Sequence(msgspec.Struct, frozen=True, kw_only=True, tag="sequence"):
    """Fires when all steps came in their order; whatever comes in between is skipped.

    Attributes:
        within: From the first event to the last, half-open; None: no bound.
        repeat_last: Every further event of the last step fires again; otherwise a completion drops all that was begun
            under its key (rule R7).
    """

    steps: tuple[SequenceStep, ...]
    within: Span | None = None
    repeat_last: bool = False


class Repeat(msgspec.Struct, frozen=True, kw_only=True):
    """An absence fires again each time its wait passes once more.

    Attributes:
        at_most: So many firings in all; None: no bound. within: none due at or after the arming event plus this.
    """

    at_most: int | None = None
    within: Span | None = None


class Absence(msgspec.Struct, frozen=True, kw_only=True, tag="absence"):
    """Fires when, after the start, none of ``unless`` comes for a while.

    Attributes:
        start: One filter, or several: events in that order, of which the last arms the wait. Every first event is
            tracked (rule R7); ``start_within_ms`` bounds the time from the first to the last, half-open; 0: no bound.
        sequence: In the place of ``start``, where the sequence says more than names of events. Its last event arms.
        unless: Events that answer the wait. Empty: only time counts. With a key, an event answers the waits of its key.
        duration: From the log time of the arming event.
        at_latest: However often it is reset, it fires so long after the first start. None: no bound.
    """

    start: tuple[EventFilter, ...]
    start_within_ms: int = 0
    unless: tuple[EventFilter, ...] = ()
    duration: Duration
    on_restart: OnRestart = OnRestart.RESET
    repeat: Repeat | None = None
    at_latest: Span | None = None
    sequence: Sequence | None = None


class QuietThen(msgspec.Struct, frozen=True, kw_only=True, tag="quiet_then"):
    """Fires on ``then`` when nothing of ``quiet_of`` came for so long before it.

    The quiet counts from the latest of: the customer's first event, the last ``quiet_of``, the campaign's put, its last
    firing for the key. An event that is both is first a ``then``.
    """

    quiet_of: EventFilter
    quiet: Span
    then: EventFilter


class Measure(Enum):
    """What is made of the events in a window."""

    COUNT = "count"
    SUM = "sum"
    AVERAGE = "average"
    DISTINCT = "distinct"


class Fire(Enum):
    """When a threshold fires."""

    CROSSING = "crossing"
    """On an event that carries the measure from below the threshold to it; again only after it was below (rule R8)."""
    CONSUME = "consume"
    """On an event with which the threshold is reached; what was counted is then forgotten."""


class Threshold(msgspec.Struct, frozen=True, kw_only=True, tag="threshold"):
    """Fires on an event with which a measure over a window reaches a bound.

    Attributes:
        value: What is summed, averaged or told apart; None for a count. An event without a usable value is left out.
        sliding: Events less far back than this count; ``tumbling``: those since the last multiple of it (from
            1970-01-01 UTC; calendar months from the first of the month). Neither: all.
    """

    measure: Measure
    of: EventFilter
    value: Expression | None = None
    at_least: float
    sliding: Span | None = None
    tumbling: Span | None = None
    fire: Fire = Fire.CROSSING


class Nth(msgspec.Struct, frozen=True, kw_only=True, tag="nth"):
    """Fires once, on the event with this ordinal, from 1."""

    of: EventFilter
    ordinal: int


class Recency(msgspec.Struct, frozen=True, kw_only=True, tag="recency"):
    """Fires when the last of these lies so far back."""

    of: EventFilter
    since: Span


class SessionEnd(msgspec.Struct, frozen=True, kw_only=True, tag="session_end"):
    """Fires when nothing of this came for ``gap``; the run starts at the session's first event."""

    of: EventFilter
    gap: Span


class AttributeChange(msgspec.Struct, frozen=True, kw_only=True, tag="attribute_change"):
    """Fires when the value of an attribute changes: from and to are JSON values, None: any."""

    attribute: str
    before: bytes | None = None
    after: bytes | None = None


class Edge(Enum):
    """Which way a customer goes."""

    ENTER = "enter"
    EXIT = "exit"


class Segment(msgspec.Struct, frozen=True, kw_only=True, tag="segment"):
    """Fires when a customer begins or ceases to be one for whom ``when`` holds, be it by time alone.

    Attributes:
        name: Of the definition, for explanations; "" where it stands in the campaign.
    """

    when: When
    edge: Edge = Edge.ENTER
    name: str = ""


class DateOf(msgspec.Struct, frozen=True, kw_only=True, tag="date"):
    """Fires on a date that an attribute gives (RFC 3339 date or time), or so many days beside it.

    Attributes:
        offset_days: Before (negative) or after it. at: local time of the day. yearly: on its anniversaries; one of
            29 February is on 28 February in other years.
    """

    attribute: str
    offset_days: int = 0
    at: LocalTime
    yearly: bool = False


Trigger = (
    Match | Sequence | Absence | QuietThen | Threshold | Nth | Recency | SessionEnd | AttributeChange | Segment | DateOf
)


def kind_of(trigger: Trigger) -> str:
    """The word of the language for it."""
    return trigger.measure.value if isinstance(trigger, Threshold) else str(trigger.__struct_config__.tag)
