"""Settings of profile, read from SENDWHEN_PROFILE_*."""

from __future__ import annotations

from dataclasses import dataclass

PREFIX = "SENDWHEN_PROFILE_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What profile can be told."""

    store_url: str
    """Where the store is: "unix:///path/to/socket?password=…" or "redis://:password@host:6379/0"."""

    service_token: str
    """The key that other services show with every call."""

    listen: str = "127.0.0.1:7403"
    """Where gRPC is served."""

    metrics_listen: str = "127.0.0.1:7413"
    """Where metrics are served; empty: nowhere."""

    log_level: str = "info"
    """debug, info, warning or error."""

    cache_bytes: int = 128 * 1024 * 1024
    """Memory for cached customers; about 1 KB each. Beyond it the least recently used go."""

    start_within_s: int = 60
    """How long to wait at start for the store, and for trigger to create the installation."""

    grace_s: int = 10
    """How long calls under way may take to finish when asked to stop."""

    def __post_init__(self) -> None:
        if not self.service_token:
            raise ValueError(f"{PREFIX}SERVICE_TOKEN is empty: calls could not be told from a stranger's.")
