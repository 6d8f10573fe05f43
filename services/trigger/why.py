"""Answers why a customer got, or did not get, a campaign's emails."""

from __future__ import annotations

from sendwhen.domain.customer import Customer
from sendwhen.domain.record import remembered_decisions
from sendwhen.errors import Invalid, NotFound, SendwhenError, Violation
from sendwhen.v1 import email_pb2
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
        found = await self._lookup.find(request.id)
        standing = await self._campaigns.standing(request.campaign_id)
        if found is None and standing is None:
            raise NotFound("There is no customer and no campaign of these ids.", remedy="Check both for typing errors.")
        customer = found.customer if found else None
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
            customer=customer_message(found.customer, partition=found.partition) if found else None,
            campaign=summary_message(standing) if standing else None,
            decisions=map(decision_message, decisions),
            waiting=map(waiting_message, waiting),
            emails=[email_pb2.Email.FromString(email.row) for email in emails.values()],
            explanation=sentences + said + _refused_ties(customer),
        )


def _refused_ties(customer: Customer | None) -> list[str]:
    refused = customer.known_ties().refused if customer else ()
    return [
        f"What “{one.key}” did is not part of this customer's history ({one.reason}): {one.detail}" for one in refused
    ]
