"""Checks a whole campaign: its text, its templates, and that they belong together."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

from msgspec.structs import replace

from sendwhen.campaigns.campaign_reader import NAME, CampaignReader
from sendwhen.campaigns.folder import (
    BYTES_LIMIT,
    CASES_NAME,
    FILES_LIMIT,
    YAML_NAME,
    CampaignFiles,
    campaign_folders,
    read_folder,
    too_large,
)
from sendwhen.campaigns.problem import Flaw, Problem, nearest, place, shortened
from sendwhen.campaigns.templates import Template, check_part, template_hash
from sendwhen.campaigns.yaml_document import read_document
from sendwhen.domain.campaign import Campaign
from sendwhen.errors import Invalid, Violation

_TEMPLATE_FILE = re.compile(r"(.+)\.(subject|text|html)\.liquid\Z")
PROBLEMS_LIMIT = 100
"""Problems that are reported of one campaign."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What came of a check.

    Attributes:
        problems: By file and place; warnings among them.
        campaign: None where there is an error; then the rest is empty too.
        version: The campaign's content by hash: 24 hexadecimal digits.
        template_hashes: The templates that it uses, by name.
        templates: The same templates by hash.
        source_yaml: campaign.yaml as it was.
    """

    problems: tuple[Problem, ...] = ()
    campaign: Campaign | None = None
    version: str = ""
    template_hashes: Mapping[str, str] = field(default_factory=dict)
    templates: Mapping[str, Template] = field(default_factory=dict)
    source_yaml: bytes = b""


def check(files: CampaignFiles | Mapping[str, bytes]) -> Checked:
    """Everything that is wrong with a campaign, or the campaign; never raises."""
    if not isinstance(files, CampaignFiles):
        files = CampaignFiles(files)
    if len(files.files) > FILES_LIMIT or sum(map(len, files.files.values())) > BYTES_LIMIT:
        return Checked(problems=(*files.problems, too_large()))
    problems = list(files.problems)
    templates = _templates(files.files, problems)
    source = files.files.get(YAML_NAME)
    if source is None:
        close = next(
            (n for n in files.files if n.lower() in ("campaign.yml", "campaigns.yaml", "campaign.yaml.txt")), ""
        )
        problems.append(
            Problem(
                file=YAML_NAME,
                problem="There is no campaign.yaml in the folder",
                remedy=f"Rename {close}." if close else "Write one; docs/campaigns.md shows how.",
            )
        )
        return _refused(problems)
    hashes = {name: template_hash(template) for name, template in templates.items()}
    campaign, used, flaws = _read(source, hashes)
    problems += flaws
    problems += _unused(templates.keys() - used if campaign else ())
    if campaign is None or any(not p.warning for p in problems):
        return _refused(problems)
    kept = {name: hashes[name] for name in sorted(used)}
    version = _version(source, kept)
    return Checked(
        problems=_sorted(problems),
        campaign=replace(campaign, version=version),
        version=version,
        template_hashes=kept,
        templates={hashes[name]: templates[name] for name in kept},
        source_yaml=source,
    )


def compile_campaign(source_yaml: bytes, template_hashes: Mapping[str, str], *, version: str = "") -> Campaign:
    """The campaign of a text that ``check`` passed; raises Invalid for any other.

    ``version`` is computed from the text and the templates that it uses where it is not given.
    """
    campaign, used, problems = _read(source_yaml, template_hashes)
    if campaign is None:
        errors = [p for p in problems if not p.warning]
        raise Invalid.of(
            [Violation(field=f"{p.file}:{p.line}:{p.column}", description=f"{p.problem}. {p.remedy}") for p in errors]
        )
    computed = version or _version(source_yaml, {name: template_hashes[name] for name in sorted(used)})
    return replace(campaign, version=computed)


def check_lines(path: str | Path) -> tuple[list[str], bool]:
    """A report on one campaign's folder or a folder of them, a line each; and whether all is well.

    Problems read ``file:line:column: problem. remedy``.
    """
    lines: list[str] = []
    well = True
    names: dict[str, Path] = {}
    for folder in campaign_folders(path):
        checked = check(read_folder(folder))
        lines += [f"{folder}/{problem}" for problem in checked.problems]
        well = well and checked.campaign is not None
        if checked.campaign is None:
            continue
        name = checked.campaign.campaign_id
        if name in names:
            lines.append(
                f"{folder}/{YAML_NAME}:1:1: '{name}' is the name of {names[name]} too. Give each campaign its own name."
            )
            well = False
        names[name] = folder
        lines.append(f"{folder}: {name} is well, version {checked.version}")
    return lines, well


def _read(source: bytes, hashes: Mapping[str, str]) -> tuple[Campaign | None, set[str], list[Problem]]:
    document = read_document(source)
    if document.root is None or document.flaws:
        return None, set(), _placed(YAML_NAME, document.text, document.flaws)
    reader = CampaignReader(document, hashes)
    campaign = reader.read()
    return campaign, set(reader.used), _placed(YAML_NAME, document.text, reader.words.flaws)


def _templates(files: Mapping[str, bytes], problems: list[Problem]) -> dict[str, Template]:
    parts: dict[str, dict[str, str]] = {}
    for file in sorted(files):
        if file in (YAML_NAME, CASES_NAME):
            continue
        match = _TEMPLATE_FILE.match(file)
        if not match or not NAME.match(match[1]):
            problems.append(_stranger(file))
            continue
        source = _decoded(file, files[file], problems)
        problems += _placed(file, source, check_part(match[2], source))
        parts.setdefault(match[1], {})[match[2]] = source
    templates: dict[str, Template] = {}
    for name, found in parts.items():
        if not found.get("subject", "").strip():
            problems.append(
                Problem(
                    file=f"{name}.subject.liquid",
                    problem=f"Template '{name}' has no subject",
                    remedy="Write one line in this file.",
                )
            )
        if not found.get("text", "").strip() and not found.get("html", "").strip():
            problems.append(
                Problem(
                    file=f"{name}.text.liquid",
                    problem=f"Template '{name}' has no content",
                    remedy=f"Write this file or {name}.html.liquid.",
                )
            )
        templates[name] = Template(
            subject=found.get("subject", ""), text=found.get("text", ""), html=found.get("html", "")
        )
    return templates


def _stranger(file: str) -> Problem:
    remedy = (
        "Name templates <name>.subject.liquid, <name>.text.liquid or <name>.html.liquid, with a-z, 0-9 and - in "
        "the name; keep other files elsewhere."
    )
    if file.lower().startswith(("campaign.", "campaigns.")):
        remedy = f"Name it {YAML_NAME}."
    elif close := nearest(file, [file.rsplit(".", 2)[0] + f".{part}.liquid" for part in ("subject", "text", "html")]):
        remedy = f"Name it {close}." if _TEMPLATE_FILE.match(close) and NAME.match(close.split(".")[0]) else remedy
    return Problem(file=shortened(file, 80), problem="This file does not belong to a campaign", remedy=remedy)


def _decoded(file: str, content: bytes, problems: list[Problem]) -> str:
    try:
        text = content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line, column = place(before := content[: error.start].decode("utf-8", "replace"), len(before))
        problems.append(
            Problem(
                file=file, line=line, column=column, problem="The file is not UTF-8 text", remedy="Save it as UTF-8."
            )
        )
        return ""
    if "\x00" in text:
        line, column = place(text, text.index("\x00"))
        problems.append(
            Problem(
                file=file,
                line=line,
                column=column,
                problem="The character U+0000 does not belong into a text",
                remedy="Remove it.",
            )
        )
        return ""
    return text


def _unused(names: Iterable[str]) -> list[Problem]:
    return [
        Problem(
            file=f"{name}.subject.liquid",
            line=1,
            column=1,
            problem=f"No step sends '{name}'",
            remedy="Send it or remove its files.",
            warning=True,
        )
        for name in sorted(names)
    ]


def _placed(file: str, text: str, flaws: Iterable[Flaw]) -> list[Problem]:
    placed = []
    for flaw in flaws:
        line, column = place(text, flaw.offset)
        placed.append(
            Problem(file=file, line=line, column=column, problem=flaw.problem, remedy=flaw.remedy, warning=flaw.warning)
        )
    return placed


def _version(source: bytes, hashes: Mapping[str, str]) -> str:
    digest = blake2b(digest_size=12, person=b"sendwhen-version"[:16])
    for part in (source, *(word.encode() for name in sorted(hashes) for word in (name, hashes[name]))):
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def _refused(problems: list[Problem]) -> Checked:
    return Checked(problems=_sorted(problems))


def _sorted(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    return tuple(sorted(set(problems))[:PROBLEMS_LIMIT])
