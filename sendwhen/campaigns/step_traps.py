"""Warnings about steps that are right by themselves and do together what nobody means."""

from __future__ import annotations

from collections.abc import Iterator

from ruamel.yaml.nodes import MappingNode, Node

from sendwhen.campaigns.durations import UNITS_MS, duration_ms, duration_text, months_and_rest
from sendwhen.campaigns.problem import Flaw, shortened
from sendwhen.campaigns.yaml_places import at, elements, entry, maps, offset, text

_WAITS = ("wait", "wait_until")


def step_traps(root: Node, delay_ms: int, answered: frozenset[str]) -> Iterator[Flaw]:
    """What to warn of in a campaign's steps.

    ``delay_ms``: how long the trigger waits before the first of them. ``answered``: events that end the run at once.
    """
    steps = entry(root, "steps")
    yield from _list_traps(steps, outermost=True)
    yield from _recent(entry(root, "guard"), delay_ms, answered)
    yield from _behind(steps, delay_ms, answered)
    yield from _cap(root, steps)
    yield from _awaited(root, steps)
    yield from _goal(root, steps)


def _list_traps(steps: Node | None, *, outermost: bool = False) -> Iterator[Flaw]:
    listed = elements(steps)
    for number, step in enumerate(listed):
        if _ends(step) and number + 1 < len(listed):
            why = "leaves the campaign" + ("" if entry(step, "exit") is not None else ", whichever way it goes")
            problem = f"This is never reached: the step before it {why}"
            yield Flaw(offset(listed[number + 1]), problem, "Move it before the exit, or remove it.", True)
            break
        sent = text(entry(step, "send"))
        if sent and number and sent == text(entry(listed[number - 1], "send")):
            yield Flaw(offset(step), "The same email goes out twice at once", "Wait in between, or remove one.", True)
        yield from _arms(entry(step, "branch"))
        for arm in (*elements(entry(step, "branch")), *elements(entry(step, "split"))):
            yield from _list_traps(entry(arm, "then"))
            yield from _list_traps(entry(arm, "else"))
    # A wait at the end of an arm is followed by what stands behind the branch.
    if outermost and listed and any(entry(listed[-1], word) is not None for word in _WAITS):
        yield Flaw(offset(listed[-1]), "Nothing comes after this wait", "Add what comes then, or remove it.", True)


def _ends(step: Node) -> bool:
    if entry(step, "exit") is not None:
        return True
    arms = elements(entry(step, "branch"))
    bodies = [entry(arm, "then") or entry(arm, "else") for arm in arms]
    whole = any(entry(arm, "else") is not None for arm in arms)
    shares = [entry(arm, "then") for arm in elements(entry(step, "split"))]
    if shares:
        return all(_all_end(body) for body in shares)
    return whole and bool(bodies) and all(_all_end(body) for body in bodies)


def _all_end(body: Node | None) -> bool:
    return any(_ends(step) for step in elements(body))


def _arms(branch: Node | None) -> Iterator[Flaw]:
    seen: dict[str, int] = {}
    for arm in elements(branch):
        asked = entry(arm, "if")
        if asked is None:
            continue
        said = _written(asked)
        if said in seen:
            problem = "This asks the same as a way before it, which is taken instead"
            yield Flaw(offset(asked), problem, "Ask something else, or remove the way.", True)
        elif "true" in seen:
            yield Flaw(offset(asked), "A way before this one is always taken", "Write it as the 'else'.", True)
        seen[said] = offset(asked)


def _written(node: Node) -> str:
    """A node's content, however it is laid out."""
    if isinstance(node, MappingNode):
        return "{" + ", ".join(sorted(f"{key.value}: {_written(value)}" for key, value in node.value)) + "}"
    return text(node).strip() if not elements(node) else "[" + ", ".join(map(_written, elements(node))) + "]"


def _behind(steps: Node | None, delay_ms: int, answered: frozenset[str]) -> Iterator[Flaw]:
    """Questions about the recent past that stand behind a wait."""
    for step in elements(steps):
        for arm in elements(entry(step, "branch")):
            yield from _recent(entry(arm, "if"), delay_ms, answered)
            yield from _behind(entry(arm, "then") or entry(arm, "else"), delay_ms, answered)
        for arm in elements(entry(step, "split")):
            yield from _behind(entry(arm, "then"), delay_ms, answered)
        delay_ms += _wait_ms(step)


def _recent(asked: Node | None, delay_ms: int, answered: frozenset[str]) -> Iterator[Flaw]:
    for question in maps(asked):
        event, within = entry(question, "event"), entry(question, "within_last")
        within_ms = _ms(within)
        denied = text(entry(question, "at_most")) == "0" or at(asked, "not") is question
        if event is None or within is None or not denied or text(event) in answered or not 0 < within_ms < delay_ms:
            continue
        name = shortened(text(event))
        problem = (
            f"This is asked only after {duration_text(delay_ms)}, so that a '{name}' more than "
            f"{duration_text(within_ms)} before does not count, though it came since the start"
        )
        yield Flaw(offset(within), problem, f"Write it under 'unless' or 'exit_on', as in [{{event: {name}}}].", True)


def _wait_ms(step: Node) -> int:
    wait = entry(step, "wait")
    return _ms(entry(wait, "for") or wait)


def _ms(node: Node | None) -> int:
    """A length of time, at the least where months are in it."""
    months, rest = months_and_rest(text(node))
    return (duration_ms(rest) or 0) + months * 28 * UNITS_MS["d"]


def _sends_apart(steps: Node | None) -> list[tuple[Node, int]]:
    """The sends of a plain list with the time since the one before."""
    found: list[tuple[Node, int]] = []
    since = 0
    for step in elements(steps):
        if (send := entry(step, "send")) is not None:
            found.append((send, since))
            since = 0
        since += _wait_ms(step)
        if any(entry(step, word) is not None for word in ("branch", "split", "wait_until")):
            return []
    return found


def _cap(root: Node, steps: Node | None) -> Iterator[Flaw]:
    cap = at(root, "send", "cap")
    per_ms, at_most = _ms(entry(cap, "per")), text(entry(cap, "at_most"))
    if not at_most.isdigit() or not per_ms:
        return
    sends = _sends_apart(steps)
    for number in range(int(at_most), len(sends)):
        apart = sum(since for _, since in sends[number - int(at_most) + 1 : number + 1])
        if apart < per_ms:
            problem = f"The campaign's own cap ({at_most} per {duration_text(per_ms)}) always skips this email"
            yield Flaw(offset(sends[number][0]), problem, "Wait longer before it, or allow more.", True)


def _awaited(root: Node, steps: Node | None) -> Iterator[Flaw]:
    """Waits for an event that ends the run instead."""
    ends = [*elements(entry(root, "exit_on")), *elements(entry(root, "stop_after"))]
    ends += [goal] if (goal := entry(root, "goal")) is not None else []
    for step in maps(steps):
        awaited = at(step, "wait_until", "event")
        everywhere = [*ends, *elements(entry(step, "exit_on"))]
        enders = {text(entry(each, "event")) for each in everywhere if entry(each, "where") is None}
        if awaited is not None and text(awaited) in enders:
            problem = f"'{shortened(text(awaited))}' ends the run, so that this wait never passes by it"
            yield Flaw(offset(awaited), problem, "Wait for another event, or add a 'where' to one of them.", True)


def _goal(root: Node, steps: Node | None) -> Iterator[Flaw]:
    within = at(root, "goal", "within")
    within_ms = _ms(within)
    longest = max((since for _, since in _sends_apart(steps)[1:]), default=0)
    if within is not None and 0 < within_ms < longest:
        problem = f"Who reaches the goal later than {duration_text(within_ms)} after an email is not counted, though "
        problem += f"the next comes only after {duration_text(longest)}"
        yield Flaw(offset(within), problem, f"Write {duration_text(longest)} or more.", True)
