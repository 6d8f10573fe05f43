"""The ledger's part about volume in Valkey: what a day has room for, what is held, and how it is let go.

A campaign's day is one hash, wherever the store keeps it: emails to different addresses lie in different slots, which
share no atomic step. So room is reserved first, by send_id, and the email is made after that: a crash between the two
asks again under the same id, and nothing is counted twice or let through.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from sendwhen.v1 import email_pb2
from services.sender.addresses import SLOTS
from services.sender.ledger import Signal
from services.sender.valkey_pipeline import ValkeyPipeline
from services.sender.volume_port import Release, Released, Reserve, Reserved

VOLUME_KEPT_S: Final = 3 * 86_400
"""How long a day's count is kept: a decision that is submitted again is a few minutes older at most."""


class ValkeyVolumes:
    """Reserves and releases. ``prefix`` names a slot; ``function`` begins the names of the store's functions."""

    def __init__(self, pipeline: ValkeyPipeline, *, function: str, prefix: Callable[[int], str], kept_s: int) -> None:
        self._pipeline = pipeline
        self._function = function
        self._prefix = prefix
        self._kept_s = kept_s

    async def reserve(self, request: Reserve) -> Reserved:
        """See Ledger."""
        key = _volume_key(request.campaign_id, request.day)
        is_first, *held = await self._pipeline.call(
            "FCALL", self._function + "reserve", 1, key, request.at_most, VOLUME_KEPT_S, *request.send_ids
        )
        return Reserved(
            held=tuple(send_id for send_id, one in zip(request.send_ids, held, strict=True) if one),
            is_first=bool(is_first),
        )

    async def release(self, request: Release) -> Released:
        """See Ledger. The limit is shared out over the slots, at least one for each."""
        if not request.discard:
            key = _volume_key(request.campaign_id, request.day)
            await self._pipeline.call_all([("HSET", key, "l", 1), ("EXPIRE", key, VOLUME_KEPT_S)])
        most = max(1, request.emails_max // SLOTS)
        found = await self._pipeline.call_all(
            [
                ("FCALL_RO", self._function + "held", 1, self._prefix(slot), request.campaign_id, most)
                for slot in range(SLOTS)
            ]
        )
        signal = Signal.DISCARD if request.discard else Signal.RELEASE
        head = (int(signal), request.campaign_id, request.now_ms, self._kept_s)
        moved = await self._pipeline.call_all(
            [
                ("FCALL", self._function + "release", 1, self._prefix(slot), *head, *_released(rows, request.now_ms))
                for slot, rows in enumerate(found)
                if rows
            ]
        )
        return Released(emails=sum(moved), more=any(len(rows) == most for rows in found))


def _volume_key(campaign_id: str, day: str) -> str:
    return f"sw:vol:{campaign_id}:{day}"


def _released(rows: Sequence[Any], now_ms: int) -> list[str | bytes | int]:
    arguments: list[str | bytes | int] = []
    for send_id, expires_at_ms, due_at_ms, body in rows:
        expires = released_expiry_ms(expires_at_ms, due_at_ms, now_ms)
        intent = email_pb2.SendIntent.FromString(body)
        intent.expires_at_ms = expires
        arguments += [send_id, expires, intent.SerializeToString()]
    return arguments


def released_expiry_ms(expires_at_ms: int, due_at_ms: int, now_ms: int) -> int:
    """When an email that is let go is too late: as long after its release as it would have been after it was due."""
    return now_ms + max(0, expires_at_ms - due_at_ms) if expires_at_ms else 0
