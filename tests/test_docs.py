"""What README and docs show is run: Python and commands against the emulator, tables against what they list."""

from __future__ import annotations

import contextlib
import io
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import cfclient
from cfclient import errors
from tests import documents
from tests.documents import PAGES, ROOT, Block, Command, Terminal, Warm, blocks, commands

#: whole pages that another test runs
ELSEWHERE = {
    "docs/gateway.md": "tests/test_docs_gateway.py runs it, with openssl and a server of its own",
    "docs/migrating-from-v1.md": "tests/migrating.py makes it by carrying each action out",
    "docs/parquet.md": "tests/test_docs_parquet.py runs it, in one namespace, where duckdb is installed",
}

#: how a command begins that is not run here, and why
NOT_RUN = {
    "pip install": "what is installed is what is tested; the release is installed by the tests of the packages",
    "python3 -m venv": "the set-up itself, which made the environment that runs this",
    "make": "a verb of the repository; .ci/run carries them out",
}

#: where a Python block is not run, by its first line, and why
NOT_RUN_PYTHON: dict[str, str] = {}

#: languages that show something which is not carried out
SHOWN = {"", "toml", "text", "http", "ini"}


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def pieces(page: Path) -> list[Block]:
    """The Python of a page that is run here: what has a title is a file for the page's commands."""
    return [
        block
        for block in blocks(page)
        if block.language == "python" and block.title is None and block.text.splitlines()[0] not in NOT_RUN_PYTHON
    ]


def skipped(command: Command) -> str | None:
    return next((start for start in NOT_RUN if re.match(rf"{re.escape(start)}\b", command.text)), None)


def lines(page: Path) -> list[Command]:
    return [command for block in blocks(page) if block.language == "console" for command in commands(block)]


def of(found: Any) -> list[Any]:
    """The pages that have some, beside those that are run elsewhere."""
    return [pytest.param(page, id=name(page)) for page in PAGES if name(page) not in ELSEWHERE and found(page)]


@pytest.mark.anyio
@pytest.mark.parametrize("page", of(pieces))
async def test_the_python_of_a_page_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it stands, in a place where a client is open; what is printed is no error."""
    if any("from fastapi import" in block.text for block in pieces(page)):
        pytest.importorskip("fastapi", reason="fastapi is installed for one version of Python")
    monkeypatch.chdir(tmp_path)
    for variable, value in documents.settings("https://api.cloudflare.com/client/v4").items():
        monkeypatch.setenv(variable, value)
    emulator = documents.account()
    namespace: dict[str, Any] = {"cfclient": cfclient, "names": ["example.com", "example.net"]}

    with documents.reachable(emulator):
        async with cfclient.connect(emulator.connect, email=documents.EMAIL, token=documents.KEY) as cf:
            for block in pieces(page):
                namespace |= {"cf": cf, "emulator": emulator}
                with contextlib.redirect_stdout(io.StringIO()) as printed:
                    await documents.run_piece(block, namespace)

                text = printed.getvalue()
                assert None is re.search("error(?!=None)", text, re.IGNORECASE), f"{block}: {text}"
                assert ("print(" in block.text) == bool(text), f"{block} and what it prints: {text!r}"


@pytest.fixture(scope="module")
def warm() -> Iterator[Warm]:
    with Warm() as found:
        yield found


@pytest.mark.slow
@pytest.mark.parametrize("page", of(lambda page: any(skipped(line) is None for line in lines(page))))
def test_the_commands_of_a_page_run(page: Path, tmp_path: Path, warm: Warm) -> None:
    """One after the other in one folder; what they print is what is shown."""
    with Terminal(tmp_path, documents.account(), warm) as terminal:
        for block in blocks(page):
            if block.title is not None:
                terminal.write(block)
            elif block.language == "console":
                for command in commands(block):
                    if skipped(command) is None:
                        terminal.run(command)


def test_no_block_is_passed_over() -> None:
    """Each is run, is a file for a command, is shown only, or stands in a table with the reason."""
    found = [block for page in PAGES for block in blocks(page)]
    run = [block for page in PAGES for block in pieces(page)]
    told = [block for block in found if block.language == "console"]
    files = [block for block in found if block.title is not None]
    passed = [block for block in found if block.language == "python" and block not in run and block not in files]

    assert set(NOT_RUN_PYTHON) == {block.text.splitlines()[0] for block in passed}
    assert set(NOT_RUN) == {skipped(line) for page in PAGES for line in lines(page)} - {None}
    assert set() == {block.language for block in found} - SHOWN - {"python", "console"}
    assert [] == [str(block) for block in told if not re.match(r"\$ ", block.text)]
    assert [] == [str(block) for block in found if block.language in SHOWN and block.text.startswith("$ ")]
    assert set(ELSEWHERE) <= {name(page) for page in PAGES}
    assert len(run) >= 30
    assert sum(len(list(commands(block))) for block in told) >= 40


def test_a_file_that_is_shown_is_used() -> None:
    """By a command of its page, which names it."""
    for page in PAGES:
        text = "".join(block.text for block in blocks(page))
        for block in blocks(page):
            if block.title is not None:
                named = Path(block.title).name if "/" not in block.title else block.title
                assert named in text or re.search(r"\bpytest\b", text), str(block)


def test_output_that_differs_is_noticed() -> None:
    """So that comparing means something."""
    assert documents.matches("a ... d\n...\nz", "a b c d\n1\n2\nz\n")
    assert documents.matches("a\n...\nz", "a\nz\n")
    assert not documents.matches("a\nz", "a\nb\nz\n")
    assert not documents.matches("a", "a\nb\n")


def shown(page: str, language: str, words: str) -> str:
    """The block of a page in this language that has these words."""
    found = blocks(ROOT / "docs" / page)
    return next(block.text for block in found if block.language == language and words in block.text)


def test_the_tree_of_errors_is_the_tree() -> None:
    """Every class, under its parent."""
    levels: dict[int, str] = {}
    found: dict[str, str] = {}
    for line in shown("reference/errors.md", "", "CloudflareError").splitlines():
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
    stored = tmp_path / "cfclient" / "config.toml"
    stored.parent.mkdir()
    stored.touch(mode=0o600)
    stored.write_text(shown("howto/connecting.md", "toml", "[profiles"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    from cfclient.connect import settings

    assert "..." == settings(profile="default").credentials.token


def test_the_accounts_shown_are_some(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are read as they stand."""
    (tmp_path / "accounts.toml").write_text(shown("howto/auditing.md", "toml", "[accounts"))
    monkeypatch.setenv("ACME_KEY", "key")
    (account,) = cfclient.read_accounts(tmp_path / "accounts.toml")

    assert ("acme", ("example.com",)) == (account.name, account.zones)


def test_every_action_is_listed() -> None:
    """By the name of its method."""
    page = (ROOT / "docs" / "howto" / "asking.md").read_text(encoding="utf-8")
    for action in cfclient.ACTIONS:
        assert f"`{'async_' if action == 'async' else action}`" in page


def test_every_extra_is_listed() -> None:
    """In the table of what to install."""
    page = (ROOT / "docs" / "howto" / "install.md").read_text(encoding="utf-8")
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    cells = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]

    assert set() == set(extras) - {name for cell in cells for name in re.findall(r"`([\w-]+)`", cell)}


def test_the_readme_is_one_screen_of_why_and_four_examples() -> None:
    """It links to the rest, and every link leads somewhere."""
    text = PAGES[0].read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#]+)(?:#[\w-]+)?\)", text)

    assert len(text.splitlines()) <= 150
    assert len(links) >= 20
    assert [] == [link for link in links if not (ROOT / link).exists()]
