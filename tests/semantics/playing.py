"""Plays a case in virtual time through the production domain; optionally through a new shard after every entry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import msgspec

from sendwhen.campaigns import compile_campaign, fuse
from sendwhen.domain.campaign import Campaign
from sendwhen.domain.changes import Changes
from sendwhen.domain.decision import Kind
from sendwhen.domain.entry import CampaignPut, Entry, EventBatch, Tick
from sendwhen.domain.event import Event
from sendwhen.domain.partition import customer_uid, routing_key
from sendwhen.domain.shard import Shard
from tests.domain.keeping import Kept
from tests.semantics.campaign_text import TEMPLATE, campaign_text
from tests.semantics.cases import Case, milliseconds, patched

CAMPAIGN_ID = "case"
SET_EVENT = "attributes set"
FOR_EVER_MS = 2**60


@dataclass(frozen=True, slots=True, kw_only=True)
class Firing:
    """An email that was decided, in the case's own terms (milliseconds from its t0)."""

    at: int
    who: str
    start: int
    key: str
    seen_at: int
    value: float | None = None


def play(case: Case, *, restored: bool) -> tuple[list[Firing], Mapping[str, bytes]]:
    """The firings in order, and the customers' records at the end.

    ``restored``: everything is written and read again by a new shard between every two entries.
    """
    names: dict[str, str] = {}
    firings: list[Firing] = []
    kept = Kept()
    shard = _shard(kept)
    for entry in _entries(case, names):
        if restored:
            shard = _shard(kept)
        for uid in (*shard.absent(entry), *shard.due_absent(shard.instants(entry)[-1])):
            shard.admit(uid, kept.records.get(uid), kept.seen.get(uid, b""))
        shard.apply(entry)
        changes = shard.collect()
        kept.commit(changes)
        firings += _firings(changes, names, case.t0_ms)
    return firings, kept.records


def _shard(kept: Kept) -> Shard:
    shard = Shard(partition=0, send_key=b"semantics", compile_campaign=_compile, fuse=fuse)
    shard.restore(position=kept.position, clock_ms=kept.clock_ms, campaigns=tuple(kept.campaigns.values()))
    shard.expect(tuple((due, uid) for uid, due in kept.due.items()), FOR_EVER_MS)
    return shard


def _compile(source: bytes) -> Campaign:
    return compile_campaign(source, {TEMPLATE: "hash"})


def _firings(changes: Changes, names: Mapping[str, str], t0_ms: int) -> Iterator[Firing]:
    values = {send.send_id: msgspec.json.decode(send.context).get("trigger", {}) for send in changes.sends}
    for uid, decision in changes.decisions:
        if decision.kind is Kind.SEND:
            yield Firing(
                at=decision.due_at_ms - t0_ms,
                who=names[uid],
                start=decision.start_at_ms - t0_ms,
                key=decision.key,
                seen_at=decision.at_ms - t0_ms,
                value=values[decision.send_id].get("value"),
            )


def _entries(case: Case, names: dict[str, str]) -> Iterator[Entry]:
    rule = case.rule
    active_ms = milliseconds(rule["active_from"]) if "active_from" in rule else None
    seq = 0
    if active_ms is None:
        seq += 1
        yield _put(rule, seq, case.t0_ms)
    for number, line in enumerate(case.timeline):
        at_ms = milliseconds(line["at"])
        if active_ms is not None and at_ms >= active_ms:
            seq += 1
            yield _put(rule, seq, case.t0_ms + active_ms)
            active_ms = None
        seq += 1
        if line.get("control") == "tick":
            yield Tick(seq=seq, at_ms=case.t0_ms + at_ms)
        elif line.get("control") == "rule_change":
            rule = patched(rule, line["patch"])
            yield _put(rule, seq, case.t0_ms + at_ms)
        else:
            event = _event(line, number, case.t0_ms)
            names[event.uid] = line["who"]
            yield EventBatch(seq=seq, at_ms=case.t0_ms + at_ms, events=(event,))
    if case.run_until_ms is not None:
        yield Tick(seq=seq + 1, at_ms=case.t0_ms + case.run_until_ms)


def _put(rule: Mapping[str, Any], seq: int, at_ms: int) -> CampaignPut:
    source = campaign_text(CAMPAIGN_ID, rule)
    version = compile_campaign(source, {TEMPLATE: "hash"}).version
    return CampaignPut(seq=seq, at_ms=at_ms, campaign_id=CAMPAIGN_ID, version=version, source=source)


def _event(line: Mapping[str, Any], number: int, t0_ms: int) -> Event:
    who = line["who"]
    anonymous = who.startswith("anon-")
    properties = msgspec.json.encode(line["props"]) if "props" in line else b""
    attributes = msgspec.json.encode(line["attrs"]) if "attrs" in line else b""
    name = line.get("event", SET_EVENT)
    user_id, anonymous_id = ("", who) if anonymous else (who, "")
    return Event(
        event_id=line.get("id", f"line-{number}"),
        name=name,
        uid=customer_uid(routing_key(user_id=user_id, anonymous_id=anonymous_id, email="")),
        user_id=user_id,
        anonymous_id=anonymous_id,
        email="" if anonymous else f"{who}@example.invalid",
        occurred_at_ms=t0_ms + milliseconds(line.get("happened_at", line["at"])),
        properties=properties,
        attributes=attributes,
        fingerprint=crc32(repr((who, name, properties, attributes)).encode()),
    )
