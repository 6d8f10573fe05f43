"""The sending policy: sending.yaml beside the campaigns' folders, checked and made into what the domain applies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

from ruamel.yaml.nodes import Node

from sendwhen.campaigns.filter_reader import FilterReader
from sendwhen.campaigns.folder import POLICY_NAME
from sendwhen.campaigns.language_table import POLICY
from sendwhen.campaigns.local_time_reader import LocalTimeReader
from sendwhen.campaigns.problem import Flaw, Problem, place
from sendwhen.campaigns.rule_reader import RuleReader
from sendwhen.campaigns.words import Reader
from sendwhen.campaigns.yaml_document import read_document
from sendwhen.domain.sending_rules import Cap, Category, SendingPolicy
from sendwhen.errors import Invalid, Violation


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedPolicy:
    """What came of a check.

    Attributes:
        problems: By place.
        policy: None where there is an error.
        version: Its text by hash: 24 hexadecimal digits.
    """

    problems: tuple[Problem, ...]
    policy: SendingPolicy | None
    version: str


def check_policy(source: bytes) -> CheckedPolicy:
    """Everything that is wrong with a policy, or the policy; never raises."""
    version = blake2b(source, digest_size=12, person=b"sendwhen-policy").hexdigest()
    document = read_document(source)
    if document.root is None or document.flaws:
        return CheckedPolicy(problems=_placed(document.text, document.flaws), policy=None, version="")
    words = Reader()
    times = LocalTimeReader(FilterReader(document, words), words)
    entries = words.words_of(document.root, POLICY)
    rules = RuleReader(times, words)
    everything, by_category = _caps(entries.get("caps"), rules, words)
    policy = SendingPolicy(
        cap=everything,
        category_caps=by_category,
        quiet_hours=rules.quiet_hours(entries.get("quiet_hours")),
        time_zone=times.named_zone(entries.get("time_zone"), "time_zone") or "UTC",
        holdout_percent=words.percent(entries.get("holdout"), "holdout") or 0,
        priority_window=words.span(entries.get("priority_window"), "priority_window"),
    )
    problems = _placed(document.text, words.flaws)
    wrong = any(not problem.warning for problem in problems)
    return CheckedPolicy(problems=problems, policy=None if wrong else policy, version="" if wrong else version)


def compile_policy(source: bytes) -> SendingPolicy:
    """The policy of a text that ``check_policy`` passed; raises Invalid for any other."""
    checked = check_policy(source)
    if checked.policy is None:
        raise Invalid.of(
            [
                Violation(field=f"{p.file}:{p.line}:{p.column}", description=f"{p.problem}. {p.remedy}")
                for p in checked.problems
            ]
        )
    return checked.policy


def _caps(node: Node | None, rules: RuleReader, words: Reader) -> tuple[Cap | None, tuple[tuple[Category, Cap], ...]]:
    if node is None:
        return None, ()
    entries = words.map(node, ("all", *(one.value for one in Category)), what="'caps'")
    if "transactional" in entries:
        words.refuse(
            entries["transactional"],
            "Transactional emails pass by all caps",
            "Leave it out; they count for 'all', and are let through.",
        )
    marketing = rules.cap(entries.get("marketing"), "marketing")
    return rules.cap(entries.get("all"), "all"), () if marketing is None else ((Category.MARKETING, marketing),)


def _placed(text: str, flaws: Sequence[Flaw]) -> tuple[Problem, ...]:
    problems = []
    for flaw in flaws:
        line, column = place(text, flaw.offset)
        problems.append(
            Problem(
                file=POLICY_NAME,
                line=line,
                column=column,
                problem=flaw.problem,
                remedy=flaw.remedy,
                warning=flaw.warning,
            )
        )
    return tuple(sorted(set(problems)))
