"""What holds of every kind of trigger and every history."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from sendwhen.domain.campaign import Campaign
from sendwhen.domain.decision import Decision, Kind
from sendwhen.domain.entry import Entry, EventBatch, Tick
from sendwhen.domain.event import Event
from sendwhen.domain.shard import Shard
from sendwhen.domain.shard_limits import ShardLimits
from tests.builders import T0_MS, Catalogue, an_event, fuse, put
from tests.domain.keeping import Host
from tests.domain.trigger_kinds import ADD, BUY, LEAVE, SHORT_MS, VIEW, WAIT_MS, campaigns

GRACE_MS = 1_500
AT_ONCE = (*campaigns(), *campaigns(keyed=True))
LATE = (*campaigns(grace_ms=GRACE_MS), *campaigns(grace_ms=GRACE_MS, keyed=True))
PEOPLE = ("ada", "bob")
STEPS = st.sampled_from([0, 0, 1, 300, SHORT_MS, WAIT_MS - SHORT_MS, WAIT_MS - 1, WAIT_MS])
LATENESS = st.sampled_from([0, 0, 0, 1, SHORT_MS, WAIT_MS, GRACE_MS])


def make_shard(limits: ShardLimits | None = None) -> Shard:
    return Shard(
        partition=0,
        send_key=b"key",
        compile_campaign=Catalogue(*AT_ONCE, *LATE),
        fuse=fuse,
        limits=limits or ShardLimits(),
    )


@st.composite
def happenings(draw: st.DrawFn) -> list[tuple[int, Event]]:
    """Events in the order in which they happen, each with the time at which it arrives, not before it happened."""
    found = [(0, an_event("Seen", who, event_id=f"seen/{who}")) for who in PEOPLE]
    at_ms = 0
    for number in range(draw(st.integers(2, 12))):
        at_ms += draw(STEPS)
        event = an_event(
            draw(st.sampled_from([VIEW, VIEW, ADD, ADD, BUY, LEAVE])),
            draw(st.sampled_from(PEOPLE)),
            event_id=str(number),
            at_ms=T0_MS + at_ms,
            properties={"n": draw(st.integers(1, 4)), "sku": draw(st.sampled_from(["a", "a", "b"]))},
        )
        found.append((at_ms + draw(LATENESS), event))
    return found


def entries_of(happened: list[tuple[int, Event]], campaigns_in_force: tuple[Campaign, ...]) -> list[Entry]:
    entries: list[Entry] = [put(campaign, seq=seq) for seq, campaign in enumerate(campaigns_in_force, 1)]
    for at_ms, event in happened:
        entries.append(EventBatch(seq=len(entries) + 1, at_ms=T0_MS + at_ms, events=(event,)))
    last_ms = max(at_ms for at_ms, _ in happened)
    entries.append(Tick(seq=len(entries) + 1, at_ms=T0_MS + last_ms + 10 * WAIT_MS))
    return entries


def whole(entries: list[Entry]) -> Host:
    host = Host(make_shard, horizon_ms=10**9)
    for entry in entries:
        host.apply(entry)
    host.commit()
    return host


def sent(host: Host) -> dict[str, list[tuple[str, str, int, int]]]:
    """By campaign: customer, key, logical instant and start of each email, in order."""
    found: dict[str, list[tuple[str, str, int, int]]] = {}
    for output in host.kept.outputs:
        if isinstance(output, tuple):
            uid, decision = output
            assert isinstance(decision, Decision)
            if decision.kind is Kind.SEND:
                line = (uid, decision.key, decision.due_at_ms, decision.start_at_ms)
                found.setdefault(decision.campaign_id.removesuffix("-late"), []).append(line)
    return found


@settings(max_examples=60)
@given(happenings())
def test_event_time_makes_of_shuffled_events_what_log_time_makes_of_sorted_ones(
    happened: list[tuple[int, Event]],
) -> None:
    """Kills: events held by arrival, a deadline without the grace, a watermark one millisecond off, an event in front
    of a deadline of its instant."""
    arrived = sorted(happened, key=lambda one: one[0])
    in_time = sorted(arrived, key=lambda one: one[1].occurred_at_ms)
    sorted_by_log = [(event.occurred_at_ms - T0_MS, event) for _, event in in_time]

    late = sent(whole(entries_of(arrived, LATE)))
    at_once = sent(whole(entries_of(sorted_by_log, AT_ONCE)))

    assert {name: sorted(lines) for name, lines in late.items()} == {
        name: sorted(lines) for name, lines in at_once.items()
    }


@settings(max_examples=60)
@given(happenings(), st.data())
def test_a_shard_resumed_from_commits_decides_as_if_it_had_never_stopped(
    happened: list[tuple[int, Event]], data: st.DataObject
) -> None:
    """Kills: a memory or a held event that is not in the record, one that eviction loses, a watermark that depends on
    how the clock's way was divided."""
    entries = entries_of(sorted(happened, key=lambda one: one[0]), (*AT_ONCE, *LATE))
    cramped = ShardLimits(live_bytes=data.draw(st.sampled_from([0, 10**9])), warm_bytes=0)
    horizon_ms = data.draw(st.sampled_from([0, WAIT_MS, 10**9]))
    host = Host(lambda: make_shard(cramped), horizon_ms=horizon_ms, at_once=1)
    for entry in entries:
        host.apply(entry, commit_between=data.draw(st.booleans()))
        action = data.draw(st.sampled_from(["go on", "commit", "commit and restart", "restart"]))
        if action.startswith("commit"):
            host.commit()
        if action.endswith("restart"):
            host.restart()
            for missed in entries[host.shard.position : entry.seq]:
                host.apply(missed)
    host.commit()
    kept = whole(entries).kept

    assert host.kept.outputs_by_kind() == kept.outputs_by_kind()
    assert host.kept.records == kept.records
    assert host.kept.due == kept.due
