"""The way of one email: claim → freshness → render → attempt on disk → provider → settle. Sans-I/O.

Each step is a request that this module yields; whoever drives it carries the request out and sends the answer. A driver
that stops anywhere loses nothing: what was claimed is claimed again after its lease, what was attempted is in doubt.

A decision that comes in and can go out at once is rendered before it is in the ledger; it is accepted, claimed and
attempted there in one step, because each step is a sync to disk on the way of its first byte.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from sendwhen.chassis.clock import Clock
from sendwhen.chassis.days import day_of
from sendwhen.v1 import email_pb2
from services.sender.email_trace import SenderStamps
from services.sender.insisting import insist
from services.sender.ledger import Signal, State
from services.sender.ledger_port import (
    BeginAttempt,
    Begun,
    ClaimDue,
    ClaimDueAnswer,
    Claimed,
    LedgerLost,
    NewEmail,
    Settle,
    Settled,
    Submit,
    SubmitAnswer,
)
from services.sender.ports import Answer, Call, Renderer, Report, Steps, Verdict
from services.sender.preparation import Preparation, Ready
from services.sender.retry import Backoff
from services.sender.rules import NotReady, Rules
from services.sender.volume import within_volume

_SIGNAL_OF: Final[Mapping[Verdict, Signal]] = {
    Verdict.ACCEPTED: Signal.ACCEPT,
    Verdict.REJECTED: Signal.REJECT,
    Verdict.NOT_PROCESSED: Signal.NOT_PROCESSED,
    Verdict.UNKNOWN: Signal.DOUBT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenIn:
    """Decisions are durable.

    Attributes:
        attempts: Those begun, each to be driven at once and beside the others.
    """

    answer: SubmitAnswer
    attempts: Sequence[Steps[None]]


class Dispatch:
    """Takes claimed emails to an end, or to a later time."""

    def __init__(self, *, rules: Rules, backoff: Backoff, renderer: Renderer, provider_name: str, clock: Clock) -> None:
        self._rules = rules
        self._backoff = backoff
        self._preparation = Preparation(rules=rules, renderer=renderer, clock=clock)
        self._provider = provider_name
        self._clock = clock

    def take_in(self, emails: Sequence[NewEmail], *, worker: str, claim_max: int, attempts_max: int) -> Steps[TakenIn]:
        """Make decisions durable, and begin the attempts of up to ``attempts_max`` that can go at once.

        Args:
            emails: In the order of their outbox.
            worker: Never used before, so that nobody but this call can be answered that an attempt of it was begun.
            claim_max: Emails that may be claimed, those with an attempt among them.
            attempts_max: Attempts that whoever drives this carries out at once.
        """
        started_ms = self._clock.now_ms()
        emails = yield from within_volume(emails, self._day_of)
        ready = yield from self._ready_at_once(emails, attempts_max)
        request = Submit(
            emails=tuple(
                msgspec.structs.replace(email, attempt=True) if email.intent.send_id in ready else email
                for email in emails
            ),
            worker=worker,
            claim_max=claim_max,
            now_ms=started_ms,
            lease_ms=self._rules.claim_lease_ms,
            attempt_lease_ms=self._rules.attempt_lease_ms,
            look_at_expiry=not self._rules.events_clock,
        )
        answer: SubmitAnswer = yield from insist(request)
        attempts = tuple(self._begun(begun, ready[begun.send_id], started_ms) for begun in answer.begun)
        return TakenIn(answer=answer, attempts=attempts)

    def _day_of(self, intent: email_pb2.SendIntent) -> str:
        """On which an email counts: today, or on the events' own time that of the decision."""
        return day_of(intent.due_at_ms if self._rules.events_clock else self._clock.now_ms())

    def _ready_at_once(self, emails: Sequence[NewEmail], attempts_max: int) -> Steps[dict[str, Ready]]:
        """Messages by send_id. What cannot be had without waiting for others is left to the way by a claim."""
        found: dict[str, Ready] = {}
        addresses: set[str] = set()
        for email in emails:
            if len(found) >= attempts_max:
                break
            if email.held:
                continue
            # Of several to one address the first alone may go.
            if email.address_hash not in addresses and self._preparation.needs_nobody(email.intent):
                message = yield from self._message_or_none(email)
                if message is not None:
                    found[email.intent.send_id] = message
            addresses.add(email.address_hash)
        return found

    def _message_or_none(self, email: NewEmail) -> Steps[Ready | None]:
        try:
            message = yield from self._preparation.message(email.intent, attempt=1)
        except Exception:  # noqa: BLE001 - whatever is wrong with one decision must not hold up its neighbours' acceptance
            # On the way by a claim it fails alone, and the driver's log has it.
            return None
        return message if isinstance(message, Ready) else None

    def _begun(self, claimed: Claimed, ready: Ready, asked_at_ms: int) -> Steps[None]:
        """Carry out an attempt that was begun with its acceptance, and then what waited for it."""
        begun = Begun(granted=True, state=State.ATTEMPTED, attempt=1)
        try:
            following = yield from self._attempted(claimed, ready, begun, asked_at_ms=asked_at_ms)
        except LedgerLost:
            return
        if following is not None:
            yield from self.emails(following)

    def due(self, worker: str, *, emails_max: int) -> Steps[ClaimDueAnswer]:
        """Claim what is due, for ``emails`` to work on."""
        answer: ClaimDueAnswer = yield ClaimDue(
            worker=worker,
            emails_max=emails_max,
            now_ms=self._clock.now_ms(),
            lease_ms=self._rules.claim_lease_ms,
            evidence_wait_ms=self._rules.evidence_wait_ms,
        )
        return answer

    def emails(self, claimed: Claimed) -> Steps[None]:
        """Work on an email, and then on those to the same address that waited for it, one after the other."""
        following: Claimed | None = claimed
        while following is not None:
            following = yield from self._email(following)

    def round(self, worker: str, *, emails_max: int) -> Steps[int]:
        """Claim what is due and work on it, one email at a time; how many. For drivers without concurrency."""
        answer = yield from self.due(worker, emails_max=emails_max)
        for claimed in answer.claimed:
            yield from self.emails(claimed)
        return len(answer.claimed)

    def _email(self, claimed: Claimed) -> Steps[Claimed | None]:
        try:
            ready = yield from self._preparation.message(claimed.intent, attempt=claimed.attempts + 1)
            if isinstance(ready, NotReady):
                return (yield from self._set_aside(claimed, ready))
            attempt = self._attempt(claimed)
            begun: Begun = yield from insist(attempt)
            if not begun.granted:
                yield Report(intent=claimed.intent, state=begun.state, detail="")
                return begun.following
            return (yield from self._attempted(claimed, ready, begun, asked_at_ms=attempt.now_ms))
        except LedgerLost:
            # Told to the log by the driver. The lease will end, and the ledger knows whether an attempt was open.
            return None

    def _attempt(self, claimed: Claimed) -> BeginAttempt:
        return BeginAttempt(
            claimed=claimed,
            now_ms=self._clock.now_ms(),
            lease_ms=self._rules.attempt_lease_ms,
            following_lease_ms=self._rules.claim_lease_ms,
            look_at_expiry=not self._rules.events_clock,
        )

    def _set_aside(self, claimed: Claimed, why: NotReady) -> Steps[Claimed | None]:
        signal, next_at_ms = self._patience(claimed, why.signal, tried=claimed.attempts + 1, not_before_ms=0)
        settled = yield from self._settle(
            claimed, 0, signal, next_at_ms, Answer(verdict=Verdict.REJECTED, detail=why.detail)
        )
        yield Report(intent=claimed.intent, state=settled.state, detail=why.detail)
        return settled.following

    def _attempted(self, claimed: Claimed, ready: Ready, begun: Begun, *, asked_at_ms: int) -> Steps[Claimed | None]:
        started_us = self._clock.now_us()
        if started_us // 1_000 - asked_at_ms > self._rules.attempt_lease_ms:
            # This process stood still. Others may have put the attempt in doubt; that it never began is proof for them.
            answer = Answer(
                verdict=Verdict.NOT_PROCESSED, detail="The process stood still before it called the provider."
            )
        else:
            answer = yield Call(message=msgspec.structs.replace(ready.message, attempt=begun.attempt))
        ended_us = self._clock.now_us()
        signal, next_at_ms = self._patience(
            claimed, _SIGNAL_OF[answer.verdict], tried=begun.attempt, not_before_ms=answer.retry_at_ms
        )
        settled = yield from self._settle(claimed, begun.attempt, signal, next_at_ms, answer)
        stamps = SenderStamps(
            submitted_at_us=claimed.submitted_at_ms * 1_000,
            claimed_at_us=claimed.claimed_at_ms * 1_000,
            render_started_at_us=ready.render_started_at_us,
            render_ended_at_us=ready.render_ended_at_us,
            attempt_started_at_us=started_us,
            attempt_ended_at_us=ended_us,
            outcome=settled.state.name.lower(),
            provider=self._provider,
            attempt=begun.attempt,
            tree_missing=claimed.doubts > 0,
            http_status=answer.http_status,
            server_address=answer.server_address,
        )
        yield Report(
            intent=claimed.intent,
            state=settled.state,
            detail=answer.detail,
            stamps=stamps,
            possible_duplicate=begun.possible_duplicate,
            first_byte_at_us=answer.first_byte_at_us,
            event_at_us=ready.message.event_at_us,
        )
        return settled.following

    def _patience(self, claimed: Claimed, signal: Signal, *, tried: int, not_before_ms: int) -> tuple[Signal, int]:
        """The signal to settle with, and when something is to be done next (0: never)."""
        now_ms = self._clock.now_ms()
        if signal is Signal.DOUBT:
            return signal, now_ms + self._rules.evidence_wait_ms
        if signal not in (Signal.NOT_PROCESSED, Signal.POSTPONE):
            return signal, 0
        expires_at_ms = self._rules.expires_at_ms(claimed.intent)
        if signal is Signal.POSTPONE and 0 < expires_at_ms <= now_ms:
            return Signal.EXPIRE, 0
        if signal is Signal.POSTPONE:
            # Postponing makes no attempts to count, so the time that went by stands for them.
            waits = (now_ms - claimed.submitted_at_ms) // max(1, self._backoff.first_ms)
            tried = min(max(1, waits.bit_length()), self._backoff.attempts_max - 1)
        next_at_ms = self._backoff.next_at_ms(
            send_id=claimed.send_id,
            attempts=tried,
            now_ms=now_ms,
            submitted_at_ms=claimed.submitted_at_ms,
            not_before_ms=not_before_ms,
        )
        if next_at_ms is None:
            return Signal.EXHAUST, 0
        # What is postponed to behind its end is seen at its end, and then ends with why it waited.
        postponed_over = signal is Signal.POSTPONE and 0 < expires_at_ms < next_at_ms
        return signal, expires_at_ms if postponed_over else next_at_ms

    def _settle(
        self, claimed: Claimed, attempt: int, signal: Signal, next_at_ms: int, answer: Answer
    ) -> Steps[Settled]:
        settled: Settled = yield from insist(
            Settle(
                claimed=claimed,
                attempt=attempt,
                signal=signal,
                now_ms=self._clock.now_ms(),
                next_at_ms=next_at_ms,
                lease_ms=self._rules.claim_lease_ms,
                detail=answer.detail,
                provider=self._provider if attempt else "",
                provider_message_id=answer.provider_message_id,
                first_byte_at_us=answer.first_byte_at_us,
            )
        )
        return settled
