"""The maps of ``trigger``; see ``language``."""

from __future__ import annotations

from collections.abc import Mapping

from sendwhen.campaigns.language import (
    CEL,
    DURATION,
    FILTER,
    FILTERS,
    SCALAR,
    SPAN,
    TEXT,
    WHEN,
    MapWords,
    choice,
    either,
    to,
    words_of,
)

_KINDS = (
    "match", "absence", "segment", "attribute_change",
)  # fmt: skip
TRIGGER = MapWords(
    what="'trigger'",
    words=words_of(
        match=(FILTER, "Fires on every event that passes."),
        absence=(to("absence"), "Fires when, after a start, none of some events comes for a while."),
        segment=(to("segment"), "Fires when a customer begins or ceases to be one of whom something holds."),
        attribute_change=(to("attribute_change"), "Fires when an attribute of the customer changes."),
    ),
    one_of=_KINDS,
)
ABSENCE = MapWords(
    what="'absence'",
    words=words_of(
        start=(either(FILTER, to("start")), "The event that starts the wait, or a sequence of which the last does."),
        unless=(FILTERS, "Events that answer the wait; [] where only time counts."),
        for_=(either(SPAN, to("for")), "How long it waits."),
        on_restart=(choice("reset", "keep", "parallel"), "What a further start does while the wait is open."),
    ),
    required=("start", "unless", "for"),
)
START = MapWords(
    what="'start'",
    words=words_of(
        sequence=(FILTERS, "Events in this order, the last of which starts the wait."),
        within=(DURATION, "From the first to the last."),
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
TRIGGER_MAPS: Mapping[str, MapWords] = {
    "trigger": TRIGGER,
    "absence": ABSENCE,
    "start": START,
    "for": FOR,
    "segment": SEGMENT,
    "attribute_change": ATTRIBUTE_CHANGE,
}
"""By the names that ``to`` refers to."""
