"""What profile must know of the installation before it can answer; trigger creates it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Final

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from sendwhen.errors import Precondition

log = structlog.get_logger()

FORMAT: Final = b"1"
RETRY_S: Final = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """Fixed at creation.

    Attributes:
        partitions: How many.
        events_clock: Log time is the events' own.
    """

    partitions: int
    events_clock: bool


async def await_installation(store: Redis, *, within_s: float) -> Installation:
    """The installation, once trigger has created it.

    Raises:
        Precondition: Not within ``within_s``, or another version of sendwhen made it.
    """
    try:
        async with asyncio.timeout(within_s):
            while True:
                found = await _stored(store)
                if found:
                    break
                await asyncio.sleep(RETRY_S)
    except TimeoutError:
        raise Precondition(
            f"The store holds no installation, or did not answer, for {within_s:g} s.",
            remedy="Start trigger first; it creates the installation. Check SENDWHEN_PROFILE_STORE_URL.",
        ) from None
    if found.get(b"format") != FORMAT:
        raise Precondition(
            f"The installation has format {found.get(b'format', b'?').decode()}; this sendwhen reads 1.",
            remedy="Run the version of sendwhen that wrote it, or a later one.",
        )
    return Installation(partitions=int(found[b"partitions"]), events_clock=found.get(b"clock") == b"events")


async def _stored(store: Redis) -> dict[bytes, bytes]:
    try:
        answer: Any = await store.hgetall("sw:installation")
    except (RedisError, OSError) as error:
        log.warning("store.awaited", problem=type(error).__name__)
        return {}
    return dict(answer)
