"""What the store's client raises, in our words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import redis

from sendwhen.errors import Overloaded, Precondition
from services.trigger.ports import StoreLost

_AWAY = ("LOADING", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "MISCONF", "TRYAGAIN", "UNBLOCKED", "Function not found")
"""Replies of a store that is there and cannot act, or that is not the one we set up."""


def in_our_words(error: Exception) -> Exception:
    """The error to raise for one of the client's; itself where it is a mistake of ours."""
    if isinstance(error, redis.AuthenticationError | redis.exceptions.AuthorizationError):
        return Precondition("The store does not take our password.", remedy="Check the password in store_url.")
    if isinstance(error, redis.ConnectionError | redis.TimeoutError | OSError):
        return StoreLost(f"The connection to the store broke: {error}", remedy="Claim anew; retry with the same ids.")
    if isinstance(error, redis.exceptions.OutOfMemoryError) or str(error).startswith("OOM"):
        return Overloaded("The store's memory is full.", retry_after_ms=5_000)
    if any(word in str(error) for word in _AWAY):
        return StoreLost(f"The store cannot act: {error}", remedy="Claim anew; retry with the same ids.")
    return error


@contextmanager
def store_errors() -> Iterator[None]:
    """Raises what the client raises in our words."""
    try:
        yield
    except (redis.RedisError, OSError) as error:
        raised = in_our_words(error)
        if raised is error:
            raise
        raise raised from error
