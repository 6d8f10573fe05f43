"""Who finds no connection to the store free waits for one, in turn, and not for ever."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from redis.exceptions import TimeoutError as StoreTimeoutError

from sendwhen.chassis.store_pool import WaitingPool


class Connection:
    """Opens at once, and is always well."""

    def __init__(self, **_more: Any) -> None:
        self.opened = False

    async def connect(self) -> None:
        await asyncio.sleep(0)
        self.opened = True

    async def can_read(self) -> bool:
        return False

    async def disconnect(self, **_more: Any) -> None:
        self.opened = False

    async def re_auth(self) -> None:
        return

    def should_reconnect(self) -> bool:
        return False


def pool(connections: int, *, wait_s: float = 5.0) -> WaitingPool:
    return WaitingPool(wait_s=wait_s, max_connections=connections, connection_class=Connection)


def test_a_request_for_each_of_256_partitions_at_once_is_served_by_a_few_connections() -> None:
    async def ask(of: WaitingPool, busy: set[int]) -> int:
        connection = await of.get_connection()
        assert id(connection) not in busy
        busy.add(id(connection))
        await asyncio.sleep(0)
        busy.remove(id(connection))
        await of.release(connection)
        return id(connection)

    async def all_of_them() -> list[int]:
        of, busy = pool(4), set[int]()
        return await asyncio.gather(*(ask(of, busy) for _ in range(256)))

    served = asyncio.run(all_of_them())

    assert len(served) == 256
    assert len(set(served)) == 4


def test_who_waits_too_long_for_a_connection_is_told() -> None:
    async def second() -> None:
        of = pool(1, wait_s=0.01)
        await of.get_connection()
        await of.get_connection()

    with pytest.raises(StoreTimeoutError, match="No connection was free"):
        asyncio.run(second())


def test_those_who_wait_are_served_in_turn() -> None:
    async def order() -> list[int]:
        of, served = pool(1), list[int]()

        async def ask(number: int) -> None:
            connection = await of.get_connection()
            served.append(number)
            await of.release(connection)

        held = await of.get_connection()
        asking = [asyncio.create_task(ask(number)) for number in range(5)]
        await asyncio.sleep(0)
        await of.release(held)
        await asyncio.gather(*asking)
        return served

    assert asyncio.run(order()) == [0, 1, 2, 3, 4]


def test_the_turn_of_one_who_gave_up_goes_to_the_next() -> None:
    async def third() -> bool:
        of = pool(1)
        held = await of.get_connection()
        gone, next_one = asyncio.create_task(of.get_connection()), asyncio.create_task(of.get_connection())
        await asyncio.sleep(0)
        # Its turn comes and it is cancelled before it can take it.
        await of.release(held)
        gone.cancel()
        await asyncio.wait([gone, next_one], timeout=5)
        return gone.cancelled() and next_one.done()

    assert asyncio.run(third())
