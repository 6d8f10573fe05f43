"""Timelines drawn in docs/campaigns.md, played through the production domain.

A block ``timeline`` belongs to the campaign before it. Its lines are ``TIME ● EVENT {properties}, happened TIME`` and
``TIME ✉ TEMPLATE``; behind two blanks may stand a remark.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from sendwhen.campaigns import compile_campaign, fuse
from sendwhen.campaigns.durations import duration_ms
from sendwhen.domain.entry import CampaignPut, Entry, EventBatch, Tick
from sendwhen.domain.shard import Shard
from tests.builders import FOR_EVER_MS, T0_MS, an_event

DOCUMENT = Path(__file__).parents[2] / "docs" / "campaigns.md"
_BLOCKS = re.compile(r"```yaml\n(campaign: ([a-z0-9-]+)\n(?:(?!```).)*)```\n\n```timeline\n(.*?)```", re.DOTALL)
_LINE = re.compile(r"(\S+) +([●✉]) (.*?)( \{.*\})?(?:, happened (\S+))?(?:  +.*)?\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """A campaign and what comes of it."""

    name: str
    source: bytes
    lines: tuple[str, ...]


def timelines() -> list[Timeline]:
    """All in the document, in order."""
    found = _BLOCKS.findall(DOCUMENT.read_text(encoding="utf-8"))
    return [Timeline(name=name, source=text.encode(), lines=tuple(lines.splitlines())) for text, name, lines in found]


def drawn_emails(timeline: Timeline) -> list[tuple[int, str]]:
    """Instant and template of each email that is drawn."""
    return [(_ms(at), what) for at, sign, what, _, _ in _parts(timeline) if sign == "✉"]


def decided_emails(timeline: Timeline) -> list[tuple[int, str]]:
    """Those that are decided, by their instants, when the events come."""
    templates = dict.fromkeys(re.findall(r"send: ([a-z-]+)$", timeline.source.decode(), re.MULTILINE), "hash")

    def compiled(source: bytes):
        return compile_campaign(source, templates)

    shard = Shard(partition=0, send_key=b"key", compile_campaign=compiled, fuse=fuse)
    shard.expect((), FOR_EVER_MS)
    for entry in _entries(timeline, compiled(timeline.source).version):
        for uid in shard.absent(entry):
            shard.admit(uid, None, b"")
        shard.apply(entry)
    return [(send.due_at_ms - T0_MS, send.template) for send in shard.collect().sends]


def _entries(timeline: Timeline, version: str) -> Iterator[Entry]:
    yield CampaignPut(seq=1, at_ms=T0_MS, campaign_id=timeline.name, version=version, source=timeline.source)
    seq, last_ms = 1, 0
    for at, sign, what, properties, happened in _parts(timeline):
        last_ms, seq = _ms(at), seq + 1
        # Time passes by ticks, too, where nothing happens.
        yield Tick(seq=seq, at_ms=T0_MS + (last_ms if sign == "✉" else max(0, last_ms - 1)))
        if sign == "✉":
            continue
        seq += 1
        event = an_event(
            what,
            event_id=str(seq),
            at_ms=T0_MS + _ms(happened or at),
            properties=msgspec.json.decode(properties) if properties else None,
            attributes={"consent": True},
        )
        yield EventBatch(seq=seq, at_ms=T0_MS + last_ms, events=(event,))
    yield Tick(seq=seq + 1, at_ms=T0_MS + last_ms + 1)


def _parts(timeline: Timeline) -> list[tuple[str, str, str, str, str]]:
    parts = []
    for line in timeline.lines:
        match = _LINE.fullmatch(line)
        assert match, line
        parts.append(tuple(part or "" for part in match.groups()))
    return parts


def _ms(text: str) -> int:
    ms = duration_ms(text)
    assert ms is not None, text
    return ms
