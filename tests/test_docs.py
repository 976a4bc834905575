"""What the README shows is run: its Python blocks against the emulator, its tree of errors against the classes."""

from __future__ import annotations

import ast
import contextlib
import inspect
import io
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import respx

import cfclient
from cfclient import errors

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()

ACCOUNT = {
    "accounts": [
        {
            "zones": [
                {"zone_name": name, "records": [{"type": "A", "name": "www", "content": "10.0.0.1"}]}
                for name in ("example.com", "example.net")
            ]
        }
    ]
}


def blocks(language: str) -> list[str]:
    """The README's blocks in this language."""
    found = re.findall(r"^```(\w*)\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
    return [source for name, source in found if name == language]


def test_there_are_blocks_to_run() -> None:
    """So that the next tests test something."""
    assert len(blocks("python")) >= 7


@pytest.mark.anyio
@pytest.mark.parametrize("source", blocks("python"))
async def test_a_python_block_runs(source: str) -> None:
    """As it stands, in a place where a client is open."""
    emulator = cfclient.Emulator.from_json(ACCOUNT)
    names = ["example.com", "example.net"]
    code = compile(source, "README.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)

    with respx.mock(assert_all_called=False) as v1, contextlib.redirect_stdout(io.StringIO()) as printed:
        v1.post("https://v1.example.net/api_json.html").respond(content=b'{"result":"success","msg":null}')
        async with cfclient.connect(emulator.connect) as cf:
            namespace: dict[str, Any] = {"cf": cf, "cfclient": cfclient, "names": names}
            ran = eval(code, namespace)
            if inspect.iscoroutine(ran):
                await ran

    assert None is re.search("error(?!=None)", printed.getvalue(), re.IGNORECASE)
    assert ("print(" in source) == bool(printed.getvalue())


def test_the_tree_of_errors_is_the_tree() -> None:
    """Every class, under its parent."""
    drawn = next(block for block in blocks("") if block.startswith("CloudflareError"))
    levels: dict[int, str] = {}
    found: dict[str, str] = {}
    for line in drawn.splitlines():
        match = re.match(r"([│├└─ ]*)(\w+)", line)
        assert match is not None
        depth = len(match[1]) // 4
        levels[depth] = match[2]
        if depth:
            found[match[2]] = levels[depth - 1]

    classes = [getattr(errors, name) for name in errors.__all__ if name[0].isupper()]
    classes = [cls for cls in classes if issubclass(cls, errors.CloudflareError) and cls is not errors.CloudflareError]
    assert {cls.__name__: cls.__mro__[1].__name__ for cls in classes} == found


def test_the_profile_shown_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is read as it stands."""
    stored = next(block for block in blocks("toml") if "[profiles" in block)

    assert {"url", "email", "token"} == set(tomllib.loads(stored)["profiles"]["default"])


def test_the_accounts_shown_are_some(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are read as they stand."""
    (tmp_path / "accounts.toml").write_text(next(block for block in blocks("toml") if "[accounts" in block))
    monkeypatch.setenv("ACME_KEY", "key")
    (account,) = cfclient.read_accounts(tmp_path / "accounts.toml")

    assert ("acme", ("example.com",)) == (account.name, account.zones)


def test_every_action_is_listed() -> None:
    """By the name of its method."""
    for name in cfclient.ACTIONS:
        assert f"`{'async_' if name == 'async' else name}`" in README
