"""A provider that mostly takes emails, and at times leaves everybody guessing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.sender.ports import Answer, Verdict
from tests.simulation.history import Call

if TYPE_CHECKING:
    from tests.simulation.world import World


class SimulatedProvider:
    """Notes every call."""

    def __init__(self, world: World) -> None:
        self._world = world

    def call(self, send_id: str, attempt: int) -> Answer:
        """One attempt."""
        world = self._world
        world.history.called(send_id, attempt)
        if world.fault("provider ambiguity"):
            answer = Answer(verdict=Verdict.UNKNOWN, detail="No answer came.")
        elif world.fault("provider refusal"):
            verdict = world.rng.choice((Verdict.NOT_PROCESSED, Verdict.NOT_PROCESSED, Verdict.REJECTED))
            answer = Answer(verdict=verdict, detail="Refused.", retry_at_ms=world.now_ms + 2_000)
        else:
            answer = Answer(verdict=Verdict.ACCEPTED, provider_message_id=f"{send_id}/{attempt}")
        unprocessed = answer.verdict is Verdict.NOT_PROCESSED
        world.history.calls.append(Call(send_id=send_id, proven_unprocessed=unprocessed, at_ms=world.now_ms))
        return answer
