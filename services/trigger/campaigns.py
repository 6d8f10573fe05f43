"""Keeps the campaigns: what is desired is durable first, then brought into every partition's log until all have it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import structlog
from msgspec.structs import replace

from sendwhen.chassis.clock import Clock
from sendwhen.domain.migrate import Migrate
from sendwhen.domain.sending_rules import SENDING_ID
from sendwhen.errors import Invalid, NotFound, Precondition, Violation
from sendwhen.wire.entry import campaign_archived_entry, campaign_paused_entry, campaign_put_entry
from services.trigger.front_ports import (
    CampaignChecker,
    CampaignEdit,
    CampaignShelf,
    CheckedCampaign,
    DesiredCampaign,
    Emails,
    Problem,
)
from services.trigger.log_port import Append, Appended, Log

log = structlog.get_logger()

FILES_MAX: Final = 64
FILES_BYTES_MAX: Final = 1_000_000
CAMPAIGNS_MAX: Final = 2_000
"""In force at a time, paused ones among them."""
EDITS_KEPT: Final = 200
"""Changes of one campaign that its history shows; the oldest goes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A campaign and how far it has come: partitions whose log holds its version and state."""

    campaign: DesiredCampaign
    partitions_reached: int
    partitions: int


@dataclass(frozen=True, slots=True)
class _State:
    """What a partition's log says of a campaign; ``version`` is "" where it knows none."""

    version: str = ""
    paused: bool = False


@dataclass(frozen=True, slots=True)
class _Logged:
    """What we appended; counts until the shard has come to ``seq``, then the committed rows do."""

    seq: int
    state: _State


class Campaigns:
    """Check, put, pause, archive, list; ``reconcile`` finishes what a crash interrupted."""

    def __init__(
        self,
        event_log: Log,
        checker: CampaignChecker,
        emails: Emails,
        shelf: CampaignShelf,
        clock: Clock,
        *,
        partitions: int,
        event_clock: bool,
        campaigns_max: int = CAMPAIGNS_MAX,
    ) -> None:
        self._campaigns_max = campaigns_max
        self._log = event_log
        self._checker = checker
        self._emails = emails
        self._shelf = shelf
        self._clock = clock
        self._partitions = range(partitions)
        self._event_clock = event_clock
        self._logged: dict[tuple[int, str], _Logged] = {}
        # Changes one after the other: a partition's log must end with what the shelf says.
        self._changing = asyncio.Lock()

    async def check(self, files: Mapping[str, bytes]) -> CheckedCampaign:
        """What these files are. Compiling takes milliseconds, so it is done beside the event loop."""
        if (
            not files.keys() & {"campaign.yaml", "sending.yaml"}
            or len(files) > FILES_MAX
            or sum(map(len, files.values())) > FILES_BYTES_MAX
        ):
            raise Invalid.of(
                [
                    Violation(
                        field="source.files",
                        description="Send campaign.yaml and its templates, or sending.yaml alone, at most "
                        f"{FILES_MAX} files and {FILES_BYTES_MAX} bytes in all.",
                    )
                ]
            )
        return await asyncio.to_thread(self._checker.check, files)

    async def put(
        self, files: Mapping[str, bytes], migrate: Migrate = Migrate.FINISH
    ) -> tuple[Standing, Sequence[Problem], bool]:
        """Bring a campaign into force; how it stands, warnings, and whether anything changed.

        Raises:
            Invalid: It has errors; the running version stays.
            Precondition: There are as many campaigns as there may be.
        """
        checked = await self.check(files)
        if not checked.acceptable:
            raise Invalid.of([_violation(problem) for problem in checked.problems if not problem.warning])
        async with self._changing:
            before = await self.desired(checked.campaign_id)
            if (before is None or before.archived) and checked.campaign_id != SENDING_ID:
                await self._make_room()
            # Templates first: no shard may decide on one that sender does not have.
            if checked.templates:
                await self._emails.put_templates(checked.templates)
            changed = before is None or before.archived or before.version != checked.version
            if before is None or changed:
                before = DesiredCampaign(
                    campaign_id=checked.campaign_id,
                    version=checked.version,
                    trigger=checked.trigger,
                    source=checked.source,
                    paused=before.paused if before else False,
                    put_at_ms=self._clock.now_ms(),
                    migrate=migrate.value,
                    edits=before.edits if before else (),
                )
                await self._shelf.put(self._noted(before, "put"))
                log.info("campaign.put", campaign=before.campaign_id, version=before.version)
            [standing] = await self._bring([before])
        return standing, checked.problems, changed

    async def set_paused(self, campaign_id: str, *, paused: bool) -> Standing:
        """Pause a campaign or let it act again.

        Raises:
            NotFound: There is none of that id.
        """
        async with self._changing:
            campaign = await self._known(campaign_id)
            if campaign.archived:
                raise Precondition("The campaign is archived.", remedy="Put it again to let it act.")
            if campaign.paused != paused:
                campaign = self._noted(replace(campaign, paused=paused), "paused" if paused else "resumed")
                await self._shelf.put(campaign)
                log.info("campaign.paused" if paused else "campaign.resumed", campaign=campaign_id)
            [standing] = await self._bring([campaign])
        return standing

    async def archive(self, campaign_id: str) -> Standing:
        """End a campaign; it may be put again.

        Raises:
            NotFound: There is none of that id.
        """
        async with self._changing:
            campaign = await self._known(campaign_id)
            if not campaign.archived:
                campaign = self._noted(replace(campaign, archived=True, paused=False), "archived")
                await self._shelf.put(campaign)
                log.info("campaign.archived", campaign=campaign_id)
            [standing] = await self._bring([campaign])
        return standing

    async def desired(self, campaign_id: str) -> DesiredCampaign | None:
        """What is desired of a campaign; None where there is none of that id."""
        return next((one for one in await self._shelf.all() if one.campaign_id == campaign_id), None)

    async def _make_room(self) -> None:
        in_force = sum(not one.archived and one.campaign_id != SENDING_ID for one in await self._shelf.all())
        if in_force >= self._campaigns_max:
            raise Precondition(
                f"There are {in_force:,} campaigns in force, and no more may be.",
                remedy="Archive those that are over, with `sendwhen campaigns archive`.",
            )

    async def _known(self, campaign_id: str) -> DesiredCampaign:
        campaign = await self.desired(campaign_id)
        if campaign is None or campaign_id == SENDING_ID:
            raise NotFound("There is no campaign of that id.", remedy="List the campaigns to see which there are.")
        return campaign

    def _noted(self, campaign: DesiredCampaign, what: str) -> DesiredCampaign:
        edit = CampaignEdit(
            at_ms=self._clock.now_ms(),
            what=what,
            version=campaign.version,
            migrate=campaign.migrate if what == "put" else "",
        )
        return replace(campaign, edits=(*campaign.edits, edit)[-EDITS_KEPT:])

    async def standings(self) -> Sequence[Standing]:
        """All campaigns, by id; the sending policy among them."""
        campaigns = await self._shelf.all()
        states = await self._states()
        return [self._standing(campaign, states) for campaign in campaigns]

    async def standing(self, campaign_id: str) -> Standing | None:
        """One campaign; None where there is none of that id."""
        if campaign_id == SENDING_ID:
            return None
        return next((one for one in await self.standings() if one.campaign.campaign_id == campaign_id), None)

    async def reconcile(self) -> bool:
        """Append what partitions lack; True when all have all. Idempotent."""
        async with self._changing:
            standings = await self._bring(await self._shelf.all())
        return all(standing.partitions_reached == standing.partitions for standing in standings)

    async def _bring(self, campaigns: Sequence[DesiredCampaign]) -> Sequence[Standing]:
        states = await self._states()
        for campaign in campaigns:
            for wanted in ("archive",) if campaign.archived else ("put", "paused"):
                await self._append(campaign, wanted, states)
        return [self._standing(campaign, states) for campaign in campaigns]

    async def _append(self, campaign: DesiredCampaign, wanted: str, states: dict[int, dict[str, _State]]) -> None:
        campaign_id = campaign.campaign_id
        if wanted == "archive":
            body = campaign_archived_entry(campaign_id)
            lacking = [p for p in self._partitions if _of(states, p, campaign_id).version]
        elif wanted == "put":
            body = campaign_put_entry(campaign_id, campaign.source, Migrate(campaign.migrate))
            lacking = [p for p in self._partitions if _of(states, p, campaign_id).version != campaign.version]
        else:
            body = campaign_paused_entry(campaign_id, paused=campaign.paused)
            lacking = [p for p in self._partitions if _of(states, p, campaign_id).paused != campaign.paused]
        if not lacking:
            return
        # On the events' own time a campaign comes into force at whatever time it is there: the log never goes back.
        at_ms = 0 if self._event_clock else self._clock.now_ms()
        appends = [Append(partition=partition, body=body, events=0, at_ms=at_ms) for partition in lacking]
        for partition, outcome in zip(lacking, await self._log.append(appends), strict=True):
            if isinstance(outcome, Appended):
                state = _after(_of(states, partition, campaign_id), campaign, wanted)
                states[partition][campaign_id] = state
                self._logged[partition, campaign_id] = _Logged(outcome.seq, state)

    async def _states(self) -> dict[int, dict[str, _State]]:
        # What was appended before anything was asked: of an entry that comes meanwhile the answers may know nothing.
        before = dict(self._logged)
        # Heads first: rows that are read behind a position hold whatever was committed up to it.
        heads = await self._log.heads(self._partitions)
        rows = await asyncio.gather(*(self._log.campaigns(partition) for partition in self._partitions))
        states: dict[int, dict[str, _State]] = {}
        for head, partition_rows in zip(heads, rows, strict=True):
            states[head.partition] = {
                row.campaign_id: _State(row.version, row.paused) for row in partition_rows if row.current
            }
        of = {head.partition: head for head in heads}
        for place, logged in before.items():
            partition, campaign_id = place
            if of[partition].position < logged.seq <= of[partition].head_seq:
                states[partition][campaign_id] = logged.state
            elif self._logged.get(place) is logged:
                del self._logged[place]
        return states

    def _standing(self, campaign: DesiredCampaign, states: Mapping[int, Mapping[str, _State]]) -> Standing:
        wanted = _State() if campaign.archived else _State(campaign.version, campaign.paused)
        reached = sum(_of(states, partition, campaign.campaign_id) == wanted for partition in self._partitions)
        return Standing(campaign=campaign, partitions_reached=reached, partitions=len(self._partitions))


def _after(state: _State, campaign: DesiredCampaign, wanted: str) -> _State:
    if wanted == "archive":
        return _State()
    return _State(campaign.version, state.paused) if wanted == "put" else _State(state.version, campaign.paused)


def _of(states: Mapping[int, Mapping[str, _State]], partition: int, campaign_id: str) -> _State:
    return states[partition].get(campaign_id, _State())


def _violation(problem: Problem) -> Violation:
    return Violation(
        field=f"{problem.file}:{problem.line}:{problem.column}", description=f"{problem.problem}. {problem.remedy}"
    )
