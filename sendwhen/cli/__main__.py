"""The command line: `sendwhen COMMAND`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from sendwhen.cli import (
    backtest,
    campaigns,
    customers,
    deadletters,
    environment,
    inbox,
    log,
    replay,
    status,
    suppress,
    track,
    up,
    why,
)
from sendwhen.cli.terminal import EXIT_REFUSED, tell
from sendwhen.errors import SendwhenError

app = typer.Typer(
    name="sendwhen",
    help=(
        "Sends the right email the moment a customer does, or fails to do, something.\n\n"
        "Start with `sendwhen up`, then send events with `sendwhen track` and watch `sendwhen inbox`. "
        "Commands find the installation by its data folder (--data, SENDWHEN_DATA, else var/sendwhen), or by "
        "SENDWHEN_INGEST, SENDWHEN_TRIGGER, SENDWHEN_SENDER, SENDWHEN_INBOX (host:port), SENDWHEN_WRITE_KEY and "
        "SENDWHEN_ADMIN_KEY.\n\n"
        "Times are printed in UTC, and taken as in 2026-03-02T09:00:00Z. "
        "Exit codes: 0 done, 1 refused, 2 wrong usage, 3 nobody answers."
    ),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)


@app.callback()
def root(
    context: typer.Context,
    data: Annotated[Path | None, typer.Option(readable=False, help="Data folder of the installation.")] = None,
) -> None:
    """Keep the options that stand before the command."""
    context.obj = {"data": data}


app.command("up")(up.up)
app.command("status")(status.status)
app.command("track")(track.track)
app.command("replay")(replay.replay)
app.add_typer(campaigns.app, name="campaigns")
app.add_typer(customers.app, name="customers")
app.add_typer(log.app, name="log")
app.command("backtest")(backtest.backtest)
app.command("env")(environment.env)
app.command("inbox")(inbox.inbox)
app.command("why")(why.why)
app.command("timeline")(why.timeline)
app.command("deadletters")(deadletters.deadletters)
app.command("suppress")(suppress.suppress)
app.command("unsuppress")(suppress.unsuppress)


def main() -> None:
    """Run the command line; what no command tells by itself is told in a sentence all the same."""
    try:
        app(prog_name="sendwhen")
    except SendwhenError as error:
        tell(str(error))
        sys.exit(EXIT_REFUSED)
    except OSError as error:
        tell(f"{error.filename or 'This machine'}: {error.strerror or error}.")
        sys.exit(EXIT_REFUSED)


if __name__ == "__main__":
    main()
