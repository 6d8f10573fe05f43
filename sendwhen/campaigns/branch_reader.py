"""Reads steps that divide: branches by what holds, splits by chance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from msgspec.structs import replace
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from sendwhen.campaigns.filter_reader import AT_FIRE_TIME
from sendwhen.campaigns.language_table import MAPS
from sendwhen.campaigns.problem import shortened
from sendwhen.campaigns.when_reader import WhenReader
from sendwhen.campaigns.words import Reader
from sendwhen.domain.predicate import When
from sendwhen.domain.steps import Arm, BranchStep, GoToStep, Share, SplitStep, Step

BRANCHES_DEEP_LIMIT = 5
"""Branches and splits within one another."""
ARMS_LIMIT = 10
"""Ways of one branch or split."""
_BRANCH = "[{if: customer.plan == 'pro', then: [{send: pro}]}, {else: [{send: basic}]}]"
_SPLIT = "[{share: 50, name: a, then: [{send: a}]}, {share: 50, name: b, then: [{send: b}]}]"


class Steps(Protocol):
    """Reads the steps of the ways."""

    flat: list[Step]
    splits: Counter[str]

    def read_list(self, node: Node, what: str, depth: int) -> None:
        """Add a list of steps to ``flat``."""
        ...


@dataclass(frozen=True, slots=True)
class BranchReader:
    """Reads ``branch`` and ``split`` of one document.

    Attributes:
        steps: Where they go. whens: reads conditions. words: collects the problems.
    """

    steps: Steps
    whens: WhenReader
    words: Reader

    def branch(self, node: Node, depth: int) -> None:
        """Add the branch and the steps of its ways."""
        ways = self._ways(node, "'branch'", _BRANCH, depth)
        flat, at, ends = self.steps.flat, len(self.steps.flat), list[int]()
        flat.append(GoToStep(go_to=0))
        arms: list[Arm] = []
        otherwise: int | None = None
        for number, way in enumerate(ways):
            entries, last = self._way(way, number, len(ways)), number == len(ways) - 1
            go_to = len(flat)
            if "else" in entries:
                otherwise = go_to
                self._steps(entries["else"], "'else'", ends, depth, last=last)
            elif "then" in entries:
                when = self._when(entries)
                if when is not None:
                    arms.append(Arm(when=when, go_to=go_to))
                self._steps(entries["then"], "'then'", ends, depth, last=last)
        self._close(ends)
        flat[at] = BranchStep(arms=tuple(arms), otherwise=len(flat) if otherwise is None else otherwise)

    def _when(self, entries: Mapping[str, Node]) -> When | None:
        return self.whens.read(entries.get("if"), AT_FIRE_TIME)

    def _way(self, node: Node, number: int, ways: int) -> Mapping[str, Node]:
        if isinstance(node, MappingNode) and any(key.value == "else" for key, _ in node.value):
            entries = self.words.words_of(node, MAPS["way_else"])
            if number != ways - 1 or number == 0:
                self.words.refuse(node, "'else' comes after the ways with 'if'", "Make it the last of at least two.")
            return entries
        return self.words.words_of(node, MAPS["way"])

    def split(self, node: Node, depth: int) -> None:
        """Add the split and the steps of its shares."""
        ways = self._ways(node, "'split'", _SPLIT, depth)
        flat, at, ends = self.steps.flat, len(self.steps.flat), list[int]()
        flat.append(GoToStep(go_to=0))
        shares: list[Share] = []
        read = [self.words.words_of(way, MAPS["share"]) for way in ways]
        for entries in read:
            percent = self.words.percent(entries.get("share"), "share")
            name = self.words.text(entries.get("name"), "name", "a")
            if name is not None and any(name == share.name for share in shares):
                self.words.refuse(entries["name"], f"There are two shares '{shortened(name)}'", "Rename one of them.")
            shares.append(Share(name=name or "", percent=percent or 0, go_to=0))
        # Named by its shares, so that changes elsewhere in the campaign do not shuffle the customers; of several of one
        # name the first keeps it, and a split within its shares comes after it.
        of_shares = "/".join(share.name for share in shares)
        self.steps.splits[of_shares] += 1
        count = self.steps.splits[of_shares]
        for number, entries in enumerate(read):
            shares[number] = replace(shares[number], go_to=len(flat))
            if "then" in entries:
                self._steps(entries["then"], "'then'", ends, depth, last=number == len(ways) - 1)
            elif number < len(ways) - 1:
                ends.append(len(flat))
                flat.append(GoToStep(go_to=0))
        self._close(ends)
        whole = sum(share.percent for share in shares)
        if ways and all(share.percent for share in shares) and (whole != 100 or len(shares) == 1):
            self.words.refuse(node, f"The shares make {whole} together", "Change them so that they make 100.")
        name = of_shares if count == 1 else f"{of_shares} ({count})"
        flat[at] = SplitStep(name=name, shares=tuple(shares))

    def _ways(self, node: Node, what: str, example: str, depth: int) -> Sequence[Node]:
        if depth >= BRANCHES_DEEP_LIMIT:
            self.words.refuse(
                node,
                f"Branches and splits are nested more than {BRANCHES_DEEP_LIMIT} deep",
                "Write it flatter, or make it several campaigns.",
            )
            return ()
        ways = self.words.list(node, what, example)
        if len(ways) > ARMS_LIMIT:
            self.words.refuse(ways[ARMS_LIMIT], f"{what} has more than {ARMS_LIMIT} ways", "Leave some out.")
        elif isinstance(node, SequenceNode) and not ways:
            self.words.refuse(node, f"{what} has no ways", f"Write {example}.")
        return ways[:ARMS_LIMIT]

    def _steps(self, node: Node, what: str, ends: list[int], depth: int, *, last: bool) -> None:
        self.steps.read_list(node, what, depth + 1)
        if not last:
            ends.append(len(self.steps.flat))
            self.steps.flat.append(GoToStep(go_to=0))

    def _close(self, ends: Sequence[int]) -> None:
        for end in ends:
            self.steps.flat[end] = GoToStep(go_to=len(self.steps.flat))
