"""Applies one event to one customer: on a copy, so that what raises leaves nothing behind."""

from __future__ import annotations

from msgspec.structs import replace

from sendwhen.domain import held_events
from sendwhen.domain.campaign_book import CampaignBook, Compile
from sendwhen.domain.condition import Fuse
from sendwhen.domain.customer import learn
from sendwhen.domain.deadlines import FAILED, AlarmHandler, Deadlines
from sendwhen.domain.edits import follow
from sendwhen.domain.entry import CampaignPut, Delivered
from sendwhen.domain.event import Event
from sendwhen.domain.handover import Handover
from sendwhen.domain.held_events import HeldEventHandler
from sendwhen.domain.holding import Holding
from sendwhen.domain.joining import Joining
from sendwhen.domain.journey import Journey
from sendwhen.domain.length import length
from sendwhen.domain.moment import Moment
from sendwhen.domain.passage import Passage
from sendwhen.domain.recalled import Recalled
from sendwhen.domain.residents import Resident
from sendwhen.domain.round import Round
from sendwhen.domain.run import Alarm, Run
from sendwhen.domain.seen import ITEM_BYTES, Seen, SeenIds, id_hash
from sendwhen.domain.shard_limits import ShardLimits
from sendwhen.domain.visitors import VISITOR, Visitors
from sendwhen.domain.watching import WATCH, Watching

_SHRINK_EVERY_BYTES = 256 * ITEM_BYTES
_MINUTE_S = 60
BY_EVENT = 1
"""In ``Run.armed``: an event armed it."""


class Application:
    """Applies events and deadlines.

    Attributes:
        book: The partition's campaigns.
        recalled: Older events, where a transfer needs them.
    """

    def __init__(
        self,
        *,
        send_key: bytes,
        compile_campaign: Compile,
        fuse: Fuse,
        event_clock: bool,
        limits: ShardLimits,
        partition: int,
        partitions: int,
    ) -> None:
        self._limits = limits
        self._seen_max_bytes = limits.seen_ids * ITEM_BYTES
        self._event_clock = event_clock
        self._minute_events = limits.minute_events
        self._minute_bytes = limits.minute_events * ITEM_BYTES
        self.book = CampaignBook(compile_campaign=compile_campaign, fuse=fuse, limits=limits)
        passage = Passage(book=self.book, send_key=send_key, limits=limits, event_clock=event_clock)
        watching = Watching(book=self.book, passage=passage, limits=limits, event_clock=event_clock)
        self._journey = Journey(
            book=self.book, passage=passage, watching=watching, limits=limits, event_clock=event_clock
        )
        self._visitors = Visitors(live_ms=limits.visitor_ms)
        self._holding = Holding(book=self.book, passage=passage)
        alarms: dict[str, AlarmHandler] = {
            WATCH: watching,
            VISITOR: self._visitors,
            held_events.KIND: HeldEventHandler(book=self.book, taker=self._journey),
        }
        self._deadlines = Deadlines(book=self.book, passage=passage, watching=watching, alarms=alarms)
        self.recalled = Recalled(limits)
        self._handover = Handover(
            partition=partition,
            partitions=partitions,
            joining=Joining(
                book=self.book,
                passage=passage,
                watching=watching,
                holding=self._holding,
                visitors=self._visitors,
                limits=limits,
            ),
            recalled=self.recalled,
            apply_event=self._forwarded,
            limits=limits,
        )

    def event(self, resident: Resident, event: Event, index: int, moment: Moment, out: Round) -> bool:
        """Apply an event; whether it changed the customer."""
        known = resident.customer
        if known.ties is not None and known.into is not None:
            self._handover.forward(known, event, out)
            return False
        if self._event_clock and event.occurred_at_ms < moment.now_ms:
            detail = f"It happened {length(moment.now_ms - event.occurred_at_ms)} before the clock."
            return self._apply(resident, event, index, moment, out, unsorted=detail)
        return self._apply(resident, event, index, moment, out)

    def _forwarded(self, resident: Resident, event: Event, index: int, moment: Moment, out: Round) -> bool:
        # On the events' own time the clock may have gone on while the event was on its way.
        return self._apply(resident, event, index, moment, out)

    def _apply(
        self, resident: Resident, event: Event, index: int, moment: Moment, out: Round, *, unsorted: str = ""
    ) -> bool:
        hashed = id_hash(event.event_id)
        now_ms = moment.now_ms
        seen, known = resident.seen, resident.customer
        if seen.may_know(hashed) and (repeated := self._known(seen, hashed, event, now_ms)):
            self._repeated(repeated, event, index, moment, out)
            return False
        if unsorted or len(seen.packed) >= self._minute_bytes:
            why = ("unsorted", unsorted) if unsorted else self._flood(seen, now_ms)
            if why is not None:
                _set_aside(out, event, index, moment, why)
                return False
        mark = None
        try:
            draft, overflows = learn(known, event, seq=moment.seq, at_ms=now_ms, limits=self._limits)
            if draft.edits_seen < self.book.last_edit_seq:
                mark = out.mark()
                follow(draft, self.book, self.book.last_edit_seq, moment, out)
            if event.anonymous_id or event.previous_id or not draft.user_id:
                mark = mark or out.mark()
                self._handover.tie(draft, event, out)
                self._visitors.met(draft, (moment.seq, now_ms, BY_EVENT, index, 0), now_ms, out)
            is_reachable = bool(draft.runs and draft.email and not known.email)
            if is_reachable or self._journey.concerns(known, draft, event, now_ms):
                mark = mark or out.mark()
                self._journey.take(known, draft, event, index=index, moment=moment, out=out)
                if is_reachable:
                    self._journey.release(draft, moment, (BY_EVENT, index), self._holding, out)
        except MemoryError:
            # Says nothing of the event: another process may have room for it.
            raise
        except Exception as error:  # noqa: BLE001 - one bad event is set aside; its neighbours go on
            if mark is not None:
                out.back_to(mark)
            # The message of the error may hold what a customer wrote; its kind does not.
            detail = f"Applying it raised {type(error).__name__}."
            _set_aside(out, event, index, moment, (FAILED, detail))
            return False
        resident.customer = draft
        counters = out.counters
        counters.applied += 1
        if overflows:
            counters.overflows += overflows
        seen.add(hashed, event.fingerprint, now_ms // 1_000)
        size = len(seen.packed)
        if size % _SHRINK_EVERY_BYTES == 0 or size > self._seen_max_bytes:
            counters.overflows += seen.shrink(self._limits.seen_ids, self._oldest_s(now_ms))
        return True

    @staticmethod
    def _repeated(known: Seen, event: Event, index: int, moment: Moment, out: Round) -> None:
        if known is Seen.SAME:
            out.counters.duplicates += 1
        else:
            _set_aside(out, event, index, moment, ("other_payload", "The id was seen with another payload."))

    def _flood(self, seen: SeenIds, now_ms: int) -> tuple[str, str] | None:
        if self._event_clock or seen.latest_but(self._minute_events) <= now_ms // 1_000 - _MINUTE_S:
            return None
        return "too_many", f"{self._minute_events} events of its customer were applied within a minute."

    def _known(self, seen: SeenIds, hashed: bytes, event: Event, now_ms: int) -> Seen | None:
        known = seen.look(hashed, event.fingerprint & 0xFFFFFFFF, self._oldest_s(now_ms))
        return None if known is Seen.NEW else known

    def _oldest_s(self, now_ms: int) -> int:
        return (now_ms - self._limits.seen_ms) // 1_000

    def transfer(self, resident: Resident, item: Delivered, index: int, moment: Moment, out: Round) -> bool:
        """Apply what another partition has for the customer; whether it changed the customer."""
        followed = self._follow_edits(resident, moment, out)
        mark = out.mark()
        try:
            return self._handover.apply(resident, item.transfer, index, moment, out) or followed
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - one bad transfer is set aside; its neighbours go on
            out.back_to(mark)
            detail = f"Applying the {type(item.transfer).__name__.lower()} raised {type(error).__name__}."
            out.set_aside(seq=moment.seq, index=index, reason=FAILED, detail=detail, at_ms=moment.at_ms, logged=True)
            return followed

    def _follow_edits(self, resident: Resident, moment: Moment, out: Round) -> bool:
        """Let open runs follow edits before anything else happens to their customer; whether one was touched."""
        if resident.customer.edits_seen >= self.book.last_edit_seq:
            return False
        draft = replace(resident.customer)
        resident.customer = draft
        if draft.exists:
            draft.seq, draft.changed_at_ms = moment.seq, moment.at_ms
        follow(draft, self.book, self.book.last_edit_seq, moment, out)
        return draft.exists

    def put(self, entry: CampaignPut, at_ms: int, out: Round) -> None:
        """Bring a version of a campaign into force; one that cannot be compiled leaves the running one in force."""
        try:
            rows, forgotten = self.book.put(entry, at_ms)
        except Exception as error:  # noqa: BLE001 - it was checked before it was logged; what is left is set aside
            out.set_aside(
                seq=entry.seq,
                index=-1,
                reason=FAILED,
                detail=f"Version {entry.version} of {entry.campaign_id} raised {type(error).__name__}.",
                at_ms=at_ms,
                logged=True,
            )
            return
        out.rows(rows)
        out.counters.overflows += forgotten

    def review(self, resident: Resident, place: int, moment: Moment, out: Round) -> bool:
        """Let campaigns look at a customer who was known before they were put; whether anything changed."""
        return self._deadlines.review(resident, place, moment, out)

    def deadline(self, resident: Resident, due: Run | Alarm, moment: Moment, out: Round) -> None:
        """Let a deadline come: that of an open run, or of an alarm."""
        if self._deadlines.review(resident, 0, moment, out):
            # Something else may have been due before it: it comes again in its turn.
            out.armed.append(due)
            return
        if self._follow_edits(resident, moment, out):
            followed = resident.customer.due(due.due_at_ms, due.armed)
            if followed is None:
                return
            due = followed
        self._deadlines.come(resident, due, moment, out)


def _set_aside(out: Round, event: Event, index: int, moment: Moment, why: tuple[str, str]) -> None:
    reason, detail = why
    out.set_aside(
        seq=moment.seq,
        index=index,
        event_id=event.event_id,
        reason=reason,
        detail=detail,
        at_ms=moment.at_ms,
        logged=reason == FAILED,
    )
