"""What a template sees of a customer whom profile knows."""

from __future__ import annotations

from sendwhen.domain.customer import Customer, Field
from sendwhen.wire.customer import customer_message
from services.sender.grpc_profiles import root_of


def test_attributes_facts_and_identities_are_there_and_facts_win_over_attributes() -> None:
    fields = {"plan": Field(b'"pro"', 1, 1, "test"), "cart": Field(b"5", 1, 1, "test")}
    customer = Customer("u", user_id="ada", email="ada@example.invalid", fields=fields, first_seen_at_ms=1_000)

    root = root_of(customer_message(customer, partition=0))

    assert root["plan"] == "pro"
    assert root["cart"] == {"lines": [], "value": 0, "currency": None}
    assert root["first_seen"] == "1970-01-01T00:00:01Z"
    assert root["email"] == "ada@example.invalid"
