"""Whatever is tied, joined and deleted in whatever order: runs end once, and an identity leads to one customer."""

from __future__ import annotations

from collections import Counter
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from sendwhen.domain.decision import Kind
from sendwhen.domain.partition import customer_uid
from sendwhen.domain.shard_limits import ShardLimits
from sendwhen.domain.trigger_kinds import OnRestart
from tests.builders import MINUTE_MS, T0_MS, a_property, an_abandoned_cart
from tests.domain.identities import Life

VISITORS = ("anon:a", "anon:b", "anon:c", "anon:d")
USERS = ("user:u", "user:v")
KEYS = (*VISITORS, *USERS)
CAMPAIGNS = (
    an_abandoned_cart(),
    an_abandoned_cart(campaign_id="keyed", per=a_property("sku"), on_restart=OnRestart.PARALLEL),
)
LIMITS = ShardLimits(visitor_ms=100 * MINUTE_MS)

steps = st.lists(
    st.one_of(
        st.tuples(st.just("event"), st.sampled_from(KEYS), st.sampled_from(["Product Added", "Order Completed", "x"])),
        st.tuples(st.just("login"), st.sampled_from(USERS), st.sampled_from(VISITORS)),
        st.tuples(st.just("merge"), st.sampled_from(KEYS), st.sampled_from(KEYS)),
        st.tuples(st.just("both"), st.sampled_from(KEYS), st.sampled_from(KEYS)),
        st.tuples(st.just("delete"), st.sampled_from(KEYS), st.just("")),
        st.tuples(st.just("time"), st.sampled_from(["1", "30", "59.9", "60", "61"]), st.just("")),
        st.tuples(st.just("deliver"), st.integers(1, 6).map(str), st.just("")),
    ),
    max_size=25,
)


def _named(key: str) -> dict[str, str]:
    kind, _, value = key.partition(":")
    return {"user": value} if kind == "user" else {"anon": value}


def _play(life: Life, chosen: list[tuple[str, str, str]], rng: Random) -> None:
    minute = 0.0
    for number, (what, one, other) in enumerate(chosen):
        minute += 0.001
        match what:
            case "event":
                properties = {"sku": rng.choice(("x", "y"))}
                life.does(minute, other, settled=False, event_id=f"e{number}", properties=properties, **_named(one))
            case "login":
                life.does(minute, "Logged In", settled=False, **_named(one), **_named(other))
            case "merge" | "both":
                life.joins(minute, one, other, settled=False, both_known=what == "both")
            case "delete":
                life.forgets(minute, one, settled=False)
            case "time":
                minute += float(one)
                life.tick(T0_MS + round(minute * MINUTE_MS))
            case "deliver":
                for _ in range(int(one)):
                    waiting = [quarter.number for quarter in life.quarters if quarter.outbox]
                    if waiting:
                        life.deliver(rng.choice(waiting), T0_MS + round(minute * MINUTE_MS))
    life.settle(rng=rng)
    life.tick(T0_MS + round((minute + 10_000) * MINUTE_MS))
    life.settle(rng=rng)


@settings(max_examples=300)
@given(steps, st.integers(0, 2**32))
def test_every_identity_leads_to_one_customer_and_every_run_ends_once(chosen: list, seed: int) -> None:
    life = Life(*CAMPAIGNS, limits=LIMITS, repeat=bool(seed % 2))
    _play(life, chosen, Random(seed))

    for key in KEYS:
        survivor = life.survivor(key)
        assert survivor is None or survivor.into is None
    ended: Counter[str] = Counter()
    begun: set[str] = set()
    for _, changes in life.changes:
        for _, decision in changes.decisions:
            if decision.kind in (Kind.WAITING, Kind.RESET):
                begun.add(decision.run_id)
            if decision.kind in (Kind.ENTERED, Kind.CANCELLED, Kind.SKIPPED):
                ended[decision.run_id] += decision.kind is not Kind.SKIPPED or decision.send_id == ""
    assert [run_id for run_id, times in ended.items() if times > 1] == []
    sends = Counter(send.send_id for _, changes in life.changes for send in changes.sends)
    assert [send_id for send_id, times in sends.items() if times > 1] == []
    for quarter in life.quarters:
        assert quarter.kept.due == {}


@settings(max_examples=150)
@given(steps, st.integers(0, 2**32))
def test_a_town_resumed_after_every_entry_comes_to_the_same(chosen: list, seed: int) -> None:
    unbroken, resumed = Life(*CAMPAIGNS, limits=LIMITS), Life(*CAMPAIGNS, limits=LIMITS, restored=True)
    _play(unbroken, chosen, Random(seed))
    _play(resumed, chosen, Random(seed))

    assert resumed.records() == unbroken.records()
    assert [q.kept.outputs for q in resumed.quarters] == [q.kept.outputs for q in unbroken.quarters]


@settings(max_examples=150)
@given(st.lists(st.tuples(st.sampled_from(VISITORS), st.sampled_from(VISITORS)), max_size=8), st.integers(0, 2**32))
def test_visitors_joined_in_any_order_and_in_circles_lose_nothing(pairs: list, seed: int) -> None:
    rng = Random(seed)
    life = Life(*CAMPAIGNS)
    for number, key in enumerate(VISITORS):
        life.does(number / 100, "Product Added", properties={"sku": key}, settled=False, **_named(key))
    for number, (one, other) in enumerate(pairs):
        life.joins(1 + number / 100, one, other, settled=False)
        if rng.random() < 0.5:
            waiting = [quarter.number for quarter in life.quarters if quarter.outbox]
            if waiting:
                life.deliver(rng.choice(waiting))
    life.settle(rng=rng)

    groups = {customer_uid(key): {key} for key in VISITORS}
    for one, other in pairs:
        first = next(name for name, group in groups.items() if one in group)
        second = next(name for name, group in groups.items() if other in group)
        if first != second:
            groups[first] |= groups.pop(second)
    survivors = {key: life.survivor(key).uid for key in VISITORS}
    for group in groups.values():
        assert len({survivors[key] for key in group}) == 1, survivors
    keys = sorted(run.key for key in set(survivors.values()) for run in _runs(life, key) if run.campaign_id == "keyed")
    assert keys == sorted(VISITORS)


def _runs(life: Life, uid: str) -> tuple:
    [found] = [life.survivor(key) for key in VISITORS if life.survivor(key).uid == uid][:1]
    return found.runs
