"""What `.ci/run` does beside the rest counts as much as what it does in front."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.documents import ROOT

#: what each `make` of it has among its words, whatever runs beside what
STEPS = (
    ".venv-3.12/.dev",
    ".venv-newest/.done",
    ".venv-lowest/.done",
    ".venv/.dev",
    "clients",
    "check",
    "docs",
    "--cov",
    "VENV=.venv-3.12 PYTEST_ARGS",
    " newest",
    " lowest",
)


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """The script behind the installation of programs, with a `make` that says its words, and fails where it is told."""
    text = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    path = tmp_path / "run"
    path.write_text(f"set -euo pipefail\ninterpreter() {{ echo python; }}\n{text[text.index('# Work beside') :]}")
    make = tmp_path / "make"
    make.write_text('#!/bin/sh\necho "made $*"\ncase " $* " in *"$FAILING"*) exit 1 ;; esac\n')
    make.chmod(0o755)
    return path


def run(script: Path, failing: str) -> tuple[int, list[str]]:
    environment = {**os.environ, "PATH": f"{script.parent}:{os.environ['PATH']}", "FAILING": failing}
    command = ["bash", str(script)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=environment)
    return done.returncode, [line for line in done.stdout.splitlines() if line.startswith("made ")]


def test_every_step_is_taken_and_shown(script: Path) -> None:
    """Once each, also those that run beside others."""
    code, made = run(script, "nothing of this name")

    assert 0 == code
    assert len(STEPS) == len(made)
    assert [1] * len(STEPS) == [sum(step in line for line in made) for step in STEPS]


@pytest.mark.parametrize("step", STEPS)
def test_a_step_that_fails_fails_the_run(step: str, script: Path) -> None:
    """And what it wrote is shown, also where it ran beside others."""
    code, made = run(script, step)

    assert 0 != code
    assert [step] == [step for line in made if step in line]
