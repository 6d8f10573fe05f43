from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from sendwhen.errors import Invalid, Overloaded, Unavailable
from sendwhen.v1 import event_pb2
from services.ingest.intake import Intake
from services.ingest.lane import Order
from services.ingest.ports import LogEvent, LogPosition, Outcome, Refused
from tests.fakes.fixed_clock import FixedClock

PARTITIONS = 4


class HeldLog:
    """Keeps appends until let go; refuses partitions on demand."""

    def __init__(self, *, held: bool = False) -> None:
        self.appends: list[list[LogEvent]] = []
        self.go = asyncio.Event()
        self.refused_partitions: set[int] = set()
        self.is_down = False
        self.asked = 0
        if not held:
            self.go.set()

    async def partitions(self) -> int:
        self.asked += 1
        if self.is_down:
            raise Unavailable("Trigger is away.")
        return PARTITIONS

    async def append(self, events: Sequence[LogEvent]) -> Sequence[Outcome]:
        self.appends.append(list(events))
        await self.go.wait()
        if self.is_down:
            raise Unavailable("Trigger is away.")
        return [
            Refused(error=Overloaded("Behind."))
            if event.routing_hash % PARTITIONS in self.refused_partitions
            else LogPosition(partition=event.routing_hash % PARTITIONS, seq=len(self.appends))
            for event in events
        ]

    async def wait_applied(self, positions: Sequence[LogPosition], *, deadline_s: float) -> None:
        return

    def ids(self) -> list[str]:
        return [event_pb2.Event.FromString(e.payload).event_id for append in self.appends for e in append]


def an_event(event_id: str, user_id: str = "u") -> event_pb2.Event:
    return event_pb2.Event(event_id=event_id, name="n", user_id=user_id)


def intake(log: HeldLog, **more: int) -> Intake:
    return Intake(log, FixedClock(), event_clock=False, **{"lanes": 1, **more})


async def spin(rounds: int = 10) -> None:
    for _ in range(rounds):
        await asyncio.sleep(0)


async def test_an_event_that_finds_the_lane_idle_goes_at_once_and_the_others_gather_meanwhile() -> None:
    log = HeldLog(held=True)
    taking = intake(log)
    tasks = [asyncio.create_task(taking.track(an_event(str(n)), source="t")) for n in range(1)]
    await spin()
    tasks += [asyncio.create_task(taking.track(an_event(str(n)), source="t")) for n in range(1, 100)]
    await spin()
    assert [len(append) for append in log.appends] == [1]
    log.go.set()
    await asyncio.gather(*tasks)
    assert [len(append) for append in log.appends] == [1, 99]
    assert log.ids() == [str(n) for n in range(100)]


async def test_the_number_of_partitions_is_asked_once_and_again_after_a_failure() -> None:
    log = HeldLog()
    log.is_down = True
    taking = intake(log)
    with pytest.raises(Unavailable):
        await taking.track(an_event("1"), source="t")
    log.is_down = False
    await asyncio.gather(*(taking.track(an_event(str(n)), source="t") for n in range(5)))
    assert log.asked == 2


async def test_one_bad_event_does_not_refuse_its_neighbours() -> None:
    outcomes = await intake(HeldLog()).track_many([an_event("1"), an_event(""), an_event("3")], source="t")
    assert [type(outcome) for outcome in outcomes] == [LogPosition, Refused, LogPosition]
    refused = outcomes[1]
    assert isinstance(refused, Refused)
    assert isinstance(refused.error, Invalid)


async def test_more_than_may_wait_is_refused_with_a_delay_and_nothing_of_it_is_taken() -> None:
    log = HeldLog(held=True)
    taking = intake(log, queued_events_max=10)
    first = asyncio.create_task(taking.track_many([an_event(str(n)) for n in range(10)], source="t"))
    await spin()
    with pytest.raises(Overloaded) as caught:
        await taking.track(an_event("late"), source="t")
    assert caught.value.retry_after_ms > 0
    log.go.set()
    await first
    assert "late" not in log.ids()
    await taking.track(an_event("now"), source="t")


async def test_few_large_events_are_too_many_for_the_memory_as_well() -> None:
    log = HeldLog(held=True)
    taking = intake(log, queued_bytes_max=50_000)
    waiting = [asyncio.create_task(taking.track(large(str(n)), source="t")) for n in range(3)]
    await spin()

    with pytest.raises(Overloaded, match="Too many events"):
        await taking.track(large("4"), source="t")

    log.go.set()
    await asyncio.gather(*waiting)
    await taking.track(large("4"), source="t")


def large(event_id: str) -> event_pb2.Event:
    event = an_event(event_id)
    event.properties_json = b'{"a":"' + b"x" * 15_000 + b'"}'
    return event


async def test_after_an_overload_later_events_of_that_partition_are_refused_on_the_stream_and_only_there() -> None:
    log = HeldLog()
    taking = intake(log)
    order = Order()
    users = [f"u{n}" for n in range(20)]
    first = await taking.track_many([an_event("a" + u, u) for u in users], source="t", order=order)
    assert all(isinstance(outcome, LogPosition) for outcome in first)
    log.refused_partitions = {2}
    second = await taking.track_many([an_event("b" + u, u) for u in users], source="t", order=order)
    refused = {n for n, outcome in enumerate(second) if isinstance(outcome, Refused)}
    assert refused
    log.refused_partitions = set()
    third = await taking.track_many([an_event("c" + u, u) for u in users], source="t", order=order)
    assert {n for n, outcome in enumerate(third) if isinstance(outcome, Refused)} == refused
    assert not {"c" + users[n] for n in refused} & set(log.ids())
    fourth = await taking.track_many([an_event("d" + u, u) for u in users], source="t")
    assert all(isinstance(outcome, LogPosition) for outcome in fourth)


async def test_a_batch_already_queued_behind_a_refusal_keeps_its_order_too() -> None:
    log = HeldLog(held=True)
    taking = intake(log)
    order = Order()
    log.refused_partitions = {0, 1, 2, 3}
    first = asyncio.create_task(taking.track_many([an_event("1")], source="t", order=order))
    await spin()
    second = asyncio.create_task(taking.track_many([an_event("2")], source="t", order=order))
    await spin()
    log.go.set()
    await first
    [outcome] = await second
    assert isinstance(outcome, Refused)
    assert log.ids() == ["1"]


async def test_a_log_that_goes_away_is_told_to_each_caller_and_the_lane_goes_on() -> None:
    log = HeldLog()
    taking = intake(log)
    await taking.track(an_event("1"), source="t")
    log.is_down = True
    with pytest.raises(Unavailable):
        await taking.track(an_event("2"), source="t")
    log.is_down = False
    await taking.track(an_event("3"), source="t")


async def test_a_caller_that_leaves_does_not_disturb_those_who_stay() -> None:
    log = HeldLog(held=True)
    taking = intake(log)
    leaving = asyncio.create_task(taking.track(an_event("1"), source="t"))
    staying = asyncio.create_task(taking.track(an_event("2"), source="t"))
    await spin()
    leaving.cancel()
    log.go.set()
    assert (await staying).seq == 1
