"""What edits of a campaign say about its open runs: data."""

from __future__ import annotations

from enum import Enum

import msgspec

EDITS_MAX = 64
"""Edits remembered of one campaign; the oldest is forgotten, and runs that have not followed it go on as they are."""


class Migrate(Enum):
    """What becomes of runs of earlier versions: they finish, move to the new version, or are cancelled."""

    FINISH = "finish"
    MOVE = "move"
    CANCEL = "cancel"


class Edit(msgspec.Struct, frozen=True, array_like=True):
    """One edit that concerns open runs.

    Attributes:
        seq: Its entry. at_ms: its log time.
        what: "move", "cancel" or "archive".
        version: Put by it; "" for an archived campaign.
    """

    seq: int
    at_ms: int
    what: str
    version: str
