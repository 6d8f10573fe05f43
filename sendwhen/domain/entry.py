"""What a partition's log holds, entry by entry, in the order of their dense sequences."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate

import msgspec

from sendwhen.domain.event import Event
from sendwhen.domain.migrate import Migrate
from sendwhen.domain.transfer import Export, Import, Transfer


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
        migrate: What becomes of open runs of earlier versions.
    """

    seq: int
    at_ms: int
    campaign_id: str
    version: str
    source: bytes
    migrate: Migrate = Migrate.FINISH


class CampaignPaused(msgspec.Struct, frozen=True, kw_only=True):
    """A campaign is paused (``paused``) or acts again."""

    seq: int
    at_ms: int
    campaign_id: str
    paused: bool


class CampaignArchived(msgspec.Struct, frozen=True, kw_only=True):
    """A campaign ends: nothing starts, open runs exit; it may be put again later."""

    seq: int
    at_ms: int
    campaign_id: str


class Skip(msgspec.Struct, frozen=True, kw_only=True):
    """Marks that event ``index`` (-1: all) of entry ``skipped_seq`` was set aside; a replay must leave it out too."""

    seq: int
    at_ms: int
    skipped_seq: int
    index: int
    reason: str


class Delivered(msgspec.Struct, frozen=True, kw_only=True):
    """One transfer, and which row of which outbox it was; repeated rows are recognised by that.

    Attributes:
        source: Partition it comes from; -1: an operator.
        lineage, ordinal: Of the outbox row.
    """

    transfer: Transfer
    source: int = -1
    lineage: str = ""
    ordinal: int = 0


class Transfers(msgspec.Struct, frozen=True, kw_only=True):
    """What other partitions, or an operator, have for customers of this one, in order."""

    seq: int
    at_ms: int
    items: tuple[Delivered | Unreadable, ...]


class Review(msgspec.Struct, frozen=True, kw_only=True):
    """Customers who were known before a campaign that watches customers was put: it is to look at them now."""

    seq: int
    at_ms: int
    uids: tuple[str, ...]


Change = Tick | CampaignPut | CampaignPaused | CampaignArchived | Skip | Review
Entry = EventBatch | Tick | CampaignPut | CampaignPaused | CampaignArchived | Skip | Transfers | Review


def uids_of(entry: Transfers | Review) -> Iterable[str]:
    """Customers whom an entry concerns, each once, in order."""
    if isinstance(entry, Review):
        return dict.fromkeys(entry.uids)
    return dict.fromkeys([item.transfer.uid for item in entry.items if not isinstance(item, Unreadable)])


def uids_with_past(entry: Transfers) -> Iterable[str]:
    """Those of whom all that is remembered must be at hand."""
    transfers = [item.transfer for item in entry.items if not isinstance(item, Unreadable)]
    return dict.fromkeys([one.uid for one in transfers if isinstance(one, Export | Import)])


def instants_of(entry: Entry, clock_ms: int, *, each: bool) -> tuple[int, ...]:
    """Instants that an entry moves a clock to, ascending: one, or (``each``) that of every event on its own time."""
    if not each or not isinstance(entry, EventBatch):
        return (max(clock_ms, entry.at_ms),)
    occurred = [event.occurred_at_ms for event in entry.events if not isinstance(event, Unreadable)]
    clocks = accumulate([max(clock_ms, at_ms) for at_ms in occurred], max)
    return tuple(dict.fromkeys(clocks)) or (clock_ms,)
