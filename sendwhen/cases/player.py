"""Plays cases of one campaign."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from zlib import crc32

import msgspec

from sendwhen.campaigns import Checked, CheckedPolicy, fuse
from sendwhen.cases.case import Case, Customer, Occurrence
from sendwhen.cases.virtual_time import VirtualTime
from sendwhen.domain.campaign import Campaign
from sendwhen.domain.decision import Decision, Kind
from sendwhen.domain.entry import CampaignPaused, CampaignPut, Entry, EventBatch
from sendwhen.domain.event import Event
from sendwhen.domain.sending_rules import SENDING_ID, SendingPolicy

INTRODUCED: Final = "Customer Described"
"""Name of the event by which customers that a case describes become known."""
TOLD: Final = "Attributes Told"
"""Name of an event that a timeline gives none."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided about a customer.

    Attributes:
        at_ms: The instant for which it is due, from the case's beginning.
        seen_at_ms: When it was decided.
        template, reason: Of an email, or of none.
        detail: In a sentence.
    """

    at_ms: int
    seen_at_ms: int
    who: str
    kind: Kind
    template: str = ""
    reason: str = ""
    key: str = ""
    detail: str = ""


class Player:
    """Plays cases of a campaign that was checked, and found well.

    ``beside``: what else is in force, and was found well too: the sending policy, other campaigns.
    """

    def __init__(self, checked: Checked, *, beside: Sequence[Checked | CheckedPolicy] = ()) -> None:
        assert checked.campaign is not None
        self._campaign_id = checked.campaign.campaign_id
        # The policy before the campaign, so that it never acts without it. All are compiled already: a number will do
        # for a source.
        self._in_force = {b"%d" % number: _compiled(one) for number, one in enumerate((*beside, checked))}
        self._versions = [one.version for one in (*beside, checked)]
        self._time = VirtualTime(compile_campaign=self._in_force.__getitem__, fuse=fuse)

    def play(self, case: Case) -> tuple[Outcome, ...]:
        """All that is decided, in order."""
        names = {customer.uid(): name for name, customer in case.customers.items()}
        decided = self._time.play(self._entries(case), until_ms=case.t0_ms + case.run_until_ms)
        return tuple(_outcome(decision, names[uid], case.t0_ms) for uid, decision in decided)

    def _entries(self, case: Case) -> Iterator[Entry]:
        for (source, one), version in zip(self._in_force.items(), self._versions, strict=True):
            name = SENDING_ID if isinstance(one, SendingPolicy) else one.campaign_id
            yield CampaignPut(seq=0, at_ms=case.t0_ms, campaign_id=name, version=version, source=source)
        for customer in case.customers.values():
            if customer.described:
                yield _batch(case, Occurrence(at_ms=0, event=INTRODUCED), customer, "described", customer.attributes)
        met = {name for name, customer in case.customers.items() if customer.described}
        for number, line in enumerate(case.timeline):
            if line.pause is not None:
                at_ms = case.t0_ms + line.at_ms
                yield CampaignPaused(seq=0, at_ms=at_ms, campaign_id=self._campaign_id, paused=line.pause)
                continue
            customer = case.customers[line.who]
            attributes = line.attributes if line.who in met else {**customer.attributes, **line.attributes}
            met.add(line.who)
            yield _batch(case, line, customer, f"line-{number}", attributes)


def _compiled(checked: Checked | CheckedPolicy) -> Campaign | SendingPolicy:
    compiled = checked.campaign if isinstance(checked, Checked) else checked.policy
    assert compiled is not None
    return compiled


def _batch(case: Case, line: Occurrence, customer: Customer, name: str, attributes: Mapping[str, Any]) -> EventBatch:
    properties = msgspec.json.encode(line.properties) if line.properties else b""
    told = msgspec.json.encode(attributes) if attributes else b""
    event_id = line.event_id or f"{name}/{customer.name}"
    # What distinguishes an event from another under the same id is what the line says, not what its customer adds.
    content = repr((customer.name, line.event, line.happened_at_ms, properties, line.attributes, line.email))
    event = Event(
        event_id=event_id,
        name=line.event or TOLD,
        uid=customer.uid(),
        user_id=customer.user_id,
        anonymous_id=customer.anonymous_id,
        email=line.email or customer.email,
        occurred_at_ms=case.t0_ms + line.happened_at_ms,
        properties=properties,
        attributes=told,
        source="case",
        fingerprint=crc32(content.encode("utf-8", "surrogatepass")),
    )
    return EventBatch(seq=0, at_ms=case.t0_ms + line.at_ms, events=(event,))


def _outcome(decision: Decision, who: str, t0_ms: int) -> Outcome:
    # A wait that ended names the deadline that it had; what counts is when it ended.
    at_ms = decision.at_ms if decision.kind is Kind.CANCELLED else decision.due_at_ms
    return Outcome(
        at_ms=at_ms - t0_ms,
        seen_at_ms=decision.at_ms - t0_ms,
        who=who,
        kind=decision.kind,
        template=decision.template if decision.kind is Kind.SEND else "",
        reason=decision.reason,
        key=decision.key,
        detail=decision.detail,
    )
