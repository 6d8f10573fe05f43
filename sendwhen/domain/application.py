"""Applies one event to one customer: on a copy, so that what raises leaves nothing behind."""

from __future__ import annotations

from msgspec.structs import replace

from sendwhen.domain import held_events
from sendwhen.domain.campaign_book import CampaignBook, Compile
from sendwhen.domain.condition import Fuse
from sendwhen.domain.customer import learn
from sendwhen.domain.deadlines import FAILED, AlarmHandler, Deadlines
from sendwhen.domain.entry import CampaignPut
from sendwhen.domain.event import Event
from sendwhen.domain.held_events import HeldEventHandler
from sendwhen.domain.journey import Journey
from sendwhen.domain.moment import Moment
from sendwhen.domain.passage import Passage
from sendwhen.domain.residents import Resident
from sendwhen.domain.round import Round
from sendwhen.domain.run import Alarm, Run
from sendwhen.domain.seen import ITEM_BYTES, Seen, SeenIds, id_hash
from sendwhen.domain.shard_limits import ShardLimits
from sendwhen.domain.watching import WATCH, Watching

_SHRINK_EVERY_BYTES = 256 * ITEM_BYTES
_MINUTE_S = 60


class Application:
    """Applies events and deadlines.

    Attributes:
        book: The partition's campaigns.
    """

    def __init__(
        self,
        *,
        send_key: bytes,
        compile_campaign: Compile,
        fuse: Fuse,
        event_clock: bool,
        limits: ShardLimits,
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
        alarms: dict[str, AlarmHandler] = {
            WATCH: watching,
            held_events.KIND: HeldEventHandler(book=self.book, taker=self._journey),
        }
        self._deadlines = Deadlines(book=self.book, passage=passage, watching=watching, alarms=alarms)

    def event(self, resident: Resident, event: Event, index: int, moment: Moment, out: Round) -> bool:
        """Apply an event; whether it changed the customer."""
        hashed = id_hash(event.event_id)
        now_ms = moment.now_ms
        seen = resident.seen
        if seen.may_know(hashed) and (known := self._known(seen, hashed, event, now_ms)):
            if known is Seen.SAME:
                out.counters.duplicates += 1
            else:
                _set_aside(out, event, index, moment, ("other_payload", "The id was seen with another payload."))
            return False
        if len(seen.packed) >= self._minute_bytes and self._floods(seen, now_ms):
            detail = f"{self._minute_events} events of its customer were applied within a minute."
            _set_aside(out, event, index, moment, ("too_many", detail))
            return False
        if self._event_clock and event.occurred_at_ms < now_ms:
            detail = f"It happened {now_ms - event.occurred_at_ms} ms before the clock."
            _set_aside(out, event, index, moment, ("unsorted", detail))
            return False
        draft = replace(resident.customer)
        mark = None
        try:
            overflows = learn(draft, event, seq=moment.seq, at_ms=now_ms, limits=self._limits)
            if self._journey.concerns(resident.customer, draft, event):
                mark = out.mark()
                self._journey.take(resident.customer, draft, event, index=index, moment=moment, out=out)
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

    def _floods(self, seen: SeenIds, now_ms: int) -> bool:
        return not self._event_clock and seen.latest_but(self._minute_events) > now_ms // 1_000 - _MINUTE_S

    def _known(self, seen: SeenIds, hashed: bytes, event: Event, now_ms: int) -> Seen | None:
        known = seen.look(hashed, event.fingerprint & 0xFFFFFFFF, self._oldest_s(now_ms))
        return None if known is Seen.NEW else known

    def _oldest_s(self, now_ms: int) -> int:
        return (now_ms - self._limits.seen_ms) // 1_000

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

    def deadline(self, resident: Resident, due: Run | Alarm, moment: Moment, out: Round) -> None:
        """Let a deadline come: that of an open run, or of an alarm."""
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
