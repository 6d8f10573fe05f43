"""How a shard host stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec


class HostStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How the host stands: committed position of each partition it holds, and what it has done since it started."""

    owner: str
    generation: int
    positions: Mapping[int, int]
    applied: int
    commits: int
    claims: int
    standing_still: Sequence[int] = ()
    reviewing: Mapping[int, int] = {}
