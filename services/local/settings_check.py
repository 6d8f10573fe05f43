"""Settings of all services, looked at before anything is started: what is wrong is said at once, in a sentence each."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Final

from sendwhen.chassis.settings import InvalidSettings, read_settings
from sendwhen.errors import Precondition
from services.ingest.settings import Settings as IngestSettings
from services.profile.settings import Settings as ProfileSettings
from services.sender.settings import SenderSettings
from services.trigger.settings import Settings as TriggerSettings
from services.trigger.shard_settings import ShardSettings

_KINDS: Final[Mapping[str, tuple[type, ...]]] = MappingProxyType(
    {
        "ingest": (IngestSettings,),
        "trigger": (TriggerSettings, ShardSettings),
        "profile": (ProfileSettings,),
        "sender": (SenderSettings,),
    }
)
_OF_COMMANDS: Final = (
    "SENDWHEN_DATA", "SENDWHEN_INGEST", "SENDWHEN_TRIGGER", "SENDWHEN_SENDER", "SENDWHEN_INBOX", "SENDWHEN_WRITE_KEY",
    "SENDWHEN_ADMIN_KEY",
)  # fmt: skip


def check_settings(environs: Mapping[str, Mapping[str, str]]) -> None:
    """Read every service's settings as it will.

    Args:
        environs: By service, the environment that its process will have.

    Raises:
        Precondition: Some cannot be read, or do not go together.
    """
    complaints: dict[str, None] = {}
    remedy = ""
    for service, environ in environs.items():
        for kind in _KINDS[service]:
            try:
                read_settings(kind, environ, prefix=_prefix(service))
            except InvalidSettings as error:
                complaints[error.problem] = None
                remedy = error.remedy
    if complaints:
        raise Precondition(" ".join(complaints), remedy=remedy)


def strangers(environ: Mapping[str, str]) -> Iterator[str]:
    """A sentence for each variable that looks like a setting and is none."""
    known = {
        _prefix(service) + field.name.upper()
        for service, kinds in _KINDS.items()
        for kind in kinds
        for field in dataclasses.fields(kind)
    }
    for name in sorted(environ):
        plain = name.removesuffix("_FILE")
        if not name.startswith("SENDWHEN_") or plain in known or name in _OF_COMMANDS:
            continue
        close = get_close_matches(plain, [*sorted(known), *_OF_COMMANDS], n=1, cutoff=0.85)
        meant = f" Write {close[0]} if that is meant." if close else ""
        yield f"{name} is no setting and does nothing.{meant}"


def _prefix(service: str) -> str:
    return f"SENDWHEN_{service.upper()}_"
