"""`sendwhen campaigns test`: cases beside a campaign, played through the production domain."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner, Result

from sendwhen.campaigns import check, read_folder
from sendwhen.cases import Player, judge, play_folder, read_cases
from sendwhen.cli.__main__ import app

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted(path.parent for path in (ROOT / "examples").glob("**/cases.yaml"))
CAMPAIGN = """
campaign: cart
trigger:
  absence:
    start: {event: Product Added, where: event.properties.price >= 10}
    unless: [{event: Order Completed}]
    for: 1h
per: event.properties.sku
steps:
  - send: reminder
  - wait: 1d
  - send: last-call
exit_on: [{event: Order Completed}]
"""
HEAD = """cases:
  - name: a cart
    timeline:
      - {at: 0s, who: ann, event: Product Added, properties: {price: 12, sku: mug}}
      - {at: 2h, who: ann, event: Order Completed, properties: {sku: mug}}
"""
TEMPLATES = {"reminder", "last-call"}


def test_the_cases_in_the_document_pass(tmp_path: Path) -> None:
    document = (ROOT / "docs" / "campaigns.md").read_text(encoding="utf-8")
    campaign = document.split("```yaml\n")[1].split("```")[0]
    shown = document.split("```yaml cases\n")[1].split("```")[0]
    for name, text in (("campaign.yaml", campaign), ("cases.yaml", shown)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    for name in TEMPLATES:
        (tmp_path / f"{name}.subject.liquid").write_text("Hello")
        (tmp_path / f"{name}.text.liquid").write_text("Hello")

    result = said(tmp_path)

    assert result.exit_code == 0, result.output
    assert "2 passed, 0 failed" in result.output


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "campaign.yaml").write_text(CAMPAIGN)
    for name in TEMPLATES:
        (tmp_path / f"{name}.subject.liquid").write_text("Hello")
        (tmp_path / f"{name}.text.liquid").write_text("Hello")
    return tmp_path


def with_cases(folder: Path, text: str) -> Path:
    (folder / "cases.yaml").write_text(text)
    return folder


def said(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["campaigns", "test", *map(str, arguments)], catch_exceptions=False)


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda folder: folder.name)
def test_the_cases_of_the_examples_pass(folder: Path) -> None:
    result = play_folder(folder, clock_s=time.perf_counter)

    assert result.problems == ()
    assert result.verdicts
    assert [verdict.difference for verdict in result.verdicts if not verdict.passed] == []


def test_a_case_that_passes_leaves_status_zero(folder: Path) -> None:
    result = said(with_cases(folder, HEAD + "    expect: [{at: 1h, who: ann, send: reminder, key: mug}]\n"))

    assert result.exit_code == 0
    assert "1 passed, 0 failed" in result.output


def test_a_case_that_fails_shows_what_was_expected_what_happened_and_why(folder: Path) -> None:
    result = said(with_cases(folder, HEAD + "    expect: [{at: 2h, who: ann, send: reminder}]\n"))

    assert result.exit_code == 1
    lines = [line.strip() for line in result.output.splitlines()]
    assert f"{folder}/cases.yaml:2" in lines
    assert "-        2h  ann  send reminder" in lines
    assert "+        1h  ann  send reminder key mug" in lines
    assert any("2h  ann  the wait ended exited key mug (“Order Completed” came.)" in line for line in lines)


def test_an_email_that_nobody_expects_fails_a_case(folder: Path) -> None:
    assert said(with_cases(folder, HEAD)).exit_code == 1


@pytest.mark.parametrize(("exact", "passes"), [("false", True), ("true", False)])
def test_skips_that_are_not_listed_count_only_where_the_case_is_exact(folder: Path, exact: str, passes: bool) -> None:
    case = HEAD.replace("    timeline", f"    exact: {exact}\n    customers: {{ann: {{email: none}}}}\n    timeline")

    assert (said(with_cases(folder, case + "    expect: []\n")).exit_code == 0) == passes


def test_a_skip_that_is_listed_must_come(folder: Path) -> None:
    case = HEAD.replace("    timeline", "    customers: {ann: {email: none}}\n    timeline")

    assert said(with_cases(folder, case + "    expect: [{at: 1h, who: ann, skip: no_address}]\n")).exit_code == 0
    assert said(with_cases(folder, case + "    expect: [{at: 1h, who: ann, skip: no_consent}]\n")).exit_code == 1


def test_a_junit_report_names_every_case(folder: Path, tmp_path: Path) -> None:
    second = HEAD.removeprefix("cases:\n").replace("a cart", "a <cart>")
    cases = HEAD + "    expect: [{at: 1h, who: ann, send: reminder}]\n" + second
    report = tmp_path.parent / "junit.xml"

    assert said(with_cases(folder, cases), "--junit", report).exit_code == 1

    suite = ElementTree.fromstring(report.read_bytes()).find("testsuite")
    assert suite is not None
    assert suite.attrib | {"time": ""} == {"name": "cart", "tests": "2", "failures": "1", "errors": "0", "time": ""}
    assert [case.get("name") for case in suite] == ["a cart", "a <cart>"]
    assert "reminder" in (suite[1][0].text or "")


def test_a_campaign_that_is_wrong_is_not_played(folder: Path, tmp_path: Path) -> None:
    with_cases(folder, HEAD)
    (folder / "campaign.yaml").write_text("campaign: cart\n")

    result = said(folder, "--junit", tmp_path.parent / "junit.xml")

    assert result.exit_code == 1
    assert f"{folder}/campaign.yaml:1:1" in result.output
    assert b'errors="2"' in (tmp_path.parent / "junit.xml").read_bytes()


def test_a_folder_without_cases_is_refused(folder: Path) -> None:
    result = said(folder)

    assert result.exit_code == 1
    assert "There is no cases.yaml" in result.output


def test_cases_are_accepted_beside_a_campaign_and_are_no_part_of_its_version(folder: Path) -> None:
    before = check(read_folder(folder))
    after = check(read_folder(with_cases(folder, HEAD)))

    assert after.problems == before.problems
    assert (after.version, after.campaign) == (before.version, after.campaign)


def test_a_hundred_cases_take_less_than_a_second_of_a_processor(folder: Path) -> None:
    case = HEAD.removeprefix("cases:\n") + "    run_until: 3d\n    expect: [{at: 1h, who: ann, send: reminder}]\n"
    text = "cases:\n" + "".join(case.replace("a cart", f"cart {number}") for number in range(100))
    with_cases(folder, text)

    begun = time.process_time()
    result = play_folder(folder, clock_s=lambda: 0.0)

    assert len(result.verdicts) == 100
    assert result.passed
    assert time.process_time() - begun < 1.0


def test_cases_do_not_know_of_each_other(folder: Path) -> None:
    player = Player(check(read_folder(folder)))
    case = read_cases((HEAD + "    run_until: 3h\n").encode(), templates=TEMPLATES).cases[0]
    (other,) = read_cases(HEAD.replace("ann", "bob").encode(), templates=TEMPLATES).cases

    first = player.play(other)
    player.play(case)

    assert player.play(other) == first


def test_an_email_expected_of_a_campaign_that_sends_none_is_refused() -> None:
    text = HEAD + "    expect: [{at: 1h, who: ann, send: reminder}]\n"

    (problem,) = read_cases(text.encode(), templates=()).problems

    assert str(problem).endswith("No step sends 'reminder'. Write no 'send': the campaign sends nothing.")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "1:1: The file is empty"),
        ("cases: 3\n", "1:8: cases must be a list, not '3'. Write a list of cases."),
        ("tests: []\n", "1:1: 'tests' is not supported yet. Leave it out. cases.yaml knows t0 and cases."),
        ("cases: [{timeline: []}]\n", "1:9: A case needs 'name'. Add 'name: …'."),
        (HEAD + "    until: 3d\n", "6:5: 'until' is unknown. Write 'run_until'."),
        (HEAD + "    run_until: soon\n", "6:16: 'soon' is no time from the beginning of the case."),
        (HEAD + "    run_until: 1h\n", "6:16: The case goes on after 'run_until'."),
        (HEAD + "    exact: yes\n", "6:12: exact cannot be 'yes'. Write true or false."),
        (HEAD + "    t0: yesterday\n", "6:9: 'yesterday' is no instant. Write date, time and zone"),
        (HEAD + "    t0: 2026-02-31T00:00:00Z\n", "6:9: '2026-02-31T00:00:00Z' is no instant"),
        (HEAD + "    t0: 1969-12-31T00:00:00Z\n", "6:9: t0 lies outside 2000 to 2089. Write an instant such as"),
        (HEAD + "    t0: 9999-12-31T23:00:00Z\n", "6:9: t0 lies outside 2000 to 2089. Write an instant such as"),
        (
            "cases:\n  - 3\n" + HEAD.removeprefix("cases:\n") * 2,
            "7:5: 'a cart' is the name of the case in line 3 too.",
        ),
        (
            HEAD + "    expect: [{at: 1h, who: an, send: reminder}]\n",
            "'an' does not occur in the timeline. Write 'ann'.",
        ),
        (HEAD + "    expect: [{at: 1h, who: ann, send: remindr}]\n", "No step sends 'remindr'. Write 'reminder'."),
        (HEAD + "    expect: [{at: 1h, who: ann}]\n", "6:14: What is expected needs 'send' or 'skip'."),
        (HEAD + "    expect: [{at: 1h, who: ann, sends: reminder}]\n", "'sends' is unknown. Write 'send'."),
        (HEAD + "      - {at: 1h, who: ann, event: A}\n", "6:9: This comes before the line above it."),
        (HEAD + "      - {at: 3h, event: A}\n", "6:9: A line of a timeline needs 'who'."),
        (HEAD + "      - {at: 3h, who: ann}\n", "6:9: Nothing happens in this line."),
        (HEAD + "      - {at: 3h, pause: true, who: ann}\n", "A line with 'pause' has no 'who'. Write two lines."),
        (HEAD + "      - {at: -3h, who: ann, event: A}\n", "6:14: at lies outside the case."),
        (HEAD + "      - {at: 3h, who: ann, event: A, properties: [1]}\n", "properties must be a map."),
        (HEAD + "      - {at: 3h, who: ann, event: A, properties: {a: 1, a: 2}}\n", "'a' is written twice."),
        (HEAD + "    customers: {bob: {mail: b@example.com}}\n", "'mail' is unknown. Write 'email'."),
        (HEAD + "    customers: {bob: {email: b}}\n", "6:30: 'b' is no address. Write an address, or none."),
        (HEAD + "    customers: {bob: {user_id: ann}}\n", "2:5: 'ann' and 'bob' are the same customer."),
        (HEAD + HEAD.removeprefix("cases:\n"), "6:5: 'a cart' is the name of the case in line 2 too."),
    ],
)
def test_what_is_wrong_with_a_case_is_said_with_its_place_and_what_to_write(text: str, problem: str) -> None:
    found = read_cases(text.encode(), templates=TEMPLATES)

    assert found.cases == ()
    assert any(problem in str(one) for one in found.problems), list(map(str, found.problems))


def test_two_cases_that_expect_keys_and_no_keys_are_matched_whatever_their_order(folder: Path) -> None:
    text = """cases:
  - name: two things
    timeline:
      - {at: 0s, who: ann, event: Product Added, properties: {price: 12, sku: mug}}
      - {at: 0s, who: ann, event: Product Added, properties: {price: 12, sku: bowl}}
    run_until: 1h
    expect: [{at: 1h, who: ann, send: reminder}, {at: 1h, who: ann, send: reminder, key: mug}]
"""
    (case,) = read_cases(text.encode(), templates=TEMPLATES).cases

    assert judge(case, Player(check(read_folder(folder))).play(case)).passed


def test_a_check_of_the_campaign_names_what_is_wrong_with_its_cases(folder: Path) -> None:
    def checked() -> Result:
        return CliRunner().invoke(app, ["campaigns", "check", str(folder)], catch_exceptions=False)

    with_cases(folder, HEAD)
    well = checked()
    with_cases(folder, HEAD + "    until: 3d\n")
    wrong = checked()

    assert (well.exit_code, wrong.exit_code) == (0, 1)
    assert f"{folder}/cases.yaml:6:5: 'until' is unknown. Write 'run_until'." in wrong.output


def in_a_shop(folder: Path, shop: Path) -> Path:
    """The campaign in a folder of campaigns, beside which other files may stand."""
    return shutil.copytree(folder, shop / "cart")


def test_a_case_that_tells_of_events_which_a_closed_catalogue_does_not_have_proves_nothing(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = in_a_shop(folder, tmp_path_factory.mktemp("shop"))
    catalogue = folder.parent / "events.yaml"
    catalogue.write_text(
        "catalogue: closed\nbuilt_in: none\nevents:\n"
        "  Product Added: {properties: {price: number, sku: text}}\n  Order Completed: {properties: {sku: text}}\n"
    )
    with_cases(folder, HEAD.replace("event: Order Completed", "event: Order Complete").replace("price:", "prize:"))
    wrong = said(folder)
    catalogue.write_text(catalogue.read_text().replace("closed", "open"))
    anything_goes = said(folder)

    assert (wrong.exit_code, "0 passed, 0 failed" in wrong.output) == (1, True)
    assert f"{folder}/cases.yaml:4:63: 'Product Added' has no property 'prize'. Write 'price'" in wrong.output
    assert f"{folder}/cases.yaml:5:35: No event is called 'Order Complete'. Write 'Order Completed'" in wrong.output
    assert "cases.yaml:4:63" not in anything_goes.output


def test_what_is_wrong_with_a_file_that_belongs_to_all_campaigns_is_said_once(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = in_a_shop(folder, tmp_path_factory.mktemp("shop"))
    shutil.copytree(folder, folder.parent / "second")
    (folder.parent / "events.yaml").write_text("catalogue: shut\n")

    result = said(folder.parent)

    assert result.output.count("events.yaml:1:12: catalogue cannot be 'shut'") == 1
    assert f"{folder.parent}/events.yaml:1:12" in result.output
