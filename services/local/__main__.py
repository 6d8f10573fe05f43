"""The supervisor: ``python -m services.local``, which is what ``sendwhen up`` becomes."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from pathlib import Path

from sendwhen.chassis.clock import SystemClock
from sendwhen.chassis.logs import configure_logs
from sendwhen.errors import SendwhenError
from services.local.demo import Demo
from services.local.installation import PARTITIONS_MAX, Installation, Wanted, data_folder, open_installation
from services.local.parts import How, parts_of, settings_of
from services.local.ports import HOST, check_ports
from services.local.settings_check import check_settings, strangers
from services.local.spawner import Spawner
from services.local.supervisor import Supervisor


def main() -> int:
    """Run an installation until asked to stop. 0: stopped as asked; 1: could not be run."""
    given = _arguments()
    configure_logs("local", level="error")
    installation: Installation | None = None
    try:
        folder = (given.data or data_folder(os.environ)).absolute()
        wanted = Wanted(partitions=given.partitions, clock=given.clock, port_base=given.port_base)
        installation = open_installation(folder, wanted, now_ms=SystemClock().now_ms())
        how = How(shards=given.shards, durability=given.durability, provider=given.provider, apart=given.apart)
        return asyncio.run(_run(installation, how, with_demo=given.demo))
    except SendwhenError as error:
        tell(f"cannot run: {error}")
        return 1
    except OSError as error:
        tell(f"cannot run: {error.filename or 'this machine'}: {error.strerror or error}")
        return 1
    finally:
        if installation is not None:
            installation.close()


async def _run(installation: Installation, how: How, *, with_demo: bool) -> int:
    began_s = asyncio.get_running_loop().time()
    spawner = Spawner(cwd=installation.folder)
    parts = parts_of(installation, how, os.environ)
    for sentence in strangers(os.environ):
        tell(f"warning: {sentence}")
    check_settings(settings_of(installation, how, os.environ))
    supervisor = Supervisor(parts=parts, spawner=spawner, folder=installation.folder, tell=tell)
    await supervisor.clear()
    check_ports(installation.identity.ports, shards=min(how.shards, installation.identity.partitions))
    stop = asyncio.Event()
    _on_signals(stop, supervisor)
    tell(f"starting in {installation.folder}")
    demo = Demo(installation, spawner=spawner, tell=tell) if with_demo else None
    try:
        if await _start_unless(supervisor, stop):
            took_s = asyncio.get_running_loop().time() - began_s
            tell(f"healthy after {took_s:.1f} s; events go to {HOST}:{installation.identity.ports.ingest} (gRPC)")
            _invite(installation)
            if demo is not None:
                await demo.start()
            await supervisor.watch(stop)
    finally:
        if demo is not None:
            await demo.stop()
        tell("stopping (Ctrl-C again kills)")
        await supervisor.stop()
        tell("stopped; the next start goes on from here")
    return 0


async def _start_unless(supervisor: Supervisor, stop: asyncio.Event) -> bool:
    starting = asyncio.create_task(supervisor.start())
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([starting, stopping], return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not starting.done():
        starting.cancel()
        return False
    await starting
    return True


def _on_signals(stop: asyncio.Event, supervisor: Supervisor) -> None:
    def asked() -> None:
        if stop.is_set():
            tell("killing everything")
            supervisor.kill()
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, asked)


def _invite(installation: Installation) -> None:
    tell(f"inbox: http://{HOST}:{installation.identity.ports.inbox}/   mail: {installation.mail}")
    tell("in another terminal: sendwhen status | sendwhen track NAME --user ID --email ADDRESS | sendwhen --help")


def tell(line: str) -> None:
    """A line for the person at the terminal."""
    print(f"sendwhen: {line}", flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m services.local", description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--demo", action="store_true")
    parser.add_argument("--clock", choices=("wall", "events"))
    parser.add_argument("--partitions", type=int, choices=range(1, PARTITIONS_MAX + 1), metavar="N")
    parser.add_argument("--shards", type=int, default=2)
    parser.add_argument("--durability", choices=("fsync", "fast"), default="fsync")
    parser.add_argument("--provider", choices=("eml", "sendgrid"), default="eml")
    parser.add_argument("--apart", action="store_true")
    parser.add_argument("--port-base", type=int)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
