"""The key appears nowhere outside of its request: every public failure, with a canary for a key, is searched for it."""

from __future__ import annotations

import json
import logging
import pickle
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

import cfclient
from cfclient import errors
from cfclient.actions import SecLvl
from cfclient.backend import Credentials
from cfclient.errors import CloudflareError
from cfclient.gateway import gateway
from cfclient.retry import Retry
from tests.canary import CANARY, leaks
from tests.loopback import Answer, Asked, Script, listen, raw, reset, serve

pytestmark = [
    pytest.mark.anyio,
    # A body that is not read to its end leaves httpx's async generators to the garbage collector.
    pytest.mark.filterwarnings("ignore:Async generator 'http:ResourceWarning"),
]

EMAIL = "me@example.com"


def said(caplog: pytest.LogCaptureFixture) -> str:
    """All that was logged, with what the records hold besides their text."""
    return caplog.text + "".join(f"{record.__dict__!r}" for record in caplog.records)


def reply(status: int, body: str, *headers: str) -> Script:
    head = "".join(f"{header}\r\n" for header in (f"HTTP/1.1 {status} {CANARY}", *headers))
    return raw(f"{head}content-length: {len(body.encode())}\r\n\r\n{body}".encode())


def v1_error(msg: str, code: str | None = None) -> str:
    return json.dumps({"request": {"act": "sec_lvl", "tkn": CANARY}, "result": "error", "msg": msg, "err_code": code})


def v4_error(message: str) -> str:
    return json.dumps({"success": False, "errors": [{"code": 1004, "message": message}], "result": None})


ECHOES: list[Any] = [
    pytest.param(reply(200, v1_error(f"bad key {CANARY}", "E_UNAUTH")), id="unauthorized"),
    pytest.param(reply(200, v1_error(f"Invalid {CANARY}", "E_INVLDINPUT")), id="invalid input"),
    pytest.param(reply(200, v1_error(f"{CANARY} is too often", CANARY)), id="a code that echoes"),
    pytest.param(reply(200, v1_error("limit", "E_MAXAPI"), f"retry-after: {CANARY}"), id="limited"),
    pytest.param(reply(400, v4_error(f"token {CANARY}")), id="version 4's error"),
    pytest.param(reply(200, f'{{"success": true, "result": "{CANARY}", "x": {{"{CANARY}": 1}}}}'), id="another shape"),
    pytest.param(reply(429, f"<html>{CANARY}</html>", f"x-echo: {CANARY}"), id="429 in HTML"),
    pytest.param(reply(502, f"<html>tkn={CANARY}</html>", f"set-cookie: tkn={CANARY}"), id="502 in HTML"),
    pytest.param(reply(200, f'{{"tkn": "{CANARY}"'), id="half JSON"),
    pytest.param(reply(302, CANARY, f"location: http://127.0.0.1:1/{CANARY}"), id="a redirect"),
    pytest.param(reply(200, CANARY, "content-encoding: gzip"), id="not gzip"),
    pytest.param(reply(200, CANARY, f"content-encoding: {CANARY}"), id="the key as an encoding"),
    pytest.param(raw(f"HTTP/1.1 200 OK\r\n{CANARY}\r\n\r\n".encode()), id="a header line that is none"),
    pytest.param(raw(f"HTTP/1.1 200 OK\r\nx y: {CANARY}\r\n\r\n".encode()), id="a header name that is none"),
    pytest.param(raw(f"HTTP/1.1 abc {CANARY}\r\n\r\n".encode()), id="a status that is none"),
    pytest.param(raw(f"{CANARY}\r\n\r\n".encode()), id="no HTTP"),
    pytest.param(reply(200, CANARY * 40_000), id="too large"),
    pytest.param(reset, id="reset"),
    pytest.param(None, id="nobody listens"),
]


@pytest.mark.parametrize("script", ECHOES)
@pytest.mark.parametrize("api", ["v1", "v4"])
@pytest.mark.parametrize("http", ["httpx", "ready httpx", "aiohttp", "pycurl"])
async def test_no_failure_shows_the_key(
    http: str, api: str, script: Script | None, caplog: pytest.LogCaptureFixture, anyio_backend: str
) -> None:
    """Neither its words nor its chain, its pickle or its frames, nor any log at DEBUG, nor what is open meanwhile."""
    if anyio_backend == "trio" and "httpx" not in http:
        pytest.skip("a library of asyncio")
    caplog.set_level(1)
    seen: list[Any] = []
    retry = Retry(attempts=2, first=0.001, hook=seen.append, patience=0.001)
    async with httpx.AsyncClient(trust_env=False) as ready, listen(script or reset) as server:
        url = server.url if script else "http://127.0.0.1:1/api_json.html"
        if api == "v4":
            url = url.removesuffix("/api_json.html") + "/client/v4"
        for policy in retry, None:
            with pytest.raises(CloudflareError) as caught:
                await ask(url, ready if http == "ready httpx" else http, policy, "perform")
            searched(caught.value)
            with suppress(cfclient.Unsupported, AttributeError), pytest.raises(CloudflareError) as caught:
                await ask(url, ready if http == "ready httpx" else http, policy, "raw")
            searched(caught.value)

    assert CANARY not in said(caplog)
    assert CANARY not in f"{seen!r} {[str(attempt.error) for attempt in seen]}"


def searched(error: CloudflareError) -> None:
    assert [] == leaks(error, __file__)
    assert CANARY.encode() not in pickle.dumps(error)
    again = pickle.loads(pickle.dumps(error))
    assert (str(error), repr(error)) == (str(again), repr(again))


async def ask(url: str, http: Any, retry: Retry | None, how: str) -> None:
    bounds = cfclient.Bounds(size=1_000_000)
    token: Any = CANARY
    # Paced, and no limit that the service reports is waited for on a real clock.
    pace = cfclient.Pace(unsaid=0.001, max_wait=0.001)
    async with cfclient.connect(url, email=EMAIL, token=token, http=http, retry=retry, bounds=bounds, pace=pace) as cf:
        assert CANARY not in f"{cf!r} {cf!s}"
        if how == "raw":
            await cf.raw(SecLvl("example.com", "help"))
        else:
            await cf.rec_new("example.com", "A", "www", "192.0.2.1")


SETTINGS: list[dict[str, Any]] = [
    {"url": "ftp://example.com/"},
    {"url": f"https://me:{CANARY}@example.com/api_json.html"},
    {"url": f"https://example.com/api_json.html?tkn={CANARY}"},
    {"url": "http://example.com/api_json.html"},
    {"url": "https://example.com/api_json.html", "token": f"{CANARY}\n"},
    {"url": "https://example.com/api_json.html", "email": " "},
    {"url": "https://example.com/api_json.html", "http": "nonsense"},
    {"url": "https://example.com/api_json.html", "profile": "nobody"},
    {"url": "https://example.com/api_json.html", "account": "x"},
    {"url": "emulator:?zones=x"},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=" ".join)
async def test_no_setting_that_is_refused_shows_the_key(settings: dict[str, Any]) -> None:
    """The frames of `connect` are left without it, too."""
    with pytest.raises(CloudflareError) as caught:
        async with cfclient.connect(**{"email": EMAIL, "token": CANARY, **settings}):
            pass

    assert [] == leaks(caught.value, __file__)


@pytest.mark.parametrize("text", [f'[profiles.default]\ntoken = "{CANARY}', f'[profiles]\ndefault = "{CANARY}"'])
async def test_a_profile_that_cannot_be_read_is_not_shown(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may hold the key."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "cfclient").mkdir()
    for data in text.encode(), text.encode() + b"\xff":
        (tmp_path / "cfclient" / "config.toml").write_bytes(data)
        with pytest.raises(CloudflareError) as caught:
            async with cfclient.connect("https://example.com/api_json.html", email=EMAIL):
                pass

        assert [] == leaks(caught.value, __file__)


async def test_the_gateway_shows_the_key_to_nobody(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever the backend behind does, neither the log nor the reply has it, unless `echo` asks for that."""
    caplog.set_level(1)

    class Failing:
        def __init__(self, error: Callable[[], Exception]) -> None:
            self.error = error

        async def perform(self, action: Any) -> Any:
            raise self.error()

    failures: list[Callable[[], Exception]] = [
        lambda: errors.ConnectionFailed("no", maybe_carried_out=True),
        lambda: errors.ConfigurationError("no"),
        lambda: errors.ApiError("no"),
        lambda: RuntimeError("a fault"),
    ]
    for failure in failures:
        app = gateway(lambda _, failure=failure: Failing(failure))  # type: ignore[misc]  # a default binds it
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client:
            for data in {"a": "stats", "z": "example.com"}, {"a": CANARY}, {"a": "stats", CANARY: "1"}:
                answer = await client.post(
                    "/api_json.html", data={"tkn": CANARY, "email": EMAIL, **data}, params={"interval": "20"}
                )
                if CANARY not in data and CANARY not in data.values():
                    assert CANARY not in answer.text

    assert CANARY not in "".join(record.getMessage() + (record.exc_text or "") for record in caplog.records)


def test_the_command_line_shows_the_key_to_nobody(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Not with `--traceback`, and not in what it writes."""
    from cfclient.cli import main

    monkeypatch.setattr(Retry, "pause", lambda _self, _number: 0.0)
    monkeypatch.setenv("CFCLIENT_TOKEN", CANARY)
    monkeypatch.setenv("CFCLIENT_EMAIL", EMAIL)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "key").write_text(CANARY)
    codes = []
    for url in "http://127.0.0.1:1/api_json.html", "http://127.0.0.1:1/client/v4", "nonsense", "http://example.com/a":
        for more in [], ["--token-file", str(tmp_path / "key")]:
            for command in ["zones"], ["records", "example.com"], ["settings", "example.com"], ["audit", "example.com"]:
                codes.append(main([*command, "--url", url, "--traceback", "-o", str(tmp_path / "out"), *more]))
    shown = capsys.readouterr()

    assert {2, 3} == set(codes)
    assert CANARY not in shown.out + shown.err
    assert [] == [path for path in tmp_path.rglob("out*") if CANARY in path.read_text()]


async def test_nothing_public_shows_the_key_in_its_repr() -> None:
    """Nor in its text."""
    credentials = Credentials(EMAIL, CANARY)
    emulated = cfclient.emulator(zones=1)
    async with cfclient.connect("https://example.com/api_json.html", email=EMAIL, token=CANARY) as cf:
        shown = [credentials, emulated, cf, cf.acting_as(credentials), cf.zones(), cf.records("example.com")]
        shown += [cfclient.http.Request(method="POST", url="x", body=CANARY.encode(), headers={"a": CANARY})]
        shown += [cfclient.http.Reply(status=200, body=CANARY.encode(), headers={"a": CANARY})]

    assert CANARY not in f"{shown!r} {[str(thing) for thing in shown]}"


async def test_the_log_of_others_is_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    """What else uses httpx logs what it always did."""
    caplog.set_level(logging.DEBUG)

    async def handler(asked: Asked) -> Answer:
        return Answer(headers={"x-other": "shown"})

    async with serve(handler) as server, httpx.AsyncClient(trust_env=False) as client:
        await client.get(server.url)

    assert "shown" in caplog.text


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o600])
async def test_a_profile_that_others_can_read_earns_a_warning(
    mode: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Once, where it holds a key, and with what to do."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "cfclient").mkdir()
    path = tmp_path / "cfclient" / "config.toml"
    path.write_text(
        f'[profiles.default]\nurl = "https://example.com/api_json.html"\ntoken = "{CANARY}"\nemail = "a@b"\n'
    )
    path.chmod(mode)
    for _ in range(2):
        async with cfclient.connect():
            pass

    warnings = [record.getMessage() for record in caplog.records if record.name == "cfclient.connect"]
    expected = f"{path} holds a key, and other users of this machine can read it: chmod 600 {path}"
    assert ([] if mode == 0o600 else [expected]) == warnings


def test_the_search_finds_what_it_searches_for() -> None:
    """A frame, a cause, an attribute: the canary is found in each."""

    def fail(key: str) -> None:
        raise ValueError("no") from KeyError("cause")

    with pytest.raises(ValueError, match="no") as caught:
        fail(CANARY)

    assert leaks(caught.value, "elsewhere")
    assert leaks(ConnectionError(CANARY), __file__)
