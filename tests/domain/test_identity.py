from __future__ import annotations

import pytest

from sendwhen.domain.decision import Kind
from sendwhen.domain.record import recent_events
from sendwhen.domain.shard_limits import ShardLimits
from sendwhen.domain.trigger_kinds import OnRestart
from tests.builders import a_match, an_abandoned_cart
from tests.domain.identities import Life

CART = an_abandoned_cart()
ADDED, ORDERED = "Product Added", "Order Completed"
ADA = "ada@example.invalid"


def test_a_visitors_wait_goes_on_with_its_own_deadline_when_the_visitor_becomes_known() -> None:
    life = Life(CART)
    life.does(0, ADDED, anon="a1")
    life.does(10, "Logged In", user="ada", anon="a1")
    life.until(180)

    assert life.sent() == [(60, ADA)]
    assert life.customer("anon:a1").into.uid == life.customer("user:ada").uid
    assert [event.name for event in recent_events(life.survivor("anon:a1"))] == [ADDED, "Logged In"]


def test_ids_of_a_run_do_not_change_when_it_moves() -> None:
    life = Life(CART)
    life.does(0, ADDED, anon="a1")
    [run] = life.customer("anon:a1").runs
    life.does(10, "Logged In", user="ada", anon="a1")

    assert [one.run_id for one in life.customer("user:ada").runs] == [run.run_id]


def test_what_the_known_one_did_since_answers_the_visitors_wait_and_the_other_way_round() -> None:
    life = Life(CART)
    life.does(0, ADDED, anon="a1")
    life.does(20, ORDERED, user="ada")
    life.does(0, ADDED, user="bob")
    life.does(20, ORDERED, anon="b1")
    life.does(30, "Logged In", user="ada", anon="a1")
    life.does(30, "Logged In", user="bob", anon="b1")
    life.until(180)

    assert life.sent() == []
    assert [one.reason for one in life.told("user:ada", Kind.CANCELLED)] == ["answered"]


def test_what_was_done_before_the_wait_or_after_its_deadline_answers_nothing() -> None:
    life = Life(CART)
    life.does(0, ORDERED, user="ada")
    life.does(1, ADDED, anon="a1")
    life.does(30, "Logged In", user="ada", anon="a1", settled=False)
    life.deliver(next(quarter.number for quarter in life.quarters if quarter.outbox))
    life.does(61.5, ORDERED, user="ada", settled=False)
    life.settle()
    life.until(180)

    assert life.sent() == [(61, ADA)]


@pytest.mark.parametrize(
    ("on_restart", "minutes"), [(OnRestart.RESET, [80]), (OnRestart.KEEP, [60]), (OnRestart.PARALLEL, [60, 80])]
)
def test_two_waits_of_one_campaign_become_what_one_customer_would_have(on_restart: OnRestart, minutes: list) -> None:
    for first, second in (({"anon": "a1"}, {"user": "ada"}), ({"user": "ada"}, {"anon": "a1"})):
        life = Life(an_abandoned_cart(on_restart=on_restart))
        life.does(0, ADDED, **first)
        life.does(20, ADDED, **second)
        life.does(30, "Logged In", user="ada", anon="a1")
        life.until(180)

        assert life.sent() == [(minute, ADA) for minute in minutes]


def test_a_repeated_event_of_the_visitor_is_recognised_after_the_join() -> None:
    life = Life(CART)
    life.does(0, ADDED, anon="a1", event_id="x")
    life.does(10, "Logged In", user="ada", anon="a1")
    life.does(30, ADDED, anon="a1", event_id="x")
    life.until(180)

    assert life.sent() == [(60, ADA)]
    assert (life.count("duplicates"), life.count("forwarded")) == (1, 1)


def test_stragglers_at_a_tombstone_go_on_to_the_survivor() -> None:
    life = Life(CART)
    life.does(10, "Logged In", user="ada", anon="a1")
    life.does(20, ADDED, anon="a1")
    life.until(180)

    assert life.sent() == [(80, ADA)]
    assert life.customer("anon:a1").recent == b""


def test_joined_history_starts_nothing_by_itself() -> None:
    life = Life(a_match(ORDERED))
    life.does(0, ORDERED, anon="a1")
    life.does(10, "Logged In", user="ada", anon="a1")
    life.until(60)

    assert life.sent() == []


def test_attributes_and_address_told_later_win_and_the_survivor_wins_a_tie() -> None:
    life = Life()
    life.does(5, "x", user="ada", attributes={"plan": "pro", "city": "Bonn"})
    life.does(5, "x", anon="a1", attributes={"plan": "free", "shoe": 38})
    life.does(6, "x", anon="a1", attributes={"city": "Ulm"}, email="new@example.invalid")
    life.joins(7, "anon:a1", "user:ada")

    joined = life.survivor("anon:a1")
    assert {name: field.value for name, field in joined.fields.items()} == {
        "plan": b'"pro"',
        "city": b'"Ulm"',
        "shoe": b"38",
    }
    assert (joined.email, joined.user_id, joined.anonymous_ids) == ("new@example.invalid", "ada", ("a1",))


def test_an_id_of_the_past_is_joined() -> None:
    life = Life(CART)
    life.does(0, ADDED, anon="a1")
    life.does(1, "y", email="old@example.invalid")
    life.does(10, "Identified", user="ada", previous="a1")
    life.does(10, "Identified", user="ada", previous="email:Old@example.invalid")
    life.until(180)

    assert life.sent() == [(60, ADA)]
    assert life.survivor("email:old@example.invalid").user_id == "ada"


def test_a_visitor_who_is_one_customer_already_is_not_given_to_another() -> None:
    life = Life(CART)
    life.does(0, "Logged In", user="ada", anon="shared")
    life.does(1, "Logged In", user="bob", anon="shared")
    life.does(2, ADDED, anon="shared")
    life.until(180)

    assert life.sent() == [(62, ADA)]
    assert [(one.key, one.reason) for one in life.customer("user:bob").ties.refused] == [("anon:shared", "conflict")]
    assert life.count("ties_refused") == 1


def test_a_refused_identity_is_not_asked_for_with_every_event() -> None:
    life = Life()
    life.does(0, "Logged In", user="ada", anon="shared")
    life.does(1, "Logged In", user="bob", anon="shared")
    asked = sum(len(changes.transfers) for _, changes in life.changes)
    life.does(2, "Viewed", user="bob", anon="shared")
    life.does(2, "Viewed", user="ada", anon="shared")

    assert sum(len(changes.transfers) for _, changes in life.changes) == asked


def test_tombstones_are_as_many_as_identities_may_be_and_those_of_whom_was_taken_in() -> None:
    life = Life(limits=ShardLimits(identities=4))
    for visitor in range(9):
        life.does(visitor, "Logged In", user="ada", anon=f"ada-{visitor}")
    assert (len(life.tombstones()), life.count("ties_refused")) == (4, 5)

    life = Life(limits=ShardLimits(identities=4))
    for who in ("ada", "bob", "eve"):
        for visitor in range(3):
            life.does(visitor, "Logged In", user=who, anon=f"{who}-{visitor}")
    life.joins(10, "user:bob", "user:ada", both_known=True)
    life.joins(11, "user:eve", "user:ada", both_known=True)
    assert len(life.customer("user:ada").ties.tied) == 4 + 3
    assert len(life.tombstones()) == 4 + 3 + 3
    assert [one.reason for one in life.customer("user:ada").ties.refused] == ["too_many"]

    life.forgets(12, "user:ada")
    life.forgets(13, "user:eve")
    assert life.tombstones() == []


def test_a_device_that_comes_back_after_years_is_still_its_customers() -> None:
    life = Life()
    life.does(0, "Logged In", user="ada", anon="a1")
    life.until(3 * 365 * 24 * 60)
    life.does(3 * 365 * 24 * 60 + 1, "Viewed", anon="a1")

    assert life.customer("anon:a1").into is not None
    assert [event.name for event in recent_events(life.customer("user:ada"))] == ["Logged In", "Viewed"]


@pytest.mark.parametrize(("previous", "reason"), [("user:bob", "conflict"), ("user:nobody", "unknown")])
def test_a_user_id_is_given_away_by_nobody_but_an_operator(previous: str, reason: str) -> None:
    life = Life()
    life.does(0, "x", user="bob")
    life.does(1, "Renamed", user="ada", previous=previous)
    life.joins(2, previous, "user:ada")

    assert life.customer("user:bob").into is None
    assert [one.reason for one in life.customer("user:ada").ties.refused] == [reason]


def test_an_operator_joins_two_who_both_have_a_user_id() -> None:
    life = Life(CART)
    life.does(0, ADDED, user="bob")
    life.joins(2, "user:bob", "user:ada", both_known=True)
    life.does(3, "x", user="ada")
    life.does(4, "x", user="bob")
    life.until(180)

    assert life.survivor("user:bob").user_id == "ada"
    assert len(life.sent()) == 1


def test_who_has_a_user_id_is_not_joined_into_a_visitor() -> None:
    life = Life()
    life.does(0, "x", user="ada")
    life.joins(1, "user:ada", "anon:a1", both_known=True)

    assert life.customer("user:ada").into is None
    assert [one.reason for one in life.customer("anon:a1").ties.refused] == ["conflict"]


def test_a_chain_is_shortened() -> None:
    life = Life(CART)
    life.does(0, ADDED, anon="a1")
    life.joins(1, "anon:a1", "anon:a2")
    life.joins(2, "anon:a2", "anon:a3")
    life.does(3, "Logged In", user="ada", anon="a3")
    life.until(180)

    ada = life.customer("user:ada")
    assert [life.customer(f"anon:a{n}").into.uid for n in (1, 2, 3)] == [ada.uid] * 3
    assert life.sent() == [(60, ADA)]
    assert set(ada.ties.tied) >= {"anon:a1", "anon:a2", "anon:a3"}


def test_a_diamond_ends_in_one_customer() -> None:
    life = Life(CART)
    life.does(0, ADDED, anon="a1")
    life.joins(1, "anon:a1", "anon:b1", settled=False)
    life.joins(1, "anon:a1", "anon:c1", settled=False)
    life.joins(1, "anon:b1", "user:ada", settled=False)
    life.joins(1, "anon:c1", "user:ada", settled=False)
    life.settle()
    life.does(2, "x", user="ada")
    life.until(180)

    assert life.sent() == [(60, ADA)]
    assert {life.survivor(f"anon:{one}1").uid for one in "abc"} == {life.customer("user:ada").uid}


def test_two_joined_into_each_other_at_once_end_in_one() -> None:
    life = Life(CART)
    life.does(0, ADDED, anon="a1")
    life.does(0, "x", anon="a2", email="a2@example.invalid")
    life.joins(1, "anon:a1", "anon:a2", settled=False)
    life.joins(1, "anon:a2", "anon:a1", settled=False)
    life.settle()
    life.until(180)

    assert life.sent() == [(60, "a2@example.invalid")]
    assert life.survivor("anon:a1").uid == life.survivor("anon:a2").uid


def test_three_joined_in_a_circle_end_in_one() -> None:
    life = Life(CART)
    life.does(0, ADDED, anon="a1")
    life.does(0.5, "x", anon="a3", email="a3@example.invalid")
    for number in (1, 2, 3):
        life.joins(1, f"anon:a{number}", f"anon:a{number % 3 + 1}", settled=False)
    life.settle()
    life.does(2, "y", anon="a2")
    life.until(180)

    assert life.sent() == [(60, "a3@example.invalid")]
    assert len({life.survivor(f"anon:a{n}").uid for n in (1, 2, 3)}) == 1
    assert [event.name for event in recent_events(life.survivor("anon:a1"))] == [ADDED, "x", "y"]


def test_joining_one_with_itself_changes_nothing() -> None:
    life = Life()
    life.does(0, "Logged In", user="ada", anon="a1")
    life.joins(1, "user:ada", "anon:a1")

    assert life.customer("user:ada").into is None
    assert life.count("ties_refused") == 0


def test_a_customer_takes_in_so_many_identities_and_no_more() -> None:
    life = Life(limits=ShardLimits(identities=3))
    for number in range(5):
        life.does(number, "Logged In", user="ada", anon=f"a{number}")

    ada = life.customer("user:ada")
    assert len(ada.ties.tied) == 3
    assert [one.reason for one in ada.ties.refused] == ["too_many", "too_many"]
    assert life.customer("anon:a4") is None


def test_rows_that_come_again_are_recognised_however_late() -> None:
    once, twice = Life(CART), Life(CART, repeat=True)
    for life in (once, twice):
        life.does(0, ADDED, anon="a1")
        life.does(10, "Logged In", user="ada", anon="a1")
        life.does(20, "x", anon="a1")
        life.until(180)

    assert twice.sent() == once.sent() == [(60, ADA)]
    assert [event.name for event in recent_events(twice.customer("user:ada"))] == [ADDED, "Logged In", "x"]
    assert twice.count("repeated_transfers") > 0


@pytest.mark.parametrize("late", [False, True])
def test_a_run_fires_once_whichever_side_its_deadline_falls_on(late: bool) -> None:
    life = Life(CART)
    life.does(0, ADDED, anon="a1", email=ADA)
    life.does(59, "Logged In", user="ada", anon="a1", settled=False)
    if late:
        # The deadline comes while the state is on its way.
        life.settle(at_ms=life.at_ms + 2 * 60_000)
    life.until(61)
    life.settle()
    life.until(180)

    assert life.sent() == [(60, ADA)]
