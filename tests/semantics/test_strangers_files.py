"""Files of cases that others wrote: what cannot be played is named, and takes no other case with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.semantics.__main__ import main
from tests.semantics.judging import judge_all

MATCH = "rule: {kind: match, match: {event: B}}"
FIRES = "timeline: [{at: 1s, who: c1, event: B}], expect: [{at: 1s, who: c1}]"
ONCE = f"{MATCH}, {FIRES}"

UNSUPPORTED = {
    "rule: {kind: webhook}, timeline: [], expect: []": "kind webhook",
    f"{ONCE}, rules: [{{kind: match}}]": "field rules of a case",
    f"{ONCE}, zone: Europe/Berlin": "field zone of a case",
    "rules: [{kind: match}], timeline: [], expect: []": "field rules of a case",
    "rule: {kind: match, match: {event: B}, colour: red}, timeline: [], expect: []": "option colour of match",
    f"{MATCH}, timeline: [{{at: 1s, control: ban}}], expect: []": "control ban",
    f"{MATCH}, timeline: [{{at: 1s, who: c1, event: B, prop: {{}}}}], expect: []": "field prop of an event",
    f"{MATCH}, timeline: [], expect: [{{at: 1s, reason: x}}]": "expected field reason",
    "rule: {kind: match, match: {event: B, where: [[a, '~', 1]]}}, timeline: [], expect: []": "operator ~",
    "rule: {kind: match, match: {event: B, where: {a: 1}}}, timeline: [], expect: []": "where that is no list",
    "rule: {kind: segment, when: {attr: a, matches: x}}, timeline: [], expect: []": "condition ['attr', 'matches']",
    "rule: {kind: absence, start: {event: A}, for: 500d}, timeline: [], expect: []": "at most 400d",
    "rule: {kind: segment, when: {attr: a, equals: 1}, clock: event}, timeline: [], expect: []": "event_time",
    "rule: {kind: recency, of: {event: A}, for: 1d, boundary: inclusive}, timeline: [], expect: []": "option boundary",
}
MALFORMED = {
    "just text": "A case has fields",
    "{id: x, timeline: [], expect: []}": "does not say 'rule'",
    f"{{id: x, {MATCH}, timeline: []}}": "does not say 'expect'",
    "{id: x, rule: {match: {event: B}}, timeline: [], expect: []}": "does not say 'kind'",
    f"{{id: x, {MATCH}, timeline: [{{at: 1s, who: c1, evnt: B}}], expect: []}}": "Line 1 of the timeline",
    f"{{id: x, {MATCH}, timeline: [{{at: 5, who: c1, event: B}}], expect: []}}": "'5' is no time",
    f"{{id: x, {MATCH}, timeline: [{{at: 1s, control: merge, from: a}}], expect: []}}": "does not say 'into'",
    f"{{id: x, {MATCH}, timeline: [], expect: [1s]}}": "'expect' is a list",
    f"{{id: x, {ONCE}, t0: soon}}": "t0 is an instant",
    f"{{id: x, {ONCE}, variants: all}}": "'variants' is a list",
    "{id: x, rule: {kind: sequence, steps: [A, B]}, timeline: [], expect: []}": "steps of a sequence",
    "{id: x, rule: {kind: sequence, steps: [{event: A}, {event: B}], not_between: [{after_step: 1, event: X}]},"
    " timeline: [], expect: []}": "'after_step'",
    "{id: x, rule: {kind: absence, start: {event: A}}, timeline: [], expect: []}": "says how long",
}
LEGAL = {
    "anchors and merge keys": "- &one {id: a, " + ONCE + "}\n- {<<: *one, id: b}",
    "numbers for names": "- {id: 1, rule: {kind: match, match: {event: 404}, per: sku},"
    " timeline: [{at: 0, who: 7, event: 404, id: 5, props: {sku: 7}}], expect: [{at: 0, who: 7, key: 7}]}",
    "truths for keys": "- {id: a, rule: {kind: match, match: {event: B}, per: new},"
    " timeline: [{at: 1s, who: c1, event: B, props: {new: true}}], expect: [{at: 1s, who: c1, key: true}]}",
    "an instant without quotes, in UTC": "- {id: a, t0: 2002-02-01T09:00:00Z,"
    " rule: {kind: count, of: {event: B}, at_least: 2, tumbling: 1d}, timeline: [{at: 1ms, who: c1, event: B},"
    " {at: 14h59m59.999s, who: c1, event: B}], expect: [{at: 14h59m59.999s, who: c1}]}",
    "a day for t0, and calendar months": "- {id: a, t0: 2024-02-29, rule: {kind: absence, start: {event: B}, for: 1mo},"
    " timeline: [{at: 0s, who: c1, event: B}], run_until: 2mo, expect: [{at: 1mo, who: c1, start: 0s}]}",
    "an address of its own": f"- {{id: a, {MATCH}, timeline: [{{at: 1s, who: anon-1, event: B, email: a@b.invalid}},"
    " {at: 2s, who: c1, event: B, email: null}], expect: [{at: 1s, who: anon-1}]}",
    "remarks": f"- {{id: a, {ONCE}, title: 5, notes: x, comment: y, tags: [z]}}",
    "quotes, signs and letters": "- {id: a, rule: {kind: match, match: {event: 'it''s \"B\": #1 🛒'}},"
    " timeline: [{at: 1s, who: 'ü: #', event: 'it''s \"B\": #1 🛒'}], expect: [{at: 1s, who: 'ü: #'}]}",
    "several documents": f"- {{id: a, {ONCE}}}\n---\ncases:\n- {{id: b, {ONCE}}}",
}


def a_file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "cases.yaml"
    path.write_text(f"cases:\n{text}\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("fields", UNSUPPORTED)
def test_what_the_language_lacks_is_named_and_not_counted(
    fields: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = main([str(a_file(tmp_path, f"- {{id: strange, {fields}}}\n- {{id: plain, {ONCE}}}"))])

    told = capsys.readouterr().out
    assert f"{UNSUPPORTED[fields]}" in told
    assert told.endswith("1 cases and 0 variants not supported\n1 passed, 0 failed\n")
    assert status == 0


@pytest.mark.parametrize("case", MALFORMED)
def test_what_is_no_case_fails_by_name_and_the_others_are_played(
    case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = main([str(a_file(tmp_path, f"- {case}\n- {{id: plain, {ONCE}}}"))])

    told = capsys.readouterr().out
    assert MALFORMED[case] in told
    assert told.endswith("0 cases and 0 variants not supported\n1 passed, 1 failed\n")
    assert status == 1


@pytest.mark.parametrize("text", LEGAL.values(), ids=LEGAL)
def test_whatever_yaml_allows_is_read(text: str, tmp_path: Path) -> None:
    verdicts = list(judge_all(a_file(tmp_path, text)))

    assert verdicts
    assert [(verdict.unsupported, verdict.differences) for verdict in verdicts] == [("", [])] * len(verdicts)


def test_a_variant_that_is_not_offered_is_named_and_the_case_still_counts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    variants = "variants: [{system: X, override: {boundary: magic}, expect: []}, {override: {per: sku}, expect: []}]"

    assert main([str(a_file(tmp_path, f"- {{id: a, {ONCE}, {variants}}}"))]) == 0

    told = capsys.readouterr().out
    assert "variant skipped  a (X): option boundary of match" in told
    assert told.endswith("0 cases and 1 variants not supported\n1 passed, 0 failed\n")


def test_a_wrong_expectation_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    late = ONCE.replace("expect: [{at: 1s", "expect: [{at: 1.001s")

    assert main([str(a_file(tmp_path, f"- {{id: a, {late}}}"))]) == 1

    assert capsys.readouterr().out.endswith("0 passed, 1 failed\n")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("- {id: a,", "cases.yaml:3:1: "),
        ("- {id: a, id: b}", "cases.yaml:2:11: "),
        ("", "there is no list of cases"),
        (" []", "there are no cases"),
        ("  a: 1", "there is no list of cases"),
    ],
)
def test_a_file_that_cannot_be_read_is_said_to_be_so(
    text: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(a_file(tmp_path, text))]) == 2

    assert told in capsys.readouterr().out


@pytest.mark.parametrize(
    ("migrate", "fires"),
    [
        ("finish", "[{at: 1h, who: c1, start: 0s}, {at: 2h10m, who: c2}]"),
        ("move", "[{at: 2h10m, who: c2}]"),
        ("cancel", "[{at: 2h10m, who: c2}]"),
    ],
)
def test_an_edit_may_say_what_becomes_of_those_who_wait(migrate: str, fires: str, tmp_path: Path) -> None:
    timeline = f"""
  - {{at: 0s, who: c1, event: A}}
  - {{at: 5m, control: rule_change, patch: {{for: 2h, unless: [{{event: C}}]}}, migrate: {migrate}}}
  - {{at: 6m, who: c1, event: C}}
  - {{at: 10m, who: c2, event: A}}"""
    rule = "{kind: absence, start: {event: A}, unless: [{event: B}], for: 1h}"
    text = f"- id: a\n  rule: {rule}\n  run_until: 9h\n  expect: {fires}\n  timeline:{timeline}"

    (verdict,) = judge_all(a_file(tmp_path, text))

    assert (verdict.unsupported, verdict.differences) == ("", [])
