"""`sendwhen customers`: show who a customer is, join two, delete one."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import typer
from rich.markup import escape

from sendwhen.cli.context import targets_of
from sendwhen.cli.targets import Targets
from sendwhen.cli.terminal import EXIT_REFUSED, AsJson, ask_trigger, err, fail, instant, out, print_json, run
from sendwhen.cli.why import Kind, named
from sendwhen.errors import Invalid
from sendwhen.v1.profile_service_pb2 import CustomerId
from sendwhen.v1.trigger_service_pb2 import (
    DeleteCustomerRequest,
    Identity,
    MergeCustomersRequest,
    ShowCustomerRequest,
    ShowCustomerResponse,
)
from sendwhen.wire.customer_name import HOW, kind_of, reading

app = typer.Typer(help="Show, join and delete customers.", no_args_is_help=True)
LOOKS = 50
LOOK_EVERY_S = 0.1

Who = Annotated[
    str,
    typer.Argument(help=f"{HOW}; plain: a user_id, or an address if it has an @."),
]
By = Annotated[Kind | None, typer.Option(help="What the id is, where it has no kind in front.")]


def customer_id(text: str, by: Kind | None = None) -> CustomerId:
    """The customer that is surely meant."""
    if by is not None:
        return CustomerId(**{by.value: text})
    try:
        return reading(text, "CUSTOMER")
    except Invalid as error:
        fail(str(error), code=2)


@app.command("show")
def show(context: typer.Context, customer: Who, by: By = None, as_json: AsJson = False) -> None:
    """Show a customer: what is known, which identities are tied to it or were refused, and what it waits for."""
    request = ShowCustomerRequest(id=named(customer, by))
    answer = run(ask_trigger(targets_of(context), lambda trigger: trigger.ShowCustomer(request)))
    if as_json:
        print_json(answer)
    else:
        _show(answer)


@app.command("merge")
def merge(
    context: typer.Context,
    other: Annotated[str, typer.Argument(metavar="FROM", help="Becomes part of INTO; named as in `show`.")],
    into: Annotated[str, typer.Argument(metavar="INTO", help="Survives.")],
    both_known: Annotated[bool, typer.Option("--both-known", help="Even when both have a user_id.")] = False,
) -> None:
    """Join one customer into another: open waits go on with their deadlines, histories become one. Cannot be undone."""
    request = MergeCustomersRequest(into=customer_id(into), both_known=both_known, wait_applied=True)
    getattr(request, "from").CopyFrom(customer_id(other))
    refused = run(_merge(targets_of(context), request))
    if refused is None:
        out.print("joined")
    elif refused.reason:
        err.print(f"not joined ({refused.reason}): {escape(refused.detail)}")
        if refused.reason == "conflict":
            err.print("Both are known by a user_id; join them all the same with --both-known.")
        raise typer.Exit(EXIT_REFUSED)
    else:
        out.print("logged; it takes its time: `sendwhen customers show` will tell")


@app.command("delete")
def delete(
    context: typer.Context,
    customer: Who,
    by: By = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a customer with everything tied to it: record, waits, remembered events. Cannot be undone."""
    if not yes:
        typer.confirm(f"Delete {customer} and all identities tied to it?", abort=True)
    request = DeleteCustomerRequest(id=customer_id(customer, by), wait_applied=True)
    answer = run(ask_trigger(targets_of(context), lambda trigger: trigger.DeleteCustomer(request)))
    out.print(f"deleted (partition {answer.position.partition}, entry {answer.position.seq})")
    out.print(f"The last of its events is gone from log and archive by {instant(answer.gone_by_ms)}.")
    out.print("Emails to it that were not attempted are cancelled in a moment.")
    out.print("If its address is suppressed it stays so, as a keyed hash.")


async def _merge(targets: Targets, request: MergeCustomersRequest) -> Identity | None:
    """What was refused; None: joined. An identity without a reason: neither has happened yet."""

    async def ask(trigger: Any) -> Identity | None:
        await trigger.MergeCustomers(request)
        return await _outcome(trigger, request)

    return await ask_trigger(targets, ask)


async def _outcome(trigger: Any, request: MergeCustomersRequest) -> Identity | None:
    other = getattr(request, "from")
    for _ in range(LOOKS):
        survivor = await trigger.ShowCustomer(ShowCustomerRequest(id=request.into))
        key = _key(other)
        for identity in survivor.identities:
            if identity.key == key and identity.reason:
                return Identity(key=key, reason=identity.reason, detail=identity.detail)
        found = await trigger.ShowCustomer(ShowCustomerRequest(id=other))
        if found.customer.uid == survivor.customer.uid:
            return None
        await asyncio.sleep(LOOK_EVERY_S)
    return Identity(key=_key(other))


def _key(who: CustomerId) -> str:
    kind = kind_of(who)
    value: str = getattr(who, who.WhichOneof("id") or "")
    return f"{kind}:{value.strip().lower() if kind == 'email' else value}"


def _show(answer: ShowCustomerResponse) -> None:
    customer = answer.customer
    named = [
        ("uid", customer.uid),
        ("user_id", customer.user_id),
        ("email", customer.email),
        ("anonymous_ids", ", ".join(customer.anonymous_ids)),
        ("first seen", instant(customer.first_seen_at_ms)),
        ("last seen", instant(customer.last_seen_at_ms)),
        ("partition", f"{customer.partition}, as of entry {customer.seq}"),
    ]
    for name, value in named:
        out.print(f"{name:<14} {escape(value) if value else '-'}")
    if answer.followed:
        out.print(f"[dim]That id was joined into this customer ({len(answer.followed)} tombstones followed).[/]")
    if answer.expires_at_ms:
        out.print(f"A visitor without user_id and address: goes at {instant(answer.expires_at_ms)} if nothing happens.")
    _section(
        "attributes", [f"{name} = {customer.fields[name].value_json.decode()}" for name in sorted(customer.fields)]
    )
    _section("tied", [identity.key for identity in answer.identities if not identity.reason])
    _section("not tied", [f"{one.key} ({one.reason}): {one.detail}" for one in answer.identities if one.reason])
    _section(
        "waiting", [f"{one.campaign_id} until {instant(one.due_at_ms)} {one.key}".rstrip() for one in answer.waiting]
    )
    _section("latest events", [f"{instant(one.logged_at_ms)}  {one.name}" for one in customer.recent_events])


def _section(title: str, lines: list[str]) -> None:
    if lines:
        out.print(f"\n[bold]{title}[/]")
        for line in lines:
            out.print(f"  {escape(line)}")
