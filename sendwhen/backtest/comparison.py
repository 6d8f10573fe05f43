"""Two variants over the same past: who gains an email, who loses one, whose comes at another time or differs."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from enum import Enum
from itertools import zip_longest

import msgspec

from sendwhen.backtest.findings import Sent


class Change(Enum):
    """What became of an email."""

    GAINED = "gained"
    LOST = "lost"
    TIME = "time"
    CONTENT = "content"
    TIME_AND_CONTENT = "time and content"
    SAME = "same"


class Compared(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One email in both variants; ``before`` or ``after`` is None where it is in one alone."""

    change: Change
    before: Sent | None
    after: Sent | None

    def either(self) -> Sent:
        """The new one, or the old one where there is no new one."""
        one = self.after or self.before
        assert one is not None
        return one


def compare(before: Iterable[Sent], after: Iterable[Sent]) -> list[Compared]:
    """Every email of either variant, once, in the order of the new one's time, else of the old one's.

    Emails are the same one when the same run sends them in the same step. What is left is paired by customer, campaign,
    key and template, in the order of time: another event may start the run of what is still the same email to a reader.
    """
    old, new = _by_run(before), _by_run(after)
    compared = [_pair(old.pop(name), new.pop(name)) for name in sorted(old.keys() & new.keys())]
    left, right = _by_reader(old.values()), _by_reader(new.values())
    for name in sorted(left.keys() | right.keys()):
        pairs = zip_longest(sorted(left.get(name, ())), sorted(right.get(name, ())))
        compared += [_pair(one, other) for one, other in pairs]
    return sorted(compared, key=lambda one: (one.either(), one.change.value))


def _pair(before: Sent | None, after: Sent | None) -> Compared:
    if before is None or after is None:
        change = Change.GAINED if before is None else Change.LOST
    else:
        time, content = before.due_at_ms != after.due_at_ms, before.content != after.content
        change = {
            (False, False): Change.SAME,
            (True, False): Change.TIME,
            (False, True): Change.CONTENT,
            (True, True): Change.TIME_AND_CONTENT,
        }[time, content]
    return Compared(change=change, before=before, after=after)


def _by_run(emails: Iterable[Sent]) -> dict[tuple[str, int], Sent]:
    return {(one.run_id, one.step): one for one in emails}


def _by_reader(emails: Iterable[Sent]) -> dict[tuple[str, str, str, str], list[Sent]]:
    found: dict[tuple[str, str, str, str], list[Sent]] = defaultdict(list)
    for one in emails:
        found[one.uid, one.campaign_id, one.key, one.template].append(one)
    return found


def changes(compared: Sequence[Compared]) -> Counter[tuple[str, str]]:
    """(campaign, change) to how many emails."""
    return Counter((one.either().campaign_id, one.change.value) for one in compared)
