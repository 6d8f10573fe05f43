"""What dispatch goes by: leases, waits and ages."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What dispatch goes by.

    Attributes:
        claim_lease_ms: How long a worker may take from claim to attempt before another may claim.
        attempt_lease_ms: How long an attempt may take before it is in doubt; longer than the provider's own timeout.
        evidence_wait_ms: How long an email stays in doubt before the campaign's policy decides.
        captured_max_age_ms: Values captured with the decision are used as they are while younger than this.
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
