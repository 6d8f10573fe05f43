"""One module for each kind of trigger."""

from __future__ import annotations

from typing import assert_never

from sendwhen.domain.campaign import Absence, Match, Trigger
from sendwhen.domain.triggers.absence import AbsenceLogic
from sendwhen.domain.triggers.logic import TriggerLogic
from sendwhen.domain.triggers.match import MatchLogic


def of(trigger: Trigger) -> TriggerLogic:
    """The logic of a trigger."""
    match trigger:
        case Match():
            return MatchLogic(trigger)
        case Absence():
            return AbsenceLogic(trigger)
        case _:
            assert_never(trigger)
