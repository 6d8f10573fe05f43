"""What sender needs of the outside beside the ledger: a provider, profiles, templates, a tracer and numbers to count.

Dispatch is sans-I/O: it yields the requests below and those of ``ledger_port``, and is sent the answers (``LedgerLost`` is
thrown in where the ledger did not answer). In production many of these generators run concurrently; in the simulation a
scheduler drives them and may stop between any two requests.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Protocol

import msgspec

from sendwhen.errors import SendwhenError
from sendwhen.v1 import email_pb2
from services.sender.ledger import State
from services.sender.ledger_port import BeginAttempt, ClaimDue, Settle


class TemplateText(msgspec.Struct, frozen=True, kw_only=True):
    """A template as written."""

    subject: str
    text: str
    html: str


class Templates(Protocol):
    """Templates by content hash. Raises LedgerLost."""

    async def put(self, templates: Mapping[str, TemplateText]) -> None:
        """Keep them; durable when it answers."""
        ...

    async def get(self, template_hash: str) -> TemplateText | None:
        """One template, from memory where it was seen before."""
        ...


class Rendered(msgspec.Struct, frozen=True, kw_only=True):
    """What the recipient reads. ``html`` may be empty."""

    subject: str
    text: str
    html: str


class CannotRender(SendwhenError):
    """The template cannot be filled with these values; the problem names the value, never its content."""


class Renderer(Protocol):
    """Fills templates. Pure apart from its own cache."""

    def check(self, template_hash: str, template: TemplateText) -> None:
        """Raises Invalid where the hash is not the content's, or the template does not parse."""
        ...

    def render(self, template_hash: str, template: TemplateText, context: Mapping[str, object]) -> Rendered:
        """The email's text. Raises CannotRender."""
        ...


class Profiles(Protocol):
    """Who customers are right now."""

    async def attributes(self, uid: str, *, at_least_seq: int, deadline_ms: int) -> Mapping[str, object] | None:
        """A customer as a template's root "customer", at least as fresh as asked; None: cannot be had by the deadline."""
        ...


# --- the provider ---


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt at one email.

    Attributes:
        event_at_us: What event-to-send is counted from (0: not counted), in microseconds since 1970-01-01 UTC.
    """

    send_id: str
    attempt: int
    campaign_id: str
    reason: str
    to_address: str
    subject: str
    text: str
    html: str
    event_at_us: int


class Verdict(Enum):
    """What an attempt at sending came to."""

    ACCEPTED = "accepted"
    """The provider took it."""
    REJECTED = "rejected"
    """The provider refuses this email, finally."""
    NOT_PROCESSED = "not_processed"
    """Proven: the provider has not taken it and will not."""
    UNKNOWN = "unknown"
    """It may have been taken."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What the provider said, or what its silence means.

    Attributes:
        detail: In words for an operator; no personal data.
        retry_at_ms: When the provider wants to be asked again; 0: it did not say.
        first_byte_at_us: First byte of the request; 0: none was written.
    """

    verdict: Verdict
    detail: str = ""
    provider_message_id: str = ""
    retry_at_ms: int = 0
    first_byte_at_us: int = 0


class Provider(Protocol):
    """Hands emails to the world. Safe for concurrent use; never raises for what a provider does."""

    @property
    def name(self) -> str:
        """A word such as "eml"."""
        ...

    async def send(self, message: Message) -> Answer:
        """One attempt, bounded in time; no retries inside."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


# --- requests of dispatch beside the ledger's ---


class GetTemplate(msgspec.Struct, frozen=True, kw_only=True):
    """Answer: TemplateText, or None."""

    template_hash: str


class GetProfile(msgspec.Struct, frozen=True, kw_only=True):
    """Answer: as Profiles.attributes."""

    uid: str
    at_least_seq: int
    deadline_ms: int


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """Hand the message to the provider. Answer: Answer."""

    message: Message


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """Wait, because the ledger did not answer. Answer: None."""

    at_most_ms: int


class Stamps(msgspec.Struct, frozen=True, kw_only=True):
    """When sender did what with one attempt, in microseconds since 1970-01-01 UTC."""

    submitted_at_us: int
    claimed_at_us: int
    render_started_at_us: int
    render_ended_at_us: int
    attempt_started_at_us: int
    attempt_ended_at_us: int
    first_byte_at_us: int
    outcome: str
    provider: str
    event_at_us: int


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """An email reached a state; for traces, metrics and the log. Answer: None.

    Attributes:
        stamps: None where no attempt was made.
    """

    intent: email_pb2.SendIntent
    state: State
    detail: str
    attempts: int
    possible_duplicate: bool
    stamps: Stamps | None


DispatchRequest = ClaimDue | GetTemplate | GetProfile | BeginAttempt | Call | Settle | Pause | Report


# --- seeing ---


class Metrics(Protocol):
    """Numbers, by the names of the metrics list."""

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        """Add to a counter."""
        ...

    def observe(self, name: str, value: float, trace_id: str | None = None, **labels: str) -> None:
        """Put a value into a histogram, with the trace that shows it."""
        ...

    def set(self, name: str, value: float, **labels: str) -> None:
        """Set a gauge."""
        ...


class Tracer(Protocol):
    """Makes the spans of an email when an attempt has ended."""

    def record(self, intent: email_pb2.SendIntent, stamps: Stamps) -> str | None:
        """Make them; the trace's id (32 hexadecimal digits), or None where there is none."""
        ...
