"""What a shard actor must know; plain values, so that Ray can carry it to any node."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sendwhen.chassis.settings import read_settings

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardSettings:
    """Settings of all shards of an installation. Never printed: it holds keys.

    Attributes:
        store_url: As in ``sendwhen.chassis.store_pool``.
        sender: Target of the sender service, "host:port".
        service_token: Sent with every call.
        send_key: Secret that send ids are made with; never changes.
        partitions: Of the installation.
        shards: How many actors share them: partition p belongs to shard p % shards.
        clock: "wall" or "events".
        live_bytes: Memory for customers as objects in one actor, shared by its partitions; what is over goes warm.
        warm_bytes: Memory for customers as compressed bytes in one actor; what is over is in the store alone.
        visitor_days: So long since the last event a visitor is kept without user id and address; 0: for ever.
        death_pause_ms: A dying actor waits so long before its process ends, so that restarts do not follow in a flood.
        log_level: As in ``configure_logs``.
        shard_metrics_listen: Where shard 0 serves its metrics; shard n at that port plus n. "": nowhere.
    """

    store_url: str
    sender: str = "127.0.0.1:7404"
    service_token: str = ""
    send_key: str = ""
    partitions: int = 16
    shards: int = 2
    clock: str = "wall"
    live_bytes: int = 512 * 1024 * 1024
    warm_bytes: int = 256 * 1024 * 1024
    visitor_days: int = 30
    death_pause_ms: int = 500
    log_level: str = "info"
    shard_metrics_listen: str = ""

    def __post_init__(self) -> None:
        if self.visitor_days < 0:
            raise ValueError(f"visitor_days={self.visitor_days} is negative.")
        if self.clock not in ("wall", "events"):
            raise ValueError(f"clock={self.clock!r} is neither wall nor events.")
        if self.shard_metrics_listen and not self.shard_metrics_listen.rpartition(":")[2].isdecimal():
            raise ValueError(f"shard_metrics_listen={self.shard_metrics_listen!r} is not host:port.")
        if not 1 <= self.shards <= self.partitions:
            raise ValueError(f"shards={self.shards} is not between 1 and the number of partitions, {self.partitions}.")

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> ShardSettings:
        """Read the variables that start with SENDWHEN_TRIGGER_."""
        return read_settings(cls, environ, prefix="SENDWHEN_TRIGGER_")

    def metrics_listen_of(self, shard: int) -> str:
        """Where a shard serves its metrics, or ""."""
        host, _, port = self.shard_metrics_listen.rpartition(":")
        return f"{host}:{int(port) + shard}" if port else ""

    def partitions_of(self, shard: int) -> tuple[int, ...]:
        """Partitions of one shard."""
        return tuple(range(shard, self.partitions, self.shards))
