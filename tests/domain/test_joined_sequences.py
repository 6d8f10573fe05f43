"""Patterns begun before two customers turned out to be one: what lies beyond the events that are remembered."""

from __future__ import annotations

from itertools import product

import msgspec
import pytest

from sendwhen.domain import triggers
from sendwhen.domain.campaign import Campaign
from sendwhen.domain.record import recent_events
from sendwhen.domain.run import StartEvent
from sendwhen.domain.shard_limits import ShardLimits
from sendwhen.domain.steps import SendStep
from sendwhen.domain.trigger_kinds import Absence, Duration, SequenceStep
from sendwhen.domain.triggers.logic import Hit
from tests.builders import MINUTE_MS, a_campaign, a_send, on
from tests.domain.identities import Life
from tests.domain.trigger_kinds import a_sequence

A, B, C, X, NOISE = "A", "B", "C", "X", "Noise"
LIMITS = ShardLimits(recent_events=4)
"""So few events are remembered that everything below lies beyond them."""
JOINED, LATER = 40, 50
PLAIN = a_sequence(A, B, C)
TRIGGERS = {
    "sequence": PLAIN,
    "forbidden": a_sequence(A, SequenceStep(of=on(B)), SequenceStep(of=on(C), forbidden=(on(X),))),
    "times": a_sequence(A, SequenceStep(of=on(B), times=2), C),
    "absence": Absence(start=(on(A), on(B), on(C)), duration=Duration(fixed_ms=MINUTE_MS)),
}
Did = tuple[tuple[int, str], ...]


def a_story(trigger: object) -> Campaign:
    send: SendStep = a_send("hello")
    return a_campaign(trigger=trigger, steps=(send,))  # type: ignore[arg-type]


def played(trigger: object, long: Did, short: Did, finish: Did, *, apart: str) -> tuple[list[float], Life]:
    """When, after the join, emails go out. ``apart``: who did the long history: "user", "anon", or nobody ("")."""
    life = Life(a_story(trigger), limits=LIMITS)
    known = {"user": "ada"}
    visitor = {"anon": "a1"}
    doers = {"user": (known, visitor), "anon": (visitor, known), "": (known, known)}[apart]
    life.does(0, NOISE, **known, attributes={"consent": True})
    everything = [(minute, name, 0) for minute, name in long] + [(minute, name, 1) for minute, name in short]
    for minute, name, who in sorted(everything):
        life.does(minute, name, **doers[who])
    life.does(JOINED, "Logged In", user="ada", anon="a1")
    for minute, name in finish:
        life.does(minute, name, **known)
    life.until(LATER + 30)
    return [minute for minute, _ in life.sent() if minute > JOINED], life


NOISES = tuple((minute, NOISE) for minute in (11, 12, 13, 14, 31, 32, 33, 34, 35))
LONG: Did = ((10, A), (20, B), *NOISES)
SHORTS = [
    tuple((minute, name) for minute, name in zip((5, 15, 25), names, strict=True) if name)
    for names in product(("", A, B, C, X), repeat=3)
]
FINISHES: tuple[Did, ...] = (((LATER, C),), ((LATER, B), (LATER + 1, C)))


@pytest.mark.parametrize("kind", TRIGGERS)
@pytest.mark.parametrize("apart", ["user", "anon"])
def test_a_pattern_whose_events_are_forgotten_goes_on_as_one_customers_would(kind: str, apart: str) -> None:
    """Kills the join that lets what the other side did before the pattern's last step move it on, or forbid it."""
    different = []
    for short in SHORTS:
        for finish in FINISHES:
            joined, life = played(TRIGGERS[kind], LONG, short, finish, apart=apart)
            one, _ = played(TRIGGERS[kind], LONG, short, finish, apart="")
            if joined != one:
                different.append((short, finish, joined, one))
            assert A not in [event.name for event in recent_events(life.customer("user:ada"))]
    assert different == []


def test_what_moved_nothing_and_is_forgotten_is_not_held_against_what_the_other_side_did() -> None:
    """The bound: as one customer the pattern would have been complete, and over, before they were joined."""
    long: Did = ((10, A), (20, C), *NOISES)
    joined, _ = played(PLAIN, long, ((15, B),), ((LATER, C),), apart="user")
    one, _ = played(PLAIN, long, ((15, B),), ((LATER, C),), apart="")

    assert (joined, one) == ([LATER], [])


def test_what_moved_one_sides_pattern_and_is_forgotten_moves_the_others_too() -> None:
    """Both had begun it, and as one customer's the B of one brings both before the X."""
    short, finish = ((15, A), (25, X)), ((LATER, B), (LATER + 1, C))
    joined, _ = played(TRIGGERS["forbidden"], LONG, short, finish, apart="user")

    assert joined == []


def test_within_what_is_remembered_nothing_is_lost() -> None:
    long: Did = ((10, A), (20, C))
    joined, _ = played(PLAIN, long, ((15, B),), ((LATER, C),), apart="user")

    assert joined == []


ORDERED_TWICE = a_sequence(A, B)
USED_UP = {"sequence": ORDERED_TWICE, "absence": Absence(start=(on(A), on(B)), duration=Duration(fixed_ms=MINUTE_MS))}


@pytest.mark.parametrize("kind", USED_UP)
def test_a_start_that_a_firing_used_up_is_not_begun_again(kind: str) -> None:
    joined, _ = played(USED_UP[kind], ((20, A), (21, B)), ((5, X),), ((LATER, B),), apart="user")

    assert joined == []


@pytest.mark.parametrize("kind", USED_UP)
def test_completions_are_remembered_of_as_many_keys_as_there_are_events(kind: str) -> None:
    logic, memory = triggers.of(USED_UP[kind]), b""  # type: ignore[arg-type]  # both kinds
    for number in range(30):
        for index, name in enumerate((A, B)):
            memory = logic.progress(memory, a_hit(number, index, name), LIMITS).memory

    assert msgspec.msgpack.decode(memory)["b"] == []
    assert [key for key, *_ in msgspec.msgpack.decode(memory)["c"]] == ["26", "27", "28", "29"]


@pytest.mark.parametrize("kind", USED_UP)
def test_a_memory_of_an_earlier_release_goes_on(kind: str) -> None:
    """Nothing was remembered of completions, and what was begun stood in a list."""
    logic = triggers.of(USED_UP[kind])  # type: ignore[arg-type]  # both kinds
    begun = logic.progress(b"", a_hit(1, 0, A), LIMITS).memory

    assert isinstance(msgspec.msgpack.decode(begun), list)
    assert logic.progress(begun, a_hit(1, 1, B), LIMITS).complete


def a_hit(number: int, index: int, name: str) -> Hit:
    event = StartEvent(f"{name}{number}", name, number * 10 + index, b"", "", 0)
    return Hit(
        indexes=(index,),
        event=event.scope(),
        customer={},
        key=str(number),
        at_ms=event.occurred_at_ms,
        occurrence=event,
        first_seen_at_ms=0,
        put_at_ms=0,
    )
