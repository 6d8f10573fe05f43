"""Says in sentences what a campaign did about a customer, and why it did nothing. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from sendwhen.domain import triggers
from sendwhen.domain.campaign import Campaign
from sendwhen.domain.customer import Customer
from sendwhen.domain.decision import Decision, Kind
from sendwhen.domain.event_filter import EventFilter
from sendwhen.domain.held_events import KIND
from sendwhen.domain.record import recent_events
from sendwhen.domain.run import Run
from sendwhen.domain.trigger_kinds import Absence
from services.trigger.explain.grounds import listens_to, unmet
from services.trigger.explain.past import FOR_EVER_MS
from services.trigger.explain.watching import never_fired
from services.trigger.explain.words import at
from services.trigger.front_ports import SentEmail

NAMES_MAX: Final = 8
STANDINGS_MAX: Final = 5

_REASON: Final = MappingProxyType(
    {
        "no_address": "no address is known of the customer",
        "no_consent": "marketing mail needs the customer's attribute consent: true",
        "guard": "the guard did not hold",
        "cooldown": "the cooldown since the last time was not over",
        "once": "the campaign acts once for each customer, and it has",
        "stopped": "an event of stop_after had come before",
        "paused": "the campaign was paused",
        "expired": "it came later after its time than max_lateness allows",
        "too_old": "the event was older than max_event_age allows",
        "bad_duration": "the event does not say how long to wait",
        "too_late": "it happened before what the campaign, on event time, had decided already",
        "no_key": "the event gives the run no key",
        "answered": "the awaited event came",
        "exited": "an event of exit_on came",
        "superseded": "a later start took its place",
        "kept": "an earlier wait was open and stays",
        "limit": "the customer has too many open runs",
        "goal": "the campaign's goal was reached",
        "waited": "what was waited for did not come in time",
        "holdout": "the customer is among those held out to be compared",
        "cap": "the customer has had as many emails as a cap allows",
        "quiet_hours": "it is within the quiet hours",
        "priority": "it waits whether a campaign of higher priority wants the customer",
        "outranked": "a campaign of higher priority wanted the customer too",
        "version_gone": "the version that started it is not kept",
        "failed": "deciding failed",
        "edited": "the campaign was edited, and its open runs cancelled",
        "archived": "the campaign was archived",
        "moved": "the campaign was edited, and its open runs moved to the new version",
    }
)
_HELD: Final = MappingProxyType(
    {
        "no_address": "for an address",
        "quiet_hours": "with an email for the end of quiet hours,",
        "ranked": "with an email for the end of quiet hours,",
        "priority": "with an email whether a campaign of higher priority wants the customer,",
    }
)
_STATE: Final = MappingProxyType(
    {
        "pending": "it waits in sender",
        "claimed": "sender is at work on it",
        "attempted": "an attempt is under way",
        "accepted": "the provider took it",
        "rejected": "it was rejected",
        "retry_at": "it will be tried again",
        "in_doubt": "nobody can say whether the provider took it",
        "gave_up": "sender gave up, being in doubt",
        "suppressed": "the address is on the suppression list",
        "expired": "its time was over before it could be sent",
        "held": "it is held, because its campaign's volume for the day was exceeded",
        "discarded": "it was held, and an operator discarded it",
        "cancelled": "its customer was deleted before it was sent",
    }
)


def explain(
    campaign: Campaign | None,
    customer: Customer | None,
    decisions: Sequence[Decision],
    waiting: Sequence[Run],
    emails: Mapping[str, SentEmail],
    *,
    paused: bool,
    until_ms: int = FOR_EVER_MS,
) -> list[str]:
    """Sentences for a person, in the order of what happened."""
    if campaign is None:
        return ["There is no campaign of that id."]
    if customer is None:
        return ["Nobody is known by that id: no event of this customer has been applied, or the customer was deleted."]
    told = decided(decisions, waiting, emails)
    told += _remembered(campaign, customer)
    if not decisions and not waiting:
        told += never_fired(campaign, customer) or _never_entered(campaign, customer, until_ms)
    if paused:
        told.append("The campaign is paused: nothing starts, and what falls due is skipped.")
    return told


def decided(decisions: Sequence[Decision], waiting: Sequence[Run], emails: Mapping[str, SentEmail]) -> list[str]:
    """What happened, and what waits, whatever the campaign says."""
    return [
        *(_sentence(decision, emails) for decision in decisions),
        *(
            f"Waits{_held(run)} until {at(run.due_at_ms)}{_key(run.key)}; started at {at(run.start_at_ms)}."
            for run in waiting
        ),
    ]


def did(decision: Decision) -> str:
    """What was decided, and why, without its time."""
    why = decision.detail or _REASON.get(decision.reason, decision.reason)
    because = f": {why}".rstrip(".") if why else ""
    due = at(decision.due_at_ms)
    said = {
        Kind.ENTERED: "entered",
        Kind.WAITING: f"waits until {due}",
        Kind.CANCELLED: "the wait ended without an email",
        Kind.SEND: f"decided to send “{decision.template}”",
        Kind.SKIPPED: "no email",
        Kind.REFUSED: "did not enter",
        Kind.RESET: f"started anew, waits until {due}",
        Kind.FINISHED: "all steps are done",
        Kind.EXITED: "left the campaign",
        Kind.TOOK: "went on",
        Kind.GOAL: "reached the goal",
    }[decision.kind]
    return f"{said}{_key(decision.key)}{because}"


def state_said(email: SentEmail | None) -> str:
    """What became of an email."""
    said = _STATE.get(email.state, email.state) if email else "sender does not know it yet"
    return said + (f" ({email.detail.rstrip('.')})" if email and email.detail else "")


def _sentence(decision: Decision, emails: Mapping[str, SentEmail]) -> str:
    became = f"; {state_said(emails.get(decision.send_id))}" if decision.kind is Kind.SEND else ""
    return f"{at(decision.at_ms)}: {did(decision)}{became}."


def _held(run: Run) -> str:
    what = _HELD.get(run.held, run.held)
    return f" {what}" if what else ""


def _remembered(campaign: Campaign, customer: Customer) -> list[str]:
    """How far the trigger has come, and what waits for its time."""
    memory = customer.memory(campaign.campaign_id)
    told = []
    if memory.trigger and memory.trigger_version.partition("#")[0] == campaign.version:
        standings = triggers.of(campaign.trigger).standings(memory.trigger)
        for one in standings[-STANDINGS_MAX:]:
            since = f", since {at(one.since_ms)}" if one.since_ms else ""
            told.append(f"Remembered{_key(one.key)}: {one.text}{since}.")
    held = [one.due_at_ms for one in customer.alarms if (one.kind, one.campaign_id) == (KIND, campaign.campaign_id)]
    if held:
        told.append(f"{len(held)} events wait until their time is past by the grace, the next until {at(min(held))}.")
    return told


def _never_entered(campaign: Campaign, customer: Customer, until_ms: int) -> list[str]:
    filters = listens_to(campaign)
    joint = ", then " if isinstance(campaign.trigger, Absence) else ", "
    said = joint.join(_filter(one) for one in filters) if filters else "changes of the customer"
    told = [f"Never entered. The campaign listens to {said}."]
    recent = [event for event in recent_events(customer) if event.logged_at_ms <= until_ms]
    counts = Counter(event.name for event in recent)
    for one in filters:
        if not counts[one.event]:
            told.append(f"Of the latest {len(recent)} events of the customer none is “{one.event}”.")
        elif one.where is None:
            told.append(
                f"“{one.event}” came {counts[one.event]} times, as far as is remembered, perhaps before this campaign "
                "was put."
            )
        elif one.where.needs_start:
            told.append(
                f"“{one.event}” came {counts[one.event]} times, as far as is remembered; {one.where.source} compares "
                "it with what came before."
            )
    told += [f"{judged.text()}." for judged in unmet(campaign, customer, until_ms=until_ms)]
    what = [f"“{name}” ({count})" for name, count in counts.most_common(NAMES_MAX)]
    told.append(f"The customer did: {', '.join(what)}." if what else "No event of the customer is remembered.")
    return told


def _filter(one: EventFilter) -> str:
    return f"“{one.event}” where {one.where.source}" if one.where else f"“{one.event}”"


def _key(key: str) -> str:
    return f" for {key}" if key else ""
