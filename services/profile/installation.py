"""What profile must know of the installation before it can answer; trigger creates it."""

from __future__ import annotations

import asyncio
import contextlib
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


async def await_installation(store: Redis, *, within_s: float, stop: asyncio.Event) -> Installation | None:
    """The installation, once trigger has created it; None where ``stop`` is set before that.

    Raises:
        Precondition: Not within ``within_s``, or another version of sendwhen made it.
    """
    until_s = asyncio.get_running_loop().time() + within_s
    why_not = ""
    while True:
        try:
            answer: Any = await store.hgetall("sw:installation")
            found: dict[bytes, bytes] = dict(answer)
            problem = "no installation"
        except (RedisError, OSError) as error:
            found, problem = {}, type(error).__name__
        if found:
            return _understood(found)
        if problem != why_not:
            log.warning("store.awaited", problem=problem)
            why_not = problem
        if asyncio.get_running_loop().time() >= until_s:
            raise Precondition(
                f"The store holds no installation, or did not answer, for {within_s:g} s.",
                remedy="Start trigger first; it creates the installation. Check SENDWHEN_PROFILE_STORE_URL.",
            )
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), RETRY_S)
        if stop.is_set():
            return None


def _understood(found: dict[bytes, bytes]) -> Installation:
    if found.get(b"format") != FORMAT:
        raise Precondition(
            f"The installation has format {found.get(b'format', b'?').decode()}; this sendwhen reads 1.",
            remedy="Run the version of sendwhen that wrote it, or a later one.",
        )
    return Installation(partitions=int(found[b"partitions"]), events_clock=found.get(b"clock") == b"events")
