"""Counts, observes and serves the metrics of one process.

The SDK's histogram costs 13 to 17 µs a record and its exporter drops exemplars, so values are kept in small collectors
of our own and only rendered by ``prometheus-client``. Safe to use from any thread; a call costs a few microseconds.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final, Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.core import Metric as Family
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector, CollectorRegistry
from prometheus_client.samples import Exemplar

from sendwhen.chassis.metric import Counter, Gauge, Histogram, Metric, Name
from sendwhen.chassis.metric_list import METRICS

SERIES_MAX: Final = 1_000
"""Series of one metric. Further label values are kept together under "_other" and counted."""

Labels = tuple[str, ...]


class Meter(Protocol):
    """What a service needs to report metrics; ``Metrics`` is one, a test passes a recording fake."""

    def count(self, name: Counter, amount: float = 1, **labels: str) -> None:
        """Add ``amount`` to a counter."""
        ...

    def observe(self, name: Histogram, value: float, trace_id: str | None = None, **labels: str) -> None:
        """Put a value into a histogram; ``trace_id`` (hexadecimal) becomes the bucket's exemplar."""
        ...

    def set(self, name: Gauge, value: float, **labels: str) -> None:
        """Set a gauge."""
        ...


class _Buckets:
    """One histogram's series."""

    __slots__ = ("counts", "exemplars", "total")

    def __init__(self, bounds: int) -> None:
        self.counts = [0] * (bounds + 1)
        self.exemplars: list[Exemplar | None] = [None] * (bounds + 1)
        self.total = 0.0


class Metrics(Collector):
    """The metrics of one process. A metric without a report is not shown, one without labels starts at zero."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers: dict[str, dict[Labels, float]] = {}
        self._buckets: dict[str, dict[Labels, _Buckets]] = {}
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def count(self, name: Counter, amount: float = 1, **labels: str) -> None:
        """Add ``amount`` to a counter.

        Raises:
            ValueError: The labels are not those of the list.
        """
        key = _key(name, labels)
        with self._lock:
            series = self._numbers.setdefault(name, {})
            key = self._within_limit(name, series, key)
            series[key] = series.get(key, 0.0) + amount

    def set(self, name: Gauge, value: float, **labels: str) -> None:
        """Set a gauge.

        Raises:
            ValueError: The labels are not those of the list.
        """
        key = _key(name, labels)
        with self._lock:
            series = self._numbers.setdefault(name, {})
            series[self._within_limit(name, series, key)] = value

    def observe(self, name: Histogram, value: float, trace_id: str | None = None, **labels: str) -> None:
        """Put a value into a histogram; ``trace_id`` (hexadecimal) becomes the bucket's exemplar.

        Raises:
            ValueError: The labels are not those of the list.
        """
        key = _key(name, labels)
        bounds = METRICS[name].bounds
        place = bisect_left(bounds, value)
        with self._lock:
            series = self._buckets.setdefault(name, {})
            key = self._within_limit(name, series, key)
            buckets = series.get(key)
            if buckets is None:
                buckets = series[key] = _Buckets(len(bounds))
            buckets.counts[place] += 1
            buckets.total += value
            if trace_id:
                buckets.exemplars[place] = Exemplar({"trace_id": trace_id}, value, time.time())

    def page(self) -> bytes:
        """The metrics as OpenMetrics text; for an endpoint, or for a process without one to hand to another."""
        text: bytes = generate_latest(self._registry)  # type: ignore[no-untyped-call]  # prometheus-client has no types there
        return text

    def collect(self) -> Iterator[Family]:
        """Families for the registry."""
        with self._lock:
            numbers = {name: dict(series) for name, series in self._numbers.items()}
            buckets = {
                name: {key: (list(b.counts), list(b.exemplars), b.total) for key, b in series.items()}
                for name, series in self._buckets.items()
            }
        for name, metric in METRICS.items():
            if name in numbers:
                yield _number_family(name, metric, numbers[name])
            elif name in buckets:
                yield _histogram_family(name, metric, buckets[name])

    def _within_limit(self, name: Name, series: dict[Labels, float] | dict[Labels, _Buckets], key: Labels) -> Labels:
        if key in series or len(series) < SERIES_MAX:
            return key
        refused = self._numbers.setdefault("sendwhen_metric_series_refused_total", {})
        refused[name,] = refused.get((name,), 0.0) + 1
        return ("_other",) * len(key)


def _key(name: Name, labels: dict[str, str]) -> Labels:
    wanted = METRICS[name].labels
    try:
        key = tuple([labels[label] for label in wanted])
    except KeyError:
        key = ()
    if len(key) != len(wanted) or len(labels) != len(wanted):
        raise ValueError(f"{name} takes the labels {wanted}, not {tuple(labels)}; see sendwhen/chassis/metric_list.py.")
    return key


def _number_family(name: str, metric: Metric, series: dict[Labels, float]) -> Family:
    make = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    family = make(name, metric.meaning, labels=metric.labels)
    for key, value in series.items():
        family.add_metric(key, value)
    return family


def _histogram_family(
    name: str, metric: Metric, series: dict[Labels, tuple[list[int], list[Exemplar | None], float]]
) -> Family:
    family = HistogramMetricFamily(name, metric.meaning, labels=metric.labels)
    bounds = [*(str(float(bound)) for bound in metric.bounds), "+Inf"]
    for key, (counts, exemplars, total) in series.items():
        seen = 0
        rows: list[tuple[str, float] | tuple[str, float, Exemplar]] = []
        for bound, count, exemplar in zip(bounds, counts, exemplars, strict=True):
            seen += count
            rows.append((bound, seen) if exemplar is None else (bound, seen, exemplar))
        family.add_metric(key, rows, total)
    return family


class MetricsServer:
    """The page being served.

    Attributes:
        port: Where; differs from the one asked for when that was 0.
    """

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self._server = server
        self._thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
        self._thread.start()
        self.port: int = server.server_address[1]

    def close(self) -> None:
        """Stop serving. Blocks for at most half a second."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # A second process on this port must fail to start, not take half of the scrapes.
    allow_reuse_port = False


def serve_metrics(metrics: Metrics, listen: str) -> MetricsServer:
    """Serve ``metrics`` as OpenMetrics at http://LISTEN/metrics ("127.0.0.1:7411"), on a thread of its own.

    Raises:
        OSError: The address is taken, not ours, or none.
    """

    class Page(BaseHTTPRequestHandler):
        timeout = 5

        def do_GET(self) -> None:
            if self.path.partition("?")[0] != "/metrics":
                self.send_error(404, "Metrics are at /metrics.")
                return
            body = metrics.page()
            self.send_response(200)
            self.send_header("Content-Type", CONTENT_TYPE_LATEST)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name is http.server's
            """Say nothing: a scrape every few seconds is no news."""

    host, _, port = listen.rpartition(":")
    if not port.isdecimal():
        raise OSError(f"{listen!r} is no address for metrics, such as 127.0.0.1:7411.")
    try:
        return MetricsServer(_Server((host or "127.0.0.1", int(port)), Page))
    except OSError as error:
        raise OSError(f"{listen} cannot be listened on for metrics: is another program using this port?") from error
