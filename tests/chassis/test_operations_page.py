"""The page on operations names metrics, labels and settings that exist."""

from __future__ import annotations

import re
from pathlib import Path

from sendwhen.chassis.metric_list import METRICS

PAGE = (Path(__file__).parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")


def test_every_metric_that_the_page_names_exists() -> None:
    named = {re.sub(r"_(bucket|count|sum)$", "", name) for name in re.findall(r"\bsendwhen_[a-z_]+[a-z]\b", PAGE)}

    assert named >= {"sendwhen_event_to_send_seconds", "sendwhen_log_lag_events"}
    assert named - {"sendwhen_shards"} <= set(METRICS)


def test_every_label_that_an_alarm_uses_exists() -> None:
    used = re.findall(r"(sendwhen_[a-z_]+)\{([a-z]+)=", PAGE)

    assert used
    for name, label in used:
        assert label in METRICS[name].labels  # type: ignore[index]


def test_thresholds_of_the_headline_lie_below_its_last_finite_bucket() -> None:
    [threshold] = re.findall(r"event_to_send_seconds_bucket\[5m\]\)\)\) > (\d+)", PAGE)

    assert float(threshold) < METRICS["sendwhen_event_to_send_seconds"].bounds[-1]
