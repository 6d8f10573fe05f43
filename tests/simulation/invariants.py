"""What must hold after any run.

Expected is what the log as it ended leads to: by one unbroken shard per partition, by one that is resumed from every
commit, and by an evaluator of its own (``tests.simulation.oracle``) that shares no code with the production domain.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from sendwhen.domain.changes import CustomerChange
from sendwhen.domain.entry import Entry, EventBatch, Skip, Unreadable
from sendwhen.domain.past import PAST_SLOTS
from sendwhen.domain.shard import Shard
from sendwhen.domain.skips import WHOLE_ENTRY
from tests.domain.keeping import Host
from tests.fakes.memory_partition import MemoryPartition
from tests.simulation.history import Committed, History, Violated
from tests.simulation.oracle import Email, Oracle
from tests.simulation.production import decode, finished, mended_shard, roomy_shard
from tests.simulation.world import World

FAR_MS = 1 << 60
HORIZON_MS = 600_000
AT_LEAST_ONCE = ("keyed",)
IDENTITY_OUTCOMES = ("merged", "forwarded", "deleted", "expired", "ties_refused", "repeated_transfers")


def check(world: World) -> None:
    """Check a run that came to rest.

    Raises:
        Violated: Says which invariant, and where.
    """
    decided: set[str] = set()
    logged: set[str] = set()
    replays = [
        Replay(partition, world.history.commits.get(partition.partition, []))
        for partition in world.store.partitions.values()
    ]
    for replay in replays:
        replay.run()
        decided |= replay.decided
        logged |= replay.logged
    oracle = Oracle({one.number: one.entries for one in replays}, {one.number: one.skips for one in replays})
    oracle.run()
    for replay in replays:
        replay.compare(oracle)
        world.history.fates.update(oracle.fates[replay.number])
        world.history.identities.update(replay.identities)
    _every_acknowledged_event_is_in_the_log(world.history, logged)
    _every_decision_is_in_the_ledger(world, decided)
    _calls_are_explained(world)


class Replay:
    """The log as it ended, applied by a shard that never stopped, and by one that is resumed from every commit.

    Attributes:
        number: Of the partition. entries: its log. skips: what the log says is to be left out.
        decided: Ids of all emails decided.
        logged: Ids of the events in the log.
        identities: How often customers were merged, deleted, forgotten …
    """

    def __init__(self, partition: MemoryPartition, commits: Sequence[Committed]) -> None:
        self._partition = partition
        self.number = partition.partition
        self._commits = _by_position(commits)
        entries = [stored.entry for stored in partition.log.values()]
        self.entries: list[Entry] = [decode(e.seq, e.at_ms, e.appended_at_us, e.body) for e in entries]
        self.skips = {(entry.skipped_seq, entry.index) for entry in self.entries if isinstance(entry, Skip)}
        self._emails: Counter[Email] = Counter()
        self._past: dict[tuple[str, int], bytes] = {}
        self.decided: set[str] = set()
        self.identities: Counter[str] = Counter()
        self.logged = {
            event.event_id
            for entry in self.entries
            if isinstance(entry, EventBatch)
            for event in entry.events
            if not isinstance(event, Unreadable)
        }

    def run(self) -> None:
        """Replay, comparing state at every commit that was made, and at the end."""
        number = self._partition.partition
        unbroken = mended_shard(number)
        unbroken.restore(position=0, clock_ms=0, campaigns=(), skips=self.skips)
        unbroken.expect((), FAR_MS)
        resumed = Host(lambda: roomy_shard(number), horizon_ms=HORIZON_MS)
        self._leave_out_quarantined(resumed)
        for entry in self.entries:
            for uid in unbroken.absent(entry):
                unbroken.admit(uid, None, b"")
            for uid in unbroken.past_wanted(entry):
                unbroken.recall(uid, [self._past.get((uid, slot)) for slot in range(PAST_SLOTS)])
            unbroken.apply(entry)
            resumed.apply(entry)
            if entry.seq in self._commits or entry.seq == self._partition.seq:
                self._compare(unbroken, resumed, entry.seq)
        self._same_at_the_end(unbroken)

    def _compare(self, unbroken: Shard, resumed: Host, position: int) -> None:
        changes = unbroken.collect()
        for one in changes.customers:
            if one.record is None:
                # With a customer go the chunks, whose numbers a next life begins anew.
                self._past = {place: chunk for place, chunk in self._past.items() if place[0] != one.uid}
            self._past |= {(one.uid, slot): chunk for slot, chunk in one.past}
        self.decided |= {send.send_id for send in changes.sends}
        for outcome in IDENTITY_OUTCOMES:
            self.identities[outcome] += getattr(changes.counters, outcome)
        self._emails.update((send.campaign_id, send.event_id, send.step) for send in changes.sends)
        expected = {customer.uid: customer for customer in changes.customers}
        place = f"commit {position} of partition {self._partition.partition}"
        if position in self._commits:
            _same_customers(expected, self._commits[position], place)
        again = resumed.shard.collect()
        _same_customers(expected, {customer.uid: customer for customer in again.customers}, f"{place}, resumed,")
        resumed.kept.commit(again)
        resumed.restart()
        self._leave_out_quarantined(resumed)

    def _leave_out_quarantined(self, resumed: Host) -> None:
        # What is poison is so again; that owners died of an entry only the host knew.
        for seq, index in self.skips:
            if index == WHOLE_ENTRY:
                resumed.shard.leave_out(seq, index)

    def _same_at_the_end(self, shard: Shard) -> None:
        if self._partition.position != self._partition.seq:
            raise Violated(f"Partition {self._partition.partition} is behind its log.")
        due_ms = shard.next_due_ms()
        if due_ms is not None and due_ms <= shard.clock_ms:
            raise Violated(f"Partition {self._partition.partition} has a timer that did not fire.")

    def compare(self, oracle: Oracle) -> None:
        """Hold what was decided, and what became of the events, against what the oracle says."""
        partition = self._partition
        emails, fates = +oracle.emails[self.number], oracle.fates[self.number]
        if emails != self._emails:
            more, fewer = self._emails - emails, emails - self._emails
            raise Violated(f"Decided against the rules: {sorted(more)[:3]}; not decided: {sorted(fewer)[:3]}.")
        became = Counter(letter.reason for letter in partition.dead_letters)
        became += Counter(applied=partition.applied, repeated=partition.duplicates)
        if became != +fates:
            raise Violated(f"Events of partition {partition.partition} became {became} instead of {fates}.")


def _same_customers(expected: Mapping[str, CustomerChange], actual: Mapping[str, CustomerChange], place: str) -> None:
    if expected.keys() != actual.keys():
        raise Violated(f"{place} wrote {len(actual)} customers instead of {len(expected)}, or others.")
    for uid, customer in expected.items():
        if (customer.record, customer.due_at_ms) != (actual[uid].record, actual[uid].due_at_ms):
            raise Violated(f"Customer {uid} differs at {place}.")


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


def _every_acknowledged_event_is_in_the_log(history: History, logged: set[str]) -> None:
    # That what is in the log was applied once or set aside is what the oracle's fates say.
    missing = [event_id for event_id in history.acknowledged if event_id not in logged]
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
