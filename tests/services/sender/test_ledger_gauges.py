"""How many emails wait, as the ledger counts them."""

from __future__ import annotations

import asyncio

from services.sender.ledger import State
from services.sender.ledger_gauges import LedgerGauges
from services.sender.ledger_port import Count
from tests.fakes.tally import Tally


class Counted:
    """A ledger that is only counted."""

    async def counts(self) -> tuple[list[Count], int]:
        return [
            Count(campaign_id="a", state=State.PENDING, emails=3),
            Count(campaign_id="b", state=State.CLAIMED, emails=2),
            Count(campaign_id="a", state=State.RETRY_AT, emails=4),
            Count(campaign_id="b", state=State.IN_DOUBT, emails=1),
            Count(campaign_id="b", state=State.HELD, emails=7),
            Count(campaign_id="b", state=State.ACCEPTED, emails=100),
        ], 0


def test_emails_of_all_campaigns_are_summed_by_what_they_wait_for() -> None:
    tally = Tally()

    asyncio.run(LedgerGauges(Counted(), tally).look())

    assert tally.counts == {
        ("sendwhen_queue_depth", "pending"): 5,
        ("sendwhen_queue_depth", "retry"): 4,
        ("sendwhen_emails_in_doubt",): 1,
        ("sendwhen_emails_held", "b"): 7,
    }


def test_a_campaign_of_which_nothing_is_held_any_more_says_so() -> None:
    class Emptied(Counted):
        def __init__(self) -> None:
            self.looks = 0

        async def counts(self) -> tuple[list[Count], int]:
            self.looks += 1
            return (await super().counts()) if self.looks == 1 else ([], 0)

    tally = Tally()
    gauges = LedgerGauges(Emptied(), tally)

    asyncio.run(gauges.look())
    asyncio.run(gauges.look())

    assert tally.counts["sendwhen_emails_held", "b"] == 0
