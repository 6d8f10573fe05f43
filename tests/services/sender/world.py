"""Dispatch driven step by step: a scheduler that may stop it before any request, with a clock of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Coroutine, Generator, Mapping
from typing import Any, TypeVar

from services.sender.dispatch import Dispatch
from services.sender.ledger import State
from services.sender.ledger_port import BeginAttempt, ClaimDue, LedgerLost, Settle, Submit
from services.sender.ports import (
    Answer,
    Call,
    CannotRender,
    DispatchRequest,
    GetProfile,
    GetTemplate,
    Message,
    Pause,
    Rendered,
    Report,
    TemplateText,
    Verdict,
)
from services.sender.retry import Backoff
from services.sender.rules import Rules
from services.sender.volume_port import Reserve
from tests.fakes.memory_ledger import MemoryLedger
from tests.services.sender.emails import NOW_MS

T = TypeVar("T")
RULES = Rules()
TEMPLATE = TemplateText(subject="Hello", text="text", html="")


class Crash(Exception):
    """The process ends before this request is carried out."""


class Hands:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.ms = NOW_MS

    def now_ms(self) -> int:
        return self.ms

    def now_us(self) -> int:
        return self.ms * 1_000

    def monotonic_s(self) -> float:
        return self.ms / 1_000


class Echo:
    """Renders the customer's name, or refuses where there is none and the template wants one.

    Attributes:
        breaks_at: A decision of this instant is rendered with an error nobody foresaw.
    """

    breaks_at: int | None = None

    def check(self, template_id: str, template: TemplateText) -> None:
        """Everything is right."""

    def render(self, template_id: str, template: TemplateText, context: Mapping[str, object]) -> Rendered:
        if context["now_ms"] == self.breaks_at:
            raise ArithmeticError
        customer = context.get("customer") or {}
        assert isinstance(customer, dict)
        if template.text == "needs a name" and "name" not in customer:
            raise CannotRender("missing value: customer.name is absent.")
        return Rendered(subject=template.subject, text=str(customer.get("name", template.text)), html="")


class World:
    """One sender and its surroundings.

    Attributes:
        answers: What the provider says to the next calls; then it accepts.
        calls: Messages the provider was handed.
        template, profile: What is answered; None: nothing.
    """

    def __init__(self, *, rules: Rules = RULES, backoff: Backoff | None = None) -> None:
        self.clock = Hands()
        self.ledger = MemoryLedger()
        self.renderer = Echo()
        self.dispatch = Dispatch(
            rules=rules, backoff=backoff or Backoff(), renderer=self.renderer, provider_name="fake", clock=self.clock
        )
        self.answers: list[Answer] = []
        self.calls: list[Message] = []
        self.reports: list[Report] = []
        self.template: TemplateText | None = TEMPLATE
        self.profile: Mapping[str, object] | None = None
        self.asked_profile: list[GetProfile] = []
        self.pauses = 0

    def drive(
        self,
        steps: Generator[DispatchRequest, Any, T],
        *,
        crash_before: int | None = None,
        loses: Callable[[DispatchRequest], bool] = lambda _request: False,
    ) -> T:
        """Carry requests out.

        Args:
            steps: What yields them.
            crash_before: End the process instead of carrying out this request.
            loses: Whose answer is lost after it was carried out.
        """
        number = 0
        try:
            request = next(steps)
            while True:
                if number == crash_before:
                    raise Crash
                number += 1
                answer = self.carry_out(request)
                request = steps.throw(LedgerLost("lost")) if loses(request) else steps.send(answer)
        except StopIteration as end:
            result: T = end.value
            return result

    def carry_out(self, request: DispatchRequest) -> object:
        match request:
            case Reserve():
                return finish(self.ledger.reserve(request))
            case Submit():
                return finish(self.ledger.submit(request))
            case ClaimDue():
                return finish(self.ledger.claim_due(request))
            case BeginAttempt():
                return finish(self.ledger.begin(request))
            case Settle():
                return finish(self.ledger.settle(request))
            case Call(message=message):
                self.calls.append(message)
                return self.answers.pop(0) if self.answers else Answer(verdict=Verdict.ACCEPTED, first_byte_at_us=1)
            case GetTemplate():
                return self.template
            case GetProfile():
                self.asked_profile.append(request)
                return self.profile
            case Report():
                self.reports.append(request)
            case Pause():
                self.pauses += 1
        return None

    def states(self) -> Counter[State]:
        return Counter(row.state for row in self.ledger.rows.values())


def finish(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that never waits."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    raise AssertionError("It waited.")
