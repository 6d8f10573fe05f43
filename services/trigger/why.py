"""Answers why a customer got, or did not get, a campaign's emails; and what there is of a customer, by time."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

from msgspec.structs import replace

from sendwhen.chassis.clock import Clock
from sendwhen.domain.campaign import Campaign
from sendwhen.domain.changes import CampaignRow
from sendwhen.domain.customer import Customer
from sendwhen.domain.decision import Decision
from sendwhen.domain.edits import ARCHIVED, EDITED
from sendwhen.domain.record import remembered_decisions
from sendwhen.domain.run import Run
from sendwhen.errors import Invalid, NotFound, SendwhenError, Violation
from sendwhen.v1 import email_pb2
from sendwhen.v1 import trigger_service_pb2 as pb
from sendwhen.wire.customer import customer_message, waiting_message
from sendwhen.wire.decision import decision_message
from services.trigger.campaigns import EDITS_KEPT, Campaigns, Standing
from services.trigger.explain import (
    FOR_EVER_MS,
    Editions,
    NearMiss,
    Past,
    decided,
    editions_of,
    explain,
    ground_of,
    near_misses,
    past_of,
    timeline,
    unmet,
)
from services.trigger.explain_messages import clause_message, ground_message, item_message, near_miss_message
from services.trigger.front_messages import summary_message
from services.trigger.front_ports import CampaignChecker, DesiredCampaign, Emails, SentEmail
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
        partition, customer, desired = found.partition, found.customer, standing.campaign
        rows = await self._log.campaigns(partition)
        stood = editions_of(desired, rows, until_ms=until_ms, event_clock=self._event_clock, kept_max=EDITS_KEPT)
        decisions, waiting = _concerning(customer, desired.campaign_id, until_ms)
        emails, said = await self._became(decisions)
        # The clocks of log and front differ a little: what is committed has happened.
        now_ms = min(until_ms, max(self._clock.now_ms(), customer.changed_at_ms))
        async with self._playing:
            past = await self._past(partition, customer, until_ms)
            wanted = stood.versions(past.events[0][0] if past.events else now_ms)
            wanted |= {stood.version, *(decision.version for decision in decisions)}
            versions = await asyncio.to_thread(self._compiled, desired, rows, wanted)
            campaign = versions.get(stood.version)
            misses: Sequence[NearMiss] = ()
            # What ended by an edit would not have been saved by any event.
            if campaign is not None and not (decisions and decisions[-1].reason in (ARCHIVED, EDITED)):
                misses = await asyncio.to_thread(
                    near_misses,
                    campaign,
                    past,
                    put_at_ms=stood.put_at_ms,
                    until_ms=now_ms,
                    event_clock=self._event_clock,
                    edits=stood.entries(versions),
                    versions=versions,
                )
        unknown = [*past.unknown, *_not_kept(stood, versions)]
        return pb.WhyResponse(
            customer=customer_message(customer, partition=partition),
            campaign=summary_message(standing),
            decisions=map(decision_message, decisions),
            waiting=map(waiting_message, waiting),
            emails=[email_pb2.Email.FromString(email.row) for email in emails.values()],
            explanation=[
                *found.joined(),
                *([stood.sentence] if stood.sentence else []),
                *_sentences(campaign, stood, customer, decisions, waiting, emails=emails, until_ms=until_ms),
                *(miss.sentence for miss in misses),
                *said,
                *_refused_ties(customer),
            ],
            followed=found.followed,
            grounds=[ground_message(ground_of(one, versions.get(one.version), customer)) for one in decisions],
            unmet=[]
            if decisions or campaign is None
            else map(clause_message, unmet(campaign, customer, until_ms=until_ms)),
            near_misses=map(near_miss_message, misses),
            unknown=unknown,
            version_in_force=stood.version,
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

    def _compiled(
        self, desired: DesiredCampaign, rows: Sequence[CampaignRow], wanted: AbstractSet[str]
    ) -> Mapping[str, Campaign]:
        sources = {row.version: row.source for row in rows if row.campaign_id == desired.campaign_id and row.source}
        sources[desired.version] = desired.source
        return {version: self._checker.campaign(sources[version]) for version in wanted & sources.keys()}


def _concerning(customer: Customer, campaign_id: str, until_ms: int) -> tuple[list[Decision], list[Run]]:
    """What a campaign decided up to an instant, and what waits that began by then."""
    decisions = remembered_decisions(customer)
    return (
        [one for one in decisions if one.campaign_id == campaign_id and one.at_ms <= until_ms],
        [run for run in customer.runs if run.campaign_id == campaign_id and run.start_at_ms <= until_ms],
    )


def _sentences(
    campaign: Campaign | None,
    stood: Editions,
    customer: Customer,
    decisions: Sequence[Decision],
    waiting: Sequence[Run],
    *,
    emails: Mapping[str, SentEmail],
    until_ms: int,
) -> list[str]:
    if campaign is None:
        return decided(decisions, waiting, emails)
    told = explain(campaign, customer, decisions, waiting, emails, paused=stood.paused, until_ms=until_ms)
    return [*told, "The campaign is archived: nothing starts, and who waits leaves."] if stood.archived else told


def _not_kept(stood: Editions, versions: Mapping[str, Campaign]) -> list[str]:
    if stood.version and stood.version not in versions:
        return [f"Version {stood.version} is not kept any more, so it cannot be asked, nor played again."]
    return []


def _refused_ties(customer: Customer) -> list[str]:
    refused = customer.known_ties().refused
    return [
        f"What “{one.key}” did is not part of this customer's history ({one.reason}): {one.detail}" for one in refused
    ]
