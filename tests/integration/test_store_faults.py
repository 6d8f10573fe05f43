"""The real store killed, frozen, or rolled back under an owner."""

from __future__ import annotations

import asyncio
import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sendwhen.chassis.clock import SystemClock
from services.trigger.log_port import Append, Appended
from services.trigger.ports import Claim, Claimed, Commit, Refusal, StoreLost, Why
from services.trigger.valkey_shards import ValkeyShards
from tests.contract.store_world import Owner, customer
from tests.integration.test_valkey_store import ValkeyWorld
from tests.integration.valkey_process import ValkeyServer

pytestmark = pytest.mark.integration


@pytest.fixture
def world(own_valkey: ValkeyServer) -> Iterator[ValkeyWorld]:
    made = ValkeyWorld(own_valkey)
    yield made
    made.close()


class SwallowsReplies:
    """A relay before the store that hands requests on and, once told to, keeps the replies and tells of the first."""

    def __init__(self, folder: Path, store: Path) -> None:
        self.path = folder / "proxy.sock"
        self.swallows = False
        self.swallowed = threading.Event()
        self._store = store
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            store = socket.socket(socket.AF_UNIX)
            store.connect(str(self._store))
            threading.Thread(target=self._pump, args=(client, store, False), daemon=True).start()
            threading.Thread(target=self._pump, args=(store, client, True), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, replies: bool) -> None:
        try:
            while data := source.recv(1 << 16):
                if replies and self.swallows:
                    self.swallowed.set()
                else:
                    sink.sendall(data)
            sink.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # one side has gone: that is what the tests do to it

    def close(self) -> None:
        self._listener.close()


def test_a_commit_whose_store_died_before_its_reply_arrived_is_recognised_by_the_position(
    world: ValkeyWorld, own_valkey: ValkeyServer
) -> None:
    proxy = SwallowsReplies(own_valkey.config.folder, own_valkey.config.socket)
    url = own_valkey.url.replace(str(own_valkey.config.socket), str(proxy.path))
    world.fill(2)
    owner = Owner(world)
    owner.store = ValkeyShards(url, clock=SystemClock())
    owner.claim()
    round_ = owner.round(2, customers=[customer("u", b"kept")], sends=[b"s1"])
    proxy.swallows = True

    killer = threading.Thread(target=lambda: (proxy.swallowed.wait(10), own_valkey.kill()))
    killer.start()
    with pytest.raises(StoreLost):
        owner.store.commit(Commit(rounds=(round_,)))
    killer.join()
    proxy.close()
    own_valkey.start()

    owner.store = world.connect()
    claimed = owner.claim()
    assert (claimed.position, claimed.position_nonce, claimed.next_ordinal) == (2, round_.to_nonce, 2)
    assert claimed.claims_without_progress == 1
    assert owner.commit_round(round_) == Refusal(why=Why.FENCED)


def test_a_read_that_waits_when_the_store_is_killed_ends_at_once(world: ValkeyWorld, own_valkey: ValkeyServer) -> None:
    owner = Owner(world)
    killer = threading.Timer(0.1, own_valkey.kill)
    killer.start()

    with pytest.raises(StoreLost):
        owner.read(block_ms=30_000)

    killer.join()
    own_valkey.start()
    owner.claim()


def test_a_store_restarted_from_an_older_file_is_found_out_by_every_owner(
    world: ValkeyWorld, own_valkey: ValkeyServer
) -> None:
    world.fill(1)
    owner = Owner(world)
    owner.commit(1)
    own_valkey.stop()
    folder = own_valkey.config.folder
    shutil.copytree(folder / "appendonlydir", folder / "older")
    own_valkey.start()
    with pytest.raises(StoreLost):
        world.append()
    owner.store = world.connect()
    owner.claim()
    world.fill(2)
    assert owner.commit(3, sends=[b"lost"]) is None
    own_valkey.kill()
    shutil.rmtree(folder / "appendonlydir")
    (folder / "older").rename(folder / "appendonlydir")
    own_valkey.start()

    with pytest.raises(StoreLost):
        owner.read()
    assert owner.claim().position == 1
    with pytest.raises(StoreLost):
        world.append()
    world.fill(1)
    assert [entry.seq for entry in owner.read()] == [2]


def test_a_frozen_store_counts_as_lost_and_its_owner_claims_again_when_it_thaws(
    world: ValkeyWorld, own_valkey: ValkeyServer
) -> None:
    world.fill(1)
    owner = Owner(world)
    owner.store = ValkeyShards(own_valkey.url, clock=SystemClock(), timeout_s=0.3)
    owner.claim()
    round_ = owner.round(1)

    own_valkey.freeze()
    with pytest.raises(StoreLost):
        owner.commit_round(round_)
    own_valkey.thaw()

    # What was sent to the frozen store is carried out when it thaws, before anything newer.
    assert owner.claim().position in {0, 1}


def test_everything_acknowledged_is_there_after_kills(world: ValkeyWorld, own_valkey: ValkeyServer) -> None:
    acknowledged = 0
    for _ in range(3):
        try:
            for _ in range(50):
                world.append()
                acknowledged += 1
                if acknowledged % 40 == 0:
                    own_valkey.kill()
        except StoreLost:
            own_valkey.start()

    owner = Owner(world)
    assert [entry.seq for entry in owner.read(entries_max=1_000)] == list(range(1, acknowledged + 1))


def test_an_append_given_up_by_its_caller_never_hands_its_answer_to_another(
    world: ValkeyWorld, own_valkey: ValkeyServer
) -> None:
    def entries(*partitions: int) -> list[Append]:
        return [Append(partition=p, body=b"b", events=1, at_ms=1) for p in partitions]

    async def given_up() -> list[tuple[int, int]]:
        await world.log.append(entries(0, 1))
        own_valkey.freeze()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await world.log.append(entries(0, 1))
        own_valkey.thaw()
        answers = [*await world.log.append(entries(1)), *await world.log.append(entries(2, 0))]
        return [(answer.partition, answer.seq) for answer in answers if isinstance(answer, Appended)]

    # What was given up on may have been carried out, before or between.
    (one, one_seq), second, (zero, zero_seq) = world.run(given_up())
    assert (one, second, zero) == (1, (2, 1), 0)
    assert {one_seq, zero_seq} <= {2, 3}


def test_an_owner_made_on_a_store_that_is_away_is_told_so(own_valkey: ValkeyServer) -> None:
    own_valkey.kill()
    store = ValkeyShards(own_valkey.url, clock=SystemClock())
    claim = Claim(partitions=(0,), owner="a", generation=1)

    with pytest.raises(StoreLost):
        store.claim(claim)

    own_valkey.start()
    assert isinstance(store.claim(claim)[0], Claimed)
    store.close()
