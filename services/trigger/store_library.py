"""The store's functions: the .lua files beside this module as one library, named by a hash of their text.

So releases with different functions live side by side in one store, and a release finds exactly its own. Libraries of
former releases stay (a few KB each): a process of theirs may still run.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

PARTS = ("store_log.lua", "store_commit.lua", "store_review.lua", "store_installation.lua")
"""In the order in which they use each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreLibrary:
    """What FUNCTION LOAD takes, and the names that FCALL takes then."""

    source: str
    append: str
    tick: str
    trim: str
    claim: str
    mark_trying: str
    review: str
    commit: str
    acknowledge_outbox: str
    installation: str
    assign: str


def store_library() -> StoreLibrary:
    """Read and name the library."""
    folder = Path(__file__).parent
    text = "\n".join((folder / part).read_text(encoding="utf-8") for part in PARTS)
    name = "sendwhen_trigger_" + blake2b(text.encode(), digest_size=6).hexdigest()
    source = f"#!lua name={name}\n" + text.replace("NAME_", name + "_")
    return StoreLibrary(
        source=source,
        append=name + "_append",
        tick=name + "_tick",
        trim=name + "_trim",
        claim=name + "_claim",
        review=name + "_review",
        mark_trying=name + "_mark_trying",
        commit=name + "_commit",
        acknowledge_outbox=name + "_acknowledge_outbox",
        installation=name + "_installation",
        assign=name + "_assign",
    )
