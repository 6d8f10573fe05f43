"""What a backtest finds: emails one by one, and sums that can be added up in any order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b

import msgspec

from sendwhen.chassis.days import day_of
from sendwhen.domain.changes import Changes
from sendwhen.domain.decision import Kind, Send
from sendwhen.domain.facts import NAMES as FACTS
from sendwhen.domain.properties import read_parts

_SKIPS = (Kind.SKIPPED, Kind.REFUSED)


class Sent(msgspec.Struct, frozen=True, kw_only=True, array_like=True, order=True, gc=False):
    """An email that would have gone out. Ordered by time, then campaign and customer.

    Attributes:
        due_at_ms: When.
        content: Hash of the template and of what it would have been filled with, but for what follows from events in
            general (cart, orders, sessions and the like).
    """

    due_at_ms: int
    campaign_id: str
    uid: str
    key: str
    step: int
    template: str
    run_id: str
    content: str
    reason: str


def sent_of(send: Send) -> Sent:
    """An email as decided."""
    digest = blake2b(send.template_hash.encode(), digest_size=8)
    digest.update(_told(send.context))
    return Sent(
        due_at_ms=send.due_at_ms,
        campaign_id=send.campaign_id,
        uid=send.uid,
        key=send.key,
        step=int(send.step),
        template=send.template,
        run_id=send.run_id,
        content=digest.hexdigest(),
        reason=send.reason,
    )


def _told(context: bytes) -> bytes:
    """What was told of events and customer. What follows from events that nobody listens to is not known here."""
    parts = read_parts(context)
    customer = {name: msgspec.Raw(value) for name, value in read_parts(parts["customer"]).items() if name not in FACTS}
    return msgspec.json.encode({**{name: msgspec.Raw(value) for name, value in parts.items()}, "customer": customer})


class Sums(msgspec.Struct, kw_only=True):
    """Of one variant. Keys are tuples, so that they sort alike everywhere.

    Attributes:
        decisions: (campaign, kind, reason) to how many.
        per_day: (campaign, UTC day) to emails.
        customers: campaign to how many customers got at least one email.
        dead_letters: reason to events that were set aside.
    """

    decisions: Counter[tuple[str, str, str]] = msgspec.field(default_factory=Counter)
    per_day: Counter[tuple[str, str]] = msgspec.field(default_factory=Counter)
    customers: Counter[str] = msgspec.field(default_factory=Counter)
    dead_letters: Counter[str] = msgspec.field(default_factory=Counter)

    def add(self, other: Sums) -> None:
        """Add those of other customers."""
        self.decisions.update(other.decisions)
        self.per_day.update(other.per_day)
        self.customers.update(other.customers)
        self.dead_letters.update(other.dead_letters)

    def take(self, parts: Sequence[Changes]) -> None:
        """Add what was decided about some customers, all of whose decisions are in these parts."""
        sends = [send for part in parts for send in part.sends]
        self.decisions.update(
            (decision.campaign_id, decision.kind.value, decision.reason)
            for part in parts
            for _, decision in part.decisions
        )
        self.per_day.update((send.campaign_id, day_of(send.due_at_ms)) for send in sends)
        self.customers.update(campaign for campaign, _ in {(send.campaign_id, send.uid) for send in sends})
        self.dead_letters.update(letter.reason for part in parts for letter in part.dead_letters)

    def emails(self, campaign_id: str) -> int:
        """Emails of a campaign."""
        return self.decisions[campaign_id, Kind.SEND.value, ""]

    def skips(self, campaign_id: str) -> list[tuple[str, int]]:
        """Why nothing was started or sent, most frequent first."""
        found: Counter[str] = Counter()
        for (campaign, kind, reason), number in self.decisions.items():
            if campaign == campaign_id and kind in {one.value for one in _SKIPS}:
                found[reason] += number
        return sorted(found.items(), key=lambda item: (-item[1], item[0]))

    def days(self, campaign_id: str) -> list[tuple[str, int]]:
        """Emails by day, in order; days without any are left out."""
        return sorted((day, number) for (campaign, day), number in self.per_day.items() if campaign == campaign_id)
