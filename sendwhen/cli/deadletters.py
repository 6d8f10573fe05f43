"""`sendwhen deadletters`: events that could not be applied."""

from __future__ import annotations

from base64 import b64encode
from typing import Annotated

import typer
from google.protobuf.json_format import MessageToJson
from google.protobuf.message import DecodeError
from rich.markup import escape

from sendwhen.cli.context import targets_of
from sendwhen.cli.terminal import AsJson, ask_trigger, instant, out, print_json, run
from sendwhen.v1.event_pb2 import Event
from sendwhen.v1.trigger_service_pb2 import ListDeadLettersRequest


def deadletters(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many, latest first.")] = 20,
    as_json: AsJson = False,
    show_events: Annotated[bool, typer.Option("--events", help="With the events themselves (personal data).")] = False,
) -> None:
    """List events that were accepted but could not be applied, with the reason."""
    targets = targets_of(context)
    answer = run(ask_trigger(targets, lambda trigger: trigger.ListDeadLetters(ListDeadLettersRequest(limit=limit))))
    if as_json:
        if not show_events:
            for letter in answer.dead_letters:
                letter.ClearField("event")
        print_json(answer)
        return
    for letter in answer.dead_letters:
        place = f"{letter.partition}/{letter.seq}/{letter.index}"
        out.print(f"{instant(letter.at_ms)}  {place:<16} [bold]{escape(letter.reason)}[/]  {escape(letter.detail)}")
        out.print(f"  event {escape(letter.event_id)}")
        if show_events and letter.event:
            out.print(escape(_event(letter.event)))
    out.print(f"{answer.total:,} in all")


def _event(payload: bytes) -> str:
    """As JSON; what is none, which is why it was set aside, in base64."""
    try:
        event = Event.FromString(payload)
    except DecodeError:
        return f"{len(payload):,} bytes that are no event: {b64encode(payload).decode()}"
    return MessageToJson(event, preserving_proto_field_name=True, indent=None)
