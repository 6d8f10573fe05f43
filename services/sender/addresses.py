"""Addresses as the ledger knows them: a keyed hash, which also decides the slot, and nothing else.

The suppression list must survive an erasure of the person, so it may hold no address; and a plain hash of an address
can be guessed. Losing or changing the key orphans the list and the slots, therefore the ledger remembers a check of it.
"""

from __future__ import annotations

import hashlib
import hmac

from sendwhen.domain.partition import normalised_email

SLOTS = 64
"""Parts of the ledger; fixed for the life of an installation."""

KEY_CHARACTERS_MIN = 16
ADDRESS_CHARACTERS_MAX = 320


def is_address(text: str) -> bool:
    """Whether it could be an email address: nobody can tell more without sending to it."""
    local, _, host = text.rpartition("@")
    return bool(local and host) and len(text) <= ADDRESS_CHARACTERS_MAX and text.isprintable() and " " not in text


def mail_address(address: str) -> str:
    """The address as mail systems take it: a domain of other letters than ASCII in its IDNA form ("xn--…")."""
    local, _, host = address.rpartition("@")
    if host.isascii():
        return address
    try:
        return f"{local}@{host.encode('idna').decode('ascii')}"
    except UnicodeError:
        return address  # the provider says what it thinks of it


class AddressBook:
    """Hashes addresses with the installation's key."""

    def __init__(self, key: str) -> None:
        self._key = key.encode()

    def hash_of(self, address: str) -> str:
        """The keyed hash of an address, in 32 hexadecimal digits."""
        return self._digest(b"address/" + normalised_email(address).encode())

    def key_check(self) -> str:
        """Says whether two processes have the same key, without telling it."""
        return self._digest(b"check")

    def _digest(self, text: bytes) -> str:
        return hmac.new(self._key, text, hashlib.sha256).hexdigest()[:32]


def slot_of(address_hash: str) -> int:
    """The part of the ledger in which all rows and the suppression entry of an address stand."""
    return int(address_hash[:16], 16) % SLOTS
