"""The page of the 22 actions is made from the actions; the pages of the reference name all public names."""

from __future__ import annotations

import inspect
import pkgutil
import re
from pathlib import Path
from typing import Any

import attrs

import cfclient
from cfclient.actions import ACTIONS, Action, on_wire
from cfclient.backends.v4.support import PERMISSIONS, SUPPORT, Extent

DOCS = Path(__file__).resolve().parents[1] / "docs"

#: modules that the reference shows as such
WHOLE = {"cfclient.planning", "cfclient.zonefile"}

HEAD = """# The 22 actions

Every action of the Client Interface API, version 1, in the order of its document.
Beside it stand what it is in Python, what a repeat of it does, and how far today's Cloudflare (version 4) goes.
The paragraphs (§) are those of the document; version 1 and the emulator carry out all of them.

- **Wire** is the parameter's name in a request of version 1, which `cfclient call` takes too.
  A dash marks a hint that only some backends use and that is on no wire of version 1.
- **Permissions** are those of the smallest API token for it.
  Zone Read is for looking up names, and not needed where zone ids are given.

| § | action | kind | version 4 |
|---|---|---|---|
"""

FOOT = """
This page is made from the actions themselves: `python -m tests.test_docs_actions` writes it anew.
"""


def method(name: str) -> str:
    return "async_" if name == "async" else name


def row(name: str, cls: type[Action[Any]]) -> str:
    """The line of an action in the table at the head."""
    return f"| {cls.section} | [`{name}`](#{method(name)}) | {cls.kind.name.lower()} | {SUPPORT[name].extent.value} |\n"


def answer(name: str) -> str:
    """What the method gives, as its annotation says it."""
    text = str(inspect.signature(getattr(cfclient.Client, method(name))).return_annotation)
    return re.sub(r"\bmodels\.", "", text)


def part(name: str, cls: type[Action[Any]]) -> str:
    """The paragraph of an action."""
    signature = inspect.signature(getattr(cfclient.Client, method(name)))
    lines = [f"\n## {method(name)}\n\n{' '.join((cls.__doc__ or '').split())}\n"]
    where = "" if not cls.place else f", from `{'.'.join(cls.place)}` of the reply"
    lines.append(f"\n- Answer: `{answer(name)}`{where}\n- Kind: {cls.kind.name.lower()}; {cls.kind.value}\n")
    support = SUPPORT[name]
    note = f"; {support.note}" if support.note else ""
    lines.append(f"- Version 4: {support.extent.value}{note}\n")
    if support.extent is not Extent.REFUSED:
        lines.append(f"- Permissions: {', '.join(f'`{permission.value}`' for permission in PERMISSIONS[name])}\n")
    lines.append("\n| parameter | wire | type | unless given |\n|---|---|---|---|\n")
    wires = {field.name: field.metadata["wire"] for field in on_wire(cls)}
    for field in attrs.fields(cls):
        parameter = signature.parameters[field.name]
        kind = re.sub(r"\b(models|ipaddress)\.", "", str(parameter.annotation)).replace("|", r"\|")
        default = "required" if parameter.default is inspect.Parameter.empty else f"`{parameter.default!r}`"
        wire = f"`{wires[field.name]}`" if field.name in wires else "-"
        lines.append(f"| `{field.name}` | {wire} | `{kind}` | {default} |\n")
    if len(attrs.fields(cls)) == 0:
        lines.pop()
    for wire, value in cls.fixed.items():
        lines.append(f"\n`{wire}={value}` is sent with it.\n")
    return "".join(lines)


def page() -> str:
    """The text of docs/reference/actions.md."""
    rows = "".join(row(name, cls) for name, cls in ACTIONS.items())
    return HEAD + rows + "".join(part(name, cls) for name, cls in ACTIONS.items()) + FOOT


def test_the_page_of_actions_is_made_from_the_actions() -> None:
    """Every one of them: paragraph, parameters, wire names, kind, and how far version 4 carries it out."""
    assert page() == (DOCS / "reference" / "actions.md").read_text(encoding="utf-8")


def test_the_page_has_every_action_and_parameter() -> None:
    """By the document's own names."""
    text = page()

    assert [] == [name for name in ACTIONS if f"## {method(name)}\n" not in text]
    assert 22 == text.count("- Version 4: ")
    assert sum(len(attrs.fields(cls)) for cls in ACTIONS.values()) == len(
        re.findall(r"^\| `\w+` \| ", text, re.MULTILINE)
    )


def test_the_reference_has_every_public_name() -> None:
    """A directive for each; the actions and the version aside, which have a page and none."""
    directives = {
        line.removeprefix("::: ")
        for page in (DOCS / "reference").glob("*.md")
        for line in page.read_text(encoding="utf-8").splitlines()
        if line.startswith("::: ")
    }
    parted = [directive.rpartition(".") for directive in directives - WHOLE]
    named = [pkgutil.resolve_name(f"{path}:{name}") for path, _, name in parted]

    missing = [name for name in cfclient.__all__ if not any(getattr(cfclient, name) is one for one in named)]
    assert ["__version__", "actions"] == missing


if __name__ == "__main__":
    (DOCS / "reference" / "actions.md").write_text(page(), encoding="utf-8")
