from __future__ import annotations

from sendwhen.domain.decision import Kind
from sendwhen.domain.shard_limits import ShardLimits
from sendwhen.domain.span import Span
from sendwhen.domain.steps import WaitStep
from tests.builders import HOUR_MS, MINUTE_MS, a_match, a_send, an_abandoned_cart, on
from tests.domain.identities import Life

ADDED = "Product Added"
ADA = "ada@example.invalid"
WAIT = Span(ms=48 * HOUR_MS)
CART = an_abandoned_cart(address_wait=WAIT)


def short_lived() -> ShardLimits:
    return ShardLimits(visitor_ms=90 * MINUTE_MS)


def test_a_visitor_who_stays_away_goes_with_record_and_waits() -> None:
    life = Life(CART, limits=short_lived())
    life.does(0, ADDED, anon="a1")
    life.does(0, "x", anon="a2")
    life.joins(1, "anon:a2", "anon:a1")
    life.until(89)
    assert life.customer("anon:a1").runs
    life.until(92)

    assert life.records() == []
    assert (life.count("expired"), [quarter.kept.due for quarter in life.quarters]) == (1, [{}, {}, {}])


def test_every_event_begins_the_visitors_time_anew() -> None:
    life = Life(limits=short_lived())
    life.does(0, "x", anon="a1")
    life.does(60, "x", anon="a1")
    life.until(149)
    assert life.customer("anon:a1") is not None
    life.until(150)
    assert life.customer("anon:a1") is None


def test_who_is_known_by_name_or_address_stays() -> None:
    life = Life(limits=short_lived())
    life.does(0, "x", anon="a1", email="a1@example.invalid")
    life.does(0, "x", email="mail@example.invalid")
    life.does(0, "x", user="ada")
    life.does(0, "x", anon="a2")
    life.does(1, "Logged In", user="bob", anon="a2")
    life.until(100_000)

    assert life.count("expired") == 0
    assert life.survivor("anon:a2").user_id == "bob"


def test_a_visitor_may_live_for_ever() -> None:
    life = Life(limits=ShardLimits(visitor_ms=0))
    life.does(0, "x", anon="a1")

    assert [quarter.kept.due for quarter in life.quarters] == [{}, {}, {}]


def test_an_email_waits_for_the_address_and_goes_out_when_it_is_told() -> None:
    life = Life(CART)
    life.does(0, ADDED, anon="a1")
    life.until(100)
    assert [one.reason for one in life.told("anon:a1", Kind.WAITING)] == ["", "no_address"]
    life.does(200, "Newsletter", anon="a1", email=ADA)
    life.until(10_000)

    assert life.sent() == [(200, ADA)]


def test_an_address_that_comes_with_a_joined_identity_releases_what_waits_on_either_side() -> None:
    life = Life(CART)
    life.does(0, ADDED, anon="a1")
    life.until(100)
    life.does(200, "Logged In", user="ada", anon="a1")
    life.until(10_000)

    assert life.sent() == [(200, ADA)]


def test_without_an_address_the_email_expires_and_the_rest_of_the_steps_goes_on() -> None:
    steps = (a_send("one"), WaitStep(duration_ms=HOUR_MS), a_send("two"))
    life = Life(a_match("Order Completed", address_wait=WAIT, steps=steps))
    life.does(0, "Order Completed", anon="a1")
    life.until(48 * 60 + 1)
    life.does(48 * 60 + 30, "x", anon="a1", email=ADA)
    life.until(49 * 60 + 1)

    assert [one.reason for one in life.told("anon:a1", Kind.SKIPPED)] == ["no_address"]
    assert life.sent() == [(49 * 60, ADA)]


def test_an_exit_ends_the_wait_for_an_address() -> None:
    life = Life(an_abandoned_cart(address_wait=WAIT, exit_on=(on("Order Completed"),)))
    life.does(0, ADDED, anon="a1")
    life.until(100)
    life.does(150, "Order Completed", anon="a1")
    life.does(200, "x", anon="a1", email=ADA)
    life.until(10_000)

    assert life.sent() == []
    assert [one.reason for one in life.told("anon:a1", Kind.CANCELLED)] == ["exited"]


def test_without_the_policy_an_email_without_address_is_skipped() -> None:
    life = Life(an_abandoned_cart())
    life.does(0, ADDED, anon="a1")
    life.until(100)

    assert [one.reason for one in life.told("anon:a1", Kind.SKIPPED)] == ["no_address"]
