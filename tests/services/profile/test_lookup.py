"""Who is this customer right now: the near-cache never tells what is no longer true."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from sendwhen.errors import Invalid, NotFound, Precondition, Unavailable
from sendwhen.v1.profile_service_pb2 import CustomerId, GetRequest
from tests.services.profile.desk import NOW_MS, Desk, by_uid, by_user, home, open_desk, record


def on_desk(act: Callable[[Desk], Awaitable[None]], *, bytes_max: int = 1_000_000, follow: bool = True) -> None:
    async def run() -> None:
        async with open_desk(bytes_max=bytes_max, follow=follow) as desk:
            await act(desk)

    asyncio.run(run())


def test_a_customer_is_answered_with_the_time_and_source_of_every_field() -> None:
    async def act(desk: Desk) -> None:
        await desk.put("ada", seq=3, plan='"pro"')
        await desk.seen("ada", 3)

        found = await desk.get(by_user("ada"))

        assert found.customer.user_id == "ada"
        assert found.customer.partition == home("ada")[1]
        assert found.as_of_seq == 3
        field = found.customer.fields["plan"]
        assert (field.value_json, field.occurred_at_ms, field.seq, field.source) == (b'"pro"', NOW_MS, 3, "grpc")

    on_desk(act)


def test_the_second_answer_comes_from_memory_and_is_the_same() -> None:
    async def act(desk: Desk) -> None:
        await desk.put("ada", seq=1, plan='"pro"')
        await desk.seen("ada", 1)

        first, second = await desk.get(by_user("ada")), await desk.get(by_user("ada"))

        assert first == second
        assert len(desk.store.loads) == 1
        assert desk.tally.counts["sendwhen_profile_reads_total", "hit"] == 1

    on_desk(act)


def test_a_change_is_seen_by_the_next_answer() -> None:
    async def act(desk: Desk) -> None:
        await desk.put("ada", seq=1, plan='"free"')
        await desk.seen("ada", 1)
        await desk.get(by_user("ada"))

        await desk.put("ada", seq=2, plan='"pro"')
        await desk.seen("ada", 2)

        found = await desk.get(by_user("ada"))
        assert found.customer.fields["plan"].value_json == b'"pro"'
        assert found.as_of_seq == 2

    on_desk(act)


def test_nobody_is_remembered_as_nobody_until_somebody_comes() -> None:
    async def act(desk: Desk) -> None:
        for _ in range(3):
            with pytest.raises(NotFound):
                await desk.get(by_user("ada"))
        assert len(desk.store.loads) == 1

        await desk.put("ada", seq=1)
        await desk.seen("ada", 1)

        assert (await desk.get(by_user("ada"))).customer.user_id == "ada"

    on_desk(act)


def test_a_uid_is_looked_for_in_every_partition_once() -> None:
    async def act(desk: Desk) -> None:
        await desk.put("ada", seq=1)
        await desk.seen("ada", 1)

        found = await desk.get(by_uid("ada"))
        await desk.get(by_uid("ada"))
        await desk.get(by_user("ada"))

        assert found.customer.partition == home("ada")[1]
        assert [sorted(load) for load in desk.store.loads] == [[0, 1, 2, 3]]

    on_desk(act)


def test_a_uid_found_nowhere_is_found_when_it_comes() -> None:
    async def act(desk: Desk) -> None:
        with pytest.raises(NotFound):
            await desk.get(by_uid("ada"))

        await desk.put("ada", seq=1)
        await desk.seen("ada", 1)

        assert (await desk.get(by_uid("ada"))).customer.user_id == "ada"

    on_desk(act)


def test_many_who_ask_for_one_customer_at_once_cause_one_load() -> None:
    async def act(desk: Desk) -> None:
        await desk.put("ada", seq=1)
        await desk.seen("ada", 1)

        await asyncio.gather(*[desk.get(by_user("ada")) for _ in range(50)])

        assert len(desk.store.loads) == 1

    on_desk(act)


def test_many_customers_asked_for_at_once_share_a_round_trip() -> None:
    async def act(desk: Desk) -> None:
        for number in range(20):
            await desk.put(f"customer-{number}", seq=number + 1)

        await asyncio.gather(*[desk.get(by_user(f"customer-{number}")) for number in range(20)])

        assert len(desk.store.loads) == 1

    on_desk(act)


def test_a_change_that_comes_while_a_load_is_under_way_leaves_nothing_stale_behind() -> None:
    """Kills: keeping what was loaded without looking whether it changed meanwhile."""

    async def act(desk: Desk) -> None:
        await desk.put("ada", seq=1, plan='"free"')
        await desk.seen("ada", 1)
        desk.store.gate = gate = asyncio.Event()
        early = asyncio.create_task(desk.get(by_user("ada")))
        await desk.settled(lambda: len(desk.store.loads) == 1)

        await desk.put("ada", seq=2, plan='"pro"')
        await desk.seen("ada", 2)
        desk.store.gate = None
        # Asked after the change: must not be answered by the load that began before it.
        late = asyncio.create_task(desk.get(by_user("ada", at_least_seq=2)))
        await desk.settled(lambda: len(desk.store.loads) == 2)
        gate.set()

        assert (await late).customer.fields["plan"].value_json == b'"pro"'
        assert (await early).as_of_seq == 1
        assert (await desk.get(by_user("ada"))).customer.fields["plan"].value_json == b'"pro"'

    on_desk(act)


def test_a_connection_lost_while_a_load_is_under_way_leaves_nothing_stale_behind() -> None:
    async def act(desk: Desk) -> None:
        await desk.put("ada", seq=1, plan='"free"')
        await desk.seen("ada", 1)
        desk.store.gate = gate = asyncio.Event()
        early = asyncio.create_task(desk.get(by_user("ada")))
        await desk.settled(lambda: len(desk.store.loads) == 1)

        await desk.store.break_connections()
        await desk.put("ada", seq=2, plan='"pro"')
        await desk.settled(lambda: not desk.cache.is_open)
        await desk.settled(lambda: desk.cache.is_open)
        gate.set()
        await early
        desk.store.gate = None

        assert (await desk.get(by_user("ada"))).customer.fields["plan"].value_json == b'"pro"'

    on_desk(act)


def test_a_gap_forgets_the_partition_and_nothing_else() -> None:
    async def act(desk: Desk) -> None:
        others = [name for name in map(str, range(40)) if home(name)[1] != home("ada")[1]]
        await desk.put("ada", seq=1, plan='"free"')
        await desk.put(others[0], seq=1)
        await desk.seen("ada", 1)
        await desk.seen(others[0], 1)
        await desk.get(by_user("ada"))
        await desk.get(by_user(others[0]))

        await desk.put("ada", seq=2, change_lost=True, plan='"pro"')
        _, partition = home("ada")
        await desk.store.commit(partition, {}, position=3)
        await desk.seen("ada", 3)
        loads = len(desk.store.loads)
        await desk.get(by_user(others[0]))

        assert len(desk.store.loads) == loads
        assert (await desk.get(by_user("ada"))).customer.fields["plan"].value_json == b'"pro"'
        assert desk.tally.counts["sendwhen_profile_cache_clears_total", "gap"] == 1

    on_desk(act)


def test_a_store_that_went_back_is_believed_after_the_reconnect() -> None:
    async def act(desk: Desk) -> None:
        await desk.put("ada", seq=5, plan='"pro"')
        await desk.seen("ada", 5)
        await desk.get(by_user("ada"))

        await desk.store.roll_back(home("ada")[1])
        await desk.store.break_connections()
        await desk.settled(lambda: not desk.cache.is_open)
        await desk.settled(lambda: desk.cache.is_open)

        with pytest.raises(NotFound):
            await desk.get(by_user("ada"))
        assert desk.tally.counts["sendwhen_profile_cache_clears_total", "reconnect"] == 1

    on_desk(act)


def test_at_least_seq_waits_for_the_commit() -> None:
    async def act(desk: Desk) -> None:
        await desk.put("ada", seq=1, plan='"free"')
        await desk.seen("ada", 1)
        await desk.get(by_user("ada"))

        waiting = asyncio.create_task(desk.get(by_user("ada", at_least_seq=2)))
        await asyncio.sleep(0.03)
        assert not waiting.done()
        await desk.put("ada", seq=2, plan='"pro"')

        found = await waiting
        assert found.as_of_seq == 2
        assert found.customer.fields["plan"].value_json == b'"pro"'

    on_desk(act)


def test_a_commit_counts_as_seen_only_when_its_change_was() -> None:
    """Kills: taking the partition's stored position for what the cache has seen."""

    async def act(desk: Desk) -> None:
        await desk.put("ada", seq=1, plan='"free"')
        await desk.seen("ada", 1)
        await desk.get(by_user("ada"))
        desk.store.changes_gate = gate = asyncio.Event()
        await desk.put("ada", seq=2, plan='"pro"')

        waiting = asyncio.create_task(desk.get(by_user("ada", at_least_seq=2)))
        await asyncio.sleep(0.03)
        assert not waiting.done()
        gate.set()

        assert (await waiting).customer.fields["plan"].value_json == b'"pro"'

    on_desk(act)


def test_what_is_not_fresh_enough_by_the_deadline_is_refused_with_how_fresh_it_is() -> None:
    async def act(desk: Desk) -> None:
        await desk.put("ada", seq=4)
        await desk.seen("ada", 4)

        with pytest.raises(Precondition, match="up to entry 4, not yet up to 9"):
            await desk.get(by_user("ada", at_least_seq=9), remaining_s=0.05)

        assert desk.tally.counts["sendwhen_profile_not_fresh_total",] == 1

    on_desk(act)


def test_without_the_change_streams_every_answer_comes_from_the_store() -> None:
    async def act(desk: Desk) -> None:
        await desk.put("ada", seq=1, plan='"free"')
        await desk.get(by_user("ada"))
        await desk.put("ada", seq=2, plan='"pro"')

        found = await desk.get(by_user("ada", at_least_seq=2))

        assert found.customer.fields["plan"].value_json == b'"pro"'
        assert found.as_of_seq == 2
        assert len(desk.cache) == 0

    on_desk(act, follow=False)


def test_fields_older_than_asked_for_come_back_by_name_without_their_value() -> None:
    async def act(desk: Desk) -> None:
        uid, partition = home("ada")
        old = record("ada", seq=1, told_at_ms=NOW_MS - 60_001, plan='"pro"', city='"Oslo"')
        await desk.store.commit(partition, {uid: old}, position=1)
        await desk.seen("ada", 1)

        found = await desk.get(by_user("ada", plan=60_000, city=60_001, unknown=1))

        assert list(found.too_old) == ["plan"]
        assert found.customer.fields["plan"].value_json == b""
        assert found.customer.fields["plan"].occurred_at_ms == NOW_MS - 60_001
        assert found.customer.fields["city"].value_json == b'"Oslo"'
        assert list((await desk.get(by_user("ada"))).too_old) == []

    on_desk(act)


def test_a_negative_greatest_age_is_refused() -> None:
    async def act(desk: Desk) -> None:
        await desk.put("ada", seq=1)
        with pytest.raises(Invalid, match="max_age_ms"):
            await desk.get(by_user("ada", plan=-1))

    on_desk(act)


@pytest.mark.parametrize(
    "named", [CustomerId(), CustomerId(name="user:ada"), CustomerId(user_id=""), CustomerId(email="x" * 257)]
)
def test_no_id_and_impossible_ids_are_refused(named: CustomerId) -> None:
    async def act(desk: Desk) -> None:
        with pytest.raises(Invalid, match="id"):
            await desk.get(GetRequest(id=named))

    on_desk(act)


def test_a_store_that_is_away_is_said_to_be_and_asked_again_next_time() -> None:
    async def act(desk: Desk) -> None:
        await desk.put("ada", seq=1)
        await desk.seen("ada", 1)
        desk.store.away = True
        with pytest.raises(Unavailable):
            await desk.get(by_user("ada"))

        desk.store.away = False

        assert (await desk.get(by_user("ada"))).customer.user_id == "ada"

    on_desk(act)


def test_memory_stays_within_its_limit_and_the_least_recently_used_go() -> None:
    async def act(desk: Desk) -> None:
        for number in range(30):
            await desk.put(f"customer-{number}", seq=number + 1, note='"' + "x" * 200 + '"')
        await desk.get(by_user("customer-0"))
        for number in range(1, 30):
            await desk.get(by_user(f"customer-{number}"))
            await desk.get(by_user("customer-0"))
            assert desk.cache.bytes_held <= 5_000
        loads = len(desk.store.loads)

        await desk.get(by_user("customer-0"))
        assert len(desk.store.loads) == loads
        await desk.get(by_user("customer-1"))
        assert len(desk.store.loads) == loads + 1
        assert desk.tally.counts["sendwhen_profile_cache_evictions_total",] >= 20

    on_desk(act, bytes_max=5_000)


def test_changes_are_not_followed_while_nobody_asks_and_followed_again_with_the_next_question() -> None:
    async def act() -> None:
        async with open_desk(idle_s=0.0) as desk:
            await desk.put("ada", seq=1, plan='"free"')
            await desk.settled(lambda: not desk.cache.is_open)

            first = await desk.get(by_user("ada"))
            assert first.customer.fields["plan"].value_json == b'"free"'
            await desk.settled(lambda: desk.cache.is_open)
            await desk.get(by_user("ada"))
            await desk.get(by_user("ada"))
            assert len(desk.store.loads) == 2, "kept while followed"

            await desk.put("ada", seq=2, plan='"pro"')
            await desk.seen("ada", 2)
            await desk.put("bob", seq=1)
            await desk.settled(lambda: not desk.cache.is_open)
            assert len(desk.cache) == 0
            assert (await desk.get(by_user("ada"))).customer.fields["plan"].value_json == b'"pro"'
            assert not [key for key in desk.tally.counts if key[0] == "sendwhen_profile_cache_clears_total"]

    asyncio.run(act())


def test_whoever_was_joined_into_another_is_answered_as_that_one() -> None:
    async def act(desk: Desk) -> None:
        await desk.put("ada", seq=3, plan='"pro"')
        await desk.point("visitor", "ada", seq=7)
        await desk.point("older", "visitor", seq=2)
        await desk.seen("ada", 3)

        for request in (by_user("visitor"), by_user("older"), by_user("visitor", at_least_seq=7), by_uid("visitor")):
            found = await desk.get(request)
            assert (found.customer.user_id, found.customer.partition) == ("ada", home("ada")[1])

    on_desk(act)


def test_tombstones_that_lead_nowhere_or_in_a_circle_are_nobody() -> None:
    async def act(desk: Desk) -> None:
        await desk.point("visitor", "deleted", seq=1)
        await desk.point("one", "other", seq=1)
        await desk.point("other", "one", seq=2)

        for user_id in ("visitor", "one"):
            with pytest.raises(NotFound):
                await desk.get(by_user(user_id))

    on_desk(act)
