"""The JSON Schema for editors says what the readers know, and the committed files are what it says."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import jsonschema
import pytest
from ruamel.yaml import YAML
from ruamel.yaml.nodes import Node
from typer.testing import CliRunner

from sendwhen.campaigns.campaign_reader import CampaignReader
from sendwhen.campaigns.json_schema import campaign_schema, catalogue_schema, policy_schema, schema_text, schemas
from sendwhen.campaigns.language_table import MAPS
from sendwhen.campaigns.words import Reader
from sendwhen.campaigns.yaml_document import read_document
from sendwhen.cli.campaigns import app
from sendwhen.cli.terminal import EXIT_REFUSED
from tests.campaigns.document import PATH, examples
from tests.campaigns.golden_cases import cases

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "docs" / "schemas"
FOLDERS = sorted((ROOT / "examples").glob("**/campaign.yaml"))


RARE = """
guard:
  all:
    - any: [{segment: vip}, {not: {event: A, at_least: 1}}]
    - {since: customer.joined_at, at_least: 14d}
"""


@dataclass(slots=True)
class Listening(Reader):
    """Notes which words are known where."""

    heard: set[tuple[str, tuple[str, ...], tuple[str, ...]]] = field(default_factory=set)

    def map(self, node: Node, known: Sequence[str], *, required: Collection[str] = (), what: str) -> Mapping[str, Node]:
        self.heard.add((what, tuple(sorted(known)), tuple(sorted(required))))
        return Reader.map(self, node, known, required=required, what=what)


def texts() -> list[str]:
    found = [example.campaign for example in examples()] + [path.read_text() for path in FOLDERS]
    found += [
        case.files["campaign.yaml"].decode("utf-8", "replace") for case in cases() if "campaign.yaml" in case.files
    ]
    return [*found, RARE]


def test_the_readers_know_the_words_of_the_table_and_no_others() -> None:
    words = Listening()
    for text in texts():
        document = read_document(text.encode())
        if document.root is not None:
            CampaignReader(document, {"reminder": "x"}, words=words).read()
    table = {(m.what, tuple(sorted(m.known)), tuple(sorted(m.required))) for m in MAPS.values()}
    # The kinds of a condition are told apart before its words are read.
    kinds = [known for what, known, _ in words.heard if what == "A condition" and len(known) > 1]
    heard = {each for each in words.heard if not (each[0] == "A condition" and len(each[1]) > 1)}
    assert heard == table
    assert all({"all", "any", "not", "segment"} <= set(known) for known in kinds)


def test_what_the_table_refers_to_is_there() -> None:
    schema = campaign_schema()
    jsonschema.Draft7Validator.check_schema(schema)
    jsonschema.Draft7Validator.check_schema(catalogue_schema())
    text = schema_text(schema)
    for name in {part.split('"')[0] for part in text.split("#/definitions/")[1:]}:
        assert name in schema["definitions"]


@pytest.mark.parametrize("name", ["campaign", "events", "segments", "sending"])
def test_the_committed_schema_is_what_the_table_says(name: str) -> None:
    committed = (SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8")
    assert committed == schema_text(schemas()[name]), f"sendwhen campaigns schema --of {name} > docs/schemas/…"
    printed = CliRunner().invoke(app, ["schema", "--of", name])
    assert printed.output == committed


def test_there_is_no_schema_of_anything_else() -> None:
    assert CliRunner().invoke(app, ["schema", "--of", "dreams"]).exit_code == EXIT_REFUSED


def test_good_campaigns_pass() -> None:
    validator = jsonschema.Draft7Validator(campaign_schema())
    found = [*(e.campaign for e in examples()), *(path.read_text() for path in FOLDERS)]
    assert len(found) > 10
    for text in found:
        errors = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(loaded(text))]
        assert errors == [], text


def test_the_policy_of_the_document_passes_and_a_misspelt_one_does_not() -> None:
    validator = jsonschema.Draft7Validator(policy_schema())
    (text,) = re.findall(r"```yaml sending\n(.*?)```", PATH.read_text(encoding="utf-8"), re.DOTALL)
    assert not list(validator.iter_errors(loaded(text)))
    assert list(validator.iter_errors(loaded(text.replace("holdout", "holdouts"))))
    assert list(validator.iter_errors(loaded(text.replace("marketing:", "marketng:"))))


@pytest.mark.parametrize(
    "name",
    [
        "misspelt-word", "misspelt-trigger", "unknown-word", "bad-name", "bad-duration", "bad-choices", "two-triggers",
        "no-trigger-kind", "missing-words", "absence-incomplete", "no-steps", "event-without-name", "bad-restart",
        "step-of-two-kinds", "unless-no-list",
    ],
)  # fmt: skip
def test_broken_campaigns_are_found_while_typing(name: str) -> None:
    (case,) = (case for case in cases() if case.name == name)
    validator = jsonschema.Draft7Validator(campaign_schema())
    assert list(validator.iter_errors(loaded(case.files["campaign.yaml"].decode())))


def loaded(text: str) -> object:
    return YAML(typ="safe", pure=True).load(text)
