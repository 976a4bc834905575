"""The web application under `examples/fastapi_app/`, run as a process, asked by programs and by a real browser."""

from __future__ import annotations

import json
import os
import re
import runpy
import shutil
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import httpx
import pytest

import cfclient
from cfclient.backend import Backend, Credentials
from cfclient.gateway import gateway
from tests.canary import CANARY
from tests.served import serving
from tests.test_audit_browser import FLAGS
from tests.test_examples import EXAMPLES, line_with, running

pytestmark = pytest.mark.slow

pytest.importorskip("fastapi", reason="FastAPI is installed with Python 3.11 only")

ANNA = {"x-auth-email": "anna@example.com", "x-auth-key": CANARY}
BEN = {"x-auth-email": "ben@example.com", "x-auth-key": "ben-key"}
RECORD = {"name": "new", "type": "A", "content": "192.0.2.9"}


def customers() -> cfclient.Emulator:
    """Two customers, with a zone or more each."""
    named = {ANNA["x-auth-email"]: ANNA["x-auth-key"], BEN["x-auth-email"]: BEN["x-auth-key"]}
    records = [{"type": "A", "name": "www", "content": "10.0.0.1"}]
    owned = {"anna": [f"anna-{number}.example" for number in range(12)], "ben": ["ben.example"]}
    return cfclient.Emulator.from_json(
        {
            "accounts": [
                {
                    "email": email,
                    "key": key,
                    "zones": [{"zone_name": name, "records": records} for name in owned[email.partition("@")[0]]],
                }
                for email, key in named.items()
            ]
        }
    )


def site_of(emulator: cfclient.Emulator, zone: str) -> Any:
    return emulator.site(zone, email=ANNA["x-auth-email"])


@contextmanager
def application(url: str) -> Iterator[str]:
    """The address of the application, as a process in front of this service; its log has no fault and no key."""
    with running(url, "fastapi_app/app.py", "--port", "0") as program:
        found = re.search(r"http://127\.0\.0\.1:\d+", line_with(program, "Uvicorn running on"))
        assert found is not None
        yield found[0]
        program.send_signal(signal.SIGTERM)
        assert program.stderr is not None
        log = program.stderr.read()
    assert "Traceback" not in log, log
    assert CANARY not in log


@pytest.fixture(scope="module")
def emulator() -> cfclient.Emulator:
    return customers()


@pytest.fixture(scope="module")
def address(emulator: cfclient.Emulator) -> Iterator[str]:
    """Where it answers."""
    with serving(gateway(emulator.connect)) as url, application(url) as found:
        yield found


@pytest.fixture
def anna(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address, headers=ANNA, trust_env=False) as client:
        yield client


def test_each_customer_sees_their_own(anna: httpx.Client) -> None:
    """Over one client; and nobody, without a key."""
    mine = anna.get("/zones").json()
    theirs = anna.get("/zones", headers=BEN).json()
    nobody = httpx.get(f"{anna.base_url}/zones", trust_env=False)
    other = anna.get("/zones/ben.example/records")

    assert {f"anna-{number}.example" for number in range(12)} == set(mine)
    assert ["ben.example"] == theirs
    assert (401, "Bearer") == (nobody.status_code, nobody.headers["www-authenticate"])
    assert (422, "application/problem+json") == (other.status_code, other.headers["content-type"])


def test_a_record_is_made_changed_and_deleted(anna: httpx.Client, emulator: cfclient.Emulator) -> None:
    """Each step is seen in the listing, and in the service."""
    path = "/zones/anna-1.example/records"

    made = anna.post(path, json=RECORD)
    rec_id = made.json()["rec_id"]
    changed = anna.put(f"{path}/{rec_id}", json={**RECORD, "content": "192.0.2.10"})
    listed = {record["name"]: record["content"] for record in anna.get(path).json()}
    gone = anna.delete(f"{path}/{rec_id}")

    assert (201, 200, 204) == (made.status_code, changed.status_code, gone.status_code)
    assert "192.0.2.10" == listed["new.anna-1.example"]
    assert ["www.anna-1.example"] == [record.name for record in site_of(emulator, "anna-1.example").records]


def test_under_attack_is_switched_on_and_back(anna: httpx.Client, emulator: cfclient.Emulator) -> None:
    """The answer says to which level it goes back."""
    former = site_of(emulator, "anna-2.example").settings.sec_lvl

    on = anna.put("/zones/anna-2.example/attack", json={"on": True}).json()
    during = anna.get("/zones/anna-2.example/attack").json()
    anna.put("/zones/anna-2.example/attack", json={"on": False, "level": on["former"]})

    assert former == on["former"]
    assert {"on": True, "level": "help"} == during
    assert former == site_of(emulator, "anna-2.example").settings.sec_lvl


def test_a_session_holds_the_key_for_a_browser(address: str) -> None:
    """The cookie is its name only; after signing out it is worth nothing; a wrong key begins none."""
    with httpx.Client(base_url=address, trust_env=False) as browser:
        wrong = browser.post("/session", json={"email": "anna@example.com", "key": "wrong"})
        right = browser.post("/session", json={"email": "anna@example.com", "key": CANARY})
        cookie = right.headers["set-cookie"]
        zones = browser.get("/zones")
        browser.delete("/session")
        name, _, value = cookie.partition(";")[0].partition("=")
        after = browser.get("/zones", headers={"cookie": f"{name}={value}"})

    assert (401, 204, 200, 401) == (wrong.status_code, right.status_code, zones.status_code, after.status_code)
    assert "no-store" == zones.headers["cache-control"]
    assert ("httponly" in cookie.lower(), "samesite=strict" in cookie.lower()) == (True, True)
    assert CANARY not in f"{right.headers} {zones.text} {wrong.text}"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"authorization": "Bearer token"}, 401),  # version 1 knows no API tokens
        ({"x-auth-email": "anna@example.com", "x-auth-key": "two\tparts"}, 401),
        ({"cookie": "session=guessed"}, 401),
    ],
)
def test_what_cannot_be_a_key_is_refused(address: str, headers: dict[str, str], status: int) -> None:
    """Like one that is not accepted."""
    assert status == httpx.get(f"{address}/zones", headers=headers, trust_env=False).status_code


def test_an_audit_reports_as_it_goes(anna: httpx.Client) -> None:
    """Every zone once, and the numbers at the end; what cannot be audited is said."""
    told = events(anna.get("/audit").text)
    bad = anna.get("/audit", params={"zone": "no zone"})
    alone = events(anna.get("/audit", headers={"x-auth-key": "wrong"}).text)

    kinds, data = [kind for kind, _ in told], [data for _, data in told]
    assert ["began", *["zone"] * 12, "ended"] == kinds
    assert list(range(11, -1, -1)) == [zone["left"] for zone in data[1:-1]]
    assert sum(len(zone["findings"]) for zone in data[1:-1]) == sum(data[-1]["findings"].values()) > 0
    assert data[-1]["complete"]
    assert "InvalidInput" in bad.text
    assert [("failed", 401)] == [(kind, data["status"]) for kind, data in alone]


def events(text: str) -> list[tuple[str, Any]]:
    """The events of a stream, each with what it says."""
    found = re.findall(r"^event: (\w+)\s+^data: (.*?)\s*$", text, re.MULTILINE)
    return [(kind, json.loads(data)) for kind, data in found]


# -- errors -------------------------------------------------------------------------------------------


REFUSALS = {
    "refused.example": cfclient.InvalidInput("Invalid zone.", code="E_INVLDINPUT"),
    "unknown.example": cfclient.ApiError("No."),
}


class Failing:
    """A backend that refuses by the name of the zone."""

    async def perform(self, action: Any) -> Any:
        raise REFUSALS[action.zone]


def failing(_: Credentials) -> Backend:
    return Failing()


async def strange(scope: Any, receive: Any, send: Any) -> None:
    """A service that answers what is no reply, or says when to come back."""
    if scope["type"] != "http":
        return
    body = (await receive()).get("body", b"")
    limited = b"limited" in body
    headers = [(b"retry-after", b"4000")] if limited else []
    await send({"type": "http.response.start", "status": 429 if limited else 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"{}"})


def test_an_error_says_whose_turn_it_is() -> None:
    """A refusal is the customer's, a limit has a time to wait, and the rest is the service's."""
    found: dict[str, tuple[int, str | None]] = {}

    with serving(strange) as url, application(url) as address:
        for zone, who in ("limited.example", ANNA), ("strange.example", BEN):  # a limit is one customer's
            reply = httpx.get(f"{address}/zones/{zone}/attack", headers=who, trust_env=False, timeout=60)
            found[zone] = reply.status_code, reply.headers.get("retry-after")
    with serving(gateway(failing)) as url, application(url) as address:
        for zone in "refused.example", "unknown.example":
            reply = httpx.get(f"{address}/zones/{zone}/attack", headers=ANNA, trust_env=False, timeout=60)
            found[zone] = reply.status_code, reply.headers.get("retry-after")

    assert found == {
        "limited.example": (429, "4000"),
        "strange.example": (502, None),
        "refused.example": (422, None),
        "unknown.example": (422, None),
    }


OURS = "https://inside.example/api_json.html"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (cfclient.Unauthorized("no"), 401),
        (cfclient.RateLimited("no"), 429),
        (cfclient.AmbiguousZone("no"), 422),
        (cfclient.Unsupported("stats", "gone"), 501),
        (cfclient.ConnectionFailed(f"{OURS}: no", maybe_carried_out=False), 502),
        (cfclient.ConnectionFailed(f"{OURS}: no", maybe_carried_out=True), 504),
        (cfclient.OutcomeUnknown("rec_new", f"{OURS}: no"), 504),
        (cfclient.UnexpectedAnswer("no", excerpt=OURS), 502),
        (cfclient.ConfigurationError(f"{OURS} is no address"), 500),
        (cfclient.MisusedClient("no"), 500),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_error_has_its_status(
    error: cfclient.CloudflareError, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    """And an answer that says what is known to be the visitor's; what is ours stands in the log."""
    problem = runpy.run_path(str(EXAMPLES / "fastapi_app" / "app.py"))["problem"]

    found, body = problem(error)

    assert (status, status, type(error).__name__) == (found, body["status"], body["title"])
    assert getattr(error, "maybe_carried_out", None) in {body.get("maybe_carried_out"), None}
    assert OURS not in str(body)
    assert (OURS in str(error)) == (OURS in caplog.text)


# -- visitors who leave -------------------------------------------------------------------------------


@contextmanager
def silent_service() -> Iterator[tuple[str, threading.Event, threading.Event]]:
    """A service that takes requests and never answers; events for "asked" and for "the asker hung up"."""
    asked, left = threading.Event(), threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def take() -> None:
            connection, _ = listener.accept()
            with connection:
                while piece := connection.recv(65536):
                    if b"tkn=" in piece:
                        asked.set()
                left.set()

        thread = threading.Thread(target=take, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/api_json.html", asked, left
        thread.join(30)


@pytest.mark.parametrize("path", ["/zones", "/zones/anna-1.example/attack", "/audit"])
def test_work_ends_when_its_visitor_leaves(path: str) -> None:
    """The call to the service is cancelled, long before it would have run into its time."""
    with silent_service() as (url, asked, left), application(url) as address:
        _, _, port = address.rpartition(":")
        with closing(socket.create_connection(("127.0.0.1", int(port)))) as visitor:
            lines = [f"GET {path} HTTP/1.1", "host: localhost", *(f"{name}: {value}" for name, value in ANNA.items())]
            visitor.sendall("\r\n".join([*lines, "", ""]).encode())
            assert asked.wait(20)
            assert not left.is_set()

        assert left.wait(15)  # without an answer a call lasts 30 s


# -- the page -----------------------------------------------------------------------------------------


def test_the_page_in_a_browser(address: str, emulator: cfclient.Emulator) -> None:
    """Signing in, records, "I'm under attack", an audit's progress live, signing out; the key is nowhere kept."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is installed with Python 3.11 only")
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("there is no chromium on the PATH")
    level = site_of(emulator, "anna-3.example").settings.sec_lvl
    told: list[str] = []
    asked: list[str] = []

    with (
        sync_api.sync_playwright() as playwright,
        closing(playwright.chromium.launch(executable_path=chromium, args=FLAGS)) as browser,
    ):
        page = browser.new_page()
        page.on("console", lambda message: told.append(message.text))
        page.on("pageerror", lambda error: told.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        expect = sync_api.expect

        page.goto(address)
        page.get_by_label("E-mail address").fill("anna@example.com")
        page.get_by_label("API key or token").fill(CANARY)
        page.locator("#sign-in button").click()
        page.get_by_role("button", name="anna-3.example").click()
        expect(page.locator("#records")).to_contain_text("www.anna-3.example")

        page.get_by_label("Name", exact=True).fill("shop")
        page.get_by_label("Content").fill("192.0.2.77")
        page.get_by_role("button", name="Add").click()
        expect(page.locator("#records")).to_contain_text("shop.anna-3.example")
        page.get_by_label("Name", exact=True).fill("shop")
        page.get_by_label("Content").fill("no address")
        page.get_by_role("button", name="Add").click()
        expect(page.get_by_role("alert")).to_contain_text("content")
        page.get_by_role("button", name="Delete A www.anna-3.example").click()
        expect(page.locator("#records")).not_to_contain_text("www.")

        page.get_by_role("button", name="under attack").click()
        expect(page.locator("#attack")).to_have_attribute("aria-pressed", "true")
        during = site_of(emulator, "anna-3.example").settings.sec_lvl
        page.get_by_role("button", name="under attack").click()
        expect(page.locator("#attack")).to_have_attribute("aria-pressed", "false")

        page.get_by_role("button", name="Audit all zones").click()
        expect(page.get_by_role("status")).to_contain_text("Done: 12 zones")
        bar = page.locator("#progress").evaluate("bar => [bar.value, bar.max]")
        findings = page.locator("#findings li").count()
        said = page.get_by_role("status").inner_text()
        violations = axe.run(page).response["violations"]
        kept = page.evaluate(
            "document.documentElement.outerHTML + JSON.stringify([{...localStorage}, {...sessionStorage}])"
        )
        kept += str(page.context.cookies())
        if folder := os.environ.get("SCREENSHOTS"):
            page.screenshot(path=f"{folder}/fastapi.png", full_page=True)

        page.get_by_role("button", name="Sign out").click()
        expect(page.locator("#sign-in")).to_be_visible()

    names = {record.name: record.content for record in site_of(emulator, "anna-3.example").records}
    assert {"shop.anna-3.example": "192.0.2.77"} == names
    assert (cfclient.SecurityLevel.UNDER_ATTACK, level) == (
        during,
        site_of(emulator, "anna-3.example").settings.sec_lvl,
    )
    assert [12, 12] == bar
    assert f"Done: 12 zones, {findings} findings" == said
    assert findings > 0
    assert violations == []
    assert CANARY not in kept
    assert {address} == {url[: len(address)] for url in asked}
    assert [] == [text for text in told if "422" not in text]  # a browser's log has the refusal that was provoked
