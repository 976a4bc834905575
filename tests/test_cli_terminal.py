"""The command at a terminal: completion in a shell, keys that are typed unseen, widths, colours, exit codes."""

from __future__ import annotations

import getpass
import io
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Sequence
from pathlib import Path
from shutil import which

import attrs
import pytest
from rich.cells import cell_len

from cfclient import cli
from cfclient.cli import commands, main, options
from cfclient.connect import emulator

SHELLS = ["bash", "zsh", "fish"]
COMMAND = [sys.executable, "-m", "cfclient"]
KEY = "typed-key"


def environment(home: Path, **more: str) -> dict[str, str]:
    """That of the process without settings of cfclient."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("CFCLIENT_", "CLOUDFLARE_", "COV_"))
    }
    return {**kept, "XDG_CONFIG_HOME": str(home), "TERM": "xterm", **more}


# -- completion ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `cfclient completion bash` prints."""
    path = tmp_path_factory.mktemp("completion") / "script"
    with path.open("w") as stream:
        subprocess.run([*COMMAND, "completion", "bash"], stdout=stream, check=True, timeout=60)
    return path


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["au"], {"audit"}),
        (["audit", "--fo"], {"--format"}),
        (["audit", "--format", "s"], {"sarif"}),
        (["zones", "--format", "js"], {"json", "jsonl"}),
        (["completion", "z"], {"zsh"}),
        (["call", "rec_"], {"rec_load_all", "rec_new", "rec_edit", "rec_delete"}),
        (["rules", "hsts-s"], {"hsts-short"}),
        (["audit", "--select", "mai"], {"mail"}),
    ],
)
def test_bash_completes(words: list[str], offered: set[str], script: Path) -> None:
    """Commands, options and values, as bash itself says after it has read the script."""
    asking = (
        'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); '
        'set -- $(complete -p cfclient); "$3"; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    command = ["bash", "--norc", "-c", asking, "bash", str(script), "cfclient", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)

    assert offered == set(done.stdout.split())


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_has_a_script(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It ends with, or is full of, the lines with which that shell is told."""
    told = {"bash": "complete -F _cfclient cfclient", "zsh": "compdef _", "fish": "complete -c cfclient"}

    assert 0 == main(["completion", shell])
    assert told[shell] in capsys.readouterr().out


OFFERED = [
    ("cfclient vi", {"visitors"}),
    ("cfclient audit --fo", {"--format"}),
    ("cfclient audit example.com --format s", {"sarif"}),
    ("cfclient zones --format js", {"json", "jsonl"}),
    ("cfclient serve --as ", {"v1", "v4"}),
    ("cfclient call sec", {"sec_lvl"}),
    ("cfclient rules hsts-s", {"hsts-short"}),
    ("cfclient audit --ignore mai", {"mail"}),
]


@pytest.mark.slow
@pytest.mark.skipif(not which("fish"), reason="fish is not installed")
def test_fish_completes(tmp_path: Path) -> None:
    """As fish itself says after it has read the script; files are not offered in the place of a command."""
    script = tmp_path / "script"
    script.write_bytes(subprocess.run([*COMMAND, "completion", "fish"], capture_output=True, check=True).stdout)
    (tmp_path / "visible").touch()
    asked = [line for line, _ in OFFERED]
    asking = "source $argv[1]; for line in $argv[2..-1]; complete -C $line; echo END; end"
    command = [str(which("fish")), "--no-config", "-c", asking, str(script), *asked]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=60, cwd=tmp_path, env=environment(tmp_path)
    )
    answers = done.stdout.split("END\n")[:-1]

    assert [offered for _, offered in OFFERED] == [
        {line.partition("\t")[0] for line in answer.splitlines()} for answer in answers
    ]


@pytest.mark.slow
@pytest.mark.skipif(not which("zsh"), reason="zsh is not installed")
def test_zsh_completes(tmp_path: Path) -> None:
    """As it stands on the command line after Tab, once the line of the documentation has been read."""
    command = " ".join([*COMMAND, "completion", "zsh"])
    (tmp_path / ".zshrc").write_text(f"autoload -Uz compinit; compinit -u\nsource <({command})\nPS1='READY'\n")
    screen = on_a_terminal(["-i"], environment(tmp_path, ZDOTDIR=str(tmp_path)), command=[str(which("zsh"))])
    screen.until("READY")
    for line, offered in OFFERED:
        screen.shown = ""
        screen.type(f"{line}\t\t")
        for word in offered:
            screen.until(word)
        screen.type("\x15")  # the line is taken back
    screen.type("\x04")

    assert 0 == screen.end()


# -- a terminal ---------------------------------------------------------------------------------------


@attrs.define
class Screen:
    """A process on a terminal of its own."""

    pid: int
    terminal: int
    shown: str = ""

    def until(self, words: str) -> None:
        """Reads until these words are on the screen."""
        end = time.monotonic() + 60
        while words not in self.shown:
            assert self._read(end - time.monotonic()), f"{words!r} is not in {self.shown!r}"

    def _read(self, seconds: float) -> bool:
        if not select.select([self.terminal], [], [], max(0.0, seconds))[0]:
            return False
        try:
            data = os.read(self.terminal, 65536)
        except OSError:  # the last process on this terminal has ended
            return False
        self.shown += data.decode()
        return bool(data)

    @property
    def echoes(self) -> bool:
        """Whether what is typed is shown."""
        return bool(termios.tcgetattr(self.terminal)[3] & termios.ECHO)

    def type(self, text: str) -> None:
        os.write(self.terminal, text.encode())

    def end(self) -> int:
        """The exit code, once all is read."""
        while self._read(60):
            pass
        _, status = os.waitpid(self.pid, 0)
        os.close(self.terminal)
        return os.waitstatus_to_exitcode(status)


def on_a_terminal(arguments: Sequence[str], environ: dict[str, str], *, command: Sequence[str] = COMMAND) -> Screen:
    """The command with these arguments, on a terminal."""
    # Not pty.fork, which runs Python between fork and exec in a process that may have threads.
    master, slave = pty.openpty()
    launcher = (
        "import os, sys, fcntl, termios; os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
        "os.execv(sys.argv[1], sys.argv[1:])"
    )
    with os.fdopen(slave, "rb+", buffering=0) as end:
        process = subprocess.Popen(
            [sys.executable, "-c", launcher, *command, *arguments], stdin=end, stdout=end, stderr=end, env=environ
        )
    pid = process.pid
    process.returncode = 0  # `Screen.end` waits for it
    return Screen(pid, master)


URL = "http://127.0.0.1:9/api_json.html"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "question"),
    [
        (
            ["zones", "--url", URL, "--email", "you@example.com"],
            "API key of you@example.com for 127.0.0.1 (it is not shown; ",
        ),
        (["audit", "--url", "http://127.0.0.1:9/client/v4"], "API token for 127.0.0.1 (it is not shown; "),
        (["zones", "--url", URL, "--email", "a@example.com", "--token-file", "-"], "API key: "),
    ],
)
def test_a_key_is_typed_unseen(arguments: list[str], question: str, tmp_path: Path) -> None:
    """Asked once where none is configured, before anything is sent; nobody answers here, which is told."""
    screen = on_a_terminal(arguments, environment(tmp_path))
    screen.until(question)
    echoes = screen.echoes
    screen.type(f"{KEY}\n")
    code = screen.end()

    assert (False, 3, 1) == (echoes, code, screen.shown.count(question))
    assert "not carried out" in screen.shown
    assert KEY not in screen.shown


@pytest.mark.slow
@pytest.mark.parametrize(
    ("typed", "code", "words"), [("\n", 2, "no key was typed"), ("\x04", 2, "no key was typed"), ("\x03", 130, "inter")]
)
def test_no_key_is_typed(typed: str, code: int, words: str, tmp_path: Path) -> None:
    """Return, Ctrl-D and Ctrl-C; the terminal echoes again."""
    screen = on_a_terminal(["zones"], environment(tmp_path))
    screen.until("API token for api.cloudflare.com (it is not shown; ")
    screen.type(typed)
    screen.until(f"cfclient: {'error: ' if code == 2 else ''}{words}")
    echoes = screen.echoes

    assert (code, True) == (screen.end(), echoes)


def test_nobody_is_asked_in_a_pipe(tmp_path: Path) -> None:
    """A script must not hang."""
    done = subprocess.run(
        [*COMMAND, "zones"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=environment(tmp_path),
        check=False,
        timeout=60,
    )

    assert (2, "", 1) == (done.returncode, done.stdout, len(done.stderr.splitlines()))
    assert "no token is given" in done.stderr


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """Somebody sits at a terminal, and nothing is configured."""
    for name in [name for name in os.environ if name.startswith(("CFCLIENT_", "CLOUDFLARE_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setattr(options, "_can_ask", lambda: True)
    return monkeypatch


@pytest.mark.parametrize("arguments", [["zones", "--url", "emulator:?zones=1", "--token-file", "-"]])
def test_the_key_that_is_typed_is_the_one_that_is_used(
    arguments: list[str], terminal: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The emulator knows one only."""
    terminal.setattr(getpass, "getpass", lambda _: " demo-key ")
    right = main(arguments)
    terminal.setattr(getpass, "getpass", lambda _: "other-key")

    assert (0, 3) == (right, main(arguments))
    assert "other-key" not in "".join(capsys.readouterr())


@pytest.mark.parametrize(
    ("url", "words"),
    [("http://192.0.2.1/client/v4", "unencrypted"), ("ftp://a.example/client/v4", "is not an address")],
)
def test_nobody_is_asked_for_a_key_that_must_not_be_sent(
    url: str, words: str, terminal: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The address is refused before anything is typed."""

    def typed(prompt: str) -> str:
        pytest.fail(prompt)

    terminal.setattr(getpass, "getpass", typed)

    assert 2 == main(["zones", "--url", url])
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(("outcome", "code"), [(EOFError, 2), (KeyboardInterrupt, 130), (None, 2)])
@pytest.mark.parametrize("arguments", [["zones"], ["audit", "--url", URL, "--email", "you@example.com"]])
def test_a_question_without_an_answer(
    outcome: type[BaseException] | None,
    code: int,
    arguments: list[str],
    terminal: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Ends the command at once, with a line of its own."""

    def answer(prompt: str) -> str:
        if outcome is not None:
            raise outcome
        return " "

    terminal.setattr(getpass, "getpass", answer)

    assert code == main(arguments)
    out, err = capsys.readouterr()
    assert ("", True) == (out, err.splitlines()[-1].startswith("cfclient: "))


# -- widths, colours, exit codes ----------------------------------------------------------------------


def on_screen(arguments: Sequence[str], monkeypatch: pytest.MonkeyPatch) -> str:
    """What the command shows on a terminal, with its colours."""
    screen = io.StringIO()
    with monkeypatch.context() as patch:
        patch.setattr(screen, "isatty", lambda: True, raising=False)
        patch.setattr(sys, "stdout", screen)
        assert main(arguments) in {0, 1}
    return screen.getvalue()


ZONE = min(emulator().accounts[0].sites, key=lambda site: len(site.records)).zone.zone_name
TABLES = [
    ["audit", "--demo"],
    ["rules"],
    ["rules", "origin-exposed"],
    ["zones", "--demo"],
    ["records", ZONE, "--demo"],
    ["settings", ZONE, "--demo"],
    ["stats", ZONE, "--demo"],
    ["visitors", ZONE, "--demo"],
    ["support"],
    ["support", "--permissions"],
    ["doctor", "--demo"],
]


@pytest.mark.parametrize("arguments", TABLES, ids=" ".join)
def test_no_table_is_wider_than_the_terminal(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """From 60 columns to 200; without colours where none are wanted."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", "1")
    for width in (60, 80, 200):
        monkeypatch.setenv("COLUMNS", str(width))
        shown = on_screen(arguments, monkeypatch)
        lines = re.sub(r"\x1b\[[0-9;]*m", "", shown).splitlines()

        assert [] == [line for line in lines if cell_len(line) > width]
        assert [] == [code for code in re.findall(r"\x1b\[([0-9;]*)m", shown) if re.search(r"\b[349]\d\b", code)]


def test_the_differences_of_two_audits_fit_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They have a table of their own."""
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    main(["audit", "--demo", "--format", "json", "-o", str(old)])
    audit = json.loads(old.read_text())
    for zone in audit["zones"]:
        zone["findings"] = []
    new.write_text(json.dumps(audit))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "60")
    shown = re.sub(r"\x1b\[[0-9;]*m", "", on_screen(["diff", str(old), str(new)], monkeypatch))

    assert [] == [line for line in shown.splitlines() if cell_len(line) > 60]
    assert len(shown.splitlines()) > len(audit["zones"])


def codes(lines: Sequence[str]) -> dict[int, str]:
    """Exit codes and their meanings, from an indented list."""
    found: dict[int, str] = {}
    code = 0
    for line in lines:
        if match := re.match(r" {4}(\d+) +(.*)", line):
            code = int(match[1])
            found[code] = match[2]
        elif found and line.startswith(" " * 9):
            found[code] += f" {line.strip()}"
    return found


def test_the_exit_codes_are_the_same_wherever_they_stand(capsys: pytest.CaptureFixture[str]) -> None:
    """In the docs, in the help, in the docstring, and in the table that the help is made from."""
    page = (Path(__file__).parents[1] / "docs" / "reference" / "command-line.md").read_text()
    rows = re.findall(r"^\| (\d+) \| (.*) \|$", page, re.MULTILINE)
    main(["--help"])
    helped = capsys.readouterr().out.partition("Exit codes:")[2].partition("\n\n╭")[0]

    assert options.EXIT_CODES == {int(code): words.replace("`", "") for code, words in rows}
    assert options.EXIT_CODES == codes((cli.__doc__ or "").partition("exit codes")[2].splitlines())
    assert options.EXIT_CODES == codes(helped.splitlines())


@pytest.mark.parametrize("name", sorted(name for name in commands.app if not name.startswith("-")))
def test_every_command_s_help_has_examples_that_exist(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Lines that begin with the command, with options that it has."""
    main([name, "--help"])
    shown = capsys.readouterr().out
    examples = [line.strip() for line in shown.splitlines() if line.startswith((f"    cfclient {name}", "    source"))]
    wanted = {word for line in examples for word in line.split("|")[0].split() if re.fullmatch(r"--[a-z-]+", word)}

    assert examples
    assert [] == [word for word in wanted if shown.count(word) < 2]


# -- where things break -------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [["--help"], ["audit", "--help"], ["rules"]], ids=" ".join)
def test_whoever_reads_goes_away(arguments: list[str]) -> None:
    """As with head: no error is shown, and the code is not the one of findings."""
    with subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.close()
        _, err = process.communicate(timeout=60)

    assert (141, b"") == (process.returncode, err)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full is Linux's")
def test_a_full_disk(capsys: pytest.CaptureFixture[str]) -> None:
    """One line, with what to do."""
    code = main(["zones", "--demo", "--format", "csv", "-o", "/dev/full"])

    assert 3 == code
    assert "cfclient: error: no space is left where the output goes" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code", "word"), [(signal.SIGTERM, 143, "terminated"), (signal.SIGINT, 130, "inter")]
)
def test_a_command_that_is_ended_leaves_no_file_behind(number: int, code: int, word: str, tmp_path: Path) -> None:
    """Whatever it was about to write; the old file stays."""
    out = tmp_path / "zones.json"
    out.write_text("old")
    command = [*COMMAND, "zones", "--url", "emulator:?latency=600000", "--format", "json", "-o", str(out)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment(tmp_path / "none")) as process:
        while not [path for path in tmp_path.iterdir() if path.name.endswith(".tmp")]:
            assert process.poll() is None
            time.sleep(0.01)
        time.sleep(1)  # the event loop begins after the file, and nothing outside shows it
        process.send_signal(number)
        _, err = process.communicate(timeout=60)

    assert (code, [out], "old") == (process.returncode, list(tmp_path.iterdir()), out.read_text())
    assert err.startswith(f"cfclient: {word}")


@pytest.mark.slow
def test_what_the_library_warns_of_is_a_line(tmp_path: Path) -> None:
    """Once each; that it gave up is said by the error already."""
    (tmp_path / "cfclient").mkdir()
    config = tmp_path / "cfclient" / "config.toml"
    config.write_text(f'[profiles.default]\nurl = "{URL}"\nemail = "a@example.com"\ntoken = "k"\n')
    config.chmod(0o644)
    done = subprocess.run([*COMMAND, "zones"], capture_output=True, text=True, env=environment(tmp_path), check=False)
    first, second = done.stderr.splitlines()

    assert (3, True) == (done.returncode, first.startswith("cfclient: warning: "))
    assert "chmod 600" in first
    assert second.endswith("cfclient doctor looks for the cause")
