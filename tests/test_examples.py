"""The programs under `examples/`, each run as a process against a server on the loopback interface."""

from __future__ import annotations

import csv
import http.server
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

import cfclient
from cfclient.gateway import gateway
from tests.served import serving

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def environment(url: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CFCLIENT_", "CLOUDFLARE_"))}
    return {**kept, "CFCLIENT_URL": url, "CFCLIENT_EMAIL": "demo@example.com", "CFCLIENT_TOKEN": "demo-key"}


def run(url: str, name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(EXAMPLES / name), *map(str, arguments)]
    return subprocess.run(command, env=environment(url), capture_output=True, text=True, check=False, timeout=60)


@contextmanager
def running(url: str, name: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """The program until the block is left; it is ended by SIGTERM, as a service manager does."""
    command = [sys.executable, str(EXAMPLES / name), *map(str, arguments)]
    with subprocess.Popen(command, env=environment(url), stderr=subprocess.PIPE, text=True) as program:
        try:
            yield program
        finally:
            program.send_signal(signal.SIGTERM)
            program.wait(timeout=30)


def line_with(program: subprocess.Popen[str], words: str) -> str:
    """The next line of its log that has these words."""
    assert program.stderr is not None
    for line in program.stderr:
        if words in line:
            return line
    raise AssertionError(f"it ended without {words!r}")


# -- bulk audit ---------------------------------------------------------------------------------------


def test_the_bulk_audit_reports_every_zone(tmp_path: Path) -> None:
    """And says which it could not read, with exit code 1."""
    emulator = cfclient.emulator(zones=12)
    ours = emulator.accounts[0].sites[0].zone.zone_name
    names = tmp_path / "zones.txt"
    names.write_text(f"{ours}\nnot-ours.example\n")

    with serving(gateway(emulator.connect)) as url:
        whole = run(url, "bulk_audit.py", tmp_path / "all.csv")
        some = run(url, "bulk_audit.py", tmp_path / "some.csv", names)

    assert (whole.returncode, some.returncode) == (0, 1)
    assert whole.stderr.startswith("12 of 12 zones were read: ")
    assert some.stderr.startswith("1 of 2 zones were read: ")
    rows = list(csv.DictReader((tmp_path / "some.csv").read_text().splitlines()))
    assert [("not-ours.example", "not-read")] == [(row["zone"], row["rule"]) for row in rows if row["zone"] != ours]


def test_the_bulk_audit_says_what_is_wrong(tmp_path: Path) -> None:
    """In one line."""
    done = run("http://127.0.0.1:9/api_json.html", "bulk_audit.py", tmp_path / "all.csv")

    assert done.returncode == 1
    assert "bulk_audit: http://127.0.0.1:9/api_json.html: cannot connect" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("bulk_audit.py", ["{tmp}/all.csv"], "no token is given"),
        ("bulk_audit.py", ["{tmp}/all.csv", "{tmp}/none.txt"], "No such file or directory"),
        ("dyndns.py", ["example.com", "home", "--ask", "http://127.0.0.1:9/"], "no token is given"),
        ("bot.py", ["example.com", "--state", "{tmp}/bot.sqlite", "--own", "10.1.2.3/8"], "no token is given"),
    ],
)
def test_what_is_missing_is_said_in_one_line(name: str, arguments: list[str], words: str, tmp_path: Path) -> None:
    """By each program, before it does anything."""
    command = [sys.executable, str(EXAMPLES / name), *(word.format(tmp=tmp_path) for word in arguments)]
    bare = {key: value for key, value in environment("").items() if not key.startswith("CFCLIENT_")}
    bare["XDG_CONFIG_HOME"] = str(tmp_path)
    done = subprocess.run(command, env=bare, capture_output=True, text=True, check=False, timeout=60)

    assert (1, 1) == (done.returncode, len(done.stderr.splitlines()))
    assert done.stderr.startswith(f"{name.removesuffix('.py')}: ")
    assert words in done.stderr


# -- dynamic DNS --------------------------------------------------------------------------------------


@contextmanager
def address_page(answers: list[str]) -> Iterator[str]:
    """A page that answers with these texts in turn, the last one over and over."""

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = (answers.pop(0) if len(answers) > 1 else answers[0]).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  as the base class has it
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("zone", "name", "absolute"),
    [("example.com", "home", "home.example.com"), ("Example.COM", "Bücher", "xn--bcher-kva.example.com")],
)
def test_a_dynamic_record_follows_the_address(zone: str, name: str, absolute: str) -> None:
    """Created, kept, changed; a page that answers nonsense changes nothing, and ends nothing."""
    emulator = cfclient.Emulator.from_json({"accounts": [{"zones": [{"zone_name": "example.com"}]}]})
    answers = ["8.8.8.8", "8.8.8.8", "an error page", "9.9.9.9"]

    with (
        serving(gateway(emulator.connect)) as url,
        address_page(answers) as page,
        running(url, "dyndns.py", zone, name, "--ask", page, "--every", "0.05") as program,
    ):
        seen = [line_with(program, words) for words in ("created", "kept", "not this time", "changed: 9.9.9.9")]
    (account,) = emulator.accounts
    (record,) = account.sites[0].records

    assert len(seen) == 4
    assert (absolute, "A", "9.9.9.9", 120) == (record.name, record.type, record.content, record.ttl)
    assert program.returncode == 0


# -- the bot ------------------------------------------------------------------------------------------


def bans(state: Path) -> dict[str, tuple[str, str]]:
    with closing(sqlite3.connect(state)) as database:
        return {ip: (reason, kept) for ip, reason, kept in database.execute("SELECT ip, reason, state FROM bans")}


def test_the_bot_bans_and_lifts_its_own(tmp_path: Path) -> None:
    """By threat class, with a reason; never one of its owner's; what a person banned stays."""
    emulator, state = cfclient.emulator(zones=1), tmp_path / "bot.sqlite"
    (account,) = emulator.accounts
    zone = account.sites[0].zone.zone_name

    with serving(gateway(emulator.connect)) as url:
        threats = run(url, "bot.py", zone, "--state", state, "--turns", "1", "--hits", "1", "--lab")
        first = bans(state)
        listed = dict(emulator.accounts[0].listed)
        own = next(iter(first))
        with closing(sqlite3.connect(state)) as database:
            database.execute("UPDATE bans SET until = 0")
            database.commit()
        again = run(url, "bot.py", zone, "--state", state, "--turns", "1", "--hits", "1", "--lab", "--own", f"{own}/32")
        later = bans(state)

    assert (threats.returncode, again.returncode) == (0, 0)
    assert first
    assert all("hits as a threat on" in reason and kept == "set" for reason, kept in first.values())
    assert {*first} <= {*listed}
    assert own not in later
    assert f"{own}: lifted" in again.stderr
    assert f"{own}: never banned: one of our own" in again.stderr
    assert own not in emulator.accounts[0].listed


def test_the_bot_finishes_what_a_killed_one_wanted(tmp_path: Path) -> None:
    """A ban that was written down and not confirmed is asked for at the start."""
    emulator, state = cfclient.emulator(zones=1), tmp_path / "bot.sqlite"
    zone = emulator.accounts[0].sites[0].zone.zone_name

    with serving(gateway(emulator.connect)) as url:
        run(url, "bot.py", zone, "--state", state, "--turns", "1", "--hits", "1000000")
        with closing(sqlite3.connect(state)) as database:
            database.execute("INSERT INTO bans VALUES ('203.0.113.77', ?, 'a test', 1e12, 'wanted')", (zone,))
            database.commit()
        run(url, "bot.py", zone, "--state", state, "--turns", "1", "--hits", "1000000")

    assert bans(state)["203.0.113.77"] == ("a test", "set")
    assert "203.0.113.77" in emulator.accounts[0].listed


def test_the_bot_switches_under_attack_on_and_back(tmp_path: Path) -> None:
    """To the level that was, after some calm turns; it survives a service that does not answer."""
    emulator, state = cfclient.emulator(zones=1), tmp_path / "bot.sqlite"
    site = emulator.accounts[0].sites[0]
    zone, level = site.zone.zone_name, site.settings.sec_lvl

    with serving(gateway(emulator.connect)) as url:
        attacked = run(url, "bot.py", zone, "--state", state, "--turns", "1", "--attack", "1")
        during = emulator.accounts[0].sites[0].settings.sec_lvl
        calm = ("--state", state, "--attack", "1000000", "--calm", "1")
        run(url, "bot.py", zone, *calm, "--turns", "1")
    down = run("http://127.0.0.1:9/api_json.html", "bot.py", zone, *calm, "--turns", "1")

    assert "under attack" in attacked.stderr
    assert during == cfclient.SecurityLevel.UNDER_ATTACK
    assert level == emulator.accounts[0].sites[0].settings.sec_lvl
    assert down.returncode == 0
    assert "not looked at" in down.stderr
