"""Which events the roots of conditions and templates can be, in one campaign."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sendwhen.domain.campaign import Campaign
from sendwhen.domain.trigger_kinds import Absence, Match, Nth, QuietThen, Recency, Sequence, SessionEnd, Threshold


@dataclass(frozen=True, slots=True, kw_only=True)
class RootEvents:
    """Names of events; empty where any event may be behind a root.

    Attributes:
        start: What started the run.
        event: What completed the trigger.
        keyed: What ``per`` is asked of.
        steps: Events of named steps. measured: there is a ``trigger.value``.
    """

    start: tuple[str, ...] = ()
    event: tuple[str, ...] = ()
    keyed: tuple[str, ...] = ()
    steps: Mapping[str, str] = field(default_factory=dict)
    measured: bool = True


def root_events(campaign: Campaign) -> RootEvents:
    """Those of a campaign."""
    start, keyed = _starts(campaign)
    sequence = campaign.trigger.sequence if isinstance(campaign.trigger, Absence) else campaign.trigger
    if not isinstance(sequence, Sequence):
        measured = isinstance(campaign.trigger, Threshold | Nth)
        return RootEvents(start=start, event=start, keyed=keyed, measured=measured)
    named = {step.name: step.of.event for step in sequence.steps if step.name}
    return RootEvents(start=start, event=(sequence.steps[-1].of.event,), keyed=keyed, steps=named, measured=False)


def _starts(campaign: Campaign) -> tuple[tuple[str, ...], tuple[str, ...]]:
    trigger = campaign.trigger
    if isinstance(trigger, Sequence):
        return (trigger.steps[0].of.event,), tuple(dict.fromkeys(step.of.event for step in trigger.steps))
    if isinstance(trigger, Absence) and trigger.sequence is not None:
        # Its steps compare with the first event, what comes later with the last.
        names = [step.of.event for step in trigger.sequence.steps]
        return tuple(dict.fromkeys((names[0], names[-1]))), tuple(dict.fromkeys(names))
    if isinstance(trigger, Absence):
        return tuple(each.event for each in trigger.start[-1:]), tuple(dict.fromkeys(e.event for e in trigger.start))
    found: tuple[str, ...] = ()
    if isinstance(trigger, Match):
        found = (trigger.match.event,)
    elif isinstance(trigger, QuietThen):
        found = (trigger.then.event,)
    elif isinstance(trigger, Threshold | Nth | Recency | SessionEnd):
        found = (trigger.of.event,)
    return found, found
