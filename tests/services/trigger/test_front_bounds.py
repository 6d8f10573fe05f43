"""What callers ask of the front is bounded: how long a name may be, and how much an answer may carry."""

from __future__ import annotations

import grpc
import pytest

from sendwhen.domain.changes import DeadLetter
from sendwhen.v1 import trigger_service_pb2 as pb
from sendwhen.v1.profile_service_pb2 import CustomerId
from services.trigger.dead_letters import EVENTS_BYTES_MAX
from tests.services.running import Running

pytestmark = pytest.mark.integration

NOBODY = [CustomerId(**{kind: "x" * 257}) for kind in ("user_id", "anonymous_id", "email", "uid")]  # type: ignore[arg-type]  # by name


@pytest.mark.parametrize("nobody", NOBODY)
async def test_an_identity_that_ingest_would_not_take_is_refused_and_nothing_is_logged(nobody: CustomerId) -> None:
    somebody = CustomerId(user_id="ada")
    merges = [pb.MergeCustomersRequest(into=nobody), pb.MergeCustomersRequest(into=somebody)]
    getattr(merges[0], "from").CopyFrom(somebody)
    getattr(merges[1], "from").CopyFrom(nobody)
    async with Running() as running:
        trigger = running.trigger()
        calls = [
            trigger.ShowCustomer(pb.ShowCustomerRequest(id=nobody)),
            trigger.DeleteCustomer(pb.DeleteCustomerRequest(id=nobody)),
            trigger.Why(pb.WhyRequest(id=nobody, campaign_id="c")),
            trigger.GetTimeline(pb.GetTimelineRequest(id=nobody)),
            *map(trigger.MergeCustomers, merges),
        ]
        for call in calls:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call
            assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert [partition.seq for partition in running.store.partitions.values()] == [0] * 4


async def test_many_large_dead_letters_are_all_listed_though_not_all_with_their_events() -> None:
    def letters(partition: int) -> list[DeadLetter]:
        return [
            DeadLetter(
                seq=seq,
                index=0,
                event_id=f"{partition}-{seq}",
                reason="failed",
                detail="",
                at_ms=seq,
                payload=b"x" * 34_000,
            )
            for seq in range(1, 101)
        ]

    async with Running() as running:
        for number, partition in running.store.partitions.items():
            partition.dead_letters = letters(number)

        answer = await running.trigger().ListDeadLetters(pb.ListDeadLettersRequest(limit=400))

        assert len(answer.dead_letters) == 400
        assert [letter.seq for letter in answer.dead_letters] == [seq for seq in range(100, 0, -1) for _ in range(4)]
        carried = [bool(letter.event) for letter in answer.dead_letters]
        assert carried == sorted(carried, reverse=True)
        assert EVENTS_BYTES_MAX - 34_000 < 34_000 * sum(carried) <= EVENTS_BYTES_MAX
