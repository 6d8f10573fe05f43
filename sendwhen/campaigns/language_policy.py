"""The maps of sending.yaml; see ``language``."""

from __future__ import annotations

from collections.abc import Mapping

from sendwhen.campaigns.language import PERCENT, SPAN, TEXT, MapWords, to, words_of
from sendwhen.campaigns.language_table import SEND_MAPS

POLICY = MapWords(
    what="The sending policy",
    words=words_of(
        caps=(to("caps"), "How many emails of all campaigns a customer gets."),
        quiet_hours=(to("quiet_hours"), "When no email goes out, for campaigns without quiet hours of their own."),
        time_zone=(TEXT, "The zone of customers of whom none is known, as in Europe/Berlin."),
        holdout=(PERCENT, "A share of all customers who get no marketing at all."),
        priority_window=(SPAN, "So long emails of campaigns with a priority wait for each other."),
    ),
)
CAPS = MapWords(
    what="'caps'",
    words=words_of(
        all=(to("cap"), "Over all emails; transactional ones count, and are let through."),
        marketing=(to("cap"), "Over marketing emails."),
    ),
)
POLICY_MAPS: Mapping[str, MapWords] = {
    "policy": POLICY,
    "caps": CAPS,
    "cap": SEND_MAPS["cap"],
    "quiet_hours": SEND_MAPS["quiet_hours"],
}
"""By the names that ``to`` refers to."""
