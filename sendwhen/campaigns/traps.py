"""Warnings about campaigns that are right word by word, and do what nobody means.

Each says what will happen and what to write instead. They are looked for only where a campaign has no error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ruamel.yaml.nodes import Node

from sendwhen.campaigns.catalogue import Catalogue
from sendwhen.campaigns.cel_contradictions import contradiction
from sendwhen.campaigns.cel_library import check_text
from sendwhen.campaigns.cel_recency import looks_back_ms
from sendwhen.campaigns.cel_tree import Node as Cel
from sendwhen.campaigns.durations import duration_ms, duration_text
from sendwhen.campaigns.problem import Flaw, shortened
from sendwhen.campaigns.step_traps import step_traps
from sendwhen.campaigns.uses import Uses
from sendwhen.campaigns.yaml_document import offset_within
from sendwhen.campaigns.yaml_places import at, elements, entry, maps, nodes, offset, text
from sendwhen.domain.campaign import Campaign, Reentry
from sendwhen.domain.sending_rules import Category
from sendwhen.domain.trigger_kinds import DAY_MS, Absence, AttributeChange, DateOf, Match, Recency, SessionEnd, Trigger

EMAIL_EVENTS = frozenset(
    (
        "Email Delivered",
        "Email Opened",
        "Email Link Clicked",
        "Email Bounced",
        "Email Marked as Spam",
        "Unsubscribed",
    )
)
"""Events that emails themselves cause (Segment's email events)."""
_RECEIPT = re.compile(r"receipt|invoice|confirmation|password|verification|shipped|delivery|refund")


def trap_flaws(document_text: str, root: Node, campaign: Campaign, uses: Uses, catalogue: Catalogue) -> Iterator[Flaw]:
    """What to warn of."""
    yield from _contradictions(document_text, uses)
    yield from _never(root, campaign)
    yield from _loops(root, campaign)
    yield from _keys(root, catalogue)
    yield from _category(root, campaign)
    yield from _looks_back(document_text, root, campaign, uses)
    yield from step_traps(root, _delay_ms(campaign.trigger), _answered(root))


def _contradictions(document_text: str, uses: Uses) -> Iterator[Flaw]:
    for use in uses.cel:
        tree = check_text(use.text, use.roots)
        if use.condition and isinstance(tree, Cel) and (flaw := contradiction(tree)):
            place = offset_within(document_text, use.node, flaw.offset)
            yield Flaw(place, flaw.problem, flaw.remedy, True)


def _looks_back(document_text: str, root: Node, campaign: Campaign, uses: Uses) -> Iterator[Flaw]:
    """A guard in CEL that asks about less time than has passed when it is asked."""
    delay_ms, guard = _delay_ms(campaign.trigger), entry(root, "guard")
    inside = {id(node) for node in nodes(guard)}
    for use in uses.cel:
        tree = check_text(use.text, use.roots) if id(use.node) in inside else None
        for at_offset, length_ms in looks_back_ms(tree) if isinstance(tree, Cel) else ():
            if length_ms < delay_ms:
                problem = (
                    f"This is asked only after {duration_text(delay_ms)}, so that what came since the start, but more "
                    f"than {duration_text(length_ms)} before, counts as old"
                )
                remedy = "Write events that shall stop the email under 'unless', or a longer time."
                yield Flaw(offset_within(document_text, use.node, at_offset), problem, remedy, True)


def _delay_ms(trigger: Trigger) -> int:
    """How long after the start a trigger fires, as far as that is known."""
    if isinstance(trigger, Absence):
        return trigger.duration.fixed_ms + trigger.duration.months * 28 * DAY_MS
    if isinstance(trigger, Recency):
        return trigger.since.ms
    return trigger.gap.ms if isinstance(trigger, SessionEnd) else 0


def _answered(root: Node) -> frozenset[str]:
    """Events that end a run as soon as they come, whatever their properties."""
    lists = [at(root, "trigger", "absence", "unless"), entry(root, "exit_on"), entry(root, "stop_after")]
    lists += [entry(step, "exit_on") for step in elements(entry(root, "steps"))]
    filters = [each for listed in lists for each in elements(listed)]
    filters += [goal] if (goal := entry(root, "goal")) is not None else []
    return frozenset(text(entry(each, "event")) for each in filters)


def _starts(root: Node) -> list[Node]:
    """The filters of which an event starts or completes the trigger."""
    trigger = entry(root, "trigger")
    direct = [at(trigger, "match"), at(trigger, "absence", "start"), at(trigger, "quiet_then", "then")]
    of = [at(trigger, kind, "of") for kind in ("count", "sum", "average", "distinct", "nth", "recency", "session_end")]
    listed = elements(at(trigger, "absence", "start", "sequence")) + elements(at(trigger, "sequence", "steps"))
    last = [each for each in listed if entry(each, "event") is not None][-1:]
    return [each for each in (*direct, *of, *last) if each is not None and entry(each, "event") is not None]


def _never(root: Node, campaign: Campaign) -> Iterator[Flaw]:
    starts = {text(entry(each, "event")): each for each in _starts(root)}
    for each in elements(entry(root, "stop_after")):
        name = text(entry(each, "event"))
        if name in starts and entry(each, "where") is None:
            problem = (
                f"The campaign never starts: '{shortened(name)}' starts it and is over for good with the same event"
            )
            yield Flaw(offset(each), problem, "Name another event, or add a 'where'.", True)
    repeat = at(root, "trigger", "absence", "repeat", "within")
    for_ms = duration_ms(text(at(root, "trigger", "absence", "for"))) or 0
    if repeat is not None and 0 < (duration_ms(text(repeat)) or 0) <= for_ms:
        problem = f"Nothing is ever repeated: the first comes after {duration_text(for_ms)} already"
        yield Flaw(offset(repeat), problem, f"Write more than {duration_text(for_ms)}, or leave 'repeat' out.", True)
    if isinstance(campaign.trigger, DateOf) and campaign.trigger.yearly and campaign.reentry is Reentry.ONCE:
        reentry = entry(root, "reentry") or root
        yield Flaw(offset(reentry), "It comes once, though the date comes every year", "Leave 'reentry' out.", True)
    yield from _forbidden(root)


def _forbidden(root: Node) -> Iterator[Flaw]:
    listed = elements(at(root, "trigger", "sequence", "steps"))
    for number, each in enumerate(listed):
        forbidden = entry(each, "not")
        after = next((e for e in listed[number + 1 :] if entry(e, "event") is not None), None)
        if forbidden is None or after is None or entry(forbidden, "where") is not None:
            continue
        name = text(entry(forbidden, "event"))
        if name == text(entry(after, "event")):
            problem = f"The sequence never completes: '{shortened(name)}' is forbidden where it is waited for"
            yield Flaw(offset(forbidden), problem, "Name another event, or add a 'where'.", True)


def _loops(root: Node, campaign: Campaign) -> Iterator[Flaw]:
    for start in _starts(root):
        name = text(entry(start, "event"))
        if name in EMAIL_EVENTS and isinstance(campaign.trigger, Match) and campaign.reentry is Reentry.ALWAYS:
            problem = f"Its own emails cause '{shortened(name)}', which starts it again"
            yield Flaw(offset(start), problem, "Write 'reentry: once' or a cooldown, or filter by campaign_id.", True)
    changed = campaign.trigger.attribute if isinstance(campaign.trigger, AttributeChange) else ""
    wanted = text(at(root, "trigger", "attribute_change", "to"))
    segment = at(root, "trigger", "segment", "enter") or at(root, "trigger", "segment", "exit")
    for step in maps(entry(root, "steps")):
        for key, value in getattr(entry(step, "set"), "value", ()):
            again = str(key.value) == changed and (not wanted or wanted == text(value))
            asked = segment is not None and f"customer.{key.value}" in _all_text(segment)
            if (again or asked) and campaign.reentry is Reentry.ALWAYS:
                problem = f"Setting '{shortened(str(key.value))}' can start this campaign again"
                yield Flaw(offset(key), problem, "Write 'reentry: once' or a cooldown.", True)
        for word in ("add_to", "remove_from"):
            listed = entry(step, word)
            same = listed is not None and segment is not None and text(listed) == text(segment)
            if listed is not None and same and campaign.reentry is Reentry.ALWAYS:
                problem = f"'{word}: {shortened(text(listed))}' can start this campaign again"
                yield Flaw(offset(listed), problem, "Write 'reentry: once' or a cooldown.", True)


def _all_text(node: Node) -> str:
    whole = [text(node)] + [text(value) for each in maps(node) for _, value in each.value]
    return " ".join([*whole, *(text(e) for each in maps(node) for _, v in each.value for e in elements(v))])


def _keys(root: Node, catalogue: Catalogue) -> Iterator[Flaw]:
    """Events that are to end runs of a key that they do not have."""
    per = text(entry(root, "per")).strip()
    match = re.fullmatch(r"event\.properties\.(\w+)", per)
    if match is None:
        return
    lists = [at(root, "trigger", "absence", "unless"), entry(root, "exit_on"), entry(root, "stop_after")]
    lists += [entry(step, "exit_on") for step in elements(entry(root, "steps"))]
    for each in (each for listed in lists for each in elements(listed)):
        name = entry(each, "event")
        known = catalogue.events.get(text(name))
        if name is not None and known and match[1] not in known:
            problem = (
                f"'{shortened(text(name))}' has no property '{match[1]}', by which runs are told apart, and ends none"
            )
            yield Flaw(offset(name), problem, "Name an event that has it, or leave 'per' out.", True)


def _category(root: Node, campaign: Campaign) -> Iterator[Flaw]:
    if campaign.sending.category is not Category.MARKETING or at(root, "send", "category") is not None:
        return
    for step in maps(entry(root, "steps")):
        send = entry(step, "send")
        if send is not None and _RECEIPT.search(text(send)):
            problem = f"'{shortened(text(send))}' goes only to customers who consented to marketing"
            yield Flaw(
                offset(send), problem, "Write send: {category: transactional}, or marketing if that is meant.", True
            )
            return
