"""A file of events, one JSON object a line, as `sendwhen replay` reads it: in its own order, or stably sorted by time.

    {"event_id": "e1", "name": "Order Completed", "user_id": "u1", "occurred_at_ms": 1700000000000,
     "properties": {"total": 12.5}, "attributes": {"consent": true}}

One of user_id, anonymous_id and email is needed; null is nothing, as exports write it for empty columns. Instead of
occurred_at_ms, "occurred_at" takes an ISO 8601 time (UTC where it names no zone). Where event_id is left out, one is
made from the file and the line, the same on every replay.
"""

from __future__ import annotations

import codecs
import heapq
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import IO

import msgspec

from sendwhen.v1.event_pb2 import Event

SORTED_RUN_LINES = 200_000
"""So many lines are sorted in memory; longer files are merged from sorted runs on disk."""
SORTED_RUN_BYTES = 256 * 1024 * 1024
"""And so many bytes of them."""
LINE_BYTES_MAX = 1024 * 1024
"""A longer line is no event; no more of it is read into memory."""
_IDENTITY_BYTES = 1024 * 1024
_DIGITS_MAX = 20
"""One more than any instant has."""
_MS_MAX = 2**63 - 1

Line = tuple[int, bytes]
"""Number of a line, from 1, and its text."""


class _Timed(msgspec.Struct):
    occurred_at_ms: int | None = None
    occurred_at: str | None = None


class _Row(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    event_id: str | None = None
    user_id: str | None = None
    anonymous_id: str | None = None
    email: str | None = None
    previous_id: str | None = None
    occurred_at_ms: int | None = None
    occurred_at: str | None = None
    properties: msgspec.Raw = msgspec.Raw(b"{}")
    attributes: msgspec.Raw = msgspec.Raw(b"{}")


_timed = msgspec.json.Decoder(_Timed)
_row = msgspec.json.Decoder(_Row)


class BadLine(ValueError):
    """A line that is no event; says what is wrong."""


def identity_of(path: Path) -> str:
    """What tells this file from others: a hash of its size, beginning and end. Its name and place do not count."""
    size = path.stat().st_size
    digest = blake2b(str(size).encode(), digest_size=12)
    with path.open("rb") as file:
        digest.update(file.read(_IDENTITY_BYTES))
        file.seek(max(0, size - _IDENTITY_BYTES))
        digest.update(file.read())
    return digest.hexdigest()


def count_lines(path: Path) -> int:
    """How many events the file holds, at most: its lines that are not blank."""
    return sum(1 for _ in in_file_order(path))


def in_file_order(path: Path) -> Iterator[Line]:
    """The lines that are not blank; of one that is too long, its beginning."""
    with path.open("rb") as file:
        number = 0
        while line := file.readline(LINE_BYTES_MAX):
            number += 1
            if number == 1:
                line = line.removeprefix(codecs.BOM_UTF8)  # Windows tools begin files with it
            if line.strip():
                yield number, line
            while len(line) == LINE_BYTES_MAX and not line.endswith(b"\n"):
                line = file.readline(LINE_BYTES_MAX)


def by_time(path: Path, *, run_lines: int = SORTED_RUN_LINES, run_bytes: int = SORTED_RUN_BYTES) -> Iterator[Line]:
    """The same lines sorted by their time; those of one time keep the file's order.

    A line whose time cannot be read stays behind the one before it, to be refused in its place.
    """
    with ExitStack() as stack:
        runs: list[Iterator[tuple[int, int, bytes]]] = []
        run: list[tuple[int, int, bytes]] = []
        at_ms = size = 0
        for number, line in in_file_order(path):
            at_ms = _time_of(line, otherwise_ms=at_ms)
            run.append((at_ms, number, line))
            size += len(line)
            if len(run) == run_lines or size >= run_bytes:
                runs.append(_on_disk(sorted(run), stack))
                run, size = [], 0
        run.sort()
        for _, number, line in heapq.merge(*runs, run):
            yield number, line


def _on_disk(run: list[tuple[int, int, bytes]], stack: ExitStack) -> Iterator[tuple[int, int, bytes]]:
    file = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115  the stack closes it
    for at_ms, number, line in run:
        file.write(b"%d %d %s\n" % (at_ms, number, line.rstrip(b"\r\n")))
    file.seek(0)
    return _read_run(file)


def _read_run(file: IO[bytes]) -> Iterator[tuple[int, int, bytes]]:
    for text in file:
        at_ms, number, line = text.split(b" ", 2)
        yield int(at_ms), int(number), line


def _time_of(line: bytes, *, otherwise_ms: int) -> int:
    try:
        timed = _timed.decode(line)
        return _instant(timed.occurred_at_ms, timed.occurred_at)
    except (msgspec.DecodeError, BadLine):
        return otherwise_ms


def event_of(line: bytes, number: int, *, file_identity: str) -> Event:
    """A line as an event.

    Raises:
        BadLine: It is none.
    """
    if len(line) >= LINE_BYTES_MAX:
        raise BadLine(f"it is longer than {LINE_BYTES_MAX // 1024**2} MB")
    try:
        row = _row.decode(line)
    except msgspec.DecodeError as error:
        raise BadLine(_no_event(line) or f"not an event: {error}") from error
    return Event(
        event_id=row.event_id or f"replay-{file_identity}-{number}",
        name=row.name,
        user_id=row.user_id or "",
        anonymous_id=row.anonymous_id or "",
        email=row.email or "",
        occurred_at_ms=_instant(row.occurred_at_ms, row.occurred_at),
        properties_json=_object("properties", row.properties),
        attributes_json=_object("attributes", row.attributes),
        previous_id=row.previous_id or "",
    )


def _no_event(line: bytes) -> str:
    """What files that are meant otherwise look like, line by line; "" where it is the line alone that is wrong."""
    if b"\0" in line:
        return "the file is not UTF-8 text (it looks like UTF-16); save it as UTF-8"
    if line.lstrip()[:1] in (b"[", b"]", b"}"):
        return "not an event: each line must be one whole JSON object"
    return ""


def _object(name: str, raw: msgspec.Raw) -> bytes:
    content = bytes(raw)
    if content == b"null":
        return b"{}"
    if not content.lstrip().startswith(b"{"):
        raise BadLine(f"{name} is not a JSON object")
    return content


def _instant(at_ms: int | None, text: str | None) -> int:
    if at_ms is not None:
        return _within_64_bits(at_ms)
    if text is None:
        raise BadLine("it has neither occurred_at_ms nor occurred_at")
    return instant_ms(text)


def instant_ms(text: str) -> int:
    """A time in ISO 8601 (UTC where it names no zone), or in milliseconds since 1970-01-01 UTC, as the latter.

    Raises:
        BadLine: It is neither.
    """
    if text.isdecimal():
        return _within_64_bits(int(text[:_DIGITS_MAX]))
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadLine(f"{text[:40]!r} is not a time such as 2026-01-31T08:00:00Z") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)


def _within_64_bits(at_ms: int) -> int:
    if not -_MS_MAX <= at_ms <= _MS_MAX:
        raise BadLine("its time is beyond all calendars; milliseconds are meant")
    return at_ms
