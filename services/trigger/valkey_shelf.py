"""What campaigns are desired, in the store's hash ``sw:campaigns``: campaign id to MessagePack."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from redis.asyncio import Redis

from services.trigger.front_ports import DesiredCampaign
from services.trigger.store_errors import store_errors

KEY: Final = "sw:campaigns"

_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(DesiredCampaign).decode


class ValkeyShelf:
    """See the port CampaignShelf; as durable as the store replies."""

    def __init__(self, client: Redis) -> None:
        self._client: Any = client

    async def all(self) -> Sequence[DesiredCampaign]:
        """All campaigns, by id."""
        with store_errors():
            reply: dict[bytes, bytes] = await self._client.hgetall(KEY)
        return sorted(map(_decode, reply.values()), key=lambda campaign: campaign.campaign_id)

    async def put(self, campaign: DesiredCampaign) -> None:
        """Keep this one in the place of the former."""
        with store_errors():
            await self._client.hset(KEY, campaign.campaign_id, _encode(campaign))
