"""Campaigns that watch the customer, and a story that is told to three shards, which must agree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from sendwhen.domain.campaign import Campaign
from sendwhen.domain.condition import Condition, Expression
from sendwhen.domain.entry import Entry, EventBatch, Review, Tick
from sendwhen.domain.predicate import History, Since, When
from sendwhen.domain.shard import Shard
from sendwhen.domain.shard_limits import ShardLimits
from sendwhen.domain.span import Span
from sendwhen.domain.tally import tally_name
from sendwhen.domain.trigger_kinds import Edge, Segment
from tests.builders import DAY_MS, T0_MS, Catalogue, a_campaign, a_condition, an_event, fuse, on, put, uid_of
from tests.domain.keeping import Host


def watching(trigger: Any, **more: Any) -> Campaign:
    """A campaign that watches; a day's lateness is no matter."""
    return a_campaign(trigger=trigger, **{"campaign_id": "watch", "max_lateness_ms": None, **more})


def entering(when: When, **more: Any) -> Campaign:
    return watching(Segment(when=when), **more)


def leaving(when: When, **more: Any) -> Campaign:
    return watching(Segment(when=when, edge=Edge.EXIT), **more)


def at_least(name: str, floor: float) -> Condition:
    """customer.<name> >= floor"""
    return a_condition(lambda event, customer, start, now: customer.get(name, 0) >= floor, source=f"{name} >= {floor}")


def is_(name: str, value: object) -> Condition:
    """customer.<name> == value"""
    return a_condition(lambda event, customer, start, now: customer.get(name) == value, source=f"{name} == {value}")


def counted(
    event: str, *, least: int | None = None, most: int | None = None, days: float = 0, months: int = 0
) -> History:
    within = Span(ms=round(days * DAY_MS), months=months) if days or months else None
    history = History(of=on(event), at_least=least, at_most=most, within=within, tally="")
    return msgspec.structs.replace(history, tally=tally_name(history.of, within))


def since(name: str, days: float) -> Since:
    value = Expression(source=f"customer.{name}", value=lambda event, customer, start, now: customer.get(name))
    return Since(value=value, at_least=Span(ms=round(days * DAY_MS)))


class Watched:
    """A story; every entry goes to a shard that lives on, one that is restored before each entry, and one that forgets
    its customers after each.
    """

    def __init__(self, *campaigns: Campaign, limits: ShardLimits | None = None, put_now: int | None = None) -> None:
        given = limits or ShardLimits()
        forgetful = msgspec.structs.replace(given, live_bytes=1, warm_bytes=1)

        def made(shard_limits: ShardLimits) -> Host:
            return Host(lambda: _shard(campaigns, shard_limits), horizon_ms=DAY_MS)

        self._live, self._restored, self._forgetful = made(given), made(given), made(forgetful)
        self.seq = 0
        for campaign in campaigns[:put_now]:
            self.put(campaign)

    @property
    def shard(self) -> Shard:
        return self._live.shard

    def put(self, campaign: Campaign, days: float = 0) -> None:
        self.apply(put(campaign, seq=self.seq + 1, at_ms=T0_MS + round(days * DAY_MS)))

    def tick(self, days: float) -> None:
        self.apply(Tick(seq=self.seq + 1, at_ms=T0_MS + round(days * DAY_MS)))

    def review(self, days: float, *who: str) -> None:
        """Campaigns look at customers who were known before."""
        uids = tuple(uid_of(one) for one in who or ("ada",))
        self.apply(Review(seq=self.seq + 1, at_ms=T0_MS + round(days * DAY_MS), uids=uids))

    def kept_customers(self) -> int:
        return len(self._live.kept.records)

    def does(
        self,
        name: str,
        days: float,
        attributes: Mapping[str, Any] | None = None,
        *,
        who: str = "ada",
        properties: Mapping[str, Any] | None = None,
    ) -> None:
        at_ms = T0_MS + round(days * DAY_MS)
        event_id = f"e{self.seq + 1}"
        event = an_event(name, who, at_ms=at_ms, event_id=event_id, attributes=attributes, properties=properties)
        self.apply(EventBatch(seq=self.seq + 1, at_ms=at_ms, events=(event,)))

    def is_told(self, days: float, who: str = "ada", **attributes: Any) -> None:
        self.does("told", days, attributes, who=who)

    def apply(self, entry: Entry) -> None:
        self.seq = entry.seq
        self._restored.restart()
        for host in (self._live, self._restored, self._forgetful):
            host.apply(entry)
            host.commit()
        assert self._restored.kept.digest() == self._live.kept.digest()
        assert self._forgetful.kept.digest() == self._live.kept.digest()

    def emails(self) -> list[tuple[float, str]]:
        """Days since the beginning, and the template, of all emails decided."""
        sends = self._live.kept.outputs_by_kind().get("Send", [])
        return [((one.due_at_ms - T0_MS) / DAY_MS, one.template) for one in sends]  # type: ignore[attr-defined]  # of kind Send

    def days(self) -> list[float]:
        return [days for days, _ in self.emails()]

    def reasons(self) -> list[tuple[str, str]]:
        """Kind and reason of all decisions."""
        told = self._live.kept.outputs_by_kind().get("tuple", [])
        return [(decision.kind.value, decision.reason) for _, decision in told]  # type: ignore[misc, attr-defined]  # pairs of uid and decision

    def customer(self, who: str = "ada") -> Any:
        return self.shard._residents.live[uid_of(who)].customer


def _shard(campaigns: tuple[Campaign, ...], limits: ShardLimits) -> Shard:
    return Shard(partition=0, send_key=b"k", compile_campaign=Catalogue(*campaigns), fuse=fuse, limits=limits)
