"""Writes docs/metrics.md from the list of metrics: `python -m tools.metrics_doc`. A test fails when it is stale."""

from __future__ import annotations

from pathlib import Path

from sendwhen.chassis.metric import Metric
from sendwhen.chassis.metric_list import METRICS

PAGE = Path(__file__).parents[1] / "docs" / "metrics.md"

_HEAD = """\
# Metrics

Every process serves its metrics as OpenMetrics text at `/metrics` of its metrics address (7411 ingest, 7412 trigger,
7413 profile, 7414 sender; shard n at `SENDWHEN_TRIGGER_SHARD_METRICS_LISTEN` plus n). This page is generated from
`sendwhen/chassis/metric_list.py` by `python -m tools.metrics_doc`. Which of them deserve an alarm is in
[operations.md](operations.md).

No label holds an address, a customer or the id of an event. A metric keeps at most 1,000 series; what comes beyond is
summed up under the label value `_other` and counted in `sendwhen_metric_series_refused_total`.
"""


def render() -> str:
    """The whole page."""
    return _HEAD + "".join(_section(name, metric) for name, metric in METRICS.items())


def _section(name: str, metric: Metric) -> str:
    labels = f", labels {', '.join(f'`{label}`' for label in metric.labels)}" if metric.labels else ""
    unit = f" of {metric.unit}" if metric.unit else ""
    buckets = f"\nBuckets up to: {', '.join(f'{bound:g}' for bound in metric.bounds)}.\n" if metric.bounds else ""
    return (
        f"\n## `{name}`\n\n{metric.kind.capitalize()}{unit}{labels}; from {metric.of}.\n\n{metric.meaning}\n{buckets}\n"
        f"**What to do:** {metric.remedy}\n"
    )


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
    print(f"{PAGE.name} written.")
