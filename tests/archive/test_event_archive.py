"""An archive made of a file of events."""

from __future__ import annotations

import json
from pathlib import Path

from sendwhen.archive.archive import Archive
from sendwhen.archive.event_archive import archive_events
from sendwhen.archive.local_files import LocalFiles
from sendwhen.archive.transfer import WHOLE, Range, events_by_time
from sendwhen.archive.verification import verify
from tests.builders import DAY_MS, T0_MS


def test_a_files_events_are_archived_in_the_order_of_time_and_what_is_none_is_named(tmp_path: Path) -> None:
    good = [
        {"event_id": f"e{n}", "name": "A", "user_id": f"u{n % 5}", "occurred_at_ms": T0_MS + (n * 7 % 11) * DAY_MS}
        for n in range(40)
    ]
    bad = [
        {"name": "A", "occurred_at_ms": T0_MS},
        {"name": "A", "user_id": "u", "occurred_at_ms": T0_MS * 1_000},
        {"name": "A", "user_id": "u", "occurred_at_ms": 2**64},
        {"name": "A", "user_id": "u"},
        {"name": "A", "user_id": "u" * 300, "occurred_at_ms": T0_MS},
        {"name": "A", "user_id": "u", "occurred_at_ms": T0_MS, "properties": {"n": 2**70}},
    ]
    file = tmp_path / "events.jsonl"
    file.write_text("\n".join(map(json.dumps, [*good[:20], *bad, *good[20:]])))
    archive, told = Archive(LocalFiles(tmp_path / "archive")), list[int]()

    taken = archive_events(file, archive, told.append)

    assert (taken.events, taken.refused) == (40, 6)
    assert [reason[:24] for reason in sorted(taken.reasons)] == [
        "line 21: user_id: Send a",
        "line 22: occurred_at_ms:",
        "line 23: its time is bey",
        "line 24: it has neither ",
        "line 25: user_id: Send a",
        "line 26: properties_json",
    ], "what ingest would refuse is refused here too"
    found = [event.event_id for event in events_by_time(archive, Range(clock="events"), stretch=WHOLE)]
    wanted = {one["event_id"]: one["occurred_at_ms"] for one in good}
    assert sorted(found) == sorted(wanted)
    assert [wanted[one] for one in found] == sorted(wanted.values())
    assert not [flaw for partition in archive.partitions() for one in verify(archive, partition) for flaw in one.flaws]
