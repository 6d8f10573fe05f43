"""What happened in a run: the evidence that the invariants are checked against."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from sendwhen.domain.changes import CustomerChange


class Violated(AssertionError):
    """An invariant does not hold."""


@dataclass(frozen=True)
class Call:
    """One call to the provider; ``proven_unprocessed`` where its answer says that nothing was sent."""

    send_id: str
    proven_unprocessed: bool
    at_ms: int


@dataclass(frozen=True)
class Committed:
    """One commit that the store took; where both positions are equal it only fired timers of the coming entry."""

    from_position: int
    position: int
    customers: tuple[CustomerChange, ...]


@dataclass
class History:
    """Grows while a run goes on.

    Attributes:
        acknowledged: Event ids whose append was answered, each with its partition.
        calls: Calls to the provider, in order.
        commits: For each partition those that are still in force: a lost tail takes its commits with it.
        rows: (partition, lineage, ordinal) of all outbox rows that were ever committed.
        fenced: Commits that the store refused to one who was not the owner.
        lost: Commits refused because the log's tail was not what had been applied.
        faults: How often each kind happened.
        identities: How often customers were merged, deleted, forgotten, or refused to be tied.
        fates: What became of the events in the log: applied, repeated, or set aside for a reason.
        decided_of: Customer and life of every decision that came to sender, by send_id.
        forgotten: By uid the latest life that sender was told is deleted.
        begun_before: (send_id, attempt) that were on disk when it was told.
    """

    acknowledged: dict[str, int] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    commits: dict[int, list[Committed]] = field(default_factory=dict)
    rows: set[tuple[int, str, int]] = field(default_factory=set)
    fenced: int = 0
    lost: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    fates: Counter[str] = field(default_factory=Counter)
    identities: Counter[str] = field(default_factory=Counter)
    appended_events: int = 0
    decided_of: dict[str, tuple[str, int]] = field(default_factory=dict)
    forgotten: dict[str, int] = field(default_factory=dict)
    begun_before: set[tuple[str, int]] = field(default_factory=set)

    def committed(self, partition: int, commit: Committed) -> None:
        """A commit was taken.

        Raises:
            Violated: It does not start where the one before it ended.
        """
        commits = self.commits.setdefault(partition, [])
        ended = commits[-1].position if commits else 0
        if commit.from_position != ended:
            raise Violated(f"A commit of partition {partition} does not start at {ended}: {commit.from_position}.")
        commits.append(commit)

    def called(self, send_id: str, attempt: int) -> None:
        """The provider is called.

        Raises:
            Violated: The customer was deleted, and sender had been told before this attempt began.
        """
        uid, born = self.decided_of[send_id]
        if born <= self.forgotten.get(uid, -1) and (send_id, attempt) not in self.begun_before:
            raise Violated(f"The provider is called for {send_id}, whose customer sender has forgotten.")

    def mark(self) -> dict[int, int]:
        """How many commits of each partition the store has taken by now."""
        return {partition: len(commits) for partition, commits in self.commits.items()}

    def rolled_back(self, mark: Mapping[int, int]) -> None:
        """The store lost its tail: commits behind the mark are gone."""
        for partition, commits in self.commits.items():
            del commits[mark.get(partition, 0) :]
