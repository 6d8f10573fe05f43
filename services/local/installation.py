"""The data folder of an installation: what it is, its secrets, and the lock that keeps a second instance out.

installation.json   format, partitions, clock (fixed at creation) and the ports last used
secrets.json        random keys, readable by the owner alone
lock                held by the running supervisor, whose process id it names
store/ mail/ logs/  what the parts write
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol, Self

import msgspec

from sendwhen.errors import Precondition
from services.local.ports import Ports

FORMAT = 1
PARTITIONS_DEFAULT = 16
PARTITIONS_MAX = 1_024
FREE_BYTES_MIN = 200 * 1024 * 1024
FREE_SHARE_MIN = 0.10
DATA_DEFAULT = Path("var/sendwhen")

Environment = Mapping[str, str]


class InstallationRefused(Precondition):
    """The data folder cannot be used as asked."""


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """What never changes about an installation, and the ports it was last started on.

    Attributes:
        format: Version of the folder's layout.
        partitions: Number of partitions.
        clock: "wall" or "events".
        created_at_ms: When it was made, in milliseconds since 1970-01-01 UTC.
        ports: Where its services listen.
    """

    format: int
    partitions: int
    clock: str
    created_at_ms: int
    ports: Ports


class Secrets(msgspec.Struct, frozen=True, kw_only=True):
    """Keys of an installation, each 32 random bytes as hexadecimal digits.

    Attributes:
        service_token: For calls between services.
        admin_key: For campaigns, why, dead letters, status.
        write_key: For clients that send events.
        store_password: The store's.
        send_key: From which the ids of emails are made; another one would send them again.
        address_key: With which the suppression list hashes addresses; another one would forget the list.
    """

    service_token: str
    admin_key: str
    write_key: str
    store_password: str
    send_key: str
    address_key: str

    @classmethod
    def fresh(cls) -> Self:
        """New random keys."""
        return cls(**{name: secrets.token_hex(32) for name in cls.__struct_fields__})


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a start asks for; None means: as it is, or the default for a new one."""

    partitions: int | None = None
    clock: str | None = None
    port_base: int | None = None


def data_folder(environ: Environment) -> Path:
    """Where the installation lives: SENDWHEN_DATA, else var/sendwhen under the current directory."""
    return Path(environ.get("SENDWHEN_DATA") or DATA_DEFAULT).absolute()


class Installation:
    """A data folder that this process alone may run.

    Attributes:
        folder: Absolute path of the data folder.
        identity: What is in installation.json.
        secrets: What is in secrets.json.
    """

    def __init__(self, *, folder: Path, identity: Identity, keys: Secrets, lock: int) -> None:
        self.folder = folder
        self.identity = identity
        self.secrets = keys
        self._lock = lock

    @property
    def mail(self) -> Path:
        """Where the .eml files go."""
        return self.folder / "mail"

    @property
    def logs(self) -> Path:
        """Where the parts' logs go."""
        return self.folder / "logs"

    def close(self) -> None:
        """Let another instance in."""
        os.close(self._lock)


class Usage(Protocol):
    """Space on a disk, in bytes."""

    @property
    def total(self) -> int: ...  # noqa: D102  the class says it
    @property
    def free(self) -> int: ...  # noqa: D102  the class says it


def open_installation(
    folder: Path, wanted: Wanted, *, now_ms: int, disk_usage: Callable[[Path], Usage] = shutil.disk_usage
) -> Installation:
    """Open the installation in ``folder``, or make one, and lock it.

    Raises:
        InstallationRefused: Says what is in the way and what to do.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = _lock(folder)
    except (PermissionError, NotADirectoryError, FileExistsError) as error:
        raise InstallationRefused(
            f"The data folder {folder} cannot be written: {error.strerror}.",
            remedy="Give this user the right to write there, or choose another folder with --data or SENDWHEN_DATA.",
        ) from error
    except OSError as error:
        raise InstallationRefused(
            f"The data folder {folder} cannot be used: {error.strerror}.",
            remedy="Choose another folder with --data or SENDWHEN_DATA.",
        ) from error
    try:
        _check_space(folder, disk_usage(folder))
        identity = _identity(folder, wanted, now_ms)
        keys = _secrets(folder)
        for name in ("logs", "mail"):
            (folder / name).mkdir(exist_ok=True, mode=0o700)
    except OSError as error:
        os.close(lock)
        raise InstallationRefused(
            f"{error.filename or folder} cannot be used: {error.strerror}.",
            remedy="Let this user read and write it, or choose another folder with --data or SENDWHEN_DATA.",
        ) from error
    except BaseException:
        os.close(lock)
        raise
    return Installation(folder=folder, identity=identity, keys=keys, lock=lock)


def _lock(folder: Path) -> int:
    handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pid = os.read(handle, 32).decode(errors="replace").strip() or "unknown"
        os.close(handle)
        raise InstallationRefused(
            f"Another sendwhen (process {pid}) is running on the data folder {folder}.",
            remedy="Stop that one first, or choose another folder with --data or SENDWHEN_DATA.",
        ) from None
    os.ftruncate(handle, 0)
    os.write(handle, f"{os.getpid()}\n".encode())
    return handle


def _check_space(folder: Path, usage: Usage) -> None:
    if usage.free < FREE_BYTES_MIN or usage.free < usage.total * FREE_SHARE_MIN:
        raise InstallationRefused(
            f"The disk of {folder} is nearly full: {usage.free / 1e6:,.0f} MB of {usage.total / 1e6:,.0f} MB are free.",
            remedy="Free at least 200 MB and 10 % of it, or choose another disk's folder with --data or SENDWHEN_DATA.",
        )


def _identity(folder: Path, wanted: Wanted, now_ms: int) -> Identity:
    path = folder / "installation.json"
    if not path.exists():
        if (folder / "secrets.json").exists() or (folder / "store").exists():
            raise InstallationRefused(
                f"{folder} holds data but no installation.json.",
                remedy="Bring the file back, or choose an empty folder with --data or SENDWHEN_DATA.",
            )
        made = Identity(
            format=FORMAT,
            partitions=wanted.partitions or PARTITIONS_DEFAULT,
            clock=wanted.clock or "wall",
            created_at_ms=now_ms,
            ports=Ports.at(wanted.port_base),
        )
        write_json(path, made)
        return made
    found = _read_identity(path)
    _check_same(folder, found, wanted)
    if wanted.port_base is None:
        return found
    moved = msgspec.structs.replace(found, ports=Ports.at(wanted.port_base))
    write_json(path, moved)
    return moved


def _read_identity(path: Path) -> Identity:
    content = path.read_bytes()
    try:
        number = msgspec.json.decode(content, type=dict[str, object]).get("format")
    except msgspec.DecodeError:
        number = None
    if number != FORMAT:
        raise InstallationRefused(
            f"The data folder {path.parent} has format {number}; this version of sendwhen reads format {FORMAT}.",
            remedy="Use the version of sendwhen that wrote it, or choose another folder with --data or SENDWHEN_DATA.",
        )
    try:
        return msgspec.json.decode(content, type=Identity)
    except msgspec.ValidationError as error:
        raise InstallationRefused(f"{path} cannot be understood: {error}.", remedy="Restore the file.") from error


def _check_same(folder: Path, found: Identity, wanted: Wanted) -> None:
    for name, has, asked in (
        ("partitions", found.partitions, wanted.partitions),
        ("clock", found.clock, wanted.clock),
    ):
        if asked is not None and asked != has:
            raise InstallationRefused(
                f"The installation in {folder} was made with --{name} {has} and cannot be run with {asked}.",
                remedy=f"Leave --{name} out, or choose another folder with --data or SENDWHEN_DATA.",
            )


def _secrets(folder: Path) -> Secrets:
    path = folder / "secrets.json"
    if not path.exists():
        made = Secrets.fresh()
        write_json(path, made)
        return made
    return read_secrets(path)


def read_secrets(path: Path) -> Secrets:
    """The keys in ``path``.

    Raises:
        InstallationRefused: The file is not what it should be.
        OSError: It cannot be read.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Secrets)
    except msgspec.DecodeError as error:
        raise InstallationRefused(f"{path} cannot be understood: {error}.", remedy="Restore the file.") from error


def write_json(path: Path, content: object) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    fresh = path.with_suffix(".new")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(content)) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
