"""`cfclient doctor`: what it finds in the way, and that no key is in it."""

from __future__ import annotations

import datetime as dt
import importlib.metadata
import json
import os
import re
import socket
import ssl
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
import trustme

from cfclient import doctor
from cfclient.backend import Credentials
from cfclient.backends.emulator import Emulator
from cfclient.backends.v4.identity import Identity, identify
from cfclient.cli import main
from cfclient.connect import Settings, emulator
from cfclient.doctor import Check
from cfclient.gateway import gateway
from cfclient.http import Reply, Request

from .judged import judged
from .loopback import Answer, Asked, listen, raw, serve
from .served import serving

ROOT = Path(__file__).resolve().parents[1]
WRONG = "wrong-key-0123456789"

Examined = tuple[int, dict[str, dict[str, str]]]
Doctor = Callable[..., Examined]


@pytest.fixture(autouse=True)
def config(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The configuration file, not yet written, and no settings but those of the test."""
    for name in [name for name in os.environ if name.startswith(("CFCLIENT_", "CLOUDFLARE_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "cfclient").mkdir()
    return tmp_path / "cfclient" / "config.toml"


@pytest.fixture
def examined(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Doctor:
    """Runs it with this key: the exit code, and the checks by their names."""

    def run(*arguments: str, key: str = "demo-key") -> Examined:
        monkeypatch.setenv("CFCLIENT_TOKEN", key)
        code = main(["doctor", "--format", "json", *arguments])
        out, err = capsys.readouterr()
        assert key not in out + err
        return code, {check["check"]: check for check in json.loads(out)}

    return run


@pytest.fixture(scope="module")
def v1() -> Iterator[str]:
    """The gateway over the emulator."""
    with serving(gateway(emulator(zones=3).connect)) as url:
        yield url


@pytest.fixture(scope="module")
def v4() -> Iterator[str]:
    """Today's face of the emulator."""
    with judged(emulator(zones=3).v4) as url:
        yield url


def states(checks: dict[str, dict[str, str]]) -> set[str]:
    """Of all but the extras, which are not all installed with every version of Python."""
    return {check["state"] for name, check in checks.items() if not name.startswith("extra ")}


# -- against services ---------------------------------------------------------------------------------


def test_nothing_is_in_the_way_of_the_demo(capsys: pytest.CaptureFixture[str]) -> None:
    """As a table for people."""
    code = main(["doctor", "--demo"])
    out, err = capsys.readouterr()

    assert (0, "") == (code, err)
    assert [" ".join(line.split()) for line in out.splitlines() if line.startswith("credentials")] == [
        "credentials ok accepted; 25 zones"
    ]
    assert "failed" not in out


def test_version_1(v1: str, examined: Doctor) -> None:
    """Where each setting came from, and what is left after the one call."""
    code, checks = examined("--url", v1, "--email", "demo@example.com")

    assert (0, {"ok"}) == (code, states(checks))
    assert "an API key (CFCLIENT_TOKEN)" == checks["key"]["detail"]
    assert "accepted; 3 zones" == checks["credentials"]["detail"]
    assert checks["budget"]["detail"].startswith("1,199 of 1,200 calls in 300 s")


def test_today_with_a_token(v4: str, examined: Doctor) -> None:
    """What it may do, as the zones tell it."""
    code, checks = examined("--url", v4, key="demo-token")

    assert 0 == code
    assert "the API token is active, without an end" == checks["credentials"]["detail"]
    assert "3 are seen" == checks["zones"]["detail"]
    assert "#dns_records:edit" in checks["permissions"]["detail"]
    assert checks["budget"]["detail"].startswith("1,198 of 1,200")


def test_today_with_a_key(v4: str, examined: Doctor) -> None:
    """It may do everything."""
    code, checks = examined("--url", f"{v4}?lists=user", "--email", "demo@example.com")

    assert 0 == code
    assert "the account's global key (CFCLIENT_TOKEN)" == checks["key"]["detail"]
    assert "may do all" in checks["credentials"]["detail"]


def test_a_wrong_key(v1: str, v4: str, examined: Doctor) -> None:
    """Exit code 3, and what to do."""
    for arguments in (
        ["--url", v1, "--email", "demo@example.com"],
        ["--url", v4, "--email", "demo@example.com"],
        ["--url", v4],
    ):
        code, checks = examined(*arguments, key=WRONG)

        assert (3, "failed") == (code, checks["credentials"]["state"])
        assert "check the key" in checks["credentials"]["detail"]


def test_a_token_that_may_not_list_zones(examined: Doctor) -> None:
    """It is good all the same; a name needs what an id does not."""
    tokens = [{"value": "narrow-token", "permissions": ["DNS:Read"]}]
    owner = {"email": "a@example.com", "key": "a-key", "zones": [{"zone_name": "a.example"}], "tokens": tokens}
    world = Emulator.from_json({"accounts": [owner]})
    with judged(world.v4) as url:
        code, checks = examined("--url", url, key="narrow-token")

    assert (0, "ok", "warning") == (code, checks["credentials"]["state"], checks["zones"]["state"])
    assert "not told" in checks["permissions"]["detail"]


def test_nobody_answers(examined: Doctor) -> None:
    """Exit code 3, and nobody is asked who the key is."""
    code, checks = examined("--url", "http://127.0.0.1:9/client/v4")

    assert (3, "failed", "skipped") == (code, checks["connection"]["state"], checks["credentials"]["state"])
    assert "is the server running" in checks["connection"]["detail"]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("body", "words"),
    [(b"<html>", "is it the address of the API?"), (b'{"result": "error", "msg": "Closed."}', "Closed.")],
)
async def test_an_address_of_something_else(body: bytes, words: str) -> None:
    """What answers is not the API, or will not serve it."""

    async def page(asked: Asked) -> Answer:
        return Answer(body=body)

    async with serve(page) as server:
        checks = {check.check: check for check in await doctor.examine(lambda: given(server.url))}

    assert "failed" == checks["credentials"].state
    assert checks["credentials"].detail.endswith(words)


def given(url: str) -> Settings:
    """As if all was given."""
    origins = {"url": "given", "email": "given", "token": "given"}
    return Settings(url=url, credentials=Credentials("a@example.com", WRONG), origins=origins)


# -- settings -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "arguments", "words"),
    [
        ("", ["--url", "https://a.example/"], "no email is given"),
        ("", ["--url", "http://192.0.2.1/client/v4"], "unencrypted"),
        ("[profiles", ["--url", "emulator:"], "cannot be read"),
        ("", ["--profile", "work"], "there is no profile 'work'"),
    ],
)
def test_a_setting_that_is_missing_or_wrong(
    text: str, arguments: list[str], words: str, config: Path, examined: Doctor
) -> None:
    """Exit code 2."""
    config.write_text(text)
    code, checks = examined(*arguments)

    assert 2 == code
    assert [True] == [words in check["detail"] for check in checks.values() if check["state"] == "failed"][:1]


@pytest.mark.parametrize(
    ("mode", "state", "words"), [(0o600, "ok", "(profiles: default, work)"), (0o644, "warning", "chmod 600")]
)
def test_the_configuration_is_told_without_its_secrets(
    mode: int, state: str, words: str, config: Path, examined: Doctor
) -> None:
    """Its place and its profiles' names."""
    config.write_text('[profiles.default]\nurl = "emulator:"\n[profiles.work]\ntoken = "secret-in-the-file"\n')
    config.chmod(mode)
    code, checks = examined()

    assert (0, state) == (code, checks["configuration"]["state"])
    assert words in checks["configuration"]["detail"]
    assert "emulator: (profile default)" == checks["address"]["detail"]
    assert "secret-in-the-file" not in json.dumps(checks)


# -- what is installed --------------------------------------------------------------------------------


def test_the_extras_are_those_of_the_project() -> None:
    """All that a user may want, and what is needed in any case."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = {"", *project["optional-dependencies"]} - {"dev", "docs", "bench"}
    needs = doctor._needs()

    assert extras == set(needs)
    assert sorted(re.split("[>=;~ ]", need)[0] for need in project["dependencies"]) == sorted(needs[""])
    assert ["dnspython"] == needs["zonefile"]


def test_without_what_the_installation_writes_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """As from an unpacked archive: nothing is made up."""

    def missing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "requires", missing)

    assert ["python", "cfclient"] == [check.check for check in doctor.installed()]


def test_what_is_missing(monkeypatch: pytest.MonkeyPatch, examined: Doctor) -> None:
    """An extra is no fault; another package of this name is worth a word."""
    version = importlib.metadata.version

    def some(name: str) -> str:
        if name in {"uvicorn", "attrs"}:
            raise importlib.metadata.PackageNotFoundError(name)
        return "2023.4" if name == "cfclient" else version(name)

    monkeypatch.setattr(importlib.metadata, "version", some)
    code, checks = examined("--url", "emulator:?zones=0")

    assert (0, "absent") == (code, checks["extra server"]["state"])
    assert 'pip install "cfclient-async[server]"' in checks["extra server"]["detail"]
    assert ("warning", "warning") == (checks["attrs"]["state"], checks["cfclient"]["state"])
    assert "pip uninstall cfclient" in checks["cfclient"]["detail"]


# -- TLS ----------------------------------------------------------------------------------------------


@pytest.fixture
def authority(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> trustme.CA:
    """One that is trusted."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    return authority


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("days", "state", "words"),
    [(365, "ok", "speaks TLSv1.3"), (3, "warning", "for 2 days"), (-1, "failed", "certificate has expired")],
)
async def test_a_certificate(days: int, state: str, words: str, authority: trustme.CA) -> None:
    """Whether it holds, and for how long."""
    end = dt.datetime.now(dt.UTC) + dt.timedelta(days=days)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", not_after=end).configure_cert(context)

    async def refuse(asked: Asked) -> Answer:
        return Answer(body=b'{"result": "error", "err_code": "E_UNAUTH", "msg": "no"}')

    async with serve(refuse, context=context) as server:
        checks = {check.check: check for check in await doctor.examine(lambda: given(server.url))}

    assert state == checks["tls"].state
    assert words in checks["tls"].detail
    assert ("skipped" if state == "failed" else "failed") == checks["credentials"].state


@pytest.mark.anyio
async def test_no_tls_is_spoken(authority: trustme.CA) -> None:
    """A plain server behind an https address."""
    async with listen(raw(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as server:
        check = await doctor._reached(server.url.replace("http:", "https:"))

    assert ("tls", "failed") == (check.check, check.state)
    assert "is it an http: address?" in check.detail


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (socket.gaierror(-2, "Name or service not known"), "the name is not known; check its spelling"),
        (TimeoutError(), "no answer within 10 s; check the network"),
        (ConnectionResetError(), "ConnectionResetError; is the server running"),
        (OSError("all of them"), "all of them; is the server running, and the port right? HTTPS_PROXY is set"),
    ],
)
def test_why_nobody_answers(error: BaseException, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what to do; a proxy that is set and not used is named."""
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    outer = OSError("All connection attempts failed")
    outer.__cause__ = error

    assert doctor._why(outer).startswith(words)
    assert "HTTPS_PROXY is set, and used with trust_env=True only" in doctor._why(outer)


def test_of_several_reasons_the_first() -> None:
    """A name with several addresses fails for each."""
    outer = OSError("All connection attempts failed")
    outer.__cause__ = ExceptionGroup("several", [socket.gaierror(), OSError()])

    assert doctor._why(outer).startswith("the name is not known")


def test_a_budget_that_is_used_up() -> None:
    """Worth a warning."""
    words = "0 of 1,200 calls in 300 s are left, as far as this process knows"

    assert Check(check="budget", state="warning", detail=words) == doctor._budget((0, 1200, 300.0), None)


# -- what version 4 may say ---------------------------------------------------------------------------


class Scripted:
    """Answers by path."""

    def __init__(self, **answers: Any) -> None:
        self._answers = answers
        self.asked: list[str] = []

    async def exchange(self, request: Request, /) -> Reply:
        path = request.url.partition("/client/v4")[2]
        self.asked.append(path)
        name = "own" if path.startswith("/accounts/") else path.strip("/").partition("/")[0].partition("?")[0]
        answer = self._answers[name]
        good = not isinstance(answer, int)
        refusal = {"success": False, "errors": [{"code": answer, "message": "no"}], "result": None}
        body = {"success": True, "errors": [], **answer} if good else refusal
        return Reply(status=200 if good else 403, body=json.dumps(body).encode())


BASE = "https://api.cloudflare.com/client/v4"
TOKEN = Credentials(None, "a-token")


@pytest.mark.anyio
async def test_a_token_that_an_account_owns() -> None:
    """It is known at the account's place only, and may have an end."""
    own = {"result": {"status": "disabled", "expires_on": "2026-01-01T00:00:00Z"}}
    http = Scripted(user=1000, own=own, zones={"result": [{"permissions": ["#zone:read"]}, "odd"]})

    found = await identify(http, TOKEN, url=BASE, account="abc")

    expected = Identity(status="disabled", expires="2026-01-01T00:00:00Z", zones=2, permissions=("#zone:read",))
    assert expected == found
    assert ["/user/tokens/verify", "/accounts/abc/tokens/verify", "/zones?per_page=5&account.id=abc"] == http.asked


@pytest.mark.anyio
async def test_answers_of_another_shape() -> None:
    """Nothing is made up."""
    http = Scripted(user={"result": []}, zones={"result": {}, "result_info": {"total_count": 7}})

    assert Identity(status=None, expires=None, zones=7, permissions=()) == await identify(http, TOKEN, url=BASE)


def test_a_token_that_is_not_active(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 3 follows; no zones are seen."""

    async def told(*_: Any, **__: Any) -> Identity:
        return Identity(status="disabled", expires="2026-01-01", zones=0, permissions=())

    monkeypatch.setattr("cfclient.backends.v4.identity.identify", told)
    checks = anyio.run(doctor._asked, Settings(url=f"{BASE}?account=abc", credentials=TOKEN), None, None)

    assert ["failed", "warning"] == [check.state for check in checks[:2]]
    assert "the API token is disabled, until 2026-01-01" == checks[0].detail


# -- the budget ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("as_", ["v1", "v4"])
def test_the_budget_is_the_one_that_calls_will_have(as_: str, config: Path, examined: Doctor, tmp_path: Path) -> None:
    """Shared by a file, as the option or the profile says, or none at all."""
    world, store, who = emulator(zones=3, limit=None), tmp_path / "budget.db", ["--email", "demo@example.com"]
    app, path = (gateway(world.connect), "/api_json.html") if as_ == "v1" else (world.v4, "/client/v4")
    with serving(app, path) as url:
        config.write_text(f'[profiles.default]\nurl = "{url}"\npace = "file:{store}"\n')
        _, first = examined(*who)
        _, second = examined(*who)
        code, unpaced = examined(*who, "--pace", "none")

    spent = {"v1": 1, "v4": 2}[as_]
    for times, checks in enumerate((first, second), 1):
        words = f"{1200 - times * spent:,} of 1,200 calls in 300 s are left, as far as those know that share {store}"
        assert words == checks["budget"]["detail"]
    assert (0, "calls are not paced here") == (code, unpaced["budget"]["detail"])


def test_a_budget_that_cannot_be_reached(v4: str, examined: Doctor, tmp_path: Path) -> None:
    """It is the budget's fault, not the key's."""
    code, checks = examined("--url", v4, "--pace", f"file:{tmp_path}/none/budget.db", key="demo-token")

    assert (3, "failed") == (code, checks["budget"]["state"])
    assert "is the place right that --pace" in checks["budget"]["detail"]
    assert "credentials" not in checks


def test_a_pace_that_needs_another_package(v4: str, examined: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a setting, and neither the key's fault nor the address's."""
    monkeypatch.setitem(sys.modules, "redis", None)

    code, checks = examined("--url", v4, "--pace", "redis://127.0.0.1:1/0", key="demo-token")

    assert (2, "failed") == (code, checks["settings"]["state"])
    assert checks["settings"]["detail"].endswith('pip install "cfclient-async[redis]"')
    assert "credentials" not in checks


def test_a_pace_that_is_none(v4: str, examined: Doctor) -> None:
    """Exit code 2, before anybody is asked."""
    code, checks = examined("--url", v4, "--pace", "fle:/budget.db", key="demo-token")

    assert (2, "failed") == (code, checks["settings"]["state"])
    assert "expected file:/path" in checks["settings"]["detail"]


@pytest.mark.parametrize("place", ["option", "profile"])
def test_the_only_account_that_counts(place: str, v4: str, config: Path, examined: Doctor) -> None:
    """Another one has no zones."""
    other = "f" * 32
    narrowed = f'account = "{other}"\n' if place == "profile" else ""
    config.write_text(f'[profiles.default]\nurl = "{v4}"\n{narrowed}')
    code, checks = examined(
        *(["--account", other] if place == "option" else ["--profile", "default"]), key="demo-token"
    )

    assert (0, "warning", "0 are seen") == (code, checks["zones"]["state"], checks["zones"]["detail"])
