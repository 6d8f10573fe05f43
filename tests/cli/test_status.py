"""The table of `sendwhen status` fits the terminal, by leaving out columns, never by cutting values."""

from __future__ import annotations

import pytest

from sendwhen.cli.status import COLUMNS, partitions_lines
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
    return partitions_lines(GetStatusResponse(partitions=partitions), width=width)


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
    (head,) = partitions_lines(GetStatusResponse(), width=80)

    assert "partition" in head
