"""One module for each kind of trigger."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from sendwhen.domain.trigger_kinds import (
    Absence,
    AttributeChange,
    DateOf,
    Match,
    Nth,
    QuietThen,
    Recency,
    Segment,
    Sequence,
    SessionEnd,
    Threshold,
    Trigger,
    kind_of,
)
from sendwhen.domain.triggers.absence import AbsenceLogic
from sendwhen.domain.triggers.attribute_change import AttributeChangeLogic
from sendwhen.domain.triggers.date_of import DateLogic
from sendwhen.domain.triggers.logic import TriggerLogic
from sendwhen.domain.triggers.match import MatchLogic
from sendwhen.domain.triggers.nth import NthLogic
from sendwhen.domain.triggers.quiet_then import QuietThenLogic
from sendwhen.domain.triggers.recency import RecencyLogic
from sendwhen.domain.triggers.segment import SegmentLogic
from sendwhen.domain.triggers.sequence import SequenceLogic
from sendwhen.domain.triggers.session_end import SessionEndLogic
from sendwhen.domain.triggers.threshold import ThresholdLogic
from sendwhen.errors import Precondition

_LOGIC: Final[Mapping[type, Callable[[Any], TriggerLogic]]] = MappingProxyType(
    {
        Match: MatchLogic,
        Sequence: SequenceLogic,
        Absence: AbsenceLogic,
        QuietThen: QuietThenLogic,
        Threshold: ThresholdLogic,
        Nth: NthLogic,
        Recency: RecencyLogic,
        SessionEnd: SessionEndLogic,
        Segment: SegmentLogic,
        AttributeChange: AttributeChangeLogic,
        DateOf: DateLogic,
    }
)


def of(trigger: Trigger) -> TriggerLogic:
    """The logic of a trigger."""
    logic = _LOGIC.get(type(trigger))
    if logic is None:
        raise Precondition(
            f"A trigger of kind {kind_of(trigger)} cannot run.",
            remedy="Run the version of sendwhen that put this campaign.",
        )
    return logic(trigger)
