"""Metrics: a list that cannot drift, numbers that come out as they went in, exemplars that name traces."""

from __future__ import annotations

import http.client
import re
import threading
from pathlib import Path
from typing import get_args

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from sendwhen.chassis.metric import Counter, Gauge, Histogram
from sendwhen.chassis.metric_list import METRICS
from sendwhen.chassis.metrics import SERIES_MAX, Metrics, serve_metrics
from tools.metrics_doc import render

TRACE = "0af7651916cd43dd8448eb211c80319c"


def samples(page: bytes) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(page.decode())
        for sample in family.samples
    }


@pytest.mark.parametrize(("names", "kind"), [(Counter, "counter"), (Histogram, "histogram"), (Gauge, "gauge")])
def test_every_name_is_listed_under_its_kind(names: object, kind: str) -> None:
    assert {name for name, metric in METRICS.items() if metric.kind == kind} == set(get_args(names))


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_has_meaning_remedy_and_a_name_as_prometheus_wants_it(name: str) -> None:
    metric = METRICS[name]  # type: ignore[index]

    assert re.fullmatch(r"sendwhen_[a-z_]+", name)
    assert (metric.kind == "counter") == name.endswith("_total")
    if metric.unit in ("seconds", "bytes", "ratio"):
        assert name.removesuffix("_total").endswith(metric.unit)
    assert metric.meaning.endswith(".")
    assert metric.remedy.endswith(("?", "."))
    assert not {"email", "address", "user_id", "customer", "event_id"} & set(metric.labels)
    assert list(metric.bounds) == sorted(set(metric.bounds))
    assert bool(metric.bounds) == (metric.kind == "histogram")


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_is_reported_by_each_part_that_the_list_names(name: str) -> None:
    root = Path(__file__).parents[2]
    folders = {"shard": "trigger"}

    for part in METRICS[name].of.split(", "):  # type: ignore[index]
        folder = root / "services" / ("" if part == "every part" else folders.get(part, part))
        sources = [*folder.rglob("*.py"), root / "sendwhen" / "chassis" / "metrics.py"]
        assert any(f'"{name}"' in source.read_text(encoding="utf-8") for source in sources), (name, part)


def test_event_to_send_has_finite_buckets_above_every_threshold_up_to_a_day() -> None:
    bounds = METRICS["sendwhen_event_to_send_seconds"].bounds

    assert {0.005, 0.02, 0.05, 60, 86_400} <= set(bounds)


def test_the_documentation_of_metrics_is_up_to_date() -> None:
    page = Path(__file__).parents[2] / "docs" / "metrics.md"

    assert page.read_text(encoding="utf-8") == render(), "Run `python -m tools.metrics_doc` and commit docs/metrics.md."


def test_what_is_reported_comes_out_on_the_page() -> None:
    metrics = Metrics()

    metrics.count("sendwhen_emails_total", campaign="cart", state="accepted")
    metrics.count("sendwhen_emails_total", 2, campaign="cart", state="accepted")
    metrics.set("sendwhen_clock_skew_seconds", -0.25)
    metrics.observe("sendwhen_commit_duration_seconds", 0.003)
    metrics.observe("sendwhen_commit_duration_seconds", 0.0025)
    metrics.observe("sendwhen_commit_duration_seconds", 1e9)

    found = samples(metrics.page())
    assert found["sendwhen_emails_total", (("campaign", "cart"), ("state", "accepted"))] == 3
    assert found["sendwhen_clock_skew_seconds", ()] == -0.25
    assert found["sendwhen_commit_duration_seconds_bucket", (("le", "0.0025"),)] == 1
    assert found["sendwhen_commit_duration_seconds_bucket", (("le", "0.005"),)] == 2
    assert found["sendwhen_commit_duration_seconds_bucket", (("le", "60.0"),)] == 2
    assert found["sendwhen_commit_duration_seconds_bucket", (("le", "+Inf"),)] == 3
    assert found["sendwhen_commit_duration_seconds_count", ()] == 3


def test_an_exemplar_names_the_trace_in_the_bucket_of_its_value() -> None:
    metrics = Metrics()

    metrics.observe("sendwhen_event_to_send_seconds", 0.004, TRACE, campaign="cart")

    [family] = text_string_to_metric_families(metrics.page().decode())
    [with_exemplar] = [sample for sample in family.samples if sample.exemplar]
    assert with_exemplar.labels == {"campaign": "cart", "le": "0.005"}
    assert with_exemplar.exemplar.labels == {"trace_id": TRACE}
    assert with_exemplar.exemplar.value == 0.004


@pytest.mark.parametrize("labels", [{}, {"campaign": "cart"}, {"campaign": "cart", "state": "x", "more": "y"}])
def test_labels_that_are_not_those_of_the_list_are_refused(labels: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="takes the labels"):
        Metrics().count("sendwhen_emails_total", **labels)


def test_more_series_than_the_limit_are_kept_together_and_counted() -> None:
    metrics = Metrics()

    for number in range(SERIES_MAX + 5):
        metrics.count("sendwhen_possible_duplicates_total", campaign=f"campaign-{number}")

    found = samples(metrics.page())
    assert found["sendwhen_possible_duplicates_total", (("campaign", "_other"),)] == 5
    assert found["sendwhen_metric_series_refused_total", (("metric", "sendwhen_possible_duplicates_total"),)] == 5


def test_reports_from_several_threads_all_count() -> None:
    metrics = Metrics()

    def report() -> None:
        for _ in range(2_000):
            metrics.count("sendwhen_timers_fired_total")
            metrics.observe("sendwhen_render_duration_seconds", 0.001)

    threads = [threading.Thread(target=report) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    found = samples(metrics.page())
    assert found["sendwhen_timers_fired_total", ()] == 8_000
    assert found["sendwhen_render_duration_seconds_count", ()] == 8_000


@pytest.mark.integration
def test_the_page_is_served_and_nothing_else() -> None:
    metrics = Metrics()
    metrics.count("sendwhen_timers_fired_total", 7)
    server = serve_metrics(metrics, "127.0.0.1:0")
    try:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        page = answer.read()
        connection.request("GET", "/secrets")
        other = connection.getresponse()

        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
        assert samples(page)["sendwhen_timers_fired_total", ()] == 7
        assert other.status == 404
    finally:
        server.close()


@pytest.mark.integration
def test_a_taken_address_is_refused_in_words() -> None:
    server = serve_metrics(Metrics(), "127.0.0.1:0")
    try:
        with pytest.raises(OSError, match="another program using this port"):
            serve_metrics(Metrics(), f"127.0.0.1:{server.port}")
    finally:
        server.close()
