"""Settings: a frozen dataclass per process, read from the environment, complaining about everything at once.

A field ``batch_limit`` of ``IngestSettings`` with prefix ``SENDWHEN_INGEST_`` is read from
``SENDWHEN_INGEST_BATCH_LIMIT``. Supported types: str, int, bool, Path, and tuple[str, ...] (comma-separated). A value
may instead stand in a file named by the variable with ``_FILE`` appended, as Kubernetes mounts secrets.
"""

from __future__ import annotations

import dataclasses
import re
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from sendwhen.chassis.logs import LEVELS
from sendwhen.errors import Invalid

T = TypeVar("T")
_ADDRESS = re.compile(r"\S*:[0-9]{1,5}\Z")


class InvalidSettings(Invalid):
    """One or more variables cannot be understood."""


def read_settings(kind: type[T], environ: Mapping[str, str], *, prefix: str) -> T:
    """Build ``kind`` from variables that start with ``prefix``; unset ones keep the field's default.

    Raises:
        InvalidSettings: Names every variable that is missing or wrong, and what it must be.
    """
    complaints: list[str] = []
    values: dict[str, object] = {}
    hints = typing.get_type_hints(kind)
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        name = prefix + field.name.upper()
        text = _text_of(name, environ, complaints)
        if text is None:
            if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
                complaints.append(f"{name} is not set and has no default.")
            continue
        try:
            values[field.name] = _parse(text, hints[field.name])
            _check(field.name, text)
        except ValueError as error:
            complaints.append(f"{name}={text!r} is not {error}.")
    if not complaints:
        try:
            return kind(**values)
        except ValueError as error:
            complaints.append(str(error))
    raise InvalidSettings(" ".join(complaints), remedy="Set these variables, or unset them to use the defaults.")


def _check(field: str, text: str) -> None:
    """What fields of these names hold in every service."""
    if field == "log_level" and text not in LEVELS:
        raise ValueError(", ".join(LEVELS[:-1]) + f" or {LEVELS[-1]}")
    if field.endswith("listen") and not _ADDRESS.match(text) and not (text == "" and field != "listen"):
        raise ValueError("an address such as 127.0.0.1:7401")


def _text_of(name: str, environ: Mapping[str, str], complaints: list[str]) -> str | None:
    if name in environ:
        return environ[name]
    path = environ.get(name + "_FILE")
    if path is None:
        return None
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        complaints.append(f"{name}_FILE={path!r} cannot be read: {error.strerror}.")
        return None


def _parse(text: str, kind: object) -> object:
    if kind is str:
        return text
    if kind is int:
        try:
            number = int(text)
        except ValueError:
            raise ValueError("a whole number") from None
        if number < 0:
            raise ValueError("a whole number of at least 0")
        return number
    if kind is bool:
        try:
            return {"true": True, "1": True, "false": False, "0": False}[text.lower()]
        except KeyError:
            raise ValueError("true or false") from None
    if kind is Path:
        return Path(text)
    if kind == tuple[str, ...]:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    raise TypeError(f"a setting cannot have the type {kind}")
