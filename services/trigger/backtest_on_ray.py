"""What `sendwhen backtest --ray` becomes: the same backtest, done by the nodes of a Ray cluster."""

from __future__ import annotations

import sys

import msgspec
import typer

from sendwhen.cli.backtest import Asked, run_asked
from services.trigger.ray_workers import RayTasks


def main(address: str, workers: str, asked: str) -> int:
    """Run it; the exit code."""
    try:
        run_asked(msgspec.json.decode(asked, type=Asked), RayTasks(address, count=int(workers)))
    except typer.Exit as ended:
        return ended.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
