"""Decides on one email: whether it may go out, must wait, or is skipped; and says so."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from msgspec.structs import replace

from sendwhen.domain.campaign_book import CampaignBook
from sendwhen.domain.course import Course, open_run
from sendwhen.domain.customer import AwaitedGoal
from sendwhen.domain.decision import Kind, Send
from sendwhen.domain.goals import HOLDOUT, await_goal
from sendwhen.domain.length import length
from sendwhen.domain.local_clock import quiet_until_ms
from sendwhen.domain.ranking import PRIORITY, RANKED, ranking_ends_ms
from sendwhen.domain.round import Round
from sendwhen.domain.run import NO_ADDRESS, send_id
from sendwhen.domain.send_context import send_context
from sendwhen.domain.sending_rules import AtQuiet, Category
from sendwhen.domain.sent_mail import cap_reached, count_email
from sendwhen.domain.shard_limits import ShardLimits
from sendwhen.domain.shares import held_out
from sendwhen.domain.steps import SendStep

QUIET = "quiet_hours"


class Outcome(Enum):
    """What became of an email."""

    SENT = "sent"
    SKIPPED = "skipped"
    HELD = "held"


class _Hold(NamedTuple):
    held: str
    due_at_ms: int
    reason: str
    detail: str


class Mailing:
    """Decides on emails."""

    def __init__(self, *, book: CampaignBook, send_key: bytes, limits: ShardLimits, event_clock: bool) -> None:
        self._book = book
        self._send_key = send_key
        self._limits = limits
        self._event_clock = event_clock

    def send(self, course: Course, index: int, step: SendStep, out: Round, *, ranked: bool = False) -> Outcome:
        """Send the step's email, skip it, or hold the run before the step; ``ranked``: it has won against others."""
        # What the run was held for counts for the step before which it stood, not for a later one.
        held = course.run.held if course.run.phase == index else ""
        ranked = ranked or held == RANKED
        verdict = (
            self.not_now(course)
            or self._withheld(course)
            or self._addressed(course, waited=held == NO_ADDRESS)
            or self._consented(course)
            or self._quiet(course, ranked=ranked)
            or (None if ranked else self._ranking(course))
            or self._capped(course)
        )
        if isinstance(verdict, _Hold):
            run, due_at_ms, armed = course.run, verdict.due_at_ms, course.armed
            waiting = replace(run, phase=index, due_at_ms=due_at_ms, armed=armed, held=verdict.held, latest_ms=0)
            open_run(course, waiting, self._limits.runs, out, (verdict.reason, verdict.detail))
            return Outcome.HELD
        if verdict is not None:
            self.skip(course, index, step, verdict, out)
            return Outcome.SKIPPED
        self._decide(course, index, step, out)
        return Outcome.SENT

    def skip(self, course: Course, index: int, step: SendStep, why: tuple[str, str], out: Round) -> None:
        """Note why the email is not sent."""
        name = send_id(self._send_key, run=course.run.run_id, step=index)
        out.decide(course.customer, course.decision(Kind.SKIPPED, why, send=name, template=step.template))
        if why[0] == HOLDOUT:
            self._await_goal(course, name, out, withheld=True)

    def not_now(self, course: Course) -> tuple[str, str] | None:
        """Reason and detail why what is due is skipped, whoever the customer is."""
        campaign, moment = course.plan.campaign, course.moment
        if self._book.paused(campaign.campaign_id):
            return "paused", "The campaign is paused."
        late_ms = moment.at_ms - moment.now_ms - course.plan.grace_ms
        if not self._event_clock and campaign.max_lateness_ms is not None and late_ms > campaign.max_lateness_ms:
            latest = length(campaign.max_lateness_ms)
            return "expired", f"It came {length(late_ms)} after it was due; up to {latest} is sent."
        return None

    def _withheld(self, course: Course) -> tuple[str, str] | None:
        campaign, uid = course.plan.campaign, course.customer.uid
        if campaign.sending.category is Category.TRANSACTIONAL:
            return None
        if held_out(self._book.policy.holdout_percent, campaign_id="", uid=uid):
            return HOLDOUT, f"Held out of all marketing, as {self._book.policy.holdout_percent}% of all customers are."
        if held_out(campaign.holdout_percent, campaign_id=campaign.campaign_id, uid=uid):
            return HOLDOUT, f"Held out of this campaign, as {campaign.holdout_percent}% of all customers are."
        return None

    @staticmethod
    def _addressed(course: Course, *, waited: bool) -> _Hold | tuple[str, str] | None:
        wait = course.plan.campaign.sending.address_wait
        if course.customer.email:
            return None
        if wait is None or waited:
            return NO_ADDRESS, "No address is known of the customer."
        due_at_ms = wait.after(course.moment.now_ms) + course.plan.grace_ms
        return _Hold(NO_ADDRESS, due_at_ms, NO_ADDRESS, "Waits for an address of the customer.")

    @staticmethod
    def _consented(course: Course) -> tuple[str, str] | None:
        if course.plan.campaign.sending.category is Category.TRANSACTIONAL or course.customer.consents():
            return None
        return "no_consent", "Marketing needs the attribute consent: true."

    def _quiet(self, course: Course, *, ranked: bool) -> _Hold | tuple[str, str] | None:
        sending, policy = course.plan.campaign.sending, self._book.policy
        quiet = sending.quiet_hours or policy.quiet_hours
        if quiet is None or sending.category is Category.TRANSACTIONAL:
            return None
        until_ms = quiet_until_ms(quiet, course.asked(), policy.time_zone)
        if until_ms is None:
            return None
        if quiet.then is AtQuiet.SKIP:
            return QUIET, "It is within the quiet hours."
        return _Hold(
            RANKED if ranked else QUIET,
            until_ms + course.plan.grace_ms,
            QUIET,
            "Deferred to the end of the quiet hours.",
        )

    def _ranking(self, course: Course) -> _Hold | None:
        sending, window = course.plan.campaign.sending, self._book.policy.priority_window
        if window is None or sending.priority is None or sending.category is Category.TRANSACTIONAL:
            return None
        due_at_ms = ranking_ends_ms(course.customer, window.after(course.moment.now_ms) + course.plan.grace_ms)
        return _Hold(PRIORITY, due_at_ms, PRIORITY, "Waits whether a campaign of higher priority wants the customer.")

    def _capped(self, course: Course) -> tuple[str, str] | None:
        detail = cap_reached(course.customer, course.plan.campaign, self._book.policy, course.moment.now_ms)
        return ("cap", detail) if detail else None

    def _await_goal(self, course: Course, name: str, out: Round, *, withheld: bool) -> None:
        campaign, run, now_ms = course.plan.campaign, course.run, course.moment.now_ms
        if campaign.goal is None:
            return
        until_ms = campaign.goal.within.after(now_ms)
        awaited = AwaitedGoal(campaign.version, run.run_id, run.key, name, run.start_at_ms, now_ms, until_ms, withheld)
        out.counters.overflows += await_goal(course.customer, campaign.campaign_id, awaited, self._limits.goals)

    def _decide(self, course: Course, index: int, step: SendStep, out: Round) -> None:
        customer, run, moment, campaign = course.customer, course.run, course.moment, course.plan.campaign
        name = send_id(self._send_key, run=run.run_id, step=index)
        because = f"Because {course.plan.logic.because(run)}."
        out.decide(customer, course.decision(Kind.SEND, ("", because), send=name, template=step.template))
        out.counters.overflows += count_email(
            customer, campaign, self._book.policy, moment.now_ms, self._limits.cap_counts
        )
        self._await_goal(course, name, out, withheld=False)
        start = run.start
        lateness_ms = None if self._event_clock else campaign.max_lateness_ms
        out.sends.append(
            Send(
                send_id=name,
                run_id=run.run_id,
                campaign_id=campaign.campaign_id,
                version=campaign.version,
                step=str(index),
                template=step.template,
                template_hash=step.template_hash,
                category=campaign.sending.category,
                in_doubt=campaign.sending.in_doubt,
                uid=customer.uid,
                email=customer.email,
                customer_seq=moment.seq,
                born_seq=customer.born_seq,
                at_ms=moment.at_ms,
                due_at_ms=moment.now_ms,
                start_at_ms=run.start_at_ms,
                expires_at_ms=0 if lateness_ms is None else moment.now_ms + course.plan.grace_ms + lateness_ms,
                key=run.key,
                reason=because,
                context=send_context(customer, run),
                delayed=course.delayed,
                traceparent=start.traceparent,
                event_id=start.event_id,
                event_name=start.name,
                received_at_us=start.received_at_us,
                entry_seq=moment.seq,
                front_received_at_us=moment.front_received_at_us,
                appended_at_us=moment.appended_at_us,
                grace_ms=course.plan.grace_ms,
                volume_per_day=campaign.sending.volume_per_day or 0,
            )
        )
