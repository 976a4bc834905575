"""The page for the owner of an old program says what the gateway does."""

from __future__ import annotations

import configparser
import inspect
import re
import shlex
import sys
from pathlib import Path

import pytest

from cfclient import admission, serving
from cfclient.cli import behind, serve
from cfclient.cli.behind import Behind
from cfclient.cli.commands import app
from cfclient.gateway import gateway

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "gateway.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The page's blocks in this language."""
    found = re.findall(r"^```(\w*)\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    return [source for name, source in found if name == language]


COMMANDS = [
    command
    for command in re.findall(r"(?:^\$ |^ExecStart=\S*/bin/)(cfclient serve .*)$", PAGE, re.MULTILINE)
    if "..." not in command
]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_one(command: str) -> None:
    """With options that there are, and a gateway behind it."""
    _, bound, _ = app.parse_args(shlex.split(command)[1:], exit_on_error=False, print_error=False)
    found = bound.arguments["behind"]

    assert isinstance(found, Behind)
    assert "v4" == found.to
    assert found.bound == ("--client-key-file" in command)


def test_there_are_commands() -> None:
    """So that the test above tests something."""
    assert 6 == len(COMMANDS)


def test_the_units_are_units() -> None:
    """As systemd reads them: sections, and a setting a line."""
    service, more = (configparser.ConfigParser(strict=False, interpolation=None) for _ in range(2))
    whole, bound = blocks("ini")
    service.read_string(whole)
    more.read_string(bound)

    assert {"Unit", "Service", "Install"} == set(service.sections())
    assert ["Service"] == more.sections()
    assert service["Service"]["ExecStart"].startswith("/opt/cfclient/bin/cfclient serve --to v4 ")


def test_its_numbers_are_the_program_s() -> None:
    """What is bounded, and by how much."""
    connections = inspect.signature(serve.serve).parameters["connections"].default
    patience = sys.modules["cfclient.gateway"]._PATIENCE
    body = inspect.signature(gateway).parameters["max_body"].default

    assert f"More than {connections} clients at a time" in PAGE
    assert f"Bodies above {body // 1024} KiB, or that take longer than {patience:.0f} seconds" in PAGE
    assert 120 == serving._PATIENCE
    assert "one that asks nothing for two minutes" in PAGE
    assert f"would wait longer than {behind._PACE.max_wait:.0f} seconds" in PAGE
    assert f"{behind._PACE.calls:,} calls in five minutes" in PAGE
    assert f"of {admission.MIN_KEY} characters or more" in PAGE


def test_the_lines_of_the_log_are_lines_of_the_log() -> None:
    """Time, client, action, outcome, duration."""
    (lines,) = [block for block in blocks("") if "T" in block and "Z " in block]

    for line in lines.splitlines():
        assert re.fullmatch(r"\S+Z [\d.]+ (\w+) (ok|refused|E_\w+) \d+ms", line), line
