"""`sendwhen suppress` and `sendwhen unsuppress`: the list of addresses that get nothing."""

from __future__ import annotations

from typing import Annotated

import typer

from sendwhen.cli.context import targets_of
from sendwhen.cli.terminal import ask_sender, out, run
from sendwhen.v1.sender_service_pb2 import SuppressRequest, UnsuppressRequest


def suppress(
    context: typer.Context,
    address: Annotated[str, typer.Argument(help="The address.")],
    reason: Annotated[str, typer.Option(help="Why, in a word; no personal data.")] = "asked",
) -> None:
    """Put an address on the suppression list: from now on no email to it begins."""
    request = SuppressRequest(address=address, reason=reason)
    answer = run(ask_sender(targets_of(context), lambda sender: sender.Suppress(request)))
    out.print("suppressed" if answer.changed else "was suppressed already")


def unsuppress(context: typer.Context, address: Annotated[str, typer.Argument(help="The address.")]) -> None:
    """Take an address off the suppression list."""
    request = UnsuppressRequest(address=address)
    answer = run(ask_sender(targets_of(context), lambda sender: sender.Unsuppress(request)))
    out.print("no longer suppressed" if answer.changed else "was not suppressed")
