"""Says why a campaign that looks at the customer did nothing. Pure."""

from __future__ import annotations

from sendwhen.domain.asking import Asked, holds, said
from sendwhen.domain.campaign import Campaign
from sendwhen.domain.customer import Customer
from sendwhen.domain.findings import findings
from sendwhen.domain.trigger_kinds import AttributeChange, DateOf, Edge, Segment
from sendwhen.domain.watching import WATCH
from services.trigger.explain.words import at


def never_fired(campaign: Campaign, customer: Customer) -> list[str] | None:
    """Sentences; None where the campaign listens to events instead."""
    match campaign.trigger:
        case Segment() as trigger:
            told = _segment(campaign, trigger, customer)
        case AttributeChange() as trigger:
            told = _attribute(trigger, customer)
        case DateOf() as trigger:
            told = _date(trigger, customer)
        case _:
            return None
    alarm = next((one for one in customer.alarms if (one.kind, one.campaign_id) == (WATCH, campaign.campaign_id)), None)
    if alarm is not None:
        told.append(f"By time alone it may change at {at(alarm.due_at_ms)}; then it is looked at again.")
    return told


def _segment(campaign: Campaign, trigger: Segment, customer: Customer) -> list[str]:
    now_ms = customer.changed_at_ms
    asked = Asked(customer=customer.scope(), tallies=customer.tallies, now_ms=now_ms)
    verb = "begins" if trigger.edge is Edge.ENTER else "ceases"
    of = f"to be in “{trigger.name}”: " if trigger.name else "to be one for whom this holds: "
    told = [f"Never entered. The campaign fires when the customer {verb} {of}{said(trigger.when)}."]
    is_in = holds(trigger.when, asked)
    told.append(f"When the customer last changed, at {at(now_ms)}, it {'held' if is_in else 'did not hold'}:")
    for one in findings(trigger.when, asked):
        seen = f" ({one.seen})" if one.seen else ""
        told.append(f"- {one.question} is {'true' if one.holds else 'false'}{seen}")
    memory = customer.memory(campaign.campaign_id)
    if memory.trigger_version.partition("#")[0] != campaign.version:
        told.append("This version of the campaign has not looked at the customer yet; being in then is not entering.")
    elif is_in and trigger.edge is Edge.ENTER:
        told.append("The customer was in when the campaign first looked: that is not entering.")
    return told


def _attribute(trigger: AttributeChange, customer: Customer) -> list[str]:
    field = customer.fields.get(trigger.attribute)
    value = field.value.decode(errors="replace") if field is not None and field.value else "not there"
    was = "" if trigger.before is None else f" from {trigger.before.decode()}"
    became = "" if trigger.after is None else f" to {trigger.after.decode()}"
    told = [f"Never entered. The campaign fires when “{trigger.attribute}” changes{was}{became}; it is {value}."]
    if field is not None and field.value:
        told.append(f"It was told by an event of {at(field.occurred_at_ms)}; telling the same again changes nothing.")
    return told


def _date(trigger: DateOf, customer: Customer) -> list[str]:
    field = customer.fields.get(trigger.attribute)
    value = field.value.decode(errors="replace") if field is not None and field.value else "not there"
    told = [f"Never entered. The campaign fires by the date in “{trigger.attribute}”, which is {value}."]
    if not any(one.kind == WATCH for one in customer.alarms) and field is not None and field.value:
        told.append(
            "That is no date, it has passed, or this version of the campaign has not looked at the customer yet."
        )
    return told
