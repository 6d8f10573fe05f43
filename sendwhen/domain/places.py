"""Where a run waits, by a name that outlives edits: its trigger, or the n-th wait behind an email."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from sendwhen.domain.campaign import Campaign
from sendwhen.domain.run import TRIGGER_PHASE
from sendwhen.domain.steps import SendStep, Step, WaitStep, WaitUntilStep
from sendwhen.domain.trigger_kinds import kind_of


class Place(msgspec.Struct, frozen=True):
    """One place of one version; equal places of two versions are the same place.

    Attributes:
        kind: "trigger <kind>", "wait", "wait_until", or "send <template>" for an email that is put off.
        after: Template of the email before it, in the order of the text; "" where none is.
        sends: How often that template was sent before and there, so that each of several is told apart.
        ordinal: Of places of this kind since that email, from 0.
        per: Source of the key; a run of one key is no run of another.
    """

    kind: str
    after: str
    sends: int
    ordinal: int
    per: str

    def text(self) -> str:
        """For people."""
        if self.kind.startswith("trigger"):
            return f"the trigger ({self.kind.removeprefix('trigger ')})"
        number = f" (number {self.ordinal + 1})" if self.ordinal else ""
        again = f" (time {self.sends})" if self.sends > 1 else ""
        behind = f" behind “{self.after}”{again}" if self.after else " at the beginning"
        return f"{self.kind}{behind}{number}"


def places(campaign: Campaign) -> Iterator[tuple[int, Place]]:
    """All places in which a run of a version may wait, with their phases."""
    per = "" if campaign.per is None else campaign.per.source
    yield TRIGGER_PHASE, Place(f"trigger {kind_of(campaign.trigger)}", "", 0, 0, per)
    after, sends = "", dict[str, int]()
    seen = dict[str, int]()
    for index, step in enumerate(campaign.steps):
        kind = _kind(step)
        if kind:
            yield index, Place(kind, after, sends.get(after, 0), seen.get(kind, 0), per)
            seen[kind] = seen.get(kind, 0) + 1
        if isinstance(step, SendStep):
            after, seen = step.template, {}
            sends[after] = sends.get(after, 0) + 1


def place_of(campaign: Campaign, phase: int) -> Place | None:
    """The place of a phase; None where no run of this version can wait."""
    return next((place for index, place in places(campaign) if index == phase), None)


def phase_in(campaign: Campaign, place: Place) -> int | None:
    """The phase that a place has in a version; None where it does not exist there."""
    return next((index for index, one in places(campaign) if one == place), None)


def _kind(step: Step) -> str:
    match step:
        case WaitStep():
            return "wait"
        case WaitUntilStep():
            return "wait_until"
        case SendStep():
            return f"send {step.template}"
        case _:
            return ""
