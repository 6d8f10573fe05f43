"""Areas of the language, each with examples of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from tests.oracle.choices import Choices
from tests.oracle.generating import Example, rule_examples
from tests.oracle.generating_dates import date_examples
from tests.oracle.generating_rules import TRIGGER_KINDS
from tests.oracle.generating_sending import course_examples, sending_examples

AREAS: Mapping[str, Callable[[Choices, int], list[Example]]] = {
    **{kind: partial(rule_examples, kind) for kind in TRIGGER_KINDS},
    "date": date_examples,
    "course": course_examples,
    "sending": sending_examples,
}
"""By name, what makes examples: campaigns with so many histories."""
