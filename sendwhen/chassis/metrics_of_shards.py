"""Metrics of the shards: what is decided."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sendwhen.chassis.metric import COUNTS, EVENT_TO_SEND_SECONDS, Metric, Name, counter, gauge, histogram

SHARD_METRICS: Final[Mapping[Name, Metric]] = {
    "sendwhen_applied_events_total": counter(
        "shard",
        "events",
        "",
        "Events applied and committed.",
        "See sendwhen_log_lag_events.",
    ),
    "sendwhen_duplicates_dropped_total": counter(
        "shard, sender",
        "duplicates",
        "source",
        "Repeats recognised and dropped: event (same id again), outbox (same decision again).",
        "A steady small rate is normal: clients and relays retry. A jump: a client repeats everything, or "
        "replies get lost.",
    ),
    "sendwhen_dead_letters_total": counter(
        "shard",
        "events",
        "reason",
        "Events set aside, by reason: other_payload, failed, unreadable, unsorted, quarantined, too_many, "
        "deleted; and decisions: refused_by_sender.",
        "Read them with `sendwhen deadletters`. other_payload: a client reuses ids. too_many: over 3,000 events of one "
        "customer within a minute. failed, quarantined, refused_by_sender: report a defect.",
    ),
    "sendwhen_late_events_total": counter(
        "shard",
        "events",
        "",
        "Events older than a campaign's max_event_age, or than what a campaign on event time has decided: they updated "
        "the customer and started nothing.",
        "Expected in imports and after an outage of a client; else its clock is wrong, or the grace too short.",
    ),
    "sendwhen_timers_fired_total": counter("shard", "timers", "", "Deadlines that came.", "Nothing to do."),
    "sendwhen_timer_lateness_seconds": histogram(
        "shard",
        "",
        "From a deadline to the moment the shard acted on it.",
        "High: the shard lags, or was down; beyond max_lateness emails are recorded as expired.",
        bounds=EVENT_TO_SEND_SECONDS,
    ),
    "sendwhen_ticks_total": counter(
        "shard",
        "ticks",
        "outcome",
        "Entries appended because a timer was due and no traffic moved the clock; outcome appended or refused.",
        "Refused ones are normal at a change of owner and in a race with traffic; steady ones: two owners, see "
        "fenced commits.",
    ),
    "sendwhen_customers_reviewed_total": counter(
        "shard",
        "customers",
        "",
        "Customers named to be looked at after a put of a campaign that watches customers (date, segment).",
        "It rises for a while after each such put; steady growth without one: the store restarts again and again.",
    ),
    "sendwhen_transfers_delivered_total": counter(
        "shard",
        "transfers",
        "",
        "Rows that went from one partition's outbox to another's log: ties, joined state, forwarded events.",
        "Nothing to do; a few for each visitor who becomes known.",
    ),
    "sendwhen_identity_total": counter(
        "shard",
        "customers",
        "outcome",
        "What became of identities: merged, ties_refused, forwarded (events that came to a tombstone), deleted, "
        "expired (visitors), repeated_transfers (recognised and dropped).",
        "ties_refused that grow: devices shared by many users, or a client that sends wrong ids; `sendwhen customers "
        "show` says why. repeated_transfers: replies of the store get lost.",
    ),
    "sendwhen_decisions_total": counter(
        "shard",
        "decisions",
        "campaign kind",
        "Decisions, by campaign and kind: entered, waiting, cancelled, send, skipped, refused, reset, finished, "
        "exited, took (a way of a branch or split), goal, goal_holdout (after an email that was withheld).",
        "Unexpected: ask `sendwhen why CUSTOMER CAMPAIGN`.",
    ),
    "sendwhen_decision_duration_seconds": histogram(
        "shard",
        "",
        "Applying one read's entries, without store and network.",
        "High per event: a costly campaign; compare after pausing the newest.",
    ),
    "sendwhen_commit_duration_seconds": histogram(
        "shard",
        "",
        "One group commit to the store.",
        "A slow disk below the store, or customers with very large records.",
    ),
    "sendwhen_commit_customers": histogram(
        "shard",
        "",
        "Customers written by one commit.",
        "Nothing to do; it shows how well commits gather.",
        bounds=COUNTS,
        unit="customers",
    ),
    "sendwhen_commits_fenced_total": counter(
        "shard",
        "commits",
        "why",
        "Commits that the store refused: fenced (another owner), moved (other position), lost (the log's tail is "
        "gone).",
        "A few at a change of owner are the fence at work. lost: the store lost its tail; check its durability "
        "settings.",
    ),
    "sendwhen_claims_total": counter(
        "shard",
        "claims",
        "outcome",
        "Partitions claimed by a shard; outcome claimed or refused.",
        "Steady: shards restart in a loop; read the log of the shard for the reason.",
    ),
    "sendwhen_log_gaps_total": counter(
        "shard",
        "looks",
        "partition",
        "Times a partition was left to stand still because its log misses entries that were never applied.",
        "Restore the store from its backup; `sendwhen status` names the partition, all others go on. It is looked at "
        "again every 10 s.",
    ),
    "sendwhen_store_reconnects_total": counter(
        "every part",
        "connects",
        "",
        "Connections to the store made anew; each makes its part forget what it had in memory.",
        "More than a few: network or store restarts.",
    ),
    "sendwhen_limit_overflows_total": counter(
        "shard",
        "overflows",
        "limit",
        "A named limit was reached and its documented overflow happened.",
        "See Limits in docs/operations.md; a flood from one customer is the usual cause.",
    ),
    "sendwhen_outbox_rows": gauge(
        "trigger",
        "rows",
        "",
        "Decisions not handed to sender yet.",
        "Growing: sender is away or too slow.",
    ),
    "sendwhen_outbox_pushed_total": counter(
        "shard",
        "rows",
        "outcome",
        "Decisions pushed to sender; outcome durable, unknown (pushed again) or refused (tried one by one, then set "
        "aside).",
        "Many unknown: sender's ledger cannot be reached. Refused: see `sendwhen deadletters`.",
    ),
    "sendwhen_outbox_push_duration_seconds": histogram(
        "shard",
        "",
        "One push of decisions to sender until they are durable there.",
        "Sender or its ledger is slow.",
    ),
}
