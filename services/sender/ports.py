"""What sender needs of the outside beside the ledger: a provider, profiles, templates, a tracer and numbers to count.

Dispatch is sans-I/O: it yields the requests below and those of ``ledger_port``, and is sent the answers (``LedgerLost``
is thrown in where the ledger did not answer). In production many of these generators run concurrently; in the
simulation a scheduler drives them and may stop between any two requests.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from enum import Enum
from typing import Any, Protocol, TypeVar

import msgspec

from sendwhen.errors import SendwhenError
from sendwhen.v1 import email_pb2
from services.sender.email_trace import SenderStamps
from services.sender.ledger import State
from services.sender.ledger_port import BeginAttempt, ClaimDue, Settle, Submit
from services.sender.volume_port import Reserve


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

    def check(self, template_id: str, template: TemplateText) -> None:
        """Raises Invalid where the hash is not the content's, or the template does not parse."""
        ...

    def render(self, template_id: str, template: TemplateText, context: Mapping[str, object]) -> Rendered:
        """The email's text. Raises CannotRender."""
        ...


class Profiles(Protocol):
    """Who customers are right now."""

    async def attributes(self, uid: str, *, at_least_seq: int, deadline_ms: int) -> Mapping[str, object] | None:
        """A customer as a template's root "customer", as fresh as asked at least; None: not to be had in time."""
        ...


# --- the provider ---


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt at one email.

    Attributes:
        event_at_us: What event-to-send is counted from (0: not counted), in microseconds since 1970-01-01 UTC.
        customer_uid, customer_born_seq: Whose, for emails that are kept where we can remove them; others are not told.
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
    customer_uid: str = ""
    customer_born_seq: int = 0


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
        http_status: Of the provider's answer, where it speaks HTTP and answered. server_address: its host, if any.
    """

    verdict: Verdict
    detail: str = ""
    provider_message_id: str = ""
    retry_at_ms: int = 0
    first_byte_at_us: int = 0
    http_status: int = 0
    server_address: str = ""


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


class Keeper(Protocol):
    """Keeps emails that went out where they can still be removed."""

    async def forget(self, customers: Sequence[tuple[str, int]]) -> None:
        """Remove those of deleted customers: (uid, born_seq), that life and those before it. Idempotent."""
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


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """An email reached a state; for traces, metrics and the log. Answer: None.

    Attributes:
        stamps: None where no attempt was made.
        first_byte_at_us: Of the attempt; 0: none was written, or no attempt was made.
        event_at_us: As in Message.
        is_first_held: Of its campaign's, on this day: somebody must hear of it.
    """

    intent: email_pb2.SendIntent
    state: State
    detail: str
    stamps: SenderStamps | None = None
    possible_duplicate: bool = False
    first_byte_at_us: int = 0
    event_at_us: int = 0
    is_first_held: bool = False


DispatchRequest = Reserve | Submit | ClaimDue | GetTemplate | GetProfile | BeginAttempt | Call | Settle | Pause | Report
T = TypeVar("T")
Steps = Generator[DispatchRequest, Any, T]


# --- seeing ---


class Tracer(Protocol):
    """Makes the spans of an email when an attempt has ended."""

    def record(self, intent: email_pb2.SendIntent, stamps: SenderStamps) -> str:
        """Make them; returns the trace's id in hexadecimal, for exemplars."""
        ...


class Reporter(Protocol):
    """Shows what happens to emails: traces, metrics, log."""

    def report(self, report: Report) -> None:
        """An email reached a state."""
        ...

    def resolved(self, *, doubted: int, gave_up: int) -> None:
        """Emails that reached a state without an attempt of this worker."""
        ...
