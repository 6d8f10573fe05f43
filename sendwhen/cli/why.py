"""`sendwhen why CUSTOMER CAMPAIGN`: what a campaign decided about a customer, and why."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated

import typer
from google.protobuf.json_format import MessageToDict
from rich.markup import escape

from sendwhen.cli.context import targets_of
from sendwhen.cli.targets import Targets
from sendwhen.cli.terminal import EXIT_REFUSED, ask_trigger, err, instant, out, run
from sendwhen.v1.decision_pb2 import Decision
from sendwhen.v1.email_pb2 import Email, EmailState
from sendwhen.v1.profile_service_pb2 import CustomerId
from sendwhen.v1.trigger_service_pb2 import WhyRequest, WhyResponse


class Kind(StrEnum):
    """By what the customer is named."""

    user_id = "user_id"
    anonymous_id = "anonymous_id"
    email = "email"
    uid = "uid"


def why(
    context: typer.Context,
    customer: Annotated[str, typer.Argument(help="The customer's user_id, or an address, or another id with --by.")],
    campaign: Annotated[str, typer.Argument(help="The campaign's id.")],
    by: Annotated[
        Kind | None, typer.Option(help="What CUSTOMER is (default: user_id, or email where it has an @).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
) -> None:
    """Explain what a campaign decided about a customer: entered, waiting, sent, skipped, and why."""
    targets = targets_of(context)
    answer = run(_ask(targets, customer, campaign, by))
    if as_json:
        typer.echo(json.dumps(MessageToDict(answer, preserving_proto_field_name=True), indent=2))
    else:
        _show(answer)
    if not answer.HasField("customer") or not answer.HasField("campaign"):
        raise typer.Exit(EXIT_REFUSED)


async def _ask(targets: Targets, customer: str, campaign: str, by: Kind | None) -> WhyResponse:
    kinds = [by] if by else [Kind.user_id, *([Kind.email] if "@" in customer else []), Kind.anonymous_id]
    answer = WhyResponse()
    for kind in kinds:
        request = WhyRequest(id=CustomerId(**{kind.value: customer}), campaign_id=campaign)
        answer = await _why(targets, request)
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
    for decision in answer.decisions:
        out.print(_line(decision))
    if answer.waiting:
        out.print("\n[bold]waiting[/]")
    for decision in answer.waiting:
        out.print(f"  until {instant(decision.due_at_ms)}  run {decision.run_id[:12]} {escape(decision.key)}")
    if answer.emails:
        out.print("\n[bold]emails[/]")
    for email in answer.emails:
        out.print(_email(email))
    if not answer.HasField("campaign"):
        err.print("`sendwhen campaigns list` shows which there are.")


def _line(decision: Decision) -> str:
    word = Decision.Kind.Name(decision.kind).removeprefix("KIND_").lower()
    detail = decision.detail or decision.reason or decision.template
    return f"  {instant(decision.decided_at_ms)}  {word:<10} {escape(detail)}"


def _email(email: Email) -> str:
    state = EmailState.Name(email.state).removeprefix("EMAIL_STATE_").lower().replace("_", " ")
    return f"  {email.send_id}  [bold]{state}[/]  {email.attempts} attempts  {escape(email.detail)}"
