"""The guard against a blast: a day's volume over all partitions, whatever crashes in between."""

from __future__ import annotations

from contextlib import suppress

import pytest
import structlog

from sendwhen.chassis.metrics import Metrics
from services.sender.ledger import State
from services.sender.ledger_port import NewEmail
from services.sender.ports import DispatchRequest
from services.sender.reporting import Reporting
from services.sender.volume_port import Release, Reserve
from tests.services.sender.emails import NOW_MS, a_new_email
from tests.services.sender.test_taking_in import asked, run_rounds, take_in
from tests.services.sender.world import Crash, World, finish

DAY_MS = 86_400_000


def emails(first: int, last: int, *, volume: int = 3, partition: int = 3) -> list[NewEmail]:
    return [
        a_new_email(f"e{n}", ordinal=n, address=f"u{n}@example.invalid", lineage=f"l{partition}", volume_per_day=volume)
        for n in range(first, last + 1)
    ]


def test_a_campaign_without_a_volume_costs_no_step() -> None:
    assert "Reserve" not in asked(World(), a_new_email())


def test_what_goes_beyond_the_volume_is_held_and_the_first_of_it_is_told_loudly() -> None:
    world = World()

    take_in(world, *emails(1, 5))

    assert world.states() == {State.ACCEPTED: 3, State.HELD: 2}
    assert len(world.calls) == 3
    held = [report for report in world.reports if report.state is State.HELD]
    assert [report.is_first_held for report in held] == [True, False]
    assert "More than 3 emails of the campaign on 2027-01-15" in held[0].detail


def test_submissions_of_several_partitions_share_the_volume() -> None:
    world = World()

    take_in(world, *emails(1, 2), worker="w/1")
    take_in(world, *emails(11, 12, partition=4), worker="w/2")
    take_in(world, *emails(21, 22, partition=5), worker="w/3")

    assert world.states() == {State.ACCEPTED: 3, State.HELD: 3}
    assert sum(report.is_first_held for report in world.reports) == 1


def test_the_next_day_has_room_again_and_what_is_held_stays_held() -> None:
    world = World()
    take_in(world, *emails(1, 5))
    world.clock.ms += DAY_MS

    take_in(world, *emails(11, 12, partition=4), worker="w/2")

    assert world.states() == {State.ACCEPTED: 5, State.HELD: 2}


@pytest.mark.parametrize("crash_before", range(14))
def test_a_crash_anywhere_lets_nothing_through_and_nothing_count_twice(crash_before: int) -> None:
    world = World()
    with suppress(Crash):
        take_in(world, *emails(1, 5), crash_before=crash_before)

    take_in(world, *emails(1, 5), worker="w/2")
    run_rounds(world, until_ms=NOW_MS + 3_600_000)

    states = world.states()
    assert states[State.HELD] == 2
    assert sum(states.values()) == 5
    assert len({message.send_id for message in world.calls}) == len(world.calls) <= 3


def test_a_lost_answer_grants_the_same_again() -> None:
    world = World()
    lost: list[DispatchRequest] = []

    def loses(request: DispatchRequest) -> bool:
        if isinstance(request, Reserve) and not lost:
            lost.append(request)
            return True
        return False

    take_in(world, *emails(1, 5), loses=loses)

    assert lost
    assert world.states() == {State.ACCEPTED: 3, State.HELD: 2}


def test_what_is_released_is_sent_though_its_time_would_have_been_over() -> None:
    world = World()
    world.profile = {"name": "Ada"}
    late = [a_new_email(f"e{n}", ordinal=n, address=f"u{n}@example.invalid", volume_per_day=1,
                        expires_at_ms=NOW_MS + 1_000) for n in (1, 2, 3)]  # fmt: skip
    take_in(world, *late)
    world.clock.ms = NOW_MS + 2 * DAY_MS

    finish(world.ledger.release(Release(campaign_id="abandoned-cart", discard=False, day="2027-01-17",
                                        now_ms=world.clock.ms, emails_max=10)))  # fmt: skip
    world.drive(world.dispatch.round("w", emails_max=10))

    assert world.states() == {State.ACCEPTED: 3}


def test_the_first_that_is_held_is_an_error_in_the_log_with_what_to_do() -> None:
    world = World()
    take_in(world, *emails(1, 5))
    reporting = Reporting(tracer=None, metrics=Metrics(), provider="eml")  # type: ignore[arg-type]  # nothing is traced

    with structlog.testing.capture_logs() as logs:
        for report in world.reports:
            if report.state is State.HELD:
                reporting.report(report)

    (held,) = [line for line in logs if line["log_level"] == "error"]
    assert "sendwhen campaigns release abandoned-cart" in held["remedy"]
