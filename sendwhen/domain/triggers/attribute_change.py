"""Fires when an attribute really changes."""

from __future__ import annotations

from collections.abc import Mapping

from sendwhen.domain.customer import Field
from sendwhen.domain.properties import read_value
from sendwhen.domain.run import Run
from sendwhen.domain.trigger_kinds import AttributeChange
from sendwhen.domain.triggers.eventless import EventlessLogic
from sendwhen.domain.triggers.watch import Look, Sight


class AttributeChangeLogic(EventlessLogic):
    """See ``sendwhen.domain.trigger_kinds.AttributeChange``. Remembers nothing."""

    def __init__(self, trigger: AttributeChange) -> None:
        self._trigger = trigger
        self._before = None if trigger.before is None else read_value(trigger.before)
        self._after = None if trigger.after is None else read_value(trigger.after)

    def look(self, memory: bytes, sight: Sight) -> Look:  # noqa: ARG002 - nothing to remember
        """A value that is told again is no change, nor one that only looks different (10 and 10.0)."""
        name, trigger = self._trigger.attribute, self._trigger
        before, after = _value(sight.fields_before, name), _value(sight.fields, name)
        fires = (
            not _same(before, after)
            and (trigger.before is None or _same(before, self._before))
            and (trigger.after is None or _same(after, self._after))
        )
        return Look(b"", fires)

    def because(self, run: Run) -> str:  # noqa: ARG002 - any event may tell it
        """Why it fires."""
        trigger = self._trigger
        was = "" if trigger.before is None else f" from {trigger.before.decode()}"
        became = "" if trigger.after is None else f" to {trigger.after.decode()}"
        return f"“{trigger.attribute}” changed{was}{became}"


def _value(fields: Mapping[str, Field], name: str) -> object:
    field = fields.get(name)
    return read_value(field.value) if field is not None and field.value else None


def _same(one: object, other: object) -> bool:
    return one == other and isinstance(one, bool) == isinstance(other, bool)
