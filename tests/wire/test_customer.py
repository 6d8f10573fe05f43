from __future__ import annotations

import msgspec

from sendwhen.domain.customer import Customer, Field
from sendwhen.domain.run import TRIGGER_PHASE, Run, StartEvent
from sendwhen.v1 import customer_pb2, decision_pb2
from sendwhen.wire.customer import customer_message, waiting_message


def test_a_customer_is_told_with_time_and_source_of_every_field_but_not_what_was_removed() -> None:
    customer = Customer(
        uid="a" * 24,
        user_id="u",
        anonymous_ids=("x", "y"),
        email="ada@example.com",
        fields={"plan": Field(b'"pro"', 5, 6, "grpc"), "gone": Field(b"", 7, 8, "grpc")},
        seq=9,
        changed_at_ms=10,
        first_seen_at_ms=1,
        last_seen_at_ms=10,
    )
    message = customer_message(customer, partition=3)
    facts = msgspec.json.decode(message.facts_json)
    assert facts["first_seen"] == "1970-01-01T00:00:00.001Z"
    assert facts["cart"] == {"lines": [], "value": 0, "currency": None}
    message.ClearField("facts_json")
    assert message == customer_pb2.Customer(
        uid="a" * 24,
        user_id="u",
        anonymous_ids=["x", "y"],
        email="ada@example.com",
        fields={"plan": customer_pb2.Field(value_json=b'"pro"', occurred_at_ms=5, seq=6, source="grpc")},
        partition=3,
        seq=9,
        changed_at_ms=10,
        first_seen_at_ms=1,
        last_seen_at_ms=10,
    )


def test_an_open_run_is_told_as_a_wait_until_its_deadline() -> None:
    run = Run("r", "reminder", "v", "sku", 5, TRIGGER_PHASE, 99, (1, 2), StartEvent("e", "A", 4, b"{}", "", 0))
    message = waiting_message(run)
    assert message.kind == decision_pb2.Decision.KIND_WAITING
    assert (message.run_id, message.key, message.due_at_ms, message.event_id) == ("r", "sku", 99, "e")
