"""What an installation consists of: each part's command, settings and needs. The order is that of the start."""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import msgspec
import redis

from sendwhen.chassis.store_pool import open_async_store
from sendwhen.errors import Precondition
from services.local.child import Part
from services.local.installation import Installation
from services.local.ports import HOST
from services.local.ray_head import RayHead, RayHeadSettings
from services.local.ray_part import address_file
from services.local.readiness import GrpcReady, ShardsReady
from services.local.valkey_server import (
    ALLOCATOR,
    LOADING_S_MAX,
    SOCKET_PATH_BYTES_MAX,
    ValkeyConfig,
    valkey_binary,
)

ROOT = Path(__file__).resolve().parents[2]
STORE_MEMORY_BYTES_MAX = 2 * 1024 * 1024 * 1024
FRONT_GRACE_S = 25.0


class How(msgspec.Struct, frozen=True, kw_only=True):
    """How an installation is run this time.

    Attributes:
        shards: Number of shard actors.
        durability: "fsync" or "fast".
        provider: "eml" or "sendgrid".
        apart: Ingest and trigger's front are processes of their own.
    """

    shards: int = 2
    durability: str = "fsync"
    provider: str = "eml"
    apart: bool = False


def parts_of(installation: Installation, how: How, environ: Mapping[str, str]) -> list[Part]:
    """All parts, in the order of their start.

    Raises:
        Precondition: The data folder's path is too long for the store's socket, or there is no store for this machine.
    """
    store = _store_config(installation, how)
    common = _common(environ)
    ray_folder = installation.folder / "ray"
    service = _Services(installation, how, store.url(), common, ray_folder)
    return [
        Part(
            name="store",
            command=(str(valkey_binary()), "-"),
            environ=lambda: {**ALLOCATOR, **common},
            ready=_store_answers(store.url()),
            ready_within_s=LOADING_S_MAX,
            stdin=store.lines().encode(),
            holds=store.folder / "valkey.lock",
            grace_s=30.0,
        ),
        Part(
            name="ray",
            command=(sys.executable, "-m", "services.local.ray_part", str(ray_folder)),
            environ=lambda: common,
            ready=_exists(address_file(ray_folder)),
            # One that was killed leaves its address behind.
            before=lambda: address_file(ray_folder).unlink(missing_ok=True),
        ),
        service.part("sender", needs=("store",)),
        service.part("profile", needs=("store",)),
        *(service.fronts_apart() if how.apart else [service.front()]),
    ]


def settings_of(installation: Installation, how: How, environ: Mapping[str, str]) -> Mapping[str, Mapping[str, str]]:
    """By service, the environment with its settings, before anything runs: Ray's address is not known yet.

    Raises:
        Precondition: As ``parts_of``.
    """
    store = _store_config(installation, how)
    services = _Services(installation, how, store.url(), _common(environ), installation.folder / "ray")
    return {name: services.settings(name) for name in ("ingest", "trigger", "profile", "sender")}


class _Services:
    """Makes the parts of the four services."""

    def __init__(
        self, installation: Installation, how: How, store_url: str, common: Mapping[str, str], ray_folder: Path
    ) -> None:
        self._installation = installation
        self._how = how
        self._store_url = store_url
        self._common = common
        self._ray = RayHead(RayHeadSettings(folder=ray_folder))
        self._ray_address = address_file(ray_folder)

    def part(self, name: str, *, needs: tuple[str, ...], falls_with: tuple[str, ...] = ()) -> Part:
        """One service."""
        return Part(
            name=name,
            command=(sys.executable, "-m", f"services.{name}"),
            environ=lambda: self._environ_of(name),
            ready=self._ready(name),
            needs=needs,
            falls_with=falls_with,
        )

    def fronts_apart(self) -> list[Part]:
        """Trigger's front and ingest, each by itself, as in a cluster."""
        return [
            self.part("trigger", needs=("store", "ray"), falls_with=("ray",)),
            self.part("ingest", needs=("store",)),
        ]

    def front(self) -> Part:
        """Both in one process."""
        trigger_ready, ingest_ready = self._ready("trigger"), self._ready("ingest")

        async def ready() -> bool:
            return await ingest_ready() and await trigger_ready()

        return Part(
            name="front",
            command=(sys.executable, "-m", "services.local.front"),
            environ=lambda: {**self._environ_of("ingest"), **self._environ_of("trigger")},
            ready=ready,
            needs=("store", "ray"),
            falls_with=("ray",),
            # One drains after the other.
            grace_s=FRONT_GRACE_S,
        )

    def settings(self, name: str) -> Mapping[str, str]:
        """A service's settings and those given in our environment, which win."""
        settings = {**self._of_every(name), **getattr(self, f"_of_{name}")()}
        ours = {f"SENDWHEN_{name.upper()}_{key.upper()}": value for key, value in settings.items()}
        return {**ours, **self._common}

    def _environ_of(self, name: str) -> Mapping[str, str]:
        """The same once Ray runs; its token is ours."""
        if name != "trigger":
            return self.settings(name)
        address = self._ray_address.read_text(encoding="ascii").strip()
        return {"SENDWHEN_TRIGGER_RAY_ADDRESS": address, **self.settings(name), **self._ray.environment}

    def _ready(self, name: str) -> Callable[[], Awaitable[bool]]:
        target = f"{HOST}:{getattr(self._installation.identity.ports, name)}"
        if name == "trigger":
            return ShardsReady(target, admin_key=self._installation.secrets.admin_key)
        return GrpcReady(target)

    def _of_every(self, name: str) -> dict[str, str]:
        ports = self._installation.identity.ports
        return {
            "listen": f"{HOST}:{getattr(ports, name)}",
            "metrics_listen": f"{HOST}:{getattr(ports, name + '_metrics')}",
            "service_token": self._installation.secrets.service_token,
        }

    def _of_ingest(self) -> dict[str, str]:
        identity = self._installation.identity
        return {
            "trigger": f"{HOST}:{identity.ports.trigger}",
            "write_keys": self._installation.secrets.write_key,
            "clock": identity.clock,
        }

    def _of_trigger(self) -> dict[str, str]:
        identity, keys = self._installation.identity, self._installation.secrets
        return {
            "store_url": self._store_url,
            "admin_key": keys.admin_key,
            "send_key": keys.send_key,
            "sender": f"{HOST}:{identity.ports.sender}",
            "store_folder": str(self._installation.folder / "store"),
            "archive": str(self._installation.folder / "archive"),
            "partitions": str(identity.partitions),
            "shards": str(min(self._how.shards, identity.partitions)),
            "clock": identity.clock,
            "durability": self._how.durability,
            "shard_metrics_listen": f"{HOST}:{identity.ports.shard_metrics}",
        }

    def _of_profile(self) -> dict[str, str]:
        return {"store_url": self._store_url}

    def _of_sender(self) -> dict[str, str]:
        identity, keys = self._installation.identity, self._installation.secrets
        return {
            "store_url": self._store_url,
            "admin_key": keys.admin_key,
            "address_key": keys.address_key,
            "profile": f"{HOST}:{identity.ports.profile}",
            "provider": self._how.provider,
            "clock": identity.clock,
            "eml_folder": str(self._installation.mail),
            "inbox_listen": f"{HOST}:{identity.ports.inbox}",
        }


def _store_config(installation: Installation, how: How) -> ValkeyConfig:
    folder = installation.folder / "store"
    socket = folder / "valkey.sock"
    if len(os.fsencode(socket)) > SOCKET_PATH_BYTES_MAX:
        raise Precondition(
            f"The path of the data folder {installation.folder} is too long for the store's socket.",
            remedy="Choose a folder with a shorter path with --data or SENDWHEN_DATA.",
        )
    folder.mkdir(mode=0o700, exist_ok=True)
    return ValkeyConfig(
        folder=folder,
        socket=socket,
        password=installation.secrets.store_password,
        appendfsync="always" if how.durability == "fsync" else "everysec",
        memory_bytes_max=STORE_MEMORY_BYTES_MAX,
        # To standard output, which goes to a log of ours that is kept below a size.
        more=('logfile ""',),
    )


def _common(environ: Mapping[str, str]) -> dict[str, str]:
    path = environ.get("PYTHONPATH", "").split(os.pathsep)
    return {
        **environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), *(part for part in path if part and part != str(ROOT))]),
        "PYTHONUNBUFFERED": "1",
    }


def _store_answers(url: str) -> Callable[[], Awaitable[bool]]:
    async def answers() -> bool:
        client = open_async_store(url, timeout_s=1.0)
        try:
            return bool(await client.ping())
        except (redis.RedisError, OSError):
            return False
        finally:
            await client.aclose()

    return answers


def _exists(path: Path) -> Callable[[], Awaitable[bool]]:
    async def exists() -> bool:
        return path.exists()  # noqa: ASYNC240  one stat of a local file

    return exists
