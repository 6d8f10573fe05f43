"""Edits of campaigns: what one would change, and putting it with a policy for the people who wait."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from sendwhen.domain.campaign import Campaign
from sendwhen.domain.migrate import Migrate
from sendwhen.domain.places import phase_in
from sendwhen.domain.sending_rules import SENDING_ID
from sendwhen.errors import Precondition
from services.trigger.campaigns import Campaigns, Standing
from services.trigger.front_ports import CampaignChecker, CheckedCampaign, Problem
from services.trigger.waiting_count import Waiting, WaitingCount


class EditPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What an edit would do.

    Attributes:
        in_force: The version that it would take the place of; "" for none.
        changes: A sentence for each field that differs.
        waiting: Who waits now, and whether the new version has their place.
    """

    checked: CheckedCampaign
    in_force: str = ""
    changes: Sequence[str] = ()
    waiting: Sequence[tuple[Waiting, bool]] = ()
    estimated: bool = False


class EditDesk:
    """Plans and puts."""

    def __init__(self, campaigns: Campaigns, checker: CampaignChecker, count: WaitingCount) -> None:
        self._campaigns = campaigns
        self._checker = checker
        self._count = count

    async def plan(self, files: Mapping[str, bytes], *, changes_only: bool = False) -> EditPlan:
        """What putting these files would change, and who waits; nothing is changed.

        ``changes_only``: nobody is counted where nothing would change, because counting takes its time.
        """
        checked = await self._campaigns.check(files)
        if not checked.acceptable:
            return EditPlan(checked=checked)
        desired = await self._campaigns.desired(checked.campaign_id)
        if desired is None:
            return EditPlan(checked=checked)
        in_force = "" if desired.archived else desired.version
        same = in_force == checked.version
        waiting, estimated = ((), False) if same and changes_only else await self._waiting(checked)
        return EditPlan(
            checked=checked,
            in_force=in_force,
            changes=self._checker.changes(desired.source, checked.source),
            waiting=waiting,
            estimated=estimated,
        )

    async def put(self, files: Mapping[str, bytes], migrate: Migrate) -> tuple[Standing, Sequence[Problem], bool]:
        """Bring a campaign into force.

        Raises:
            Precondition: People are to move who wait in a place that the new version does not have.
        """
        if migrate is Migrate.MOVE:
            checked = await self._campaigns.check(files)
            if checked.acceptable and await self._changes(checked):
                _refuse_strangers((await self._waiting(checked))[0])
        return await self._campaigns.put(files, migrate)

    async def _changes(self, checked: CheckedCampaign) -> bool:
        desired = await self._campaigns.desired(checked.campaign_id)
        return desired is not None and (desired.archived or desired.version != checked.version)

    async def _waiting(self, checked: CheckedCampaign) -> tuple[Sequence[tuple[Waiting, bool]], bool]:
        if checked.campaign_id == SENDING_ID:
            return (), False  # nobody is pinned to a policy
        new: Campaign = self._checker.campaign(checked.source)
        found, estimated = await self._count.count(checked.campaign_id)
        return [(one, phase_in(new, one.place) is not None) for one in found], estimated


def _refuse_strangers(waiting: Sequence[tuple[Waiting, bool]]) -> None:
    homeless = [one for one, exists in waiting if not exists and not one.decided]
    if homeless:
        named = "; ".join(f"{one.runs} in {one.place.text()} of version {one.version}" for one in homeless)
        raise Precondition(
            f"People wait in places that the new version does not have: {named}.",
            remedy="Let them finish or cancel them (--migrate finish, --migrate cancel), or keep these places.",
        )
