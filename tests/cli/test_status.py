"""The table of `sendwhen status` fits the terminal, by leaving out columns, never by cutting values."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from sendwhen.cli.status import COLUMNS, partitions_table
from sendwhen.v1.trigger_service_pb2 import GetStatusResponse, PartitionStatus

OWNER = "shard-1-0123456789abcdef"


def printed(width: int, **fields: object) -> list[str]:
    partitions = [
        PartitionStatus(
            partition=number, owner=OWNER, head_seq=123_456_789, position=123_456_788, head_at_ms=1_800_000_000_000,
            lag_events=12_345, applied=9_876_543_210, duplicates=4_321, dead_letters=17, outbox=3, **fields,  # type: ignore[arg-type]  # by name
        )
        for number in (0, 1_023)
    ]  # fmt: skip
    file = io.StringIO()
    table = partitions_table(GetStatusResponse(partitions=partitions), width=width)
    Console(file=file, width=10_000, color_system=None).print(table)
    return [line.rstrip() for line in file.getvalue().splitlines()]


@pytest.mark.parametrize("width", [60, 80, 100, 120, 200])
def test_no_line_is_longer_than_the_terminal_and_no_value_is_cut(width: int) -> None:
    head, *rows = printed(width)

    assert all(len(line) <= width for line in (head, *rows))
    assert len(rows) == 2
    assert "1023" in rows[1]
    assert "12345" in rows[1]
    assert "…" not in "".join(rows)


def test_the_usual_width_shows_who_owns_what_and_how_far_it_is() -> None:
    (head, *rows) = printed(80)

    assert all(name in head for name in ("partition", "owner", "position", "lag", "dead", "outbox"))
    assert OWNER in rows[0]


def test_a_wide_terminal_shows_everything() -> None:
    assert all(name in printed(200)[0] for name in COLUMNS)


def test_without_partitions_only_the_names_are_shown() -> None:
    file = io.StringIO()
    Console(file=file, width=200).print(partitions_table(GetStatusResponse(), width=80))

    assert "partition" in file.getvalue()
