"""Fires on an event before which another did not come for a while."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from sendwhen.domain.event_filter import EventFilter
from sendwhen.domain.run import Run
from sendwhen.domain.shard_limits import ShardLimits
from sendwhen.domain.trigger_kinds import QuietThen
from sendwhen.domain.triggers.logic import AtOnce, Hit, Progress, Standing

THEN, NOISE = 0, 1


class _Quiet(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Since when it has been quiet.

    Attributes:
        since_ms: By key, what came last at the end. floor_ms: for keys that are not there.
    """

    since_ms: dict[str, int] = {}
    floor_ms: int = 0


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Quiet).decode


class QuietThenLogic(AtOnce):
    """See ``sendwhen.domain.trigger_kinds.QuietThen``. Remembers the last noise or firing by key."""

    def __init__(self, trigger: QuietThen) -> None:
        self._quiet = trigger.quiet
        self._noise = trigger.quiet_of.event
        self.starts: tuple[EventFilter, ...] = (trigger.then, trigger.quiet_of)

    def progress(self, memory: bytes, hit: Hit, limits: ShardLimits) -> Progress:
        """The quiet must be complete before the event: an event of both kinds is first what ends it."""
        quiet = _decode(memory) if memory else _Quiet()
        known = max(quiet.since_ms.get(hit.key, 0), quiet.floor_ms)
        since_ms = max(known, hit.first_seen_at_ms, hit.put_at_ms)
        complete = THEN in hit.indexes and hit.at_ms >= self._quiet.after(since_ms)
        if not complete and NOISE not in hit.indexes:
            return Progress(memory, False)
        since = dict(quiet.since_ms)
        since.pop(hit.key, None)
        since[hit.key] = max(known, hit.at_ms)
        return self._remembered(since, quiet.floor_ms, complete, hit.at_ms, limits)

    def _remembered(
        self, since: dict[str, int], floor_ms: int, complete: bool, at_ms: int, limits: ShardLimits
    ) -> Progress:
        overflows = 0
        if len(since) > limits.trigger_keys:
            # What has been quiet long enough may be forgotten without a trace.
            since = {key: last_ms for key, last_ms in since.items() if self._quiet.after(last_ms) > at_ms}
        while len(since) > limits.trigger_keys:
            # What else is forgotten counts for all keys: rather one email too few than one that is not true.
            floor_ms = max(floor_ms, since.pop(next(iter(since))))
            overflows += 1
        return Progress(_encode(_Quiet(since, floor_ms)), complete, overflows)

    def because(self, run: Run) -> str:
        """Why it fires."""
        return f"“{run.start.name}” came after a time without “{self._noise}”"

    def standings(self, memory: bytes) -> Sequence[Standing]:
        """Since when it is quiet."""
        return [
            Standing(key, f"no “{self._noise}” and no email", last_ms)
            for key, last_ms in _decode(memory).since_ms.items()
        ]

    def join(self, own: bytes, other: bytes) -> bytes:
        """The later of each."""
        mine, theirs = _decode(own), _decode(other)
        since = dict(mine.since_ms)
        for key, last_ms in theirs.since_ms.items():
            since[key] = max(since.get(key, 0), last_ms)
        ordered = dict(sorted(since.items(), key=lambda item: (item[1], item[0])))
        return _encode(_Quiet(ordered, max(mine.floor_ms, theirs.floor_ms)))
