"""`sendwhen up`: run everything on this machine."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from sendwhen.cli.context import folder_of


class Clock(StrEnum):
    """What log time is."""

    wall = "wall"
    events = "events"


class Durability(StrEnum):
    """What an acknowledgement promises."""

    fsync = "fsync"
    fast = "fast"


class Provider(StrEnum):
    """Where emails go."""

    eml = "eml"
    sendgrid = "sendgrid"


def up(
    context: typer.Context,
    demo: Annotated[bool, typer.Option("--demo", help="With a demo shop whose shoppers are simulated.")] = False,
    # What cannot be read is refused below, with what to do about it.
    data: Annotated[
        Path | None, typer.Option(readable=False, help="Data folder (default: SENDWHEN_DATA, else var/sendwhen).")
    ] = None,
    clock: Annotated[
        Clock | None, typer.Option(help="Log time: this machine's, or the events' own. Fixed at creation.")
    ] = None,
    partitions: Annotated[
        int | None, typer.Option(min=1, max=1024, help="Partitions (default 16). Fixed at creation.")
    ] = None,
    shards: Annotated[int, typer.Option(min=1, max=64, help="Shard actors.")] = 2,
    durability: Annotated[
        Durability, typer.Option(help="fsync: acknowledged means on disk. fast: a crash may lose the last second.")
    ] = Durability.fsync,
    provider: Annotated[
        Provider, typer.Option(help="eml: files in the data folder. sendgrid: needs SENDWHEN_SENDER_SENDGRID_KEY.")
    ] = Provider.eml,
    apart: Annotated[
        bool, typer.Option("--apart", help="Ingest and trigger in processes of their own, as in a cluster.")
    ] = False,
    port_base: Annotated[
        int | None, typer.Option(min=1024, max=65_000, help="Ports are counted from here (default 7400).")
    ] = None,
) -> None:
    """Start the store, Ray and all services on this machine; Ctrl-C stops them.

    Everything is kept in the data folder; the next start goes on where this one stopped.
    """
    folder = data.absolute() if data else folder_of(context)
    arguments = ["--data", str(folder), "--shards", str(shards)]
    arguments += ["--durability", durability.value, "--provider", provider.value]
    arguments += ["--demo"] * demo + ["--apart"] * apart
    if clock is not None:
        arguments += ["--clock", clock.value]
    if partitions is not None:
        arguments += ["--partitions", str(partitions)]
    if port_base is not None:
        arguments += ["--port-base", str(port_base)]
    # The command line is a client and may not import services; this process becomes the supervisor instead.
    root = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, "-m", "services.local", *arguments]
    os.execve(sys.executable, command, {**os.environ, "PYTHONPATH": path})  # noqa: S606  no shell is meant
