"""Whole shards on a real store with a real gRPC sender: end to end, and through the store's and their own failures."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sendwhen.errors import Fenced
from tests.integration.shard_kit import CART, VIEWED, Front, RecordingSender, Running, settings, wait_until
from tests.integration.valkey_process import ValkeyServer

pytestmark = pytest.mark.integration
REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def sender() -> Iterator[RecordingSender]:
    recording = RecordingSender()
    yield recording
    recording.close()


@pytest.fixture
def front(own_valkey: ValkeyServer) -> Iterator[Front]:
    front = Front(own_valkey.url, partitions=2)
    yield front
    front.close()


def test_events_become_emails_at_sender_once_each_by_match_and_by_a_timer_without_traffic(
    own_valkey: ValkeyServer, front: Front, sender: RecordingSender
) -> None:
    front.put(VIEWED, CART)
    shard = Running(settings(own_valkey.url, sender))
    try:
        front.happens("Product Viewed", ["ada", "bob"], 0)
        front.happens("Product Viewed", ["cyd"], 1)
        front.happens("Product Viewed", ["cyd"], 1, event_id="twice")
        front.happens("Product Viewed", ["cyd"], 1, event_id="twice")
        front.happens("Product Added", ["dan", "eve"], 0)
        front.happens("Order Completed", ["eve"], 0)

        wait_until(lambda: sender.who() == {"ada": 1, "bob": 1, "cyd": 2, "dan": 1}, "emails at sender")
        wait_until(front.caught_up, "nothing left to do")
    finally:
        shard.stop()

    assert shard.death is None
    assert len(sender.rows) == 5
    assert all(0 < read <= decided <= committed for read, decided, committed in sender.stamps)
    assert sum(head.outbox for head in front.heads()) == 0
    page = shard.metrics.page().decode()
    assert "sendwhen_applied_events_total 7.0" in page
    assert 'sendwhen_duplicates_dropped_total{source="event"} 1.0' in page
    assert 'sendwhen_outbox_pushed_total{outcome="durable"} 5.0' in page
    assert 'sendwhen_decisions_total{campaign="cart",kind="cancelled"} 1.0' in page


def test_a_log_that_misses_entries_stops_its_partition_and_no_other(
    own_valkey: ValkeyServer, front: Front, sender: RecordingSender
) -> None:
    front.put(VIEWED)
    front.happens("Product Viewed", ["ada"], 0)
    front.happens("Product Viewed", ["bob"], 0)
    with own_valkey.client() as client:
        assert client.xdel("sw:{p0}:log", "2-0") == 1
    shard = Running(settings(own_valkey.url, sender))
    try:
        front.happens("Product Viewed", ["cyd"], 1)
        wait_until(lambda: sender.who() == {"cyd": 1}, "the other partition's email")
        wait_until(lambda: shard.driver.host.status().standing_still == [0], "the partition stands still")
        front.happens("Product Viewed", ["dan"], 1)
        wait_until(lambda: sender.who() == {"cyd": 1, "dan": 1}, "the other partition going on")
    finally:
        shard.stop()

    assert shard.death is None
    assert 'sendwhen_log_gaps_total{partition="0"} 1.0' in shard.metrics.page().decode()


def test_what_a_dead_owner_left_in_the_outbox_is_sent_by_the_next(
    own_valkey: ValkeyServer, front: Front, sender: RecordingSender
) -> None:
    front.put(VIEWED)
    mute = dataclasses.replace(settings(own_valkey.url, sender), sender="127.0.0.1:1")
    shard = Running(mute)
    front.happens("Product Viewed", ["ada", "bob"], 0)
    wait_until(lambda: sum(head.outbox for head in front.heads()) == 2, "rows in the outbox")
    shard.stop()
    assert not sender.rows

    shard = Running(settings(own_valkey.url, sender))
    wait_until(front.caught_up, "the outbox is empty")
    shard.stop()

    assert sender.who() == {"ada": 1, "bob": 1}


def test_a_store_that_is_killed_and_restarted_is_met_again_without_help(
    own_valkey: ValkeyServer, front: Front, sender: RecordingSender
) -> None:
    front.put(VIEWED)
    shard = Running(settings(own_valkey.url, sender))
    try:
        for number in range(4):
            front.happens("Product Viewed", [f"c{number}a", f"c{number}b"], number % 2)
            own_valkey.restart(by_kill=True)
            front.happens("Product Viewed", [f"d{number}"], number % 2)
        wait_until(front.caught_up, "nothing left to do")
    finally:
        shard.stop()

    assert shard.death is None
    assert sum(sender.who().values()) == 12
    assert set(sender.who().values()) == {1}


def test_a_paused_owner_that_was_replaced_is_fenced_when_it_wakes_and_exits(
    own_valkey: ValkeyServer, front: Front, sender: RecordingSender
) -> None:
    front.put(VIEWED, CART)
    of = settings(own_valkey.url, sender)
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.integration.shard_child"], stdin=subprocess.PIPE, cwd=REPOSITORY
    )
    assert child.stdin is not None
    child.stdin.write(json.dumps(dataclasses.asdict(of)).encode() + b"\n")
    child.stdin.flush()
    try:
        front.happens("Product Viewed", ["ada"])
        front.happens("Product Added", ["slow"])
        wait_until(lambda: sender.who()["ada"] == 1, "the first owner works")
        os.kill(child.pid, signal.SIGSTOP)
        shard = Running(of)
        front.happens("Product Viewed", ["bob"])
        wait_until(lambda: sender.who() == {"ada": 1, "bob": 1, "slow": 1}, "the second owner works")

        os.kill(child.pid, signal.SIGCONT)
        front.happens("Product Viewed", ["cyd"])

        assert child.wait(timeout=15) == 3
        wait_until(lambda: sender.who()["cyd"] == 1, "the second owner goes on")
        shard.stop()
    finally:
        child.kill()
        child.wait()

    assert shard.death is None
    assert sender.who() == {"ada": 1, "bob": 1, "slow": 1, "cyd": 1}


def test_of_two_owners_the_earlier_ends_as_fenced(
    own_valkey: ValkeyServer, front: Front, sender: RecordingSender
) -> None:
    front.put(VIEWED)
    first = Running(settings(own_valkey.url, sender))
    front.happens("Product Viewed", ["ada"])
    wait_until(lambda: sender.who() == {"ada": 1}, "the first works")

    second = Running(settings(own_valkey.url, sender))
    wait_until(lambda: len(second.driver.host.status().positions) == 2, "the second has claimed")
    front.happens("Product Viewed", ["bob"], 0)
    front.happens("Product Viewed", ["cyd"], 1)
    wait_until(lambda: first.death is not None, "the first is fenced")
    wait_until(lambda: sender.who() == {"ada": 1, "bob": 1, "cyd": 1}, "all emails")
    second.stop()
    first.stop()

    assert isinstance(first.death, Fenced)
    assert second.death is None


@pytest.mark.parametrize("refilled", [False, True])
def test_a_store_restarted_from_an_older_copy_is_noticed_and_its_log_applied(
    own_valkey: ValkeyServer, front: Front, sender: RecordingSender, refilled: bool, tmp_path: Path
) -> None:
    front.put(VIEWED)
    shard = Running(settings(own_valkey.url, sender))
    try:
        front.happens("Product Viewed", ["kept"], 0)
        wait_until(front.caught_up, "the first is done")
        shutil.copytree(own_valkey.config.folder / "appendonlydir", tmp_path / "copy")
        front.happens("Product Viewed", ["lost"], 0)
        front.happens("Product Viewed", ["lost2"], 0)
        wait_until(front.caught_up, "the lost ones are done")

        own_valkey.kill()
        shutil.rmtree(own_valkey.config.folder / "appendonlydir")
        shutil.copytree(tmp_path / "copy", own_valkey.config.folder / "appendonlydir")
        own_valkey.start()
        if refilled:
            front.happens("Product Viewed", ["other1"], 0)
            front.happens("Product Viewed", ["other2"], 0)
        front.happens("Product Viewed", ["new"], 0)
        front.happens("Product Viewed", ["newer"], 1)

        others = ["other1", "other2"] if refilled else []
        expected = dict.fromkeys(["kept", "lost", "lost2", *others, "new", "newer"], 1)
        wait_until(lambda: sender.who() == expected, "all of the store's log is applied")
        wait_until(front.caught_up, "nothing left to do")
    finally:
        shard.stop()

    assert shard.death is None
