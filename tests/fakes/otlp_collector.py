"""An OTLP collector in this process: takes spans over gRPC from anything that exports them, and shows what came."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as pb
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as pb_grpc
from opentelemetry.proto.common.v1.common_pb2 import AnyValue


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A span as it arrived. ``kind`` is OTLP's number: 1 internal, 2 server, 3 client, 4 producer, 5 consumer."""

    service: str
    name: str
    kind: int
    trace_id: str
    span_id: str
    parent_id: str
    start_us: int
    end_us: int
    attributes: dict[str, object]
    links: tuple[tuple[str, str], ...]
    error: bool


class OtlpCollector(pb_grpc.TraceServiceServicer):
    """Use as a context manager; ``endpoint`` is what an exporter is given."""

    def __init__(self, listen: str = "127.0.0.1:0") -> None:
        self._lock = threading.Lock()
        self._spans: list[Seen] = []
        self._raw: list[bytes] = []
        self._server = grpc.server(ThreadPoolExecutor(max_workers=2))
        pb_grpc.add_TraceServiceServicer_to_server(self, self._server)
        self.endpoint = f"127.0.0.1:{self._server.add_insecure_port(listen)}"

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._server.stop(grace=0).wait()

    def Export(
        self, request: pb.ExportTraceServiceRequest, context: grpc.ServicerContext
    ) -> pb.ExportTraceServiceResponse:
        arrived = [
            _seen(_value_of(resource.resource.attributes).get("service.name", ""), span)
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]
        with self._lock:
            self._spans += arrived
            self._raw.append(request.SerializeToString())
        return pb.ExportTraceServiceResponse()

    def spans(self) -> list[Seen]:
        """All that arrived so far, in order of arrival."""
        with self._lock:
            return list(self._spans)

    def raw(self) -> bytes:
        """Every request's bytes, one after the other."""
        with self._lock:
            return b"".join(self._raw)

    def traces(self) -> dict[str, list[Seen]]:
        """The same by trace, each in order of start."""
        found: dict[str, list[Seen]] = {}
        for span in sorted(self.spans(), key=lambda s: s.start_us):
            found.setdefault(span.trace_id, []).append(span)
        return found

    def wait_for(self, enough: Callable[[list[Seen]], bool], *, timeout_s: float = 10.0) -> list[Seen]:
        """Wait until ``enough(spans)``; exporters send in batches, a second apart."""
        deadline = time.monotonic() + timeout_s
        while not enough(spans := self.spans()):
            if time.monotonic() > deadline:
                raise AssertionError(f"Only {len(spans)} spans arrived within {timeout_s} s.")
            time.sleep(0.02)
        return spans


def tree(spans: Sequence[Seen]) -> dict[str, str]:
    """Each span's "service name" to that of its parent, "" where the parent is not among them."""
    names = {span.span_id: f"{span.service} {span.name}" for span in spans}
    return {names[span.span_id]: names.get(span.parent_id, "") for span in spans}


def _seen(service: object, span: object) -> Seen:
    return Seen(
        service=str(service),
        name=span.name,
        kind=span.kind,
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        start_us=span.start_time_unix_nano // 1_000,
        end_us=span.end_time_unix_nano // 1_000,
        attributes=_value_of(span.attributes),
        links=tuple((link.trace_id.hex(), link.span_id.hex()) for link in span.links),
        error=span.status.code == 2,
    )


def _value_of(attributes: Sequence[object]) -> dict[str, object]:
    return {pair.key: _plain(pair.value) for pair in attributes}


def _plain(value: AnyValue) -> object:
    return getattr(value, value.WhichOneof("value"))
