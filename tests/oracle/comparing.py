"""Compares what the oracle says of an example with what the production domain does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO

from ruamel.yaml import YAML

from tests.oracle.areas import AREAS
from tests.oracle.choices import Choices
from tests.oracle.evaluator import firings
from tests.oracle.generating import Example
from tests.oracle.production import Broken, played
from tests.oracle.state import Firing

HISTORIES = 5
"""Histories for each rule: reading a campaign costs more than playing it."""
BYTES = 640
Shown = tuple[object, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """An example on which the two do not agree."""

    example: Example
    said: Sequence[Firing]
    played: Sequence[Firing]
    raised: str = ""

    def told(self) -> str:
        """As a neutral case, with both lists of firings."""
        example = self.example
        case = {
            "rule": dict(example.rule),
            "beside": dict(example.beside),
            "policy": example.policy,
            "timeline": [dict(line) for line in example.timeline],
        }
        text = StringIO()
        yaml = YAML(typ="safe", pure=True)
        yaml.default_flow_style = None
        yaml.width = 1_000
        yaml.sort_base_mapping_type_on_output = False
        yaml.representer.ignore_aliases = lambda _: True
        yaml.dump(case, text)
        how = f"batched: {example.batched}, a new shard after every {example.restored} entries (0: never), "
        how += f"partitions: {example.partitions} (0: no identities), t0: {example.t0}"
        how += ", late looks" if example.late_looks else ""
        lists = (("the oracle says", self.said), ("the domain fires", self.played))
        told = [f"{name}\n" + "".join(f"  {one}\n" for one in some or ("nothing",)) for name, some in lists]
        return f"{text.getvalue()}{how}\n{''.join(told)}{self.raised}"


def difference(area: str, data: bytes) -> tuple[Difference | None, int]:
    """The first difference among the examples that the bytes make, and how many examples were compared."""
    compared = 0
    for example in AREAS[area](Choices(data), HISTORIES):
        compared += 1
        found = compare(example)
        if found is not None:
            return found, compared
    return None, compared


def compare(example: Example) -> Difference | None:
    """How the two differ on an example."""
    said = firings(
        example.rule,
        example.timeline,
        t0=example.t0,
        beside=example.beside,
        policy=example.policy,
        reasons=example.reasons,
    )
    try:
        fired = played(example)
    except Broken as broken:
        return Difference(example=example, said=said, played=(), raised=str(broken))
    if _comparable(example, said) == _comparable(example, fired):
        return None
    return Difference(example=example, said=said, played=fired)


def _comparable(example: Example, fired: Sequence[Firing]) -> list[Shown]:
    shown = [
        (
            0 if example.late_looks else one.seen_at,
            one.at,
            one.who,
            one.start,
            one.key,
            one.email,
            one.value,
            one.campaign,
            one.word,
        )
        for one in fired
    ]
    # When a look at the customer was armed is a matter of the engine: at one instant these are in any order.
    # Partitions know no order among each other.
    several = example.partitions > 0 or bool(example.beside) or example.late_looks
    unordered = several or example.rule["kind"] in ("segment", "date") or "'until'" in repr(example.rule)
    return sorted(shown, key=repr) if unordered else list(shown)
