"""What a shard has decided since the last collect; what a failed event added can be taken back."""

from __future__ import annotations

from collections.abc import Iterable

from sendwhen.domain.changes import CampaignRow, Counters, DeadLetter
from sendwhen.domain.customer import Customer
from sendwhen.domain.decision import Decision, Kind, Send
from sendwhen.domain.record import pack_decision, packed_beginning
from sendwhen.domain.run import Alarm, Run
from sendwhen.domain.shard_limits import ShardLimits

_REPEATING = frozenset({Kind.REFUSED, Kind.RESET})
_Mark = tuple[int, int, int, int, int]


class Round:
    """Outputs, in order.

    Attributes:
        armed: Runs and alarms that one event or timer armed; the shard takes them over once it is applied.
    """

    def __init__(self, limits: ShardLimits) -> None:
        self._decisions_max = limits.decisions
        self.decisions: list[tuple[str, Decision]] = []
        self.sends: list[Send] = []
        self.dead_letters: list[DeadLetter] = []
        self.campaigns: dict[tuple[str, str], CampaignRow] = {}
        self.counters = Counters()
        self.armed: list[Run | Alarm] = []

    def mark(self) -> _Mark:
        """Where the outputs stand."""
        counters = self.counters
        return len(self.decisions), len(self.sends), len(self.dead_letters), counters.overflows, counters.late

    def back_to(self, mark: _Mark) -> None:
        """Take back what was added since."""
        decisions, sends, dead_letters, self.counters.overflows, self.counters.late = mark
        del self.decisions[decisions:], self.sends[sends:], self.dead_letters[dead_letters:]
        self.armed.clear()

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
