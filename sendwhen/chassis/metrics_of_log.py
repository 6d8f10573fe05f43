"""Metrics of ingest and of trigger's front: what comes in, and the log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sendwhen.chassis.metric import COUNTS, Metric, Name, counter, gauge, histogram

LOG_METRICS: Final[Mapping[Name, Metric]] = {
    "sendwhen_events_ingested_total": counter(
        "ingest",
        "events",
        "source outcome",
        "Events that clients handed in, by source (grpc, replay …) and outcome: accepted, invalid, refused, "
        "unavailable.",
        "invalid: the answer names the field, tell the client's owner. refused: see sendwhen_appends_refused_total. "
        "unavailable: is trigger up?",
    ),
    "sendwhen_ingest_call_duration_seconds": histogram(
        "ingest",
        "method outcome",
        "From the call's arrival to its answer, which comes after the event is on disk.",
        "Compare with sendwhen_append_duration_seconds: equal means the store's disk, else ingest lacks CPU; add "
        "replicas.",
    ),
    "sendwhen_append_duration_seconds": histogram(
        "trigger",
        "",
        "One append to the store, fsync included.",
        "A slow disk below the store. Give it its own volume, or lower the durability knowingly.",
    ),
    "sendwhen_appended_events_total": counter(
        "trigger",
        "events",
        "",
        "Events that are on disk in the log.",
        "None for a while though clients send: look at sendwhen_events_ingested_total by outcome.",
    ),
    "sendwhen_appends_refused_total": counter(
        "trigger",
        "appends",
        "reason",
        "Appends refused early, by reason: lag, memory, disk, store (away or its outcome unknown).",
        "lag: add shards or look for a slow campaign. memory, disk: enlarge the store. store: is it up, did it "
        "fail over?",
    ),
    "sendwhen_entry_events": histogram(
        "trigger",
        "",
        "Events in one log entry; grows with load because appends gather what waits.",
        "Only ones under load: clients send single events; batches cost far less.",
        bounds=COUNTS,
        unit="events",
    ),
    "sendwhen_log_trimmed_entries_total": counter(
        "trigger",
        "entries",
        "",
        "Log entries deleted behind the committed position.",
        "None while the store's memory grows: a partition's position stands still; see sendwhen_log_lag_events.",
    ),
    "sendwhen_archived_entries_total": counter(
        "trigger",
        "entries",
        "",
        "Log entries carried into the archive.",
        "None for half an hour though events come: see sendwhen_archive_behind_seconds.",
    ),
    "sendwhen_archive_behind_seconds": gauge(
        "trigger",
        "seconds",
        "",
        "Age of the oldest committed entry that is not archived; ten minutes are usual.",
        "Above half an hour: trigger's log says what fails (housekeeping.failed). The log is not trimmed meanwhile "
        "and fills the store.",
    ),
    "sendwhen_log_lag_events": gauge(
        "trigger",
        "events",
        "partition",
        "Events appended and not committed yet.",
        "Growing: is the partition's shard alive (sendwhen status)? Alive: it is too slow; add shards.",
    ),
    "sendwhen_clock_skew_seconds": gauge(
        "trigger",
        "seconds",
        "",
        "The front's clock minus the store's. Log time follows the slower one.",
        "Beyond one second either way: repair NTP on the node that is wrong; deadlines shift by this much.",
    ),
    "sendwhen_store_memory_ratio": gauge(
        "trigger",
        "ratio",
        "",
        "Memory used by the store divided by its limit.",
        "Above 0.8: enlarge the store or add nodes; at its admission limit appends are refused.",
    ),
    "sendwhen_store_disk_free_ratio": gauge(
        "trigger",
        "ratio",
        "",
        "Free part of the store's volume, where it can be seen.",
        "Below 0.2: enlarge the volume; below 0.1 appends are refused, because a full disk would stop the store.",
    ),
}
