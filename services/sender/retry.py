"""When to try again what was proven not processed: doubling waits, spread by the email's own id, bounded twice."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """How patiently a provider is asked again.

    Attributes:
        first_ms: Wait after the first failure; doubles with each further one.
        longest_ms: No wait is longer, except one that the provider asks for.
        attempts_max: Attempts in all; after the last the email is rejected.
        total_ms: How long after it was submitted an email is still tried again.
    """

    first_ms: int = 1_000
    longest_ms: int = 300_000
    attempts_max: int = 12
    total_ms: int = 6 * 3_600_000

    def next_at_ms(
        self, *, send_id: str, attempts: int, now_ms: int, submitted_at_ms: int, not_before_ms: int = 0
    ) -> int | None:
        """When to try again, or None when it was tried for long enough.

        Args:
            send_id: Spreads emails that failed together, the same way every time.
            attempts: How many were made, the failed one included; at least 1.
            now_ms: The time.
            submitted_at_ms: When sender took the email.
            not_before_ms: What the provider asked for; 0: nothing.
        """
        if attempts >= self.attempts_max:
            return None
        wait_ms = min(self.first_ms << min(attempts - 1, 30), self.longest_ms)
        seed = blake2b(f"{send_id}/{attempts}".encode(), digest_size=4).digest()
        # Between three quarters and the whole of it: emails refused in one burst do not come back in one burst.
        wait_ms -= wait_ms * int.from_bytes(seed, "big") // (4 << 32)
        at_ms = max(now_ms + wait_ms, not_before_ms)
        return at_ms if at_ms <= submitted_at_ms + self.total_ms else None
