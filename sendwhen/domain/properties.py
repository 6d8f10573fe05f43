"""JSON objects as they come with events: bytes until somebody listens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

_object_decoder = msgspec.json.Decoder(dict[str, Any])
_value_decoder = msgspec.json.Decoder()
_parts_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])


def read_object(encoded: bytes) -> dict[str, Any]:
    """The object. b"" is an empty one.

    Raises:
        msgspec.DecodeError: It is not a JSON object.
    """
    return _object_decoder.decode(encoded) if encoded else {}


# The value; not wrapped, because every attribute of a customer is read for every event that a campaign listens to.
read_value: Final[Callable[[bytes], Any]] = _value_decoder.decode


def read_parts(encoded: bytes) -> dict[str, bytes]:
    """The members of an object, their values still encoded. b"" is an empty one.

    Raises:
        msgspec.DecodeError: It is not a JSON object.
    """
    if not encoded:
        return {}
    return {name: bytes(value) for name, value in _parts_decoder.decode(encoded).items()}
