"""Verdicts as JUnit XML, which every CI reads."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from sendwhen.cases.folder import FolderResult


def junit_xml(results: Sequence[FolderResult]) -> bytes:
    """One suite for each campaign; what keeps cases from being read is an error in its suite."""
    root = Element("testsuites", name="sendwhen campaigns test")
    for result in results:
        failures = sum(not verdict.passed for verdict in result.verdicts)
        suite = SubElement(
            root,
            "testsuite",
            name=_plain(result.name),
            tests=str(len(result.verdicts) + len(result.problems)),
            failures=str(failures),
            errors=str(len(result.problems)),
            time=f"{sum(verdict.duration_s for verdict in result.verdicts):.3f}",
        )
        for verdict in result.verdicts:
            case = SubElement(
                suite,
                "testcase",
                classname=_plain(result.name),
                name=_plain(verdict.case.name),
                file=_plain(f"{result.folder}/cases.yaml"),
                line=str(verdict.case.line),
                time=f"{verdict.duration_s:.3f}",
            )
            if not verdict.passed:
                failure = SubElement(case, "failure", message="Other emails than expected.")
                failure.text = _plain("\n".join(verdict.difference))
        for problem in result.problems:
            case = SubElement(suite, "testcase", classname=_plain(result.name), name=_plain(problem))
            SubElement(case, "error", message=_plain(problem))
    indent(root)
    document: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _plain(text: str) -> str:
    # XML 1.0 has no control characters at all.
    return "".join(c if c in "\n\t" or c.isprintable() else "?" for c in text)
