"""The table of limits in the operators' guide is complete and has the numbers of the code."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from sendwhen.domain.shard_limits import ShardLimits

GUIDE = Path(__file__).parents[2] / "docs" / "operations.md"


def test_every_limit_of_a_shard_is_in_the_guide() -> None:
    section = GUIDE.read_text().split("\n## Limits\n")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    named = {name: row for row in rows for name in re.findall(r"`([a-z_]+)`", row.split("|")[1])}

    assert named.keys() == {field.name for field in msgspec.structs.fields(ShardLimits)}
    for name in ("minute_events", "seen_ids", "recent_events", "decisions", "fields", "anonymous_ids", "runs"):
        assert f"{getattr(ShardLimits(), name):,}" in named[name]
