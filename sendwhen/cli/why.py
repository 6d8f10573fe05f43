"""`sendwhen why CUSTOMER CAMPAIGN` and `sendwhen timeline CUSTOMER`: what was decided about a customer, and why."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer
from rich.markup import escape

from sendwhen.cli.context import targets_of
from sendwhen.cli.terminal import EXIT_REFUSED, AsJson, ask_trigger, err, fail, instant, out, print_json, run
from sendwhen.client.event_file import BadLine, instant_ms
from sendwhen.v1.decision_pb2 import Decision
from sendwhen.v1.email_pb2 import Email, EmailState
from sendwhen.v1.profile_service_pb2 import CustomerId
from sendwhen.v1.trigger_service_pb2 import (
    Clause,
    GetTimelineRequest,
    Ground,
    WhyRequest,
    WhyResponse,
)
from sendwhen.wire.customer_name import HOW


class Kind(StrEnum):
    """By what the customer is named."""

    user_id = "user_id"
    anonymous_id = "anonymous_id"
    email = "email"
    uid = "uid"


CustomerName = Annotated[
    str, typer.Argument(help=f"{HOW}; plain: a user_id, an address or a visitor's id, whoever is known first.")
]
By = Annotated[Kind | None, typer.Option(help="What CUSTOMER is, where it has no kind in front.")]


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
    try:
        at_ms = instant_ms(at) if at else 0
    except BadLine as error:
        fail(f"--at: {error}.", code=2)
    request = WhyRequest(id=named(customer, by), campaign_id=campaign, at_ms=at_ms)
    answer = run(ask_trigger(targets, lambda trigger: trigger.Why(request)))
    if as_json:
        print_json(answer)
    else:
        _show(answer)
    if not answer.HasField("customer") or not answer.HasField("campaign"):
        raise typer.Exit(EXIT_REFUSED)


def timeline(context: typer.Context, customer: CustomerName, by: By = None, as_json: AsJson = False) -> None:
    """Show a customer's events, decisions, waits and emails in one list by time."""
    request = GetTimelineRequest(id=named(customer, by))
    answer = run(ask_trigger(targets_of(context), lambda trigger: trigger.GetTimeline(request)))
    if as_json:
        print_json(answer)
        return
    if answer.followed:
        out.print("[dim]That id was joined into this customer.[/]")
    for item in answer.items:
        campaign = f"[bold]{escape(item.campaign_id)}[/] " if item.campaign_id else ""
        out.print(f"{instant(item.at_ms)}  {item.kind:<8}  {campaign}{escape(item.text)}")
    for sentence in answer.unknown:
        out.print(f"[dim]{escape(sentence)}[/]")


def named(customer: str, by: Kind | None) -> CustomerId:
    """The customer as it was written; what that means is trigger's to find out."""
    return CustomerId(**{by.value: customer}) if by else CustomerId(name=customer)


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
