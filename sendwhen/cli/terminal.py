"""What every command shares: where it prints, how it calls, and how a failure becomes a sentence and an exit code."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, NoReturn, TypeVar

import grpc
import typer
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from rich.console import Console
from rich.markup import escape

from sendwhen.chassis.grpc_channel import open_channel
from sendwhen.chassis.grpc_status import error_of
from sendwhen.cli.targets import Targets
from sendwhen.errors import Invalid, SendwhenError, TooLate, Unavailable

T = TypeVar("T")
S = TypeVar("S")

EXIT_REFUSED = 1
EXIT_UNREACHABLE = 3

AsJson = Annotated[bool, typer.Option("--json", help="As JSON, for programs.")]

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def fail(problem: str, *, code: int = EXIT_REFUSED) -> NoReturn:
    """Say why not, and end the command."""
    tell(problem)
    raise typer.Exit(code)


def print_json(answer: Message | Sequence[Message]) -> None:
    """An answer for programs, or a list of them: all fields by their names in the protos, those that are empty too."""
    found = [_plain(one) for one in answer] if isinstance(answer, Sequence) else _plain(answer)
    typer.echo(json.dumps(found, indent=2, ensure_ascii=False))


def _plain(answer: Message) -> dict[str, Any]:
    return MessageToDict(answer, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)


def tell(problem: str) -> None:
    """Say why not."""
    err.print(f"[bold red]sendwhen:[/] {escape(problem)}")


def run(work: Coroutine[Any, Any, T], *, expected: type[SendwhenError] | tuple[()] = ()) -> T:
    """Run a command's calls; what fails becomes a sentence on standard error and an exit code.

    Raises:
        SendwhenError: Of the ``expected`` kind, which the command tells by itself.
    """
    try:
        return asyncio.run(work)
    except expected:
        raise
    except Invalid as error:
        lines = [str(error), *(f"  {violation.field}: {violation.description}" for violation in error.violations)]
        fail("\n".join(lines if error.violations and lines[0] != lines[-1].strip() else lines[:1]))
    except (Unavailable, TooLate) as error:
        fail(str(error), code=EXIT_UNREACHABLE)
    except SendwhenError as error:
        fail(str(error))
    except KeyboardInterrupt:
        fail("stopped", code=130)


async def call(
    target: str, service: str, key: str, stub: Callable[[grpc.aio.Channel], S], ask: Callable[[S], Awaitable[T]]
) -> T:
    """One call to a service.

    Raises:
        SendwhenError: What the service answered, or Unavailable where nobody answers.
    """
    async with open_channel(target, key=key) as channel:
        try:
            return await ask(stub(channel))
        except grpc.aio.AioRpcError as failure:
            raise unreachable(service, target) if is_unreachable(failure) else error_of(failure) from failure


def is_unreachable(failure: grpc.RpcError) -> bool:
    """True where no server answered at all."""
    return failure.code() == grpc.StatusCode.UNAVAILABLE and "failed to connect" in (failure.details() or "").lower()


def unreachable(service: str, target: str) -> Unavailable:
    """The error for a service that nobody runs."""
    return Unavailable(f"{service} cannot be reached at {target}.", remedy="Start sendwhen with `sendwhen up`.")


async def ask_trigger(targets: Targets, ask: Callable[[Any], Awaitable[T]]) -> T:
    """One call to trigger with the admin key."""
    from sendwhen.v1.trigger_service_pb2_grpc import TriggerStub

    return await call(targets.trigger, "trigger", targets.admin_key, TriggerStub, ask)


async def ask_sender(targets: Targets, ask: Callable[[Any], Awaitable[T]]) -> T:
    """One call to sender with the admin key."""
    from sendwhen.v1.sender_service_pb2_grpc import SenderStub

    return await call(targets.sender, "sender", targets.admin_key, SenderStub, ask)


def instant(at_ms: int) -> str:
    """A time for people: date and time in UTC to the second, or "-" for none."""
    if not at_ms:
        return "-"
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
