"""Committed records and heads of partitions, read from the store. Writes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from sendwhen.domain.past import PAST_SLOTS
from sendwhen.domain.record import with_past
from sendwhen.errors import Unavailable
from services.profile.ports import Head, Records

_SLOTS = range(PAST_SLOTS)
_HEAD_FIELDS = ("changes", "position", "position_ts")


class ValkeyRecords(Records):
    """Reads keys ``sw:{pN}:rec``, ``sw:{pN}:past`` and ``sw:{pN}:head``."""

    def __init__(self, store: Redis) -> None:
        self._store = store

    async def load(self, uids: Mapping[int, Sequence[str]]) -> Mapping[int, Sequence[bytes | None]]:
        """Records by partition, in the order asked, in one round trip."""
        try:
            async with self._store.pipeline(transaction=False) as pipeline:
                for partition, wanted in uids.items():
                    pipeline.hmget(f"sw:{{p{partition}}}:rec", list(wanted))
                    pipeline.hmget(f"sw:{{p{partition}}}:past", [f"{uid}/{s}" for uid in wanted for s in _SLOTS])
                answers = await pipeline.execute()
        except (RedisError, OSError) as error:
            raise _away(error) from error
        return {
            partition: [
                None if record is None else with_past(record, chunks[at * PAST_SLOTS : (at + 1) * PAST_SLOTS])
                for at, record in enumerate(records)
            ]
            for partition, records, chunks in zip(uids, answers[::2], answers[1::2], strict=True)
        }

    async def head(self, partition: int) -> Head:
        """Where a partition stands now."""
        try:
            answer: Any = await self._store.hmget(f"sw:{{p{partition}}}:head", list(_HEAD_FIELDS))
        except (RedisError, OSError) as error:
            raise _away(error) from error
        return head_of(answer)


def head_command(partition: int) -> tuple[str, ...]:
    """The command whose answer ``head_of`` reads."""
    return ("HMGET", f"sw:{{p{partition}}}:head", *_HEAD_FIELDS)


def head_of(answer: Sequence[bytes | None]) -> Head:
    """A head as the store answers it; a partition that is not there yet stands at 0."""
    changes, position, position_ms = (int(value or 0) for value in answer)
    return Head(changes=changes, position=position, position_ms=position_ms)


def _away(error: Exception) -> Unavailable:
    return Unavailable(f"The store does not answer ({type(error).__name__}).", remedy="Ask again; nothing was changed.")
