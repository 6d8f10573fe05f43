"""What becomes of one email: whether it goes out, waits, or is left out, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tests.oracle.local import quiet_until, zone_of
from tests.oracle.neutral import later, length
from tests.oracle.people import Awaited, Person, Wait
from tests.oracle.state import State, held_out

TRANSACTIONAL: Mapping[str, Any] = {"category": "transactional"}
Steps = Sequence[Mapping[str, Any]]


def sending(wait: Wait) -> Mapping[str, Any]:
    """What the rule says of its emails."""
    given: Mapping[str, Any] = wait.version.rule.get("send", TRANSACTIONAL)
    return given


def is_marketing(wait: Wait) -> bool:
    """Of a kind that is subject to rules."""
    return sending(wait).get("category", "marketing") == "marketing"


class Mailing(State):
    """Decides on emails."""

    def _silence(self, wait: Wait, now: int) -> str:
        """Why nothing that is due at an instant is done now, or ""."""
        rule = wait.version.rule
        if self._books[wait.version.campaign].paused:
            return "paused"
        grace = length(rule.get("grace", 0)) if rule.get("clock") == "event" else 0
        lateness = rule.get("max_lateness")
        late = lateness not in (None, "none") and self._clock - grace - now > length(lateness)
        return "expired" if late else ""

    def _email(self, person: Person, wait: Wait, steps: Steps, now: int, ranked: bool = False) -> str:
        """Decide on the first of the steps; what became of it: "sent", "skipped" or "held"."""
        ranked = ranked or wait.held == "ranked"
        email = steps[0]["send"]
        why = self._silence(wait, now) or self._withheld(person, wait)
        if not why and not person.addressed:
            patience = sending(wait).get("no_address")
            if isinstance(patience, Mapping) and wait.held != "no_address":
                return self._hold(person, wait, steps, now, ("no_address", later(now, patience["wait"])))
            why = "no_address"
        if not why and is_marketing(wait):
            if person.attributes().get("consent") is not True:
                why = "no_consent"
            else:
                hold, why = self._rules(person, wait, now, ranked=ranked)
                if hold is not None:
                    return self._hold(person, wait, steps, now, hold)
        self._say(person, wait, email, now, why or "send")
        if not why:
            category = "marketing" if is_marketing(wait) else "transactional"
            person.sent.append((now, wait.version.campaign, category, self._order))
        if why in ("", "holdout"):
            self._await_goal(person, wait, now)
        return "skipped" if why else "sent"

    def _withheld(self, person: Person, wait: Wait) -> str:
        campaign, rule = wait.version.campaign, wait.version.rule
        out = held_out(self._policy.get("holdout", 0), "", person) or held_out(rule.get("holdout", 0), campaign, person)
        return "holdout" if out and is_marketing(wait) else ""

    def _rules(self, person: Person, wait: Wait, now: int, *, ranked: bool) -> tuple[tuple[str, int] | None, str]:
        """For what an email waits, and until when; or why it is left out."""
        hours = sending(wait).get("quiet_hours") or self._policy.get("quiet_hours")
        if hours:
            until = quiet_until(now, hours, zone_of(hours.get("zone"), person.attributes(), self._policy))
            if until is not None and hours.get("then", "defer") == "skip":
                return None, "quiet_hours"
            if until is not None:
                return ("ranked" if ranked else "quiet_hours", until), ""
        window = self._policy.get("priority_window")
        if window and "priority" in sending(wait) and not ranked:
            rivals = [one.due for one in person.waits if one.held == "priority"]
            return ("priority", min(rivals, default=later(now, window))), ""
        return None, "cap" if self._capped(person, wait, now) else ""

    def _capped(self, person: Person, wait: Wait, now: int) -> bool:
        caps = self._policy.get("caps", {})
        mine = [one for one in person.sent if one[1] == wait.version.campaign]
        since = [one for one in person.sent if one[3] >= self._policy_order]
        marketing = [one for one in since if one[2] == "marketing"]
        asked = ((sending(wait).get("cap"), mine), (caps.get("marketing"), marketing), (caps.get("all"), since))
        return any(
            cap and sum(later(one[0], cap["per"]) > now for one in counted) >= cap["at_most"] for cap, counted in asked
        )

    def _hold(self, person: Person, wait: Wait, steps: Steps, now: int, why: tuple[str, int]) -> str:
        held, due = why
        person.waits.append(
            replace(
                wait,
                due=due,
                armed=self._arming(),
                trigger=False,
                since=now,
                step={},
                rest=tuple(steps),
                held=held,
            )
        )
        return "held"

    def _await_goal(self, person: Person, wait: Wait, now: int) -> None:
        goal = wait.version.rule.get("goal")
        if goal:
            until = later(now, goal["within"])
            person.part(wait.version.campaign).awaited = Awaited(wait=wait, emailed=now, until=until)
