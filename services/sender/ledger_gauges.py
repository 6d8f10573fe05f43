"""Reports how many emails wait and how many are in doubt, as the ledger counts them."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Final

import structlog

from sendwhen.chassis.metrics import Meter
from sendwhen.errors import Unavailable
from services.sender.ledger import State
from services.sender.ledger_port import Ledger

log = structlog.get_logger()

LOOK_EVERY_S: Final = 10.0


class LedgerGauges:
    """Sets the gauges of the ledger at each look. Every replica of sender reports the same: all look at one ledger."""

    def __init__(self, ledger: Ledger, metrics: Meter) -> None:
        self._ledger = ledger
        self._metrics = metrics
        self._held_campaigns: set[str] = set()

    async def look(self) -> None:
        """Look once.

        Raises:
            LedgerLost: It does not answer; the gauges keep what they said.
        """
        counts, _ = await self._ledger.counts()
        emails: Counter[State] = Counter()
        for count in counts:
            emails[count.state] += count.emails
        self._metrics.set("sendwhen_queue_depth", emails[State.PENDING] + emails[State.CLAIMED], queue="pending")
        self._metrics.set("sendwhen_queue_depth", emails[State.RETRY_AT], queue="retry")
        self._metrics.set("sendwhen_emails_in_doubt", emails[State.IN_DOUBT])
        held = {count.campaign_id: count.emails for count in counts if count.state is State.HELD}
        # One of which nothing is held any more must say so.
        self._held_campaigns |= held.keys()
        for campaign in sorted(self._held_campaigns):
            self._metrics.set("sendwhen_emails_held", held.get(campaign, 0), campaign=campaign)

    async def run(self) -> None:
        """Look again and again."""
        while True:
            try:
                await self.look()
            except Unavailable as error:
                log.warning("ledger.not_counted", problem=str(error))
            await asyncio.sleep(LOOK_EVERY_S)
