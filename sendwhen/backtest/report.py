"""What a backtest says, in figures: the same for the same past, whoever worked it out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from math import ceil
from pathlib import Path
from statistics import median

import msgspec

from sendwhen.backtest.comparison import Change
from sendwhen.backtest.findings import Sums
from sendwhen.backtest.unit import Task, UnitDone
from sendwhen.backtest.variant import Variant
from sendwhen.domain.sending_rules import SENDING_ID

BAND_OVER_BUSIEST = 1.5
"""A day's volume that is proposed as a bound, by the busiest day that was seen."""
_SHOWN_CHANGES = tuple(change.value for change in Change)


class CampaignReport(msgspec.Struct, frozen=True, kw_only=True):
    """One campaign. Figures of a sample are those of the sample, never scaled up.

    Attributes:
        version, against_version: "" where that variant has no such campaign.
        emails, customers: Emails that would have gone out, and to how many.
        decisions: Kind to number. skips: reason to number, most frequent first.
        days: (UTC day, emails); days without any are left out. against_days: of the other variant.
        busiest: Emails of the busiest day. typical: median of the days with any.
        volume: Proposed bound for ``send.volume``; 0 where nothing was sent.
        changes, people: With another variant beside: what became of emails, and how many customers that concerns.
    """

    campaign_id: str
    version: str
    against_version: str
    emails: int
    customers: int
    decisions: Mapping[str, int]
    skips: tuple[tuple[str, int], ...]
    days: tuple[tuple[str, int], ...]
    against_emails: int
    against_days: tuple[tuple[str, int], ...]
    busiest: int
    typical: float
    volume: int
    changes: Mapping[str, int]
    people: Mapping[str, int]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """All of it.

    Attributes:
        from_ms, to_ms: The time looked at, half-open.
        events: Events of the customers looked at, before ``to_ms``.
        joined: Identities were tied, so what was done under any of them counts for the customer.
        share: Of the customers.
        compared: There was another variant.
        dead_letters: Reason to events that were set aside.
    """

    from_ms: int
    to_ms: int
    clock: str
    share: float
    events: int
    joined: bool
    compared: bool
    campaigns: tuple[CampaignReport, ...]
    dead_letters: Mapping[str, int]


class Found(msgspec.Struct, kw_only=True):
    """What the units found, added up.

    Attributes:
        sums, against: Of the two variants.
        changes, people: (campaign, change) to emails, and to customers.
        events: Events read.
    """

    sums: Sums = msgspec.field(default_factory=Sums)
    against: Sums = msgspec.field(default_factory=Sums)
    changes: Counter[tuple[str, str]] = msgspec.field(default_factory=Counter)
    people: Counter[tuple[str, str]] = msgspec.field(default_factory=Counter)
    events: int = 0

    def add(self, done: UnitDone) -> None:
        """Add a unit."""
        self.sums.add(done.sums)
        self.changes.update(done.changes)
        self.people.update(done.people)
        if done.against is not None:
            self.against.add(done.against)
        self.events += done.events


def report_of(
    task: Task,
    *,
    share: float,
    found: Found,
) -> Report:
    """The report of sums that are complete."""
    versions, others = _versions(task.variant), _versions(task.against)
    return Report(
        from_ms=task.from_ms,
        to_ms=task.to_ms,
        clock=task.clock,
        share=share,
        events=found.events,
        joined=task.joined,
        compared=task.against is not None,
        campaigns=tuple(
            _campaign(name, (versions.get(name, ""), others.get(name, "")), found, share=share)
            for name in sorted(versions | others)
        ),
        dead_letters=dict(sorted(found.sums.dead_letters.items())),
    )


def _campaign(name: str, versions: tuple[str, str], found: Found, *, share: float) -> CampaignReport:
    sums, against, changes, people = found.sums, found.against, found.changes, found.people
    days = tuple(sums.days(name))
    per_day = [number for _, number in days]
    kinds: Counter[str] = Counter()
    for (campaign, kind, _), number in sums.decisions.items():
        if campaign == name:
            kinds[kind] += number
    busiest = max(per_day, default=0)
    return CampaignReport(
        campaign_id=name,
        version=versions[0],
        against_version=versions[1],
        emails=sums.emails(name),
        customers=sums.customers[name],
        decisions=dict(sorted(kinds.items())),
        skips=tuple(sums.skips(name)),
        days=days,
        against_emails=against.emails(name),
        against_days=tuple(against.days(name)),
        busiest=busiest,
        typical=float(median(per_day)) if per_day else 0.0,
        volume=_rounded_up(busiest / share * BAND_OVER_BUSIEST),
        changes={change: changes[name, change] for change in _SHOWN_CHANGES if changes[name, change]},
        people={change: people[name, change] for change in _SHOWN_CHANGES if people[name, change]},
    )


def _rounded_up(volume: float) -> int:
    """To two digits: a bound that pretends to be exact would be read as one."""
    whole = ceil(volume)
    step: int = 10 ** max(0, len(str(whole)) - 2)
    return -(-whole // step) * step


def _versions(variant: Variant | None) -> dict[str, str]:
    puts = variant.puts if variant else ()
    return {put.campaign_id: put.version for put in puts if put.campaign_id != SENDING_ID}


def write_summary(report: Report, path: Path) -> None:
    """As JSON."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
