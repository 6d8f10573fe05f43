"""The table of limits in the operators' guide is complete and has the numbers of the code."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from sendwhen.archive import compaction, erasure
from sendwhen.backtest import history
from sendwhen.campaigns import liquid_work
from sendwhen.chassis import grpc_gate, grpc_server, store_pool
from sendwhen.domain.shard_limits import ShardLimits
from services.ingest import intake
from services.sender import servicer
from services.trigger import append, archive_ports, archiver, campaigns, dead_letters

MB = 1024**2
GUIDE = Path(__file__).parents[2] / "docs" / "operations.md"


def test_every_limit_of_a_shard_is_in_the_guide() -> None:
    section = GUIDE.read_text().split("\n## Limits\n")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    named = {name: row for row in rows for name in re.findall(r"`([a-z_]+)`", row.split("|")[1])}

    assert named.keys() == {field.name for field in msgspec.structs.fields(ShardLimits)}
    for name in ("minute_events", "seen_ids", "recent_events", "decisions", "fields", "anonymous_ids", "runs"):
        assert f"{getattr(ShardLimits(), name):,}" in named[name]


def test_limits_of_services_and_of_the_archive_are_in_the_guide_with_the_numbers_of_the_code() -> None:
    section = GUIDE.read_text().split("\n## Limits\n")[1].split("\n## ")[0]
    rows = {name: line for line in section.splitlines() for name in re.findall(r"^\| `([A-Z_]+)`", line)}

    shown = {
        "CLOSES_AFTER_MS": f"{erasure.CLOSES_AFTER_MS // 60_000} minutes",
        "RANGE_BYTES": f"{archiver.RANGE_BYTES // MB} MB",
        "RANGES_KEPT": f"{archiver.RANGES_KEPT} ranges",
        "FILE_ROWS": f"{compaction.FILE_ROWS:,} rows, and {compaction.FILE_BYTES // MB} MB of them",
        "UNIT_ROWS": f"{history.UNIT_ROWS:,} rows, and {history.UNIT_BYTES // MB // 1024} GB of them",
        "CALLS_MAX": f"{grpc_gate.CALLS_MAX:,} calls",
        "MESSAGE_BYTES_MAX": f"{grpc_server.MESSAGE_BYTES_MAX // MB} MB",
        "QUEUED_BYTES_MAX": f"{intake.QUEUED_BYTES_MAX // MB} MB of events on their way to trigger (ingest), "
        f"{append.QUEUED_BYTES_MAX // MB} MB",
        "CONNECTIONS_MAX": f"{store_pool.CONNECTIONS_MAX} connections",
        "EVENTS_BYTES_MAX": f"{dead_letters.EVENTS_BYTES_MAX // MB} MB of dead letters",
        "EVENTS_MAX": f"{archive_ports.EVENTS_MAX} latest events",
        "WORK_LIMIT": f"{liquid_work.WORK_LIMIT:,} units",
        "CAMPAIGNS_MAX": f"{campaigns.CAMPAIGNS_MAX:,} campaigns in force",
        "RELEASED_MAX": f"{servicer.RELEASED_MAX:,} held emails",
    }
    assert rows.keys() == shown.keys()
    for name, text in shown.items():
        assert text in rows[name]
