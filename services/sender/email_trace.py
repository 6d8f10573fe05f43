"""The trace of an email, made when an attempt to send it is over, from the instants that rode along with it.

Nothing is traced while an event travels: that would cost more than all other work on it. Ids of traces and spans are
hashes of the event's and the email's ids, so that whoever makes a span again makes the same one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from sendwhen.chassis.telemetry import Kind, Place, Span, Spans
from sendwhen.v1.email_pb2 import SendIntent
from services.sender.span_places import TimeLine, client_span, event_span, span_id_of, trace_id_of

_Attributes = Mapping[str, str | int | bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderStamps:
    """Instants of one attempt, in microseconds since 1970-01-01 UTC; 0 where it did not come to that.

    Attributes:
        submitted_at_us: The decision was durable in the ledger. claimed_at_us: a worker took it.
        outcome: "accepted", or a stable word for what happened instead: "rejected", "retry_at", "in_doubt" …
        provider: Adapter's name, such as "eml" or "sendgrid".
        attempt: Which attempt this was, from 1. The first one makes the whole tree, a later one adds its spans to it.
        tree_missing: The attempts before left no trace (their process died): make the whole tree now.
        http_status: Status of the provider's answer, where it speaks HTTP and answered.
        server_address: Host of the provider, where it has one.
    """

    submitted_at_us: int
    claimed_at_us: int
    render_started_at_us: int
    render_ended_at_us: int
    attempt_started_at_us: int
    attempt_ended_at_us: int
    outcome: str
    provider: str
    attempt: int = 1
    tree_missing: bool = False
    http_status: int = 0
    server_address: str = ""


class EmailTracer:
    """Makes one tree of spans for each email.

    The client's span → ``sendwhen.v1.Ingest/Track`` → ``append`` → ``process`` → ``decide`` → ``send`` → ``render`` and
    ``provider``. Without the client's trace context the trace's id is a hash of the event's id. An email behind a wait
    has a trace of its own (its id is a hash of the email's) that begins with ``process`` and links to the event's.
    Every attempt has a ``send`` of its own below the one ``decide``.
    """

    def __init__(self, spans: Spans) -> None:
        self._spans = spans

    def record(self, intent: SendIntent, stamps: SenderStamps) -> str:
        """Make the spans of an attempt that is over. Returns the trace's id in hexadecimal, for exemplars."""
        tree = _Tree(intent, stamps)
        self._spans.export(tree.spans())
        return f"{tree.trace_id:032x}"


class _Step(NamedTuple):
    service: str
    name: str
    kind: Kind


_INGEST: Final = _Step("sendwhen-ingest", "sendwhen.v1.Ingest/Track", Kind.SERVER)
_APPEND: Final = _Step("sendwhen-trigger", "append", Kind.PRODUCER)
_PROCESS: Final = _Step("sendwhen-shard", "process", Kind.CONSUMER)
_DECIDE: Final = _Step("sendwhen-shard", "decide", Kind.INTERNAL)
_SEND: Final = _Step("sendwhen-sender", "send", Kind.CONSUMER)
_RENDER: Final = _Step("sendwhen-sender", "render", Kind.INTERNAL)
_PROVIDER: Final = _Step("sendwhen-sender", "provider", Kind.CLIENT)
_PER_ATTEMPT: Final = frozenset({_SEND, _RENDER, _PROVIDER})

_TRACK: Final[_Attributes] = {
    "rpc.system.name": "grpc",
    "rpc.method": "sendwhen.v1.Ingest/Track",
    "rpc.status_code": "OK",
}


class _Tree:
    def __init__(self, intent: SendIntent, stamps: SenderStamps) -> None:
        self._intent = intent
        self._stamps = stamps
        self._client = client_span(intent.trace.traceparent)
        self._event = self._client or event_span(intent.trace.event_id)
        self.trace_id = trace_id_of("email", intent.send_id) if intent.delayed else self._event.trace_id
        self._line = TimeLine()
        self._made: list[Span] = []

    def spans(self) -> list[Span]:
        """Those of this attempt, and of the whole way to it where they were not made before."""
        if self._intent.delayed:
            self._before_the_wait()
            decided = self._decision(None)
        else:
            decided = self._decision(self._to_the_log())
        if self._stamps.attempt > 1 and not self._stamps.tree_missing:
            # The line had to be drawn to know where the attempt lies; its spans stand in the trace already.
            self._made.clear()
        self._attempt(decided)
        return self._made

    def _before_the_wait(self) -> None:
        """The event's own span in a trace of its own, for the link to lead somewhere, where the client made none."""
        started_us = self._intent.trace.ingest_received_at_us
        if self._client is None and started_us:
            ended_us = max(started_us, self._intent.start_at_ms * 1_000)
            self._made.append(
                Span(
                    **_INGEST._asdict(),
                    at=self._event,
                    parent=None,
                    start_us=started_us,
                    end_us=ended_us,
                    attributes=_TRACK,
                )
            )

    def _to_the_log(self) -> Place | None:
        trace, parent = self._intent.trace, self._client
        received_us = trace.ingest_received_at_us
        if received_us:
            # Ingest answers when the append is through; when exactly, nobody noted.
            ended_us = max(received_us, trace.front_received_at_us, trace.appended_at_us)
            parent = self._add(_INGEST, parent, received_us, ended_us, _TRACK)
            self._line.now_us = received_us
        if trace.front_received_at_us:
            parent = self._add(
                _APPEND,
                parent,
                trace.front_received_at_us,
                trace.appended_at_us,
                {**self._log("append"), "messaging.operation.type": "send"},
            )
        return parent

    def _decision(self, parent: Place | None) -> Place:
        intent, trace = self._intent, self._intent.trace
        started_us = trace.shard_read_at_us or trace.appended_at_us or intent.decided_at_ms * 1_000
        decided_us = trace.decided_at_us or started_us
        process = self._add(
            _PROCESS,
            parent,
            started_us,
            trace.committed_at_us or decided_us,
            {
                **self._log("process"),
                "messaging.operation.type": "process",
                "messaging.message.id": f"{intent.partition}/{intent.customer_seq}",
            },
            links=(self._event,) if intent.delayed else (),
        )
        committed_us, self._line.now_us = self._line.now_us, self._made[-1].start_us
        decide = self._add(
            _DECIDE,
            process,
            started_us,
            decided_us,
            {
                "sendwhen.campaign": intent.campaign_id,
                "sendwhen.campaign.version": intent.campaign_version,
                "sendwhen.run_id": intent.run_id,
                "sendwhen.step": intent.step,
            },
        )
        self._line.now_us = max(self._line.now_us, committed_us)
        return decide

    def _attempt(self, decided: Place) -> None:
        stamps, intent = self._stamps, self._intent
        started_us = stamps.submitted_at_us if stamps.attempt == 1 else stamps.claimed_at_us
        ended_us = max(started_us, stamps.claimed_at_us, stamps.render_ended_at_us, stamps.attempt_ended_at_us)
        error = "" if stamps.outcome == "accepted" else stamps.outcome
        send = self._add(_SEND, decided, started_us, ended_us, _send_attributes(intent, stamps), error=error)
        self._line.now_us = self._made[-1].start_us
        if stamps.render_started_at_us:
            template = {"sendwhen.template": intent.template, "sendwhen.template.hash": intent.template_hash}
            self._add(_RENDER, send, stamps.render_started_at_us, stamps.render_ended_at_us, template)
        if stamps.attempt_started_at_us:
            attributes = _provider_attributes(intent, stamps)
            self._add(
                _PROVIDER, send, stamps.attempt_started_at_us, stamps.attempt_ended_at_us, attributes, error=error
            )

    def _log(self, operation: str) -> dict[str, str]:
        return {
            "messaging.system": "sendwhen",
            "messaging.destination.name": "log",
            "messaging.destination.partition.id": str(self._intent.partition),
            "messaging.operation.name": operation,
        }

    def _add(
        self,
        step: _Step,
        parent: Place | None,
        started_us: int,
        ended_us: int,
        attributes: _Attributes,
        *,
        links: tuple[Place, ...] = (),
        error: str = "",
    ) -> Place:
        start_us, end_us, moved_us = self._line.span(started_us, ended_us)
        if moved_us:
            attributes = {**attributes, "sendwhen.clock_moved_us": moved_us}
        number = self._stamps.attempt if step in _PER_ATTEMPT else 1
        span_id = span_id_of(f"{step.name}/{number}", self._intent.send_id)
        span = Span(
            **step._asdict(),
            at=Place(trace_id=self.trace_id, span_id=span_id),
            parent=parent,
            parent_is_remote=parent is not None and parent is self._client,
            start_us=start_us,
            end_us=end_us,
            attributes=attributes,
            links=links,
            error=error,
        )
        self._made.append(span)
        return span.at


def _send_attributes(intent: SendIntent, stamps: SenderStamps) -> _Attributes:
    return {
        "messaging.system": "sendwhen",
        "messaging.destination.name": "outbox",
        "messaging.operation.name": "send",
        "messaging.operation.type": "process",
        "messaging.message.id": intent.send_id,
        "messaging.message.conversation_id": intent.run_id,
        "sendwhen.campaign": intent.campaign_id,
        "sendwhen.attempt": stamps.attempt,
        "sendwhen.outcome": stamps.outcome,
    }


def _provider_attributes(intent: SendIntent, stamps: SenderStamps) -> _Attributes:
    attributes: dict[str, str | int | bool] = {
        "messaging.system": stamps.provider,
        "messaging.destination.name": "email",
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
        "messaging.message.id": intent.send_id,
    }
    if stamps.http_status:
        attributes |= {"http.request.method": "POST", "http.response.status_code": stamps.http_status}
    if stamps.server_address:
        attributes["server.address"] = stamps.server_address
    return attributes
