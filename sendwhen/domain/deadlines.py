"""Applies one deadline to one customer: on a copy, so that what raises leaves nothing behind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from msgspec.structs import replace

from sendwhen.domain.campaign_book import CampaignBook
from sendwhen.domain.course import Course
from sendwhen.domain.customer import Customer
from sendwhen.domain.decision import Decision, Kind
from sendwhen.domain.held_events import KIND as HELD_EVENT
from sendwhen.domain.moment import Moment
from sendwhen.domain.passage import Passage
from sendwhen.domain.residents import Resident
from sendwhen.domain.round import Round
from sendwhen.domain.run import TRIGGER_PHASE, Alarm, Run
from sendwhen.domain.watching import Occasion, Watching

FAILED = "failed"
_PLACE_KEPT = 12


class AlarmHandler(Protocol):
    """What one kind of alarm does."""

    def ring(self, customer: Customer, alarm: Alarm, moment: Moment, armed: tuple[int, ...], out: Round) -> None:
        """Let it ring; ``customer`` is a draft without the alarm, ``armed`` the place in the order of what it arms."""
        ...


class Deadlines:
    """Lets deadlines of runs and alarms come."""

    def __init__(
        self, *, book: CampaignBook, passage: Passage, watching: Watching, alarms: Mapping[str, AlarmHandler]
    ) -> None:
        """``alarms`` by kind."""
        self._book = book
        self._watching = watching
        self._passage = passage
        self._alarms = alarms

    def come(self, resident: Resident, due: Run | Alarm, moment: Moment, out: Round) -> None:
        """Let one come."""
        draft = _without(resident.customer, due, moment)
        # An alarm may ring again and again; the beginning of its place keeps the order.
        armed = (moment.seq, due.due_at_ms, 0, *(due.armed if isinstance(due, Run) else due.armed[:_PLACE_KEPT]))
        mark = out.mark()
        out.counters.fired_timers += 1
        try:
            if isinstance(due, Run):
                self._run(draft, due, moment, armed, out)
            else:
                self._alarms[due.kind].ring(draft, due, moment, armed, out)
            takes_steps = isinstance(due, Run) or due.kind == HELD_EVENT
            if takes_steps and draft.fields is not resident.customer.fields:
                self._watching.look(draft, resident.customer, Occasion(moment, armed), out)
        except MemoryError:
            # Says nothing of the run: another process may have room for it.
            raise
        except Exception as error:  # noqa: BLE001 - one deadline must not stop the partition's clock
            out.back_to(mark)
            detail = f"Its deadline raised {type(error).__name__}."
            draft = _without(resident.customer, due, moment)
            if isinstance(due, Run):
                _skip(draft, due, moment, out, (FAILED, detail))
            # Not logged: a replay comes to the same by itself, and there is no event to leave out.
            out.set_aside(
                seq=moment.seq,
                index=-1,
                event_id=due.start.event_id if isinstance(due, Run) else "",
                reason=FAILED,
                detail=detail,
                at_ms=moment.at_ms,
            )
        resident.customer = draft
        if not draft.exists:
            resident.seen.replace(b"")

    def review(self, resident: Resident, place: int, moment: Moment, out: Round) -> bool:
        """Let those look who watch customers; whether anything changed."""
        draft, mark = replace(resident.customer), out.mark()
        try:
            if not self._watching.review(draft, moment, place, out):
                return False
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - as above
            out.back_to(mark)
            detail = f"A look at the customer raised {type(error).__name__}."
            out.set_aside(seq=moment.seq, index=place, reason=FAILED, detail=detail, at_ms=moment.at_ms)
            return False
        draft.seq, draft.changed_at_ms = moment.seq, moment.at_ms
        resident.customer = draft
        return True

    def _run(self, draft: Customer, run: Run, moment: Moment, armed: tuple[int, ...], out: Round) -> None:
        plan = self._book.plan(run.campaign_id, run.version)
        if plan is None:
            _skip(draft, run, moment, out, ("version_gone", "The version that started it is not kept."))
            return
        if plan.on_event_time:
            moment, armed = replace(moment, now_ms=run.due_at_ms - plan.grace_ms), plan.place(armed)
        course = Course(customer=draft, run=run, plan=plan, moment=moment, armed=armed)
        if run.phase == TRIGGER_PHASE:
            self._passage.fire(course, out)
        else:
            self._passage.resume(course, out)


def _without(customer: Customer, due: Run | Alarm, moment: Moment) -> Customer:
    draft = replace(customer)
    if isinstance(due, Run):
        draft.runs = tuple(one for one in customer.runs if one is not due)
    else:
        draft.alarms = tuple(one for one in customer.alarms if one is not due)
    draft.seq = moment.seq
    draft.changed_at_ms = moment.at_ms
    return draft


def _skip(customer: Customer, run: Run, moment: Moment, out: Round, why: tuple[str, str]) -> None:
    reason, detail = why
    out.decide(
        customer,
        Decision(
            kind=Kind.SKIPPED,
            campaign_id=run.campaign_id,
            version=run.version,
            run_id=run.run_id,
            key=run.key,
            at_ms=moment.at_ms,
            due_at_ms=moment.now_ms,
            start_at_ms=run.start_at_ms,
            reason=reason,
            detail=detail,
            event_id=run.start.event_id,
            seq=moment.seq,
        ),
    )
