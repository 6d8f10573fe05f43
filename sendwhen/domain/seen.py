"""Which event ids of a customer were applied before.

Packed items of 16 bytes: hash of the id (8), fingerprint of the payload (4), log time in seconds (4). The youngest
ride in the customer's record, which is written with every event anyway; whole chunks of older ones lie beside it,
where only every so many events something is appended. An item counts for ``seen_ms`` of log time, whether it is still
there or not, so that a store that lets old ones go decides alike.
"""

from __future__ import annotations

from enum import Enum
from hashlib import blake2b
from struct import Struct

ITEM_BYTES = 16
_INDEX_FROM_BYTES = 512 * ITEM_BYTES
_item = Struct(">8sII")
_tail = Struct(">II")


class Seen(Enum):
    """What is known of an event id."""

    NEW = "new"
    SAME = "same"
    OTHER = "other"
    """The id came with another payload."""


def id_hash(event_id: str) -> bytes:
    """A stable 64-bit hash of an event id."""
    return blake2b(event_id.encode(), digest_size=8).digest()


class SeenIds:
    """The ids of one customer.

    Attributes:
        packed: All items.
        older_bytes: How many of the bytes lie beside the record. -1: what lies there must be replaced.
    """

    __slots__ = ("_index", "older_bytes", "packed")

    def __init__(self, older: bytes = b"", young: bytes = b"") -> None:
        self.packed = bytearray(older + young)
        self.older_bytes = len(older)
        self._index: set[bytes] | None = None

    def may_know(self, hashed: bytes) -> bool:
        """False: the id is new. Searching bytes is quickest for the few ids of most customers, not for a flood's."""
        if len(self.packed) < _INDEX_FROM_BYTES:
            return hashed in self.packed
        if self._index is None:
            self._index = {bytes(self.packed[i : i + 8]) for i in range(0, len(self.packed), ITEM_BYTES)}
        return hashed in self._index

    def look(self, hashed: bytes, fingerprint: int, oldest_s: int) -> Seen:
        """What is known of an id; items older than ``oldest_s`` count no more."""
        packed = self.packed
        found = packed.find(hashed)
        while found >= 0:
            if found % ITEM_BYTES == 0:
                known, at_s = _tail.unpack_from(packed, found + 8)
                if at_s >= oldest_s:
                    return Seen.SAME if known == fingerprint else Seen.OTHER
            found = packed.find(hashed, found + 1)
        return Seen.NEW

    def latest_but(self, number: int) -> int:
        """When, in seconds of log time, the id was added that is ``number`` places from the end; there must be one."""
        at_s: int = _tail.unpack_from(self.packed, len(self.packed) - number * ITEM_BYTES + 8)[1]
        return at_s

    def add(self, hashed: bytes, fingerprint: int, at_s: int) -> None:
        """Remember an id that is new."""
        self.packed += _item.pack(hashed, fingerprint & 0xFFFFFFFF, at_s)
        if self._index is not None:
            self._index.add(hashed)

    def shrink(self, ids_max: int, oldest_s: int) -> int:
        """Let go what no longer counts and, where too many are left, the oldest quarter; how many of these.

        There must be one id at least.
        """
        if len(self.packed) <= ids_max * ITEM_BYTES and _tail.unpack_from(self.packed, 8)[1] >= oldest_s:
            return 0
        items = [self.packed[i : i + ITEM_BYTES] for i in range(0, len(self.packed), ITEM_BYTES)]
        counting = [item for item in items if _tail.unpack_from(item, 8)[1] >= oldest_s]
        forgotten = 0
        if len(counting) > ids_max:
            forgotten = len(counting) - ids_max * 3 // 4
            counting = counting[forgotten:]
        if len(counting) != len(items):
            self.packed = bytearray(b"".join(counting))
            self.older_bytes = -1
            self._index = None
        return forgotten

    def join(self, other: bytes) -> None:
        """Take in the ids of an identity that was tied to the customer, in the order of their times."""
        if not other:
            return
        packed = bytes(self.packed) + other
        items = [packed[i : i + ITEM_BYTES] for i in range(0, len(packed), ITEM_BYTES)]
        # Sorting is stable and an id may stand there twice; only times must not go back.
        items.sort(key=lambda item: _tail.unpack_from(item, 8)[1])
        self.replace(b"".join(items))

    def shrink_to(self, ids_max: int) -> int:
        """Let the oldest quarter go where there are too many; how many."""
        return self.shrink(ids_max, 0) if self.packed else 0

    def replace(self, packed: bytes) -> None:
        """Hold these instead; they take the place of what is stored."""
        self.packed = bytearray(packed)
        self.older_bytes = -1
        self._index = None

    def settle(self, chunk_bytes: int) -> tuple[bytes, bytes | None]:
        """Count whole chunks as older: what is to be appended beside the record, or what takes the place of all there.

        Where the cut is depends on how many ids there are, never on when this is called: however the log is cut into
        rounds, the same is stored.
        """
        older, size = self.older_bytes, len(self.packed)
        if size - older < chunk_bytes and older >= 0:
            return b"", None
        whole = self.older_bytes = max(older, size - size % chunk_bytes)
        if older < 0:
            return b"", bytes(self.packed[:whole])
        return bytes(self.packed[older:whole]), None

    def young(self) -> bytes:
        """What rides in the record, once settled."""
        return bytes(self.packed[self.older_bytes :]) if self.older_bytes else bytes(self.packed)
