"""What a shard has decided since the last collect; what a failed event added can be taken back."""

from __future__ import annotations

from collections.abc import Iterable

from sendwhen.domain.changes import CampaignRow, Changes, Counters, CustomerChange, DeadLetter, Forgotten, ReceivedRow
from sendwhen.domain.customer import Customer
from sendwhen.domain.decision import Decision, Kind, Send
from sendwhen.domain.record import pack_decision, packed_beginning
from sendwhen.domain.run import Alarm, Run
from sendwhen.domain.shard_limits import ShardLimits
from sendwhen.domain.transfer import Transfer

_REPEATING = frozenset({Kind.REFUSED, Kind.RESET})
_Mark = tuple[int, int, int, int, int, int, int]


class Round:
    """Outputs, in order.

    Attributes:
        armed: Runs and alarms that one event or timer armed; the shard takes them over once it is applied.
    """

    def __init__(self, limits: ShardLimits) -> None:
        self._decisions_max = limits.decisions
        self.decisions: list[tuple[str, Decision]] = []
        self.sends: list[Send] = []
        self.transfers: list[tuple[int, Transfer]] = []
        self.forgotten: list[Forgotten] = []
        self.dead_letters: list[DeadLetter] = []
        self.campaigns: dict[tuple[str, str], CampaignRow] = {}
        self.counters = Counters()
        self.armed: list[Run | Alarm] = []

    def mark(self) -> _Mark:
        """Where the outputs stand."""
        counters = self.counters
        written = len(self.decisions), len(self.sends), len(self.dead_letters), len(self.transfers)
        return (*written, len(self.forgotten), counters.overflows, counters.late)

    def back_to(self, mark: _Mark) -> None:
        """Take back what was added since."""
        decisions, sends, dead_letters, transfers, forgotten, self.counters.overflows, self.counters.late = mark
        del self.transfers[transfers:], self.forgotten[forgotten:]
        del self.decisions[decisions:], self.sends[sends:], self.dead_letters[dead_letters:]
        self.armed.clear()

    def changes(
        self, position: int, clock_ms: int, customers: Iterable[CustomerChange], received: tuple[ReceivedRow, ...]
    ) -> Changes:
        """All that is to be written, together with the customers that changed."""
        return Changes(
            position=position,
            clock_ms=clock_ms,
            customers=tuple(customers),
            sends=tuple(self.sends),
            decisions=tuple(self.decisions),
            dead_letters=tuple(self.dead_letters),
            campaigns=tuple(self.campaigns.values()),
            counters=self.counters,
            transfers=tuple(self.transfers),
            forgotten=tuple(self.forgotten),
            received=received,
        )

    def rows(self, rows: Iterable[CampaignRow]) -> None:
        """Add rows of campaigns that changed."""
        for row in rows:
            self.campaigns[row.campaign_id, row.version] = row

    def set_aside(
        self,
        *,
        seq: int,
        index: int,
        reason: str,
        detail: str,
        at_ms: int,
        event_id: str = "",
        logged: bool = False,
        payload: bytes = b"",
    ) -> None:
        """Add a dead letter."""
        self.counters.dead += 1
        self.dead_letters.append(
            DeadLetter(
                seq=seq,
                index=index,
                event_id=event_id,
                reason=reason,
                detail=detail,
                at_ms=at_ms,
                logged=logged,
                payload=payload,
            )
        )

    def unreadable(self, seq: int, index: int, payload: bytes, at_ms: int) -> None:
        """Add a dead letter of bytes that are neither event nor transfer."""
        detail = f"{len(payload)} bytes that are no event."
        self.set_aside(seq=seq, index=index, reason="unreadable", detail=detail, at_ms=at_ms, payload=payload)

    def decide(self, customer: Customer, decision: Decision) -> None:
        """Add a decision and remember it with its customer.

        A refusal or reset takes the place of one like it in the customer's memory, so that an eager shopper's views do
        not push out what explains an email.
        """
        self.decisions.append((customer.uid, decision))
        known = customer.decisions
        if known and decision.kind in _REPEATING:
            beginning = packed_beginning(decision)
            known = tuple(one for one in known if not one.startswith(beginning, 1))
        customer.decisions = (*known, pack_decision(decision))[-self._decisions_max :]
