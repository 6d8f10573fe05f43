"""The maps of ``trigger``; see ``language``."""

from __future__ import annotations

from collections.abc import Mapping

from sendwhen.campaigns.language import (
    CEL,
    CLOCK,
    DURATION,
    EVENT,
    FILTER,
    FILTERS,
    NUMBER,
    SCALAR,
    SPAN,
    TEXT,
    TRUTH,
    WHEN,
    MapWords,
    choice,
    either,
    list_of,
    to,
    whole,
    words_of,
)

_KINDS = (
    "match", "sequence", "absence", "quiet_then", "count", "sum", "average", "distinct", "nth", "recency",
    "session_end", "segment", "attribute_change", "date",
)  # fmt: skip
TRIGGER = MapWords(
    what="'trigger'",
    words=words_of(
        match=(FILTER, "Fires on every event that passes."),
        sequence=(to("sequence"), "Fires when events came in this order."),
        absence=(to("absence"), "Fires when, after a start, none of some events comes for a while."),
        quiet_then=(to("quiet_then"), "Fires on an event that comes after a long quiet."),
        count=(to("count"), "Fires when so many events lie in a window."),
        sum=(to("sum"), "Fires when a sum over a window reaches a bound."),
        average=(to("average"), "Fires when an average over a window reaches a bound."),
        distinct=(to("distinct"), "Fires when so many different values lie in a window."),
        nth=(to("nth"), "Fires once, on the event with this ordinal."),
        recency=(to("recency"), "Fires when the last event of a kind lies so far back."),
        session_end=(to("session_end"), "Fires when nothing of a kind came for a while."),
        segment=(to("segment"), "Fires when a customer begins or ceases to be one of whom something holds."),
        attribute_change=(to("attribute_change"), "Fires when an attribute of the customer changes."),
        date=(to("date"), "Fires on a date that an attribute of the customer gives."),
    ),
    one_of=_KINDS,
)
_STEP = to("step_of_sequence")
SEQUENCE = MapWords(
    what="'sequence'",
    words=words_of(
        steps=(list_of(either(_STEP, to("not_between"))), "The events in their order."),
        within=(SPAN, "From the first event to the last."),
        repeat_last=(TRUTH, "Every further event of the last step fires again."),
        starts=(choice("oldest", "first", "each"), "For which of several first events a completion fires."),
    ),
    required=("steps",),
)
STEP_OF_SEQUENCE = MapWords(
    what="A step of a sequence",
    words=words_of(
        event=(EVENT, "The name of the event."),
        where=(CEL, "What must hold of it; may refer to start and to named steps before."),
        times=(whole(1, 50), "So many of it before the next step counts."),
        as_=({"type": "string", "pattern": "^[a-z][a-z0-9_]{0,31}$"}, "Later conditions say steps.NAME.properties."),
    ),
    required=("event",),
)
NOT_BETWEEN = MapWords(what="A 'not'", words=words_of(not_=(FILTER, "This must not come between its neighbours.")))
ABSENCE = MapWords(
    what="'absence'",
    words=words_of(
        start=(either(FILTER, to("start")), "The event that starts the wait, or a sequence of which the last does."),
        unless=(FILTERS, "Events that answer the wait; [] where only time counts."),
        for_=(either(SPAN, to("for")), "How long it waits."),
        on_restart=(choice("reset", "keep", "parallel"), "What a further start does while the wait is open."),
        at_latest=(SPAN, "However often it is reset, the wait ends so long after the first start."),
        repeat=(to("repeat"), "Fire again each time the wait passes once more."),
    ),
    required=("start", "unless", "for"),
)
START = MapWords(
    what="'start'",
    words=words_of(
        sequence=(
            list_of(either(_STEP, to("not_between"))),
            "Events in this order, the last of which starts the wait.",
        ),
        within=(SPAN, "From the first to the last."),
    ),
    required=("sequence",),
)
FOR = MapWords(
    what="'for'",
    words=words_of(
        property=(CEL, "A number from the starting event."),
        unit=(choice("milliseconds", "seconds", "minutes", "hours", "days"), "Of the number."),
        at_most=(DURATION, "A longer one is shortened to this."),
    ),
    required=("property", "unit"),
)
REPEAT = MapWords(
    what="'repeat'",
    words=words_of(at_most=(whole(2, 100), "So many firings in all."), within=(SPAN, "None later than this.")),
)
QUIET_THEN = MapWords(
    what="'quiet_then'",
    words=words_of(
        quiet_of=(FILTER, "What did not come."), for_=(SPAN, "For so long."), then=(FILTER, "The event that fires.")
    ),
    required=("quiet_of", "for", "then"),
)
_OF = (FILTER, "The events that are looked at.")
_WINDOW = {
    "sliding": (SPAN, "Events less far back than this count."),
    "tumbling": (SPAN, "Events since the last multiple of this count."),
    "fire": (
        choice("crossing", "consume", "every"),
        "On coming from below the bound; or so, and forget what was counted; or on every event at the bound or above.",
    ),
}
COUNT = MapWords(
    what="'count'",
    words=words_of(of=_OF, at_least=(whole(1, 512), "The bound."), **_WINDOW),
    required=("of", "at_least"),
)


def _measure(name: str, about: str) -> MapWords:
    words = words_of(of=_OF, value=(CEL, about), at_least=(NUMBER, "The bound."), **_WINDOW)
    return MapWords(what=f"'{name}'", words=words, required=("of", "value", "at_least"))


NTH = MapWords(
    what="'nth'", words=words_of(of=_OF, ordinal=(whole(1, 1_000_000), "From 1.")), required=("of", "ordinal")
)
RECENCY = MapWords(what="'recency'", words=words_of(of=_OF, for_=(SPAN, "So far back.")), required=("of", "for"))
SESSION_END = MapWords(
    what="'session_end'", words=words_of(of=_OF, gap=(SPAN, "Nothing came for so long.")), required=("of", "gap")
)
SEGMENT = MapWords(
    what="'segment'",
    words=words_of(
        enter=(WHEN, "A segment's name, or what must hold: fires when it begins to hold."),
        exit=(WHEN, "The same: fires when it ceases to hold."),
    ),
    one_of=("enter", "exit"),
)
ATTRIBUTE_CHANGE = MapWords(
    what="'attribute_change'",
    words=words_of(
        attribute=(TEXT, "Its name."),
        from_=(SCALAR, "Only from this value."),
        to=(SCALAR, "Only to this value."),
    ),
    required=("attribute",),
)
DATE = MapWords(
    what="'date'",
    words=words_of(
        attribute=(TEXT, "The attribute that holds the date."),
        offset=({"type": "string", "pattern": "^[+-]?[0-9]{1,3}d$"}, "So many days later, or (-7d) earlier."),
        at=(CLOCK, "The local time of the day; 09:00 where nothing is written."),
        zone=(TEXT, "The zone in which it is that time: Europe/Berlin, or customer.time_zone."),
        repeat=(choice("yearly", "never"), "On every anniversary, or on the date alone."),
    ),
    required=("attribute",),
)
TRIGGER_MAPS: Mapping[str, MapWords] = {
    "trigger": TRIGGER,
    "sequence": SEQUENCE,
    "step_of_sequence": STEP_OF_SEQUENCE,
    "not_between": NOT_BETWEEN,
    "absence": ABSENCE,
    "start": START,
    "for": FOR,
    "repeat": REPEAT,
    "quiet_then": QUIET_THEN,
    "count": COUNT,
    "sum": _measure("sum", "What is summed."),
    "average": _measure("average", "What is averaged."),
    "distinct": _measure("distinct", "What is told apart."),
    "nth": NTH,
    "recency": RECENCY,
    "session_end": SESSION_END,
    "segment": SEGMENT,
    "attribute_change": ATTRIBUTE_CHANGE,
    "date": DATE,
}
"""By the names that ``to`` refers to."""
