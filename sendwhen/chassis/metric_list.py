"""Every metric of sendwhen: name, kind, unit, labels, what it means and what to do about it.

``docs/metrics.md`` is generated from this list (``python -m tools.metrics_doc``). No label ever holds an address, a
customer or the id of an event.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sendwhen.chassis.metric import Metric, Name
from sendwhen.chassis.metrics_of_log import LOG_METRICS
from sendwhen.chassis.metrics_of_sender import PROFILE_METRICS, SENDER_METRICS
from sendwhen.chassis.metrics_of_shards import SHARD_METRICS

METRICS: Final[Mapping[Name, Metric]] = {**LOG_METRICS, **SHARD_METRICS, **PROFILE_METRICS, **SENDER_METRICS}
"""All of them."""
