"""What becomes of open runs when their campaign is edited or archived.

An edit is one entry of the log and concerns any number of customers, most of whom are not in memory. So the partition
remembers it (``CampaignRow.edits``), and each customer's runs follow when the customer is next touched: by an event, or
by the deadline of a run, whichever comes first. Who is touched when follows from the log alone, and so does the rest.
``Customer.edits_seen`` is the last edit that a customer's runs have followed; a run is always younger than that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec
from msgspec.structs import replace

from sendwhen.domain.calendar import instant_text
from sendwhen.domain.campaign import Campaign
from sendwhen.domain.customer import Customer
from sendwhen.domain.decision import Decision, Kind
from sendwhen.domain.migrate import Edit
from sendwhen.domain.moment import Moment
from sendwhen.domain.places import phase_in, place_of
from sendwhen.domain.round import Round
from sendwhen.domain.run import TRIGGER_PHASE, Run, moved_run_id
from sendwhen.domain.steps import WaitUntilStep

EDITED, ARCHIVED, MOVED = "edited", "archived", "moved"


class Editions(Protocol):
    """What is known of the campaigns' versions and edits."""

    def edits(self, campaign_id: str) -> Sequence[Edit]:
        """Edits of a campaign, oldest first."""
        ...

    def archived(self, campaign_id: str) -> bool:
        """No version is in force any more."""
        ...

    def campaign(self, campaign_id: str, version: str) -> Campaign | None:
        """A version that is kept."""
        ...


class Fate(msgspec.Struct, frozen=True):
    """What becomes of a run.

    Attributes:
        run: It goes on as this; None: it ends.
        reason: Of its end, or MOVED; "" where nothing happens.
        edit: Because of which.
    """

    run: Run | None
    reason: str = ""
    edit: Edit | None = None


def fate_of(run: Run, editions: Editions, since_seq: int) -> Fate:
    """What becomes of a run that has followed all edits up to ``since_seq``."""
    fate = Fate(run)
    edits = editions.edits(run.campaign_id)
    for edit in edits:
        if edit.seq <= since_seq or edit.version == run.version:
            continue
        if edit.what != "move":
            return Fate(None, ARCHIVED if edit.what == "archive" else EDITED, edit)
        moved = moved_to(run, editions, edit.version)
        if moved is not None:
            run, fate = moved, Fate(moved, MOVED, edit)
    if editions.archived(run.campaign_id) and edits:
        return Fate(None, ARCHIVED, edits[-1])
    return fate


def moved_to(run: Run, editions: Editions, version: str) -> Run | None:
    """The run in another version, waiting in the same place until the same deadline; None: it has no such place."""
    before, after = editions.campaign(run.campaign_id, run.version), editions.campaign(run.campaign_id, version)
    place = None if before is None else place_of(before, run.phase)
    phase = None if after is None or place is None else phase_in(after, place)
    if phase is None:
        return None
    # Emails are named by run and step: what stands at a step of the new version is another email than what stood there
    # before. A run that still waits in its trigger has sent nothing.
    name = run.run_id if run.phase == TRIGGER_PHASE else moved_run_id(run.run_id, version)
    return replace(run, run_id=name, version=version, phase=phase)


def follow(customer: Customer, editions: Editions, last_seq: int, moment: Moment, out: Round) -> None:
    """Let the runs of a draft follow the edits of their campaigns, up to the latest."""
    since_seq, customer.edits_seen = customer.edits_seen, last_seq
    if not customer.runs:
        return
    runs = []
    for run in customer.runs:
        fate = fate_of(run, editions, since_seq)
        if fate.run is not None:
            runs.append(_looking(fate, editions, moment, out))
        if fate.edit is not None:
            _say(customer, run, fate, moment, out)
    customer.runs = tuple(runs)


def _looking(fate: Fate, editions: Editions, moment: Moment, out: Round) -> Run:
    """A run that has moved before a wait for something looks at once whether that holds."""
    run = fate.run
    assert run is not None
    campaign = editions.campaign(run.campaign_id, run.version) if fate.reason == MOVED else None
    if campaign is None or campaign.grace_ms is not None or run.phase == TRIGGER_PHASE:
        return run
    step = campaign.steps[run.phase]
    if not isinstance(step, WaitUntilStep) or step.when is None or run.due_at_ms <= moment.now_ms:
        return run
    run = replace(run, due_at_ms=moment.now_ms)
    out.armed.append(run)
    return run


def _say(customer: Customer, before: Run, fate: Fate, moment: Moment, out: Round) -> None:
    run, edit = fate.run or before, fate.edit
    assert edit is not None
    at = instant_text(edit.at_ms)
    detail = {
        MOVED: f"It goes on in version {edit.version}, put at {at}, from version {before.version}.",
        EDITED: f"Version {edit.version} was put at {at}, to cancel runs of earlier versions.",
        ARCHIVED: f"The campaign was archived at {at}.",
    }[fate.reason]
    out.decide(
        customer,
        Decision(
            kind=Kind.CANCELLED if fate.run is None else Kind.WAITING,
            campaign_id=run.campaign_id,
            version=run.version,
            run_id=run.run_id,
            key=run.key,
            at_ms=moment.at_ms,
            due_at_ms=run.due_at_ms,
            start_at_ms=run.start_at_ms,
            reason=fate.reason,
            detail=detail,
            event_id=run.start.event_id,
            seq=moment.seq,
        ),
    )
