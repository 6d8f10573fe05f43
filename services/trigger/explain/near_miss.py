"""How little was missing: variations of a customer's remembered past, played through the production domain.

Nothing is guessed: each variation that is told was played, and led to an email that the past itself did not lead to.
Variations are tried by how small they are, so that the first that succeeds is the nearest of its kind.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

import msgspec

from sendwhen.campaigns import fuse
from sendwhen.cases.virtual_time import Decided, VirtualTime
from sendwhen.domain.campaign import Campaign
from sendwhen.domain.decision import Decision, Kind
from sendwhen.domain.entry import CampaignPut, Entry
from services.trigger.explain.past import Past
from services.trigger.explain.variations import (
    Variation,
    additions,
    attributes,
    lengths_ms,
    removals,
    shifts,
    values,
)
from services.trigger.explain.words import at

PLAYS_MAX: Final = 150
"""Variations of one kind that are played; those that change more are left out."""


_ENDS: Final = frozenset({Kind.SEND, Kind.SKIPPED, Kind.REFUSED, Kind.CANCELLED})


class NearMiss(msgspec.Struct, frozen=True, kw_only=True):
    """One variation that leads to an email.

    Attributes:
        kind: "time", "more", "value", "attribute", "without" or "put".
        event_id: Of the event that it changes, where it changes one.
        shift_ms: By how much, where it moves one.
    """

    kind: str
    sentence: str
    event_id: str = ""
    shift_ms: int = 0


def near_misses(
    campaign: Campaign,
    past: Past,
    *,
    put_at_ms: int,
    until_ms: int,
    event_clock: bool = False,
    edits: Sequence[Entry] = (),
    versions: Mapping[str, Campaign] = MappingProxyType({}),
) -> tuple[NearMiss, ...]:
    """The nearest miss of each kind, nearest kind first; none where the past leads to emails, or nothing helps.

    Args:
        campaign: The version in force, which is what is varied against.
        past: What the customer did.
        put_at_ms: When that version was put.
        until_ms: As of when.
        event_clock: Log time is the events' own.
        edits: How the campaign came to stand as it does, played with the past; none: it was put at ``put_at_ms``.
        versions: The campaigns that the edits put, by version, which is their source.
    """
    if not past.events:
        return ()
    played = edits or [_put(campaign, min(until_ms, put_at_ms))]
    search = _Search(
        {campaign.version: campaign, **versions}, campaign, past, played, until_ms=until_ms, event_clock=event_clock
    )
    return search.found(put_at_ms)


class _Search:
    def __init__(
        self,
        versions: Mapping[str, Campaign],
        campaign: Campaign,
        past: Past,
        edits: Sequence[Entry],
        *,
        until_ms: int,
        event_clock: bool,
    ) -> None:
        self._campaign = campaign
        self._past = past
        self._edits = edits
        self._until_ms = until_ms
        self._reach_ms = max(map(campaign_reach_ms, versions.values()))
        self._time = VirtualTime(
            compile_campaign=lambda source: versions[source.decode()], fuse=fuse, event_clock=event_clock
        )
        self._base = [decision for _, decision in self._play(past)]
        self._sends = _sends(self._base)

    def found(self, put_at_ms: int) -> tuple[NearMiss, ...]:
        ends = [one.kind for one in self._base if one.kind in _ENDS]
        if (ends and ends[-1] is Kind.SEND) or (self._base and not ends):
            return ()
        first_ms = self._past.events[0][0]
        earlier = [_put(self._campaign, min(self._until_ms, first_ms))]
        if put_at_ms > first_ms and (send := self._new_send(self._play(self._past, earlier))):
            instead = f"had it been put before {at(first_ms)}; it was at {at(put_at_ms)}"
            sentence = f"It would have sent “{send.template}” {instead}."
            return (NearMiss(kind="put", sentence=sentence),)
        campaign, past = self._campaign, self._past
        kinds: tuple[tuple[str, Iterable[Variation]], ...] = (
            ("time", shifts(campaign, past, self._base)),
            ("more", additions(campaign, past, self._until_ms)),
            ("value", values(campaign, past)),
            ("attribute", attributes(campaign, past)),
            ("without", removals(campaign, past)),
        )
        misses: list[NearMiss] = []
        for kind, variations in kinds:
            moved = {miss.event_id for miss in misses if miss.kind == "time"}
            miss = self._first(kind, (one for one in variations if kind != "without" or one.event_id not in moved))
            if miss is not None:
                misses.append(miss)
        return tuple(misses)

    def _first(self, kind: str, variations: Iterable[Variation]) -> NearMiss | None:
        for number, one in enumerate(variations):
            if number >= PLAYS_MAX:
                return None
            send = self._new_send(self._play(one.past))
            if send is not None and self._sends_by(one.past) <= len(self._sends):
                sentence = f"It would have sent “{send.template}” had {one.had}."
                return NearMiss(kind=kind, sentence=sentence, event_id=one.event_id, shift_ms=one.shift_ms)
        return None

    def _new_send(self, decided: Sequence[Decided]) -> Decision | None:
        sends = _sends(decision for _, decision in decided)
        return sends[-1] if len(sends) > len(self._sends) else None

    def _sends_by(self, past: Past) -> int:
        """Emails that come by themselves while another past is played: where a wait is open, time is all it takes."""
        return len(_sends(decision for _, decision in self._play(self._past, end_ms=self._end_ms(past))))

    def _end_ms(self, past: Past) -> int:
        # A deadline may lie behind the instant asked about: what was decided by then is what is asked for, but a wait
        # that a variation opens is not answered yet, and is allowed to end.
        last_ms = max([self._until_ms, *(entry.at_ms for entry in past.entries())])
        return last_ms + self._reach_ms

    def _play(self, past: Past, edits: Sequence[Entry] = (), *, end_ms: int = 0) -> Sequence[Decided]:
        happened: list[Entry] = [*past.entries()]
        # What is edited in the instant of an event comes before it.
        entries = sorted([*(edits or self._edits), *happened], key=lambda entry: entry.at_ms)
        return self._time.play(entries, until_ms=end_ms or self._end_ms(past))


def _put(campaign: Campaign, at_ms: int) -> CampaignPut:
    source = campaign.version.encode()
    return CampaignPut(seq=0, at_ms=at_ms, campaign_id=campaign.campaign_id, version=campaign.version, source=source)


def campaign_reach_ms(campaign: Campaign) -> int:
    """How long after its last event a trigger may still fire."""
    return max(lengths_ms(campaign), default=0) + 1


def _sends(decisions: Iterable[Decision]) -> list[Decision]:
    return [decision for decision in decisions if decision.kind is Kind.SEND]
