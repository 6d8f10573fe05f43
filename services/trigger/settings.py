"""Settings of trigger's front, read from SENDWHEN_TRIGGER_…; its shards read theirs under the same prefix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

PARTITIONS_MAX: Final = 4_096


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the front is told. Never printed: it holds keys.

    Attributes:
        store_url: As in ``sendwhen.chassis.store_pool``.
        service_token: What services know each other by; may append and wait.
        admin_key: May do everything else.
        send_key: Secret that send ids are made with; never changes, or emails could be sent twice.
        listen: Address for gRPC.
        metrics_listen: Address for the scrape of metrics.
        log_level: "debug", "info", "warning" or "error".
        sender: Address of sender.
        ray_address: Of the Ray cluster that carries the shards, such as "127.0.0.1:6379".
        partitions: Fixed for the life of the installation.
        shards: Actors that share the partitions.
        clock: "wall" or "events"; fixed too.
        durability: "fsync" or "fast"; the store's configuration is checked against it.
        lag_max_events: A partition so far behind takes no more.
        store_memory_bytes_max: Limit of the store's memory where it has none itself; 0: the machine's memory.
        store_folder: The store's data folder where it is on this machine, to see its disk; "": not looked at.
        archive: Where the log's past is kept: a folder, or an address that fsspec reads (s3://…); "": nowhere, then the
            log is trimmed after an hour.
        store_disk_free_bytes_min: Appends are refused while less of that disk is free, or less than a tenth of it.
    """

    store_url: str
    service_token: str
    admin_key: str
    send_key: str
    listen: str = "127.0.0.1:7402"
    metrics_listen: str = "127.0.0.1:7412"
    log_level: str = "info"
    sender: str = "127.0.0.1:7404"
    ray_address: str = "auto"
    partitions: int = 16
    shards: int = 2
    clock: str = "wall"
    durability: str = "fsync"
    lag_max_events: int = 1_000_000
    store_memory_bytes_max: int = 0
    store_folder: str = ""
    archive: str = ""
    store_disk_free_bytes_min: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        complaints = []
        if self.clock not in ("wall", "events"):
            complaints.append(f"SENDWHEN_TRIGGER_CLOCK={self.clock!r} is not wall or events.")
        if not 1 <= self.partitions <= PARTITIONS_MAX:
            complaints.append(f"SENDWHEN_TRIGGER_PARTITIONS={self.partitions} is not from 1 to {PARTITIONS_MAX}.")
        if not 1 <= self.shards <= self.partitions:
            complaints.append(f"SENDWHEN_TRIGGER_SHARDS={self.shards} is not from 1 to the number of partitions.")
        if not self.service_token or not self.admin_key or not self.send_key:
            complaints.append("SENDWHEN_TRIGGER_SERVICE_TOKEN, _ADMIN_KEY and _SEND_KEY must not be empty.")
        if complaints:
            raise ValueError(" ".join(complaints))
