"""The customers of one partition: entries of its log go in, decisions and changed customers come out.

No I/O, no clock, no chance: the same entries lead to the same state and decisions in any process, whether live,
replayed from the start, or resumed from any committed state. For each entry the host

1. makes the customers in ``absent(entry)`` resident (``admit``), and brings what ``past_wanted`` asks for (``recall``),
2. makes all deadlines up to the last of ``instants(entry)`` known (``expect``) and the customers in ``due_absent`` of
   it resident; where they are many, in chunks, by ``advance`` up to an instant not beyond the first of ``instants``
   (``next_due_before_ms`` tells the next that comes before the entry),
3. calls ``apply``; and, once for many entries, ``collect``, commits, and calls ``evict``. What was resident before may
   have left then: the host asks ``absent`` and ``due_absent`` again.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import chain
from typing import assert_never

from sendwhen.domain import entry as entries
from sendwhen.domain.application import Application
from sendwhen.domain.campaign_book import Compile
from sendwhen.domain.changes import CampaignRow, Changes, ReceivedRow
from sendwhen.domain.condition import Fuse
from sendwhen.domain.entry import CampaignPaused, CampaignPut, Entry, EventBatch, Review, Transfers, Unreadable
from sendwhen.domain.moment import Moment
from sendwhen.domain.received import Received
from sendwhen.domain.residents import Resident
from sendwhen.domain.round import Round
from sendwhen.domain.shard_limits import ShardLimits
from sendwhen.domain.skips import Skips
from sendwhen.domain.wakes import Wakes
from sendwhen.errors import Precondition


class Shard:
    """One partition.

    Attributes:
        position: Last entry applied.
        clock_ms: Log time reached; all timers due by then have fired.
    """

    def __init__(
        self,
        *,
        partition: int,
        send_key: bytes,
        compile_campaign: Compile,
        fuse: Fuse,
        event_clock: bool = False,
        limits: ShardLimits | None = None,
        partitions: int = 1,
    ) -> None:
        """``partitions``: how many there are; a customer's other identities live in any of them."""
        self.partition = partition
        self._limits = limits or ShardLimits()
        self._event_clock = event_clock
        self._application = Application(
            send_key=send_key,
            compile_campaign=compile_campaign,
            fuse=fuse,
            event_clock=event_clock,
            limits=self._limits,
            partition=partition,
            partitions=partitions,
        )
        self.restore(position=0, clock_ms=0, campaigns=())

    def restore(
        self,
        *,
        position: int,
        clock_ms: int,
        campaigns: Sequence[CampaignRow],
        skips: Collection[tuple[int, int]] = (),
        received: Sequence[ReceivedRow] = (),
    ) -> None:
        """Forget everything and start from a committed state.

        ``skips`` are (seq, index) of events to be left out, as the log's Skip entries name them; -1: a whole entry.
        A replay of a stretch of log that holds Skip entries needs them: they stand behind what they skip, so whoever
        replays reads ahead for them. Resuming from a commit needs none, because a Skip is appended by the very commit
        that goes past its event.
        """
        self.position = position
        self.clock_ms = clock_ms
        self._skips = Skips(skips)
        self._wakes = Wakes(known_to_ms=clock_ms, limits=self._limits)
        self._residents = self._wakes.residents
        self._dirty: dict[str, Resident] = {}
        self._collected: list[Collection[str]] = []
        self._round = Round(self._limits)
        self._received = Received(received, lineages_max=self._limits.source_lineages)
        self._application.book.restore(campaigns)

    @property
    def watch_mark(self) -> str:
        """Names all that campaigns in force would have seen of a customer at once; "" where there is nothing."""
        return self._application.book.watch_mark

    @property
    def known_to_ms(self) -> int:
        """All deadlines up to here are known, those of customers who are not resident included."""
        return self._wakes.known_to_ms

    def leave_out(self, seq: int, index: int) -> None:
        """Learn of one more event to be left out, before its entry is applied."""
        self._skips.add(seq, index)

    def absent(self, entry: Entry) -> tuple[str, ...]:
        """Customers that the entry needs and who are not resident, each once, in order."""
        if isinstance(entry, Transfers | Review):
            return self._residents.absent(entries.uids_of(entry))
        if not isinstance(entry, EventBatch):
            return ()
        live = self._residents.live
        try:
            uids = [event.uid for event in entry.events if event.uid not in live]  # type: ignore[union-attr]
        except AttributeError:
            # Asking each whether it can be read costs as much as all the rest, and hardly ever one cannot.
            uids = [event.uid for event in entry.events if not isinstance(event, Unreadable)]
        return self._residents.absent(dict.fromkeys(uids)) if uids else ()

    def admit(self, uid: str, record: bytes | None, older_ids: bytes) -> None:
        """Make a customer resident; None: a new one. One that is resident already is left as it is."""
        if uid not in self._residents:
            self._residents.admit(uid, record, older_ids)

    def past_wanted(self, entry: Entry) -> tuple[str, ...]:
        """Customers whose older events, which lie beside their records, the entry needs."""
        return tuple(entries.uids_with_past(entry)) if isinstance(entry, Transfers) else ()

    def recall(self, uid: str, chunks: Sequence[bytes | None]) -> None:
        """Bring the older events of a customer for the entries until the next ``collect``: chunks by slot."""
        self._application.recalled.keep(uid, chunks)

    def expect(self, wakes: Sequence[tuple[int, str]], complete_to_ms: int) -> None:
        """Learn deadlines from the store: (due_ms, uid), all of them up to ``complete_to_ms``.

        Whoever holds all customers (a test, a backtest) says so by ``expect((), a far instant)``.
        """
        self._wakes.expect(wakes, complete_to_ms, chain(*self._collected, self._dirty))

    def due_absent(self, to_ms: int) -> tuple[str, ...]:
        """Customers with a known deadline by then who are not resident, each once, the earliest first."""
        return self._wakes.absent_until(to_ms)

    def next_due_ms(self) -> int | None:
        """The earliest known deadline."""
        return self._wakes.next_due_ms()

    def next_due_before_ms(self, entry: Entry) -> int | None:
        """The earliest known deadline that ``advance`` may let come before the coming entry."""
        return self._wakes.next_due_ms(self._application.book.settled_ms(entry))

    def wants_tick(self, now_ms: int) -> bool:
        """A timer is due by the host's clock: a tick must move the log's. On the events' own time only operators do."""
        due_ms = self.next_due_ms()
        return not self._event_clock and due_ms is not None and due_ms <= now_ms

    def instants(self, entry: Entry) -> tuple[int, ...]:
        """Instants that ``apply`` moves the clock to, ascending: one, but for events on their own time."""
        return entries.instants_of(entry, self.clock_ms, each=self._event_clock)

    def advance(self, to_ms: int, *, entry: Entry) -> None:
        """Fire what is due on the clock's way to the first instant of the coming entry, in (due, arming) order.

        All deadlines by then must be known, their customers resident. The clock itself moves with the entry, so that
        nothing depends on how the way was divided.
        """
        first_ms = self.instants(entry)[0]
        self._fire(min(to_ms, first_ms), first_ms, entry, self._application.book.settled_ms(entry))

    def apply(self, entry: Entry) -> None:
        """Move the clock, timers first, then apply the entry, which follows the last one.

        Raises:
            Precondition: The entry does not follow; nothing happened.
        """
        if entry.seq != self.position + 1:
            raise Precondition(
                f"Entry {entry.seq} of partition {self.partition} does not follow {self.position}.",
                remedy="Read the log from the position on.",
            )
        if isinstance(entry, EventBatch):
            self._apply_events(entry)
        elif isinstance(entry, Transfers):
            self._apply_transfers(entry)
        else:
            self._advance(max(self.clock_ms, entry.at_ms), entry)
            self._apply_change(entry)
        self.position = entry.seq

    def collect(self) -> Changes:
        """Everything since the last collect. Each dirty customer is written once."""
        self._application.recalled.forget()
        customers = [self._residents.write(uid, resident) for uid, resident in self._dirty.items()]
        self._collected.append(self._dirty)
        self._dirty = {}
        done, self._round = self._round, Round(self._limits)
        return done.changes(self.position, self.clock_ms, customers, self._received.drain())

    def evict(self) -> int:
        """After what was collected is committed: bring memory within its limits; how many customers left it."""
        self._collected.clear()
        return self._residents.evict()

    def _apply_events(self, batch: EventBatch) -> None:
        out, apply, live, event_clock = self._round, self._application.event, self._residents.live, self._event_clock
        left_out, before_ms, mark = self._skips.of(batch.seq, len(batch.events)), self.clock_ms, self.watch_mark
        moment = None if event_clock else self._move_to(max(before_ms, batch.at_ms), batch, before_ms)
        for index, event in enumerate(batch.events):
            if isinstance(event, Unreadable):
                if index not in left_out:
                    self._round.unreadable(batch.seq, index, event.payload, self.clock_ms)
                continue
            if moment is None or (event_clock and event.occurred_at_ms > self.clock_ms):
                moment = self._move_to(max(self.clock_ms, event.occurred_at_ms), batch, before_ms)
            if left_out and index in left_out:
                continue
            resident = live.get(uid := event.uid) or self._resident(uid)
            if resident.customer.looked != mark and self._look(uid, resident, index, moment):
                self._advance(self.clock_ms, batch)
            if apply(resident, event, index, moment, out):
                self._touched(uid, resident)
        if self._application.book.least_grace_ms is not None:
            self._fire(self.clock_ms, self.clock_ms, batch, self.clock_ms)

    def _apply_transfers(self, entry: Transfers) -> None:
        moment = self._move_to(max(self.clock_ms, entry.at_ms), entry, self.clock_ms)
        left_out = self._skips.of(entry.seq, len(entry.items))
        for index, item in enumerate(entry.items):
            if isinstance(item, Unreadable):
                if index not in left_out:
                    self._round.unreadable(entry.seq, index, item.payload, self.clock_ms)
            elif not self._received.take(item, entry.seq):
                self._round.counters.repeated_transfers += 1
            elif index not in left_out:
                resident = self._resident(uid := item.transfer.uid)
                if self._look(uid, resident, index, moment):
                    self._advance(self.clock_ms, entry)
                if self._application.transfer(resident, item, index, moment, self._round):
                    self._touched(uid, resident)
                    # A deadline that passed while its run was on its way comes before what comes next.
                    self._advance(self.clock_ms, entry)

    def _look(self, uid: str, resident: Resident, place: int, moment: Moment) -> bool:
        """Look at a customer whom nobody has looked at since a put; whether something may be due by now."""
        if not self._application.review(resident, place, moment, self._round):
            return False
        self._touched(uid, resident)
        return True

    def _move_to(self, now_ms: int, batch: EventBatch | Transfers, before_ms: int) -> Moment:
        self._advance(now_ms, batch)
        return Moment.of(batch, now_ms=now_ms, at_ms=now_ms, before_ms=before_ms)

    def _advance(self, to_ms: int, entry: Entry) -> None:
        self._fire(to_ms, to_ms, entry, self._application.book.settled_ms(entry))
        self.clock_ms = max(self.clock_ms, to_ms)

    def _fire(self, to_ms: int, at_ms: int, entry: Entry, event_time_to_ms: int) -> None:
        while (timer := self._wakes.take_due(to_ms, event_time_to_ms)) is not None:
            due_ms, armed, uid = timer
            resident = self._resident(uid)
            if (due := resident.customer.due(due_ms, armed)) is not None:
                self._application.deadline(resident, due, Moment.of(entry, now_ms=due_ms, at_ms=at_ms), self._round)
                self._touched(uid, resident)

    def _touched(self, uid: str, resident: Resident) -> None:
        resident.used = True
        if not resident.dirty:
            resident.dirty = True
            self._dirty[uid] = resident
        if armed := self._round.armed:
            self._wakes.arm(uid, armed)
            armed.clear()

    def _review(self, entry: Review) -> None:
        moment = Moment.of(entry, now_ms=self.clock_ms, at_ms=self.clock_ms)
        for place, uid in enumerate(dict.fromkeys(entry.uids)):
            self._look(uid, self._resident(uid), place, moment)
        self._advance(self.clock_ms, entry)  # what has changed since the put, before anybody looked

    def _apply_change(self, entry: entries.Change) -> None:
        match entry:
            case CampaignPut() if not self._skips.whole(entry.seq):
                self._application.put(entry, self.clock_ms, self._round)
            case CampaignPaused() | entries.CampaignArchived():
                self._round.rows(self._application.book.change(entry, self.clock_ms))
            case Review():
                self._review(entry)
            case entries.Tick() | entries.Skip() | CampaignPut():
                pass
            case _:
                assert_never(entry)

    def _resident(self, uid: str) -> Resident:
        return self._residents.live.get(uid) or self._residents.needed(uid)
