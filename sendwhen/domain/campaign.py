"""A campaign: what starts it, what it does then, and its rules about sending. Built by ``sendwhen.campaigns``."""

from __future__ import annotations

from enum import Enum

import msgspec

from sendwhen.domain.condition import Expression
from sendwhen.domain.event_filter import EventFilter
from sendwhen.domain.predicate import When
from sendwhen.domain.sending_rules import Sending
from sendwhen.domain.span import Span
from sendwhen.domain.steps import Step
from sendwhen.domain.trigger_kinds import DAY_MS, Trigger


class Reentry(Enum):
    """How often a customer may go through a campaign."""

    ALWAYS = "always"
    ONCE = "once"
    COOLDOWN = "cooldown"


class Goal(msgspec.Struct, frozen=True, kw_only=True):
    """What the campaign is for: an event; it ends open runs, and counts when it comes within so long of an email."""

    of: EventFilter
    within: Span


class Campaign(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a campaign, checked.

    Attributes:
        campaign_id: Its name, unique in the installation.
        version: Content hash.
        trigger: What starts it.
        grace_ms: It runs on the producer's time, this long behind the log's. None: on log time.
        per: Key of a run, from the starting event; for cancelling events the same expression is taken of that event.
            None: one run key for each customer. An event whose key is null neither starts nor cancels.
        guard: Looked at when it fires; does not hold: skipped.
        stop_after: Once one of these was seen, the campaign is over for this customer: waits end, nothing starts.
        steps: In order; at least one send.
        exit_on: Leave at once while waiting in any step.
        reentry, cooldown: See Reentry. A cooldown counts from the last firing of the same key, half-open.
        goal: See Goal.
        holdout_percent: Of the customers, by hash of (campaign, customer): they enter and get nothing, to be compared.
        sending: About its emails.
        max_event_age_ms: An older event (by the producer's time) starts nothing. None: no limit.
        max_lateness_ms: A decision seen later than this after it was due is recorded as expired. None: no limit.
    """

    campaign_id: str
    version: str
    trigger: Trigger
    grace_ms: int | None = None
    per: Expression | None = None
    guard: When | None = None
    stop_after: tuple[EventFilter, ...] = ()
    steps: tuple[Step, ...]
    exit_on: tuple[EventFilter, ...] = ()
    reentry: Reentry = Reentry.ALWAYS
    cooldown: Span = Span()
    goal: Goal | None = None
    holdout_percent: int = 0
    sending: Sending = Sending()
    max_event_age_ms: int | None = DAY_MS
    max_lateness_ms: int | None = DAY_MS
