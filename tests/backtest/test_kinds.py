"""What a backtest leaves out makes no difference, whatever the kind of the campaign."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from sendwhen.backtest.interest import names_of
from sendwhen.backtest.run import Plan, run_backtest
from sendwhen.backtest.variant import campaign_of
from sendwhen.backtest.workers import OwnProcess
from tests.backtest.pasts import a_past, a_variant, archived, decided_plainly
from tests.builders import T0_MS

TRIGGERS = {
    "match": "match: {event: Order Completed, where: event.properties.price > 5}",
    "sequence": (
        "sequence: {steps: [{event: Product Viewed}, {not: {event: Page Viewed}}, {event: Product Added}], within: 1d}"
    ),
    "sequence of two": "sequence: {steps: [{event: Product Added, times: 2}, {event: Order Completed}], within: 3d}",
    "absence": (
        "absence: {start: {event: Product Added}, unless: [{event: Order Completed}], for: 5h, repeat: {at_most: 3}}"
    ),
    "quiet_then": "quiet_then: {quiet_of: {event: Order Completed}, for: 20h, then: {event: Product Viewed}}",
    "count": "count: {of: {event: Product Viewed}, at_least: 2, sliding: 20h}",
    "sum": (
        "sum: {of: {event: Order Completed}, value: event.properties.price, at_least: 40, tumbling: 1d, fire: consume}"
    ),
    "nth": "nth: {of: {event: Order Completed}, ordinal: 3}",
    "recency": "recency: {of: {event: Order Completed}, for: 2d}",
    "session_end": "session_end: {of: {event: Product Viewed}, gap: 6h}",
    "attribute_change": "attribute_change: {attribute: plan, to: pro}",
    "segment": (
        "segment: {enter: {all: ['customer.plan == \"pro\"', {event: Product Viewed, at_least: 2, within_last: 3d}]}}"
    ),
}
MORE = {
    "plain": "",
    "guard": "guard: {any: ['customer.plan == \"free\"', {event: Product Viewed, at_least: 1, within_last: 20h}]}\n",
    "exits": "exit_on: [{event: Page Viewed, where: event.properties.price > 20}]\n",
}
GRACE = "event_time: {grace: 1h}\n"
STEPS = "steps: [{send: reminder}, {wait: 7h}, {send: last-call}]\nsend: {category: transactional}\n"


def a_text(trigger: str, more: str) -> str:
    return f"campaign: c\ntrigger:\n  {trigger}\n{more}{STEPS}"


CASES = [
    *(pytest.param(a_text(trigger, ""), id=name) for name, trigger in TRIGGERS.items()),
    *(pytest.param(a_text(TRIGGERS["count"], more), id=f"count, {name}") for name, more in MORE.items()),
    *(pytest.param(a_text(TRIGGERS["absence"], more), id=f"absence, {name}") for name, more in MORE.items()),
]


@pytest.mark.parametrize("text", CASES)
@pytest.mark.parametrize("seed", [3, 14])
def test_a_backtest_of_any_kind_finds_what_the_shard_decides_with_every_event(
    tmp_path: Path, text: str, seed: int
) -> None:
    past, variant = a_past(seed=seed, entries=500, customers=20), a_variant(text)
    to_ms = past[-1].at_ms + 1
    wanted = decided_plainly(past, variant, from_ms=T0_MS, to_ms=to_ms, skips=frozenset())

    plan = Plan(location=archived(tmp_path / "archive", past), variant=variant, from_ms=T0_MS)
    run_backtest(plan, OwnProcess(), tmp_path / "out", lambda _: None)

    with (tmp_path / "out" / "emails.csv").open(newline="", encoding="utf-8") as file:
        found = [(row["at_ms"], row["uid"], row["step"], row["run_id"], row["content"]) for row in csv.DictReader(file)]
    # Emails of one customer at one instant have no order that matters.
    assert sorted(found) == sorted((str(s.due_at_ms), s.uid, str(s.step), s.run_id, s.content) for s in wanted)
    assert wanted


@pytest.mark.parametrize("trigger", ["count", "absence", "sequence"])
def test_on_event_time_too_others_do_not_matter(tmp_path: Path, trigger: str) -> None:
    past, variant = a_past(seed=3, entries=500, customers=40), a_variant(a_text(TRIGGERS[trigger], GRACE))
    location = archived(tmp_path / "archive", past)

    run_backtest(Plan(location=location, variant=variant), OwnProcess(), tmp_path / "all", lambda _: None)
    run_backtest(Plan(location=location, variant=variant, share=0.3), OwnProcess(), tmp_path / "some", lambda _: None)

    of_all, of_some = ((tmp_path / name / "emails.csv").read_text().splitlines() for name in ("all", "some"))
    people = {line.split(",")[2] for line in of_some}
    assert of_some == [line for line in of_all if line.split(",")[2] in people]
    assert len(of_some) > 3


def test_events_that_no_campaign_names_are_left_out_where_only_named_ones_can_move_it() -> None:
    def names(text: str) -> frozenset[str] | None:
        return names_of([campaign_of(put.source) for put in a_variant(text).puts])

    assert names(a_text(TRIGGERS["nth"], "")) == {"Order Completed"}
    assert names(a_text(TRIGGERS["sequence"], MORE["exits"])) == {"Product Viewed", "Page Viewed", "Product Added"}
    assert names(a_text(TRIGGERS["quiet_then"], "")) is None
    assert names(a_text(TRIGGERS["segment"], "")) is None
    assert names(a_text(TRIGGERS["count"], GRACE)) is None
    assert names(a_text(TRIGGERS["match"], "guard: customer.cart != null\n")) is None
