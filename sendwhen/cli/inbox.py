"""`sendwhen inbox`: the page that shows emails as they go out."""

from __future__ import annotations

import socket
from typing import Annotated

import typer

from sendwhen.cli.context import targets_of
from sendwhen.cli.terminal import EXIT_UNREACHABLE, fail, out


def inbox(
    context: typer.Context,
    open_it: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> None:
    """Print the address of the inbox page, or open it."""
    targets = targets_of(context)
    host, _, port = targets.inbox.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=2).close()
    except OSError:
        fail(
            f"The inbox page cannot be reached at {targets.inbox}. Start sendwhen with `sendwhen up`.",
            code=EXIT_UNREACHABLE,
        )
    address = f"http://{targets.inbox}/"
    out.print(address)
    if open_it:
        typer.launch(address)
