"""What an email says: its template, its values as fresh as the rules want them, rendered. Sans-I/O, as dispatch is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from sendwhen.chassis.clock import Clock
from sendwhen.v1 import email_pb2
from services.sender.addresses import is_address, mail_address
from services.sender.ledger import Signal
from services.sender.ports import (
    CannotRender,
    GetProfile,
    GetTemplate,
    Message,
    Renderer,
    Steps,
    TemplateText,
)
from services.sender.rules import NotReady, Rules


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A message that may be attempted, and when it was rendered."""

    message: Message
    render_started_at_us: int
    render_ended_at_us: int


class Preparation:
    """Makes messages of decisions."""

    def __init__(self, *, rules: Rules, renderer: Renderer, clock: Clock) -> None:
        self._rules = rules
        self._renderer = renderer
        self._clock = clock

    def needs_nobody(self, intent: email_pb2.SendIntent) -> bool:
        """Whether profile need not be asked: the captured values are young, and no consent is wanted."""
        return self._is_young(intent) and not self._rules.wants_consent(intent)

    def message(self, intent: email_pb2.SendIntent, *, attempt: int) -> Steps[Ready | NotReady]:
        """The message of an attempt."""
        if not is_address(intent.to_address):
            return NotReady(signal=Signal.REFUSE, detail="The customer's address is not an email address.")
        template: TemplateText | None = yield GetTemplate(template_hash=intent.template_hash)
        if template is None:
            return NotReady(signal=Signal.POSTPONE, detail="Its template is not there yet.")
        context = yield from self._context(intent)
        if isinstance(context, NotReady):
            return context
        started_us = self._clock.now_us()
        try:
            rendered = self._renderer.render(intent.template_hash, template, context)
        except CannotRender as error:
            return NotReady(signal=Signal.REFUSE, detail=str(error))
        message = Message(
            send_id=intent.send_id,
            attempt=attempt,
            campaign_id=intent.campaign_id,
            reason=intent.reason,
            to_address=mail_address(intent.to_address),
            subject=rendered.subject,
            text=rendered.text,
            html=rendered.html,
            event_at_us=self._event_at_us(intent),
            customer_uid=intent.customer_uid,
            customer_born_seq=intent.customer_born_seq,
        )
        return Ready(message=message, render_started_at_us=started_us, render_ended_at_us=self._clock.now_us())

    def _context(self, intent: email_pb2.SendIntent) -> Steps[dict[str, object] | NotReady]:
        """The template's values: as captured while young, else with the customer as profile knows it now."""
        rules = self._rules
        try:
            context: dict[str, object] = msgspec.json.decode(intent.context_json or b"{}", type=dict[str, object])
        except msgspec.DecodeError:
            return NotReady(signal=Signal.REFUSE, detail="The values captured with the decision cannot be read.")
        # A template's "now" is log time, so that an email is the same whenever it is rendered.
        context["now_ms"] = intent.decided_at_ms
        if self.needs_nobody(intent):
            return context
        customer: Mapping[str, object] | None = yield GetProfile(
            uid=intent.customer_uid, at_least_seq=intent.customer_seq, deadline_ms=rules.profile_deadline_ms
        )
        if without_consent := rules.without_consent(intent, customer):
            return without_consent
        if self._is_young(intent) or (customer is None and self._age_ms(intent) <= rules.captured_max_age_stale_ms):
            return context
        if customer is None:
            return NotReady(
                signal=Signal.POSTPONE, detail="Profile cannot answer, and the captured values are too old."
            )
        return {**context, "customer": customer}

    def _is_young(self, intent: email_pb2.SendIntent) -> bool:
        return self._age_ms(intent) <= self._rules.captured_max_age_ms

    def _age_ms(self, intent: email_pb2.SendIntent) -> int:
        return 0 if self._rules.events_clock else self._clock.now_ms() - intent.decided_at_ms

    def _event_at_us(self, intent: email_pb2.SendIntent) -> int:
        """What event-to-send is counted from: ingest's clock, or behind a wait the deadline. 0: it has no meaning."""
        if not intent.delayed:
            return intent.trace.ingest_received_at_us
        return 0 if self._rules.events_clock else (intent.due_at_ms + intent.grace_ms) * 1_000
