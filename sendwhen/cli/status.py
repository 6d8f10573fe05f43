"""`sendwhen status`: partitions, owners, lag, positions, the store's durability."""

from __future__ import annotations

import typer
from rich.markup import escape

from sendwhen.cli.context import targets_of
from sendwhen.cli.table import GAP, table_lines, table_widths
from sendwhen.cli.targets import Targets
from sendwhen.cli.terminal import AsJson, ask_sender, ask_trigger, instant, out, print_json, run
from sendwhen.errors import SendwhenError
from sendwhen.v1.email_pb2 import EmailState
from sendwhen.v1.sender_service_pb2 import CountEmailsRequest
from sendwhen.v1.trigger_service_pb2 import GetStatusRequest, GetStatusResponse

COLUMNS = ("partition", "owner", "log time", "head", "position", "lag", "applied", "repeated", "dead", "outbox")
LEFT_OUT_FIRST = ("log time", "head", "repeated", "applied", "dead", "position", "owner", "outbox")
"""What a narrow terminal does without, in this order; partition and lag are always there. --json has everything."""
WIDTH_MAX = 10_000
"""Of what goes into a file or a pipe: everything is shown."""


def status(context: typer.Context, as_json: AsJson = False) -> None:
    """Show partitions, their owners, lag and positions, and what the store promises."""
    targets = targets_of(context)
    answer = run(ask_trigger(targets, lambda trigger: trigger.GetStatus(GetStatusRequest())))
    if as_json:
        print_json(answer)
        return
    _show(answer)
    _show_held(targets)


def _show(answer: GetStatusResponse) -> None:
    out.print(f"durability [bold]{escape(answer.durability)}[/]  clock [bold]{escape(answer.clock)}[/]")
    out.print(f"store      {escape(answer.store)}")
    if answer.refusing:
        out.print(f"[bold red]refusing events:[/] {escape(answer.refusing)}")
    for shard in answer.shards:
        colour = "green" if shard.state == "running" else "red"
        held = ", ".join(str(number) for number in shard.partitions)
        out.print(f"{escape(shard.name)}  [{colour}]{escape(shard.state)}[/]  partitions {held}")
        for number in shard.standing_still:
            problem = f"partition {number} stands still: its log misses entries that were never applied."
            out.print(f"[bold red]{problem}[/] Restore the store from its backup; see the shard's log.")
        if shard.reviewing:
            done = sum(shard.reviewing.values())
            held = ", ".join(str(number) for number in sorted(shard.reviewing))
            out.print(f"[dim]looking at known customers for new campaigns: {done:,} so far; not through: {held}[/]")
    for line in partitions_lines(answer, width=out.width if out.is_terminal else WIDTH_MAX):
        out.print(line)
    total = answer.partitions
    out.print(
        f"in all: {sum(p.applied for p in total):,} events applied, {sum(p.lag_events for p in total):,} waiting, "
        f"{sum(p.duplicates for p in total):,} duplicates, {sum(p.dead_letters for p in total):,} dead letters"
    )


def _show_held(targets: Targets) -> None:
    """What sender holds back is as loud here as a partition that stands still."""
    try:
        answer = run(
            ask_sender(targets, lambda sender: sender.CountEmails(CountEmailsRequest())), expected=SendwhenError
        )
    except SendwhenError as error:
        out.print(f"[red]sender does not answer:[/] {escape(str(error))}")
        return
    for count in answer.counts:
        if count.state == EmailState.EMAIL_STATE_HELD:
            name = escape(count.campaign_id)
            out.print(
                f"[bold red]{count.emails:,} emails of {name} are held:[/] more than its volume for a day. "
                f"`sendwhen campaigns release {name}` or `sendwhen campaigns discard {name}`"
            )


def partitions_lines(answer: GetStatusResponse, *, width: int) -> list[str]:
    """One line for each partition, with the columns that fit into ``width`` characters; never a value cut off."""
    rows = [
        {
            "partition": str(p.partition), "owner": p.owner or "nobody", "log time": instant(p.head_at_ms),
            "head": str(p.head_seq), "position": str(p.position), "lag": str(p.lag_events), "applied": str(p.applied),
            "repeated": str(p.duplicates), "dead": str(p.dead_letters), "outbox": str(p.outbox),
        }
        for p in answer.partitions
    ]  # fmt: skip
    widths = table_widths(COLUMNS, rows)
    shown = list(COLUMNS)
    for name in LEFT_OUT_FIRST:
        if sum(widths[one] + GAP for one in shown) - GAP <= width:
            break
        shown.remove(name)
    right = [name for name in COLUMNS if name not in {"owner", "log time"}]
    return table_lines(shown, rows, right=right, styles={"nobody": "red"})
