"""Emails that wait for an address: a campaign may let them (``send.no_address: {wait: 7d}``) instead of skipping them.

The run stands before its send step again. It goes on as soon as the customer has an address, told by an event or by a
joined identity; when the wait is over without one, the email is skipped and the run goes on with what follows.
"""

from __future__ import annotations

from msgspec.structs import replace

from sendwhen.domain.campaign_book import CampaignBook
from sendwhen.domain.course import Course
from sendwhen.domain.customer import Customer
from sendwhen.domain.moment import Moment
from sendwhen.domain.passage import Passage
from sendwhen.domain.round import Round
from sendwhen.domain.run import NO_ADDRESS

RELEASED = 1 << 18
"""First of the numbers, in ``Run.armed``, of what is armed by runs that go on because an address is known."""


class Holding:
    """Lets runs go on that wait for an address."""

    def __init__(self, *, book: CampaignBook, passage: Passage) -> None:
        self._book = book
        self._passage = passage

    def release(self, customer: Customer, moment: Moment, place: tuple[int, int], out: Round) -> None:
        """An address is known now (of a draft).

        ``place``: how what they arm is marked: by what kind of thing (see ``Run.armed``), and which of the entry.
        """
        waiting = [run for run in customer.runs if run.held == NO_ADDRESS]
        for number, run in enumerate(waiting):
            plan = self._book.plan(run.campaign_id, run.version)
            if plan is None:
                continue
            customer.runs = tuple(one for one in customer.runs if one is not run)
            armed = (moment.seq, moment.now_ms, *place, RELEASED + number)
            course = Course(customer=customer, run=replace(run, held=""), plan=plan, moment=moment, armed=armed)
            self._passage.walk(course, run.phase, out)
