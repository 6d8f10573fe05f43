"""What the oracle knows of campaigns and customers, and what it says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from tests.oracle.asking import Asked, counts_of, holds
from tests.oracle.neutral import length
from tests.oracle.people import Done, Person, Version, Wait
from tests.oracle.rules import EMAIL

CASE = "case"
"""The campaign of those examples that have one."""


@dataclass(frozen=True, kw_only=True, order=True)
class Firing:
    """An email, in milliseconds from the case's t0.

    Attributes:
        word: "send"; or why it was not; or "goal", where its campaign's goal came.
    """

    seen_at: int
    at: int
    who: str
    start: int
    key: str
    email: str = EMAIL
    value: float | None = field(default=None, compare=False)
    campaign: str = CASE
    word: str = "send"


@dataclass(kw_only=True)
class Book:
    """One campaign, with all that it ever said."""

    name: str
    versions: list[Version] = field(default_factory=list)
    paused: bool = False
    archived: bool = False

    @property
    def version(self) -> Version | None:
        """What is in force."""
        return None if self.archived or not self.versions else self.versions[-1]

    @property
    def grace(self) -> int:
        """How far its time lies behind the log's."""
        rule = self.versions[-1].rule if self.versions else {}
        return length(rule.get("grace", 0)) if rule.get("clock") == "event" else 0


class State:
    """What is known.

    Attributes:
        fired: Emails, and what was decided about others.
    """

    def __init__(self, t0: int) -> None:
        self.fired: list[Firing] = []
        self._t0 = self._clock = t0
        self._books: dict[str, Book] = {}
        self._policy: Mapping[str, Any] = {}
        self._policy_order = 0
        self._people: dict[str, Person] = {}
        self._order = self._armings = 0
        self._asked_since: dict[str, int] = {}

    def _current(self) -> list[tuple[Book, Version]]:
        return [(book, book.version) for _, book in sorted(self._books.items()) if book.version is not None]

    def _note_counts(self, version: Version) -> None:
        for name in ("", *counts_of(version.rule)):
            self._asked_since.setdefault(name, version.order)

    def _holds(self, person: Person, when: Mapping[str, Any], now: int) -> bool:
        asked: Asked = self._asked_since
        return holds(when, person, now, asked)

    def _watermark(self, campaign: str) -> int:
        return self._clock - self._books[campaign].grace

    def _arming(self) -> int:
        self._armings += 1
        return self._armings

    def _say(self, person: Person, wait: Wait, email: str, now: int, word: str = "send") -> None:
        self.fired.append(
            Firing(
                at=now - self._t0,
                who=person.name,
                start=wait.start - self._t0,
                key=wait.key,
                seen_at=self._clock - self._t0,
                email=email,
                value=wait.value if word == "send" else None,
                campaign=wait.version.campaign,
                word=word,
            )
        )

    def _learn(self, person: Person, event: Done) -> None:
        person.addressed = person.addressed or event.address
        for name, value in event.attrs.items():
            if name not in person.told or person.told[name][:2] <= (event.happened, event.order):
                person.told[name] = (event.happened, event.order, value)


def draw(*names: str) -> int:
    """Where names fall, from 0 to 9,999: as docs/campaigns.md says, so that it is the same for ever."""
    told = "".join(f"{len(name)}:{name}" for name in names).encode()
    return int(blake2b(told, digest_size=8, person=b"sendwhen-share").hexdigest(), 16) % 10_000


def uid(person: Person) -> str:
    """The customer's id of ours, of which lots are drawn."""
    kind = "anon" if person.name.startswith("anon-") else "user"
    return blake2b(f"{kind}:{person.name}".encode(), digest_size=12, person=b"sendwhen-uid").hexdigest()


def held_out(percent: Any, campaign: str, person: Person) -> bool:
    """Whether a customer is among so many percent of all."""
    return draw("holdout", campaign, uid(person)) < int(percent) * 100
