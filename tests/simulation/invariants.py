"""What must hold after any run. Expected is what one unbroken shard per partition makes of the log as it ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sendwhen.domain.changes import Changes, CustomerChange
from sendwhen.domain.entry import Entry, EventBatch, Skip, Unreadable
from sendwhen.domain.shard import Shard
from sendwhen.domain.shard_limits import ShardLimits
from tests.fakes.memory_partition import MemoryPartition
from tests.simulation.history import Committed, History
from tests.simulation.production import decode, finished, new_shard
from tests.simulation.world import World

FAR_MS = 1 << 60
AT_LEAST_ONCE = ("keyed",)


class Violated(AssertionError):
    """An invariant does not hold."""


def check(world: World) -> None:
    """Check a run that came to rest.

    Raises:
        Violated: Says which invariant, and where.
    """
    decided: set[str] = set()
    applied: Counter[str] = Counter()
    for partition in world.store.partitions.values():
        replay = Replay(partition, world.history.commits.get(partition.partition, []))
        replay.run()
        decided |= replay.decided
        applied.update(replay.applied)
    _every_acknowledged_event_is_applied_once(world.history, applied)
    _every_decision_is_in_the_ledger(world, decided)
    _calls_are_explained(world)
    if world.history.stale_ticks:
        raise Violated("A tick of one who was not the owner is in the log.")


class Replay:
    """The log as it ended, applied by a shard that never stopped.

    Attributes:
        decided: Ids of all emails decided.
        applied: How often each event id was applied or set aside.
    """

    def __init__(self, partition: MemoryPartition, commits: Sequence[Committed]) -> None:
        self._partition = partition
        self._commits = _by_position(commits)
        entries = [stored.entry for stored in partition.log.values()]
        self._entries: list[Entry] = [decode(e.seq, e.at_ms, e.appended_at_us, e.body) for e in entries]
        self.decided: set[str] = set()
        self.applied: Counter[str] = Counter()

    def run(self) -> None:
        """Replay, comparing state at every commit that was made, and at the end."""
        shard = new_shard(self._partition.partition, limits=ShardLimits())
        skips = {(entry.skipped_seq, entry.index) for entry in self._entries if isinstance(entry, Skip)}
        shard.restore(position=0, clock_ms=0, campaigns=(), skips=skips)
        shard.expect((), FAR_MS)
        for entry in self._entries:
            for uid in shard.absent(entry):
                shard.admit(uid, None, b"")
            shard.apply(entry)
            self._note_events(entry)
            if entry.seq in self._commits or entry.seq == self._partition.seq:
                self._compare(shard, entry.seq)

    def _note_events(self, entry: Entry) -> None:
        if isinstance(entry, EventBatch):
            self.applied.update({e.event_id: 1 for e in entry.events if not isinstance(e, Unreadable)})

    def _compare(self, shard: Shard, position: int) -> None:
        changes = shard.collect()
        self.decided |= {send.send_id for send in changes.sends}
        if position in self._commits:
            self._same_customers(changes, position)
        if position == self._partition.seq:
            self._same_at_the_end(shard)

    def _same_customers(self, changes: Changes, position: int) -> None:
        place = f"commit {position} of partition {self._partition.partition}"
        expected = {customer.uid: customer for customer in changes.customers}
        actual = self._commits[position]
        if expected.keys() != actual.keys():
            raise Violated(f"{place} wrote {len(actual)} customers instead of {len(expected)}, or others.")
        for uid, customer in expected.items():
            if (customer.record, customer.due_at_ms) != (actual[uid].record, actual[uid].due_at_ms):
                raise Violated(f"Customer {uid} differs at {place}.")

    def _same_at_the_end(self, shard: Shard) -> None:
        if self._partition.position != self._partition.seq:
            raise Violated(f"Partition {self._partition.partition} is behind its log.")
        due_ms = shard.next_due_ms()
        if due_ms is not None and due_ms <= shard.clock_ms:
            raise Violated(f"Partition {self._partition.partition} has a timer that did not fire.")


def _by_position(commits: Sequence[Committed]) -> dict[int, dict[str, CustomerChange]]:
    """What was written up to each position, since the one before.

    Commits that only fired timers of the coming entry count with the commit that goes past it.
    """
    written: dict[int, dict[str, CustomerChange]] = {}
    pending: dict[str, CustomerChange] = {}
    for commit in commits:
        pending |= {customer.uid: customer for customer in commit.customers}
        if commit.position > commit.from_position:
            written[commit.position] = pending
            pending = {}
    return written


def _every_acknowledged_event_is_applied_once(history: History, applied: Counter[str]) -> None:
    # That an event in the log changes state once is what the replay's equal state says; here: none is missing.
    missing = [event_id for event_id in history.acknowledged if not applied[event_id]]
    if missing:
        raise Violated(f"Acknowledged events are not in the log: {missing[:5]}")


def _every_decision_is_in_the_ledger(world: World, decided: set[str]) -> None:
    emails = finished(world.ledger.emails(sorted(decided), ()))
    found = {email.send_id for email in emails}
    if found != decided:
        raise Violated(f"Decided, but not in the ledger: {sorted(decided - found)[:5]}")
    counts, _ = finished(world.ledger.counts())
    rows = sum(count.emails for count in counts)
    if rows != len(decided):
        raise Violated(f"The ledger holds {rows} emails, decided were {len(decided)}: some were never to be sent.")


def _calls_are_explained(world: World) -> None:
    calls = Counter(call.send_id for call in world.history.calls if not call.proven_unprocessed)
    emails = {email.send_id: email for email in finished(world.ledger.emails(sorted(calls), ()))}
    for send_id, number in calls.items():
        email = emails.get(send_id)
        if email is None:
            raise Violated(f"The provider was called for {send_id}, which is not in the ledger.")
        allowed = 1 + email.doubts if email.campaign_id in AT_LEAST_ONCE else 1
        if number > allowed:
            raise Violated(
                f"{number} calls for {send_id} ({email.campaign_id}), of which {email.doubts} were in doubt."
            )
