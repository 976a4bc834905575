"""The command, from its arguments to its exit code."""

from __future__ import annotations

import csv
import errno
import io
import json
import logging
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import ModuleType
from typing import Any

import anyio
import pytest

import cfclient
from cfclient import actions as act
from cfclient import cli
from cfclient.actions import ACTIONS
from cfclient.audit import ZoneAudit
from cfclient.audit.report import reporter
from cfclient.cli import asking, auditing, commands, main
from cfclient.connect import emulator
from cfclient.errors import UnexpectedAnswer

from .samples import EXAMPLES
from .served import serving

Run = Callable[..., tuple[int, str, str]]
COMMAND = [sys.executable, "-m", "cfclient"]


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings but those of the test."""
    names = ("CFCLIENT_URL", "CFCLIENT_EMAIL", "CFCLIENT_TOKEN", "CFCLIENT_PROFILE", "CFCLIENT_PACE")
    for name in (*names, "CLOUDFLARE_EMAIL", "CLOUDFLARE_API_KEY", "CLOUDFLARE_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command in this process: its exit code, what it printed, and what it complained of."""

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        out, err = capsys.readouterr()
        return code, out, err

    return run


def sizes() -> dict[str, int]:
    """How many records each zone of the demo account has."""
    (account,) = emulator().accounts
    return {site.zone.zone_name: len(site.records) for site in account.sites}


SIZES = sizes()
ZONE = min(SIZES, key=lambda name: SIZES[name])
LARGEST = max(SIZES, key=lambda name: SIZES[name])


# -- the way in ---------------------------------------------------------------------------------------


def test_the_version(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line, from the arguments of the process where none are given."""
    monkeypatch.setattr(sys, "argv", ["cfclient", "--version"])

    assert (0, f"{cfclient.__version__}\n", "") == run("--version")
    assert 0 == main()


def test_the_version_loads_nothing() -> None:
    """It is what scripts ask for first."""
    script = "import sys; from cfclient.cli import main; main(['--version']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)

    assert set() == {"httpx", "cattrs", "rich", "cyclopts", "anyio"} & set(done.stdout.split())


@pytest.mark.parametrize(("name", "ends"), [("__main__", True), ("cfclient.__main__", False)])
def test_as_a_module(
    name: str, ends: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`python -m cfclient` is the command; importing it does nothing."""
    monkeypatch.setattr(sys, "argv", ["cfclient", "--version"])
    with pytest.raises(SystemExit) if ends else nullcontext():
        runpy.run_path(str(Path(cli.__file__).parents[1] / "__main__.py"), run_name=name)

    assert f"{cfclient.__version__}\n" * ends == capsys.readouterr().out


@pytest.mark.parametrize("package", ["cyclopts", "rich"])
def test_without_its_extra(package: str, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line says what to install."""
    monkeypatch.delitem(sys.modules, "cfclient.cli.commands", raising=False)
    monkeypatch.setitem(sys.modules, package, None)
    code, out, err = run("zones", "--demo")

    assert (2, "", 1) == (code, out, len(err.splitlines()))
    assert 'pip install "cfclient-async[cli]"' in err


def test_another_missing_package_is_not_taken_for_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a fault, and is shown as such."""
    for name in ("commands", "auditing", "asking", "serve"):
        monkeypatch.delitem(sys.modules, f"cfclient.cli.{name}", raising=False)
    monkeypatch.setitem(sys.modules, "anyio", None)

    with pytest.raises(ModuleNotFoundError, match="anyio"):
        main(["zones", "--demo"])


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_the_help_has_examples_and_exit_codes(arguments: list[str], run: Run) -> None:
    """And every command."""
    code, out, _ = run(*arguments)

    assert 0 == code
    for text in ("cfclient audit --demo", "130", "audit", "zones", "records", "settings", "call", "serve"):
        assert text in out


@pytest.mark.parametrize("command", ["audit", "zones", "records", "settings", "call", "serve"])
def test_each_command_s_help_has_examples(command: str, run: Run) -> None:
    """Lines that can be typed as they stand."""
    code, out, _ = run(command, "--help")

    assert 0 == code
    assert f"\n    cfclient {command} " in out


def test_no_option_takes_the_key(run: Run) -> None:
    """Every user of the machine can see a process's options."""
    assert [] == [command for command in ("audit", "zones", "call") if "--token " in run(command, "--help")[1]]


# -- wrong usage --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["zoness"], 'Did you mean "zones"?'),
        (["zones", "--demoo"], "Did you mean "),
        (["--demo", "zones"], "options stand behind the command"),
        (["zones", "--demo", "--format", "xml"], "jsonl"),
        (["zones"], "no token is given"),
        (["zones", "--format", "csv"], "no token is given"),
        (["audit", "--format", "csv"], "no token is given"),
        (["records", "no zone", "--demo", "--format", "csv"], "zone='no zone' is not valid"),
        (["zones", "--profile", "work"], "there is no profile 'work'"),
        (["zones", "--demo", "--url", "emulator:"], "--demo is an account of its own"),
        (["zones", "--url", "emulator:?zones=x"], "zones='x' is not valid"),
        (["zones", "--demo", "--token-file", "x"], "--demo is an account of its own"),
        (["zones", "--url", "emulator:", "--token-file", "missing"], "--token-file missing cannot be read"),
        (["zones", "--url", "emulator:", "--token-file", os.devnull], "holds no key"),
        (
            ["zones", "--url", "http://192.0.2.1/", "--email", "a@b.example", "--token-file", __file__],
            "the key cannot be used",
        ),
        (["records", "--demo"], "ZONE"),
        (["records", "no zone", "--demo"], "zone='no zone' is not valid"),
        (["audit", "--demo", "no zone"], "is not valid"),
        (["audit", "--demo", "--fail-on", "worst"], "critical"),
        (["audit", "--demo", "--concurrency", "0"], "concurrency=0 is not valid"),
        (["call", "rec_nw", "--demo"], "did you mean 'rec_new'?"),
        (["call", "zzzzzz", "--demo"], "there is no action 'zzzzzz'; the actions are stats,"),
        (["call", "stats", "example.com", "--demo"], "'example.com' is no parameter: expected name=value"),
        (["call", "stats", "zon=example.com", "--demo"], "did you mean 'zone'?); it takes z (zone), interval"),
        (["call", "stats", "z=a.example", "zone=a.example", "--demo"], "'zone' of stats is given twice"),
        (["call", "stats", "--demo"], "stats also needs z=; it takes z (zone), interval"),
        (["call", "rec_new", "name=www", "--demo"], "rec_new also needs z=, type=; it takes z (zone), type,"),
        (["call", "fpurge_ts", "z=a.example", "v=0", "--demo"], "fpurge_ts has no parameter 'v'"),
        (["serve", "--limit", "x"], "error: limit="),
        (["serve", "--port", "99999"], "port=99999 is not valid"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage(arguments: list[str], words: str, run: Run) -> None:
    """One line that says what would be right, nothing on standard output, exit code 2."""
    code, out, err = run(*arguments)

    assert (2, "", 1) == (code, out, len(err.splitlines()))
    assert err.startswith("cfclient: error: ")
    assert words in err


def test_a_missing_setting_names_the_places_and_the_way_out(run: Run) -> None:
    """Options, environment, profile, or the demo account."""
    _, _, err = run("zones")

    for place in ("CFCLIENT_TOKEN", "config.toml", "--url", "--demo"):
        assert place in err


@pytest.mark.parametrize("command", [["audit"], ["zones"], ["records", ZONE], ["call", "stats", f"z={ZONE}"]])
def test_a_missing_setting_leaves_the_file_alone(command: list[str], run: Run, tmp_path: Path) -> None:
    """JSON Lines go straight into the file, but not before it is known whom to ask."""
    (tmp_path / "out").write_text("old")

    assert 2 == run(*command, "--format", "jsonl", "-o", str(tmp_path / "out"))[0]
    assert "old" == (tmp_path / "out").read_text()


def test_the_whole_error_on_request(run: Run) -> None:
    """The traceback, and the line as well."""
    code, _, err = run("zones", "--traceback")

    assert (2, True) == (code, err.startswith("Traceback (most recent call last)"))
    assert "cfclient: error: no token is given" in err.splitlines()[-1]


# -- settings -----------------------------------------------------------------------------------------


def test_the_key_from_a_file_or_from_standard_input(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A final newline is no part of it."""
    (tmp_path / "key").write_text("demo-key\n")
    url = ["--url", "emulator:?zones=1"]
    monkeypatch.setattr(sys, "stdin", io.StringIO("demo-key\n"))

    assert 0 == run("zones", *url, "--token-file", str(tmp_path / "key"))[0]
    assert 0 == run("zones", *url, "--token-file", "-")[0]


def test_a_key_is_not_sent_unencrypted(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless it is meant, by the option and not by its Python name."""
    monkeypatch.setenv("CFCLIENT_TOKEN", "a-key-of-no-account")

    code, out, err = run("zones", "--url", "http://192.0.2.1/client/v4")

    assert (2, "") == (code, out)
    assert "use https, or give --allow-plain-http to mean it" in err


def test_a_wrong_key(run: Run, tmp_path: Path) -> None:
    """The service's words, and where to look; never the key."""
    (tmp_path / "key").write_text("wrong-key")
    code, out, err = run("zones", "--url", "emulator:", "--token-file", str(tmp_path / "key"))

    assert (3, "", 1) == (code, out, len(err.splitlines()))
    assert "CFCLIENT_TOKEN" in err
    assert "wrong-key" not in err


def test_settings_from_the_environment_and_a_profile(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As for `connect`."""
    (tmp_path / "config" / "cfclient").mkdir(parents=True)
    (tmp_path / "config" / "cfclient" / "config.toml").write_text('[profiles.small]\nurl = "emulator:?zones=2"\n')
    counts = [len(run("zones", "--profile", "small", "--format", "jsonl")[1].splitlines())]
    monkeypatch.setenv("CFCLIENT_URL", "emulator:?zones=3")
    counts.append(len(run("zones", "--format", "jsonl")[1].splitlines()))

    assert [2, 3] == counts


# -- listings and calls -------------------------------------------------------------------------------


def test_zones(run: Run) -> None:
    """All of the account's."""
    code, out, err = run("zones", "--demo", "--format", "csv")

    assert (0, "") == (code, err)
    assert set(SIZES) == {row["zone_name"] for row in csv.DictReader(out.splitlines())}


@pytest.mark.parametrize("output_format", ["table", "json", "jsonl", "csv"])
def test_records(output_format: str, run: Run) -> None:
    """All pages of them, in every format."""
    code, out, err = run("records", LARGEST, "--demo", "--format", output_format)
    count = len(json.loads(out)) if output_format == "json" else len(out.splitlines())

    assert (0, "") == (code, err)
    assert SIZES[LARGEST] + (output_format in {"table", "csv"}) == count


def test_into_a_file(run: Run, tmp_path: Path) -> None:
    """Standard output stays empty."""
    path = tmp_path / "records.json"

    assert (0, "", "") == run("records", ZONE, "--demo", "--format", "json", "-o", str(path))
    assert SIZES[ZONE] == len(json.loads(path.read_text()))


def test_settings(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of a zone's, today's too where the service tells them."""
    code, out, _ = run("settings", ZONE, "--demo", "--format", "json")
    world = emulator(zones=1)
    monkeypatch.setenv("CFCLIENT_TOKEN", "demo-token")
    with serving(world.v4, "/client/v4") as url:
        zone = world.accounts[0].sites[0].zone.zone_name
        today = json.loads(run("settings", zone, "--url", url, "--format", "json")[1])

    assert (0, True) == (code, "sec_lvl" in json.loads(out))
    assert today["min_tls_version"] is not None
    assert [] == [why for why in today["missing"].values() if "asked for only" in why]


@pytest.mark.parametrize("name", list(ACTIONS))
def test_each_action_is_made_from_words(name: str) -> None:
    """With the wire's names, and with those of the methods."""
    action = EXAMPLES[name]
    wire_words = [f"{key}={value}" for key, value in action.parameters()]
    attribute = {field.metadata["wire"]: field.name for field in act.on_wire(type(action))}
    method_words = [f"{attribute.get(key, key)}={value}" for key, value in action.parameters()]

    assert action == asking._action(name, wire_words) == asking._action(name, method_words)


def test_calls(run: Run) -> None:
    """A record that is created, and actions without an answer, `async` under either name."""
    code, out, _ = run("call", "rec_new", f"z={ZONE}", "type=A", "name=new", "content=192.0.2.1", "--demo")

    assert (0, True) == (code, f"new.{ZONE}" in out)
    assert (0, "done\n", "") == run("call", "async", f"zone={ZONE}", "value=a", "--demo")
    assert (0, "null\n", "") == run("call", "async_", f"z={ZONE}", "v=a", "--demo", "--format", "json")


def test_a_refusal_of_the_service(run: Run) -> None:
    """In its own words, exit code 3."""
    code, out, err = run("call", "stats", "z=other.example", "--demo")

    assert (3, "", "cfclient: error: stats: Invalid zone. (cfclient zones lists those of the account)\n") == (
        code,
        out,
        err,
    )


def test_a_service_that_does_not_answer(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 3, for an audit as well, and the old file stays."""
    monkeypatch.setenv("CFCLIENT_URL", "http://127.0.0.1:9/api_json.html")
    monkeypatch.setenv("CFCLIENT_EMAIL", "demo@example.com")
    monkeypatch.setenv("CFCLIENT_TOKEN", "demo-key")
    (tmp_path / "out").write_text("old")
    for command in ("zones", "audit"):
        code, out, err = run(command, "--format", "json", "-o", str(tmp_path / "out"))

        assert (3, "", 1) == (code, out, len(err.splitlines()))
        assert "not carried out" in err
    assert "old" == (tmp_path / "out").read_text()


# -- the audit ----------------------------------------------------------------------------------------


def test_an_audit_that_finds_something(run: Run) -> None:
    """Exit code 1; the demo account has faults on purpose."""
    code, out, err = run("audit", "--demo", "--format", "json")

    assert (1, "") == (code, err)
    summary = json.loads(out)["summary"]
    assert (True, len(SIZES), sum(SIZES.values())) == (summary["complete"], summary["zones_read"], summary["records"])
    assert summary["findings"] > 0


def test_an_audit_that_finds_nothing_bad_enough(run: Run) -> None:
    """Exit code 0 below `--fail-on`."""
    assert 0 == run("audit", "--demo", "--fail-on", "critical")[0]


def test_an_audit_of_chosen_zones(run: Run) -> None:
    """Only these are read."""
    _, out, _ = run("audit", ZONE, LARGEST, "--demo", "--format", "json")

    assert {ZONE, LARGEST} == {zone["zone"] for zone in json.loads(out)["zones"]}


def test_a_table_for_people_in_a_pipe(run: Run) -> None:
    """Every finding on one whole line."""
    _, out, _ = run("audit", "--demo")
    _, data, _ = run("audit", "--demo", "--format", "json")
    lines = [" ".join(line.split()) for line in out.splitlines()]

    for zone in json.loads(data)["zones"]:
        for finding in zone["findings"]:
            # The hour at which development mode ends is another one in each run.
            if finding["rule"] != "development-mode-on":
                assert [line for line in lines if finding["message"] in line and finding["rule"] in line]


def test_an_incomplete_audit(run: Run) -> None:
    """Exit code 3, whatever was found; one line says why, and the report lists the rest."""
    code, out, err = run("audit", ZONE, "other.example", "another.example", "--demo", "--format", "json")

    assert (3, 1) == (code, len(err.splitlines()))
    assert "2 of 3 zones could not be read: another.example" in err
    assert "(and 1 more)" in err
    assert ["another.example", "other.example"] == [failure["zone"] for failure in json.loads(out)["failures"]]
    assert "more)" not in run("audit", ZONE, "other.example", "--demo")[2]


@pytest.mark.parametrize(
    ("terminal", "arguments", "shown"),
    [
        (False, [], False),
        (True, [], True),
        (True, ["--format", "jsonl"], False),
        (True, ["--format", "jsonl", "-o", os.devnull], True),
    ],
)
def test_progress(terminal: bool, arguments: list[str], shown: bool, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal, unless lines are written to it meanwhile; never in a pipe."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal, raising=False)
    _, _, err = run("audit", ZONE, "--demo", *arguments)

    assert shown is ("reading zones" in err)


class Interrupting:
    """A report during which somebody presses Ctrl-C."""

    def __init__(self, output_format: str, stream: Any, **options: Any) -> None:
        self._report = reporter(output_format, stream, **options)
        self._left = 3
        self.finish = self._report.finish

    def zone(self, audit: ZoneAudit) -> None:
        self._report.zone(audit)
        self._left -= 1
        if not self._left:
            signal.raise_signal(signal.SIGINT)


def test_an_interrupted_audit_keeps_what_it_has(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 130; the report is written, and its summary says what is missing."""
    monkeypatch.setattr(auditing, "reporter", Interrupting)
    path = tmp_path / "out.json"
    code, out, err = run("audit", "--demo", "--format", "json", "-o", str(path))
    report = json.loads(path.read_text())

    assert (130, "", f"cfclient: interrupted: 3 of {len(SIZES)} zones were read\n") == (code, out, err)
    assert (False, 3, 3) == (report["summary"]["complete"], report["summary"]["zones_read"], len(report["zones"]))


def test_an_audit_that_is_interrupted_before_its_first_zone(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is nothing to keep."""

    async def interrupted(*_: object) -> None:
        signal.raise_signal(signal.SIGINT)
        await anyio.sleep_forever()

    monkeypatch.setattr(auditing._Audit, "run", interrupted)

    assert (130, "", "cfclient: interrupted\n") == run("audit", "--demo", "-o", str(tmp_path / "out"))
    assert [] == list(tmp_path.iterdir())


# -- ends that nobody wishes for -----------------------------------------------------------------------


def test_a_fault_of_ours_has_an_exit_code_of_its_own(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """1 would be taken for findings."""

    def broken(*_: object) -> None:
        raise KeyError("oops")

    monkeypatch.setattr(asking, "_list", broken)
    code, _, err = run("zones", "--demo")

    assert (70, 1) == (code, len(err.splitlines()))
    assert "KeyError: 'oops'; this is a fault of cfclient" in err


def test_an_output_that_fails(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk is no fault of cfclient: one line, exit code 3."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(asking, "_list", full)

    words = "no space is left where the output goes: free some, or choose another place with -o"

    assert (3, "", f"cfclient: error: {words}\n") == run("zones", "--demo")


@pytest.mark.parametrize("real", [True, False])
def test_a_reader_that_goes_away(real: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is said, whether there is a file behind standard output or not."""
    with tempfile.TemporaryFile() as behind:

        class Gone(io.StringIO):
            def write(self, _: str) -> int:
                raise BrokenPipeError

            def fileno(self) -> int:
                return behind.fileno() if real else super().fileno()

        monkeypatch.setattr(sys, "stdout", Gone())

        assert 141 == main(["zones", "--demo"])


# -- as a process -------------------------------------------------------------------------------------


def process(*arguments: str, **options: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )


def ended(command: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Its exit code and the rest of its output; ended by force where it does not end."""
    with command:
        try:
            out, err = command.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            command.kill()
            raise
        return command.returncode, out, err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["audit", "--demo", "--fail-on", "critical"], 0),
        (["audit", "--demo"], 1),
        (["audit"], 2),
        (["audit", "other.example", "--demo"], 3),
    ],
)
def test_exit_codes(arguments: list[str], code: int) -> None:
    """Those of the process are those of the command, without a traceback."""
    ended_with, _, err = ended(process(*arguments))

    assert (code, False) == (ended_with, "Traceback" in err)


@pytest.mark.slow
def test_ctrl_c() -> None:
    """The process ends soon, with 130, and what it wrote until then is complete lines and a summary."""
    command = process(
        "audit", "--url", "emulator:?zones=200&latency=300&limit=none", "--concurrency", "1", "--format", "jsonl"
    )
    assert command.stdout is not None
    first = command.stdout.readline()
    command.send_signal(signal.SIGINT)
    code, out, err = ended(command)
    lines = [json.loads(line) for line in [first, *out.splitlines()]]

    assert (130, 1) == (code, len(err.splitlines()))
    assert err.startswith("cfclient: interrupted: ")
    assert "summary" == lines[-1]["kind"]
    assert (False, len(lines) - 1) == (
        lines[-1]["summary"]["complete"],
        lines[-1]["summary"]["zones_read"],
    )


#: loaded when everything else is, by the loop's beginning
LAST = "anyio._backends._asyncio"

_INTERRUPTED_AT = """
import signal, sys

at = sys.argv.pop(1)

class Callback:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)

class Finder:
    def find_spec(self, name, *_):
        if name == at:
            Callback()

from cfclient.cli import main
sys.meta_path.insert(0, Finder())
sys.exit(main())
"""


_BEGINNING = """
import sys
from cfclient.cli import main

def arguments():
    print(flush=True)
    yield from sys.argv[1:]

sys.exit(main(arguments()))
"""


@pytest.mark.parametrize("module", ["cfclient.cli.commands", "cyclopts", "cfclient.cli.options", "anyio", LAST])
def test_ctrl_c_while_the_command_is_loaded(module: str) -> None:
    """Whichever module it is at, and where an exception would get lost: 130 and one line, no traceback."""
    command = [sys.executable, "-c", _INTERRUPTED_AT, module, "audit", "--demo"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)

    assert (130, "", "cfclient: interrupted\n") == (done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("seconds", [0.0, 0.01, 0.03, 0.1])
def test_ctrl_c_in_the_first_moment(seconds: float) -> None:
    """Sent by another process as soon as the command loads its own code, and a little later."""
    code = """if True:
        import sys
        from cfclient.cli import main
        class Begun:
            def find_spec(self, name, path=None, target=None):
                if name == "cfclient.cli.commands":
                    print(flush=True)
        sys.meta_path.insert(0, Begun())
        sys.exit(main(["audit", "--url", sys.argv[1]]))
    """
    command = subprocess.Popen(
        [sys.executable, "-c", code, "emulator:?zones=200&latency=300&limit=none"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with command:
        assert command.stdout is not None
        command.stdout.readline()
        time.sleep(seconds)
        command.send_signal(signal.SIGINT)
        _, err = command.communicate(timeout=60)

    assert (130, 1) == (command.returncode, len(err.splitlines())), err
    assert err.startswith("cfclient: interrupted")


def test_a_system_that_holds_no_signals_back(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """There Ctrl-C comes where it comes, and everything else is as everywhere."""
    monkeypatch.delattr(signal, "pthread_sigmask")

    code = main(["zones", "--demo", "--format", "jsonl"])

    assert (0, "") == (code, capsys.readouterr().err)


def test_ctrl_c_while_this_process_loads_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line, wherever in the loading it came."""

    class Loading(ModuleType):
        def __getattr__(self, name: str) -> object:
            raise KeyboardInterrupt

    monkeypatch.setitem(sys.modules, "cfclient.cli.commands", Loading("cfclient.cli.commands"))

    assert (130, ("", "cfclient: interrupted\n")) == (main(["zones"]), capsys.readouterr())


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "no space is left where the output goes"),
        (OSError(errno.EIO, "Input/output error"), "Input/output error"),
        (PermissionError(errno.EACCES, "Permission denied", "/there"), "error: /there: Permission denied"),
        (UnexpectedAnswer("the answer is no JSON"), "the answer is no JSON"),
    ],
)
def test_what_fails_outside_of_the_command_is_said_in_words(
    error: Exception, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And what to do about it, where that is known; it is no fault of ours."""

    def failing(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("anyio.run", failing)

    assert 3 == main(["zones", "--demo"])
    assert words in capsys.readouterr().err


def test_head() -> None:
    """`| head -1` gets its line, and nobody complains."""
    command = process("records", LARGEST, "--demo", "--format", "jsonl")
    assert command.stdout is not None
    first = command.stdout.readline()
    command.stdout.close()
    assert command.stderr is not None
    with command:
        err = command.stderr.read()
        code = command.wait(timeout=60)

    assert (141, "", LARGEST) == (code, err, json.loads(first)["zone_name"])


def test_an_output_that_knows_only_ascii() -> None:
    """What it cannot show is escaped; it is no reason to fail."""
    environment = {**os.environ, "PYTHONIOENCODING": "ascii:strict"}
    code, out, err = ended(process("audit", "--demo", env=environment))

    assert (1, "") == (code, err)
    assert out.isascii()


def test_support_shows_every_action_and_backend(run: Run) -> None:
    """Full, partial with what is missing, refused with why and since when."""
    code, out, _ = run("support", "--format", "json")
    rows = {row["action"]: row for row in json.loads(out)}

    assert (0, list(ACTIONS)) == (code, list(rows))
    assert {"full", "partial", "refused"} == {row["v4"] for row in rows.values()}
    assert {("full", "full")} == {(row["v1"], row["emulator"]) for row in rows.values()}
    assert "2024-08-05" in rows["minify"]["note"]
    assert [] == [name for name, row in rows.items() if (row["v4"] != "full") != bool(row["note"])]


def test_support_shows_what_a_token_needs(run: Run) -> None:
    """As the dashboard spells it."""
    code, out, _ = run("support", "--permissions", "--format", "csv")
    lines = out.splitlines()

    assert (0, 23, "action,permissions") == (code, len(lines), lines[0])
    assert "rec_new,Zone > Zone > Read; Zone > DNS > Edit" in lines
    assert "minify,none: today's Cloudflare does not carry it out" in lines


def test_an_account_narrows_today_s_cloudflare_only(run: Run) -> None:
    """Said by what it is for."""
    code, _, err = run("zones", "--url", "emulator:", "--account", "a1")

    assert 2 == code
    assert "account= narrows today's Cloudflare" in err


def test_reads_that_are_broken_off_are_no_line_of_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing was changed, and an interrupted command says itself what is not done; a change is told of."""
    logging.getLogger("cfclient.retry.reads").setLevel(logging.NOTSET)  # the documents silence it
    with commands._warnings_said():
        for name in ("cfclient.retry.reads", "cfclient.retry"):
            logging.getLogger(name).warning("%s: cancelled on its way", name)

    assert "cfclient: warning: cfclient.retry: cancelled on its way\n" == capsys.readouterr().err
