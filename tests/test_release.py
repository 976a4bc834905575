"""What a release rests on: the floors of its dependencies, and what stands in the files around the code."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OURS = {"dev", "bench", "docs"}  # extras that nobody needs who uses cfclient


def pinned(name: str) -> dict[str, str]:
    lines = (ROOT / name).read_text().splitlines()
    return {key.lower(): version for key, _, version in (line.partition("==") for line in lines) if version}


def floors() -> dict[str, str]:
    """The lowest version of each dependency that pyproject.toml allows."""
    extras = PROJECT["optional-dependencies"]
    wanted = [*PROJECT["dependencies"], *(line for name in extras.keys() - OURS for line in extras[name])]
    found = (re.match(r"([\w.-]+)(?:\[[\w,]+\])?>=([\d.]+)", line) for line in wanted if "cfclient-async" not in line)
    return {match[1].lower(): match[2] for match in found if match}


def number(version: str) -> list[int]:
    """A version as numbers, so that 0.27 and 0.27.0 are one."""
    parts = [int(part) for part in re.findall(r"\d+", version)]
    return parts + [0] * (4 - len(parts))


def test_every_floor_is_tested() -> None:
    """`make lowest` runs on exactly the versions that pyproject.toml names as the lowest."""
    lowest = pinned("constraints-lowest.txt")

    assert len(floors()) >= 12
    assert {} == {
        name: (floor, lowest.get(name))
        for name, floor in floors().items()
        if number(lowest.get(name, "")) != number(floor)
    }


@pytest.mark.parametrize("name", ["audit.yml", "ci.yml", "release.yml"])
def test_a_workflow_trusts_nothing_by_default(name: str) -> None:
    """Reading only, unless a job asks for more; and a job asks for no secret."""
    text = (ROOT / ".github" / "workflows" / name).read_text()

    assert "\npermissions:\n  contents: read\n" in text
    assert "secrets." not in text


def test_the_workflows_do_what_ci_does() -> None:
    """Before a change lands, and again before it is published."""
    texts = [(ROOT / ".github" / "workflows" / name).read_text() for name in ("ci.yml", "release.yml")]

    assert [True, True] == ["- run: bash .ci/run" in text for text in texts]
    assert texts[1].index("bash .ci/run") < texts[1].index("make release") < texts[1].index("pypi-publish")


def test_what_nobody_knows_of_the_service_is_listed() -> None:
    """Each module whose comments say that something is not known stands in the page of limits."""
    limits = (ROOT / "docs" / "limits.md").read_text()
    marked = [
        str(path.relative_to(ROOT))
        for path in sorted((ROOT / "cfclient").rglob("*.py"))
        if re.search(r"Not known: |(code|words|figures)[ \w]* (is|are) not known\.", path.read_text())
    ]

    assert len(marked) >= 6
    assert [name for name in marked if f"`{name}`" not in limits] == []
