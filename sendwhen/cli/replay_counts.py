"""How many of a replay's accepted events were repeats, and how many were set aside."""

from __future__ import annotations

import msgspec
from google.protobuf.message import DecodeError

from sendwhen.cli.settled import Totals
from sendwhen.cli.targets import Targets
from sendwhen.cli.terminal import ask_trigger
from sendwhen.v1.event_pb2 import Event
from sendwhen.v1.trigger_service_pb2 import DeadLetter, ListDeadLettersRequest

LETTERS_MAX = 1_000
"""So many dead letters are looked at one by one; of further ones, one that was sent twice counts twice."""


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """What became of accepted events that were not applied."""

    duplicates: int
    dead_letters: int


async def count(targets: Targets, *, before: Totals, after: Totals, accepted: int, again: bool) -> Counts:
    """What the installation counted between the two.

    Args:
        targets: Where the installation is.
        before: Its totals when the replay began.
        after: Those when it was worked through.
        accepted: Lines of the file that were taken, each counted once.
        again: Some were taken twice, because a first answer was not seen; what that added is left out again.
    """
    duplicates = after.duplicates - before.duplicates
    dead_letters = after.dead_letters - before.dead_letters
    if again:
        if dead_letters:
            dead_letters -= await _repeated(targets, dead_letters)
        # Each accepted line is either applied, or a repeat, or set aside.
        duplicates = min(duplicates, max(0, accepted - (after.applied - before.applied) - dead_letters))
    return Counts(duplicates=duplicates, dead_letters=dead_letters)


async def _repeated(targets: Targets, letters: int) -> int:
    request = ListDeadLettersRequest(limit=min(letters, LETTERS_MAX))
    answer = await ask_trigger(targets, lambda trigger: trigger.ListDeadLetters(request))
    return len(answer.dead_letters) - len({_what(letter) for letter in answer.dead_letters})


def _what(letter: DeadLetter) -> tuple[str, str, bytes]:
    try:
        event = Event.FromString(letter.event)
    except DecodeError:
        return letter.reason, letter.event_id, letter.event
    # Ingest stamps what it takes, each time anew.
    event.ClearField("received_at_us")
    return letter.reason, letter.event_id, event.SerializeToString(deterministic=True)
