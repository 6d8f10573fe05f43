"""Campaigns as text on a stage: what happens goes in, what is decided comes out as lines.

Two shards play: one that lives through all, and one that is stored and read again before every entry. They must agree.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from msgspec.structs import replace

from sendwhen.campaigns import compile_campaign, compile_policy, fuse
from sendwhen.campaigns.durations import duration_ms
from sendwhen.domain.campaign import Campaign
from sendwhen.domain.customer import Customer
from sendwhen.domain.decision import Decision, Send
from sendwhen.domain.entry import CampaignPaused, CampaignPut, Entry, EventBatch, Review, Tick
from sendwhen.domain.record import read_record
from sendwhen.domain.sending_rules import SENDING_ID, SendingPolicy
from sendwhen.domain.shard import Shard
from sendwhen.domain.shard_limits import ShardLimits
from tests.builders import FOR_EVER_MS, an_event, uid_of
from tests.domain.keeping import Kept

MONDAY_MS = int(datetime(2026, 1, 5, tzinfo=UTC).timestamp() * 1_000)
"""Where a stage's time begins unless told: midnight of UTC."""
TEMPLATES = {name: f"hash-of-{name}" for name in ("hello", "again", "third")}
PLAIN = "send: {category: transactional}\n"


def campaign(steps: str, *more: str, name: str = "story", sending: str = PLAIN) -> str:
    """A campaign that starts with every ``go``; transactional, and however late, unless told."""
    late = () if any("max_lateness" in line for line in more) else ("max_lateness: none",)
    return "\n".join([f"campaign: {name}", "trigger: {match: {event: go}}", f"steps: {steps}", *late, *more, sending])


class Stage:
    """See the module."""

    def __init__(
        self, *campaigns: str, policy: str = "", begins_ms: int = MONDAY_MS, limits: ShardLimits | None = None
    ) -> None:
        self._begins_ms = begins_ms
        self._limits = limits or ShardLimits()
        self._alive = self._shard()
        self.kept = Kept()
        self._restored = Kept()
        self._seq = 0
        self._told = 0
        if policy:
            self.policy(policy)
        for text in campaigns:
            self.put(text)

    def put(self, text: str, at: str = "0s") -> None:
        """A version of a campaign comes into force."""
        compiled = _compiled(text.encode())
        assert isinstance(compiled, Campaign)
        self._apply(
            lambda seq, at_ms: CampaignPut(
                seq=seq,
                at_ms=at_ms,
                campaign_id=compiled.campaign_id,
                version=compiled.version,
                source=text.encode(),
            ),
            at,
        )

    def policy(self, text: str, at: str = "0s") -> None:
        """A sending policy comes into force."""
        source = f"# policy\n{text}".encode()
        self._apply(
            lambda seq, at_ms: CampaignPut(
                seq=seq, at_ms=at_ms, campaign_id=SENDING_ID, version=str(seq), source=source
            ),
            at,
        )

    def pause(self, at: str, name: str = "story", *, paused: bool = True) -> None:
        """A campaign is paused."""
        self._apply(lambda seq, at_ms: CampaignPaused(seq=seq, at_ms=at_ms, campaign_id=name, paused=paused), at)

    def happens(
        self, at: str, event: str = "go", who: str = "ada", *, email: str | None = None, **properties: Any
    ) -> None:
        """An event of a customer who consents; ``attributes``: told with it; ``happened_at``: by its own time."""
        attributes: Mapping[str, Any] = {"consent": True, **properties.pop("attributes", {})}
        happened: str = properties.pop("happened_at", "")

        def entry(seq: int, at_ms: int) -> Entry:
            told = an_event(
                event,
                who,
                event_id=f"e{seq}",
                at_ms=at_ms,
                properties=properties,
                attributes=attributes,
                email=email,
            )
            if happened:
                told = replace(told, occurred_at_ms=self._begins_ms + (duration_ms(happened) or 0))
            return EventBatch(seq=seq, at_ms=at_ms, events=(told,))

        self._apply(entry, at)

    def tick(self, at: str) -> None:
        """Time passes."""
        self._apply(lambda seq, at_ms: Tick(seq=seq, at_ms=at_ms), at)

    def review(self, at: str, *who: str) -> None:
        """Campaigns look at customers who were known before."""
        uids = tuple(uid_of(one) for one in who or ("ada",))
        self._apply(lambda seq, at_ms: Review(seq=seq, at_ms=at_ms, uids=uids), at)

    @property
    def watch_mark(self) -> str:
        """By what customers are looked at."""
        return self._alive.watch_mark

    def decisions(self) -> list[Decision]:
        """Everything decided since last asked."""
        found: list[Any] = self.kept.outputs_by_kind().get("tuple", [])
        new = [decision for _, decision in found[self._told :]]
        self._told = len(found)
        return new

    def told(self, *but: str) -> list[str]:
        """The same as lines: "1h send hello", with the name in front where it is not "story"; ``but``: not these."""
        hidden = but or ("entered", "finished", "took")
        return [self._line(one) for one in self.decisions() if one.kind.value not in hidden]

    def sends(self) -> list[Send]:
        """All emails so far."""
        return [one for one in self.kept.outputs_by_kind().get("Send", []) if isinstance(one, Send)]

    def customer(self, who: str = "ada") -> Customer:
        """The customer as stored."""
        return read_record(self.kept.records[uid_of(who)])

    def _line(self, one: Decision) -> str:
        due_ms = one.due_at_ms - self._begins_ms
        name = "" if one.campaign_id == "story" else f"{one.campaign_id} "
        words = [_text(due_ms), name + one.kind.value, one.template, one.reason and f"({one.reason})"]
        return " ".join(word for word in words if word)

    def _apply(self, make: Any, at: str) -> None:
        self._seq += 1
        entry = make(self._seq, self._begins_ms + (duration_ms(at) or 0))
        self.kept.commit(_applied(self._alive, self.kept, entry))
        again = self._shard()
        rows = tuple(self._restored.campaigns.values())
        again.restore(position=self._restored.position, clock_ms=self._restored.clock_ms, campaigns=rows)
        again.expect(sorted((due, uid) for uid, due in self._restored.due.items()), FOR_EVER_MS)
        self._restored.commit(_applied(again, self._restored, entry))
        assert self._restored.outputs_by_kind() == self.kept.outputs_by_kind()
        assert self._restored.records == self.kept.records

    def _shard(self) -> Shard:
        shard = Shard(partition=0, send_key=b"k", compile_campaign=_compiled, fuse=fuse, limits=self._limits)
        shard.expect((), FOR_EVER_MS)
        return shard


def _applied(shard: Shard, kept: Kept, entry: Entry) -> Any:
    for uid in (*shard.absent(entry), *shard.due_absent(shard.instants(entry)[-1])):
        shard.admit(uid, kept.records.get(uid), kept.seen.get(uid, b""))
    shard.apply(entry)
    return shard.collect()


def _compiled(source: bytes) -> Campaign | SendingPolicy:
    if source.startswith(b"# policy"):
        return compile_policy(source)
    return compile_campaign(source, TEMPLATES)


def _text(ms: int) -> str:
    parts = []
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)):
        number, ms = divmod(ms, size)
        if number:
            parts.append(f"{number}{unit}")
    return "".join(parts) or "0s"
