"""Tables of plain lines: no terminal folds or cuts them, and they can be read from a file or a pipe too."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from rich.markup import escape

GAP: Final = 2


def table_lines(
    names: Sequence[str],
    rows: Sequence[Mapping[str, str]],
    *,
    right: Collection[str] = (),
    styles: Mapping[str, str] | None = None,
) -> list[str]:
    """A heading and a line for each row, as rich's markup.

    Args:
        names: The columns that are shown, in this order.
        rows: Their values by name; others are left out.
        right: Columns that are aligned to the right.
        styles: How a value looks wherever it stands, such as {"paused": "yellow"}.
    """
    widths = table_widths(names, rows)
    lines = []
    for row in ({name: name for name in names}, *rows):
        cells = []
        for name in names:
            text = f"{row[name]:>{widths[name]}}" if name in right else f"{row[name]:<{widths[name]}}"
            style = "" if row[name] == name else (styles or {}).get(row[name], "")
            cells.append(f"[{style}]{escape(text)}[/]" if style else escape(text))
        lines.append((" " * GAP).join(cells).rstrip())
    return lines


def table_widths(names: Sequence[str], rows: Sequence[Mapping[str, str]]) -> dict[str, int]:
    """How wide each column is."""
    return {name: max(len(name), *(len(row[name]) for row in rows), 0) for name in names}
