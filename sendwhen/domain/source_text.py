"""A part of a campaign as text, by which two of them can be compared."""

from __future__ import annotations

from enum import Enum
from typing import Any

import msgspec

from sendwhen.domain.condition import Condition, Expression


def written(part: Any) -> str:
    """The same text for parts that say the same; compiled conditions count by what was written."""
    if isinstance(part, Condition | Expression):
        return repr(part.source)
    if isinstance(part, msgspec.Struct):
        inside = ", ".join(f"{name}={written(getattr(part, name))}" for name in part.__struct_fields__)
        return f"{type(part).__name__}({inside})"
    if isinstance(part, tuple):
        return f"({', '.join(map(written, part))})"
    return str(part) if isinstance(part, Enum) else repr(part)
