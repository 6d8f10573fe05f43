"""Writes the table of settings into README.md from the settings of the services: `python -m tools.readme_settings`."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import re
import sys
from pathlib import Path

README = Path(__file__).resolve().parents[1] / "README.md"
MODULES = (
    ("ingest", "services.ingest.settings"),
    ("trigger", "services.trigger.settings"),
    ("trigger", "services.trigger.shard_settings"),
    ("profile", "services.profile.settings"),
    ("sender", "services.sender.settings"),
)
BEGIN = "<!-- settings: written by `python -m tools.readme_settings` -->"
END = "<!-- end of settings -->"


def settings_of(module_name: str) -> type:
    """The dataclass that holds the settings of a process."""
    module = importlib.import_module(module_name)
    found = [
        kind
        for name, kind in inspect.getmembers(module, dataclasses.is_dataclass)
        if name.endswith("Settings") and kind.__module__ == module.__name__
    ]
    if len(found) != 1:
        raise LookupError(f"{module_name} must hold one dataclass whose name ends in Settings.")
    return found[0]


def table() -> str:
    """All settings as a table in Markdown."""
    lines = ["| variable | default | meaning |", "|---|---|---|"]
    listed: set[str] = set()
    for service, module_name in MODULES:
        kind = settings_of(module_name)
        meanings = _meanings(kind)
        for field in dataclasses.fields(kind):
            variable = f"SENDWHEN_{service.upper()}_{field.name.upper()}"
            if variable in listed:
                continue
            listed.add(variable)
            lines.append(f"| `{variable}` | {_default(field)} | {meanings.get(field.name, '').replace('|', '/')} |")
    return "\n".join(lines)


def written(text: str) -> str:
    """The README with the table brought up to date."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def _default(field: dataclasses.Field[object]) -> str:
    if field.default is dataclasses.MISSING:
        return "required" if field.default_factory is dataclasses.MISSING else "none"
    text = ", ".join(field.default) if isinstance(field.default, tuple) else str(field.default)
    return f"`{text}`" if text else "none"


def _meanings(kind: type) -> dict[str, str]:
    # Documented by a string below the field, or in the class's list of attributes; both are house style.
    found: dict[str, str] = {}
    doc = inspect.cleandoc(kind.__doc__ or "").partition("Attributes:")[2]
    for name, meaning in re.findall(r"^    (\w+): (.+(?:\n        .+)*)", doc, re.MULTILINE):
        found[name] = " ".join(meaning.split())
    tree = ast.parse(inspect.cleandoc(inspect.getsource(kind))).body[0]
    assert isinstance(tree, ast.ClassDef)
    for field, below in zip(tree.body, tree.body[1:], strict=False):
        match field, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(meaning))):
                found[name] = " ".join(meaning.split())
    return found


def main() -> int:
    """Write the table; with --check only say whether it is up to date."""
    text = README.read_text(encoding="utf-8")
    fresh = written(text)
    if "--check" in sys.argv:
        return int(fresh != text)
    README.write_text(fresh, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
