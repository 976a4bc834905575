"""What the page on Parquet shows is run, against tables of the demo account."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from cfclient.cli import main

pytestmark = pytest.mark.slow

duckdb = pytest.importorskip("duckdb", reason="duckdb is installed with Python 3.11 only")

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "parquet.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def test_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its command, then its questions in their order; each has an answer."""
    monkeypatch.chdir(tmp_path)
    (command,) = blocks("console")
    program, *arguments = shlex.split(command.removeprefix("$ "))
    namespace: dict[str, Any] = {}
    answers: list[str] = []

    code = main(arguments)
    for source in blocks("python"):
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(compile(source, "parquet.md", "exec"), namespace)
        answers.append(printed.getvalue())

    assert ("cfclient", 1) == (program, code)
    assert [False, True, True, True, False] == ["│" in answer for answer in answers]
    assert not any(re.search(r"\b0 rows", answer) for answer in answers)
    assert True is json.loads(namespace["about"])["summary"]["complete"]
