"""The house: imports go down only, the face only re-exports, and what is loaded when."""

from __future__ import annotations

import ast
import functools
import importlib
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import cfclient

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "cfclient"

# The floor of each room; a room imports from lower floors only. A folder's name stands for all in it.
FLOORS: dict[str, int] = {
    "_version": 0,
    "models": 1,
    "errors": 1,
    "harmless": 1,
    "replies": 2,
    "bounds": 2,
    "decoding": 3,
    "rows": 4,
    "shapes": 2,
    "loops": 2,
    "asgi": 0,
    "plain": 2,
    "actions": 3,
    "ahead": 3,
    "paging": 4,
    "backend": 4,
    "limits": 4,
    "http": 4,
    "exchanges": 5,
    "http.environment": 5,
    "http.border": 5,
    "http.channel": 5,
    "http.pooled": 6,
    "http.httpx": 6,
    "http.aiohttp": 7,
    "http.pycurl": 7,
    "http.chosen": 7,
    "backends": 4,
    "wire": 5,
    "bulk": 5,
    "retry": 5,
    "telemetry": 6,
    "watching": 6,
    "pace": 5,
    "backends.v1": 6,
    "backends.v4": 6,
    "backends.account": 5,
    "backends.demo": 6,
    "emulated": 6,
    "backends.emulator": 7,
    "gateway": 6,
    "admission": 7,
    "client": 6,
    "connect": 8,
    "audit": 8,
    "audit.accounts": 9,
    "audit.evidence": 10,
    "private": 1,
    "zonefile": 6,
    "planning": 9,
    "output": 9,
    "screens": 1,
    "bars": 9,
    "serving": 9,
    "doctor": 9,
    "cli": 11,
    "__main__": 12,
}

# Rooms that never know each other, whatever their floors.
STRANGERS = [
    ("emulated", "wire"),
    ("emulated", "backends.v1"),
    ("backends.emulator", "wire"),
    ("backends.emulator", "backends.v1"),
    ("backends.v1", "backends.emulator"),
    ("backends.v4", "wire"),
    ("backends.v4", "backends.v1"),
    ("backends.v4", "backends.emulator"),
    ("backends.emulator", "backends.v4"),
    ("gateway", "backends.v4"),
    ("client", "backends.v4"),
    ("backends.demo", "wire"),
    ("gateway", "backends.emulator"),
    ("gateway", "backends.v1"),
    ("client", "backends.emulator"),
    ("client", "backends.v1"),
    ("audit", "wire"),
    ("retry", "wire"),
]


@functools.cache
def modules() -> tuple[tuple[str, Path], ...]:
    """Every module but the face, by its name within the package."""
    return tuple(_modules())


def _modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = list(path.relative_to(PACKAGE).with_suffix("").parts)
        if parts[-1] == "__init__":
            parts.pop()
        if parts:
            yield ".".join(parts), path


def room(module: str) -> str:
    """The longest name in the table that the module is, or is in."""
    return max((name for name in FLOORS if f"{module}.".startswith(f"{name}.")), key=len, default=module)


def imports(module: str, path: Path) -> Iterator[str]:
    """The modules of ours that this one imports, wherever in the file it does so."""
    known = {name for name, _ in modules()}
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names if alias.name.split(".")[0] == "cfclient"]
            yield from (target.removeprefix("cfclient").removeprefix(".") for target in targets)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                base = ".".join([*package[: len(package) - node.level + 1], *filter(None, [node.module])])
            elif (node.module or "").split(".")[0] == "cfclient":
                base = str(node.module).removeprefix("cfclient").removeprefix(".")
            else:
                continue
            for alias in node.names:
                deeper = f"{base}.{alias.name}".strip(".")
                yield deeper if deeper in known else base


@pytest.mark.parametrize(("module", "path"), modules(), ids=lambda value: value if isinstance(value, str) else "")
def test_imports_go_down_only(module: str, path: Path) -> None:
    """From each room to lower floors, or within the room; never through the face."""
    here = room(module)

    upward = [
        target
        for target in imports(module, path)
        if room(target) != here and FLOORS.get(room(target), 99) >= FLOORS[here]
    ]

    assert [target for target in upward if target] == []
    assert "" not in upward or module == "__main__" or here in {"cli", "serving"}


@functools.cache
def _graph() -> dict[str, set[str]]:
    """The rooms that each module imports from."""
    return {name: {room(target) for target in imports(name, path)} for name, path in modules()}


@pytest.mark.parametrize(("one", "other"), STRANGERS)
def test_strangers_stay_strangers(one: str, other: str) -> None:
    """Directly or through others: a backend knows values, not the wire of another."""
    graph = _graph()
    reached, todo = set[str](), {name for name in graph if room(name) == one}
    while todo:
        name = todo.pop()
        reached.add(name)
        todo |= {target for target in graph.get(name, set()) if target not in reached}

    assert other not in reached


def test_every_module_has_a_floor() -> None:
    """A new room is placed on purpose."""
    assert [name for name, _ in modules() if room(name) not in FLOORS] == []


def test_no_module_reads_the_reference_material() -> None:
    """It stands beside the project for us, not for users."""
    assert [name for name, path in modules() if re.search("[\"'/]shared[\"'/]", path.read_text())] == []


# -- the face -----------------------------------------------------------------------------------------


def test_the_face_hands_on_what_it_promises() -> None:
    """`__all__` is sorted, every name loads, and is the thing of that name in its home."""
    assert sorted(cfclient.__all__) == cfclient.__all__ == dir(cfclient)
    for name in cfclient.__all__:
        assert getattr(cfclient, name) is not None


def test_the_face_s_imports_for_type_checkers_are_those_it_makes() -> None:
    """Each name once, from the same module."""
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]

    typed = {
        alias.name: f"{node.module}:" if node.module else alias.name
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }

    assert typed == cfclient._HOME_OF
    assert {*typed, "__version__"} == set(cfclient.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    """As of any module."""
    with pytest.raises(AttributeError, match="module 'cfclient' has no attribute 'disconnect'"):
        _ = cfclient.disconnect


@pytest.mark.parametrize("name", ["connect", "gateway", "audit"])
def test_a_function_stays_where_a_module_bears_its_name(name: str) -> None:
    """Importing `cfclient.connect` does not put the module in the function's place."""
    module = importlib.import_module(f"cfclient.{name}")
    setattr(cfclient, name, module)

    assert getattr(module, name) is getattr(cfclient, name)


def loaded_by(code: str) -> set[str]:
    """The top-level packages that a fresh interpreter has loaded after this."""
    script = f"import sys; {code}; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    return set(done.stdout.split())


HEAVY = {"httpx", "cattrs", "msgspec", "rich", "cyclopts", "uvicorn", "trio", "hypothesis"}


def test_importing_the_face_loads_nothing_heavy() -> None:
    """Not even attrs or anyio: each name is loaded when it is first used."""
    assert set() == loaded_by("import cfclient") & (HEAVY | {"attr", "anyio"})


def test_using_the_emulator_loads_no_http() -> None:
    """In process, nothing is needed that speaks HTTP or JSON."""
    code = """
import asyncio, cfclient

async def main():
    async with cfclient.connect("emulator:?zones=1") as cf:
        (zone,) = (await cf.zone_load_multi()).objs
        await cf.rec_load_all(zone.zone_name)

asyncio.run(main())
"""
    done = loaded_by(f"exec({code!r})")

    assert set() == done & HEAVY - {"msgspec"}  # records are structs of its


# -- the metadata -------------------------------------------------------------------------------------


def test_the_version_is_written_the_same_in_both_places() -> None:
    """And the changelog has an entry for it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert project["version"] == cfclient.__version__
    assert f"## [{cfclient.__version__}]" in (ROOT / "CHANGELOG.md").read_text()


def test_the_core_s_dependencies_are_these_five() -> None:
    """Whatever else there is, is in an extra."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert {"httpx", "attrs", "cattrs", "anyio", "msgspec"} == {
        line.partition(">")[0] for line in project["dependencies"]
    }


def test_the_constraints_name_no_registry() -> None:
    """Versions and nothing else."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()

    assert [line for line in lines if (not line.startswith("#") and "==" not in line) or "/" in line] == []
