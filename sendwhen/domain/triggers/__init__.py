"""One module for each kind of trigger."""

from __future__ import annotations

from sendwhen.domain.trigger_kinds import Absence, AttributeChange, Match, Segment, Trigger, kind_of
from sendwhen.domain.triggers.absence import AbsenceLogic
from sendwhen.domain.triggers.attribute_change import AttributeChangeLogic
from sendwhen.domain.triggers.logic import TriggerLogic
from sendwhen.domain.triggers.match import MatchLogic
from sendwhen.domain.triggers.segment import SegmentLogic
from sendwhen.errors import Precondition


def of(trigger: Trigger) -> TriggerLogic:
    """The logic of a trigger."""
    match trigger:
        case Match():
            return MatchLogic(trigger)
        case Absence():
            return AbsenceLogic(trigger)
        case Segment():
            return SegmentLogic(trigger)
        case AttributeChange():
            return AttributeChangeLogic(trigger)
        case _:
            raise Precondition(
                f"A trigger of kind {kind_of(trigger)} cannot run.",
                remedy="Run the version of sendwhen that put this campaign.",
            )
