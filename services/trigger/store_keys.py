"""Names of the store's keys. All keys of a partition share the slot of ``{pN}``."""

from __future__ import annotations

INSTALLATION = "sw:installation"
ASSIGNMENT = "sw:assignment"
ARCHIVIST = "sw:archivist"


def head(partition: int) -> str:
    """Hash: where the partition stands. The store's functions find the other keys by its prefix."""
    return f"sw:{{p{partition}}}:head"


def log(partition: int) -> str:
    """Stream of entries."""
    return f"sw:{{p{partition}}}:log"


def records(partition: int) -> str:
    """Hash: uid to record."""
    return f"sw:{{p{partition}}}:rec"


def seen_ids(partition: int, uid: str) -> str:
    """String: packed ids of a customer's events."""
    return f"sw:{{p{partition}}}:ids:{uid}"


def past(partition: int) -> str:
    """Hash: chunks of customers' older events, by ``past_field``."""
    return f"sw:{{p{partition}}}:past"


def past_field(uid: str, slot: int) -> str:
    """Field of one chunk."""
    return f"{uid}/{slot}"


def due(partition: int) -> str:
    """Sorted set: uid by earliest deadline."""
    return f"sw:{{p{partition}}}:due"


def outbox(partition: int) -> str:
    """Stream of rows for sender and for other partitions."""
    return f"sw:{{p{partition}}}:out"


def changes(partition: int) -> str:
    """Stream of commits: who changed."""
    return f"sw:{{p{partition}}}:chg"


def dead_letters(partition: int) -> str:
    """Stream of events set aside."""
    return f"sw:{{p{partition}}}:dead"


def received(partition: int) -> str:
    """Hash: partition/lineage to how far that outbox was received."""
    return f"sw:{{p{partition}}}:rcv"


def flood_letters(partition: int) -> str:
    """Stream of events set aside because one customer had too many; shorter, and apart from all others."""
    return f"sw:{{p{partition}}}:flood"


def campaigns(partition: int) -> str:
    """Hash: campaign_id/version to row."""
    return f"sw:{{p{partition}}}:camp"
