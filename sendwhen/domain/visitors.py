"""Visitors nobody knows the name or address of: kept for a time since their last event, then forgotten."""

from __future__ import annotations

from sendwhen.domain.customer import Customer
from sendwhen.domain.moment import Moment
from sendwhen.domain.round import Round
from sendwhen.domain.run import Alarm
from sendwhen.domain.tombstones import let_tombstones_go

VISITOR = "visitor"
"""Kind of the alarm by which a visitor is looked at again."""


class Visitors:
    """Gives visitors their time to live."""

    def __init__(self, *, live_ms: int) -> None:
        """``live_ms`` since the last event; 0: for ever."""
        self._live_ms = live_ms

    def met(self, customer: Customer, place: tuple[int, ...], now_ms: int, out: Round) -> None:
        """Something was learnt of a customer (a draft); ``place``: in the order of armings."""
        if not self._live_ms or customer.user_id or customer.email:
            return
        if any(alarm.kind == VISITOR for alarm in customer.alarms):
            return
        self._set(customer, place, now_ms + self._live_ms, out)

    def ring(self, customer: Customer, alarm: Alarm, moment: Moment, armed: tuple[int, ...], out: Round) -> None:  # noqa: ARG002 - all alike
        """Look whether the time is over: of one who is known by now it is not, of an active one it begins anew."""
        if customer.user_id or customer.email:
            return
        due_at_ms = customer.last_seen_at_ms + self._live_ms
        if due_at_ms > moment.now_ms:
            self._set(customer, armed, due_at_ms, out)
            return
        let_tombstones_go(customer, out)
        nobody = Customer(customer.uid)
        for field in Customer.__struct_fields__:
            setattr(customer, field, getattr(nobody, field))
        out.counters.expired += 1

    @staticmethod
    def _set(customer: Customer, armed: tuple[int, ...], due_at_ms: int, out: Round) -> None:
        alarm = Alarm(VISITOR, "", "", due_at_ms, armed)
        customer.alarms = (*customer.alarms, alarm)
        out.armed.append(alarm)
