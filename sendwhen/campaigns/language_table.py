"""The maps of campaign.yaml but for its trigger; see ``language``."""

from __future__ import annotations

from collections.abc import Mapping

from sendwhen.campaigns.language import (
    ATTRIBUTES,
    CEL,
    CLOCK,
    DURATION,
    EVENT,
    FILTER,
    FILTERS,
    LIMIT,
    NAME,
    PERCENT,
    SHORT,
    SPAN,
    TEXT,
    WHEN,
    MapWords,
    choice,
    either,
    list_of,
    to,
    whole,
    words_of,
)
from sendwhen.campaigns.language_triggers import TRIGGER_MAPS

FILTER_WORDS = MapWords(
    what="An event",
    words=words_of(
        event=(EVENT, "The name of the event, as it is tracked."),
        where=(CEL, "What must hold of it: CEL over event, customer and now, in some places start."),
    ),
    required=("event",),
)
CAMPAIGN = MapWords(
    what="A campaign",
    words=words_of(
        campaign=(NAME, "The name, unique in the installation."),
        trigger=(to("trigger"), "What starts it."),
        event_time=(to("event_time"), "Run on the time of the producer instead of the log's."),
        per=(CEL, "Each value of this expression over the starting event has runs and cooldowns of its own."),
        guard=(WHEN, "Asked when the trigger fires; where it does not hold the run is skipped."),
        stop_after=(FILTERS, "Once one of these was seen, the campaign is over for this customer."),
        steps=(list_of(to("step"), at_least=1), "What is done, in order."),
        exit_on=(FILTERS, "Events that end the run while it waits."),
        goal=(to("goal"), "What the campaign is for: ends the run, and counts within a time of an email."),
        holdout=(PERCENT, "A share of the customers who go through it and get nothing, to be compared."),
        reentry=(either(choice("always", "once"), to("reentry")), "How often a customer may go through it."),
        send=(to("send"), "Rules about its emails."),
        max_event_age=(LIMIT, "An event older than this starts nothing."),
        max_lateness=(LIMIT, "What comes later than this after it was due is recorded as expired."),
    ),
    required=("campaign", "trigger", "steps"),
)
STEP = MapWords(
    what="A step",
    words=words_of(
        send=(NAME, "The name of a template beside the campaign."),
        wait=(either(SPAN, to("wait")), "How long, from the instant at which the step before was due."),
        wait_until=(either(FILTER, to("wait_until_if")), "Until an event comes, or until something holds."),
        branch=(list_of(either(to("way"), to("way_else")), at_least=1), "The first way that holds is taken."),
        split=(list_of(to("share"), at_least=2), "Divides the customers by chance, each for ever the same way."),
        set_=(ATTRIBUTES, "Attributes of the customer that are set."),
        add_to=(SHORT, "A list on which the customer is put."),
        remove_from=(SHORT, "A list from which the customer is taken."),
        exit_=(SHORT, "Leave the campaign, and why."),
        exit_on=(FILTERS, "Events that end the run while it waits here."),
        at_most=(SPAN, "Beside wait_until: no longer than this."),
        otherwise=(choice("exit", "continue"), "Beside wait_until: what happens when that time is over."),
    ),
    one_of=("send", "wait", "wait_until", "branch", "split", "set", "add_to", "remove_from", "exit"),
)
_STEPS = list_of(to("step"))
_DAY = choice("mon", "tue", "wed", "thu", "fri", "sat", "sun")
STEP_MAPS: Mapping[str, MapWords] = {
    "wait": MapWords(
        what="'wait'",
        words=words_of(
            for_=(SPAN, "First so long."),
            until=(CLOCK, "Then until it is this time where the customer lives."),
            weekday=(either(_DAY, list_of(_DAY, at_least=1)), "On one of these days."),
            zone=(CEL, "A time zone, or an expression for its name; customer.time_zone where it is left out."),
        ),
    ),
    "wait_until_if": MapWords(
        what="'wait_until' without an event",
        words=words_of(if_=(WHEN, "Until this holds of the customer.")),
        required=("if",),
    ),
    "way": MapWords(
        what="A way of a branch",
        words=words_of(if_=(WHEN, "Taken where this holds."), then=(_STEPS, "Its steps.")),
        required=("if", "then"),
    ),
    "way_else": MapWords(what="The way 'else'", words=words_of(else_=(_STEPS, "Steps where none holds."))),
    "share": MapWords(
        what="A share",
        words=words_of(
            share=(PERCENT, "How many of a hundred customers."),
            name=(SHORT, "Names the share in decisions, and decides who belongs to it."),
            then=(_STEPS, "Its steps."),
        ),
        required=("share", "name"),
    ),
    "computed": MapWords(
        what="A computed attribute",
        words=words_of(value=(CEL, "An expression over start, customer and now.")),
        required=("value",),
    ),
}
SEND_MAPS: Mapping[str, MapWords] = {
    "goal": MapWords(
        what="'goal'",
        words=words_of(
            event=(EVENT, "What the campaign is for; it ends runs that are open."),
            where=(CEL, "Only those of which this holds."),
            within=(SPAN, "Counted so long after the latest email."),
        ),
        required=("event", "within"),
    ),
    "cap": MapWords(
        what="'cap'",
        words=words_of(
            at_most=(whole(1, 100), "So many emails."), per=(SPAN, "In any time of this length, for each customer.")
        ),
        required=("at_most", "per"),
    ),
    "quiet_hours": MapWords(
        what="'quiet_hours'",
        words=words_of(
            from_=(CLOCK, "When they begin."),
            to=(CLOCK, "When they end."),
            zone=(CEL, "A time zone, or an expression for its name; customer.time_zone where it is left out."),
            then=(choice("defer", "skip"), "What becomes of an email within them."),
        ),
        required=("from", "to"),
    ),
    "no_address": MapWords(
        what="'no_address'", words=words_of(wait=(SPAN, "So long for an address.")), required=("wait",)
    ),
    "volume": MapWords(
        what="'volume'",
        words=words_of(
            at_most=(whole(1, 1_000_000_000), "So many emails over all customers."),
            per=(choice("day"), "A day of UTC."),
        ),
        required=("at_most", "per"),
    ),
}
EVENT_TIME = MapWords(
    what="'event_time'",
    words=words_of(grace=(DURATION, "How far the watermark stands behind the log.")),
    required=("grace",),
)
REENTRY = MapWords(
    what="'reentry'",
    words=words_of(cooldown=(SPAN, "So long after the last firing of the same key nothing starts.")),
    required=("cooldown",),
)
SEND = MapWords(
    what="'send'",
    words=words_of(
        category=(choice("marketing", "transactional"), "Marketing needs the customer's consent."),
        in_doubt=(choice("at_most_once", "at_least_once"), "When nobody can say whether the provider took it."),
        cap=(to("cap"), "How many emails of this campaign a customer gets."),
        quiet_hours=(to("quiet_hours"), "When no email goes out."),
        priority=(whole(1, 1000), "Among campaigns that want the same customer at once the highest wins."),
        no_address=(either(choice("skip"), to("no_address")), "What becomes of an email without an address."),
        volume=(to("volume"), "What goes beyond it is held until somebody decides."),
    ),
)
POLICY = MapWords(
    what="The sending policy",
    words=words_of(
        caps=(to("caps"), "How many emails a customer gets, over all campaigns."),
        quiet_hours=(to("quiet_hours"), "When no marketing goes out, for campaigns without quiet hours of their own."),
        time_zone=(TEXT, "Of customers of whom none is known: an IANA name."),
        holdout=(PERCENT, "A share of all customers who get no marketing at all."),
        priority_window=(SPAN, "Emails of campaigns with a priority wait so long for one another."),
    ),
)
CAPS = MapWords(
    what="'caps'",
    words=words_of(
        marketing=(to("cap"), "Of marketing emails."),
        all_=(to("cap"), "Of all emails; transactional ones count, and are let through."),
    ),
)
POLICY_MAPS: Mapping[str, MapWords] = {"caps": CAPS, "cap": SEND_MAPS["cap"], "quiet_hours": SEND_MAPS["quiet_hours"]}
"""The maps of sending.yaml."""
COUNT_OF_EVENTS = MapWords(
    what="A count of events",
    words=words_of(
        event=(EVENT, "What the customer did."),
        where=(CEL, "Only those of which this holds."),
        at_least=(whole(0, 1000), "So often at least."),
        at_most=(whole(0, 1000), "So often at most; 0: never."),
        within_last=(SPAN, "Only what lies less far back than this."),
    ),
    required=("event",),
)
_PARTS = list_of(WHEN, at_least=1)
CONDITIONS: Mapping[str, MapWords] = {
    "count_of_events": COUNT_OF_EVENTS,
    "all": MapWords(
        what="A condition", words=words_of(all=(list_of(WHEN, at_least=1), "All of them hold.")), required=("all",)
    ),
    "any": MapWords(
        what="A condition", words=words_of(any=(list_of(WHEN, at_least=1), "One at least holds.")), required=("any",)
    ),
    "not": MapWords(what="A condition", words=words_of(not_=(WHEN, "It does not hold.")), required=("not",)),
    "segment_of": MapWords(
        what="A condition",
        words=words_of(segment=(NAME, "Its definition in segments.yaml holds.")),
        required=("segment",),
    ),
    "since": MapWords(
        what="'since'",
        words=words_of(since=(CEL, "An instant of the customer."), at_least=(SPAN, "It lies at least so far back.")),
        required=("since", "at_least"),
    ),
}
MAPS: Mapping[str, MapWords] = {
    "campaign": CAMPAIGN,
    **TRIGGER_MAPS,
    "step": STEP,
    **STEP_MAPS,
    **SEND_MAPS,
    "event_time": EVENT_TIME,
    "reentry": REENTRY,
    "send": SEND,
    "filter": FILTER_WORDS,
    **CONDITIONS,
}
"""All maps by the names that ``to`` refers to."""
