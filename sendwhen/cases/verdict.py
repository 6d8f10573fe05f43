"""Compares what a case led to with what it must lead to, and says the difference so that one sees what to mend."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from sendwhen.campaigns.durations import duration_text
from sendwhen.cases.case import Case, Expected
from sendwhen.cases.player import Outcome
from sendwhen.domain.decision import Kind

_AGAINST: Final = frozenset({Kind.SKIPPED, Kind.REFUSED, Kind.CANCELLED})
_MUST_BE_SAID: Final = frozenset({Kind.SKIPPED, Kind.REFUSED})
_WORDS: Final = {
    Kind.ENTERED: "entered",
    Kind.WAITING: "waits",
    Kind.CANCELLED: "the wait ended",
    Kind.SEND: "sends",
    Kind.SKIPPED: "skipped",
    Kind.REFUSED: "did not enter",
    Kind.RESET: "starts anew",
    Kind.FINISHED: "all steps done",
}


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one case.

    Attributes:
        difference: Lines for a person; empty where it passed.
        duration_s: How long it took to play; 0 where nobody looked at a clock.
    """

    case: Case
    difference: tuple[str, ...] = ()
    duration_s: float = 0.0

    @property
    def passed(self) -> bool:
        """All that had to happen did, and no email besides."""
        return not self.difference


def judge(case: Case, outcomes: Sequence[Outcome]) -> Verdict:
    """Compare."""
    left = [one for one in outcomes if one.kind is Kind.SEND or one.kind in _AGAINST]
    missing: list[Expected] = []
    met: list[Outcome] = []
    # Those that name their key choose first, so that one who takes any does not take theirs away.
    for wanted in sorted(case.expect, key=lambda one: one.key is None):
        found = next((one for one in left if _is(one, wanted)), None)
        if found is None:
            missing.append(wanted)
        else:
            left.remove(found)
            met.append(found)
    surplus = [one for one in left if one.kind is Kind.SEND or (case.exact and one.kind in _MUST_BE_SAID)]
    if not missing and not surplus:
        return Verdict(case=case)
    lines = [(one.at_ms, 0, f"- {_expected(one)}") for one in missing]
    lines += [(one.at_ms, 1, f"+ {_outcome(one)}") for one in surplus]
    lines += [(one.at_ms, 2, f"  {_outcome(one)}") for one in met]
    concerned = {one.who for one in missing} | {one.who for one in surplus}
    difference = [
        "expected (-) and what happened instead (+):",
        *(f"  {text}" for _, _, text in sorted(lines)),
        *_course(outcome for outcome in outcomes if outcome.who in concerned),
    ]
    return Verdict(case=case, difference=tuple(difference))


def _is(one: Outcome, wanted: Expected) -> bool:
    if (one.at_ms, one.who) != (wanted.at_ms, wanted.who) or wanted.key not in (None, one.key):
        return False
    if wanted.template:
        return one.kind is Kind.SEND and one.template == wanted.template
    return one.kind in _AGAINST and one.reason == wanted.reason


def _expected(one: Expected) -> str:
    what = f"send {one.template}" if one.template else f"skip {one.reason}"
    return f"{_time(one.at_ms):>9}  {one.who}  {what}{_key(one.key)}"


def _outcome(one: Outcome) -> str:
    what = f"send {one.template}" if one.kind is Kind.SEND else f"skip {one.reason}"
    return f"{_time(one.at_ms):>9}  {one.who}  {what}{_key(one.key)}"


def _course(outcomes: Iterable[Outcome]) -> list[str]:
    lines = []
    for one in outcomes:
        until = f" until {_time(one.at_ms)}" if one.kind in (Kind.WAITING, Kind.RESET) else ""
        about = one.template or one.reason
        detail = f" ({one.detail})" if one.detail else ""
        words = f"{_WORDS[one.kind]}{until}{f' {about}' if about else ''}{_key(one.key)}{detail}"
        lines.append(f"  {_time(one.seen_at_ms):>11}  {one.who}  {words}")
    return ["what the campaign decided:", *(lines or ["             nothing: no event of the timeline concerns it"])]


def _key(key: str | None) -> str:
    return f" key {key}" if key else ""


def _time(ms: int) -> str:
    return f"-{duration_text(-ms)}" if ms < 0 else duration_text(ms)
