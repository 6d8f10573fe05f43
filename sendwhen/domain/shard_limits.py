"""The limits of a shard's memory, and what happens beyond each. Overflows are counted in ``Counters.overflows``."""

from __future__ import annotations

import msgspec

HOUR_MS = 3_600_000


class ShardLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How much is kept for each customer, and in memory.

    Changing a limit changes what later events lead to, never what is stored already.

    Attributes:
        recent_events: Latest events kept with a customer; the oldest goes (not an overflow).
        recent_properties_bytes: Properties of a recent event longer than this are left out (not an overflow).
        anonymous_ids: Visitor's ids kept with a customer; the one not seen for longest goes, counted.
        fields: Attributes of a customer, removed ones included; a further one is not taken, counted.
        field_bytes: Longest value of an attribute; a longer one is not taken, counted.
        decisions: Latest decisions remembered with a customer; the oldest goes (not an overflow).
        runs: Open runs of a customer; a further start is refused ("limit"), counted.
        reentry_keys: Keys whose last firing is remembered for one campaign and customer; the one that fired first is
            forgotten, counted.
        partials: Begun sequences for one campaign and customer; the oldest is dropped, counted.
        window_events: Events, values or (where sums are enough) keys that a threshold counts for one campaign and
            customer; the oldest is left out, counted.
        trigger_keys: Keys for which one campaign counts occurrences, or remembers the last of something, of a customer;
            the one not touched for longest is forgotten, counted. Of a quiet, whatever is forgotten counts for all.
        tallies: Counts kept of a customer for conditions; those that nobody asks for any more make room, then a
            further one is not kept, counted.
        watch_alarms: Campaigns that watch a customer and wait for a time; a further one does not look again before the
            customer's next event, counted.
        held_events: Events of a customer that wait for campaigns on event time; a further one is refused ("limit"),
            counted.
        cap_counts: Caps (of campaigns, of categories, over all) for which a customer's emails are counted; the one
            counted for least lately is forgotten, counted.
        goals: Campaigns of whose latest email a goal is awaited; the one emailed for least lately goes, counted.
        key_chars: A longer key of a run is cut and given a hash of the whole.
        seen_ids: Event ids remembered for one customer; beyond it the oldest quarter is forgotten, counted.
        young_ids: So many of them, less one, ride in the customer's record (65,535 at most); then they move beside it.
        seen_ms: How long an event id is remembered, in log time.
        identities: Identities tied to a customer; a further one is refused ("too_many"), counted, and stays by itself.
        refused_ties: Latest refusals remembered with a customer; the oldest is forgotten, and may be asked for again.
        visitor_ms: How long a visitor without user id and address is kept since the last event; what expires goes with
            all it waits for, counted in ``Counters.expired``. 0: for ever.
        source_lineages: Lineages of another partition's outbox whose rows are recognised when they come again; the one
            not heard of for longest is forgotten.
        minute_events: Events of one customer that are applied within 60 s of log time; a further one is set aside
            ("too_many"), counted, and welcome later under the same id. They are counted by the remembered ids, so no
            more than three quarters of ``seen_ids`` have an effect. On the events' own time there is no such limit.
        campaign_versions: Versions kept of one campaign; beyond it the oldest that is not in force is forgotten and
            runs pinned to it end when they fall due ("version_gone"), counted.
        live_bytes: Customers as objects, as estimated; beyond it the least recently used become bytes.
        warm_bytes: Customers as bytes; beyond it the least recently used are left to the store.
    """

    recent_events: int = 20
    recent_properties_bytes: int = 2_048
    anonymous_ids: int = 16
    fields: int = 256
    field_bytes: int = 8_192
    decisions: int = 32
    runs: int = 64
    reentry_keys: int = 256
    partials: int = 32
    window_events: int = 512
    trigger_keys: int = 256
    tallies: int = 256
    watch_alarms: int = 256
    held_events: int = 256
    cap_counts: int = 256
    goals: int = 256
    key_chars: int = 256
    seen_ids: int = 4_096
    young_ids: int = 32
    seen_ms: int = 72 * HOUR_MS
    identities: int = 64
    refused_ties: int = 16
    visitor_ms: int = 30 * 24 * HOUR_MS
    source_lineages: int = 16
    minute_events: int = 3_000
    campaign_versions: int = 64
    live_bytes: int = 512 * 1024 * 1024
    warm_bytes: int = 256 * 1024 * 1024
