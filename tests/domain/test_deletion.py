from __future__ import annotations

from sendwhen.domain.entry import Delivered, Transfers
from sendwhen.domain.partition import customer_uid as uid
from sendwhen.domain.past import PAST_SLOTS
from sendwhen.domain.shard_limits import ShardLimits
from sendwhen.domain.transfer import Delete
from tests.builders import T0_MS, Story, an_abandoned_cart, an_event
from tests.domain.identities import Life

CART = an_abandoned_cart()
ADDED = "Product Added"
ADA = "ada@example.invalid"


def test_deletion_takes_record_ids_waits_and_tombstones() -> None:
    life = Life(CART)
    life.does(0, ADDED, anon="a1")
    life.does(1, "Logged In", user="ada", anon="a1")
    life.forgets(30, "user:ada")
    life.until(180)

    assert life.records() == []
    assert [seen for quarter in life.quarters for seen in quarter.kept.seen.values() if seen] == []
    assert [due for quarter in life.quarters for due in quarter.kept.due] == []
    assert life.sent() == []
    assert life.count("deleted") == 1


def test_by_an_identity_that_was_joined_the_whole_customer_is_deleted() -> None:
    life = Life(CART)
    life.does(0, "Logged In", user="ada", anon="a1")
    life.forgets(1, "anon:a1")

    assert life.records() == []


def test_what_comes_after_is_a_new_customers() -> None:
    life = Life(CART)
    life.does(0, ADDED, user="ada", event_id="x")
    life.forgets(30, "user:ada")
    life.does(40, ADDED, user="ada", event_id="x")
    life.until(180)

    assert life.sent() == [(100, ADA)]


def test_state_on_its_way_to_a_deleted_customer_does_not_bring_it_back() -> None:
    life = Life(CART)
    life.does(0, ADDED, anon="a1")
    life.does(1, "Logged In", user="ada", anon="a1", settled=False)
    life.forgets(2, "user:ada", settled=False)
    life.settle()
    life.until(180)

    assert life.records() == []
    assert life.sent() == []


def test_nor_does_it_reach_the_next_life_of_that_id() -> None:
    life = Life(CART)
    life.does(0, ADDED, anon="a1")
    life.does(1, "Logged In", user="ada", anon="a1", settled=False)
    life.forgets(2, "user:ada", settled=False)
    life.does(3, "x", user="ada", settled=False)
    life.settle()
    life.until(180)

    assert life.sent() == []
    assert life.customer("user:ada").recent_count == 1
    assert life.customer("anon:a1") is None


def test_a_straggler_of_a_deleted_customer_is_set_aside_and_the_next_one_is_a_visitor_again() -> None:
    life = Life(CART)
    life.does(0, "Logged In", user="ada", anon="a1")
    life.forgets(1, "user:ada", settled=False)
    life.does(2, "x", anon="a1", settled=False)
    life.settle()
    life.does(3, "y", anon="a1")

    assert life.letters() == ["deleted"]
    assert life.customer("anon:a1").into is None
    assert life.customer("anon:a1").recent_count == 1


def test_deleting_nobody_changes_nothing() -> None:
    life = Life()
    life.forgets(1, "user:nobody")

    assert (life.records(), life.count("deleted")) == ([], 0)


def test_sender_is_told_of_every_identity_whose_emails_it_may_have_and_of_which_life() -> None:
    life = Life(CART)
    life.does(0, ADDED, anon="a1", email=ADA)
    life.until(61)
    born = life.customer("anon:a1").born_seq
    life.does(62, "Logged In", user="ada", anon="a1")
    known_born = life.customer("user:ada").born_seq
    life.forgets(63, "user:ada")

    assert sorted(life.forgotten()) == sorted([(uid("anon:a1"), born), (uid("user:ada"), known_born)])
    assert {(send.uid, send.born_seq) for send in life.sends()} == {(uid("anon:a1"), born)}


def test_the_next_life_of_an_id_is_not_the_one_that_sender_forgets() -> None:
    life = Life(CART)
    life.does(0, ADDED, user="ada")
    life.forgets(30, "user:ada")
    life.does(40, ADDED, user="ada")
    life.until(180)

    ((_, forgotten),) = life.forgotten()
    assert [send.born_seq > forgotten for send in life.sends()] == [True]


def test_whoever_was_nobody_is_not_told_to_sender() -> None:
    life = Life()
    life.forgets(1, "user:nobody")

    assert life.forgotten() == []


def test_who_comes_back_before_the_deletion_is_committed_finds_no_events_of_the_former_life() -> None:
    story = Story(limits=ShardLimits(recent_events=8))
    story.happens(*(an_event("Viewed", event_id=f"e{number}") for number in range(6)))
    [known] = story.shard.collect().customers
    assert [slot for slot, chunk in known.past if chunk] == [0, 1, 2]

    deletion = Delivered(transfer=Delete(known.uid))
    story.shard.recall(known.uid, [chunk for _, chunk in known.past])
    story.apply(Transfers(seq=story.seq + 1, at_ms=T0_MS + 1, items=(deletion,)))
    story.happens(an_event("Viewed", event_id="again", at_ms=T0_MS + 2))
    [back] = story.shard.collect().customers

    assert back.record is not None
    assert dict(back.past) == dict.fromkeys(range(PAST_SLOTS), b"")
