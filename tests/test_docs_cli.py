"""The page of the command line is made from the commands' own help."""

from __future__ import annotations

import re
from collections import Counter
from importlib.metadata import version
from pathlib import Path
from textwrap import dedent

import pytest

from cfclient.cli import main
from cfclient.cli.commands import app
from cfclient.cli.options import EXIT_CODES

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reference" / "command-line.md"

#: what stands before it is written by hand
MADE = "## Exit codes\n"

#: what the help shows of a group of options
GROUP = re.compile(r"\*\*(?!Arguments|Parameters)(\w+)\*\*:\n\n((?:\* .*\n)+)")


def page() -> str:
    """The text of the page, its beginning as it is."""
    head, _, _ = PAGE.read_text(encoding="utf-8").partition(MADE)
    helped = app.generate_docs(output_format="markdown", heading_level=1, recursive=True)
    texts = [_marked(text) for text in re.split(r"^## cfclient ", helped, flags=re.MULTILINE)[1:]]
    # What several commands have alike is told once.
    alike = [
        group for group, times in Counter(found for text in texts for found in GROUP.findall(text)).items() if times > 1
    ]

    def told(match: re.Match[str]) -> str:
        name = match[1]
        return f"**{name}**: [as below](#{name.lower()})\n" if match.groups() in alike else match[0]

    parts = [head, MADE, "\n| exit code | meaning |\n|---|---|\n"]
    parts += [f"| {code} | {words} |\n" for code, words in EXIT_CODES.items()]
    parts += [f"\n## cfclient {GROUP.sub(told, text).strip()}\n" for text in sorted(texts)]
    parts += [f"\n## {name}\n\n{lines}" for name, lines in alike]
    return "".join(parts)


def _marked(text: str) -> str:
    """The help of one command, as this site shows it."""
    text = re.sub(r"^(cfclient [\w-]+) -m \S+", r"\1", text, flags=re.MULTILINE)  # how this was started
    text = text.replace("```console\n", "```text\n").replace("\\[", "[") + "\n"
    return re.sub(r"(?:^ {4}\S.*\n)+", lambda lines: f"```text\n{dedent(lines[0])}```\n", text, flags=re.MULTILINE)


@pytest.mark.skipif(
    f"cyclopts=={version('cyclopts')}" not in (ROOT / "constraints.txt").read_text().split(),
    reason="another version of cyclopts writes it otherwise",
)
def test_the_page_of_the_command_line_is_made_from_the_help() -> None:
    """Every command and option."""
    assert page() == PAGE.read_text(encoding="utf-8")


def test_every_command_and_option_is_on_the_page(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever version of cyclopts wrote it."""
    text = PAGE.read_text(encoding="utf-8")
    monkeypatch.setenv("COLUMNS", "200")
    commands = {name for name in app if not name.startswith("-")}
    for name in commands:
        main([name, "--help"])
    options = set(re.findall(r"│ (--[a-z-]+)", capsys.readouterr().out)) - {"--help", "--version"}

    assert commands == set(re.findall(r"^## cfclient (\w+)$", text, re.MULTILINE))
    assert {"--traceback", "--resume", "--to"} <= options
    assert [] == sorted(name for name in options if not re.search(rf"(?<![\w-]){name}(?![\w-])", text))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
