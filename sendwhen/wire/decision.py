"""A decision as remembered with a customer, on the wire (sendwhen.v1.Decision) and as the domain made it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from sendwhen.domain.decision import Decision, Kind
from sendwhen.v1 import decision_pb2

_KIND: Final[Mapping[Kind, decision_pb2.Decision.Kind]] = MappingProxyType(
    {kind: getattr(decision_pb2.Decision, "KIND_" + kind.name) for kind in Kind},
)
_KIND_OF: Final = MappingProxyType({number: kind for kind, number in _KIND.items()})


def decision_message(decision: Decision) -> decision_pb2.Decision:
    """The message of a decision."""
    return decision_pb2.Decision(
        kind=_KIND[decision.kind],
        campaign_id=decision.campaign_id,
        version=decision.version,
        run_id=decision.run_id,
        key=decision.key,
        decided_at_ms=decision.at_ms,
        due_at_ms=decision.due_at_ms,
        reason=decision.reason,
        detail=decision.detail,
        send_id=decision.send_id,
        event_id=decision.event_id,
        seq=decision.seq,
        template=decision.template,
    )


def decision_of(message: decision_pb2.Decision) -> Decision | None:
    """The decision of a message, but for start_at_ms, which stays inside; None where its kind is not known here."""
    kind = _KIND_OF.get(message.kind)
    if kind is None:
        return None
    return Decision(
        kind=kind,
        campaign_id=message.campaign_id,
        version=message.version,
        run_id=message.run_id,
        key=message.key,
        at_ms=message.decided_at_ms,
        due_at_ms=message.due_at_ms,
        reason=message.reason,
        detail=message.detail,
        send_id=message.send_id,
        template=message.template,
        event_id=message.event_id,
        seq=message.seq,
    )
