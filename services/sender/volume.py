"""The guard against a blast: what a day has no room for is held before anything else is done about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from sendwhen.v1 import email_pb2
from services.sender.insisting import insist
from services.sender.ledger import State
from services.sender.ledger_port import NewEmail
from services.sender.ports import Report, Steps
from services.sender.volume_port import Reserve, Reserved

_Place = tuple[str, str, int]
"""(campaign, day, volume): versions of a campaign that are pinned by runs may carry different volumes."""


def within_volume(
    emails: Sequence[NewEmail], day_of: Callable[[email_pb2.SendIntent], str]
) -> Steps[Sequence[NewEmail]]:
    """The same emails, those beyond their campaign's volume for the day marked to be held."""
    places: dict[_Place, list[email_pb2.SendIntent]] = {}
    for email in emails:
        intent = email.intent
        if intent.volume_per_day:
            places.setdefault((intent.campaign_id, day_of(intent), intent.volume_per_day), []).append(intent)
    held: set[str] = set()
    for (campaign_id, day, at_most), intents in places.items():
        reserved: Reserved = yield from insist(
            Reserve(
                campaign_id=campaign_id,
                day=day,
                at_most=at_most,
                send_ids=tuple(intent.send_id for intent in intents),
            )
        )
        held.update(reserved.held)
        is_first = reserved.is_first
        for intent in intents:
            if intent.send_id in held:
                detail = f"More than {at_most} emails of the campaign on {day}."
                yield Report(intent=intent, state=State.HELD, detail=detail, is_first_held=is_first)
                is_first = False
    if not held:
        return emails
    return tuple(
        msgspec.structs.replace(email, held=True) if email.intent.send_id in held else email for email in emails
    )
