"""Every error sendwhen raises on purpose.

    SendwhenError
    ├── Invalid            the caller must change what it sends          INVALID_ARGUMENT (with field violations)
    ├── NotFound           there is no such thing                        NOT_FOUND
    ├── Unauthenticated    no or an unknown key                          UNAUTHENTICATED
    ├── Forbidden          a known key that may not do this              PERMISSION_DENIED
    ├── Precondition       the installation is not in a state for it     FAILED_PRECONDITION
    ├── Overloaded         refused early; come back after a delay        RESOURCE_EXHAUSTED (with a retry delay)
    ├── Unavailable        a part is away for a moment; retry            UNAVAILABLE
    ├── TooLate            not done by the deadline; outcome unknown     DEADLINE_EXCEEDED
    └── Fenced             another owner has taken this over             ABORTED

Each has a problem (what happened) and a remedy (what to do). Callers branch on the class;
``sendwhen.chassis.grpc_status`` is the one table between these and gRPC codes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """A field that is wrong, and what to send instead."""

    field: str
    description: str


class SendwhenError(Exception):
    """Something sendwhen refuses or cannot do.

    Attributes:
        problem: What happened; one sentence without personal data.
        remedy: What to do about it; one sentence, may be empty.
    """

    def __init__(self, problem: str, *, remedy: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.problem} {self.remedy}".strip()

    def __reduce__(self) -> tuple[object, ...]:
        # Ray pickles exceptions on their way between actors, and the default recipe forgets keyword-only arguments.
        return _rebuild, (type(self), self.problem, self.remedy, self._more())

    def _more(self) -> dict[str, object]:
        return {}


def _rebuild(kind: type[SendwhenError], problem: str, remedy: str, more: dict[str, object]) -> SendwhenError:
    return kind(problem, remedy=remedy, **more)


class Invalid(SendwhenError):
    """The caller must change what it sends; retrying the same is pointless."""

    def __init__(self, problem: str, *, remedy: str = "", violations: Sequence[Violation] = ()) -> None:
        super().__init__(problem, remedy=remedy)
        self.violations = tuple(violations)

    @classmethod
    def of(cls, violations: Sequence[Violation]) -> Self:
        """An error that names every wrong field."""
        return cls(" ".join(f"{v.field}: {v.description}" for v in violations), violations=violations)

    def _more(self) -> dict[str, object]:
        return {"violations": self.violations}


class NotFound(SendwhenError):
    """There is no such thing."""


class Unauthenticated(SendwhenError):
    """No key, or one that is not known."""


class Forbidden(SendwhenError):
    """A known key that may not do this."""


class Precondition(SendwhenError):
    """The installation is not in a state in which this can be done."""


class Overloaded(SendwhenError):
    """Refused early; nothing was taken.

    Attributes:
        retry_after_ms: When to come back.
    """

    def __init__(self, problem: str, *, remedy: str = "", retry_after_ms: int = 1_000) -> None:
        super().__init__(problem, remedy=remedy or f"Try again in {retry_after_ms} ms.")
        self.retry_after_ms = retry_after_ms

    def _more(self) -> dict[str, object]:
        return {"retry_after_ms": self.retry_after_ms}


class Unavailable(SendwhenError):
    """A part that is needed is away for a moment; retry with the same ids."""


class TooLate(SendwhenError):
    """Not done by the deadline; the outcome is unknown, so retry with the same ids."""


class Fenced(SendwhenError):
    """Another owner has taken this partition over; forget all memory of it."""
