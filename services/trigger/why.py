"""Answers why a customer got, or did not get, a campaign's emails; and what there is of a customer, by time."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec.structs import replace

from sendwhen.chassis.clock import Clock
from sendwhen.domain.campaign import Campaign
from sendwhen.domain.customer import Customer
from sendwhen.domain.decision import Decision
from sendwhen.domain.edits import ARCHIVED, EDITED
from sendwhen.domain.record import remembered_decisions
from sendwhen.errors import Invalid, NotFound, SendwhenError, Violation
from sendwhen.v1 import email_pb2
from sendwhen.v1 import trigger_service_pb2 as pb
from sendwhen.wire.customer import customer_message, waiting_message
from sendwhen.wire.decision import decision_message
from services.trigger.campaigns import Campaigns, Standing
from services.trigger.explain import (
    FOR_EVER_MS,
    NearMiss,
    Past,
    explain,
    ground_of,
    near_misses,
    past_of,
    timeline,
    unmet,
)
from services.trigger.explain_messages import clause_message, ground_message, item_message, near_miss_message
from services.trigger.front_messages import summary_message
from services.trigger.front_ports import CampaignChecker, Emails, SentEmail
from services.trigger.log_past import LogPast
from services.trigger.log_port import Log
from services.trigger.lookup import Found, Lookup

NEAR_MISSES_AT_ONCE: Final = 1
"""Explanations at a time that read the log and play it: each takes up to a second of the front's processor."""


class WhyDesk:
    """Puts together what the record, the campaign and sender's ledger say."""

    def __init__(
        self,
        *,
        lookup: Lookup,
        campaigns: Campaigns,
        checker: CampaignChecker,
        emails: Emails,
        event_log: Log,
        log_past: LogPast,
        clock: Clock,
        event_clock: bool,
    ) -> None:
        self._lookup = lookup
        self._campaigns = campaigns
        self._checker = checker
        self._emails = emails
        self._log = event_log
        self._log_past = log_past
        self._clock = clock
        self._event_clock = event_clock
        self._playing = asyncio.Semaphore(NEAR_MISSES_AT_ONCE)

    async def answer(self, request: pb.WhyRequest) -> pb.WhyResponse:
        """What was decided, what waits, what became of it, what it rests on and how little was missing.

        Raises:
            Invalid: No customer or no campaign is named.
            NotFound: There is neither such a customer nor such a campaign.
        """
        if not request.campaign_id:
            raise Invalid.of([Violation(field="campaign_id", description="Send the campaign's id.")])
        found = await self._lookup.find(request.id)
        standing = await self._campaigns.standing(request.campaign_id)
        if found is None and standing is None:
            raise NotFound(
                "There is no customer and no campaign of these ids.", remedy=await self._lookup.hint(request.id)
            )
        if found is None or standing is None:
            campaign = self._checker.campaign(standing.campaign.source) if standing else None
            return pb.WhyResponse(
                customer=customer_message(found.customer, partition=found.partition) if found else None,
                campaign=summary_message(standing) if standing else None,
                explanation=[
                    *(found.joined() if found else []),
                    *explain(campaign, found.customer if found else None, (), (), {}, paused=False),
                    *([] if found else [await self._lookup.hint(request.id)]),
                ],
                followed=found.followed if found else (),
            )
        return await self._explained(found, standing, until_ms=request.at_ms or FOR_EVER_MS)

    async def _explained(self, found: Found, standing: Standing, *, until_ms: int) -> pb.WhyResponse:
        partition, customer, campaign_id = found.partition, found.customer, standing.campaign.campaign_id
        campaign = self._checker.campaign(standing.campaign.source)
        decisions = [
            one for one in remembered_decisions(customer) if one.campaign_id == campaign_id and one.at_ms <= until_ms
        ]
        waiting = [run for run in customer.runs if run.campaign_id == campaign_id and run.start_at_ms <= until_ms]
        emails, said = await self._became(decisions)
        versions = await self._versions(partition, campaign_id, decisions)
        # The clocks of log and front differ a little: what is committed has happened.
        now_ms = min(until_ms, max(self._clock.now_ms(), customer.changed_at_ms))
        async with self._playing:
            past = await self._past(partition, customer, until_ms)
            misses: Sequence[NearMiss] = ()
            # What ended by an edit would not have been saved by any event: edits are no part of what is played.
            if not (decisions and decisions[-1].reason in (ARCHIVED, EDITED)):
                misses = await asyncio.to_thread(
                    near_misses,
                    campaign,
                    past,
                    put_at_ms=standing.campaign.put_at_ms,
                    until_ms=now_ms,
                    event_clock=self._event_clock,
                )
        sentences = explain(
            campaign, customer, decisions, waiting, emails, paused=standing.campaign.paused, until_ms=until_ms
        )
        if standing.campaign.archived:
            sentences.append("The campaign is archived: nothing starts.")
        sentences += [miss.sentence for miss in misses]
        return pb.WhyResponse(
            customer=customer_message(customer, partition=partition),
            campaign=summary_message(standing),
            decisions=map(decision_message, decisions),
            waiting=map(waiting_message, waiting),
            emails=[email_pb2.Email.FromString(email.row) for email in emails.values()],
            explanation=found.joined() + sentences + said + _refused_ties(customer),
            followed=found.followed,
            grounds=[ground_message(ground_of(one, versions.get(one.version), customer)) for one in decisions],
            unmet=[] if decisions else map(clause_message, unmet(campaign, customer, until_ms=until_ms)),
            near_misses=map(near_miss_message, misses),
            unknown=past.unknown,
        )

    async def timeline(self, request: pb.GetTimelineRequest) -> pb.GetTimelineResponse:
        """Everything remembered of a customer, by time.

        Raises:
            NotFound: Nobody is known by that id.
        """
        found = await self._lookup.find(request.id)
        if found is None:
            raise NotFound("Nobody is known by that id.", remedy=await self._lookup.hint(request.id))
        partition, customer = found.partition, found.customer
        emails, said = await self._became(remembered_decisions(customer))
        changed = [(email, email_pb2.Email.FromString(email.row).changed_at_ms) for email in emails.values()]
        return pb.GetTimelineResponse(
            customer=customer_message(customer, partition=partition),
            items=map(item_message, timeline(customer, changed)),
            unknown=[
                *past_of(customer, until_ms=FOR_EVER_MS).unknown,
                *said,
                *_refused_ties(customer),
            ],
            followed=found.followed,
        )

    async def _past(self, partition: int, customer: Customer, until_ms: int) -> Past:
        logged = await self._log_past.of(partition, customer)
        past = past_of(customer, until_ms=until_ms, logged=logged.events, logged_since_ms=logged.since_ms)
        return replace(past, unknown=(*past.unknown, logged.unread)) if logged.unread else past

    async def _became(self, decisions: Sequence[Decision]) -> tuple[Mapping[str, SentEmail], list[str]]:
        send_ids = [decision.send_id for decision in decisions if decision.send_id]
        try:
            return {email.send_id: email for email in await self._emails.emails(send_ids)} if send_ids else {}, []
        except SendwhenError as error:
            return {}, [f"What became of the emails cannot be told: {error}"]

    async def _versions(
        self, partition: int, campaign_id: str, decisions: Sequence[Decision]
    ) -> Mapping[str, Campaign]:
        wanted = {decision.version for decision in decisions}
        rows = await self._log.campaigns(partition) if wanted else ()
        return {
            row.version: self._checker.campaign(row.source)
            for row in rows
            if row.campaign_id == campaign_id and row.version in wanted and row.source
        }


def _refused_ties(customer: Customer) -> list[str]:
    refused = customer.known_ties().refused
    return [
        f"What “{one.key}” did is not part of this customer's history ({one.reason}): {one.detail}" for one in refused
    ]
