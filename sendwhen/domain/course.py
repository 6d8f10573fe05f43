"""A run on its way at one instant, and what every step of the way needs."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from sendwhen.domain.asking import Asked
from sendwhen.domain.customer import Customer
from sendwhen.domain.decision import Decision, Kind
from sendwhen.domain.moment import Moment
from sendwhen.domain.plan import Plan
from sendwhen.domain.round import Round
from sendwhen.domain.run import Run


class Course(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A run on its way, at one instant.

    Attributes:
        customer: The draft to be changed.
        run: Not among the customer's open runs (any more).
        armed: Place in the order of armings for a wait that may follow.
        delayed: A wait lies between the event and what follows.
    """

    customer: Customer
    run: Run
    plan: Plan
    moment: Moment
    armed: tuple[int, ...]
    delayed: bool = True

    def asked(self) -> Asked:
        """What is asked of the customer now."""
        start, customer = self.run.scope(), self.customer
        return Asked(
            customer=customer.scope(), tallies=customer.tallies, now_ms=self.moment.now_ms, event=start, start=start
        )

    def decision(
        self,
        kind: Kind,
        why: tuple[str, str] = ("", ""),
        *,
        send: str = "",
        template: str = "",
        due_at_ms: int | None = None,
    ) -> Decision:
        """A decision about the run; ``why``: reason and detail."""
        run, moment = self.run, self.moment
        return Decision(
            kind=kind,
            campaign_id=run.campaign_id,
            version=run.version,
            run_id=run.run_id,
            key=run.key,
            at_ms=moment.at_ms,
            due_at_ms=moment.now_ms if due_at_ms is None else due_at_ms,
            start_at_ms=run.start_at_ms,
            reason=why[0],
            detail=why[1],
            send_id=send,
            template=template,
            event_id=run.start.event_id,
            seq=moment.seq,
        )


def open_run(course: Course, waiting: Run, runs_max: int, out: Round, why: tuple[str, str] = ("", "")) -> None:
    """Let a run wait as it stands; where the customer has too many that is the end of it."""
    customer = course.customer
    if len(customer.runs) >= runs_max:
        out.counters.overflows += 1
        out.decide(customer, course.decision(Kind.SKIPPED, ("limit", f"The customer has {runs_max} open runs.")))
        return
    customer.runs = (*customer.runs, waiting)
    out.armed.append(waiting)
    out.decide(customer, replace(course, run=waiting).decision(Kind.WAITING, why, due_at_ms=waiting.due_at_ms))
