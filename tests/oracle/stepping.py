"""What happens once a trigger has fired or a wait is over: guards, then the steps up to the next wait."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tests.oracle.local import wait_over
from tests.oracle.mailing import Mailing, Steps, sending
from tests.oracle.neutral import later
from tests.oracle.people import Person, Wait
from tests.oracle.rules import named_splits
from tests.oracle.state import draw, uid
from tests.oracle.triggers import wait_ends

LONGEST_WAIT = "400d"


class Stepping(Mailing):
    """Takes steps."""

    def _again(self, person: Person, wait: Wait, now: int) -> bool:
        """Whether a run of this key may start or fire now."""
        reentry = wait.version.rule.get("reentry", "always")
        fired = [when for its_key, when in person.part(wait.version.campaign).fired if its_key == wait.key]
        if reentry == "always" or not fired:
            return True
        return reentry != "once" and now >= later(fired[-1], reentry["cooldown"])

    def _fire(self, person: Person, wait: Wait, now: int) -> None:
        rule = wait.version.rule
        guard = None if rule["kind"] == "delay" else rule.get("guard_at_fire")
        silent = self._silence(wait, now) or not self._again(person, wait, now)
        if silent or (guard is not None and not self._holds(person, guard, now)):
            self._repeat(person, wait, now)
            return
        person.part(wait.version.campaign).fired.append((wait.key, now))
        self._walk(person, wait, wait.version.steps, now)
        self._repeat(person, wait, now)

    def _repeat(self, person: Person, wait: Wait, now: int) -> None:
        given = wait.version.rule.get("repeat")
        if wait.version.rule["kind"] != "absence" or not given:
            return
        has_fired = any(key == wait.key for key, _ in person.part(wait.version.campaign).fired)
        if has_fired and wait.version.rule.get("reentry") == "once":
            return
        due = wait_ends(wait.version.rule, wait.begun, now)
        fired = wait.repeats + 1
        over = "within" in given and due is not None and due >= later(wait.begun.at, given["within"])
        if due is not None and not over and fired < given.get("at_most", fired + 1):
            person.waits.append(replace(wait, due=due, armed=self._arming(), repeats=fired))

    def _walk(self, person: Person, wait: Wait, steps: Steps, now: int) -> None:
        """Take steps up to the next wait."""
        for place, step in enumerate(steps):
            rest = tuple(steps[place + 1 :])
            if "send" in step:
                if self._email(person, wait, steps[place:], now) == "held":
                    return
                wait = replace(wait, held="")
            elif "branch" in step or "split" in step:
                self._walk(person, wait, (*self._way(person, wait, step, now), *rest), now)
                return
            elif "set" in step or "add_to" in step or "remove_from" in step:
                self._tell(person, step, now)
            elif "exit" in step:
                return
            elif not self._passes_at_once(person, step, now):
                self._wait(person, wait, step, rest, now)
                return

    def _way(self, person: Person, wait: Wait, step: Mapping[str, Any], now: int) -> Steps:
        if "branch" in step:
            taken = (arm["then"] for arm in step["branch"] if "if" not in arm or self._holds(person, arm["if"], now))
            return next(taken, ())
        drawn, up_to = draw("split", wait.version.campaign, named_splits(wait.version.steps)[id(step)], uid(person)), 0
        for share in step["split"]:
            up_to += share["share"] * 100
            if drawn < up_to:
                break
        then: Steps = share.get("then", ())
        return then

    def _tell(self, person: Person, step: Mapping[str, Any], now: int) -> None:
        lists = {f"list.{step[word]}": word == "add_to" or None for word in ("add_to", "remove_from") if word in step}
        for name, value in (lists or step["set"]).items():
            if name not in person.told or person.told[name][:2] <= (now, self._order):
                person.told[name] = (now, self._order, value)

    def _passes_at_once(self, person: Person, step: Mapping[str, Any], now: int) -> bool:
        if "wait" in step:
            return wait_over(now, step["wait"], person.attributes(), self._policy) <= now
        return "until" in step and self._holds(person, step["until"], now)

    def _wait(self, person: Person, wait: Wait, step: Mapping[str, Any], rest: Steps, now: int) -> None:
        due = later(now, step.get("max", LONGEST_WAIT))
        if "wait" in step:
            due = wait_over(now, step["wait"], person.attributes(), self._policy)
        going = replace(
            wait,
            due=due,
            armed=self._arming(),
            trigger=False,
            since=now,
            step=step,
            rest=tuple(rest),
            held="",
        )
        person.waits.append(going)

    # ---------------------------------------------------------------- deadlines
    def _over(self, person: Person, wait: Wait) -> None:
        """The deadline of a wait has come."""
        if wait.held == "priority":
            self._rank(person, wait)
            return
        person.waits.remove(wait)
        if wait.trigger:
            self._fire(person, wait, wait.due)
            return
        holds_now = "until" in wait.step and self._holds(person, wait.step["until"], wait.due)
        if wait.held or holds_now or "wait" in wait.step or wait.step.get("at_max") == "continue":
            self._walk(person, wait, wait.rest, wait.due)

    def _rank(self, person: Person, first: Wait) -> None:
        """Of those who want the customer one goes first; the others leave their email out and go on."""
        rivals = [one for one in person.waits if one.held == "priority"]
        rivals.sort(key=lambda one: (-sending(one)["priority"], one.armed))
        person.waits = [one for one in person.waits if one.held != "priority"]
        won = False
        for wait in rivals:
            if won:
                self._say(person, wait, wait.rest[0]["send"], first.due, "outranked")
                became = "skipped"
            else:
                became = self._email(person, wait, wait.rest, first.due, ranked=True)
                won = became != "skipped"
            if became != "held":
                self._walk(person, replace(wait, held=""), wait.rest[1:], first.due)
