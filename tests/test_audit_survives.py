"""An audit as a process: killed, interrupted, terminated, and continued."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from benchmarks.memory import peak
from cfclient.actions import Action
from cfclient.audit.manifest import beside, verify
from cfclient.backend import Credentials
from cfclient.backends.emulator import Emulator
from cfclient.cli import main
from cfclient.cli.ending import Ending

from .served import demo_server

COMMAND = [sys.executable, "-m", "cfclient", "audit"]


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings but those of the test."""
    for name in ("CFCLIENT_URL", "CFCLIENT_EMAIL", "CFCLIENT_TOKEN", "CFCLIENT_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def started(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended(command: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Its exit code and its output; ended by force where it does not end."""
    with command:
        try:
            out, err = command.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            command.kill()
            raise
        return command.returncode, out, err


def grown(path: Path, command: subprocess.Popen[str], lines: int) -> None:
    """Returns when the file has so many lines; a test that waits in vain fails."""
    until = time.monotonic() + 60
    while not path.exists() or path.read_bytes().count(b"\n") < lines:
        assert command.poll() is None
        assert time.monotonic() < until
        time.sleep(0.01)


def zones(path: Path) -> list[str]:
    """The names of the zones in a file of JSON Lines, a half line left out."""
    found = [json.loads(line) for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
    return [line["zone"] for line in found if line["kind"] == "zone"]


# Each call takes 30 seconds, so that what ends soon did not wait for one.
SLOW = "emulator:?zones=40&latency=30000&limit=none"


# -- SIGKILL ------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_killed_at_many_moments_and_continued(tmp_path: Path) -> None:
    """The file ends up the same as without the interruption, order aside; a manifest is there when it is complete."""
    rng = random.Random(20151224)
    path, whole = tmp_path / "killed.jsonl", tmp_path / "whole.jsonl"
    with demo_server("--zones", "60", "--limit", "none", "--latency", "40") as url:
        (tmp_path / "key").write_text("demo-key")
        account = ["--url", url, "--email", "demo@example.com", "--token-file", str(tmp_path / "key")]
        options = [*account, "--manifest", "--format", "jsonl", "--concurrency", "2", "-o"]
        assert 1 == ended(started(*options, str(whole)))[0]
        kills, least, code = 0, 0, -signal.SIGKILL
        while code == -signal.SIGKILL and kills < 40:
            command = started(*options, str(path), "--resume")
            if kills:
                # Not before the run has taken the file over, so that each has a chance to get further.
                time.sleep(rng.uniform(0.2, 1.4))
            else:
                grown(path, command, 1)
            command.kill()
            code, _, _ = ended(command)
            kills += code == -signal.SIGKILL
            found = zones(path)
            if beside(path).exists():
                # The run was over, and at most the end of its process was cut off.
                assert ((), (), 60) == (verify(path).changed, verify(path).missing, len(found))
            else:
                assert -signal.SIGKILL == code
            assert len(found) == len(set(found)) >= least
            least = len(found)
        code, _, err = ended(started(*options, str(path), "--resume"))

    assert kills >= 5
    verdict = verify(path)
    assert (1, f"cfclient: the manifest's digest is {verdict.digest}\n") == (code, err)
    assert ((), (), 60) == (verdict.changed, verdict.missing, verdict.zones)
    assert sorted(whole.read_bytes().splitlines()) == sorted(path.read_bytes().splitlines())
    assert whole.read_bytes().splitlines()[-1] == path.read_bytes().splitlines()[-1]


# -- Ctrl-C and SIGTERM -------------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder that holds, at the end of the test, what it is to hold."""
    folder = tmp_path / "files"
    folder.mkdir()
    return folder


def summary_of(path: Path) -> Any:
    return json.loads(path.read_text())["summary"]


@pytest.mark.parametrize(("sent", "code", "word"), [("SIGINT", 130, "interrupted"), ("SIGTERM", 143, "terminated")])
def test_ended_while_zones_are_read(sent: str, code: int, word: str, files: Path) -> None:
    """It does not wait for calls that are under way; the report says what is missing, and nothing else is left."""
    path = files / "report.json"
    command = started("z.example", "y.example", "--url", SLOW, "--format", "json", "-o", str(path))
    until = time.monotonic() + 60
    while not os.listdir(files):
        assert time.monotonic() < until
        time.sleep(0.01)
    # The zones are named, so the first call is one of those that take 30 seconds.
    time.sleep(0.5)
    before = time.monotonic()
    command.send_signal(getattr(signal, sent))
    found, out, err = ended(command)

    assert time.monotonic() - before < 20
    assert (code, "", f"cfclient: {word}: 0 of 2 zones were read\n") == (found, out, err)
    assert ["report.json"] == os.listdir(files)
    assert (False, 0, ["z.example", "y.example"]) == (
        summary_of(path)["complete"],
        summary_of(path)["zones_read"],
        summary_of(path)["zones_left"],
    )


@pytest.mark.parametrize(("sent", "code", "word"), [("SIGINT", 130, "interrupted"), ("SIGTERM", 143, "terminated")])
def test_ended_while_zones_are_listed(sent: str, code: int, word: str, files: Path) -> None:
    """There is nothing to keep, and no temporary file is left."""
    command = started("--url", SLOW, "--format", "json", "-o", str(files / "report.json"))
    until = time.monotonic() + 60
    while not os.listdir(files):
        assert time.monotonic() < until
        time.sleep(0.01)
    time.sleep(0.5)
    command.send_signal(getattr(signal, sent))

    assert (code, "", f"cfclient: {word}\n") == ended(command)
    assert [] == os.listdir(files)


def test_ended_with_lines_and_continued(files: Path) -> None:
    """The words for it name the file that can be continued; the summary in it goes with the first continuation."""
    path = files / "f.jsonl"
    options = ["--format", "jsonl", "-o", str(path), "--concurrency", "1", "--resume"]
    url = "emulator:?zones=12&limit=none&latency="
    command = started("--url", f"{url}100", *options)
    grown(path, command, 3)
    command.send_signal(signal.SIGINT)
    code, _, err = ended(command)
    last = json.loads(path.read_text().splitlines()[-1])

    assert (130, True) == (code, err.endswith(f"; --resume continues {path}\n"))
    assert ("summary", 12 - last["summary"]["zones_read"]) == (last["kind"], len(last["summary"]["zones_left"]))


HANGING = """
import socket, sys, time

def hang(*_, **__):
    print("resolving", flush=True)
    time.sleep(60)

socket.getaddrinfo = hang
from cfclient.cli import main
from cfclient.cli.ending import Ending
sys.exit(main(sys.argv[1:]))
"""


def test_ended_while_a_name_is_not_resolved(files: Path) -> None:
    """A thread cannot be cancelled; the process ends all the same, its report written."""
    (files / "key").write_text("demo-key")
    path = files / "report.json"
    account = ["--url", "https://v1.example.net/", "--email", "a@b.example", "--token-file", str(files / "key")]
    command = subprocess.Popen(
        [sys.executable, "-c", HANGING, "audit", "z.example", *account, "--format", "json", "-o", str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert command.stdout is not None
    assert "resolving\n" == command.stdout.readline()
    before = time.monotonic()
    command.send_signal(signal.SIGINT)
    code, _, err = ended(command)

    assert time.monotonic() - before < 30
    assert (130, "cfclient: interrupted: 0 of 1 zones were read\n") == (code, err)
    assert ["z.example"] == summary_of(path)["zones_left"]
    assert ["key", "report.json"] == sorted(os.listdir(files))


# -- continuing ---------------------------------------------------------------------------------------


def test_a_complete_file_is_not_read_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The exit code is that of what is in it."""
    path = tmp_path / "f.jsonl"
    options = ["audit", "--demo", "--format", "jsonl", "-o", str(path), "--resume"]

    assert 1 == main(options)
    before = path.read_bytes()
    assert 1 == main(options)
    assert before == path.read_bytes()
    assert ("", "") == capsys.readouterr()


def test_a_file_of_another_audit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line says what differs, with exit code 2, and the file stays as it is."""
    path = tmp_path / "f.jsonl"
    main(["audit", "--demo", "--format", "jsonl", "-o", str(path)])
    before = path.read_bytes()

    assert 2 == main(["audit", "--url", "emulator:?zones=2", "--format", "jsonl", "-o", str(path), "--resume"])
    assert before == path.read_bytes()
    assert 'account: "demo@example.com at emulator:" there' in capsys.readouterr().err


@pytest.mark.parametrize("output_format", ["json", "csv", "table"])
def test_another_format_is_made_from_lines_that_can_be_continued(
    output_format: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The lines stand beside the report until it is complete; the report is the same as without them."""
    straight, path, part = tmp_path / "straight", tmp_path / "f", tmp_path / "f.part.jsonl"
    main(["audit", "--demo", "--format", output_format, "-o", str(straight), "--concurrency", "1"])
    main(["audit", "--demo", "--format", "jsonl", "-o", str(part)])
    part.write_bytes(b"".join(part.read_bytes().splitlines(keepends=True)[:5]))

    assert 1 == main(["audit", "--demo", "--format", output_format, "-o", str(path), "--resume"])
    first, second = (
        # Development mode ends three hours from now, and a minute may begin between the two.
        sorted(re.sub(r"\d\d:\d\d UTC", "soon", report.read_text()).splitlines())
        for report in (straight, path)
    )
    assert first == second
    assert ["f", "straight"] == sorted(name for name in os.listdir(tmp_path) if name != "config")


def test_an_incomplete_report_keeps_its_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The next run reads the rest."""
    path = tmp_path / "f"
    options = ["audit", "other.example", "--demo", "--format", "json", "-o", str(path), "--resume"]

    assert [3, 3] == [main(options), main(options)]
    assert ["f", "f.part.jsonl"] == sorted(os.listdir(tmp_path))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "--resume continues a file: name it by -o FILE"),
        (["-o", os.devnull], "is none (a folder goes with --evidence)"),
        (["-o", "x", "--format", "parquet"], "--resume goes with --format jsonl where records are written"),
        (["-o", "x", "--format", "json", "--with-records"], "--resume goes with --format jsonl where records"),
    ],
)
def test_what_cannot_be_continued(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It is said so, and nothing is begun."""
    assert 2 == main(["audit", "--demo", "--resume", *arguments])
    assert words in capsys.readouterr().err
    assert not Path("x").exists()


def test_lines_are_not_continued_in_another_form(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """They would be written over by a report of zones that are all read anew."""
    path = tmp_path / "f.jsonl"
    assert 1 == main(["audit", "--demo", "--format", "jsonl", "-o", str(path)])
    before = path.read_bytes()

    assert 2 == main(["audit", "--demo", "--format", "json", "-o", str(path), "--resume"])
    assert "is an audit in lines, which goes on with --format jsonl" in capsys.readouterr().err
    assert (before, ["f.jsonl"]) == (path.read_bytes(), os.listdir(tmp_path))


@pytest.mark.slow
def test_ten_times_the_zones_take_hardly_more_memory() -> None:
    """A tenth of what `python -m benchmarks.memory` measures."""
    assert peak(2_000) < 1.1 * peak(200)


# -- in this process ----------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [("SIGINT", 130, "interrupted"), ("SIGTERM", 143, "terminated")])
@pytest.mark.parametrize("at", ["zone_load_multi", "rec_load_all"])
def test_a_signal_during_a_call(
    ending: tuple[str, int, str], at: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """While zones are listed there is nothing to keep, and the old file stays; after that a report is written."""
    sent, code, word = ending
    path = tmp_path / "f.json"
    path.write_text("old")
    perform = Emulator.perform

    sending = iter([sent])

    def interrupted(self: Emulator, credentials: Credentials, action: Action[Any]) -> Any:
        if action.wire_name == at and (sent := next(sending, None)):
            signal.raise_signal(getattr(signal, sent))
        return perform(self, credentials, action)

    monkeypatch.setattr(Emulator, "perform", interrupted)
    before = signal.getsignal(signal.SIGTERM)

    assert code == main(["audit", "--url", "emulator:?zones=3&page_size=1", "--format", "json", "-o", str(path)])
    assert capsys.readouterr().err.startswith(f"cfclient: {word}")
    assert ("old" == path.read_text()) is (at == "zone_load_multi")
    assert before == signal.getsignal(signal.SIGTERM)
    assert ["f.json"] == os.listdir(tmp_path)


def test_terminated_in_the_background_of_a_script(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A shell has its background jobs ignore Ctrl-C; SIGTERM ends them all the same, and Ctrl-C does not."""
    path, calls = tmp_path / "f.json", list[str]()
    perform = Emulator.perform

    def ended(self: Emulator, credentials: Credentials, action: Action[Any]) -> Any:
        calls.append(action.wire_name)
        if calls.count("rec_load_all") == 1 and action.wire_name == "rec_load_all":
            signal.raise_signal(signal.SIGINT)
        if calls.count("rec_load_all") == 2 and action.wire_name == "rec_load_all":
            signal.raise_signal(signal.SIGTERM)
        return perform(self, credentials, action)

    monkeypatch.setattr(Emulator, "perform", ended)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        arguments = ["--url", "emulator:?zones=3", "--concurrency", "1", "--format", "json", "-o", str(path)]
        code = main(["audit", *arguments])
        left = signal.getsignal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)

    assert (143, signal.SIG_IGN, 2) == (code, left, calls.count("rec_load_all"))
    assert capsys.readouterr().err.startswith("cfclient: terminated: 0 of 3 zones were read")
    assert set() == signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_terminated_where_signals_cannot_be_held_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Windows: as Ctrl-C, at once."""
    monkeypatch.delattr(signal, "pthread_sigmask")
    end = Ending()

    with pytest.raises(KeyboardInterrupt):
        end.terminated()
    assert (143, "terminated") == (end.code, end.word)


def test_in_another_thread(tmp_path: Path) -> None:
    """Signals are the main thread's; an audit goes on without."""
    path, codes = tmp_path / "f.json", []
    thread = threading.Thread(
        target=lambda: codes.append(main(["audit", "--demo", "--format", "json", "-o", str(path)]))
    )
    thread.start()
    thread.join(60)

    assert ([1], True) == (codes, summary_of(path)["complete"])
