"""All public names with their signatures, one a line, read from the source without running it.

python -m tests.api               prints them
python -m tests.api --record      writes them into tests/data/api.txt, which tests/test_api.py compares with

Public is what `cfclient` hands on, and what the modules below say in their `__all__`; of a class, what has no
underscore, and how it is made.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import griffe

import cfclient

__all__ = ["SNAPSHOT", "changes", "lines"]

ROOT: Final = Path(__file__).parents[1]
SNAPSHOT: Final = Path(__file__).with_name("data") / "api.txt"

#: modules that users import from, beside the face
MODULES: Final = ("actions", "audit", "audit.journal", "audit.report", "http", "planning", "zonefile")


def _default(value: str) -> str:
    """What a field is by default, in an assignment of a class; nothing where it has to be given."""
    call = ast.parse(value, mode="eval").body
    if not (isinstance(call, ast.Call) and ast.unparse(call.func) in {"attrs.field", "msgspec.field"}):
        return f" = {value}"
    named = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
    found = [f" = {named['default']}"] if "default" in named else []
    found += [f" = {named['factory']}()"] if "factory" in named else []
    return "".join(found) + (" (by keyword)" if named.get("kw_only") == "True" else "")


def _written(path: str, thing: griffe.Object | griffe.Alias) -> Iterator[str]:
    """The lines of one thing and of what is in it."""
    if isinstance(thing, griffe.Alias):
        thing = thing.final_target
    if isinstance(thing, griffe.Class):
        bases = ", ".join(map(str, thing.bases))
        marks = "".join(f"@{mark.value} " for mark in thing.decorators)
        yield f"{path}: {marks}class({bases})"
        for name, member in sorted(thing.members.items()):
            if not name.startswith("_") or name == "__init__":
                yield from _written(f"{path}.{name}", member)
    elif isinstance(thing, griffe.Function):
        marks = "".join(f"@{mark.value} " for mark in thing.decorators)
        kind = "async " if "async" in thing.labels else ""
        yield f"{path}: {marks}{kind}{thing.signature(name='')}"
    elif isinstance(thing, griffe.Attribute):
        annotation = "" if thing.annotation is None else f"{thing.annotation}"
        if "property" in thing.labels:
            yield f"{path}: property {annotation}"
        else:
            value = "" if thing.value is None or thing.labels == {"instance-attribute"} else str(thing.value)
            # A long table is not a signature; that the name is there is.
            shown = _default(value) if value and len(value) <= 200 else ""
            yield f"{path}: {annotation}{shown}".rstrip()
    else:
        yield f"{path}: module"


def lines() -> list[str]:
    """One for each public name, sorted."""
    package = griffe.load("cfclient", search_paths=[ROOT], resolve_aliases=True)
    found: list[str] = []
    for name, home in cfclient._HOME_OF.items():
        module = package[home.removesuffix(":")]
        found += _written(f"cfclient.{name}", module.members[name] if home.endswith(":") else module)
    for room in MODULES:
        module = package[room]
        for exported in module.exports or ():
            name = str(exported)
            home = cfclient._HOME_OF.get(name, "")
            if home.endswith(":") and f"{home.removesuffix(':')}.".startswith(f"{room}."):
                continue  # the face has it
            found += _written(f"cfclient.{room}.{name}", module.members[name])
    return sorted(set(found))


def changes(before: list[str], after: list[str]) -> list[str]:
    """What was added, changed and removed between two snapshots, a line each."""
    old, new = ({name: rest for name, _, rest in (line.partition(":") for line in some)} for some in (before, after))
    both = [name for name in old if name in new and old[name] != new[name]]
    return [
        *(f"removed: {name}" for name in old if name not in new),
        *(f"changed: {name}\n    was{old[name]}\n    is {new[name]}" for name in both),
        *(f"added: {name}:{new[name]}" for name in new if name not in old),
    ]


if __name__ == "__main__":
    found = lines()
    if "--record" in sys.argv:
        kept = SNAPSHOT.read_text().splitlines() if SNAPSHOT.exists() else []
        SNAPSHOT.write_text("\n".join(found) + "\n")
        print(*changes(kept, found), f"{SNAPSHOT}: {len(found)} names", sep="\n")
    else:
        print(*found, sep="\n")
