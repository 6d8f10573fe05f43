"""Metrics of sender and profile: what goes out, and what is known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sendwhen.chassis.metric import EVENT_TO_SEND_SECONDS, Metric, Name, counter, gauge, histogram

SENDER_METRICS: Final[Mapping[Name, Metric]] = {
    "sendwhen_event_to_send_seconds": histogram(
        "sender",
        "campaign",
        "The headline: from the event's arrival at ingest (behind a wait: from the deadline) to the first byte of the "
        "first attempt at the provider. Its exemplars name traces.",
        "Open an exemplar's trace: the longest span names the part.",
        bounds=EVENT_TO_SEND_SECONDS,
    ),
    "sendwhen_emails_total": counter(
        "sender",
        "emails",
        "campaign state",
        "Emails that entered a state: accepted, rejected, retry_at, in_doubt, gave_up, suppressed, expired, held, "
        "cancelled.",
        "rejected: the ledger's detail says why. gave_up: in doubt and never resolved; check the provider's own log.",
    ),
    "sendwhen_send_duration_seconds": histogram(
        "sender",
        "provider outcome",
        "One attempt at the provider.",
        "The provider is slow: its status page; or the way to it.",
    ),
    "sendwhen_render_duration_seconds": histogram("sender", "", "Rendering one email.", "A costly template."),
    "sendwhen_send_retries_total": counter(
        "sender",
        "attempts",
        "provider reason",
        "Attempts proven not processed, to be tried again.",
        "429: lower the rate limit. refused, 5xx: the provider's status page.",
    ),
    "sendwhen_possible_duplicates_total": counter(
        "sender",
        "emails",
        "campaign",
        "Attempts made again though the one before was in doubt (in_doubt: at_least_once).",
        "Campaigns that must never send twice: set in_doubt: at_most_once.",
    ),
    "sendwhen_emails_in_doubt": gauge(
        "sender",
        "emails",
        "",
        "Emails of which nobody can say now whether the provider took them.",
        "They resolve by the campaign's policy after the evidence wait. Many: connections to the provider break.",
    ),
    "sendwhen_emails_held": gauge(
        "sender",
        "emails",
        "campaign",
        "Emails beyond their campaign's volume for a day (send.volume), which wait for an operator.",
        "Is the campaign wrong, or the volume? Then `sendwhen campaigns release` or `sendwhen campaigns discard`.",
    ),
    "sendwhen_suppressed_total": counter(
        "sender",
        "emails",
        "reason",
        "Emails not sent, by reason: listed (the address is on the suppression list), consent (withdrawn after the "
        "decision).",
        "Expected. A jump: did an import fill the list, or overwrite the attribute consent?",
    ),
    "sendwhen_queue_depth": gauge(
        "sender",
        "emails",
        "queue",
        "Emails that wait, by queue: pending, retry.",
        "Growing: raise workers or rate limit.",
    ),
    "sendwhen_metric_series_refused_total": counter(
        "every part",
        "reports",
        "metric",
        "Reports kept under the label value _other because the metric has its greatest number of series already.",
        "More campaigns than the limit: sums stay right, the new ones cannot be told apart.",
    ),
}

PROFILE_METRICS: Final[Mapping[Name, Metric]] = {
    "sendwhen_profile_reads_total": counter(
        "profile",
        "reads",
        "outcome",
        "Customers asked for: hit, load (from the store), absent, error.",
        "Few hits: enlarge SENDWHEN_PROFILE_CACHE_BYTES.",
    ),
    "sendwhen_profile_load_duration_seconds": histogram(
        "profile",
        "",
        "One read of records from the store.",
        "Store busy or far away.",
    ),
    "sendwhen_profile_not_fresh_total": counter(
        "profile",
        "reads",
        "",
        "Answers refused because the record was not as fresh as asked for by the deadline.",
        "Shards lag (sendwhen_log_lag_events), or deadlines are shorter than a commit.",
    ),
    "sendwhen_profile_cache_clears_total": counter(
        "profile",
        "clears",
        "reason",
        "A partition's cache was forgotten: gap, reconnect or rollback.",
        "reconnect: network or store. gap: profile was paused for long. rollback: the store lost its tail.",
    ),
    "sendwhen_profile_cache_evictions_total": counter(
        "profile",
        "customers",
        "",
        "Customers evicted to stay within the limit.",
        "Steady with few hits: enlarge SENDWHEN_PROFILE_CACHE_BYTES.",
    ),
    "sendwhen_profile_cache_bytes": gauge(
        "profile",
        "bytes",
        "",
        "Bytes held, as counted for eviction.",
        "Nothing to do.",
    ),
    "sendwhen_profile_cache_entries": gauge("profile", "customers", "", "Customers held.", "Nothing to do."),
}
