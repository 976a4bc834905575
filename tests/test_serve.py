"""`cfclient serve`: the demo account on a socket, from the first line to the last signal."""

from __future__ import annotations

import json
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import anyio
import httpx
import pytest
import trustme
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

import cfclient
from cfclient import serving
from cfclient.cli import main
from cfclient.errors import ConfigurationError, InvalidInput

from .judged import forwarding, judged

LOGIN = "tkn=demo-key&email=demo@example.com"


@pytest.fixture
def anyio_backend() -> str:
    """The server runs on asyncio only."""
    return "asyncio"


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as bound:
            bound.bind(("::1", 0))
    except OSError:
        return False
    return True


# -- in this process ----------------------------------------------------------------------------------


async def nothing(scope: Any, receive: Any, send: Any) -> None:
    """An application that never answers."""
    await anyio.sleep_forever()


@pytest.mark.anyio
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_it_like_a_return(number: signal.Signals) -> None:
    """The address is announced, requests are answered, and the signal is not raised again."""
    app = cfclient.gateway(cfclient.emulator(zones=2).connect)
    before = signal.getsignal(number)
    url = ""

    async def use() -> None:
        async with cfclient.connect(url, email="demo@example.com", token="demo-key") as cf:
            names.extend([zone.zone_name async for zone in cf.zones()])
        signal.raise_signal(number)

    def announce(address: str) -> None:
        nonlocal url
        url = address
        tasks.start_soon(use)

    names: list[str] = []
    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            await serving.serve(app, host="127.0.0.1", port=0, path="/api_json.html", announce=announce)

    assert (2, before) == (len(names), signal.getsignal(number))
    assert "/api_json.html" == urlsplit(url).path


@pytest.mark.anyio
async def test_an_exchange_that_does_not_end_is_cut_off() -> None:
    """Nobody who waits for an answer keeps the server from stopping."""
    port = 0

    async def ask() -> None:
        async with await anyio.connect_tcp("127.0.0.1", port) as stream:
            await stream.send(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
            await anyio.sleep(0.1)
            signal.raise_signal(signal.SIGTERM)
            with pytest.raises(anyio.EndOfStream):
                while b"Internal Server Error" not in await stream.receive():
                    pass
                await stream.receive()

    def announce(address: str) -> None:
        nonlocal port
        port = urlsplit(address).port or 0
        tasks.start_soon(ask)

    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            await serving.serve(nothing, host="127.0.0.1", port=0, path="/", announce=announce)


@pytest.mark.anyio
async def test_one_connection_too_many_is_answered_and_closed() -> None:
    """In the API's form; the others are served."""
    app = cfclient.gateway(cfclient.emulator(zones=2).connect)
    replies: list[bytes] = []

    async def ask(port: int) -> None:
        async with await anyio.connect_tcp("127.0.0.1", port) as first:
            await first.send(b"GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n")
            replies.append(await first.receive())
            async with await anyio.connect_tcp("127.0.0.1", port) as second:
                replies.append(b"".join([piece async for piece in second]))
        signal.raise_signal(signal.SIGTERM)

    def announce(address: str) -> None:
        tasks.start_soon(ask, urlsplit(address).port or 0)

    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            await serving.serve(app, host="127.0.0.1", port=0, path="/", announce=announce, connections=1)

    served, refused = replies
    head, _, body = refused.partition(b"\r\n\r\n")
    assert (b"200", b"503") == (served.split()[1], head.split()[1])
    assert {"result": "error", "msg": "Too many connections."} == json.loads(body)


@pytest.mark.anyio
@pytest.mark.parametrize("asked", [b"", b"GET / HTTP/1.1\r\nHo", b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"])
async def test_a_connection_that_gets_nowhere_is_closed(asked: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was asked, or half a request, or nobody answers; those that ask on are kept."""
    monkeypatch.setattr(serving, "_PATIENCE", 0.05)

    async def ask(port: int) -> None:
        async with await anyio.connect_tcp("127.0.0.1", port) as stream:
            if asked:
                await stream.send(asked)
            with pytest.raises((anyio.EndOfStream, anyio.BrokenResourceError)):
                await stream.receive()
        signal.raise_signal(signal.SIGTERM)

    def announce(address: str) -> None:
        tasks.start_soon(ask, urlsplit(address).port or 0)

    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            await serving.serve(nothing, host="127.0.0.1", port=0, path="/", announce=announce, connections=5)


@pytest.mark.anyio
async def test_it_serves_over_tls(tmp_path: Path) -> None:
    """With a certificate and its key in one file or in two."""
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    cert, key, both = tmp_path / "cert.pem", tmp_path / "key.pem", tmp_path / "both.pem"
    certificate.cert_chain_pems[0].write_to_path(cert)
    certificate.private_key_pem.write_to_path(key)
    certificate.private_key_and_cert_chain_pem.write_to_path(both)
    context = ssl.create_default_context()
    authority.configure_trust(context)
    app = cfclient.gateway(cfclient.emulator(zones=2).connect)
    statuses: list[int] = []

    async def ask(address: str) -> None:
        async with httpx.AsyncClient(verify=context) as http:
            statuses.append((await http.get(address.replace("127.0.0.1", "localhost"))).status_code)
        signal.raise_signal(signal.SIGTERM)

    def announce(address: str) -> None:
        addresses.append(address)
        tasks.start_soon(ask, address)

    addresses: list[str] = []
    files: list[tuple[Path, Path | None]] = [(cert, key), (both, None)]
    for one, other in files:
        with anyio.fail_after(30):
            async with anyio.create_task_group() as tasks:
                await serving.serve(
                    app, host="127.0.0.1", port=0, path="/healthz", announce=announce, cert=one, key=other
                )

    assert [200, 200] == statuses
    assert all(address.startswith("https://127.0.0.1:") for address in addresses)


@pytest.mark.parametrize("content", [None, "no PEM"])
def test_a_certificate_that_is_none(content: str | None, tmp_path: Path) -> None:
    """Is said before anything starts, with what would be right."""
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    if content is not None:
        cert.write_text(content)

    with pytest.raises(
        ConfigurationError, match=r"cert.pem and .*key.pem cannot be used for TLS: .*expected PEM files"
    ):
        serving.checked_certificate(cert, key)
    with pytest.raises(ConfigurationError, match=r"cert.pem cannot be used for TLS: "):
        serving.checked_certificate(cert, None)


def test_a_key_with_a_password_is_not_asked_for(tmp_path: Path) -> None:
    """A server has nobody to ask."""
    key = ec.generate_private_key(ec.SECP256R1())
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"x")
    certificate = trustme.CA().issue_cert("localhost")
    both = tmp_path / "both.pem"
    both.write_bytes(key.private_bytes(*form) + certificate.cert_chain_pems[0].bytes())

    with pytest.raises(ConfigurationError, match="the key without a password"):
        serving.checked_certificate(both, None)


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 loopback")
@pytest.mark.anyio
async def test_an_ipv6_address_stands_in_brackets() -> None:
    """As a URL needs it."""
    addresses: list[str] = []

    def announce(address: str) -> None:
        addresses.append(address)
        signal.raise_signal(signal.SIGINT)

    with anyio.fail_after(30):
        await serving.serve(nothing, host="::1", port=0, path="/x", announce=announce)

    assert addresses[0].startswith("http://[::1]:")
    assert "::1" == urlsplit(addresses[0]).hostname


def test_a_port_in_use_is_said_before_anything_starts() -> None:
    """With the address, the reason, and what to do."""
    with serving.listener("127.0.0.1", 0) as taken:
        taken.listen()
        port = taken.getsockname()[1]

        with pytest.raises(ConfigurationError, match=rf"cannot listen on 127.0.0.1:{port}: .*use.*--port"):
            serving.listener("127.0.0.1", port)


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid", "a" * 70])
def test_an_address_of_another_machine(host: str) -> None:
    """Or of none."""
    with pytest.raises(ConfigurationError, match=r"cannot listen on "):
        serving.listener(host, 0)


def test_a_port_that_cannot_be() -> None:
    """The resolver would take it modulo 65,536."""
    with pytest.raises(InvalidInput, match="port=65536 is not valid"):
        serving.listener("127.0.0.1", 65_536)


def test_the_command_prints_one_line_when_it_accepts_connections(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The options reach the account."""

    async def serve(app: Any, *, announce: Any, **options: Any) -> None:
        calls.append(options)
        announce("http://address")

    calls: list[Any] = []
    monkeypatch.setattr(serving, "serve", serve)
    code = main(["serve", "--demo", "--zones", "3", "--page-size", "2", "--latency", "5", "--limit", "none", "--echo"])

    assert (0, "http://address\n") == (code, capsys.readouterr().out)
    assert {
        "host": "127.0.0.1",
        "port": 8080,
        "path": "/api_json.html",
        "cert": None,
        "key": None,
        "connections": None,
    } == calls[0]


@pytest.mark.parametrize(
    ("version", "words"),
    [("v1", "try curl -d a=zone_load_multi -d email=demo@example.com -d tkn=demo-key "), ("v4", "demo-token' ")],
)
def test_on_a_terminal_it_says_how_to_try_it(
    version: str, words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One more line, and not among the output; none where a program reads."""

    async def serve(*_: Any, announce: Any, **__: Any) -> None:
        announce("http://127.0.0.1:8080/there")

    monkeypatch.setattr(serving, "serve", serve)
    main(["serve", "--as", version])
    quiet = capsys.readouterr()
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    main(["serve", "--as", version])
    told = capsys.readouterr()

    assert ("", quiet.out) == (quiet.err, told.out)
    assert f"{words}http://127.0.0.1:8080/there" in told.err


def test_without_its_extra(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """One line says what to install."""
    monkeypatch.delattr(cfclient, "serving")
    monkeypatch.delitem(sys.modules, "cfclient.serving")
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    code = main(["serve"])
    out, err = capsys.readouterr()

    assert (2, "", 1) == (code, out, len(err.splitlines()))
    assert 'pip install "cfclient-async[server]"' in err


def test_another_missing_package_is_not_taken_for_the_extra(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is a fault, and is shown as such."""
    monkeypatch.delattr(cfclient, "serving")
    monkeypatch.delitem(sys.modules, "cfclient.serving")
    monkeypatch.setitem(sys.modules, "signal", None)

    assert (70, True) == (main(["serve"]), "signal" in capsys.readouterr().err)


# -- as a process -------------------------------------------------------------------------------------


class Serving:
    """`cfclient serve` in another process, and its address."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        assert process.stdout is not None
        self.line = process.stdout.readline()
        self.url = self.line.strip()
        self.port = urlsplit(self.url).port or 0

    def get(self, query: str) -> Any:
        with urlopen(f"{self.url}?{query}&{LOGIN}", timeout=30) as reply:
            return json.load(reply)

    def stop(self, number: signal.Signals) -> tuple[int, str, str]:
        """The exit code after this signal, and the rest of the output."""
        self._process.send_signal(number)
        out, err = self._process.communicate(timeout=60)
        return self._process.returncode, out, err


@contextmanager
def served(*options: str) -> Iterator[Serving]:
    command = [sys.executable, "-m", "cfclient", "serve", "--demo", "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield Serving(process)
        finally:
            if process.poll() is None:
                process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_process_ends_well(number: signal.Signals) -> None:
    """One plain line, answers, and after the signal exit code 0 without another word."""
    with served("--zones", "3") as server:
        reply = server.get("a=zone_load_multi")
        ended = server.stop(number)

    assert f"http://127.0.0.1:{server.port}/api_json.html\n" == server.line
    assert ("success", 3) == (reply["result"], reply["response"]["zones"]["count"])
    assert (0, "", "") == ended


def test_it_ends_while_somebody_is_connected() -> None:
    """An idle connection, half a request, and a request that waits for its answer."""
    with served("--zones", "1", "--latency", "600000") as server:
        idle, half, waiting = (socket.create_connection(("127.0.0.1", server.port), 30) for _ in range(3))
        with idle, half, waiting:
            half.sendall(b"POST /api_json.html HTTP/1.1\r\nHost: here\r\nContent-Length: 10\r\n\r\na=")
            waiting.sendall(f"GET /api_json.html?a=zone_load_multi&{LOGIN} HTTP/1.1\r\nHost: here\r\n\r\n".encode())
            ended = server.stop(signal.SIGTERM)

    assert (0, "", "") == ended


def test_http_1_0() -> None:
    """Old tools speak it, without a Host; the server closes the connection after the answer."""
    with served("--zones", "2") as server:
        with socket.create_connection(("127.0.0.1", server.port), 30) as connection:
            body = f"a=zone_load_multi&{LOGIN}"
            head = "POST /api_json.html HTTP/1.0\r\nContent-Type: application/x-www-form-urlencoded\r\n"
            connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
            reply = b"".join(iter(lambda: connection.recv(65_536), b""))
        ended = server.stop(signal.SIGTERM)
    headers, _, content = reply.partition(b"\r\n\r\n")

    assert b"200" == headers.split()[1]
    assert 2 == json.loads(content)["response"]["zones"]["count"]
    assert (0, "", "") == ended


def test_what_is_no_http_is_no_news() -> None:
    """It is answered with 400, and nothing is written about it."""
    with served("--zones", "1") as server:
        with socket.create_connection(("127.0.0.1", server.port), 30) as connection:
            connection.sendall(b"\x16\x03\x01 hello\r\n\r\n")
            reply = b"".join(iter(lambda: connection.recv(65_536), b""))
        ended = server.stop(signal.SIGTERM)

    assert b"400" == reply.split()[1]
    assert (0, "", "") == ended


def test_its_options() -> None:
    """Pages, the limit, and the echo of the request, key included."""
    with served("--zones", "5", "--seed", "7", "--page-size", "2", "--limit", "2/300", "--echo") as server:
        first = server.get("a=zone_load_multi")
        second = server.get("a=zone_load_multi&o=4")
        third = server.get("a=zone_load_multi")
        server.stop(signal.SIGTERM)

    assert (True, 2) == (first["response"]["zones"]["has_more"], first["response"]["zones"]["count"])
    assert (False, 1) == (second["response"]["zones"]["has_more"], second["response"]["zones"]["count"])
    assert ("error", "E_MAXAPI") == (third["result"], third["err_code"])
    assert "demo-key" == first["request"]["tkn"]


def test_version_4_is_served_at_a_base_url() -> None:
    """Which other programs take; the token and the key are the demo account's."""
    with served("--as", "v4", "--zones", "3", "--limit", "7/300") as server, judged(forwarding(server.url)) as front:
        request = Request(f"{front}/zones?per_page=5", headers={"Authorization": "Bearer demo-token"})
        with urlopen(request, timeout=30) as reply:
            zones, left = json.load(reply), reply.headers["ratelimit"]
        ended = server.stop(signal.SIGTERM)

    assert f"http://127.0.0.1:{server.port}/client/v4\n" == server.line
    assert (3, '"default";r=6;t=300') == (zones["result_info"]["total_count"], left)
    assert (0, "", "") == ended


def test_version_4_repeats_no_request(capsys: pytest.CaptureFixture[str]) -> None:
    """Echo is a habit of version 1."""
    assert 2 == main(["serve", "--as", "v4", "--echo"])
    assert "--echo is a habit of version 1" in capsys.readouterr().err


def test_a_port_in_use() -> None:
    """One line, exit code 2."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "cfclient", "serve", "--port", port]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    assert (2, "", 1) == (done.returncode, done.stdout, len(done.stderr.splitlines()))
    assert done.stderr.startswith(f"cfclient: error: cannot listen on 127.0.0.1:{port}: ")
