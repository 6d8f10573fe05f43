"""The real data sets as files of sendwhen events, and what is known of them."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """How many emails a campaign must have sent once the clock stands at an instant.

    Attributes:
        name: As printed.
        campaign: Folder in examples/real.
        after_last_ms: How far behind the last event.
        emails: How many.
    """

    name: str
    campaign: str
    after_last_ms: int
    emails: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSet:
    """A set.

    Attributes:
        name: As printed.
        source: Its file within the folder of all sets.
        answers: What must come out, in ascending order of the instant.
    """

    name: str
    source: str
    answers: tuple[Answer, ...]

    def write(self, folder: Path, target: Path) -> int:
        """Write the set as one event a line; the time of its last event in milliseconds."""
        last_ms = 0
        with target.open("w", encoding="utf-8") as file:
            for event in _READERS[self.name](folder / self.source):
                last_ms = max(last_ms, int(str(event["occurred_at_ms"])))
                file.write(json.dumps(event) + "\n")
        return last_ms


def _otto(path: Path) -> Iterator[dict[str, object]]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            session = json.loads(line)
            customer = f"otto-{session['session']}"
            for index, event in enumerate(session["events"]):
                yield _event(f"{customer}-{index}", event["type"], customer, event["ts"], {"aid": event["aid"]})


def _uci(path: Path) -> Iterator[dict[str, object]]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["customer_id"] and row["is_cancellation"] == "0":
                moment = datetime.fromisoformat(row["invoice_ts"]).replace(tzinfo=UTC)
                properties = {"order_id": row["invoice_no"], "total": float(row["amount_gbp"])}
                at_ms = round(moment.timestamp() * 1000)
                yield _event(row["invoice_no"], "Order Completed", f"uci-{row['customer_id']}", at_ms, properties)


def _event(event_id: str, name: str, customer: str, at_ms: int, properties: dict[str, object]) -> dict[str, object]:
    return {
        "event_id": event_id,
        "name": name,
        "user_id": customer,
        "email": f"{customer}@example.invalid",
        "occurred_at_ms": at_ms,
        "properties": properties,
    }


_READERS = {"otto": _otto, "uci": _uci}

SETS = (
    DataSet(
        name="otto",
        source="otto_sample/train_sample.jsonl",
        answers=(Answer(name="abandoned_cart_1h", campaign="abandoned_cart_1h", after_last_ms=DAY_MS, emails=17),),
    ),
    DataSet(
        name="uci",
        source="uci_online_retail/invoices.csv.gz",
        answers=(
            Answer(name="lapsed_30d", campaign="lapsed_30d", after_last_ms=0, emails=8_559),
            Answer(name="lapsed_30d_all", campaign="lapsed_30d", after_last_ms=31 * DAY_MS, emails=10_208),
            Answer(name="first_order", campaign="first_order", after_last_ms=31 * DAY_MS, emails=4_339),
            Answer(name="third_order", campaign="third_order", after_last_ms=31 * DAY_MS, emails=2_010),
        ),
    ),
)
