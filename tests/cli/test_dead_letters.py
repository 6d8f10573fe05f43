"""`sendwhen deadletters`, of what was set aside because it is no event as well."""

from __future__ import annotations

from pathlib import Path

import pytest

from sendwhen.cli.replay_counts import count
from sendwhen.cli.settled import Totals
from sendwhen.cli.targets import Targets
from sendwhen.domain.changes import DeadLetter
from sendwhen.v1.event_pb2 import Event
from tests.cli.test_edits_and_why import said
from tests.services.running import ADMIN, Running

pytestmark = pytest.mark.integration

NO_EVENT = b"\xff\xff\xff"


def letter(seq: int, payload: bytes, *, event_id: str = "") -> DeadLetter:
    return DeadLetter(
        seq=seq, index=0, event_id=event_id, reason="unreadable", detail="It is none.", at_ms=seq, payload=payload
    )


async def test_bytes_that_are_no_event_are_shown_as_they_are() -> None:
    event = Event(event_id="e1", name="A", user_id="ada").SerializeToString()
    async with Running() as running:
        running.store.partitions[0].dead_letters = [letter(1, event, event_id="e1"), letter(2, NO_EVENT)]

        result = await said(running, "deadletters", "--events")

    assert result.exit_code == 0
    assert "3 bytes that are no event: ////" in result.output
    assert '"event_id": "e1"' in result.output


async def test_letters_of_no_event_are_counted_after_a_replay_too() -> None:
    async with Running() as running:
        running.store.partitions[0].dead_letters = [letter(1, NO_EVENT), letter(2, NO_EVENT)]
        here = f"127.0.0.1:{running.front.server.port}"
        targets = Targets(
            ingest=here, trigger=here, sender=here, inbox=here, write_key="", admin_key=ADMIN, data=Path("nowhere")
        )
        none = Totals(applied=0, duplicates=0, dead_letters=0)

        counts = await count(
            targets, before=none, after=Totals(applied=0, duplicates=0, dead_letters=2), accepted=1, again=True
        )

    assert counts.dead_letters == 1
