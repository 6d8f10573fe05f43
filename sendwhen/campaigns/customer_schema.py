"""What is known of every customer without anybody declaring it: names and types of ``customer.…``.

The one table of these names: conditions and templates are checked against it, and what derives the facts from events
writes them under these names.
"""

from __future__ import annotations

from collections.abc import Mapping

from sendwhen.campaigns.shapes import Shape, shapes_of

IDENTITY: Mapping[str, Shape] = shapes_of({"email": "text", "user_id": "text?", "anonymous_id": "text?"})
"""Who it is. ``email`` is there whenever an email is written."""
CONVENTIONS: Mapping[str, Shape] = shapes_of({"consent": "bool", "time_zone": "text?"})
"""Attributes with a meaning of their own: consent to marketing, and the zone in which quiet hours are kept."""
DERIVED: Mapping[str, Shape] = shapes_of(
    {
        "cart": {
            "lines": [
                {
                    "product_id": "text",
                    "sku": "text",
                    "variant": "text?",
                    "name": "text?",
                    "brand": "text?",
                    "category": "text?",
                    "price": "number",
                    "quantity": "number",
                    "coupon": "text?",
                    "url": "text?",
                    "image_url": "text?",
                }
            ],
            "value": "number",
            "currency": "text?",
        },
        "orders": {"count": "integer", "last_at": "time?", "value": "number"},
        "lifetime_value": "number",
        "first_seen": "time",
        "last_seen": "time",
        "sessions": {"count": "integer", "last_at": "time?"},
        "last_actions": [{"event": "text", "at": "time"}],
    }
)
"""What follows from the customer's events. Times are text, as everywhere in JSON: compare ``timestamp(…)`` of them."""
CUSTOMER_SCHEMA: Mapping[str, Shape] = {**CONVENTIONS, **DERIVED, **IDENTITY}
"""All of it. An attribute of the same name that somebody sets does not hide what is derived."""
LISTS = "list."
"""Beginning of the attributes that say on which lists a customer is."""
