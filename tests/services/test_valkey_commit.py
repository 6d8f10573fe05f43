from __future__ import annotations

import pytest
from msgspec.structs import replace

from services.trigger.ports import OutboxRow, PartitionCommit
from services.trigger.valkey_commit import commit_arguments
from tests.contract.store_world import changed, customer


def test_outbox_rows_with_a_gap_in_their_ordinals_are_refused() -> None:
    rows = tuple(OutboxRow(ordinal=ordinal, lineage="l", intent=b"i") for ordinal in (4, 6))
    round_ = PartitionCommit(
        partition=0,
        epoch=1,
        owner="a",
        from_position=0,
        to_position=1,
        to_nonce=b"n",
        changes=changed(position=1, customers=[customer("u")]),
        outbox=rows,
    )

    with pytest.raises(ValueError, match="without gaps"):
        commit_arguments(round_, given_ms=1, ids_expire_ms=0)

    assert commit_arguments(replace(round_, outbox=rows[:1]), given_ms=1, ids_expire_ms=0)[11] == 4
