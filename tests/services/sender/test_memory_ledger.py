"""The ledger that the simulation uses keeps the contract."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.sender.ledger_port import Ledger
from tests.contract.ledger import LedgerContract
from tests.contract.ledger_forgetting import LedgerForgettingContract
from tests.contract.ledger_volume import LedgerVolumeContract
from tests.fakes.memory_ledger import MemoryLedger


class TestMemoryLedger(LedgerContract, LedgerForgettingContract, LedgerVolumeContract):
    @asynccontextmanager
    async def opened(self, *, open_max: int = 1_000_000) -> AsyncIterator[Ledger]:
        yield MemoryLedger(open_max=open_max)
