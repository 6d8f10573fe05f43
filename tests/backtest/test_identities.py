"""Backtests where events tie identities: the same as partitions that hand customers over to each other."""

from __future__ import annotations

import csv
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from sendwhen.archive.archive import Archive
from sendwhen.archive.columns import LoggedEntry
from sendwhen.archive.local_files import LocalFiles
from sendwhen.archive.manifest import Identity
from sendwhen.backtest.findings import sent_of
from sendwhen.backtest.run import Plan, run_backtest
from sendwhen.backtest.variant import Variant, campaign_of
from sendwhen.backtest.workers import OwnProcess
from sendwhen.campaigns import fuse
from sendwhen.domain.entry import CampaignPut
from sendwhen.domain.event import Event
from sendwhen.domain.partition import routing_hash, routing_key
from sendwhen.domain.shard import Shard
from sendwhen.wire.entry import event_entry
from sendwhen.wire.event import event_message, event_of
from tests.backtest.pasts import CART, NAMES, THANKS, a_variant
from tests.builders import HOUR_MS, MINUTE_MS, T0_MS, an_event
from tests.domain.town import Town

PARTITIONS = 3
Happening = tuple[int, Event]


def visits(seed: int, *, count: int = 250) -> list[Happening]:
    """Visitors who become known, on one device or several; each event at an instant of its own."""
    chance = random.Random(seed)
    at_ms, found = T0_MS, []
    for number in range(count):
        at_ms += chance.choice((1, 5 * MINUTE_MS, 40 * MINUTE_MS, HOUR_MS))
        person = chance.randrange(12)
        known = chance.random() < 0.4
        event = an_event(
            chance.choice(NAMES),
            f"user-{person}" if known else "",
            event_id=f"e-{number}",
            at_ms=at_ms,
            properties={"price": chance.randrange(30)},
            attributes={"consent": True} if known else None,
            email=None if known else "",
            anonymous_id=f"anon-{person}-{chance.randrange(2)}" if not known or chance.random() < 0.5 else "",
        )
        as_logged = event_of(event_message(event).SerializeToString())
        assert isinstance(as_logged, Event)
        found.append((at_ms, as_logged))
    return found


def partition_of(event: Event) -> int:
    key = routing_key(user_id=event.user_id, anonymous_id=event.anonymous_id, email=event.email)
    return routing_hash(key) % PARTITIONS


def archived(folder: Path, happenings: Sequence[Happening]) -> str:
    archive = Archive(LocalFiles(folder))
    archive.establish(Identity(partitions=PARTITIONS, clock="wall"))
    for partition in range(PARTITIONS):
        mine = [one for one in happenings if partition_of(one[1]) == partition]
        entries = [
            LoggedEntry(
                seq=seq,
                at_ms=at_ms,
                appended_at_us=0,
                nonce=seq.to_bytes(8, "big"),
                body=event_entry([event_message(event).SerializeToString()], 0),
            )
            for seq, (at_ms, event) in enumerate(mine, start=1)
        ]
        for start in range(0, len(entries), 30):
            archive.append(partition, entries[start : start + 30])
    return str(folder)


def decided_by_partitions(happenings: Sequence[Happening], variant: Variant, to_ms: int) -> list[tuple[object, ...]]:
    def shard(partition: int, partitions: int) -> Shard:
        return Shard(partition=partition, partitions=partitions, send_key=b"k", compile_campaign=campaign_of, fuse=fuse)

    town = Town(shard, partitions=PARTITIONS)
    for put in variant.puts:
        town.everywhere(
            lambda seq, put=put: CampaignPut(
                seq=seq, at_ms=T0_MS, campaign_id=put.campaign_id, version=put.version, source=put.source
            )
        )

    def until(at_ms: int) -> None:
        while due := min(
            (d for q in town.quarters if (d := q.shard.next_due_ms()) is not None and d <= at_ms), default=0
        ):
            town.tick(due)
            town.settle()

    for at_ms, event in happenings:
        until(at_ms)
        town.happens(event, at_ms)
        town.settle()
    until(to_ms - 1)
    sends = [sent_of(send) for _, changes in town.changes for send in changes.sends]
    return sorted((s.due_at_ms, s.campaign_id, s.step, s.uid, s.run_id, s.content) for s in sends)


@pytest.mark.parametrize("seed", range(8))
def test_a_backtest_joins_identities_as_partitions_do(tmp_path: Path, seed: int) -> None:
    happenings, variant = visits(seed), a_variant(CART, THANKS)
    to_ms = happenings[-1][0] + 1
    wanted = decided_by_partitions(happenings, variant, to_ms)

    plan = Plan(location=archived(tmp_path / "archive", happenings), variant=variant, from_ms=T0_MS)
    report = run_backtest(plan, OwnProcess(), tmp_path / "out", lambda _: None)

    with (tmp_path / "out" / "emails.csv").open(newline="", encoding="utf-8") as file:
        found = [
            (int(row["at_ms"]), row["campaign"], int(row["step"]), row["uid"], row["run_id"], row["content"])
            for row in csv.DictReader(file)
        ]
    assert sorted(found) == wanted
    assert len(wanted) > 15
    assert report.joined
