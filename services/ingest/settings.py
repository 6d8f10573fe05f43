"""Settings of ingest, read from SENDWHEN_INGEST_…."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What ingest is told.

    Attributes:
        listen: Address for gRPC.
        metrics_listen: Address for the scrape of metrics.
        log_level: "debug", "info", "warning" or "error".
        service_token: What trigger knows us by.
        write_keys: Keys of clients.
        trigger: Address of trigger's front.
        clock: "wall", or "events" where the installation runs on the events' own time.
    """

    service_token: str
    write_keys: tuple[str, ...]
    listen: str = "127.0.0.1:7401"
    metrics_listen: str = "127.0.0.1:7411"
    log_level: str = "info"
    trigger: str = "127.0.0.1:7402"
    clock: str = "wall"

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        if self.clock not in ("wall", "events"):
            raise ValueError(f"SENDWHEN_INGEST_CLOCK={self.clock!r} is not wall or events.")
        if not self.service_token:
            raise ValueError("SENDWHEN_INGEST_SERVICE_TOKEN is empty; trigger would refuse every call.")
        if not self.write_keys:
            raise ValueError("SENDWHEN_INGEST_WRITE_KEYS names no key; clients need one.")
