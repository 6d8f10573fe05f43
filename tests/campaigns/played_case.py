"""Plays a case of ``cases.yaml`` through the production domain, and draws it.

A case: ``{name, timeline: [{at, who, event, properties, attributes, happened_at}], run_until, expect: [{at, who,
send | skip}]}``.
``t0`` is the instant of 0s. Customers consent unless an event says otherwise.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from sendwhen.campaigns import CampaignFiles, Checked, check, compile_campaign, compile_policy, fuse
from sendwhen.campaigns.durations import duration_ms, duration_text
from sendwhen.domain.campaign import Campaign
from sendwhen.domain.decision import Kind
from sendwhen.domain.entry import CampaignPut, Entry, EventBatch, Tick
from sendwhen.domain.sending_rules import SENDING_ID, SendingPolicy
from sendwhen.domain.shard import Shard
from tests.builders import FOR_EVER_MS, an_event, uid_of
from tests.domain.keeping import Kept

_POLICY = b"# sending policy\n"
STARTS_AT = "2026-03-02T09:00:00Z"
"""A Monday."""


@dataclass(frozen=True, order=True)
class Outcome:
    """An email, or why there was none."""

    at_ms: int
    who: str
    what: str
    skipped: bool = False


def checked(files: Mapping[str, bytes] | CampaignFiles) -> Checked:
    found = check(files)
    assert not found.problems, "\n".join(map(str, found.problems))
    return found


def played(campaign: Checked, case: Mapping[str, Any]) -> list[Outcome]:
    """What a campaign does on a timeline, in the order of the instants for which it is due."""
    t0_ms = start_ms(case)
    names = {uid_of(str(line["who"])): str(line["who"]) for line in case["timeline"]}
    hashes = dict(campaign.template_hashes)
    shard = Shard(partition=0, send_key=b"k", compile_campaign=lambda source: _compiled(source, hashes), fuse=fuse)
    shard.expect((), FOR_EVER_MS)
    kept = Kept()
    found: list[Outcome] = []
    entries = deque(_entries(campaign, case, t0_ms))
    seq = 0
    while entries:
        # Where nothing happens a tick moves the clock, as in an installation.
        due_ms = min(kept.due.values(), default=FOR_EVER_MS)
        seq += 1
        entry = Tick(seq=seq, at_ms=due_ms) if due_ms < entries[0].at_ms else replace(entries.popleft(), seq=seq)
        for uid in (*shard.absent(entry), *shard.due_absent(shard.instants(entry)[-1])):
            shard.admit(uid, kept.records.get(uid), kept.seen.get(uid, b""))
        shard.apply(entry)
        changes = shard.collect()
        kept.commit(changes)
        for uid, decision in changes.decisions:
            at_ms = decision.due_at_ms - t0_ms
            if decision.kind is Kind.SEND:
                found.append(Outcome(at_ms, names[uid], decision.template))
            elif decision.kind is Kind.SKIPPED:
                found.append(Outcome(at_ms, names[uid], decision.reason, skipped=True))
    return sorted(found)


def expected(case: Mapping[str, Any]) -> list[Outcome]:
    return sorted(
        Outcome(ms(line["at"]), str(line["who"]), str(line.get("send") or line["skip"]), "skip" in line)
        for line in case.get("expect", [])
    )


def ms(text: str) -> int:
    found = 0 if text in ("0", "0s") else duration_ms(text)
    assert found is not None, text
    return found


def start_ms(case: Mapping[str, Any]) -> int:
    return round(datetime.fromisoformat(str(case.get("t0", STARTS_AT))).timestamp() * 1_000)


def _entries(campaign: Checked, case: Mapping[str, Any], t0_ms: int) -> Iterator[Entry]:
    assert campaign.campaign
    yield from _beside(case, t0_ms)
    put = CampaignPut(
        seq=1,
        at_ms=t0_ms,
        campaign_id=campaign.campaign.campaign_id,
        version=campaign.version,
        source=campaign.source_yaml,
    )
    yield put
    known: set[str] = set()
    seq = 1
    for line in case["timeline"]:
        seq += 1
        who, at_ms = str(line["who"]), t0_ms + ms(line["at"])
        attributes = dict(line.get("attributes") or {})
        if who not in known:
            attributes = {"consent": True, **attributes}
        known.add(who)
        event = an_event(
            str(line["event"]),
            who,
            event_id=f"e{seq}",
            at_ms=t0_ms + ms(line.get("happened_at", line["at"])),
            properties=line.get("properties"),
            attributes=attributes or None,
        )
        yield EventBatch(seq=seq, at_ms=at_ms, events=(event,))
    if "run_until" in case:
        yield Tick(seq=seq + 1, at_ms=t0_ms + ms(case["run_until"]))


def _beside(case: Mapping[str, Any], t0_ms: int) -> Iterator[Entry]:
    """``beside: {policy: …, campaigns: […]}``: what else is in force."""
    beside = case.get("beside") or {}
    if "policy" in beside:
        source = _POLICY + str(beside["policy"]).encode()
        yield CampaignPut(seq=1, at_ms=t0_ms, campaign_id=SENDING_ID, version="policy", source=source)
    for text in beside.get("campaigns", ()):
        other = compile_campaign(text.encode(), _Any())
        yield CampaignPut(
            seq=1, at_ms=t0_ms, campaign_id=other.campaign_id, version=other.version, source=text.encode()
        )


class _Any(dict[str, str]):
    """Any template is there."""

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> str:
        return f"hash-of-{name}"


def _compiled(source: bytes, hashes: Mapping[str, str]) -> Campaign | SendingPolicy:
    if source.startswith(_POLICY):
        return compile_policy(source)
    return compile_campaign(source, _Any(hashes))


def drawn(case: Mapping[str, Any]) -> str:
    """A case as a drawing: a lane for each customer, in no scale."""
    marks = [(ms(x["at"]), 0, n, str(x["who"]), "●", _label(x)) for n, x in enumerate(case["timeline"])]
    for n, outcome in enumerate(expected(case)):
        sign, label = ("○", f"({outcome.what})") if outcome.skipped else ("✉", outcome.what)
        marks.append((outcome.at_ms, 1, n, outcome.who, sign, [label]))
    marks.sort()
    instants = list(dict.fromkeys((at_ms, part, n) for at_ms, part, n, *_ in marks))
    columns = [next(m for m in marks if m[:3] == instant) for instant in instants]
    widths = [max(len(duration_text(m[0])), *map(len, m[5])) + 2 for m in columns]
    names = list(dict.fromkeys(m[3] for m in marks if m[1] == 0))
    margin = max(map(len, names)) + 1
    head, previous = " " * margin + "  ", None
    for column, width in zip(columns, widths, strict=True):
        head += (duration_text(column[0]) if column[0] != previous else "").ljust(width)
        previous = column[0]
    lines = [head.rstrip()]
    for name in names:
        mine = [i for i, m in enumerate(columns) if m[3] == name]
        lane = "".join(
            (m[4] if i in mine else "─").ljust(w, "─") for i, (m, w) in enumerate(zip(columns, widths, strict=True))
        )
        lines.append(f"{name.ljust(margin)}──{lane}▶")
        for row in range(max(len(columns[i][5]) for i in mine)):
            cells = (m[5][row] if i in mine and row < len(m[5]) else "" for i, m in enumerate(columns))
            text = "".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
            lines.append((" " * margin + "  " + text).rstrip())
    return "\n".join(lines)


def _label(line: Mapping[str, Any]) -> list[str]:
    rows = str(line["event"]).split(" ")
    rows += [f"at {line['happened_at']}"] if "happened_at" in line else []
    rows += [f"{name} {_short(value)}" for name, value in (line.get("properties") or {}).items()]
    return rows + [f"{name} := {_short(value)}" for name, value in (line.get("attributes") or {}).items()]


def _short(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if not isinstance(value, str) else value
