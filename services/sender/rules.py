"""What dispatch goes by: leases, waits, ages, consent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sendwhen.v1 import email_pb2
from services.sender.ledger import Signal


@dataclass(frozen=True, slots=True, kw_only=True)
class NotReady:
    """Why nothing is attempted now."""

    signal: Signal
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What dispatch goes by.

    Attributes:
        claim_lease_ms: How long a worker may take from claim to attempt before another may claim.
        attempt_lease_ms: How long an attempt may take before it is in doubt; longer than the provider's own timeout.
        evidence_wait_ms: How long an email stays in doubt before the campaign's policy decides.
        captured_max_age_ms: Values captured with the decision are used as they are while younger than this; but not the
            consent to marketing, which profile is always asked for.
        captured_max_age_stale_ms: While younger than this they are used where profile cannot answer.
        profile_deadline_ms: How long profile may take to be fresh enough.
        events_clock: Log time is the events' own time: it says nothing about age or expiry now.
    """

    claim_lease_ms: int = 10_000
    attempt_lease_ms: int = 30_000
    evidence_wait_ms: int = 900_000
    captured_max_age_ms: int = 60_000
    captured_max_age_stale_ms: int = 86_400_000
    profile_deadline_ms: int = 500
    events_clock: bool = False

    def wants_consent(self, intent: email_pb2.SendIntent) -> bool:
        """Whether profile must say that the customer still consents before this email may be attempted.

        For everything that is not declared transactional: the shard looked when it decided, but a withdrawal since then
        counts as well, and who cannot be asked has not consented. On the events' own time what profile knows now says
        nothing about the moment of the decision, and only files are written.
        """
        return intent.category != email_pb2.CATEGORY_TRANSACTIONAL and not self.events_clock

    def without_consent(self, intent: email_pb2.SendIntent, customer: Mapping[str, object] | None) -> NotReady | None:
        """Why consent keeps this email back, if it does; ``customer`` as profile answered, None: it did not."""
        if not self.wants_consent(intent):
            return None
        if customer is None:
            return NotReady(signal=Signal.POSTPONE, detail="Profile cannot say whether the customer still consents.")
        if customer.get("consent") is not True:
            return NotReady(signal=Signal.SUPPRESS, detail="Consent was withdrawn after the decision.")
        return None

    def expires_at_ms(self, intent: email_pb2.SendIntent) -> int:
        """When it is too late for this email; 0: never."""
        return 0 if self.events_clock else intent.expires_at_ms
