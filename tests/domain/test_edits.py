"""What becomes of people who wait when their campaign is edited or archived."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from sendwhen.domain.campaign import Campaign
from sendwhen.domain.changes import CampaignRow, Changes
from sendwhen.domain.entry import CampaignArchived, CampaignPaused, Entry, EventBatch, Tick
from sendwhen.domain.migrate import EDITS_MAX, Migrate
from sendwhen.domain.places import phase_in, places
from sendwhen.domain.record import read_record
from sendwhen.domain.shard import Shard
from sendwhen.domain.steps import WaitStep
from sendwhen.domain.trigger_kinds import Duration
from tests.builders import (
    DAY_MS,
    HOUR_MS,
    T0_MS,
    Catalogue,
    Story,
    a_property,
    a_send,
    an_abandoned_cart,
    an_event,
    fuse,
    on,
    put,
)
from tests.domain.identities import Life
from tests.domain.keeping import Host

HOUR, DAY = WaitStep(duration_ms=HOUR_MS), WaitStep(duration_ms=DAY_MS)
OLD = an_abandoned_cart(version="v1", max_lateness_ms=None, steps=(a_send("first"), DAY, a_send("second")))
NEW = an_abandoned_cart(
    version="v2",
    max_lateness_ms=None,
    duration=Duration(fixed_ms=2 * HOUR_MS),
    steps=(a_send("hello"), HOUR, a_send("first"), WaitStep(duration_ms=2 * DAY_MS), a_send("third")),
)
BARE = an_abandoned_cart(version="v3", steps=(a_send("only"),))
ADDED = an_event("Product Added")


def edit(story: Story, campaign: Campaign, migrate: Migrate, at_ms: int) -> None:
    story.apply(replace(put(campaign, seq=story.seq + 1, at_ms=T0_MS + at_ms), migrate=migrate))


def archive(story: Story, at_ms: int) -> None:
    story.apply(CampaignArchived(seq=story.seq + 1, at_ms=T0_MS + at_ms, campaign_id="abandoned-cart"))


def emails(changes: Changes) -> list[tuple[str, str, int]]:
    return [(send.template, send.version, send.due_at_ms - T0_MS) for send in changes.sends]


def ends(changes: Changes) -> list[tuple[str, str]]:
    return [(one.kind.value, one.reason) for _, one in changes.decisions if one.reason]


def test_who_waits_finishes_with_the_version_that_it_started_with_by_default() -> None:
    story = Story(OLD, NEW)
    story.happens(ADDED)
    edit(story, NEW, Migrate.FINISH, HOUR_MS // 2)
    story.tick(2 * DAY_MS)

    changes = story.shard.collect()
    assert emails(changes) == [("first", "v1", HOUR_MS), ("second", "v1", HOUR_MS + DAY_MS)]
    assert not any(row.edits for row in changes.campaigns)


def test_who_is_cancelled_leaves_when_the_deadline_comes_and_gets_nothing() -> None:
    story = Story(OLD, NEW)
    story.happens(ADDED)
    edit(story, NEW, Migrate.CANCEL, HOUR_MS // 2)
    story.tick(2 * DAY_MS)

    changes = story.shard.collect()
    assert emails(changes) == []
    assert ends(changes) == [("cancelled", "edited")]


def test_who_is_cancelled_leaves_when_next_heard_of_and_may_start_anew() -> None:
    story = Story(OLD, NEW)
    story.happens(ADDED)
    edit(story, NEW, Migrate.CANCEL, 1)
    story.happens(replace(ADDED, event_id="again", occurred_at_ms=T0_MS + 2))
    [record] = [one.record for one in story.shard.collect().customers]
    story.tick(3 * HOUR_MS)

    assert [run.version for run in read_record(record).runs] == ["v2"]
    assert emails(story.shard.collect()) == [("hello", "v2", 2 * HOUR_MS + 2)]


def test_who_moves_keeps_the_deadline_of_the_trigger_and_goes_through_the_new_steps() -> None:
    story = Story(OLD, NEW)
    story.happens(ADDED)
    edit(story, NEW, Migrate.MOVE, HOUR_MS // 2)
    story.tick(5 * DAY_MS)

    assert [(template, at_ms) for template, _, at_ms in emails(story.shard.collect())] == [
        ("hello", HOUR_MS),
        ("first", 2 * HOUR_MS),
        ("third", 2 * HOUR_MS + 2 * DAY_MS),
    ]


def test_who_moves_goes_on_behind_the_same_email_and_keeps_the_deadline() -> None:
    story = Story(OLD, NEW)
    story.happens(ADDED)
    story.tick(2 * HOUR_MS)
    edit(story, NEW, Migrate.MOVE, 3 * HOUR_MS)
    story.tick(5 * DAY_MS)

    changes = story.shard.collect()
    assert emails(changes) == [("first", "v1", HOUR_MS), ("third", "v2", HOUR_MS + DAY_MS)]
    assert ("waiting", "moved") in ends(changes)


def test_emails_after_a_move_are_other_emails_than_those_before_it() -> None:
    before = an_abandoned_cart(version="v1", steps=(a_send("a"), HOUR, a_send("b"), HOUR, a_send("c")))
    after = an_abandoned_cart(version="v2", steps=(a_send("b"), HOUR, a_send("d")))
    story = Story(before, after)
    story.happens(ADDED)
    story.tick(2 * HOUR_MS)
    edit(story, after, Migrate.MOVE, 2 * HOUR_MS)
    story.tick(DAY_MS)

    sends = story.shard.collect().sends
    assert [(send.template, send.step) for send in sends] == [("a", "0"), ("b", "2"), ("d", "2")]
    assert len({send.send_id for send in sends}) == 3


def test_who_waits_in_a_place_that_is_gone_finishes_as_before() -> None:
    story = Story(OLD, BARE)
    story.happens(ADDED)
    story.tick(2 * HOUR_MS)
    edit(story, BARE, Migrate.MOVE, 3 * HOUR_MS)
    story.tick(5 * DAY_MS)

    assert emails(story.shard.collect())[-1] == ("second", "v1", HOUR_MS + DAY_MS)


def test_several_edits_are_followed_one_after_the_other() -> None:
    story = Story(OLD, NEW, BARE)
    story.happens(ADDED)
    edit(story, NEW, Migrate.MOVE, 1)
    edit(story, BARE, Migrate.MOVE, 2)
    story.tick(DAY_MS)

    assert emails(story.shard.collect()) == [("only", "v3", HOUR_MS)]


def test_an_edit_does_not_reach_runs_that_started_after_it() -> None:
    story = Story(OLD, NEW)
    edit(story, NEW, Migrate.CANCEL, 1)
    edit(story, OLD, Migrate.FINISH, 2)
    story.happens(replace(ADDED, occurred_at_ms=T0_MS + 3))
    story.tick(2 * HOUR_MS)

    assert emails(story.shard.collect()) == [("first", "v1", HOUR_MS + 3)]


def test_an_archived_campaign_lets_everybody_go_and_starts_nothing() -> None:
    story = Story(OLD)
    story.happens(ADDED, an_event("Product Added", "bob"))
    archive(story, 1)
    story.happens(an_event("Product Added", "cyd", at_ms=T0_MS + 2))
    story.happens(an_event("Other", "bob", at_ms=T0_MS + 3))
    story.tick(2 * HOUR_MS)

    changes = story.shard.collect()
    assert emails(changes) == []
    assert ends(changes) == [("cancelled", "archived")] * 2
    assert not any(row.current for row in changes.campaigns)


def test_an_archived_campaign_may_be_put_again_and_old_waits_do_not_come_back() -> None:
    story = Story(OLD)
    story.happens(ADDED)
    archive(story, 1)
    edit(story, OLD, Migrate.FINISH, 2)
    story.happens(an_event("Product Added", "bob", at_ms=T0_MS + 3))
    story.tick(2 * HOUR_MS)

    changes = story.shard.collect()
    assert emails(changes) == [("first", "v1", HOUR_MS + 3)]
    assert ends(changes) == [("cancelled", "archived")]


def test_while_paused_nothing_starts_waits_keep_deadlines_and_cancel_and_what_falls_due_is_skipped() -> None:
    story = Story(OLD)

    def pause(is_paused: bool, at_ms: int) -> None:
        story.apply(
            CampaignPaused(seq=story.seq + 1, at_ms=T0_MS + at_ms, campaign_id="abandoned-cart", paused=is_paused)
        )

    story.happens(ADDED, an_event("Product Added", "bob"), an_event("Product Added", "dee"))
    pause(True, 1)
    story.happens(an_event("Product Added", "cyd", at_ms=T0_MS + 2))
    story.happens(an_event("Order Completed", "bob", at_ms=T0_MS + 3))
    story.tick(HOUR_MS)
    story.happens(an_event("Product Added", "dee", event_id="x", at_ms=T0_MS + HOUR_MS + 1))
    pause(False, HOUR_MS + 2)
    story.happens(an_event("Product Added", "cyd", event_id="y", at_ms=T0_MS + HOUR_MS + 3))
    story.tick(2 * HOUR_MS + 3)

    changes = story.shard.collect()
    assert [(send.email.split("@")[0], send.due_at_ms - T0_MS) for send in changes.sends] == [("cyd", 2 * HOUR_MS + 3)]
    assert sorted(ends(changes)) == [
        ("cancelled", "answered"),
        ("refused", "paused"),
        ("refused", "paused"),
        ("skipped", "paused"),
        ("skipped", "paused"),
    ]


def test_places_are_named_by_the_email_before_them() -> None:
    named = [place.text() for _, place in places(NEW)]

    assert named[0] == "the trigger (absence)"
    assert named[1:] == [
        "send hello at the beginning",
        "wait behind “hello”",
        "send first behind “hello”",
        "wait behind “first”",
        "send third behind “first”",
    ]
    assert [phase_in(NEW, place) for _, place in places(OLD)] == [-1, None, 3, None]


def test_another_key_is_another_place() -> None:
    keyed = replace(OLD, per=a_property("sku"))

    assert [phase_in(keyed, place) for _, place in places(OLD)] == [None] * 4


def a_history() -> list[Entry]:
    """Five customers who wait in different places, through all kinds of edits."""
    people = ["ada", "bob", "cyd", "dee", "eve"]
    entries: list[Entry] = [put(OLD, seq=0)]
    for n, who in enumerate(people):
        at_ms = T0_MS + n * 10 * 60_000
        entries.append(EventBatch(seq=0, at_ms=at_ms, events=(an_event("Product Added", who, at_ms=at_ms),)))
    entries.append(Tick(seq=0, at_ms=T0_MS + 70 * 60_000))
    entries.append(replace(put(NEW, seq=0, at_ms=T0_MS + 80 * 60_000), migrate=Migrate.MOVE))
    entries.append(EventBatch(seq=0, at_ms=T0_MS + 81 * 60_000, events=(an_event("Other", "eve", at_ms=T0_MS + 5),)))
    entries.append(replace(put(BARE, seq=0, at_ms=T0_MS + 90 * 60_000), migrate=Migrate.CANCEL))
    entries.append(Tick(seq=0, at_ms=T0_MS + DAY_MS))
    entries.append(CampaignArchived(seq=0, at_ms=T0_MS + DAY_MS + 1, campaign_id="abandoned-cart"))
    entries.append(put(OLD, seq=0, at_ms=T0_MS + DAY_MS + 2))
    entries.append(Tick(seq=0, at_ms=T0_MS + 9 * DAY_MS))
    return [replace(entry, seq=seq) for seq, entry in enumerate(entries, start=1)]


def test_it_makes_no_difference_who_is_in_memory_when_and_how_often_the_shard_restarts() -> None:
    def shard() -> Shard:
        return Shard(partition=0, send_key=b"k", compile_campaign=Catalogue(OLD, NEW, BARE), fuse=fuse)

    def played(restarting: bool) -> Host:
        host = Host(shard, horizon_ms=1)
        for entry in a_history():
            host.apply(entry)
            host.commit()
            if restarting:
                host.restart()
        return host

    straight, restarted = played(False), played(True)

    assert restarted.kept.digest() == straight.kept.digest()
    reasons = {one[1].reason for one in straight.kept.outputs if isinstance(one, tuple)}
    assert {"moved", "edited"} <= reasons


def test_the_edits_remembered_are_bounded() -> None:
    versions = [replace(OLD, version=f"v{n}") for n in range(EDITS_MAX + 5)]
    story = Story(*versions)
    for n, campaign in enumerate(versions[1:], start=1):
        edit(story, campaign, Migrate.CANCEL, n)

    rows = story.shard.collect().campaigns
    assert len(max(row.edits for row in rows)) == EDITS_MAX
    assert sum(bool(row.edits) for row in rows) == 1


def test_an_edit_of_one_campaign_leaves_the_others_alone() -> None:
    other = an_abandoned_cart(campaign_id="other", start=(on("Product Added"),), steps=(a_send("other"),))
    story = Story(OLD, other)
    story.happens(ADDED)
    archive(story, 1)
    story.tick(2 * HOUR_MS)

    assert [send.template for send in story.shard.collect().sends] == ["other"]


def test_a_visitor_who_waits_and_becomes_a_customer_elsewhere_follows_the_edit_once() -> None:
    life = Life(OLD)
    life.does(0, "Product Added", anon="v", email="v@example.invalid")
    life.everywhere(lambda seq: CampaignArchived(seq=seq, at_ms=T0_MS + 60_000, campaign_id="abandoned-cart"))
    life.does(2, "Signed In", anon="v", user="ada")
    life.until(90)

    decided = [decision for _, changes in life.changes for _, decision in changes.decisions]
    assert [one.reason for one in decided if one.reason] == ["archived"]
    assert life.sent() == []


def test_who_is_joined_into_a_new_customer_keeps_a_run_that_is_younger_than_the_edit() -> None:
    life = Life(OLD, NEW)
    for campaign, minute in ((OLD, 1), (NEW, 2), (OLD, 3)):
        life.everywhere(
            lambda seq, campaign=campaign, minute=minute: replace(
                put(campaign, seq=seq, at_ms=T0_MS + minute * 60_000), migrate=Migrate.CANCEL
            )
        )
    life.does(4, "Product Added", anon="v", email="v@example.invalid")
    life.does(5, "Signed In", anon="v", user="ada")
    life.until(70)

    assert [minute for minute, _ in life.sent()] == [64]


def test_rows_with_edits_are_stored_and_those_without_are_still_read() -> None:
    story = Story(OLD, NEW)
    edit(story, NEW, Migrate.CANCEL, 1)
    row = next(row for row in story.shard.collect().campaigns if row.edits)

    encoded = msgspec.msgpack.encode(row)
    old = {name: value for name, value in msgspec.msgpack.decode(encoded).items() if name != "edits"}

    assert msgspec.msgpack.decode(encoded, type=CampaignRow) == row
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(old), type=CampaignRow).edits == ()
