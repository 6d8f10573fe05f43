"""Email by email: the units' parts, merged by time into one Parquet and one CSV file."""

from __future__ import annotations

import csv
import heapq
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from msgspec.structs import astuple

from sendwhen.backtest.comparison import Compared

BATCH_ROWS: Final = 20_000
OPEN_PARTS_MAX: Final = 200
_LENGTH_BYTES: Final = 4


class Detail(msgspec.Struct, frozen=True, kw_only=True, array_like=True, order=True, gc=False):
    """A row of the details: an email, of the new variant, the old one, or both.

    Attributes:
        at_ms: When it would have gone out; where it is lost: would have before.
        before_at_ms: With another variant beside: when that one would have sent it; 0: not at all.
        change: "" where nothing is compared.
        content: Hash of template and values.
    """

    at_ms: int
    campaign: str
    uid: str
    key: str
    step: int
    change: str
    before_at_ms: int
    user_id: str
    anonymous_id: str
    template: str
    content: str
    run_id: str
    reason: str


COLUMNS: Final = Detail.__struct_fields__
_SCHEMA: Final = pa.schema(
    [(name, pa.int64() if name in {"at_ms", "before_at_ms", "step"} else pa.string()) for name in COLUMNS]
)
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Detail).decode


def detail_of(compared: Compared, user_id: str, anonymous_id: str, *, with_change: bool = True) -> Detail:
    """The row of an email."""
    email = compared.either()
    return Detail(
        at_ms=email.due_at_ms,
        campaign=email.campaign_id,
        uid=email.uid,
        key=email.key,
        step=email.step,
        change=compared.change.value if with_change else "",
        before_at_ms=compared.before.due_at_ms if compared.before and with_change else 0,
        user_id=user_id,
        anonymous_id=anonymous_id,
        template=email.template,
        content=email.content,
        run_id=email.run_id,
        reason=email.reason,
    )


def write_part(path: Path, details: Iterable[Detail]) -> None:
    """Write sorted rows for ``read_part``."""
    with path.open("wb") as file:
        for detail in details:
            packed = _encode(detail)
            file.write(len(packed).to_bytes(_LENGTH_BYTES, "big") + packed)


def read_part(file: BinaryIO) -> Iterator[Detail]:
    """The rows of a part, in order."""
    while size := file.read(_LENGTH_BYTES):
        yield _decode(file.read(int.from_bytes(size, "big")))


def merged(parts: Sequence[Path]) -> Iterator[Detail]:
    """The rows of all parts, in order. Removes the parts."""
    while len(parts) > OPEN_PARTS_MAX:
        # Rounds of merging keep the number of open files bounded.
        together = [parts[start : start + OPEN_PARTS_MAX] for start in range(0, len(parts), OPEN_PARTS_MAX)]
        fewer = []
        for group in together:
            fewer.append(group[0].with_suffix(".merged"))
            write_part(fewer[-1], _merge(group))
        parts = [one.rename(one.with_suffix(".part")) for one in fewer]
    yield from _merge(parts)


def _merge(parts: Sequence[Path]) -> Iterator[Detail]:
    with ExitStack() as stack:
        files = [stack.enter_context(part.open("rb")) for part in parts]
        yield from heapq.merge(*map(read_part, files))
    for part in parts:
        part.unlink()


def write_details(details: Iterator[Detail], folder: Path) -> int:
    """Write ``emails.parquet`` and ``emails.csv`` side by side; how many rows. For the owner alone: it names people."""
    rows = 0
    with (
        pq.ParquetWriter(_owners(folder / "emails.parquet"), _SCHEMA, compression="zstd") as parquet,
        _owners(folder / "emails.csv").open("w", newline="", encoding="utf-8") as text,
    ):
        table = csv.writer(text, lineterminator="\n")
        table.writerow(COLUMNS)
        while batch := [astuple(detail) for detail in islice(details, BATCH_ROWS)]:
            rows += len(batch)
            table.writerows([_shown(value) for value in row] for row in batch)
            columns = [
                pa.array(column, field.type) for column, field in zip(zip(*batch, strict=True), _SCHEMA, strict=True)
            ]
            parquet.write_table(pa.table(columns, schema=_SCHEMA))
    return rows


def _shown(value: str | int) -> str | int:
    # A spreadsheet would take these for formulas, and ids are what strangers sent.
    return "'" + value if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value


def _owners(path: Path) -> Path:
    path.touch(mode=0o600)
    return path
