"""What a partition's log holds, entry by entry, in the order of their dense sequences."""

from __future__ import annotations

import msgspec

from sendwhen.domain.event import Event


class EventBatch(msgspec.Struct, frozen=True, kw_only=True):
    """Events of this partition's customers, in order.

    Attributes:
        seq: Sequence of the entry, from 1, without gaps.
        at_ms: Log time; never goes back.
        events: The events. One that cannot be read is an ``Unreadable``, set aside like one that fails.
        front_received_at_us, appended_at_us: For traces only.
    """

    seq: int
    at_ms: int
    events: tuple[Event | Unreadable, ...]
    front_received_at_us: int = 0
    appended_at_us: int = 0


class Unreadable(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes in the place of an event that are none."""

    payload: bytes


class Tick(msgspec.Struct, frozen=True, kw_only=True):
    """Time has passed; it is now ``at_ms``."""

    seq: int
    at_ms: int


class CampaignPut(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a campaign comes into force in this partition.

    Attributes:
        source: What the injected compiler makes a ``Campaign`` of: a serialised sendwhen.v1.CampaignVersion.
    """

    seq: int
    at_ms: int
    campaign_id: str
    version: str
    source: bytes


class CampaignPaused(msgspec.Struct, frozen=True, kw_only=True):
    """A campaign is paused (``paused``) or acts again."""

    seq: int
    at_ms: int
    campaign_id: str
    paused: bool


class Skip(msgspec.Struct, frozen=True, kw_only=True):
    """Marks that event ``index`` (-1: all) of entry ``skipped_seq`` was set aside; a replay must leave it out too."""

    seq: int
    at_ms: int
    skipped_seq: int
    index: int
    reason: str


class Review(msgspec.Struct, frozen=True, kw_only=True):
    """Customers who were known before a campaign that watches customers was put: it is to look at them now."""

    seq: int
    at_ms: int
    uids: tuple[str, ...]


Entry = EventBatch | Tick | CampaignPut | CampaignPaused | Skip | Review
