"""Exports spans that are made after the fact, each with its real times and under its own service's name.

A span of the SDK costs 25 to 32 µs and belongs to the one resource of its provider. Ours are finished values: they go
straight to the SDK's batch processor and OTLP exporter, one pipeline for all services' names. The SDK discourages
making a ``ReadableSpan`` by hand; it has no other way to give one a resource and an id of our
choice, and a test exports them.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, Protocol

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

QUEUE_SPANS_MAX: Final = 16_384
"""Spans that wait for export. When the collector is away longer, the oldest are dropped and a warning is logged."""

EXPORT_SPANS_MAX: Final = 512
EXPORT_EVERY_MS: Final = 1_000
EXPORT_TIMEOUT_S: Final = 5
CLOSE_S: Final = 2.0

_SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)
_SCOPE: Final = InstrumentationScope("sendwhen")


class Kind(Enum):
    """Kinds of spans."""

    INTERNAL = SpanKind.INTERNAL
    SERVER = SpanKind.SERVER
    CLIENT = SpanKind.CLIENT
    PRODUCER = SpanKind.PRODUCER
    CONSUMER = SpanKind.CONSUMER


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where in which trace a span is."""

    trace_id: int
    span_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Something that took time, somewhere, and is over.

    Attributes:
        service: Whose it is: "sendwhen-ingest", "sendwhen-trigger", "sendwhen-shard" or "sendwhen-sender".
        parent: What caused it, None for the root of a trace. parent_is_remote: it is a span of somebody else's.
        links: Other traces' spans that led to it.
        error: What went wrong, as a stable word, or "".
    """

    service: str
    name: str
    kind: Kind
    at: Place
    parent: Place | None
    parent_is_remote: bool = False
    start_us: int
    end_us: int
    attributes: Mapping[str, str | int | bool] = field(default_factory=dict)
    links: Sequence[Place] = ()
    error: str = ""


class Spans(Protocol):
    """Where finished spans go; ``Telemetry`` is one."""

    def export(self, spans: Sequence[Span]) -> None:
        """Hand over finished spans; never blocks, never raises for a collector that is away."""
        ...


class Telemetry:
    """Exports spans over OTLP gRPC from a thread of its own.

    Args:
        endpoint: "127.0.0.1:4317" or "http://host:4317" (plain text), "https://host:4317" (TLS); "" exports nothing.
        environment: Becomes the resource's deployment.environment.name, where given.
    """

    def __init__(self, *, endpoint: str, environment: str = "") -> None:
        self._environment = environment
        self._resources: dict[str, Resource] = {}
        self._exporter: OTLPSpanExporter | None = None
        self._processor: BatchSpanProcessor | None = None
        if endpoint:
            url = endpoint if "://" in endpoint else "http://" + endpoint
            self._exporter = OTLPSpanExporter(
                endpoint=url, insecure=url.startswith("http://"), timeout=EXPORT_TIMEOUT_S
            )
            self._processor = BatchSpanProcessor(
                self._exporter,
                max_queue_size=QUEUE_SPANS_MAX,
                schedule_delay_millis=EXPORT_EVERY_MS,
                max_export_batch_size=EXPORT_SPANS_MAX,
            )

    def export(self, spans: Sequence[Span]) -> None:
        """Hand over finished spans; never blocks. Thread-safe."""
        if self._processor is None:
            return
        for span in spans:
            self._processor.on_end(self._readable(span))

    def close(self) -> None:
        """Export what waits and stop. Blocks for about ``CLOSE_S`` seconds at most; what is left then is dropped."""
        if self._processor is None or self._exporter is None:
            return
        # The processor alone would try every batch for its whole timeout while the collector is away.
        give_up = threading.Timer(CLOSE_S, self._exporter.shutdown)
        give_up.start()
        self._processor.shutdown()  # type: ignore[no-untyped-call]  # the SDK has no types there
        give_up.cancel()

    def _readable(self, span: Span) -> ReadableSpan:
        return ReadableSpan(
            name=span.name,
            context=_context(span.at, remote=False),
            parent=None if span.parent is None else _context(span.parent, remote=span.parent_is_remote),
            resource=self._resource(span.service),
            attributes={**span.attributes, "error.type": span.error} if span.error else span.attributes,
            links=[Link(_context(place, remote=True)) for place in span.links],
            kind=span.kind.value,
            status=Status(StatusCode.ERROR, span.error) if span.error else Status(StatusCode.UNSET),
            start_time=span.start_us * 1_000,
            end_time=span.end_us * 1_000,
            instrumentation_scope=_SCOPE,
        )

    def _resource(self, service: str) -> Resource:
        known = self._resources.get(service)
        if known is None:
            attributes = {"service.name": service, "service.namespace": "sendwhen"}
            if self._environment:
                attributes["deployment.environment.name"] = self._environment
            known = self._resources[service] = Resource(attributes)
        return known


def _context(place: Place, *, remote: bool) -> SpanContext:
    return SpanContext(place.trace_id, place.span_id, is_remote=remote, trace_flags=_SAMPLED)
