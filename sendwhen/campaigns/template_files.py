"""The files of a campaign's emails: which file is which part of which template."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from sendwhen.campaigns.catalogue import Catalogue
from sendwhen.campaigns.folder import BESIDE_NAMES, CASES_NAME, POLICY_NAME, YAML_NAME
from sendwhen.campaigns.mjml import compile_mjml
from sendwhen.campaigns.problem import Flaw, Problem, nearest, place, shortened
from sendwhen.campaigns.root_events import RootEvents
from sendwhen.campaigns.template_slips import placeholder_warnings
from sendwhen.campaigns.templates import PART_BYTES_LIMIT, Template, check_names, check_part

NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?\Z")
"""Of campaigns, templates and segments."""
_FILE = re.compile(r"(.+)\.(subject|text|html|mjml)\.liquid\Z|(.+)\.(mjml)\Z")
_LEFT_OVERS = ("~", ".bak", ".orig", ".rej", ".swp", ".tmp")
_PARTS = ("subject", "text", "html", "mjml")


@dataclass(frozen=True, slots=True)
class _Part:
    file: str
    source: str
    well: bool
    read: bool


@dataclass(slots=True)
class TemplateFiles:
    """Reads the templates among a campaign's files.

    Attributes:
        templates: By name; complete only where no problem is an error.
        problems: What is wrong, with its file.
    """

    templates: dict[str, Template] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    _parts: dict[str, dict[str, _Part]] = field(default_factory=dict)

    def read(self, files: Mapping[str, bytes]) -> None:
        """Read them all."""
        for file in sorted(files):
            if file in (YAML_NAME, CASES_NAME):
                continue
            match = _FILE.match(file)
            name, part = (match[1] or match[3], match[2] or match[4]) if match else ("", "")
            if not NAME.match(name):
                self.problems.append(_stranger(file))
                continue
            known = len(self.problems)
            source = self._decoded(file, files[file])
            read = len(self.problems) == known
            flaws = check_part("html" if part == "mjml" else part, source)
            self.problems += placed(file, source, [*flaws, *placeholder_warnings(source)])
            found = self._parts.setdefault(name, {})
            if part in found:
                self._refuse(file, f"'{name}' has two MJML files", f"Keep this one or {found[part].file}.")
            found[part] = _Part(file, source, not any(not flaw.warning for flaw in flaws), read)
        for name, parts in self._parts.items():
            self.templates[name] = self._template(name, parts)

    def check_names(self, roots: RootEvents, catalogue: Catalogue) -> list[Problem]:
        """What the templates name that there is not, in a campaign with these ``roots``."""
        return [
            problem
            for parts in self._parts.values()
            for kind, part in parts.items()
            if part.well
            for problem in placed(
                part.file,
                part.source,
                check_names("html" if kind == "mjml" else kind, part.source, roots, catalogue),
            )
        ]

    def _template(self, name: str, parts: Mapping[str, _Part]) -> Template:
        sources = {kind: parts[kind].source if kind in parts else "" for kind in _PARTS}
        if not sources["subject"].strip() and ("subject" not in parts or parts["subject"].read):
            file = f"{name}.subject.liquid"
            self._refuse(file, f"Template '{name}' has no subject", "Write one line in this file.")
        contents = ("text", "html", "mjml")
        if not any(sources[kind].strip() or (kind in parts and not parts[kind].read) for kind in contents):
            remedy = f"Write this file, {name}.html.liquid or {name}.mjml.liquid."
            self._refuse(f"{name}.text.liquid", f"Template '{name}' has no content", remedy)
        if "mjml" in parts and "html" in parts:
            self._refuse(
                parts["html"].file, f"'{name}' has HTML and MJML, which becomes HTML", "Keep one of the two files."
            )
        template = Template(subject=sources["subject"], text=sources["text"], html=sources["html"])
        return replace(template, html=self._html(parts["mjml"])) if "mjml" in parts else template

    def _html(self, mjml: _Part) -> str:
        if not mjml.well:
            return ""
        html, flaws = compile_mjml(mjml.source)
        self.problems += placed(mjml.file, mjml.source, flaws)
        if not html:
            return ""
        if broken := check_part("html", html):
            self._refuse(
                mjml.file,
                f"The HTML made of it is no template ({broken[0].problem})",
                "Keep each Liquid block within one element, or around whole elements; "
                f"the HTML may have {PART_BYTES_LIMIT // 1024} KB.",
            )
        return html

    def _refuse(self, file: str, problem: str, remedy: str) -> None:
        self.problems.append(Problem(file=file, problem=problem, remedy=remedy))

    def _decoded(self, file: str, content: bytes) -> str:
        try:
            text = content.decode("utf-8-sig").replace("\r\n", "\n")
        except UnicodeDecodeError as error:
            before = content[: error.start].decode("utf-8", "replace")
            flaw = Flaw(len(before), "The file is not UTF-8 text", "Save it as UTF-8.")
            self.problems += placed(file, before, [flaw])
            return ""
        if "\x00" in text:
            flaw = Flaw(text.index("\x00"), "The character U+0000 does not belong into a text", "Remove it.")
            self.problems += placed(file, text, [flaw])
            return ""
        return text


def placed(file: str, text: str, flaws: Iterable[Flaw]) -> list[Problem]:
    """Flaws of a text with their lines and columns."""
    found = []
    for flaw in flaws:
        line, column = place(text, flaw.offset)
        found.append(
            Problem(file=file, line=line, column=column, problem=flaw.problem, remedy=flaw.remedy, warning=flaw.warning)
        )
    return found


def _stranger(file: str) -> Problem:
    remedy = (
        "Name templates <name>.subject.liquid, <name>.text.liquid, <name>.html.liquid or <name>.mjml.liquid, with a-z, "
        "0-9 and - in the name; keep other files elsewhere."
    )
    stem = file.rsplit(".", 2)[0]
    if file in (*BESIDE_NAMES, POLICY_NAME):
        remedy = "Put it beside the campaigns' folders; it belongs to all of them."
    elif file.endswith(_LEFT_OVERS):
        remedy = "Remove it; an editor or a program has left it there."
    elif file.lower().startswith(("campaign.", "campaigns.")):
        remedy = f"Name it {YAML_NAME}."
    elif close := nearest(file, [f"{stem}.{part}.liquid" for part in _PARTS]):
        remedy = f"Name it {close}." if _FILE.match(close) and NAME.match(close.split(".")[0]) else remedy
    return Problem(file=shortened(file, 80), problem="This file does not belong to a campaign", remedy=remedy)
