"""The arguments of the store's commit function: one round as flat values, in the order store_commit.lua documents."""

from __future__ import annotations

import os
from collections.abc import Sequence

import msgspec

from sendwhen.domain.changes import Changes
from sendwhen.domain.past import PAST_SLOTS
from sendwhen.v1 import log_pb2
from services.trigger.ports import TO_SENDER, PartitionCommit
from services.trigger.store_keys import past_field
from services.trigger.valkey_connection import Argument

NONCE_BYTES = 8
TICK_BODY = log_pb2.LogEntry(tick=log_pb2.TickEntry()).SerializeToString()


_Group = tuple[Sequence[Argument], int]
"""Values, and how many of them belong together."""
_NO_OTHERS: tuple[_Group, ...] = (((), 3), ((), 2), ((), 2), ((), 1), ((), 2))
"""What ``_others`` gives for most rounds."""


def nonce() -> bytes:
    """Of a new entry."""
    return os.urandom(NONCE_BYTES)


def commit_arguments(round_: PartitionCommit, *, given_ms: int | None, ids_expire_ms: int) -> list[Argument]:
    """The round as arguments. ``given_ms``: our clock, for skip entries; None on the events' own time.

    Raises:
        ValueError: Ordinals of the outbox rows have gaps.
    """
    changes = round_.changes
    first_ordinal = round_.outbox[0].ordinal if round_.outbox else 0
    if any(row.ordinal != first_ordinal + n for n, row in enumerate(round_.outbox)):
        raise ValueError("ordinals of outbox rows must go on without gaps")
    rare = changes.dead_letters or changes.campaigns or changes.received or round_.outbox
    others = _others(round_) if rare else _NO_OTHERS
    groups = (*_customers(changes), *others, *_partition(changes))
    arguments: list[Argument] = [
        round_.epoch,
        round_.owner,
        round_.from_position,
        round_.to_position,
        round_.to_nonce,
        changes.clock_ms,
        changes.counters.applied,
        changes.counters.duplicates,
        ",".join(customer.uid for customer in changes.customers),
        ids_expire_ms,
        "" if given_ms is None else given_ms,
        first_ordinal,
        *(len(values) // width for values, width in groups),
    ]
    for values, _ in groups:
        arguments += values
    arguments += (round_.ahead_seq, round_.ahead_nonce)
    return arguments


def _customers(changes: Changes) -> tuple[_Group, ...]:
    records: list[Argument] = []
    due: list[Argument] = []
    not_due: list[Argument] = []
    appended: list[Argument] = []
    replaced: list[Argument] = []
    past: list[Argument] = []
    for customer in changes.customers:
        if customer.record is not None:
            records += (customer.uid, customer.record)
        if not customer.due_moved:
            pass
        elif customer.due_at_ms is None:
            not_due.append(customer.uid)
        else:
            due += (customer.due_at_ms, customer.uid)
        if customer.seen_replace is not None:
            replaced += (customer.uid, customer.seen_replace)
        elif customer.seen_append:
            appended += (customer.uid, customer.seen_append)
        for slot, chunk in customer.past:
            past += (past_field(customer.uid, slot), chunk)
    return (records, 2), (due, 2), (not_due, 1), (appended, 2), (replaced, 2), (past, 2)


def _others(round_: PartitionCommit) -> tuple[_Group, ...]:
    changes = round_.changes
    outbox: list[Argument] = []
    for row in round_.outbox:
        outbox += ("" if row.target == TO_SENDER else row.target, row.lineage, row.intent)
    letters: list[Argument] = []
    for letter in changes.dead_letters:
        letters += (int(letter.reason == "too_many"), msgspec.msgpack.encode(letter))
    kept: list[Argument] = []
    gone: list[Argument] = []
    for campaign in changes.campaigns:
        field = f"{campaign.campaign_id}/{campaign.version}"
        if campaign.source:
            kept += (field, msgspec.msgpack.encode(campaign))
        else:
            gone.append(field)
    skips: list[Argument] = []
    for letter in changes.dead_letters:
        if letter.logged:
            skip = log_pb2.SkipEntry(seq=letter.seq, index=letter.index, reason=letter.reason)
            skips += (nonce(), log_pb2.LogEntry(skip=skip).SerializeToString())
    return (outbox, 3), (letters, 2), (kept, 2), (gone, 1), (skips, 2)


def _partition(changes: Changes) -> tuple[_Group, ...]:
    deleted: list[Argument] = [customer.uid for customer in changes.customers if customer.record is None]
    chunks: list[Argument] = [past_field(str(uid), slot) for uid in deleted for slot in range(PAST_SLOTS)]
    received: list[Argument] = []
    forgotten: list[Argument] = []
    for row in changes.received:
        field = f"{row.source}/{row.lineage}"
        if row.ordinal:
            received += (field, msgspec.msgpack.encode(row))
        else:
            forgotten.append(field)
    return (deleted, 1), (chunks, 1), (received, 2), (forgotten, 1)
