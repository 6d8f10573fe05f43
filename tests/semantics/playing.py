"""Plays a case in virtual time through the production domain; optionally through a new shard after every entry."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from zlib import crc32

import msgspec

from sendwhen.campaigns import compile_campaign, fuse
from sendwhen.domain.campaign import Campaign
from sendwhen.domain.changes import Changes
from sendwhen.domain.decision import Kind
from sendwhen.domain.entry import CampaignArchived, CampaignPaused, CampaignPut
from sendwhen.domain.event import Event
from sendwhen.domain.migrate import Migrate
from sendwhen.domain.partition import customer_uid, routing_key
from sendwhen.domain.shard import Shard
from sendwhen.domain.shard_limits import ShardLimits
from sendwhen.domain.trigger_kinds import DAY_MS
from tests.domain.town import Town
from tests.semantics.campaign_text import TEMPLATE, campaign_text
from tests.semantics.cases import Case, milliseconds, patched

CAMPAIGN_ID = "case"
SET_EVENT = "attributes set"


@dataclass(frozen=True, slots=True, kw_only=True)
class Firing:
    """An email that was decided, in the case's own terms (milliseconds from its t0)."""

    at: int
    who: str
    start: int
    key: str
    seen_at: int
    value: float | None = None


PARTITIONS = 3
LIMITS = ShardLimits(seen_ms=10_000 * DAY_MS, visitor_ms=0)
"""The rules know no installation that forgets ids after 72 hours, and visitors after 30 days."""


def play(case: Case, *, restored: bool) -> tuple[list[Firing], Mapping[str, bytes]]:
    """The firings in order, and the customers' records at the end.

    A case is one log for all its customers. Where identities are tied, several partitions play, so that these live
    apart; then an entry of one moves the clock of all. ``restored``: everything is written and read again by a new
    shard between every two entries.
    """
    names: dict[str, str] = {}
    apart = any(line.get("control") == "merge" for line in case.timeline)
    town = Town(_shard, partitions=PARTITIONS if apart else 1, restored=restored)
    for step in _steps(case, names):
        step(town)
        town.settle()
        if apart:
            town.tick(town.at_ms)
    firings = [firing for _, changes in town.changes for firing in _firings(changes, names, case.t0_ms)]
    # Partitions fire in an order of their own; customers' firings are in the order of their instants.
    firings.sort(key=lambda firing: (firing.seen_at, firing.at if apart else 0))
    return firings, {f"{number}/{uid}": record for number, uid, record in town.records()}


def _shard(partition: int, partitions: int) -> Shard:
    return Shard(
        partition=partition,
        partitions=partitions,
        send_key=b"semantics",
        compile_campaign=_compile,
        fuse=fuse,
        limits=LIMITS,
    )


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


def _steps(case: Case, names: dict[str, str]) -> Iterator[Callable[[Town], None]]:
    rule = case.rule
    active_ms = milliseconds(rule["active_from"], case.t0_ms) if "active_from" in rule else None
    if active_ms is None:
        yield _put(rule, case.t0_ms)
    for number, line in enumerate(case.timeline):
        at_ms = milliseconds(line["at"], case.t0_ms)
        if active_ms is not None and at_ms >= active_ms:
            yield _put(rule, case.t0_ms + active_ms)
            active_ms = None
        match line.get("control"):
            case "tick":
                yield partial(Town.tick, at_ms=case.t0_ms + at_ms)
            case "rule_change":
                rule = patched(rule, line["patch"])
                yield _put(rule, case.t0_ms + at_ms, Migrate(line.get("migrate", "finish")))
            case "pause" | "resume" | "archive" as word:
                yield _halted(word, case.t0_ms + at_ms)
            case "merge" | "delete":
                yield _customers(line, case.t0_ms + at_ms, names)
            case _:
                event = _event(line, number, case.t0_ms)
                names[event.uid] = str(line["who"])
                yield partial(Town.happens, event=event, at_ms=case.t0_ms + at_ms)
    if case.run_until_ms is not None:
        yield partial(Town.tick, at_ms=case.t0_ms + case.run_until_ms)


def _customers(line: Mapping[str, Any], at_ms: int, names: dict[str, str]) -> Callable[[Town], None]:
    if line["control"] == "delete":
        return partial(Town.delete, key=_key(str(line["who"])), at_ms=at_ms)
    into, other = _key(str(line["into"])), _key(str(line["from"]))
    names[customer_uid(into)] = str(line["into"])
    both_known = other.startswith("user:")

    def merge(town: Town) -> None:
        town.merge(other, into, at_ms, both_known=both_known)
        town.settle()
        # The one who survives is known from now on, if only by name.
        town.happens(_told(str(line["into"]), at_ms), at_ms)

    return merge


def _key(who: str) -> str:
    return routing_key(user_id="" if _anonymous(who) else who, anonymous_id=who if _anonymous(who) else "", email="")


def _anonymous(who: str) -> bool:
    return who.startswith("anon-")


def _told(who: str, at_ms: int) -> Event:
    """Whoever is merged into has an address, as everybody in the cases who has a name."""
    return Event(
        event_id=f"address of {who} at {at_ms}",
        name=SET_EVENT,
        uid=customer_uid(_key(who)),
        user_id=who,
        email=_address(who),
        occurred_at_ms=at_ms,
    )


def _address(who: str) -> str:
    return "" if _anonymous(who) else f"{who}@example.invalid"


def _put(rule: Mapping[str, Any], at_ms: int, migrate: Migrate = Migrate.FINISH) -> Callable[[Town], None]:
    source = campaign_text(CAMPAIGN_ID, rule)
    version = compile_campaign(source, {TEMPLATE: "hash"}).version

    def entry(seq: int) -> CampaignPut:
        return CampaignPut(
            seq=seq, at_ms=at_ms, campaign_id=CAMPAIGN_ID, version=version, source=source, migrate=migrate
        )

    return lambda town: town.everywhere(entry)


def _halted(word: str, at_ms: int) -> Callable[[Town], None]:
    def entry(seq: int) -> CampaignPaused | CampaignArchived:
        if word == "archive":
            return CampaignArchived(seq=seq, at_ms=at_ms, campaign_id=CAMPAIGN_ID)
        return CampaignPaused(seq=seq, at_ms=at_ms, campaign_id=CAMPAIGN_ID, paused=word == "pause")

    return lambda town: town.everywhere(entry)


def _event(line: Mapping[str, Any], number: int, t0_ms: int) -> Event:
    who = str(line["who"])
    properties = msgspec.json.encode(line["props"]) if "props" in line else b""
    attributes = msgspec.json.encode(line["attrs"]) if "attrs" in line else b""
    name = str(line.get("event", SET_EVENT))
    user_id, anonymous_id = ("", who) if _anonymous(who) else (who, "")
    return Event(
        event_id=str(line.get("id", f"line {number}")),
        name=name,
        uid=customer_uid(routing_key(user_id=user_id, anonymous_id=anonymous_id, email="")),
        user_id=user_id,
        anonymous_id=anonymous_id,
        email=_address(who) if "email" not in line else str(line["email"] or ""),
        occurred_at_ms=t0_ms + milliseconds(line.get("happened_at", line["at"]), t0_ms),
        properties=properties,
        attributes=attributes,
        fingerprint=crc32(repr((who, name, properties, attributes)).encode()),
    )
