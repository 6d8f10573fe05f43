"""Where the services of one machine listen, and whether those ports are free."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from typing import Self

import msgspec

from sendwhen.errors import Precondition

HOST = "127.0.0.1"
PORT_BASE_DEFAULT = 7400


class PortTaken(Precondition):
    """Another program listens where one of ours should."""


class Ports(msgspec.Struct, frozen=True, kw_only=True):
    """A port for each service's gRPC and metrics, and for the inbox page; all on 127.0.0.1. Ray chooses its own."""

    ingest: int
    trigger: int
    profile: int
    sender: int
    ingest_metrics: int
    trigger_metrics: int
    profile_metrics: int
    sender_metrics: int
    shard_metrics: int
    inbox: int

    @classmethod
    def at(cls, base: int | None) -> Self:
        """The ports counted from a base (7400 by default): 7401 ingest … 7480 inbox."""
        base = PORT_BASE_DEFAULT if base is None else base
        return cls(
            ingest=base + 1,
            trigger=base + 2,
            profile=base + 3,
            sender=base + 4,
            ingest_metrics=base + 11,
            trigger_metrics=base + 12,
            profile_metrics=base + 13,
            sender_metrics=base + 14,
            shard_metrics=base + 15,
            inbox=base + 80,
        )

    def named(self, *, shards: int) -> Iterator[tuple[str, int]]:
        """Each port with what it is for; shard n serves its metrics at ``shard_metrics`` plus n."""
        for name in self.__struct_fields__:
            yield name.replace("_", " "), getattr(self, name)
        for shard in range(1, shards):
            yield f"metrics of shard {shard}", self.shard_metrics + shard


def check_ports(ports: Ports, *, shards: int) -> None:
    """Make sure that every port is free that an installation with so many shards needs.

    Raises:
        PortTaken: Names all that are not, and what to set.
    """
    taken = [f"{HOST}:{port} ({name})" for name, port in ports.named(shards=shards) if not _free(port)]
    if taken:
        raise PortTaken(
            f"Another program listens on {', '.join(taken)}.",
            remedy="Stop it, or start sendwhen elsewhere with --port-base NUMBER (7400 by default).",
        )


def _free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do it: a connection of a former run that still fades away does not count as taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            # Linux lets two sockets with SO_REUSEADDR bind one port, and refuses when the second listens.
            probe.listen(1)
        except OSError as error:
            if error.errno in {errno.EADDRINUSE, errno.EACCES}:
                return False
            raise
    return True
