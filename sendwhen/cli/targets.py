"""Where the services are and which keys open them: from the environment, else from an installation's data folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from sendwhen.errors import Precondition

DATA_DEFAULT = Path("var/sendwhen")
HOST = "127.0.0.1"

VARIABLES = {
    "ingest": "SENDWHEN_INGEST",
    "trigger": "SENDWHEN_TRIGGER",
    "sender": "SENDWHEN_SENDER",
    "inbox": "SENDWHEN_INBOX",
    "write_key": "SENDWHEN_WRITE_KEY",
    "admin_key": "SENDWHEN_ADMIN_KEY",
}


class NoInstallation(Precondition):
    """Nothing says where sendwhen runs."""


class Targets(msgspec.Struct, frozen=True, kw_only=True):
    """What a command needs to reach an installation.

    Attributes:
        ingest, trigger, sender, inbox: Addresses, "host:port".
        write_key: For events.
        admin_key: For everything else.
        data: The data folder; exists only where the installation runs on this machine.
    """

    ingest: str
    trigger: str
    sender: str
    inbox: str
    write_key: str
    admin_key: str
    data: Path


class _Ports(msgspec.Struct):
    ingest: int
    trigger: int
    sender: int
    inbox: int


class _Installation(msgspec.Struct):
    ports: _Ports


class _Secrets(msgspec.Struct):
    write_key: str
    admin_key: str


def data_folder(environ: Mapping[str, str], given: Path | None) -> Path:
    """The data folder meant: ``given``, else SENDWHEN_DATA, else var/sendwhen under the current directory."""
    return (given or Path(environ.get("SENDWHEN_DATA") or DATA_DEFAULT)).absolute()


def read_targets(environ: Mapping[str, str], data: Path) -> Targets:
    """Find the installation.

    Raises:
        NoInstallation: Neither the environment nor the data folder tells all that is needed.
    """
    found: dict[str, str]
    try:
        installation = msgspec.json.decode((data / "installation.json").read_bytes(), type=_Installation)
        keys = msgspec.json.decode((data / "secrets.json").read_bytes(), type=_Secrets)
    except FileNotFoundError:
        found = {}  # none here: the environment may tell all that is needed, or what is missing is told below
    except (OSError, msgspec.DecodeError) as error:
        raise NoInstallation(f"The installation in {data} cannot be read: {error}.", remedy="Check --data.") from error
    else:
        found = {name: f"{HOST}:{port}" for name, port in msgspec.structs.asdict(installation.ports).items()}
        found |= msgspec.structs.asdict(keys)
    found |= {name: environ[variable] for name, variable in VARIABLES.items() if environ.get(variable)}
    missing = [variable for name, variable in VARIABLES.items() if name not in found]
    if missing:
        raise NoInstallation(
            f"There is no installation in {data}.",
            remedy=f"Start one with `sendwhen up`, name its folder with --data, or set {', '.join(missing)}.",
        )
    return Targets(**found, data=data)
