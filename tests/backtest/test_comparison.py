"""Two variants over the same past."""

from __future__ import annotations

import msgspec

from sendwhen.backtest.comparison import Change, changes, compare
from sendwhen.backtest.findings import Sent


def a_sent(uid: str = "ada", *, run: str = "r1", due_at_ms: int = 100, **more: object) -> Sent:
    sent = Sent(
        due_at_ms=due_at_ms, campaign_id="cart", uid=uid, key="", step=0, template="reminder", run_id=run,
        content="c", reason="",
    )  # fmt: skip
    return msgspec.structs.replace(sent, **more)


def kinds(before: list[Sent], after: list[Sent]) -> list[tuple[str, Change]]:
    return [(one.either().uid, one.change) for one in compare(before, after)]


def test_the_same_run_and_step_is_the_same_email() -> None:
    before = [a_sent(run="r1"), a_sent(run="r2", due_at_ms=200), a_sent(run="r3", due_at_ms=300)]
    after = [a_sent(run="r1"), a_sent(run="r2", due_at_ms=250), a_sent(run="r3", due_at_ms=300, content="d")]

    assert [change for _, change in kinds(before, after)] == [Change.SAME, Change.TIME, Change.CONTENT]


def test_who_gets_one_more_gains_and_who_gets_one_less_loses() -> None:
    assert kinds([a_sent("ada")], [a_sent("bob", run="r2")]) == [("ada", Change.LOST), ("bob", Change.GAINED)]


def test_an_email_that_another_event_starts_is_still_the_readers_email() -> None:
    before = [a_sent(run="r1", due_at_ms=100), a_sent(run="r2", due_at_ms=900)]
    after = [a_sent(run="r7", due_at_ms=160)]

    assert kinds(before, after) == [("ada", Change.TIME), ("ada", Change.LOST)]


def test_other_templates_and_keys_are_other_emails() -> None:
    before = [a_sent(template="reminder"), a_sent(key="k1", run="r2")]
    after = [a_sent(template="offer", run="r7"), a_sent(key="k2", run="r8")]

    counts = changes(compare(before, after))

    assert counts == {("cart", "gained"): 2, ("cart", "lost"): 2}


def test_both_at_once_is_said() -> None:
    assert kinds([a_sent(content="c")], [a_sent(content="d", due_at_ms=101)]) == [("ada", Change.TIME_AND_CONTENT)]
