"""The blocks of README and docs, and what carries them out.

    python                 a piece, run where a client `cf` is open, or a whole program (it has a `main`)
    console                `$ ` and a command each, then what it prints: nothing shown, nothing compared
    any, title="NAME"      a file: it is written into the folder of the page before its commands run

The pieces of a page share their names, its commands their folder and environment.
Both speak to an emulator: pieces through httpx, whose way to the addresses of the documents is changed,
commands over the loopback interface.
`...` stands for anything, within a line or as a line of its own.
"""

from __future__ import annotations

import ast
import functools
import inspect
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, Self

import anyio.to_thread
import attrs
import httpx
import respx
from markdown_it import MarkdownIt

import cfclient
from cfclient import gateway
from cfclient.emulated import PATH
from tests.judged import forwarding
from tests.served import serving

ROOT: Final = Path(__file__).resolve().parents[1]
PAGES: Final = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))

V1_URL: Final = "https://v1.example.net/api_json.html"
EMAIL, KEY = "you@example.com", "..."


@attrs.frozen
class Block:
    """One fenced block of a page."""

    page: str
    line: int
    language: str
    title: str | None
    text: str

    @property
    def is_program(self) -> bool:
        return re.search(r"^(async )?def main\(", self.text, re.MULTILINE) is not None

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


@functools.cache
def blocks(page: Path) -> tuple[Block, ...]:
    """All fenced blocks of a page."""
    found: list[Block] = []
    for token in MarkdownIt().parse(page.read_text(encoding="utf-8")):
        if token.type == "fence":
            language, _, rest = token.info.strip().partition(" ")
            title = re.search(r'title="([^"]+)"', rest)
            assert token.map is not None
            name = page.relative_to(ROOT).as_posix()
            found.append(Block(name, token.map[0] + 1, language, title and title[1], token.content))
    return tuple(found)


def account() -> cfclient.Emulator:
    """Two zones that a reader would have, under the credentials that the documents show."""
    return cfclient.Emulator.from_json(
        {
            "accounts": [
                {
                    "email": EMAIL,
                    "key": KEY,
                    "tokens": [{"value": KEY}],
                    "zones": [
                        {
                            "zone_name": name,
                            "records": [
                                {"type": "A", "name": "@", "content": "10.0.0.1", "service_mode": True},
                                {"type": "A", "name": "www", "content": "10.0.0.1"},
                                {"type": "MX", "name": "@", "content": "mail.example.net", "prio": 10},
                            ],
                        }
                        for name in ("example.com", "example.net")
                    ],
                }
            ]
        }
    )


def settings(url: str) -> dict[str, str]:
    """The variables of the environment under which the documents are read."""
    return {"CFCLIENT_URL": url, "CFCLIENT_TOKEN": KEY, "ACME_KEY": KEY}


# -- Python -------------------------------------------------------------------------------------------


@contextmanager
def reachable(emulator: cfclient.Emulator) -> Iterator[None]:
    """Httpx finds the emulator's faces at the addresses of the documents, and nothing else."""
    v1 = httpx.ASGITransport(gateway(emulator.connect))
    v4 = httpx.ASGITransport(emulator.v4)
    with respx.mock(assert_all_called=False) as router:
        router.route(host="v1.example.net").mock(side_effect=v1.handle_async_request)
        router.route(host="api.cloudflare.com").mock(side_effect=v4.handle_async_request)
        yield


async def run_piece(block: Block, namespace: dict[str, Any]) -> None:
    """A piece as it stands; a whole program in a thread, where it may have its own event loop."""
    code = compile(block.text, str(block), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    if block.is_program:
        namespace = {"__name__": "__main__"}
        await anyio.to_thread.run_sync(lambda: exec(code, namespace))
    elif inspect.iscoroutine(ran := eval(code, namespace)):
        await ran


def as_modules(pages: Iterable[Path], folder: Path) -> None:
    """The Python of each page as a module in this folder, for a type checker: all that a reader copies from it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "__init__.py").touch()
    for page in pages:
        found = [block for block in blocks(page) if block.language == "python" and block.title is None]
        name = re.sub(r"\W", "_", page.relative_to(ROOT).with_suffix("").as_posix())
        text = "\n".join(textwrap.indent(f"# {block}\n{block.text}", "    ") for block in found)
        if found:
            (folder / f"{name}.py").write_text(f"{_AROUND}{text}\n", encoding="utf-8")


#: what there is around a piece, as the test that runs them provides it
_AROUND = """import cfclient

cf: cfclient.Client
emulator: cfclient.Emulator
names: list[str]


async def shown() -> None:
"""


# -- commands -----------------------------------------------------------------------------------------


@attrs.frozen
class Command:
    """One command of a console block, and what it prints."""

    block: Block
    text: str
    shown: str


def commands(block: Block) -> Iterator[Command]:
    """Those of one block; a line that ends in a backslash goes on."""
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        lines = part.splitlines(keepends=True)
        count = next(index for index, line in enumerate(lines, 1) if not line.endswith("\\\n"))
        yield Command(block, "".join(lines[:count]).strip(), "".join(lines[count:]).strip())


def matches(shown: str, printed: str) -> bool:
    """Whether this is what was shown, where `...` stands for anything."""
    pattern = ""
    for line in shown.splitlines():
        if line.strip() == "...":
            pattern += r"(?:.*\n)*?"
        else:
            pattern += ".*".join(re.escape(part) for part in line.rstrip().split("...")) + r"\n"
    plain = "".join(f"{line.rstrip()}\n" for line in printed.strip("\n").splitlines())
    return re.fullmatch(pattern, plain) is not None


class Warm:
    """`cfclient` as `tests.warm` runs it: in a process for each run, without loading its modules each time."""

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "tests.warm"]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=30)

    def run(self, arguments: list[str], folder: Path, environment: dict[str, str]) -> tuple[str, int]:
        """What it printed, and its exit code."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        output = folder / ".printed"
        request = {
            "arguments": arguments,
            "folder": str(folder),
            "environment": environment,
            "output": str(output),
        }
        self._process.stdin.write(f"{json.dumps(request)}\n")
        code = int(self._process.stdout.readline())
        printed = output.read_text(encoding="utf-8")
        output.unlink()
        return printed, code


class Terminal:
    """A folder, an environment, and the servers that were started in it."""

    def __init__(self, folder: Path, emulator: cfclient.Emulator, warm: Warm) -> None:
        self.folder = folder
        self._warm = warm
        self._emulator = emulator
        self._stack = ExitStack()
        self._ports: dict[str, str] = {}
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("CFCLIENT_", "CLOUDFLARE_"))
        }
        self.environment |= {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "XDG_CONFIG_HOME": str(folder / "config"),
            "COLUMNS": "100",
            "NO_COLOR": "1",
            "PYTHONPATH": str(ROOT),
        }

    def __enter__(self) -> Self:
        v1, v4 = gateway(self._emulator.connect), self._emulator.v4

        async def app(scope: Any, receive: Any, send: Any) -> None:
            face = v4 if scope.get("path", "").startswith("/client/v4") else v1
            await face(scope, receive, send)

        self._base = self._stack.enter_context(serving(app, ""))
        self.environment |= settings(f"{self._base}/client/v4")
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def real(self, text: str) -> str:
        """With the ports and addresses that there are."""
        text = text.replace(V1_URL, f"{self._base}/api_json.html")
        for shown, port in self._ports.items():
            text = re.sub(rf"(127\.0\.0\.1:|--port ){shown}\b", rf"\g<1>{port}", text)
        return text

    def write(self, block: Block) -> None:
        """A block with a title, as the file of that name."""
        path = self.folder / str(block.title)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.real(block.text), encoding="utf-8")
        path.chmod(0o600)

    def run(self, command: Command) -> None:
        """Carries it out, and holds what it prints against what is shown."""
        words = shlex.split(command.text, comments=True)
        if words[0] == "export":
            self.environment |= dict(self.real(word).split("=", 1) for word in words[1:])
            return
        if words[:2] == ["cfclient", "serve"]:
            printed, code = self._serve(words), 0
        elif words[0] == "cfclient" and not {"|", ">", "&&", ";"} & set(words):
            arguments = shlex.split(self.real(command.text), comments=True)[1:]
            printed, code = self._warm.run(arguments, self.folder, self.environment)
        else:
            done = subprocess.run(
                ["bash", "-c", self.real(command.text)],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=100,
                check=False,
            )
            printed, code = done.stdout, done.returncode
        found = {0, 1} if words[:2] in (["cfclient", "audit"], ["cfclient", "diff"]) else {0}
        assert code in found, f"{command.block}: $ {command.text}\nended with {code}:\n{printed}"
        if command.shown:
            shown = self.real(command.shown)
            assert matches(shown, printed), f"{command.block}: $ {command.text}\nprinted:\n{printed}"

    def _serve(self, words: list[str]) -> str:
        """A server of the documents, on a free port, until the page has ended; its first line."""
        at = words.index("--port") + 1
        shown, words[at] = words[at], "0"
        server = subprocess.Popen(
            words, cwd=self.folder, env=self.environment, stdout=subprocess.PIPE, text=True
        )  # the program that the PATH of this environment names
        self._stack.callback(_end, server)
        assert server.stdout is not None
        line = server.stdout.readline()
        if {"--as", "v4"} <= set(words):
            # Another process has no judge; one stands in front of it.
            line = f"{self._stack.enter_context(serving(forwarding(line.strip()), PATH))}\n"
        port = re.search(r":(\d+)/", line)
        assert port is not None, f"$ {' '.join(words)} said {line!r}"
        self._ports[shown] = port[1]
        return line


def _end(server: subprocess.Popen[str]) -> None:
    server.send_signal(signal.SIGTERM)
    server.communicate(timeout=30)


if __name__ == "__main__":
    from tests.test_docs import ELSEWHERE

    as_modules((page for page in PAGES if page.relative_to(ROOT).as_posix() not in ELSEWHERE), Path(sys.argv[1]))
