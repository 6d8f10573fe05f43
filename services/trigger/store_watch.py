"""How the store is, put together from its durability, found at start, and its limits, looked at every second."""

from __future__ import annotations

from typing import Final

from services.trigger.front_ports import StoreState
from services.trigger.store_admission import StoreAdmission
from services.trigger.store_durability import StoreDurability

RETRY_AFTER_MS: Final = 2_000


class AdmissionWatch:
    """See the port StoreWatch."""

    def __init__(self, durability: StoreDurability, admission: StoreAdmission) -> None:
        self._admission = admission
        self._durability = durability
        self._found = (
            f"appendonly {durability.appendonly}, appendfsync {durability.appendfsync}, "
            f"maxmemory-policy {durability.maxmemory_policy}"
        )

    def state(self) -> StoreState:
        """The latest."""
        reason = self._admission.reason
        return StoreState(
            durability=self._durability.level,
            found=self._found,
            refusing=f"Appends are refused: {reason}." if reason else "",
            reason="" if not reason else "disk" if "disk" in reason else "memory",
            retry_after_ms=RETRY_AFTER_MS,
        )
