"""The table of limits in the operators' guide is complete and has the numbers of the code."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from sendwhen.archive import compaction, erasure
from sendwhen.backtest import history
from sendwhen.domain.shard_limits import ShardLimits
from services.sender import servicer
from services.trigger import archiver

GUIDE = Path(__file__).parents[2] / "docs" / "operations.md"


def test_every_limit_of_a_shard_is_in_the_guide() -> None:
    section = GUIDE.read_text().split("\n## Limits\n")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    named = {name: row for row in rows for name in re.findall(r"`([a-z_]+)`", row.split("|")[1])}

    assert named.keys() == {field.name for field in msgspec.structs.fields(ShardLimits)}
    for name in ("minute_events", "seen_ids", "recent_events", "decisions", "fields", "anonymous_ids", "runs"):
        assert f"{getattr(ShardLimits(), name):,}" in named[name]


def test_limits_of_the_archive_are_in_the_guide_with_the_numbers_of_the_code() -> None:
    section = GUIDE.read_text().split("\n## Limits\n")[1].split("\n## ")[0]
    rows = {name: line for line in section.splitlines() for name in re.findall(r"^\| `([A-Z_]+)` \|", line)}

    shown = {
        "CLOSES_AFTER_MS": f"{erasure.CLOSES_AFTER_MS // 60_000} minutes",
        "RANGE_BYTES": f"{archiver.RANGE_BYTES // 1024**2} MB",
        "FILE_ROWS": f"{compaction.FILE_ROWS:,} rows",
        "UNIT_ROWS": f"{history.UNIT_ROWS:,} rows",
        "RELEASED_MAX": f"{servicer.RELEASED_MAX:,} held emails",
    }
    assert rows.keys() == shown.keys()
    for name, text in shown.items():
        assert text in rows[name]
