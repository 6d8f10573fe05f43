"""Lets .eml files go that are older than the installation wants to keep."""

from __future__ import annotations

import asyncio
from typing import Final

import structlog

from sendwhen.chassis.clock import Clock
from services.sender.eml_keeper import EmlKeeper

log = structlog.get_logger()

LOOK_EVERY_S: Final = 3_600.0
DAY_MS: Final = 24 * 3_600_000


class EmlRetention:
    """Looks at the folder once an hour."""

    def __init__(self, keeper: EmlKeeper, clock: Clock, *, days: int) -> None:
        self._keeper = keeper
        self._clock = clock
        self._days = days

    async def run(self) -> None:
        """Tidy until cancelled; what fails is tried again an hour later."""
        while True:
            await self.tidy()
            await asyncio.sleep(LOOK_EVERY_S)

    async def tidy(self) -> None:
        """Remove what is too old now."""
        try:
            gone = await self._keeper.let_go(self._clock.now_ms() - self._days * DAY_MS)
        except OSError as error:
            log.warning("mail.not_tidied", problem=error.strerror)
            return
        if gone:
            log.info("mail.tidied", files=gone)
