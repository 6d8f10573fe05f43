"""Stories about identities: a town of partitions with campaigns, told in minutes since T0."""

from __future__ import annotations

from typing import Any
from zlib import crc32

import msgspec

from sendwhen.domain.campaign import Campaign
from sendwhen.domain.decision import Decision, Kind, Send
from sendwhen.domain.event import Event
from sendwhen.domain.partition import customer_uid, routing_key
from sendwhen.domain.record import read_record, remembered_decisions
from sendwhen.domain.shard import Shard
from sendwhen.domain.shard_limits import ShardLimits
from tests.builders import MINUTE_MS, T0_MS, Catalogue, fuse, put
from tests.domain.town import Town


class Life(Town):
    """What visitors and customers do, minute by minute."""

    def __init__(
        self, *campaigns: Campaign, limits: ShardLimits | None = None, event_clock: bool = False, **more: Any
    ) -> None:
        catalogue = Catalogue(*campaigns)

        def make(partition: int, partitions: int) -> Shard:
            return Shard(
                partition=partition,
                partitions=partitions,
                send_key=b"send-key",
                compile_campaign=catalogue,
                fuse=fuse,
                limits=limits or ShardLimits(),
                event_clock=event_clock,
            )

        super().__init__(make, **more)
        self._numbers = 0
        for campaign in campaigns:
            self.everywhere(lambda seq, campaign=campaign: put(campaign, seq=seq))

    def does(self, minute: float, name: str, *, settled: bool = True, **who: Any) -> str:
        """An event; its id. ``who``: user, anon, email, previous, and attributes, properties, event_id."""
        self._numbers += 1
        user, anon, email = who.get("user", ""), who.get("anon", ""), who.get("email", "")
        event_id = who.get("event_id") or f"e{self._numbers}"
        at_ms = T0_MS + round(minute * MINUTE_MS)
        content = {key: value for key, value in who.items() if key != "event_id"}
        event = Event(
            event_id=event_id,
            name=name,
            uid=customer_uid(routing_key(user_id=user, anonymous_id=anon, email=email)),
            user_id=user,
            anonymous_id=anon,
            email=email or (f"{user}@example.invalid" if user else ""),
            occurred_at_ms=at_ms,
            properties=msgspec.json.encode(who["properties"]) if "properties" in who else b"",
            attributes=msgspec.json.encode(who["attributes"]) if "attributes" in who else b"",
            previous_id=who.get("previous", ""),
            fingerprint=crc32(repr((name, sorted(content.items()))).encode()),
        )
        self.happens(event, at_ms)
        if settled:
            self.settle()
        return event_id

    def until(self, minute: float) -> None:
        """Time passes."""
        self.tick(T0_MS + round(minute * MINUTE_MS))
        self.settle()

    def joins(self, minute: float, other: str, into: str, *, settled: bool = True, both_known: bool = False) -> None:
        """An operator joins two."""
        self.merge(other, into, T0_MS + round(minute * MINUTE_MS), both_known=both_known)
        if settled:
            self.settle()

    def forgets(self, minute: float, key: str, *, settled: bool = True) -> None:
        """An operator deletes one."""
        self.delete(key, T0_MS + round(minute * MINUTE_MS))
        if settled:
            self.settle()

    def sends(self) -> list[Send]:
        """What was handed to sender."""
        return [send for _, changes in self.changes for send in changes.sends]

    def tombstones(self) -> list[str]:
        """Uids of those that point to a survivor."""
        return [uid for _, uid, record in self.records() if read_record(record).into is not None]

    def forgotten(self) -> list[tuple[str, int]]:
        """(uid, life) that sender was told to forget."""
        return [(one.uid, one.born_seq) for _, changes in self.changes for one in changes.forgotten]

    def sent(self) -> list[tuple[float, str]]:
        """When, in minutes, and to whom; in the order of instants."""
        return sorted(((send.due_at_ms - T0_MS) / MINUTE_MS, send.email) for send in self.sends())

    def told(self, key: str, *kinds: Kind) -> list[Decision]:
        """Decisions of these kinds that the customer remembers."""
        return [one for one in remembered_decisions(self.survivor(key)) if one.kind in kinds]

    def letters(self) -> list[str]:
        """Reasons of dead letters."""
        return [letter.reason for _, changes in self.changes for letter in changes.dead_letters]

    def count(self, name: str) -> int:
        """A counter, over all."""
        return sum(getattr(changes.counters, name) for _, changes in self.changes)
