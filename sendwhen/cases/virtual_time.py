"""A shard of its own whose clock goes from deadline to deadline, as if somebody always watched it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from msgspec.structs import replace

from sendwhen.domain.campaign import Campaign
from sendwhen.domain.changes import Changes
from sendwhen.domain.condition import Fuse
from sendwhen.domain.decision import Decision
from sendwhen.domain.entry import Entry, EventBatch, Tick, Unreadable
from sendwhen.domain.sending_rules import SendingPolicy
from sendwhen.domain.shard import Shard

_FOR_EVER_MS: Final = 2**60
_SEND_KEY: Final = b"cases"
"""Nothing is sent, so the ids of emails need not be those of an installation, whose key is a secret."""

Decided = tuple[str, Decision]
"""(uid, decision)."""


class VirtualTime:
    """Plays histories through the production domain, one after the other, each from nothing."""

    def __init__(
        self, *, compile_campaign: Callable[[bytes], Campaign | SendingPolicy], fuse: Fuse, event_clock: bool = False
    ) -> None:
        self._shard = Shard(
            partition=0, send_key=_SEND_KEY, compile_campaign=compile_campaign, fuse=fuse, event_clock=event_clock
        )

    def play(self, entries: Iterable[Entry], *, until_ms: int) -> Sequence[Decided]:
        """What is decided, in order, when these entries are the log (sequences are given here) up to ``until_ms``."""
        return self.changes(entries, until_ms=until_ms).decisions

    def changes(self, entries: Iterable[Entry], *, until_ms: int) -> Changes:
        """The same with everything else that came of it, records of customers included."""
        shard = self._shard
        shard.restore(position=0, clock_ms=0, campaigns=())
        shard.expect((), _FOR_EVER_MS)
        for entry in entries:
            self._let_time_pass(entry.at_ms)
            self._apply(entry)
        self._let_time_pass(until_ms)
        self._apply(Tick(seq=0, at_ms=until_ms))
        return shard.collect()

    def _let_time_pass(self, to_ms: int) -> None:
        while (due_ms := self._shard.next_due_ms()) is not None and due_ms <= to_ms:
            self._apply(Tick(seq=0, at_ms=due_ms))

    def _apply(self, entry: Entry) -> None:
        shard = self._shard
        if isinstance(entry, EventBatch):
            for event in entry.events:
                if not isinstance(event, Unreadable):
                    shard.admit(event.uid, None, b"")
        shard.apply(replace(entry, seq=shard.position + 1))
