"""`sendwhen env`: addresses and keys as shell exports, for clients of one's own."""

from __future__ import annotations

import shlex

import typer

from sendwhen.cli.context import targets_of
from sendwhen.cli.targets import VARIABLES


def env(context: typer.Context) -> None:
    """Print addresses and keys as exports: eval "$(sendwhen env)"."""
    targets = targets_of(context)
    for name, variable in VARIABLES.items():
        typer.echo(f"export {variable}={shlex.quote(getattr(targets, name))}")
