"""Some customers' events through the production shard, in virtual time: deadlines fire on the millisecond."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Final

from sendwhen.backtest.handing_over import Handing
from sendwhen.backtest.variant import Variant, campaign_of
from sendwhen.campaigns import fuse
from sendwhen.domain.campaign import Campaign
from sendwhen.domain.changes import Changes
from sendwhen.domain.entry import CampaignPut, EventBatch, Tick
from sendwhen.domain.event import Event
from sendwhen.domain.shard import Shard
from sendwhen.domain.shard_limits import ShardLimits

_FOR_EVER_MS: Final = 2**60
_NEVER_EVICT: Final = ShardLimits(live_bytes=2**50)
_SEND_KEY: Final = b"backtest"
"""Nothing is sent, so the ids of emails need not be those of an installation, whose key is a secret."""

Timed = tuple[int, Event]
"""(log time, event)."""


class VirtualTime:
    """Replays one set of campaigns over the events of some customers, again and again.

    The campaigns come into force at ``from_ms``; earlier events only tell of customers. Deadlines before ``to_ms``
    come. Customers do not meet, so what comes out for one does not depend on who else is replayed with it; with
    ``joined`` all identities of a customer are there, and hand over to each other what production's partitions do.
    """

    def __init__(self, variant: Variant, *, from_ms: int, to_ms: int, event_clock: bool, joined: bool = False) -> None:
        self._joined = joined
        self._variant = variant
        self._from_ms = from_ms
        self._last_ms = to_ms - 1
        tried = (campaign_of(put.source) for put in variant.puts)
        self._on_event_time = any(isinstance(one, Campaign) and one.grace_ms is not None for one in tried)
        self._shard = Shard(
            partition=0,
            send_key=_SEND_KEY,
            compile_campaign=campaign_of,
            fuse=fuse,
            event_clock=event_clock,
            limits=_NEVER_EVICT,
        )

    def replay(self, uids: Iterable[str], events: Sequence[Timed]) -> Sequence[Changes]:
        """What is decided about these customers, in parts; ``events`` in the order of the log."""
        shard = self._shard
        shard.restore(position=0, clock_ms=0, campaigns=())
        shard.expect((), _FOR_EVER_MS)
        for uid in uids:
            shard.admit(uid, None, b"")
        apply, next_due_ms = shard.apply, shard.next_due_ms
        seq, from_ms = 0, self._from_ms
        in_force = False
        handing = Handing(shard) if self._joined else None
        for at_ms, together in self._entries(events):
            if at_ms >= from_ms and not in_force:
                seq, in_force = self._put(seq), True
            # A tick at each deadline, as if somebody always watched the clock: no outage of back then makes it late.
            while (due_ms := next_due_ms()) is not None and due_ms <= at_ms:
                seq += 1
                apply(Tick(seq=seq, at_ms=due_ms))
            if self._on_event_time:
                seq += 1
                apply(Tick(seq=seq, at_ms=at_ms - 1))
            seq += 1
            apply(EventBatch(seq=seq, at_ms=at_ms, events=together))
            if handing is not None:
                seq = handing.settle(seq, at_ms)
        if not in_force:
            seq = self._put(seq)
        while (due_ms := next_due_ms()) is not None and due_ms <= self._last_ms:
            seq += 1
            apply(Tick(seq=seq, at_ms=due_ms))
        return [*(handing.parts if handing else ()), shard.collect()]

    def _entries(self, events: Sequence[Timed]) -> Iterable[tuple[int, tuple[Event, ...]]]:
        """Each event by itself; on event time, those of one millisecond together, with a tick before them.

        There the clock before an entry says what comes too late, and others' traffic must not.
        """
        if not self._on_event_time:
            return ((at_ms, (event,)) for at_ms, event in events)
        return (
            (at_ms, tuple(event for _, event in together))
            for at_ms, together in groupby(events, key=lambda timed: timed[0])
        )

    def _put(self, seq: int) -> int:
        for put in self._variant.puts:
            seq += 1
            self._shard.apply(
                CampaignPut(
                    seq=seq,
                    at_ms=self._from_ms,
                    campaign_id=put.campaign_id,
                    version=put.version,
                    source=put.source,
                )
            )
        return seq
