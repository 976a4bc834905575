"""What CONTRIBUTING shows is run, in a process of its own: it adds to the tables of the package."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)


def ran(source: str) -> subprocess.CompletedProcess[str]:
    # The two tables are read-only or final where they are; in a change of yours, the line is written into them.
    before = """
from cfclient import wire
from cfclient.backends import emulator
wire._CODECS, emulator._HANDLERS = dict(wire._CODECS), dict(emulator._HANDLERS)
"""
    command = [sys.executable, "-W", "error", "-c", before + source]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)


def test_the_worked_examples_work() -> None:
    """All of them, one after the other, with what they assert."""
    assert len(BLOCKS) >= 6
    assert sum(block.count("assert ") for block in BLOCKS) >= 7

    done = ran("\n".join(BLOCKS))

    assert (0, "", "") == (done.returncode, done.stdout, done.stderr)


def test_an_example_that_is_wrong_is_noticed() -> None:
    """An assertion that fails ends the process."""
    assert ran("assert 1 == 2").returncode == 1


def test_each_part_is_shown() -> None:
    """An action, a rule, an adapter, a backend; a block of code under each."""
    parts = re.split(r"^## ", TEXT, flags=re.MULTILINE)
    shown = {part.splitlines()[0] for part in parts if "```python" in part}

    assert {"Add an action", "Add a rule", "Add an adapter", "Add a backend"} == shown


def test_the_verbs_are_there() -> None:
    """Each verb of the table is one of the Makefile."""
    made = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"^\| `make (\w+)`", TEXT, re.MULTILINE))

    assert len(named) >= 6
    assert named <= made


def test_the_paths_are_there() -> None:
    """A file that is named exists."""
    named = set(re.findall(r"`((?:cfclient|tests|docs)/[\w/.]+)`", TEXT))

    assert len(named) >= 10
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []
