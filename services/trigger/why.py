"""Answers why a customer got, or did not get, a campaign's emails."""

from __future__ import annotations

from sendwhen.domain.customer import Customer
from sendwhen.domain.record import remembered_decisions
from sendwhen.errors import Invalid, NotFound, SendwhenError, Violation
from sendwhen.v1 import email_pb2, profile_service_pb2
from sendwhen.v1 import trigger_service_pb2 as pb
from sendwhen.wire.customer import customer_message, waiting_message
from sendwhen.wire.decision import decision_message
from services.trigger.campaigns import Campaigns
from services.trigger.explain import explain
from services.trigger.front_messages import summary_message
from services.trigger.front_ports import CampaignChecker, Emails
from services.trigger.lookup import Lookup


class WhyDesk:
    """Puts together what the record, the campaign and sender's ledger say."""

    def __init__(self, lookup: Lookup, campaigns: Campaigns, checker: CampaignChecker, emails: Emails) -> None:
        self._lookup = lookup
        self._campaigns = campaigns
        self._checker = checker
        self._emails = emails

    async def answer(self, request: pb.WhyRequest) -> pb.WhyResponse:
        """What was decided, what waits, what became of it, in data and in sentences.

        Raises:
            Invalid: No customer or no campaign is named.
            NotFound: There is neither such a customer nor such a campaign.
        """
        if not request.campaign_id:
            raise Invalid.of([Violation(field="campaign_id", description="Send the campaign's id.")])
        found = await self._find(request.id)
        standing = await self._campaigns.standing(request.campaign_id)
        if found is None and standing is None:
            raise NotFound("There is no customer and no campaign of these ids.", remedy="Check both for typing errors.")
        partition, customer = found or (0, None)
        decisions = (
            [d for d in remembered_decisions(customer) if d.campaign_id == request.campaign_id] if customer else []
        )
        waiting = [run for run in customer.runs if run.campaign_id == request.campaign_id] if customer else []
        send_ids = [decision.send_id for decision in decisions if decision.send_id]
        said: list[str] = []
        try:
            emails = {email.send_id: email for email in await self._emails.emails(send_ids)} if send_ids else {}
        except SendwhenError as error:
            emails = {}
            said = [f"What became of the emails cannot be told: {error}"]
        campaign = self._checker.campaign(standing.campaign.source) if standing else None
        paused = standing is not None and standing.campaign.paused
        sentences = explain(campaign, customer, decisions, waiting, emails, paused=paused)
        return pb.WhyResponse(
            customer=customer_message(customer, partition=partition) if customer else None,
            campaign=summary_message(standing) if standing else None,
            decisions=map(decision_message, decisions),
            waiting=map(waiting_message, waiting),
            emails=[email_pb2.Email.FromString(email.row) for email in emails.values()],
            explanation=sentences + said,
        )

    async def _find(self, who: profile_service_pb2.CustomerId) -> tuple[int, Customer] | None:
        match who.WhichOneof("id"):
            case "uid" if who.uid:
                return await self._lookup.by_uid(who.uid)
            case "user_id" if who.user_id:
                return await self._lookup.by_identity(user_id=who.user_id)
            case "anonymous_id" if who.anonymous_id:
                return await self._lookup.by_identity(anonymous_id=who.anonymous_id)
            case "email" if who.email.strip():
                return await self._lookup.by_identity(email=who.email)
            case _:
                raise Invalid.of([Violation(field="id", description="Send a uid, user_id, anonymous_id or email.")])
