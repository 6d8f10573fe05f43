"""Asking the ledger again where its answer was lost."""

from __future__ import annotations

from typing import Any, Final

from services.sender.ledger_port import BeginAttempt, LedgerLost, Settle, Submit
from services.sender.ports import Pause, Steps
from services.sender.volume_port import Reserve

_TRIES: Final = 5
_PAUSE_MS: Final = 100


def insist(request: Reserve | Submit | BeginAttempt | Settle) -> Steps[Any]:
    """The answer; each of these steps is idempotent, under one worker's name and claim where it has one.

    Raises:
        LedgerLost: It did not answer in time.
    """
    for tried in range(1, _TRIES):
        try:
            return (yield request)
        except LedgerLost:
            yield Pause(at_most_ms=_PAUSE_MS << tried)
    return (yield request)
