"""The same rule and timeline through the production domain, played in virtual time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any
from zlib import crc32

import msgspec

from sendwhen.campaigns import fuse
from sendwhen.domain.changes import Changes, DeadLetter
from sendwhen.domain.decision import Kind
from sendwhen.domain.entry import Entry, EventBatch, Review
from sendwhen.domain.event import Event
from sendwhen.domain.partition import customer_uid, routing_key
from sendwhen.domain.shard import Shard
from tests.builders import FOR_EVER_MS
from tests.domain.keeping import Kept
from tests.domain.town import Town
from tests.oracle.changes import Said, compiled
from tests.oracle.generating import Example
from tests.oracle.state import Firing
from tests.semantics.cases import milliseconds

Line = Mapping[str, Any]


class Broken(Exception):
    """The engine set an event or a deadline aside because it raised."""


@dataclass(slots=True)
class _Sequence:
    seq: int = 0

    def next(self) -> int:
        self.seq += 1
        return self.seq


def played(example: Example) -> list[Firing]:
    """What fires, in the order in which it was decided."""
    if example.partitions:
        return _played_in_town(example)
    names: dict[str, str] = {}
    fired: list[Firing] = []
    kept = Kept()
    shard = _shard(kept)
    for number, entry in enumerate(_entries(example, names)):
        if example.restored and number % example.restored == 0:
            shard = _shard(kept)
        for uid in (*shard.absent(entry), *shard.due_absent(shard.instants(entry)[-1])):
            shard.admit(uid, kept.records.get(uid), kept.seen.get(uid, b""))
        shard.apply(entry)
        changes = shard.collect()
        kept.commit(changes)
        _refuse_broken(changes.dead_letters)
        if changes.decisions:
            fired += _fired(changes, names, example)
    return fired


def _played_in_town(example: Example) -> list[Firing]:
    """With identities, that live in partitions; all of these see each instant of the timeline."""
    names: dict[str, str] = {}
    town = Town(_town_shard, partitions=example.partitions, restored=example.restored > 0)
    said, t0 = Said(example), example.t0
    for change in said.at_first():
        town.everywhere(change)
    clock, look = t0, False
    for number, line in enumerate(example.timeline):
        clock = max(clock, t0 + milliseconds(line["at"]))
        if example.partitions > 1:
            town.tick(clock)
        if look and line.get("control") not in (None, "set", "merge", "delete"):
            town.everywhere(partial(_review, at=clock, uids=tuple(names)))
            look = False
        match line.get("control"):
            case "delete":
                town.delete(_key_of(line["who"]), clock)
            case "merge":
                names[_uid_of(line["into"])] = line["into"]
                town.merge(_key_of(line["from"]), _key_of(line["into"]), clock)
                town.settle()
                told = {"who": line["into"], "control": "set", "id": f"address {number}", "at": f"{clock - t0}ms"}
                town.happens(event_of(told, number, t0), clock)
            case None | "set":
                event = event_of(line, number, t0)
                names[event.uid] = line["who"]
                town.happens(event, clock)
            case _:
                for change in said.changes(line, clock):
                    town.everywhere(change)
                look = said.looked_at(line)
                if look and not example.late_looks:
                    town.everywhere(partial(_review, at=clock, uids=tuple(names)))
        town.settle()
    if look:
        town.everywhere(partial(_review, at=clock, uids=tuple(names)))
    _refuse_broken([letter for _, changes in town.changes for letter in changes.dead_letters])
    return [one for _, changes in town.changes if changes.decisions for one in _fired(changes, names, example)]


def _town_shard(partition: int, partitions: int) -> Shard:
    return Shard(partition=partition, partitions=partitions, send_key=b"oracle", compile_campaign=compiled, fuse=fuse)


def _review(seq: int, *, at: int, uids: tuple[str, ...]) -> Review:
    return Review(seq=seq, at_ms=at, uids=uids)


def _refuse_broken(letters: Sequence[DeadLetter]) -> None:
    broken = [letter for letter in letters if letter.reason in ("failed", "unreadable")]
    if broken:
        raise Broken(str(broken))


def _shard(kept: Kept) -> Shard:
    shard = Shard(partition=0, send_key=b"oracle", compile_campaign=compiled, fuse=fuse)
    shard.restore(position=kept.position, clock_ms=kept.clock_ms, campaigns=tuple(kept.campaigns.values()))
    shard.expect(tuple((due, uid) for uid, due in kept.due.items()), FOR_EVER_MS)
    return shard


def _fired(changes: Changes, names: Mapping[str, str], example: Example) -> Iterator[Firing]:
    t0, values = (
        example.t0,
        {send.send_id: msgspec.json.decode(send.context).get("trigger", {}) for send in changes.sends},
    )
    for uid, decision in changes.decisions:
        word, email = decision.kind.value, decision.template
        if decision.kind is Kind.SKIPPED and decision.send_id and example.reasons:
            word = decision.reason
        elif decision.kind is Kind.GOAL and example.reasons:
            email = ""
        elif decision.kind is not Kind.SEND:
            continue
        yield Firing(
            at=decision.due_at_ms - t0,
            who=names[uid],
            start=decision.start_at_ms - t0,
            key=decision.key,
            seen_at=decision.at_ms - t0,
            email=email,
            value=values.get(decision.send_id, {}).get("value") if decision.kind is Kind.SEND else None,
            campaign=decision.campaign_id,
            word=word,
        )


def _entries(example: Example, names: dict[str, str]) -> Iterator[Entry]:
    """A log; customers who were known before a put are looked at before anything else happens."""
    count, said, t0 = _Sequence(), Said(example), example.t0
    for change in said.at_first():
        yield change(count.next())
    batch: list[Event] = []
    batch_at = clock = t0
    look = False
    for number, line in enumerate(example.timeline):
        at = t0 + milliseconds(line["at"])
        is_event = line.get("control") in (None, "set")
        if batch and (not is_event or not example.batched or max(at, clock) != clock):
            yield EventBatch(seq=count.next(), at_ms=batch_at, events=tuple(batch))
            batch = []
        clock = max(clock, at)
        if look and not is_event:
            yield _review(count.next(), at=at, uids=tuple(names))
        look = look and is_event
        if is_event:
            batch_at = at if not batch else batch_at
            event = event_of(line, number, t0)
            names[event.uid] = line["who"]
            batch.append(event)
            continue
        for change in said.changes(line, at):
            yield change(count.next())
        look = said.looked_at(line)
        if look and (not example.late_looks or line["control"] == "policy"):
            yield _review(count.next(), at=at, uids=tuple(names))
            look = False
    if batch:
        yield EventBatch(seq=count.next(), at_ms=batch_at, events=tuple(batch))
    if look:
        # Whom nothing happened to since a put is looked at in the end.
        yield _review(count.next(), at=clock, uids=tuple(names))


def event_of(line: Line, number: int, t0: int) -> Event:
    """The event of a line."""
    who = line["who"]
    anonymous = _anonymous(who)
    properties = msgspec.json.encode(line["props"]) if "props" in line else b""
    attributes = msgspec.json.encode(line["attrs"]) if "attrs" in line else b""
    name = line.get("event", "attributes set")
    address = line.get("address", not anonymous)
    return Event(
        event_id=line.get("id", f"line-{number}"),
        name=name,
        uid=_uid_of(who),
        user_id="" if anonymous else who,
        anonymous_id=who if anonymous else "",
        email=f"{who}@example.invalid" if address else "",
        occurred_at_ms=t0 + milliseconds(line.get("happened_at", line["at"])),
        properties=properties,
        attributes=attributes,
        fingerprint=crc32(repr((who, name, properties, attributes, address)).encode()),
    )


def _anonymous(who: str) -> bool:
    return who.startswith("anon-")


def _key_of(who: str) -> str:
    return routing_key(user_id="" if _anonymous(who) else who, anonymous_id=who if _anonymous(who) else "", email="")


@lru_cache(maxsize=64)
def _uid_of(who: str) -> str:
    return customer_uid(_key_of(who))
