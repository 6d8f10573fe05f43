"""The maps of campaign.yaml but for its trigger; see ``language``."""

from __future__ import annotations

from collections.abc import Mapping

from sendwhen.campaigns.language import (
    CEL,
    DURATION,
    EVENT,
    FILTERS,
    LIMIT,
    NAME,
    SPAN,
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
        wait=(DURATION, "How long, from the instant at which the step before was due."),
        exit_on=(FILTERS, "Events that end the run while it waits here."),
    ),
    one_of=("send", "wait"),
)
EVENT_TIME = MapWords(
    what="'event_time'",
    words=words_of(grace=(DURATION, "How far the watermark stands behind the log.")),
    required=("grace",),
)
REENTRY = MapWords(
    what="'reentry'",
    words=words_of(cooldown=(DURATION, "So long after the last firing of the same key nothing starts.")),
    required=("cooldown",),
)
SEND = MapWords(
    what="'send'",
    words=words_of(
        category=(choice("marketing", "transactional"), "Marketing needs the customer's consent."),
        in_doubt=(choice("at_most_once", "at_least_once"), "When nobody can say whether the provider took it."),
    ),
)
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
    "event_time": EVENT_TIME,
    "reentry": REENTRY,
    "send": SEND,
    "filter": FILTER_WORDS,
    **CONDITIONS,
}
"""All maps by the names that ``to`` refers to."""
