"""One random history on the store in memory and on the real one: every answer is the same.

Kills, for one: a trim that keeps one entry too few, a claim that forgets to count, lag from the wrong total.
"""

from __future__ import annotations

import random
from typing import Any

import pytest
from msgspec.structs import replace

from sendwhen.domain.changes import Counters
from services.trigger.ports import (
    AppendTick,
    Claim,
    Claimed,
    Commit,
    DeleteOutbox,
    Due,
    Load,
    MarkTrying,
    OutboxRow,
    PartitionCommit,
    Read,
    ReadOutbox,
    Refusal,
)
from services.trigger.store_port import ShardStore
from tests.contract.store_world import World, campaign_row, changed, customer, dead_letter
from tests.contract.test_memory_store import MemoryWorld
from tests.integration.test_valkey_store import ValkeyWorld
from tests.integration.valkey_process import ValkeyServer

pytestmark = pytest.mark.integration
OWNERS = ("a", "b")
HOUR_MS = 3_600_000
UIDS = tuple(f"u{n}" for n in range(6))


class Player:
    """Plays drawn steps on one store. Nonces and lineages are random there, so no answer holds them."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.stores: dict[str, ShardStore] = {owner: world.connect() for owner in OWNERS}
        self.claimed: dict[str, Claimed] = {}
        self.nonces: dict[int, bytes] = {}
        for owner in OWNERS:
            self.claim(owner, 1)

    def append(self, at_ms: int, events: int, size: int) -> Any:
        return self.world.append(0, events=events, body=bytes(size), at_ms=at_ms)

    def claim(self, owner: str, generation: int) -> Any:
        answer = self.stores[owner].claim(Claim(partitions=(0,), owner=owner, generation=generation))[0]
        if isinstance(answer, Refusal):
            return answer
        self.claimed[owner] = answer
        return replace(
            answer, lineage="", position_nonce=b"" if not answer.position_nonce else b"some", campaigns=()
        ), {(row.campaign_id, row.version): row for row in answer.campaigns}

    def read(self, owner: str, after: int, entries_max: int) -> Any:
        answer = self.stores[owner].read(Read(after={0: after}, entries_max=entries_max, block_ms=0))
        entries = answer.entries.get(0, ())
        self.nonces |= {entry.seq: entry.nonce for entry in entries}
        return [(entry.seq, entry.at_ms, entry.body) for entry in entries]

    def commit(self, owner: str, start: int, to: int, ordinal: int, sends: int, bad_nonce: bool, changes: Any) -> Any:
        claimed = self.claimed[owner]
        round_ = PartitionCommit(
            partition=0,
            epoch=claimed.epoch,
            owner=owner,
            from_position=start,
            to_position=to,
            to_nonce=b"wrong!!!" if bad_nonce else self.nonces.get(to, b""),
            changes=changes,
            outbox=tuple(
                OutboxRow(ordinal=ordinal + n, lineage=claimed.lineage, intent=b"i%d" % n) for n in range(sends)
            ),
        )
        return self.stores[owner].commit(Commit(rounds=(round_,)))

    def tick(self, owner: str, after: int) -> Any:
        epoch = self.claimed[owner].epoch
        return self.stores[owner].append_tick(AppendTick(partition=0, epoch=epoch, owner=owner, after_seq=after))

    def mark(self, owner: str, seq: int) -> Any:
        epoch = self.claimed[owner].epoch
        return self.stores[owner].mark_trying(MarkTrying(partition=0, epoch=epoch, owner=owner, seq=seq))

    def rows(self, owner: str, after: int, rows_max: int) -> Any:
        rows = self.stores[owner].read_outbox(ReadOutbox(partition=0, after_ordinal=after, rows_max=rows_max))
        return [(row.ordinal, row.intent) for row in rows]

    def delete(self, owner: str, up_to: int, by_lineage: bool) -> Any:
        lineage = self.claimed[owner].lineage if by_lineage else ""
        self.stores[owner].delete_outbox(DeleteOutbox(partition=0, up_to_ordinal=up_to, lineage=lineage))

    def look(self, owner: str, up_to_ms: int, customers_max: int) -> Any:
        store, world = self.stores[owner], self.world
        return (
            store.due(Due(up_to_ms={0: up_to_ms}, customers_max=customers_max)),
            store.load(Load(uids={0: (*UIDS, "nobody")})),
            world.run(world.log.heads([0, 1])),
            world.run(world.log.dead_letters(0, 5)),
        )

    def trim(self) -> Any:
        return self.world.run(self.world.log.trim(0))


def drawn_changes(chance: random.Random, to: int, clock_ms: int) -> Any:
    def one(uid: str) -> Any:
        more: dict[str, Any] = {"due_at_ms": chance.choice((None, chance.randrange(20)))}
        if chance.random() < 0.2:
            more["seen_replace"] = chance.randbytes(16 * chance.randrange(3))
        else:
            more["seen_append"] = chance.randbytes(16 * chance.randrange(3))
        return customer(uid, b"r" + chance.randbytes(4), **more)

    return changed(
        position=to,
        clock_ms=clock_ms,
        customers=[one(uid) for uid in chance.sample(UIDS, chance.randrange(4))],
        dead_letters=[dead_letter(to, n, logged=chance.random() < 0.5) for n in range(chance.choice((0, 0, 1, 2)))],
        campaigns=[campaign_row("c", f"v{chance.randrange(3)}", chance.choice((b"", b"s1", b"s2")))],
        counters=Counters(applied=chance.randrange(5), duplicates=chance.randrange(2)),
    )


def drawn_step(chance: random.Random, player: Player, clock_ms: int) -> tuple[str, tuple[Any, ...]]:
    """A step that makes sense more often than not, by where the player in memory stands."""
    (head,) = player.world.run(player.world.log.heads([0]))
    owner = head.owner if chance.random() < 0.85 else chance.choice(OWNERS)
    match chance.choice(
        ("append",) * 6
        + ("read",) * 2
        + ("commit",) * 6
        + ("look",) * 2
        + ("claim", "tick", "mark", "rows", "delete", "trim")
    ):
        case "append":
            return "append", (clock_ms + chance.choice((0, 1, -5)), chance.randrange(4), chance.choice((1, 50, 900)))
        case "read":
            return "read", (owner, max(0, head.position - chance.randrange(3)), chance.choice((1, 100)))
        case "commit":
            start = head.position if chance.random() < 0.9 else chance.randrange(head.position + 2)
            to = min(head.head_seq, start + chance.randrange(4)) + (chance.random() < 0.05)
            ordinal = 1 + player.world.store.partitions[0].ordinal  # type: ignore[attr-defined]  # only memory is asked
            changes = drawn_changes(chance, to, clock_ms)
            return "commit", (owner, start, to, ordinal, chance.randrange(3), chance.random() < 0.1, changes)
        case "claim":
            return "claim", (owner, head.generation + chance.choice((0, 0, 1, -1)))
        case "tick":
            return "tick", (owner, head.head_seq - (chance.random() < 0.3))
        case "mark":
            return "mark", (owner, chance.randrange(2))
        case "rows":
            return "rows", (owner, chance.randrange(5), chance.choice((1, 100)))
        case "delete":
            return "delete", (owner, chance.randrange(10), chance.random() < 0.5)
        case "trim":
            return "trim", ()
        case _:
            return "look", (owner, chance.randrange(25), chance.randrange(1, 5))


@pytest.mark.parametrize("seed", range(8))
def test_memory_and_valkey_give_the_same_answers_to_a_random_history(valkey: ValkeyServer, seed: int) -> None:
    chance = random.Random(seed)
    options = {"events_clock": True, "lag_max_events": 12, "trim_keep_bytes": 3 * 3_000}
    memory, real = Player(MemoryWorld(**options)), Player(real_world := ValkeyWorld(valkey, **options))
    clock_ms = 1_000

    for step in range(150):
        clock_ms += chance.choice((0, 0, 1, 10, HOUR_MS // 2))
        name, arguments = drawn_step(chance, memory, clock_ms)
        for player in (memory, real):
            player.read("a", 0, 1_000)
        assert getattr(memory, name)(*arguments) == getattr(real, name)(*arguments), (seed, step, name, arguments)

    head = memory.world.run(memory.world.log.heads([0]))[0]
    assert head.position > 20, "a history that goes nowhere proves nothing"
    real_world.close()
