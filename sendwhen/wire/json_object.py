"""Whether bytes are a JSON object that everything behind ingest can read."""

from __future__ import annotations

import math
from typing import Any, Final

import msgspec

DEPTH_MAX: Final = 32
_INT_MIN: Final = -(2**63)
_INT_MAX: Final = 2**63 - 1

_FINITE: Final = "Send numbers that a 64-bit float can hold."

_SURROGATE: Final = "Send text without lone surrogates (\\ud800 to \\udfff that are not a pair)."
_TOO_DEEP: Final = f"Send objects and arrays nested at most {DEPTH_MAX} deep."

_decode: Final = msgspec.json.Decoder(dict[str, object]).decode


def complaint_about(text: bytes) -> str:
    """What to send instead of ``text``; "" where it is fine. Empty stands for {}."""
    if not text:
        return ""
    try:
        found = _decode(text)
    except (ValueError, RecursionError) as error:
        return _complaint_about_text(error)
    if text.isascii() and b"\\u" not in text and all(map(_is_plain, found.values())):
        return ""
    return _complaint_about_values(found)


def _complaint_about_text(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return _TOO_DEEP
    if not isinstance(error, msgspec.ValidationError):  # no JSON, no UTF-8, or a number of thousands of digits
        return f"Send a JSON object in UTF-8; this one cannot be read: {_bounded(error)}."
    return _FINITE if "out of range" in str(error) else 'Send a JSON object, such as {"price": 12.5}.'


def _is_plain(value: object) -> bool:
    """Nothing can be wrong with it, where no text can hold surrogates: nearly all values there are."""
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return True
    if kind is int:
        return _INT_MIN <= value <= _INT_MAX  # type: ignore[operator]  # kind says that it is one
    return kind is float and math.isfinite(value)  # type: ignore[arg-type]  # likewise


def _complaint_about_values(found: dict[str, object]) -> str:
    # Without recursion: what a client nests must not decide how deep our stack is.
    level: list[Any] = [found]
    for _ in range(DEPTH_MAX):
        deeper: list[Any] = []
        for container in level:
            values = container
            if type(container) is dict:
                values = container.values()
                if not all(map(_encodable, container)):
                    return _SURROGATE
            for value in values:
                if type(value) is dict or type(value) is list:
                    deeper.append(value)
                elif complaint := _complaint_about_value(value):
                    return complaint
        if not deeper:
            return ""
        level = deeper
    return _TOO_DEEP


def _complaint_about_value(value: object) -> str:
    if isinstance(value, str):
        return "" if _encodable(value) else _SURROGATE
    if isinstance(value, float):
        return "" if math.isfinite(value) else _FINITE
    if isinstance(value, int):
        return "" if _INT_MIN <= value <= _INT_MAX else "Send whole numbers within 64 bits; longer ones as strings."
    return ""


def _encodable(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _bounded(error: Exception) -> str:
    return str(error)[:120].rstrip(".")
