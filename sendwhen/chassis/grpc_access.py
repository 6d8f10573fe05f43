"""Which keys may call which methods."""

from __future__ import annotations

import hmac
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

from sendwhen.errors import Forbidden, Unauthenticated

# Probes and tools have no key; neither service tells anything of a customer.
_OPEN_PREFIXES: Final = ("/grpc.health.v1.Health/", "/grpc.reflection.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Which keys may call which methods.

    Attributes:
        default: Keys that may call a method not named in ``methods``.
        methods: Full method name ("/sendwhen.v1.Trigger/Append") to the keys that may call it.
    """

    default: Collection[str]
    methods: Mapping[str, Collection[str]] = field(default_factory=dict)

    def check(self, method: str, authorization: str | None) -> None:
        """Let a call pass or refuse it.

        Raises:
            Unauthenticated: No key, or one that nobody has.
            Forbidden: A key that may call other methods only.
        """
        if method.startswith(_OPEN_PREFIXES):
            return
        if authorization is None or not authorization.startswith("Bearer "):
            raise Unauthenticated(
                "The call carries no key.", remedy="Send metadata `authorization: Bearer <key>` with it."
            )
        key = authorization.removeprefix("Bearer ").encode()
        if _among(key, self.methods.get(method, self.default)):
            return
        if _among(key, [known for keys in (self.default, *self.methods.values()) for known in keys]):
            raise Forbidden("This key may not call this method.", remedy="Use the key that the method's comment names.")
        raise Unauthenticated("The key is not known.", remedy="Check for a typing error, or ask for a new one.")


def _among(key: bytes, known: Collection[str]) -> bool:
    # Compared in constant time, and all of them, so that the time taken tells nothing about a key. An empty key is
    # an unset setting, never a key.
    found = False
    for candidate in known:
        found |= hmac.compare_digest(key, candidate.encode()) and bool(candidate)
    return found
