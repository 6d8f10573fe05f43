"""Templates in the store, under their content hash; what was seen once is kept in memory."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from services.sender.ports import TemplateText
from services.sender.valkey_pipeline import ValkeyPipeline

_CACHED_MAX = 1_000


class ValkeyTemplates:
    """Templates in Valkey. They never change, so the cache (1,000, oldest out first) cannot be stale."""

    def __init__(self, pipeline: ValkeyPipeline) -> None:
        self._pipeline = pipeline
        self._cache: dict[str, TemplateText] = {}

    async def put(self, templates: Mapping[str, TemplateText]) -> None:
        """See Templates."""
        await self._pipeline.call_all(
            [("SET", f"sw:tpl:{name}", msgspec.msgpack.encode(template)) for name, template in templates.items()]
        )

    async def get(self, template_hash: str) -> TemplateText | None:
        """See Templates."""
        cached = self._cache.get(template_hash)
        if cached is not None:
            return cached
        stored = await self._pipeline.call("GET", f"sw:tpl:{template_hash}")
        if stored is None:
            return None
        template = msgspec.msgpack.decode(stored, type=TemplateText)
        if len(self._cache) >= _CACHED_MAX:
            del self._cache[next(iter(self._cache))]
        self._cache[template_hash] = template
        return template
