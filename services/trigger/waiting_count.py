"""Counts who waits in which place of which version of a campaign."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from sendwhen.domain.campaign import Campaign
from sendwhen.domain.changes import CampaignRow
from sendwhen.domain.edits import fate_of
from sendwhen.domain.migrate import Edit
from sendwhen.domain.places import Place, place_of
from sendwhen.domain.record import read_record
from services.trigger.log_port import Log
from services.trigger.waiting_port import WaitingRecords

PAGE: Final = 200
CUSTOMERS_MAX: Final = 200_000
"""Customers looked at for one count; beyond, every partition gives an equal share, and the numbers are scaled."""


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """Runs that wait in one place.

    Attributes:
        decided: An earlier edit has decided about them ("edited", "archived", "moved"), though they have not followed
            yet; "" where none has.
    """

    version: str
    place: Place
    decided: str
    runs: int


class WaitingCount:
    """Reads the records of all who have a deadline, page by page, so that nobody else is held up."""

    def __init__(
        self,
        records: WaitingRecords,
        event_log: Log,
        compile_source: Callable[[bytes], Campaign],
        *,
        partitions: int,
        customers_max: int = CUSTOMERS_MAX,
    ) -> None:
        self._records = records
        self._log = event_log
        self._compile = compile_source
        self._partitions = range(partitions)
        self._share = max(PAGE, customers_max // partitions)

    async def count(self, campaign_id: str) -> tuple[Sequence[Waiting], bool]:
        """Who waits, by version and place; and whether it is an estimate. As committed while it was read."""
        found: dict[tuple[str, Place, str], float] = {}
        estimated = False
        compiled: dict[str, Campaign] = {}
        for partition in self._partitions:
            kept = await self._log.campaigns(partition)
            rows = [row for row in kept if row.campaign_id == campaign_id and row.source]
            editions = RowEditions(rows, self._compile, compiled)
            here, factor = await self._in_partition(partition, campaign_id, editions)
            estimated = estimated or factor != 1.0
            for place, runs in here.items():
                found[place] = found.get(place, 0.0) + runs * factor
        ordered = sorted(found.items(), key=lambda one: (one[0][0], one[0][1].text(), one[0][2]))
        return [
            Waiting(version=version, place=place, decided=decided, runs=round(runs))
            for (version, place, decided), runs in ordered
        ], estimated

    async def _in_partition(
        self, partition: int, campaign_id: str, editions: RowEditions
    ) -> tuple[dict[tuple[str, Place, str], int], float]:
        found: dict[tuple[str, Place, str], int] = {}
        seen: set[str] = set()
        first = 0
        while True:
            page = await self._records.page(partition, first, PAGE)
            for uid, record in page.records:
                if uid not in seen:
                    seen.add(uid)
                    _count(record, campaign_id, editions, found)
            first += PAGE
            if first >= page.total:
                return found, 1.0
            if first >= self._share:
                return found, page.total / first


class RowEditions:
    """What a partition's rows say of one campaign's versions and edits."""

    def __init__(
        self, rows: Sequence[CampaignRow], compile_source: Callable[[bytes], Campaign], compiled: dict[str, Campaign]
    ) -> None:
        """``compiled`` keeps versions from one partition to the next."""
        self._rows = {row.version: row for row in rows}
        self._compile = compile_source
        self._compiled = compiled
        self._edits = max((row.edits for row in rows if row.edits), key=lambda edits: edits[-1].seq, default=())
        self._in_force = any(row.current for row in rows)

    def edits(self, campaign_id: str) -> Sequence[Edit]:  # noqa: ARG002 - there is one
        """Edits, oldest first."""
        return self._edits

    def archived(self, campaign_id: str) -> bool:  # noqa: ARG002 - there is one
        """No version is in force any more."""
        return bool(self._edits) and not self._in_force

    def campaign(self, campaign_id: str, version: str) -> Campaign | None:  # noqa: ARG002 - there is one
        """A version that is kept."""
        row = self._rows.get(version)
        if row is not None and version not in self._compiled:
            self._compiled[version] = self._compile(row.source)
        return None if row is None else self._compiled[version]


def _count(record: bytes, campaign_id: str, editions: RowEditions, found: dict[tuple[str, Place, str], int]) -> None:
    customer = read_record(record)
    for run in customer.runs:
        if run.campaign_id != campaign_id:
            continue
        campaign = editions.campaign(campaign_id, run.version)
        place = None if campaign is None else place_of(campaign, run.phase)
        if place is None:
            place = Place("a version that is not kept", "", 0, 0, "")
        fate = fate_of(run, editions, customer.edits_seen)
        key = (run.version, place, fate.reason)
        found[key] = found.get(key, 0) + 1
