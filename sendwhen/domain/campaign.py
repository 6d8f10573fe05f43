"""A campaign: what starts it, what it does then, and its rules about sending. Built by ``sendwhen.campaigns``."""

from __future__ import annotations

from enum import Enum

import msgspec

from sendwhen.domain.condition import Condition, Expression


class EventFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Events of one name, those for which ``where`` holds."""

    event: str
    where: Condition | None = None


class OnRestart(Enum):
    """What a further start does while a wait of the same key is open."""

    RESET = "reset"
    KEEP = "keep"
    PARALLEL = "parallel"


class Duration(msgspec.Struct, frozen=True, kw_only=True):
    """A length of time: fixed, or taken from the starting event.

    Attributes:
        fixed_ms: The length, where ``value`` is None.
        value: Gives a number of ``unit_ms``; anything but a number > 0 refuses the start ("bad_duration").
        at_most_ms: A longer one is shortened to this.
    """

    fixed_ms: int = 0
    value: Expression | None = None
    unit_ms: int = 1
    at_most_ms: int = 400 * 86_400_000


class Match(msgspec.Struct, frozen=True, kw_only=True, tag="match"):
    """Fires on every event that passes."""

    match: EventFilter


class Absence(msgspec.Struct, frozen=True, kw_only=True, tag="absence"):
    """Fires when, after the start, none of ``unless`` comes for a while.

    Attributes:
        start: One filter, or several: events in that order, of which the last arms the wait. Every first event is
            tracked (rule R7); ``start_within_ms`` bounds the time from the first to the last, half-open; 0: no bound.
        unless: Events that answer the wait. Empty: only time counts. With a key, an event answers the waits of its key.
        duration: From the log time of the arming event.
    """

    start: tuple[EventFilter, ...]
    start_within_ms: int = 0
    unless: tuple[EventFilter, ...] = ()
    duration: Duration
    on_restart: OnRestart = OnRestart.RESET


Trigger = Match | Absence


class SendStep(msgspec.Struct, frozen=True, kw_only=True, tag="send"):
    """Send the template."""

    template: str
    template_hash: str


class WaitStep(msgspec.Struct, frozen=True, kw_only=True, tag="wait"):
    """Wait for a fixed time from the logical instant of the step before; leave the campaign when an event comes."""

    duration_ms: int
    exit_on: tuple[EventFilter, ...] = ()


Step = SendStep | WaitStep


class Reentry(Enum):
    """How often a customer may go through a campaign."""

    ALWAYS = "always"
    ONCE = "once"
    COOLDOWN = "cooldown"


class Category(Enum):
    """Marketing needs consent, transactional does not."""

    MARKETING = "marketing"
    TRANSACTIONAL = "transactional"


class InDoubt(Enum):
    """What to do with an email of which nobody can say whether the provider took it."""

    AT_MOST_ONCE = "at_most_once"
    AT_LEAST_ONCE = "at_least_once"


DAY_MS = 86_400_000


class Campaign(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a campaign, checked.

    Attributes:
        campaign_id: Its name, unique in the installation.
        version: Content hash.
        trigger: What starts it.
        per: Key of a run, from the starting event; for cancelling events the same expression is taken of that event.
            None: one run key for each customer. An event whose key is null neither starts nor cancels.
        guard: Looked at when it fires; false: skipped.
        stop_after: Once one of these was seen, the campaign is over for this customer: waits end, nothing starts.
        steps: In order; at least one send.
        exit_on: Leave at once while waiting in any step.
        reentry, cooldown_ms: See Reentry. A cooldown counts from the last firing of the same key, half-open.
        category, in_doubt: Of its emails.
        max_event_age_ms: An older event (by the producer's time) starts nothing. None: no limit.
        max_lateness_ms: A decision seen later than this after it was due is recorded as expired. None: no limit.
    """

    campaign_id: str
    version: str
    trigger: Trigger
    per: Expression | None = None
    guard: Condition | None = None
    stop_after: tuple[EventFilter, ...] = ()
    steps: tuple[Step, ...]
    exit_on: tuple[EventFilter, ...] = ()
    reentry: Reentry = Reentry.ALWAYS
    cooldown_ms: int = 0
    category: Category = Category.MARKETING
    in_doubt: InDoubt = InDoubt.AT_MOST_ONCE
    max_event_age_ms: int | None = DAY_MS
    max_lateness_ms: int | None = DAY_MS
