"""The limits of a shard host and of its outbox relay, each with what happens beyond it."""

from __future__ import annotations

import msgspec


class HostLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How much is done at once.

    Attributes:
        round_events: Events applied before the next commit, over all partitions; the rest waits for the next round.
        round_partition_events: The same for one partition (a customer a event at most, so records a commit); one longer
            entry is a round of its own.
        read_entries: Entries asked of each partition in one read, at most.
        block_ms: Longest wait for entries; shorter where a timer is due before.
        horizon_ms: Deadlines this far ahead are kept in memory; later ones only in the store.
        wakes: Deadlines asked of each partition at once; beyond it the rest is asked for when these have fired.
        page_customers: The same where the clock jumps; also the instants fired before a commit.
        jump_ms: A clock that moves further at once while timers are due fires them page by page.
        load_customers: Customers loaded in one request.
        tries: An entry that owners died of this often is set aside unread.
        review_customers: Customers who were known before a campaign was put and are looked at in one entry, about.
        review_every_ms: No such entry sooner after another.
        cautious_entries: Applied one by one after a claim without progress.
    """

    round_events: int = 2_000
    round_partition_events: int = 500
    read_entries: int = 500
    block_ms: int = 500
    horizon_ms: int = 600_000
    wakes: int = 2_000
    page_customers: int = 400
    jump_ms: int = 5_000
    load_customers: int = 1_000
    tries: int = 3
    review_customers: int = 200
    review_every_ms: int = 100
    cautious_entries: int = 256


class RelayLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How much the relay holds.

    Attributes:
        push_rows, push_bytes: Rows in one call to sender or delivery to partitions, and their bytes where it is more
            than one.
        memory_rows: Released rows in memory, for each partition; beyond it they are read from the outbox again.
        backoff_ms, backoff_max_ms: First and longest pause of a partition after sender failed; doubled each time.
        pause_ms: Longest wait for new rows.
    """

    push_rows: int = 100
    push_bytes: int = 1024 * 1024
    memory_rows: int = 2_000
    backoff_ms: int = 50
    backoff_max_ms: int = 2_000
    pause_ms: int = 1_000
