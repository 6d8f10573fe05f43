"""`sendwhen why CUSTOMER CAMPAIGN` and `sendwhen timeline CUSTOMER`: what was decided about a customer, and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.markup import escape

from sendwhen.cli.context import targets_of
from sendwhen.cli.customer_names import By, CustomerName, customer_ids
from sendwhen.cli.instants import instant_ms
from sendwhen.cli.targets import Targets
from sendwhen.cli.terminal import EXIT_REFUSED, AsJson, ask_trigger, err, fail, instant, out, print_json, run
from sendwhen.errors import NotFound
from sendwhen.v1.decision_pb2 import Decision
from sendwhen.v1.email_pb2 import Email, EmailState
from sendwhen.v1.profile_service_pb2 import CustomerId
from sendwhen.v1.trigger_service_pb2 import (
    Clause,
    GetTimelineRequest,
    GetTimelineResponse,
    Ground,
    WhyRequest,
    WhyResponse,
)


def why(
    context: typer.Context,
    customer: CustomerName,
    campaign: Annotated[str, typer.Argument(help="The campaign's id.")],
    at: Annotated[
        str, typer.Option(help="As of this instant (2026-03-02T09:00:00Z, or milliseconds since 1970); default: now.")
    ] = "",
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Explain what a campaign decided about a customer, clause by clause; and what was missing for an email."""
    targets = targets_of(context)
    at_ms = instant_ms(at) if at else 0
    if at_ms is None:
        fail("--at is no instant. Write it as in 2026-03-02T09:00:00Z.", code=2)
    answer = run(_ask(targets, customer_ids(customer, by), campaign, at_ms))
    if as_json:
        print_json(answer)
    else:
        _show(answer)
    if not answer.HasField("customer") or not answer.HasField("campaign"):
        raise typer.Exit(EXIT_REFUSED)


def timeline(context: typer.Context, customer: CustomerName, by: By = None, as_json: AsJson = False) -> None:
    """Show a customer's events, decisions, waits and emails in one list by time."""
    answer = run(_ask_timeline(targets_of(context), customer_ids(customer, by)))
    if as_json:
        print_json(answer)
        return
    for item in answer.items:
        campaign = f"[bold]{escape(item.campaign_id)}[/] " if item.campaign_id else ""
        out.print(f"{instant(item.at_ms)}  {item.kind:<8}  {campaign}{escape(item.text)}")
    for sentence in answer.unknown:
        out.print(f"[dim]{escape(sentence)}[/]")


async def _ask_timeline(targets: Targets, customers: Sequence[CustomerId]) -> GetTimelineResponse:
    for one in customers[:-1]:
        try:
            return await _timeline(targets, GetTimelineRequest(id=one))
        except NotFound:
            continue  # by another kind of id, then
    return await _timeline(targets, GetTimelineRequest(id=customers[-1]))


async def _timeline(targets: Targets, request: GetTimelineRequest) -> GetTimelineResponse:
    return await ask_trigger(targets, lambda trigger: trigger.GetTimeline(request))


async def _ask(targets: Targets, customers: Sequence[CustomerId], campaign: str, at_ms: int) -> WhyResponse:
    answer = WhyResponse()
    for one in customers:
        answer = await _why(targets, WhyRequest(id=one, campaign_id=campaign, at_ms=at_ms))
        if answer.HasField("customer"):
            break
    return answer


async def _why(targets: Targets, request: WhyRequest) -> WhyResponse:
    return await ask_trigger(targets, lambda trigger: trigger.Why(request))


def _show(answer: WhyResponse) -> None:
    for sentence in answer.explanation:
        out.print(escape(sentence))
    if answer.decisions:
        out.print("\n[bold]decisions[/]")
    for number, decision in enumerate(answer.decisions):
        out.print(_line(decision))
        if number < len(answer.grounds):
            for line in _ground(answer.grounds[number]):
                out.print(f"      [dim]{escape(line)}[/]")
    if answer.waiting:
        out.print("\n[bold]waiting[/]")
    for decision in answer.waiting:
        out.print(f"  until {instant(decision.due_at_ms)}  run {decision.run_id[:12]} {escape(decision.key)}")
    if answer.emails:
        out.print("\n[bold]emails[/]")
    for email in answer.emails:
        out.print(_email(email))
    if answer.unknown:
        out.print("\n[bold]not known any more[/]")
    for sentence in answer.unknown:
        out.print(f"  {escape(sentence)}")
    if not answer.HasField("campaign"):
        err.print("`sendwhen campaigns list` shows which there are.")


def _ground(ground: Ground) -> list[str]:
    lines = [f"version {ground.version}" + (f", because of {ground.event}" if ground.event else "")]
    if not ground.known:
        lines[0] += "; its event or its version is not kept any more, so its clauses cannot be asked again"
    return [*lines, *map(_clause, ground.clauses)]


def _clause(clause: Clause) -> str:
    values = ", ".join(f"{one.path} = {one.value_json}{f' ({one.age})' if one.age else ''}" for one in clause.values)
    return f"{clause.part}: {clause.text} is {'true' if clause.holds else 'false'}{f'; {values}' if values else ''}"


def _line(decision: Decision) -> str:
    word = Decision.Kind.Name(decision.kind).removeprefix("KIND_").lower()
    detail = decision.detail or decision.reason or decision.template
    return f"  {instant(decision.decided_at_ms)}  {word:<10} {escape(detail)}"


def _email(email: Email) -> str:
    state = EmailState.Name(email.state).removeprefix("EMAIL_STATE_").lower().replace("_", " ")
    attempts = f"{email.attempts} attempt{'s' * (email.attempts != 1)}"
    return f"  {email.send_id}  [bold]{state}[/]  {attempts}  {escape(email.detail)}"
