"""How far this process's clock and the store's are apart.

Log time is bounded by both, so a gap harms no decision, but it delays them: an operator must hear of it.
"""

from __future__ import annotations

import structlog

from sendwhen.chassis.clock import Clock

ALARM_MS = 1_000
"""A greater difference is logged, and worth an alarm."""

_LOG_AGAIN_S = 60.0

log = structlog.get_logger()


class StoreClock:
    """Compares clocks whenever an answer tells the store's.

    Attributes:
        difference_ms: The store's clock less ours as last seen; 0 while it lay between request and answer.
    """

    def __init__(self, clock: Clock) -> None:
        self.difference_ms = 0
        self._clock = clock
        self._logged_at_s: float | None = None

    def heard(self, *, sent_ms: int, store_ms: int) -> None:
        """Take note of the store's clock, told in answer to a request sent at ``sent_ms`` of ours."""
        if store_ms < sent_ms:
            self.difference_ms = store_ms - sent_ms
        else:
            # A slow answer must not look like a clock that is ahead.
            self.difference_ms = max(0, store_ms - self._clock.now_ms())
        if self.is_alarming:
            self._log()
        else:
            self._logged_at_s = None

    @property
    def is_alarming(self) -> bool:
        """Whether the clocks are over a second apart."""
        return abs(self.difference_ms) > ALARM_MS

    def bounded_ms(self, now_ms: int) -> int:
        """Our time, not later than the store's as far as we know it."""
        return now_ms + min(0, self.difference_ms)

    def _log(self) -> None:
        now_s = self._clock.monotonic_s()
        if self._logged_at_s is None or now_s - self._logged_at_s >= _LOG_AGAIN_S:
            self._logged_at_s = now_s
            log.error("store.clock_differed", difference_ms=self.difference_ms, allowed_ms=ALARM_MS)
