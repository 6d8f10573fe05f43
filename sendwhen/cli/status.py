"""`sendwhen status`: partitions, owners, lag, positions, the store's durability."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from google.protobuf.json_format import MessageToDict
from rich.markup import escape
from rich.table import Table

from sendwhen.cli.context import targets_of
from sendwhen.cli.terminal import ask_trigger, instant, out, run
from sendwhen.v1.trigger_service_pb2 import GetStatusRequest, GetStatusResponse

TABLE_WIDTH = 130


def status(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
) -> None:
    """Show partitions, their owners, lag and positions, and what the store promises."""
    targets = targets_of(context)
    answer = run(ask_trigger(targets, lambda trigger: trigger.GetStatus(GetStatusRequest())))
    if as_json:
        found = MessageToDict(answer, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
        typer.echo(json.dumps(found, indent=2))
        return
    _show(answer)


def _show(answer: GetStatusResponse) -> None:
    out.print(f"durability [bold]{escape(answer.durability)}[/]  clock [bold]{escape(answer.clock)}[/]")
    out.print(f"store      {escape(answer.store)}")
    if answer.refusing:
        out.print(f"[bold red]refusing events:[/] {escape(answer.refusing)}")
    for shard in answer.shards:
        colour = "green" if shard.state == "running" else "red"
        held = ", ".join(str(number) for number in shard.partitions)
        out.print(f"{escape(shard.name)}  [{colour}]{escape(shard.state)}[/]  partitions {held}")
    table = Table(box=None, pad_edge=False)
    for name in ("partition", "owner", "log time", "head", "position", "lag", "applied", "repeated", "dead", "outbox"):
        table.add_column(name, justify="left" if name in {"owner", "log time"} else "right", no_wrap=True)
    for p in answer.partitions:
        table.add_row(
            str(p.partition), escape(p.owner) or "[red]nobody[/]", instant(p.head_at_ms), str(p.head_seq),
            str(p.position), str(p.lag_events), str(p.applied), str(p.duplicates), str(p.dead_letters), str(p.outbox),
        )  # fmt: skip
    # Wider than a narrow terminal rather than with values cut off.
    out.print(table, width=max(out.width, TABLE_WIDTH), crop=False)
    total = answer.partitions
    out.print(
        f"in all: {sum(p.applied for p in total):,} events applied, {sum(p.lag_events for p in total):,} waiting, "
        f"{sum(p.duplicates for p in total):,} duplicates, {sum(p.dead_letters for p in total):,} dead letters"
    )
