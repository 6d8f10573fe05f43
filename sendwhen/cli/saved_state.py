"""How far a command came, kept in a file so that the same command goes on from there."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import msgspec

from sendwhen.cli.terminal import fail

T = TypeVar("T", bound=msgspec.Struct)


def read_state(path: Path, kind: type[T]) -> T | None:
    """What was kept; None where nothing was. Ends the command where it cannot be understood."""
    if not path.exists():
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except msgspec.DecodeError as error:
        fail(f"{path} cannot be understood: {error}. Begin anew with --restart; what is known is not applied twice.")


def write_state(path: Path, state: msgspec.Struct) -> None:
    """Keep it, whole or not at all, for the owner alone."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_suffix(".new")
    fresh.write_bytes(msgspec.json.encode(state))
    fresh.replace(path)
