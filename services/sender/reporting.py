"""Shows what becomes of emails: their traces, the metrics, one line of log each."""

from __future__ import annotations

import structlog

from sendwhen.chassis.metrics import Meter
from services.sender.ledger import State
from services.sender.ports import Report, Tracer


class Reporting:
    """A Reporter for production."""

    def __init__(self, *, tracer: Tracer, metrics: Meter, provider: str) -> None:
        self._tracer = tracer
        self._metrics = metrics
        self._provider = provider
        # Its own: a logger that was used under other settings keeps to them.
        self._log = structlog.get_logger()

    def report(self, report: Report) -> None:
        """See Reporter."""
        intent, stamps = report.intent, report.stamps
        campaign, word = intent.campaign_id, report.state.name.lower()
        self._metrics.count("sendwhen_emails_total", campaign=campaign, state=word)
        if report.state is State.SUPPRESSED:
            # The list is looked at by the ledger, which has nothing to add; all else says what it was.
            self._metrics.count("sendwhen_suppressed_total", reason="consent" if report.detail else "listed")
        if stamps is not None:
            trace_id = self._tracer.record(intent, stamps)
            self._metrics.observe(
                "sendwhen_render_duration_seconds",
                (stamps.render_ended_at_us - stamps.render_started_at_us) / 1e6,
            )
            self._metrics.observe(
                "sendwhen_send_duration_seconds",
                (stamps.attempt_ended_at_us - stamps.attempt_started_at_us) / 1e6,
                provider=self._provider,
                outcome=word,
            )
            if stamps.attempt == 1 and report.first_byte_at_us and report.event_at_us:
                waited_us = max(0, report.first_byte_at_us - report.event_at_us)
                self._metrics.observe(
                    "sendwhen_event_to_send_seconds", waited_us / 1e6, trace_id=trace_id, campaign=campaign
                )
            if report.state is State.RETRY_AT:
                reason = str(stamps.http_status) if stamps.http_status else "refused"
                self._metrics.count("sendwhen_send_retries_total", provider=self._provider, reason=reason)
        if report.possible_duplicate:
            self._metrics.count("sendwhen_possible_duplicates_total", campaign=campaign)
        if report.is_first_held:
            self._log.error(
                "campaign.held",
                campaign=campaign,
                problem=report.detail,
                remedy=f"Look at it, then `sendwhen campaigns release {campaign}` or `discard {campaign}`.",
            )
        level = self._log.debug if report.state in (State.ACCEPTED, State.HELD) else self._log.info
        level("email.settled", send_id=intent.send_id, campaign=campaign, state=word, detail=report.detail)

    def resolved(self, *, doubted: int, gave_up: int) -> None:
        """See Reporter. The campaign is not known here; the ledger's own counts have it."""
        for word, number in (("in_doubt", doubted), ("gave_up", gave_up)):
            if number:
                self._metrics.count("sendwhen_emails_total", number, campaign="_resolved", state=word)
