"""Checks a whole campaign: its text, its templates, and that they belong together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b

from msgspec.structs import replace

from sendwhen.campaigns.attribute_check import attribute_flaws
from sendwhen.campaigns.campaign_reader import CampaignReader
from sendwhen.campaigns.catalogue import BUILT_IN, CATALOGUE_NAME, Catalogue
from sendwhen.campaigns.catalogue_check import catalogue_flaws
from sendwhen.campaigns.catalogue_reader import read_catalogue
from sendwhen.campaigns.folder import (
    BYTES_LIMIT,
    FILES_LIMIT,
    YAML_NAME,
    CampaignFiles,
    too_large,
)
from sendwhen.campaigns.problem import Flaw, Problem
from sendwhen.campaigns.root_events import RootEvents, root_events
from sendwhen.campaigns.segments import SEGMENTS_NAME, Segments, read_segments
from sendwhen.campaigns.template_files import TemplateFiles, placed
from sendwhen.campaigns.templates import Template, template_hash
from sendwhen.campaigns.traps import trap_flaws
from sendwhen.campaigns.yaml_document import read_document
from sendwhen.domain.campaign import Campaign
from sendwhen.errors import Invalid, Violation

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
        segments_yaml: Definitions of the segments that it uses; b"" for none.
    """

    problems: tuple[Problem, ...] = ()
    campaign: Campaign | None = None
    version: str = ""
    template_hashes: Mapping[str, str] = field(default_factory=dict)
    templates: Mapping[str, Template] = field(default_factory=dict)
    source_yaml: bytes = b""
    segments_yaml: bytes = b""


def check(files: CampaignFiles | Mapping[str, bytes]) -> Checked:
    """Everything that is wrong with a campaign, or the campaign; never raises."""
    if not isinstance(files, CampaignFiles):
        files = CampaignFiles.of(files)
    if len(files.files) > FILES_LIMIT or sum(map(len, files.files.values())) > BYTES_LIMIT:
        return Checked(problems=(*files.problems, too_large()))
    problems = list(files.problems)
    emails = TemplateFiles()
    emails.read(files.files)
    problems += emails.problems
    templates = emails.templates
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
    catalogue = _catalogue(files.beside, problems)
    segments = read_segments(files.beside.get(SEGMENTS_NAME, b""))
    problems += placed(f"../{SEGMENTS_NAME}", segments.text, _segment_flaws(segments, catalogue))
    campaign, reader, flaws = _read(source, hashes, segments, catalogue)
    used = set(reader.used) if reader else set()
    problems += flaws
    problems += emails.check_names(root_events(campaign) if campaign else RootEvents(), catalogue)
    problems += _unused(templates.keys() - used if campaign else ())
    if campaign is None or any(not p.warning for p in problems):
        return _refused(problems)
    kept = {name: hashes[name] for name in sorted(used)}
    segments_yaml = segments.source(reader.used_segments) if reader else b""
    version = _version(source, kept, segments_yaml)
    return Checked(
        problems=_sorted(problems),
        campaign=replace(campaign, version=version),
        version=version,
        template_hashes=kept,
        templates={hashes[name]: templates[name] for name in kept},
        source_yaml=source,
        segments_yaml=segments_yaml,
    )


def compile_campaign(
    source_yaml: bytes, template_hashes: Mapping[str, str], *, version: str = "", segments_yaml: bytes = b""
) -> Campaign:
    """The campaign of a text that ``check`` passed; raises Invalid for any other.

    ``version`` is computed from the text and what it uses where it is not given.
    """
    campaign, reader, problems = _read(source_yaml, template_hashes, read_segments(segments_yaml))
    if campaign is None or reader is None:
        errors = [p for p in problems if not p.warning]
        raise Invalid.of(
            [Violation(field=f"{p.file}:{p.line}:{p.column}", description=f"{p.problem}. {p.remedy}") for p in errors]
        )
    used = {name: template_hashes[name] for name in sorted(reader.used)}
    computed = version or _version(source_yaml, used, segments_yaml)
    return replace(campaign, version=computed)


def _read(
    source: bytes, hashes: Mapping[str, str], segments: Segments, catalogue: Catalogue | None = None
) -> tuple[Campaign | None, CampaignReader | None, list[Problem]]:
    """``catalogue``: what to hold the campaign against; None where it was checked before."""
    document = read_document(source)
    if document.root is None or document.flaws:
        return None, None, placed(YAML_NAME, document.text, document.flaws)
    reader = CampaignReader(document, hashes, segments.definitions)
    campaign = reader.read()
    flaws = list(reader.words.flaws)
    if catalogue is not None:
        roots = root_events(campaign) if campaign is not None else RootEvents()
        flaws += catalogue_flaws(document.text, reader.uses, roots, catalogue)
        flaws += attribute_flaws(document.root, catalogue)
        if campaign is not None:
            flaws += trap_flaws(document.text, document.root, campaign, reader.uses, catalogue)
    return campaign, reader, placed(YAML_NAME, document.text, flaws)


def _segment_flaws(segments: Segments, catalogue: Catalogue) -> Iterator[Flaw]:
    yield from segments.flaws
    yield from catalogue_flaws(segments.text, segments.uses, RootEvents(), catalogue)


def _catalogue(beside: Mapping[str, bytes], problems: list[Problem]) -> Catalogue:
    content = beside.get(CATALOGUE_NAME)
    if content is None:
        return BUILT_IN
    found = read_catalogue(content)
    problems += placed(f"../{CATALOGUE_NAME}", found.text, found.flaws)
    return found.catalogue


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


def _version(source: bytes, hashes: Mapping[str, str], segments: bytes) -> str:
    digest = blake2b(digest_size=12, person=b"sendwhen-version"[:16])
    for part in (source, *(word.encode() for name in sorted(hashes) for word in (name, hashes[name]))):
        digest.update(len(part).to_bytes(8, "big") + part)
    if segments:
        digest.update(b"segments" + segments)
    return digest.hexdigest()


def _refused(problems: list[Problem]) -> Checked:
    return Checked(problems=_sorted(problems))


def _sorted(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    return tuple(sorted(set(problems))[:PROBLEMS_LIMIT])
