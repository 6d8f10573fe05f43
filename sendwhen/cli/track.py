"""`sendwhen track NAME`: send one event."""

from __future__ import annotations

import json
from typing import Annotated
from uuid import uuid4

import typer

from sendwhen.cli.context import targets_of
from sendwhen.cli.targets import Targets
from sendwhen.cli.terminal import call, fail, out, run
from sendwhen.v1.event_pb2 import Event
from sendwhen.v1.ingest_service_pb2 import TrackRequest, TrackResponse, WaitUntil
from sendwhen.v1.ingest_service_pb2_grpc import IngestStub


def track(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="What happened, such as 'Order Completed'.")],
    user_id: Annotated[str, typer.Option("--user", help="The customer's id in your system.")] = "",
    anonymous_id: Annotated[str, typer.Option("--anonymous", help="A visitor's id.")] = "",
    email: Annotated[str, typer.Option(help="The customer's address.")] = "",
    previous_id: Annotated[str, typer.Option("--previous", help="An id the customer was known by before.")] = "",
    properties: Annotated[str, typer.Option("--properties", "-p", help="A JSON object, what it is about.")] = "{}",
    attributes: Annotated[str, typer.Option("--attributes", "-a", help="A JSON object, about the customer.")] = "{}",
    event_id: Annotated[str, typer.Option(help="Default: a new one. The same again has no further effect.")] = "",
    occurred_at_ms: Annotated[int, typer.Option(help="When, in milliseconds since 1970 UTC (default: now).")] = 0,
    wait: Annotated[bool, typer.Option(help="Return only after it was applied.")] = True,
) -> None:
    """Send one event and print where it stands in the log."""
    targets = targets_of(context)
    try:
        event = Event(
            event_id=event_id or uuid4().hex,
            name=name,
            user_id=user_id,
            anonymous_id=anonymous_id,
            email=email,
            previous_id=previous_id,
            occurred_at_ms=occurred_at_ms,
            properties_json=_json("--properties", properties),
            attributes_json=_json("--attributes", attributes),
        )
    except (UnicodeEncodeError, ValueError):
        # Half of a surrogate pair, bytes of the terminal that are no UTF-8, or a time beyond 64 bits.
        fail("The event cannot be written: use text in UTF-8 and times in 64 bits.", code=2)
    answer = run(_send(targets, event, wait=wait))
    out.print(f"event {event.event_id}  partition {answer.position.partition}  seq {answer.position.seq}")


async def _send(targets: Targets, event: Event, *, wait: bool) -> TrackResponse:
    until = WaitUntil.WAIT_UNTIL_APPLIED if wait else WaitUntil.WAIT_UNTIL_LOGGED
    request = TrackRequest(event=event, wait_until=until)
    return await call(targets.ingest, "ingest", targets.write_key, IngestStub, lambda ingest: ingest.Track(request))


def _json(option: str, text: str) -> bytes:
    try:
        parsed = json.loads(text, parse_constant=_no_constant)
    except ValueError as error:
        fail(f"{option} is not JSON: {error}.", code=2)
    if not isinstance(parsed, dict):
        fail(f'{option} must be a JSON object, such as {{"price": 12.5}}.', code=2)
    return json.dumps(parsed, separators=(",", ":"), ensure_ascii=False).encode()


def _no_constant(word: str) -> None:
    raise ValueError(f"{word} is no JSON")
