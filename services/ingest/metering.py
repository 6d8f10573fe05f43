"""What ingest reports of its calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from sendwhen.chassis.clock import Clock
from sendwhen.chassis.metrics import Meter
from sendwhen.errors import Invalid, Overloaded, SendwhenError
from services.ingest.ports import Outcome, Refused

ACCEPTED: Final = "accepted"


class Metering:
    """Counts events by outcome and times calls."""

    def __init__(self, meter: Meter, clock: Clock) -> None:
        self._meter = meter
        self._clock = clock

    def now_s(self) -> float:
        """For ``called``."""
        return self._clock.monotonic_s()

    def called(self, method: str, started_s: float, error: SendwhenError | None = None) -> None:
        """A call was answered."""
        outcome = ACCEPTED if error is None else outcome_of(error)
        duration_s = self._clock.monotonic_s() - started_s
        self._meter.observe("sendwhen_ingest_call_duration_seconds", duration_s, method=method, outcome=outcome)

    def event(self, source: str, error: SendwhenError | None = None) -> None:
        """One event was taken or refused."""
        outcome = ACCEPTED if error is None else outcome_of(error)
        self._meter.count("sendwhen_events_ingested_total", source=source, outcome=outcome)

    def events(self, source: str, outcomes: Iterable[Outcome]) -> None:
        """Several were."""
        counts = Counter(outcome_of(o.error) if isinstance(o, Refused) else ACCEPTED for o in outcomes)
        for outcome, amount in counts.items():
            self._meter.count("sendwhen_events_ingested_total", amount, source=source, outcome=outcome)


def outcome_of(error: SendwhenError) -> str:
    """An error as the metrics' word."""
    if isinstance(error, Invalid):
        return "invalid"
    return "refused" if isinstance(error, Overloaded) else "unavailable"
