"""Settings of sender, from variables that start with SENDWHEN_SENDER_."""

from __future__ import annotations

from dataclasses import dataclass
from email.utils import parseaddr
from pathlib import Path

from services.sender.addresses import KEY_CHARACTERS_MIN

PREFIX = "SENDWHEN_SENDER_"
_WEEK_DAYS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderSettings:
    """How this process of sender runs."""

    store_url: str
    """The store of the ledger: "unix:///path?password=…" or "redis://:password@host:port/0"."""
    service_token: str
    """Key of calls between services."""
    admin_key: str
    """Key of operators."""
    address_key: str
    """Key with which addresses are hashed, at least 16 characters. Never to be changed or lost: the suppression list
    and the ledger's slots hang on it."""
    listen: str = "127.0.0.1:7404"
    """Where Submit and the other calls are taken."""
    metrics_listen: str = "127.0.0.1:7414"
    """Where metrics are served."""
    log_level: str = "info"
    """debug shows every email."""
    otlp_endpoint: str = ""
    """Where spans go, such as "http://127.0.0.1:4317"; empty: nowhere."""
    profile: str = "127.0.0.1:7403"
    """The profile service."""
    clock: str = "wall"
    """"events": log time is the events' own; only .eml files may be sent."""
    provider: str = "eml"
    """"eml" or "sendgrid"."""
    eml_folder: Path = Path("var/sendwhen/mail")
    """Where .eml files go."""
    eml_days: int = 0
    """How many days .eml files stay, by the time at which they were written; 0: for ever."""
    inbox_listen: str = "127.0.0.1:7480"
    """Where the inbox page is, with the provider "eml"; empty: nowhere."""
    from_address: str = "Sendwhen <no-reply@sendwhen.invalid>"
    """Sender of all emails."""
    sendgrid_key: str = ""
    """SendGrid's API key."""
    sendgrid_url: str = "https://api.sendgrid.com"
    """SendGrid's address; https://api.eu.sendgrid.com for European subusers."""
    sendgrid_timeout_ms: int = 20_000
    """How long one call may take; then it is in doubt."""
    at_once: int = 64
    """Emails worked on at the same time."""
    waiting_max: int = 1_000
    """Claimed emails that wait for their turn in memory; more stay in the ledger."""
    open_max: int = 1_000_000
    """Emails not yet sent or given up, in the ledger; more are refused."""
    poll_ms: int = 500
    """How often retries and lost leases are looked for."""
    claim_lease_ms: int = 10_000
    """After this, an email claimed and not attempted may be claimed by another worker."""
    attempt_lease_ms: int = 30_000
    """After this, an attempt without an outcome is in doubt."""
    evidence_wait_ms: int = 900_000
    """How long an email stays in doubt before its campaign's policy decides."""
    captured_max_age_ms: int = 60_000
    """Values captured with the decision are used as they are while younger than this; consent is always asked for."""
    captured_max_age_stale_ms: int = 86_400_000
    """While younger than this they are used where profile cannot answer."""
    profile_deadline_ms: int = 500
    """How long profile may take."""
    retry_first_ms: int = 1_000
    """Wait before the second attempt; doubles with each further one."""
    retry_attempts_max: int = 12
    """Attempts in all."""
    retry_total_ms: int = 21_600_000
    """How long an email is tried again."""
    kept_days: int = 8
    """How long the ledger keeps what has ended; at least 7."""

    def __post_init__(self) -> None:
        """Complain about everything that cannot be right.

        Raises:
            ValueError: Names what is wrong and what to set.
        """
        wrong: list[str] = []
        wrong += [
            f"{PREFIX}{name.upper()} is empty." for name in ("service_token", "admin_key") if not getattr(self, name)
        ]
        if len(self.address_key) < KEY_CHARACTERS_MIN:
            wrong.append(f"{PREFIX}ADDRESS_KEY has fewer than {KEY_CHARACTERS_MIN} characters.")
        if self.clock not in ("wall", "events"):
            wrong.append(f"{PREFIX}CLOCK={self.clock!r} is neither wall nor events.")
        if self.provider not in ("eml", "sendgrid"):
            wrong.append(f"{PREFIX}PROVIDER={self.provider!r} is neither eml nor sendgrid.")
        if self.clock == "events" and self.provider != "eml":
            wrong.append(f"An installation on the events' own time may only write files: set {PREFIX}PROVIDER=eml.")
        if self.provider == "sendgrid" and not self.sendgrid_key:
            wrong.append(f"{PREFIX}SENDGRID_KEY is not set, and SendGrid needs one.")
        if "@" not in parseaddr(self.from_address)[1]:
            wrong.append(f"{PREFIX}FROM_ADDRESS={self.from_address!r} is not an address.")
        if self.sendgrid_timeout_ms >= self.attempt_lease_ms:
            wrong.append(f"{PREFIX}ATTEMPT_LEASE_MS must be longer than {PREFIX}SENDGRID_TIMEOUT_MS.")
        if self.kept_days < _WEEK_DAYS:
            wrong.append(f"{PREFIX}KEPT_DAYS={self.kept_days} is less than {_WEEK_DAYS}.")
        if self.eml_days < 0:
            wrong.append(f"{PREFIX}EML_DAYS={self.eml_days} is less than 0.")
        wrong += [
            f"{PREFIX}{name.upper()} must be at least 1."
            for name in ("at_once", "poll_ms", "open_max", "retry_first_ms", "retry_attempts_max")
            if getattr(self, name) < 1
        ]
        if wrong:
            raise ValueError(" ".join(wrong))
