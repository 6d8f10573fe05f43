"""The events of Segment's e-commerce specification, version 2: names, properties and types.

Source: the examples of https://segment.com/docs/connections/spec/ecommerce/v2/ in segmentio/segment-docs at 747b35d
(2025-11-07, CC BY 4.0). The specification's prose is not repeated here. Amounts may arrive as text from some sources;
the specification says numbers, and so does this table.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sendwhen.campaigns.shapes import Shape, shapes_of

_ADDRESSES = {"url": "text", "image_url": "text"}
_PRODUCT: Mapping[str, Any] = {
    "product_id": "text",
    "sku": "text",
    "category": "text",
    "name": "text",
    "brand": "text",
    "variant": "text",
    "price": "number",
    "quantity": "integer",
    "coupon": "text?",
    "position": "integer",
    **_ADDRESSES,
}
_PRODUCTS = {"products": [_PRODUCT]}
_AMOUNTS = {
    "revenue": "number",
    "shipping": "number",
    "tax": "number",
    "discount": "number?",
    "coupon": "text?",
    "currency": "text",
}
_ORDER = {"order_id": "text", "affiliation": "text", "total": "number", **_AMOUNTS, **_PRODUCTS}
_COUPON = {"order_id": "text", "cart_id": "text", "coupon_id": "text"}
_STEP = {"checkout_id": "text", "step": "integer", "shipping_method": "text", "payment_method": "text"}
_WISHLIST = {"wishlist_id": "text", "wishlist_name": "text"}
_PROMOTION = {"promotion_id": "text", "creative": "text", "name": "text", "position": "text"}
_SHARE = {"share_via": "text", "share_message": "text", "recipient": "text"}
_EVENTS: Mapping[str, Mapping[str, Any]] = {
    "Products Searched": {"query": "text"},
    "Product List Viewed": {"list_id": "text", "category": "text", **_PRODUCTS},
    "Product List Filtered": {
        "list_id": "text",
        "category": "text",
        "filters": [{"type": "text", "value": "text"}],
        "sorts": [{"type": "text", "value": "text"}],
        **_PRODUCTS,
    },
    "Promotion Viewed": _PROMOTION,
    "Promotion Clicked": _PROMOTION,
    "Product Clicked": _PRODUCT,
    "Product Viewed": {**_PRODUCT, "currency": "text", "value": "number"},
    "Product Added": {"cart_id": "text", **_PRODUCT},
    "Product Removed": {"cart_id": "text", **_PRODUCT},
    "Cart Viewed": {"cart_id": "text", **_PRODUCTS},
    "Checkout Started": {"order_id": "text", "affiliation": "text", "value": "number", **_AMOUNTS, **_PRODUCTS},
    "Checkout Step Viewed": _STEP,
    "Checkout Step Completed": _STEP,
    "Payment Info Entered": {**_STEP, "order_id": "text"},
    "Order Updated": _ORDER,
    "Order Completed": {"checkout_id": "text", "subtotal": "number", **_ORDER},
    "Order Refunded": {"order_id": "text", "total": "number", "currency": "text", **_PRODUCTS},
    "Order Cancelled": _ORDER,
    "Coupon Entered": _COUPON,
    "Coupon Applied": {**_COUPON, "coupon_name": "text", "discount": "number"},
    "Coupon Denied": {**_COUPON, "coupon": "text", "coupon_name": "text", "reason": "text"},
    "Coupon Removed": {**_COUPON, "coupon_name": "text", "discount": "number"},
    "Product Added to Wishlist": {**_WISHLIST, **_PRODUCT},
    "Product Removed from Wishlist": {**_WISHLIST, **_PRODUCT},
    "Wishlist Product Added to Cart": {**_WISHLIST, "cart_id": "text", **_PRODUCT},
    "Product Shared": {**_SHARE, **_PRODUCT},
    "Cart Shared": {**_SHARE, "cart_id": "text", **_PRODUCTS},
    "Product Reviewed": {"product_id": "text", "review_id": "text", "review_body": "text", "rating": "any"},
}
SEGMENT_ECOMMERCE_EVENTS: Mapping[str, Mapping[str, Shape]] = {
    name: shapes_of(properties) for name, properties in _EVENTS.items()
}
"""Properties by event. A rating stands in quotes in the specification, and is a number elsewhere."""
OLDER_NAMES: Mapping[str, str] = {
    "Viewed Product": "Product Viewed",
    "Added Product": "Product Added",
    "Removed Product": "Product Removed",
    "Completed Order": "Order Completed",
    "Started Order": "Checkout Started",
    "Updated Order": "Order Updated",
    "Viewed Checkout Step": "Checkout Step Viewed",
    "Completed Checkout Step": "Checkout Step Completed",
    "Clicked Product": "Product Clicked",
    "Viewed Product Category": "Product List Viewed",
    "Viewed Promotion": "Promotion Viewed",
    "Clicked Promotion": "Promotion Clicked",
}
"""Names of version 1, and what the events are called now."""
