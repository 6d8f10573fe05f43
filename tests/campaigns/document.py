"""The campaigns of docs/campaigns.md, their cases, and the drawings of these.

A campaign is a block of YAML; a case stands in a comment behind it, ``<!-- case … -->``, and its drawing in the block
behind that. ``python -m tests.campaigns.document`` draws them all anew. What becomes of the emails at sender may stand
behind the drawing, ``<!-- sender … -->``: what the provider answers, in order, and the state of each email in the end.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.campaigns.played_case import drawn, files_of

PATH = Path(__file__).parents[2] / "docs" / "campaigns.md"
_CAMPAIGN = re.compile(
    r"```yaml\n(?P<campaign>.*?)```(?:\n\n<!-- case\n(?P<case>.*?)-->)?"
    r"(?:\n\n```text drawing\n[^`]*```\n)?(?:\n<!-- sender\n(?P<sender>.*?)-->)?",
    re.DOTALL,
)
_DRAWING = re.compile(r"(<!-- case\n(?P<case>.*?)-->\n)(\n```text drawing\n(?P<drawing>.*?)```\n)?", re.DOTALL)


@dataclass(frozen=True)
class Example:
    name: str
    campaign: str
    case: Mapping[str, Any] | None
    sender: Mapping[str, Any] | None = None

    def files(self) -> dict[str, bytes]:
        return files_of(self.campaign)


def examples() -> list[Example]:
    text = PATH.read_text(encoding="utf-8")
    return [
        Example(
            found["campaign"].split("\n")[0],
            found["campaign"],
            _case(found["case"]) if found["case"] else None,
            _case(found["sender"]) if found["sender"] else None,
        )
        for found in _CAMPAIGN.finditer(text)
    ]


def drawings() -> list[tuple[str, str]]:
    """What is drawn, and what would be."""
    text = PATH.read_text(encoding="utf-8")
    return [(found["drawing"] or "", drawn(_case(found["case"])) + "\n") for found in _DRAWING.finditer(text)]


def _case(text: str) -> Mapping[str, Any]:
    found = YAML(typ="safe", pure=True).load(text)
    assert isinstance(found, dict)
    return found


if __name__ == "__main__":
    source = PATH.read_text(encoding="utf-8")
    new = _DRAWING.sub(lambda f: f"{f[1]}\n```text drawing\n{drawn(_case(f['case']))}\n```\n", source)
    PATH.write_text(new, encoding="utf-8")
