"""What was acknowledged was on disk before: the files are cut back to what was synced when the answer left."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sendwhen.chassis.clock import SystemClock
from services.sender.ledger import State
from services.trigger import store_keys
from services.trigger.log_port import Append, Appended
from tests.contract.store_world import Owner, customer
from tests.integration.test_valkey_ledger import ledger_in
from tests.integration.test_valkey_store import ValkeyWorld
from tests.integration.traced_store import Answered, TracedStore, replies, skip_without_strace
from tests.integration.valkey_process import ValkeyServer
from tests.services.sender.emails import a_new_email, an_intent, begin, submit

APPENDS, COMMITS, ATTEMPTS = 30, 10, 10


@pytest.fixture
def folder() -> Iterator[Path]:
    skip_without_strace()
    # Not tmp_path: a Unix socket's path must be short.
    with tempfile.TemporaryDirectory(prefix="sw-") as made:
        yield Path(made)


@dataclass
class Cuts:
    """Stores as power cuts would have left them, one for each acknowledgement."""

    store: TracedStore
    folder: Path

    def acknowledgements(self, mark: str) -> list[Answered]:
        return [answer for answer in self.store.answers() if mark in answer.text]

    def survivors(
        self, acknowledged: list[Answered], kept: Callable[[ValkeyServer], list[object]]
    ) -> list[list[object]]:
        """What ``kept`` finds after the cut at each acknowledgement."""
        found = []
        for number, answer in enumerate(acknowledged):
            cut = self.store.cut(answer.synced_bytes, self.folder / f"cut-{number}")
            cut.start()
            try:
                found.append(kept(cut))
            finally:
                cut.kill()
        return found


def traced(folder: Path, appendfsync: str) -> TracedStore:
    store = TracedStore.in_folder(folder / "store", appendfsync=appendfsync)
    assert isinstance(store, TracedStore)
    return store


def append_one_after_another(store: TracedStore) -> None:
    """Every second call goes to three partitions at once, which is a transaction."""
    world = ValkeyWorld(store)
    for number in range(1, APPENDS + 1):
        partitions = (0, 1, 2) if number % 2 else (0,)
        body = b"event %d" % number
        appends = [Append(partition=p, body=body, events=1, at_ms=SystemClock().now_ms()) for p in partitions]
        answers = world.run(world.log.append(appends))
        assert all(isinstance(answer, Appended) for answer in answers)
        assert answers[0].seq == number  # type: ignore[union-attr]  # as asserted above
    world.close()


def logged(store: ValkeyServer) -> list[object]:
    """Bodies in the three partitions."""
    with store.client() as client:
        return [fields[b"b"] for p in range(3) for _, fields in client.xrange(store_keys.log(p))]


def wanted(number: int) -> list[object]:
    of_all, of_odd = [[b"event %d" % n for n in range(1, number + 1, step)] for step in (1, 2)]
    return [*of_all, *of_odd, *of_odd]


@pytest.mark.integration
def test_every_acknowledged_append_is_there_after_a_cut_to_what_was_synced(folder: Path) -> None:
    store = traced(folder, "always")
    with store.running():
        append_one_after_another(store)

    cuts = Cuts(store, folder)
    # An append's answer says {1, its sequence, …}; a call's first is that of partition 0, which counts the calls.
    acknowledged = [cuts.acknowledgements(rf"*4\r\n:1\r\n:{number}\r\n")[0] for number in range(1, APPENDS + 1)]

    survivors = cuts.survivors(acknowledged, logged)
    for number, found in enumerate(survivors, 1):
        assert set(wanted(number)) <= set(found), f"acknowledgement {number}"
        assert len(found) >= len(wanted(number)), f"acknowledgement {number}"
    # The cuts do cut: what came later is gone.
    assert len(survivors[0]) < len(survivors[APPENDS // 2]) < len(wanted(APPENDS))


@pytest.mark.integration
def test_the_fast_level_loses_acknowledged_appends_by_such_a_cut(folder: Path) -> None:
    store = traced(folder, "everysec")
    with store.running():
        append_one_after_another(store)

    cuts = Cuts(store, folder)
    acknowledged = [cuts.acknowledgements(rf"*4\r\n:1\r\n:{number}\r\n")[0] for number in range(1, APPENDS + 1)]

    survivors = cuts.survivors(acknowledged[::6], logged)
    assert any(len(found) < len(wanted(1 + 6 * n)) for n, found in enumerate(survivors))


@pytest.mark.integration
def test_every_acknowledged_commit_is_there_after_a_cut_to_what_was_synced(folder: Path) -> None:
    store = traced(folder, "always")
    with store.running():
        world = ValkeyWorld(store)
        world.fill(COMMITS)
        owner = Owner(world)
        for number in range(1, COMMITS + 1):
            change = customer(f"u{number}", b"record", due_at_ms=number)
            assert owner.commit(number, customers=[change], sends=[b"send %d" % number]) is None
        world.close()

    cuts = Cuts(store, folder)
    acknowledged = [answer for answer in store.answers() if answer.text.endswith(r', ":0\r\n", 4) = 4')]
    assert len(acknowledged) == COMMITS

    def committed(cut: ValkeyServer) -> list[object]:
        with cut.client() as client:
            position = int(client.hget(store_keys.head(0), "position") or 0)  # type: ignore[arg-type]  # not awaited
            records, outbox = client.hlen(store_keys.records(0)), client.xlen(store_keys.outbox(0))
            return [position, records, outbox, client.zcard(store_keys.due(0))]

    for number, found in enumerate(cuts.survivors(acknowledged, committed), 1):
        assert min(found) >= number, f"commit {number} left {found}"  # type: ignore[type-var]  # numbers


@pytest.mark.integration
@pytest.mark.parametrize("at_once", [False, True])
def test_every_attempt_granted_is_on_disk_before_sender_may_write_its_first_byte(folder: Path, at_once: bool) -> None:
    store = traced(folder, "always")
    names = [f"email {number}" for number in range(ATTEMPTS)]

    async def attempt_all() -> None:
        async with ledger_in(store) as ledger:
            for number, name in enumerate(names, 1):
                address = f"c{number}@example.invalid"
                email = a_new_email(name, ordinal=number, address=address, attempt=at_once)
                answer = await ledger.submit(submit(email))
                if at_once:
                    assert len(answer.begun) == 1
                else:
                    assert (await ledger.begin(begin(answer.claimed[0]))).granted

    with store.running():
        asyncio.run(attempt_all())

    async def attempted(cut: ValkeyServer) -> list[object]:
        async with ledger_in(cut) as ledger:
            emails = await ledger.emails([an_intent(name).send_id for name in names], [])
            return [email.send_id for email in emails if email.state == State.ATTEMPTED]

    cuts = Cuts(store, folder)
    # What submit, or begin, answers of an attempt that may be carried out.
    answered = '"*1\\r\\n:4\\r\\n' if at_once else rf'"*5\r\n:1\r\n:{State.ATTEMPTED.value}\r\n'
    granted = cuts.acknowledgements(answered)
    assert len(granted) == ATTEMPTS
    for number, found in enumerate(cuts.survivors(granted, lambda cut: asyncio.run(attempted(cut))), 1):
        assert {an_intent(name).send_id for name in names[:number]} <= set(found)


def test_a_trace_is_read_as_what_was_certainly_on_disk_when_an_answer_left() -> None:
    file = "9</data/appendonlydir/a.1.incr.aof>"
    trace = "\n".join(
        [
            f'7 write({file}, "x"..., 10) = 10',
            f"8 fdatasync({file} <unfinished ...>",
            f'7 write({file}, "x"..., 5) = 5',
            '7 write(10<socket:[1]>, "first", 5) = 5',
            "8 <... fdatasync resumed>) = 0",
            '7 write(3</data/valkey.log>, "noise", 5) = 5',
            '7 write(10<socket:[1]>, "second", 6 <unfinished ...>',
            f"8 fdatasync({file}) = 0",
            "7 <... write resumed>) = 6",
            '7 writev(10<socket:[1]>, [{iov_base="third", iov_len=5}], 1) = 5',
            f"7 fdatasync({file}) = -1 EIO (Input/output error)",
        ]
    )

    first, second, third = replies(trace, "a.1.incr.aof")

    assert ("first" in first.text, first.synced_bytes) == (True, 0)
    # What was written while the sync was under way may have missed it.
    assert ("second" in second.text, second.synced_bytes) == (True, 10)
    assert ("third" in third.text, third.synced_bytes) == (True, 15)
