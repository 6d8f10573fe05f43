"""What a metric is, and every name there is.

A name here is the name on the scraped page, so that one search finds code, rule and dashboard.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Counter = Literal[
    "sendwhen_events_ingested_total",
    "sendwhen_appended_events_total",
    "sendwhen_appends_refused_total",
    "sendwhen_log_trimmed_entries_total",
    "sendwhen_archived_entries_total",
    "sendwhen_applied_events_total",
    "sendwhen_duplicates_dropped_total",
    "sendwhen_dead_letters_total",
    "sendwhen_late_events_total",
    "sendwhen_timers_fired_total",
    "sendwhen_ticks_total",
    "sendwhen_customers_reviewed_total",
    "sendwhen_decisions_total",
    "sendwhen_transfers_delivered_total",
    "sendwhen_identity_total",
    "sendwhen_commits_fenced_total",
    "sendwhen_claims_total",
    "sendwhen_log_gaps_total",
    "sendwhen_store_reconnects_total",
    "sendwhen_limit_overflows_total",
    "sendwhen_outbox_pushed_total",
    "sendwhen_profile_reads_total",
    "sendwhen_profile_cache_clears_total",
    "sendwhen_profile_cache_evictions_total",
    "sendwhen_profile_not_fresh_total",
    "sendwhen_emails_total",
    "sendwhen_suppressed_total",
    "sendwhen_possible_duplicates_total",
    "sendwhen_send_retries_total",
    "sendwhen_metric_series_refused_total",
]
"""Names that ``Metrics.count`` takes."""

Histogram = Literal[
    "sendwhen_ingest_call_duration_seconds",
    "sendwhen_append_duration_seconds",
    "sendwhen_entry_events",
    "sendwhen_decision_duration_seconds",
    "sendwhen_commit_duration_seconds",
    "sendwhen_commit_customers",
    "sendwhen_timer_lateness_seconds",
    "sendwhen_outbox_push_duration_seconds",
    "sendwhen_profile_load_duration_seconds",
    "sendwhen_render_duration_seconds",
    "sendwhen_send_duration_seconds",
    "sendwhen_event_to_send_seconds",
]
"""Names that ``Metrics.observe`` takes."""

Gauge = Literal[
    "sendwhen_log_lag_events",
    "sendwhen_archive_behind_seconds",
    "sendwhen_clock_skew_seconds",
    "sendwhen_store_memory_ratio",
    "sendwhen_store_disk_free_ratio",
    "sendwhen_outbox_rows",
    "sendwhen_profile_cache_bytes",
    "sendwhen_profile_cache_entries",
    "sendwhen_queue_depth",
    "sendwhen_emails_in_doubt",
    "sendwhen_emails_held",
]
"""Names that ``Metrics.set`` takes."""

Name = Counter | Histogram | Gauge

SECONDS: Final = (
    0.0001,
    0.00025,
    0.0005,
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1,
    2.5,
    5,
    10,
    30,
    60,
)
"""Bounds for durations inside one process or one call."""

EVENT_TO_SEND_SECONDS: Final = (
    *(0.001, 0.0025, 0.005, 0.01, 0.02, 0.035, 0.05, 0.075, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
    *(300, 900, 3_600, 14_400, 43_200, 86_400),
)
"""Bounds of the headline: finite ones above every threshold, because a quantile never exceeds the last finite bound."""

COUNTS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_500)
"""Bounds for how many things travelled together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """What a name stands for.

    Attributes:
        kind: "counter", "histogram" or "gauge".
        unit: "seconds", "bytes", "ratio", or what is counted.
        labels: Names of its labels, in the order shown; ``count``, ``observe`` and ``set`` must give exactly these.
        of: Part that reports it.
        meaning: One or two sentences.
        remedy: What to do when it is not as it should be.
        bounds: Upper bounds of a histogram's finite buckets, ascending.
    """

    kind: Literal["counter", "histogram", "gauge"]
    unit: str
    labels: tuple[str, ...] = ()
    of: str
    meaning: str
    remedy: str
    bounds: tuple[float, ...] = ()


def counter(of: str, unit: str, labels: str, meaning: str, remedy: str) -> Metric:
    """A number that only grows."""
    return Metric(kind="counter", unit=unit, labels=tuple(labels.split()), of=of, meaning=meaning, remedy=remedy)


def gauge(of: str, unit: str, labels: str, meaning: str, remedy: str) -> Metric:
    """A number that stands at something now."""
    return Metric(kind="gauge", unit=unit, labels=tuple(labels.split()), of=of, meaning=meaning, remedy=remedy)


def histogram(
    of: str, labels: str, meaning: str, remedy: str, *, bounds: tuple[float, ...] = SECONDS, unit: str = "seconds"
) -> Metric:
    """How values are spread over buckets."""
    return Metric(
        kind="histogram", unit=unit, labels=tuple(labels.split()), of=of, meaning=meaning, remedy=remedy, bounds=bounds
    )
