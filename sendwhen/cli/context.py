"""The options that stand before the command, as every command reads them."""

from __future__ import annotations

import os
from pathlib import Path

import typer

from sendwhen.cli.targets import NoInstallation, Targets, data_folder, read_targets
from sendwhen.cli.terminal import fail


def folder_of(context: typer.Context) -> Path:
    """The data folder meant."""
    given = (context.find_root().obj or {}).get("data")
    return data_folder(os.environ, given)


def targets_of(context: typer.Context) -> Targets:
    """The installation meant; ends the command where there is none."""
    try:
        return read_targets(os.environ, folder_of(context))
    except NoInstallation as error:
        fail(str(error))
