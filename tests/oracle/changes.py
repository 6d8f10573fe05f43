"""What is put, edited, paused and archived in an example, as entries of a log."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache, partial
from typing import Any
from zlib import crc32

import msgspec

from sendwhen.campaigns import compile_campaign, compile_policy
from sendwhen.domain.campaign import Campaign
from sendwhen.domain.entry import CampaignArchived, CampaignPaused, CampaignPut, Entry, Tick
from sendwhen.domain.migrate import Migrate
from sendwhen.domain.sending_rules import SENDING_ID, SendingPolicy
from tests.oracle.generating import Example
from tests.oracle.state import CASE
from tests.semantics.campaign_text import campaign_text
from tests.semantics.cases import patched

TEMPLATES = dict.fromkeys(("hello", "second", "third"), "hash")
_POLICY = b"# policy\n"
Line = Mapping[str, Any]
Change = Callable[[int], Entry]
"""Makes the entry that has a number."""


class Said:
    """What campaigns say as an example goes on."""

    def __init__(self, example: Example) -> None:
        self._rules = {CASE: example.rule, **example.beside}
        self._policy, self._t0 = example.policy, example.t0

    def at_first(self) -> Iterator[Change]:
        """What is put before anything happens."""
        if self._policy is not None:
            yield partial(_put_policy, policy=self._policy, at=self._t0)
        for name, rule in self._rules.items():
            yield partial(_put, name=name, rule=rule, at=self._t0)

    def changes(self, line: Line, at: int) -> Iterator[Change]:
        """What a line that is no event changes."""
        name = line.get("campaign", CASE)
        match line["control"]:
            case "tick":
                yield partial(_tick, at=at)
            case "pause" | "resume" as word:
                yield partial(_pause, name=name, at=at, paused=word == "pause")
            case "archive":
                yield partial(_archive, name=name, at=at)
            case "policy":
                yield partial(_put_policy, policy=line["policy"], at=at)
            case "rule_change":
                rule = self._rules[name] = patched(self._rules[name], line["patch"])
                yield partial(_put, name=name, rule=rule, at=at, migrate=line.get("migrate", "finish"))
            case _:
                raise NotImplementedError(line["control"])

    def looked_at(self, line: Line) -> bool:
        """Whether customers who were known before are to be looked at."""
        return line["control"] in ("rule_change", "policy") and any(
            rule["kind"] in ("segment", "date") for rule in self._rules.values()
        )


def _tick(seq: int, *, at: int) -> Tick:
    return Tick(seq=seq, at_ms=at)


def _pause(seq: int, *, name: str, at: int, paused: bool) -> CampaignPaused:
    return CampaignPaused(seq=seq, at_ms=at, campaign_id=name, paused=paused)


def _archive(seq: int, *, name: str, at: int) -> CampaignArchived:
    return CampaignArchived(seq=seq, at_ms=at, campaign_id=name)


def _put(seq: int, *, name: str, rule: Mapping[str, Any], at: int, migrate: str = "finish") -> CampaignPut:
    source = _source(name, msgspec.json.encode(rule).decode())
    campaign = compiled(source)
    assert isinstance(campaign, Campaign)
    return CampaignPut(
        seq=seq, at_ms=at, campaign_id=name, version=campaign.version, source=source, migrate=Migrate(migrate)
    )


def _put_policy(seq: int, *, policy: Mapping[str, Any], at: int) -> CampaignPut:
    source = _POLICY + msgspec.json.encode(policy)
    return CampaignPut(seq=seq, at_ms=at, campaign_id=SENDING_ID, version=f"{crc32(source):x}", source=source)


@lru_cache(maxsize=256)
def _source(name: str, rule: str) -> bytes:
    return campaign_text(name, msgspec.json.decode(rule))


@lru_cache(maxsize=256)
def compiled(source: bytes) -> Campaign | SendingPolicy:
    """What a shard makes of a text."""
    return compile_policy(source) if source.startswith(_POLICY) else compile_campaign(source, TEMPLATES)
