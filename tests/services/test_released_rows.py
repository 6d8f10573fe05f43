"""What lies between a shard's two threads."""

from __future__ import annotations

from services.trigger.ports import OutboxRow
from services.trigger.shard_driver import ReleasedRows


def rows(*ordinals: int) -> tuple[OutboxRow, ...]:
    return tuple(OutboxRow(ordinal=ordinal, lineage="l", intent=b"") for ordinal in ordinals)


def test_rows_are_taken_once_in_order() -> None:
    released = ReleasedRows()

    released.put({0: rows(1), 1: rows(7)})
    released.put({0: rows(2, 3)})

    assert released.take(0) == {0: rows(1, 2, 3), 1: rows(7)}
    assert released.take(0) == {}


def test_after_a_claim_the_outbox_is_to_be_read_whatever_was_released() -> None:
    released = ReleasedRows()

    released.put({0: rows(1)})
    released.put({0: ()})
    released.put({0: rows(2)})

    assert released.take(0) == {0: ()}


def test_more_rows_than_the_limit_are_left_to_the_outbox() -> None:
    released = ReleasedRows(rows_max=3)

    released.put({0: rows(1, 2)})
    released.put({0: rows(3, 4)})
    released.put({0: rows(5)})

    assert released.take(0) == {0: ()}


def test_who_waits_for_rows_is_woken_by_the_end() -> None:
    released = ReleasedRows()

    released.close()

    assert released.take(60) == {}
