"""How a campaign stood at an instant, and how it came to: which version was in force, put when, paused or archived."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from sendwhen.domain.campaign import Campaign
from sendwhen.domain.changes import CampaignRow
from sendwhen.domain.entry import CampaignArchived, CampaignPaused, CampaignPut, Entry
from sendwhen.domain.migrate import Migrate
from services.trigger.explain.words import at
from services.trigger.front_ports import CampaignEdit, DesiredCampaign


class Editions(msgspec.Struct, frozen=True, kw_only=True):
    """A campaign as of an instant.

    Attributes:
        version: In force, or the last that was where it is archived; "": none was put yet, or which one is not known.
        put_at_ms: When it was put.
        edits: All that is known up to the instant, oldest first.
        sentence: How it stood then, where that is another than how it stands now; "" where it is the same.
    """

    campaign_id: str
    version: str = ""
    put_at_ms: int = 0
    paused: bool = False
    archived: bool = False
    edits: tuple[CampaignEdit, ...] = ()
    sentence: str = ""

    def versions(self, since_ms: int) -> set[str]:
        """Versions that were in force at any time from an instant on."""
        puts = [edit for edit in self.edits if edit.what == "put"]
        before = [edit for edit in puts if edit.at_ms <= since_ms]
        return {edit.version for edit in (*before[-1:], *(edit for edit in puts if edit.at_ms > since_ms))}

    def entries(self, known: Mapping[str, Campaign]) -> list[Entry]:
        """The edits as a log has them; a version's name is its source, and those that are not kept are left out."""
        return [entry for edit in self.edits if (entry := self._entry(edit, known)) is not None]

    def _entry(self, edit: CampaignEdit, known: Mapping[str, Campaign]) -> Entry | None:
        match edit.what:
            case "put" if edit.version in known:
                return CampaignPut(
                    seq=0,
                    at_ms=edit.at_ms,
                    campaign_id=self.campaign_id,
                    version=edit.version,
                    source=edit.version.encode(),
                    migrate=Migrate(edit.migrate or Migrate.FINISH.value),
                )
            case "paused" | "resumed":
                paused = edit.what == "paused"
                return CampaignPaused(seq=0, at_ms=edit.at_ms, campaign_id=self.campaign_id, paused=paused)
            case "archived":
                return CampaignArchived(seq=0, at_ms=edit.at_ms, campaign_id=self.campaign_id)
            case _:
                return None


def editions_of(
    desired: DesiredCampaign, rows: Sequence[CampaignRow], *, until_ms: int, event_clock: bool, kept_max: int
) -> Editions:
    """How a campaign stood.

    Args:
        desired: As it stands now, with the latest ``kept_max`` edits.
        rows: The versions that the customer's partition keeps, of any campaign.
        until_ms: As of when.
        event_clock: The log's time is the events' own, so that only the rows know when a version came into force in it.
        kept_max: So many edits are kept.
    """
    own = [row for row in rows if row.campaign_id == desired.campaign_id]
    edits = _of_rows(own) if event_clock else _of_desired(desired, own)
    stood = Editions(campaign_id=desired.campaign_id, edits=tuple(edit for edit in edits if edit.at_ms <= until_ms))
    for edit in stood.edits:
        stood = _after(stood, edit)
    return msgspec.structs.replace(stood, sentence=_sentence(stood, desired, edits, until_ms, kept_max))


def _after(stood: Editions, edit: CampaignEdit) -> Editions:
    match edit.what:
        case "put":
            return msgspec.structs.replace(stood, version=edit.version, put_at_ms=edit.at_ms, archived=False)
        case "archived":
            return msgspec.structs.replace(stood, archived=True, paused=False)
        case _:
            return msgspec.structs.replace(stood, paused=edit.what == "paused")


def _of_desired(desired: DesiredCampaign, rows: Iterable[CampaignRow]) -> list[CampaignEdit]:
    edits = list(desired.edits)
    if not any(edit.what == "put" for edit in edits):
        edits.insert(0, CampaignEdit(at_ms=desired.put_at_ms, what="put", version=desired.version))
    # When it came into force in this partition's log, the row knows; of a version that was put twice, the last time.
    for row in rows:
        puts = [place for place, edit in enumerate(edits) if (edit.what, edit.version) == ("put", row.version)]
        if puts:
            edits[puts[-1]] = msgspec.structs.replace(edits[puts[-1]], at_ms=row.put_at_ms)
    return sorted(edits, key=lambda edit: edit.at_ms)


def _of_rows(rows: Sequence[CampaignRow]) -> list[CampaignEdit]:
    noted = {edit.version: edit.what for row in rows for edit in row.edits}
    edits = [
        CampaignEdit(at_ms=row.put_at_ms, what="put", version=row.version, migrate=noted.get(row.version, ""))
        for row in rows
    ]
    edits += [
        CampaignEdit(at_ms=edit.at_ms, what="archived", version="")
        for row in rows
        for edit in row.edits
        if edit.what == "archive"
    ]
    return sorted(edits, key=lambda edit: edit.at_ms)


def _sentence(
    stood: Editions, desired: DesiredCampaign, edits: Sequence[CampaignEdit], until_ms: int, kept_max: int
) -> str:
    if stood.version == desired.version and (stood.paused, stood.archived) == (desired.paused, desired.archived):
        return ""
    then = f"At {at(until_ms)}"
    if stood.version:
        how = ", archived" if stood.archived else ", paused" if stood.paused else ""
        now = f"; now it is version {desired.version}" if desired.version != stood.version else ""
        return f"{then} version {stood.version} was in force{how}, put at {at(stood.put_at_ms)}{now}."
    if len(desired.edits) >= kept_max:
        return f"Which version was in force at {at(until_ms)} is not kept: the history begins at {at(edits[0].at_ms)}."
    return f"{then} there was no such campaign yet: it was put at {at(edits[0].at_ms)}."
