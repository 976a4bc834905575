"""The gateway: any backend as the version 1 endpoint, lenient where old clients are, and never a traceback."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeVar, cast

import anyio
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfclient import actions as act
from cfclient import models, wire
from cfclient.actions import ACTIONS, Action, RecNew
from cfclient.backend import Backend, Credentials
from cfclient.errors import (
    AmbiguousZone,
    ApiError,
    CloudflareError,
    ConfigurationError,
    ConnectionFailed,
    InvalidInput,
    OutcomeUnknown,
    RateLimited,
    Unauthorized,
    UnexpectedAnswer,
    Unsupported,
    ZoneChoice,
    refusal,
)
from cfclient.gateway import HEALTH, PATH, Access, Gateway, gateway
from tests.samples import ACTION_STRATEGIES, ANSWER_STRATEGIES, EXAMPLES

T = TypeVar("T")
USER = {"email": "user@example.com", "tkn": "sesame"}


class Recorder:
    """A backend that remembers who asked what, and answers or raises what it was given."""

    def __init__(self, answer: Any = None) -> None:
        self.answer = answer
        self.asked: list[tuple[Credentials, Action[Any]]] = []

    def connect(self, credentials: Credentials) -> Backend:
        outer = self

        class Recording:
            async def perform(self, action: Action[T], /) -> T:
                outer.asked.append((credentials, action))
                await anyio.lowlevel.checkpoint()
                if isinstance(outer.answer, Exception):
                    raise outer.answer
                return cast("T", outer.answer)

        return Recording()


@asynccontextmanager
async def caller(app: Gateway) -> AsyncIterator[httpx.AsyncClient]:
    """An HTTP client of this gateway, in process."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://gateway.example") as client:
        yield client


async def ask(answer: Any = None, **parameters: str) -> tuple[dict[str, Any], list[Action[Any]]]:
    """The reply to a GET with these parameters, and the actions that were performed."""
    service = Recorder(answer)
    async with caller(gateway(service.connect)) as client:
        reply = await client.get(PATH, params={**USER, **parameters})
    assert (reply.status_code, reply.headers["content-type"]) == (200, "application/json; charset=utf-8")
    return reply.json(), [action for _, action in service.asked]


@pytest.mark.anyio
@pytest.mark.parametrize("name", ACTIONS)
@pytest.mark.parametrize("method", ["GET", "POST", "both"])
async def test_every_action_goes_through(name: str, method: str) -> None:
    """By GET, by POST, or half in the query and half in the body."""
    action = EXAMPLES[name]
    body = wire.form(action, Credentials("user@example.com", "sesame"))
    parameters = wire.pairs(body)
    answer = {"zone_check": {"example.com": "1"}, "ip_lkup": models.ThreatScore(ip="0.0.0.0")}.get(
        name, _plain_answer(name)
    )
    service = Recorder(answer)

    async with caller(gateway(service.connect)) as client:
        if method == "GET":
            reply = await client.get(PATH, params=parameters)
        elif method == "POST":
            reply = await client.post(PATH, data=parameters)
        else:
            reply = await client.post(f"{PATH}?tkn={parameters.pop('tkn')}&a=overruled", data=parameters)

    assert [(Credentials("user@example.com", "sesame"), action)] == service.asked
    assert wire.write(action, answer) == reply.json()


def _plain_answer(name: str) -> Any:
    record = models.Record(rec_id="1", type=models.RecordType.A, name="sub.example.com", content="1.2.3.4")
    return {
        "stats": models.Stats(),
        "zone_load_multi": models.Page(),
        "rec_load_all": models.Page(count=1, objs=(record,)),
        "zone_ips": (models.Visitor(ip="192.0.2.1"),),
        "zone_settings": models.ZoneSettings(ssl=models.SslMode.FULL),
        "devmode": models.DevelopmentMode(),
        "fpurge_ts": models.Purge(cooldown=20),
        "zone_file_purge": models.FilePurge(url="http://a.example/"),
        "wl": models.IpListing(ip="192.0.2.1", action=models.ListAction.WHITELISTED),
        "ban": models.IpListing(ip="192.0.2.1", action=models.ListAction.BANNED),
        "nul": models.IpListing(ip="192.0.2.1", action=models.ListAction.UNLISTED),
        "rec_new": record,
        "rec_edit": record,
    }.get(name)


@pytest.mark.anyio
async def test_a_content_of_spaces_arrives_as_it_is() -> None:
    """A TXT record may say nothing but that."""
    action = RecNew("example.com", "TXT", "www", " ")
    service = Recorder(models.Record(rec_id="1", type=models.RecordType.TXT, name="www.example.com", content=" "))

    async with caller(gateway(service.connect)) as client:
        await client.post(PATH, data=wire.pairs(wire.form(action, Credentials("a@example.com", "k"))))

    assert [(Credentials("a@example.com", "k"), action)] == service.asked


@pytest.mark.parametrize("name", ACTIONS)
def test_client_and_server_are_each_other_s_inverse(name: str) -> None:
    """Whatever is asked and whatever is answered comes out at the other end, over real HTTP objects."""

    @given(ACTION_STRATEGIES[name], ANSWER_STRATEGIES[name])
    def law(action: Action[Any], answer: Any) -> None:
        service = Recorder(answer)

        async def exchange() -> bytes:
            async with caller(gateway(service.connect, max_body=10**6)) as client:
                headers = {"content-type": "application/x-www-form-urlencoded"}
                content = wire.form(action, Credentials("a@example.com", "k"))
                return (await client.post(PATH, content=content, headers=headers)).content

        body = anyio.run(exchange)

        assert [(Credentials("a@example.com", "k"), action)] == service.asked
        if name != "ip_lkup":  # whose reply is looked up by the address that was asked for
            assert answer == wire.read(action, body)

    law()


# -- lenient where old clients are --------------------------------------------------------------------


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"a": "devmode", "z": "example.com", "v": "True"}, act.Devmode("example.com", True)),
        ({"a": "devmode", "z": "example.com", "v": "3"}, act.Devmode("example.com", True)),
        ({"a": "devmode", "z": "example.com", "v": "false"}, act.Devmode("example.com", False)),
        ({"a": "mirage2", "z": "example.com", "v": "true"}, act.Mirage2("example.com", True)),
        ({"a": "ipv46", "z": "example.com", "v": "1"}, act.Ipv46("example.com", True)),
        ({"a": "ipv46", "z": "example.com", "v": "True"}, act.Ipv46("example.com", True)),
        ({"a": "ipv46", "z": "example.com", "v": "0"}, act.Ipv46("example.com", False)),
        ({"a": "fpurge_ts", "z": "example.com", "v": "true"}, act.FpurgeTs("example.com")),
        ({"a": "fpurge_ts", "z": "example.com"}, act.FpurgeTs("example.com")),
        ({"a": "fpurge_ts", "z": "example.com", "v": " 1 "}, act.FpurgeTs("example.com")),
        ({"a": "zone_check", "zones": "example.com,"}, act.ZoneCheck("example.com")),
        ({"a": "stats", "z": "example.com", "_": "1448773672"}, act.Stats("example.com")),
        ({"a": "zone_ips", "z": "example.com", "class": "c"}, act.ZoneIps("example.com", visitor_class="s")),
        (
            {"a": "zone_ips", "z": "example.com", "class": "", "hours": " ", "geo": "true"},
            act.ZoneIps("example.com", geo=True),
        ),
        ({"act": "stats", "z": "example.com"}, act.Stats("example.com")),
        ({"a": "stats", "act": "other", "z": "example.com"}, act.Stats("example.com")),
        ({"a": "stats", "email": "", "u": "user@example.com", "z": "example.com"}, act.Stats("example.com")),
        ({"a": "wl", "z": "example.com", "key": "192.0.2.1"}, act.Wl("192.0.2.1")),
        (
            {"a": "rec_edit", "z": "example.com", "id": "1", "type": "A", "name": "x", "content": "192.0.2.1"}
            | {"service_mode": "true", "prio": "", "ttl": "120"},
            act.RecEdit("example.com", "1", "A", "x", "192.0.2.1", ttl=120, service_mode=True),
        ),
        (
            {"a": "rec_new", "z": "example.com", "type": "SRV", "name": "x", "content": "", "prio": "1"}
            | {
                "service": "_sip",
                "srvname": "x",
                "protocol": "_tcp",
                "weight": "1",
                "port": "1",
                "target": "a.example",
            },
            act.RecNew(
                "example.com",
                "SRV",
                "x",
                "",
                prio=1,
                service="_sip",
                srvname="x",
                protocol="_tcp",
                weight=1,
                port=1,
                target="a.example",
            ),
        ),
    ],
)
async def test_old_forms_are_understood(parameters: dict[str, str], expected: Action[Any]) -> None:
    """Other words for on, an alias of email, an empty parameter, one that another action takes."""
    _, asked = await ask(refusal("x", code=None, action=None), **parameters)

    assert [expected] == asked


@pytest.mark.anyio
async def test_a_raw_at_sign_in_the_query_is_understood() -> None:
    """As several old clients send it."""
    service = Recorder(models.Stats())

    async with caller(gateway(service.connect)) as client:
        await client.get(f"{PATH}?a=stats&z=example.com&email=user@example.com&tkn=k")

    assert [(Credentials("user@example.com", "k"), act.Stats("example.com"))] == service.asked


@pytest.mark.anyio
async def test_a_charset_behind_the_content_type_is_understood() -> None:
    """And none at all is too."""
    service = Recorder(models.Stats())
    body = b"a=stats&z=example.com&email=u@example.com&tkn=k"

    async with caller(gateway(service.connect)) as client:
        for headers in ({"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}, {}):
            reply = await client.post(PATH, content=body, headers=headers)
            assert reply.json()["result"] == "success"

    assert len(service.asked) == 2


# -- refusals -----------------------------------------------------------------------------------------


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"a": "stats", "tkn": ""}, {"msg": "Unknown token or email", "err_code": "E_UNAUTH"}),
        ({"a": "stats", "email": ""}, {"msg": "Unknown token or email", "err_code": "E_UNAUTH"}),
        ({"a": "stats", "tkn": "a\x00b"}, {"msg": "Unknown token or email", "err_code": "E_UNAUTH"}),
        ({"a": "stats", "tkn": "schl\u00fcssel"}, {"msg": "Unknown token or email", "err_code": "E_UNAUTH"}),
        (
            {"a": "devmode", "z": "example.com"},
            {
                "request": {"act": "devmode"},
                "msg": "v is missing: expected a value, because devmode needs one",
                "err_code": "E_INVLDINPUT",
            },
        ),
        ({"a": "stats", "z": "no such"}, {"request": {"act": "stats"}, "msg": "Invalid zone."}),
        ({"a": "stats"}, {"request": {"act": "stats"}, "msg": "Invalid zone."}),
        ({"a": "zone_check", "zones": ","}, {"request": {"act": "zone_check"}, "msg": "Invalid zone."}),
        (
            {"a": "rec_delete", "z": "example.com", "id": "?"},
            {"request": {"act": "rec_delete"}, "msg": "Invalid record id."},
        ),
        (
            {"a": "rec_new", "z": "example.com", "type": "SRV", "name": "x", "prio": "1"},
            {"request": {"act": "rec_new"}, "msg": "Invalid service value."},
        ),
        (
            {"a": "zone_ips", "z": "example.com", "hours": "49"},
            {
                "request": {"act": "zone_ips"},
                "msg": "hours='49' is not valid: expected a whole number from 1 to 48",
                "err_code": "E_INVLDINPUT",
            },
        ),
        (
            {"a": "stats", "z": "example.com", "zone": "x"},
            {"request": {"act": "stats"}, "msg": "Unknown parameter: 'zone'", "err_code": "E_INVLDINPUT"},
        ),
        (
            {"a": "fpurge_ts", "z": "example.com", "v": "2"},
            {
                "request": {"act": "fpurge_ts"},
                "msg": "v='2' is not valid: expected '1'",
                "err_code": "E_INVLDINPUT",
            },
        ),
    ],
)
async def test_a_constructor_s_refusal_becomes_the_service_s_own(
    parameters: dict[str, str], expected: dict[str, Any]
) -> None:
    """In its words where they are known, and then without a code, as it sent them."""
    reply, asked = await ask(**parameters)

    assert {"result": "error", **expected} == reply
    assert asked == []


@pytest.mark.anyio
@pytest.mark.parametrize("name", ["", "nope", "Stats"])
async def test_an_unknown_action_is_an_error(name: str) -> None:
    """Not a 404, not a 500."""
    reply, _ = await ask(a=name)

    assert ("error", "E_INVLDINPUT", {"act": name}) == (reply["result"], reply["err_code"], reply["request"])
    assert "one of the 22 actions" in reply["msg"]


def numbered(code: int) -> Unauthorized:
    """A refusal of today's Cloudflare with this code."""
    error = Unauthorized("It takes a permission", code="E_UNAUTH", action="stats")
    error.numbers = (code,)
    return error


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (
            ApiError("Invalid record id.", action="rec_edit"),
            {"request": {"act": "stats"}, "msg": "Invalid record id."},
        ),
        (RateLimited("Enough."), {"request": {"act": "stats"}, "msg": "Enough.", "err_code": "E_MAXAPI"}),
        (
            InvalidInput.of("ttl", 1, "more"),
            {
                "request": {"act": "stats"},
                "msg": "ttl=1 is not valid: expected more",
                "err_code": "E_INVLDINPUT",
            },
        ),
        (Unsupported("stats", "gone"), {"request": {"act": "stats"}, "msg": "gone"}),
        (
            RateLimited("Enough.", code=None, retry_after=12.0),
            {"request": {"act": "stats"}, "msg": "Enough.; try again in 12 s", "err_code": "E_MAXAPI"},
        ),
        (
            OutcomeUnknown("stats", "no answer came", advice="look"),
            {"request": {"act": "stats"}, "msg": "stats: no answer came; look"},
        ),
        (
            InvalidInput("Invalid record id. Record does not exist (81044)", code="E_INVLDINPUT"),
            {"request": {"act": "stats"}, "msg": "Invalid record id."},
        ),
        (
            AmbiguousZone.among("example.com", [ZoneChoice("a1", "z1", "active"), ZoneChoice("a2", "z2", "pending")]),
            {
                "request": {"act": "stats"},
                "msg": "Invalid zone. This name fits 2 zones: give one of these ids in its place: "
                "z1 of account a1 (active); z2 of account a2 (pending)",
                "err_code": "E_INVLDINPUT",
            },
        ),
        (numbered(9103), {"msg": "Unknown token or email", "err_code": "E_UNAUTH"}),
        (numbered(10000), {"msg": "It takes a permission", "err_code": "E_UNAUTH"}),
    ],
)
async def test_a_backend_s_refusal_is_passed_on(error: CloudflareError, expected: dict[str, Any]) -> None:
    """With its words and its code, and status 200."""
    reply, _ = await ask(error, a="stats", z="example.com")

    assert {"result": "error", **expected} == reply


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (
            ConnectionFailed("secret host", maybe_carried_out=True),
            502,
            "The service behind did not answer; the request may have been carried out.",
        ),
        (
            ConnectionFailed("secret host", maybe_carried_out=False),
            502,
            "The service behind did not answer; the request was not carried out.",
        ),
        (UnexpectedAnswer("secret HTML"), 502, "The service behind did not answer as expected."),
        (ConfigurationError("secret path"), 500, "The gateway is not set up for this: its log says why."),
        (ZeroDivisionError("secret detail"), 500, "Internal error."),
        (ApiError("not JSON: \ud800"), 500, "Internal error."),
    ],
)
async def test_a_fault_says_nothing_of_the_inside(
    error: Exception, status: int, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The caller gets an error of the API; the log gets the reason, and no key."""
    service = Recorder(error)

    with caplog.at_level(logging.DEBUG):
        async with caller(gateway(service.connect)) as client:
            reply = await client.post(PATH, data={**USER, "a": "stats", "z": "example.com"})

    expected = {"request": {"act": "stats"}, "result": "error", "msg": message}
    ours = [record for record in caplog.records if record.name == "cfclient.gateway" and record.levelno > logging.INFO]
    assert (status, expected) == (reply.status_code, reply.json())
    assert len(ours) == 1
    assert "sesame" not in caplog.text
    assert ours[0].exc_info is None  # its frames would have the key


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("method", "path", "options", "status"),
    [
        ("GET", "/", {}, 404),
        ("PUT", PATH, {}, 405),
        ("POST", PATH, {"json": {"a": "stats"}}, 415),
        ("GET", f"{PATH}?callback=alert(1)", {}, 400),
    ],
)
async def test_what_is_no_request_of_the_api_is_refused(
    method: str, path: str, options: dict[str, Any], status: int
) -> None:
    """With a status that says why, and still a reply of the API's form."""
    async with caller(gateway(Recorder().connect)) as client:
        reply = await client.request(method, path, **options)

    assert (status, "error") == (reply.status_code, reply.json()["result"])
    assert ("GET, POST" if status == 405 else None) == reply.headers.get("allow")


@pytest.mark.anyio
async def test_a_body_within_the_cap_may_come_in_pieces() -> None:
    """The cap is on the whole."""
    service = Recorder(models.Stats())

    async def body() -> AsyncIterator[bytes]:
        for piece in (b"a=stats&z=exam", b"ple.com&email=u@exa", b"mple.com&tkn=k"):
            yield piece

    async with caller(gateway(service.connect)) as client:
        reply = await client.post(PATH, content=body())

    assert reply.json()["result"] == "success"


_PIECES: list[bytes] = [
    b"--BOUNDARY\r\n",
    b"--BOUNDARY--\r\n",
    b'Content-Disposition: form-data; name="a"\r\n\r\n',
    b'content-disposition: form-data; filename="x"; name="tkn"\r\n\r\n',
    b'Content-Disposition: form-data; name="email"\r\n\r\n',
    b"stats\r\n",
    b"user@example.com\r\n",
    b"\r\n\r\n",
]


@pytest.mark.anyio
@pytest.mark.parametrize("boundary", ["------------------------3a6f", '"a b"'])
async def test_a_multipart_form_is_understood(boundary: str) -> None:
    """As `curl -F` sends it, and PHP's curl that is given an array."""
    service = Recorder(models.Stats())
    mark = boundary.strip('"')
    fields = {**USER, "a": "stats", "z": "example.com"}
    parts = [f'--{mark}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{fields[key]}\r\n' for key in fields]
    body = "".join([*parts, f"--{mark}\r\nContent-Disposition: form-data\r\n\r\nno name\r\n--{mark}--\r\n"])

    async with caller(gateway(service.connect)) as client:
        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        reply = await client.post(PATH, content=body.encode(), headers=headers)

    assert "success" == reply.json()["result"], reply.text
    assert [act.Stats("example.com")] == [action for _, action in service.asked]


@given(st.binary(max_size=300), st.binary(max_size=20), st.lists(st.sampled_from(_PIECES), max_size=12))
def test_any_multipart_body_gets_a_reply(noise: bytes, boundary: bytes, pieces: list[bytes]) -> None:
    """Whatever it holds, and whatever the boundary is."""
    app = gateway(Recorder(models.Stats()).connect)
    headers = [(b"content-type", b"multipart/form-data; boundary=" + boundary)]
    scope = {"type": "http", "method": "POST", "path": PATH, "query_string": b"", "headers": headers}
    body = b"".join([*pieces, noise]).replace(b"BOUNDARY", boundary)

    start, content = anyio.run(drive, app, scope, {"type": "http.request", "body": body})

    assert start["status"] in {200, 400}
    assert json.loads(content["body"])["result"] in {"success", "error"}


@pytest.mark.anyio
async def test_a_multipart_form_without_a_boundary_is_none() -> None:
    """It is refused, as any other body that is no form."""
    async with caller(gateway(Recorder().connect)) as client:
        reply = await client.post(PATH, content=b"x", headers={"Content-Type": "multipart/form-data"})

    assert (400, "The form has no boundary") == (reply.status_code, reply.json()["msg"])


@pytest.mark.anyio
async def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever sends a byte a minute holds nothing up for ever."""
    monkeypatch.setattr(sys.modules["cfclient.gateway"], "_PATIENCE", 0.01)
    scope = {"type": "http", "method": "POST", "path": PATH, "query_string": b"a=stats", "headers": []}
    sent: list[Any] = []

    async def receive() -> Any:
        await anyio.sleep_forever()

    async def send(message: Any) -> None:
        await anyio.lowlevel.checkpoint()
        sent.append(message)

    await gateway(Recorder().connect)(scope, receive, send)

    assert 408 == sent[0]["status"]
    assert "The body did not come in time" == json.loads(sent[1]["body"])["msg"]


# -- health and accesses ------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_it_says_that_it_is_there() -> None:
    """Nobody is asked for it."""
    service = Recorder()

    async with caller(gateway(service.connect)) as client:
        reply = await client.get(HEALTH)
        posted = await client.post(HEALTH)

    assert (200, {"status": "ok"}, 404) == (reply.status_code, reply.json(), posted.status_code)
    assert service.asked == []


@pytest.mark.anyio
async def test_each_request_is_told_of_without_anything_that_it_carried() -> None:
    """The client, the action's name, the outcome, and how long it took."""
    accesses: list[Access] = []
    answers: list[Any] = [
        models.Stats(),
        ApiError("no"),
        RateLimited("no"),
        ConnectionFailed("x", maybe_carried_out=True),
    ]
    for answer in [*answers, ZeroDivisionError()]:
        async with caller(gateway(Recorder(answer).connect, access=accesses.append)) as client:
            await client.get(PATH, params={**USER, "a": "stats", "z": "example.com"})
    async with caller(gateway(Recorder().connect, access=accesses.append)) as client:
        await client.get(PATH, params={**USER, "a": "sesame", "z": "sesame"})
        await client.get("/sesame")
        await client.get(HEALTH)
    scope = {"type": "http", "method": "PUT", "path": PATH, "query_string": b"", "headers": []}
    await drive(gateway(Recorder().connect, access=accesses.append), scope)

    assert [
        ("127.0.0.1", "stats", "ok"),
        ("127.0.0.1", "stats", "refused"),
        ("127.0.0.1", "stats", "E_MAXAPI"),
        ("127.0.0.1", "stats", "HTTP 502"),
        ("127.0.0.1", "stats", "HTTP 500"),
        ("127.0.0.1", "?", "E_INVLDINPUT"),
        ("127.0.0.1", "?", "HTTP 404"),
        ("127.0.0.1", "healthz", "ok"),
        ("-", "?", "HTTP 405"),
    ] == [(access.client, access.action, access.outcome) for access in accesses]
    assert "sesame" not in repr(accesses)
    assert all(access.seconds >= 0 for access in accesses)


# -- JSONP and the echo -------------------------------------------------------------------------------


@pytest.mark.anyio
@pytest.mark.parametrize("callback", ["cb", "$", "a.b.c", "_x1"])
async def test_jsonp_calls_a_plain_identifier(callback: str) -> None:
    """With content that is safe inside a script."""
    service = Recorder(models.ZoneSettings(ddos="</script>\u2028"))

    async with caller(gateway(service.connect)) as client:
        reply = await client.get(PATH, params={**USER, "a": "zone_settings", "z": "example.com", "callback": callback})

    text = reply.text
    assert text.startswith(f"/**/{callback}(")
    assert text.endswith(");")
    assert reply.headers["content-type"] == "text/javascript; charset=utf-8"
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert "</" not in text
    assert "\u2028" not in text
    decoded = json.loads(text.removeprefix(f"/**/{callback}(").removesuffix(");"))
    assert decoded["response"]["result"]["objs"][0]["ddos"] == "</script>\u2028"


@pytest.mark.anyio
@pytest.mark.parametrize("callback", ["a b", "a()", "1a", "a.", "x" * 65, "a<", "\u0430"])
async def test_any_other_callback_is_refused(callback: str) -> None:
    """As plain JSON, with nothing of it repeated."""
    async with caller(gateway(Recorder().connect)) as client:
        reply = await client.get(PATH, params={**USER, "a": "stats", "callback": callback})

    assert reply.status_code == 400
    assert {
        "result": "error",
        "msg": "Invalid callback: expected the name of a function",
    }.items() <= reply.json().items()


@pytest.mark.anyio
async def test_the_request_is_echoed_only_where_that_is_asked_for() -> None:
    """As the live service did, key included; and our own reading drops it again."""
    parameters = {**USER, "a": "stats", "z": "example.com"}
    service = Recorder(models.Stats())

    async with caller(gateway(service.connect, echo=True)) as client:
        echoed = await client.get(PATH, params=parameters)
    async with caller(gateway(service.connect)) as client:
        plain = await client.get(PATH, params=parameters)

    assert {"act": "stats", **parameters} == echoed.json()["request"]
    assert "sesame" not in plain.text
    assert "request" not in wire.raw(act.Stats("example.com"), echoed.content)


# -- ASGI itself --------------------------------------------------------------------------------------


async def drive(app: Gateway, scope: dict[str, Any], *messages: dict[str, Any]) -> list[dict[str, Any]]:
    """What the application sends when it receives these messages."""
    waiting, sent = list(messages), list[dict[str, Any]]()

    async def receive() -> dict[str, Any]:
        await anyio.lowlevel.checkpoint()
        return waiting.pop(0)

    async def send(message: Any) -> None:
        await anyio.lowlevel.checkpoint()
        sent.append(message)

    await app(scope, receive, send)
    return sent


@pytest.mark.anyio
async def test_it_lives_and_dies_with_its_server() -> None:
    """The lifespan protocol."""
    app = gateway(Recorder().connect)

    sent = await drive(app, {"type": "lifespan"}, {"type": "lifespan.startup"}, {"type": "lifespan.shutdown"})

    assert sent == [{"type": "lifespan.startup.complete"}, {"type": "lifespan.shutdown.complete"}]
    assert repr(app) == "<Gateway at /api_json.html>"


@pytest.mark.anyio
async def test_a_websocket_is_closed() -> None:
    """There is none in this API."""
    assert await drive(gateway(Recorder().connect), {"type": "websocket"}) == [
        {"type": "websocket.close", "code": 1000}
    ]


@pytest.mark.anyio
async def test_it_answers_under_a_mount() -> None:
    """Whose prefix ASGI puts before the path."""
    query = b"a=stats&z=example.com&email=u@example.com&tkn=k"
    scope = {"type": "http", "method": "GET", "path": f"/v1{PATH}", "root_path": "/v1", "query_string": query}

    start, _ = await drive(gateway(Recorder(models.Stats()).connect), {**scope, "headers": []})

    assert 200 == start["status"]


@pytest.mark.anyio
async def test_a_request_that_breaks_off_asks_nothing() -> None:
    """Half a body is no request."""
    service = Recorder()
    scope = {"type": "http", "method": "POST", "path": PATH, "query_string": b"a=stats", "headers": []}

    start, _ = await drive(
        gateway(service.connect),
        scope,
        {"type": "http.request", "body": b"z=example.com", "more_body": True},
        {"type": "http.disconnect"},
    )

    assert start["status"] == 400
    assert service.asked == []


@pytest.mark.anyio
async def test_a_body_over_the_cap_is_refused_before_it_is_read_to_its_end() -> None:
    """What is over the cap is never kept."""
    scope = {"type": "http", "method": "POST", "path": PATH, "query_string": b"a=stats", "headers": []}
    piece = {"type": "http.request", "body": b"x" * 600, "more_body": True}

    start, body = await drive(gateway(Recorder().connect, max_body=1000), scope, piece, piece)

    assert 413 == start["status"]
    assert "The body is too large: at most 1000 bytes" == json.loads(body["body"])["msg"]


_parameter = st.one_of(
    st.sampled_from(
        [
            "a",
            "act",
            "tkn",
            "email",
            "u",
            "z",
            "v",
            "o",
            "key",
            "ip",
            "id",
            "type",
            "name",
            "content",
            "ttl",
            "prio",
            "service",
            "srvname",
            "protocol",
            "weight",
            "port",
            "target",
            "hours",
            "class",
            "geo",
            "interval",
            "url",
            "zones",
            "service_mode",
            "callback",
        ]
    ),
    st.text(max_size=5),
)
_value = st.one_of(st.text(max_size=12), st.sampled_from([*ACTIONS, "example.com", "1", "0", "A", "SRV", "192.0.2.1"]))


@given(st.dictionaries(_parameter, _value, max_size=8), st.binary(max_size=60), st.sampled_from(["GET", "POST"]))
def test_whatever_is_sent_the_reply_is_one_of_the_api(query: dict[str, str], body: bytes, method: str) -> None:
    """A success or a clean error, never a 500, never a traceback."""

    async def exchange() -> httpx.Response:
        service = Recorder(ApiError("No."))
        async with caller(gateway(service.connect)) as client:
            content = body if method == "POST" else None
            return await client.request(method, PATH, params={**USER, **query}, content=content)

    reply = anyio.run(exchange)

    text = reply.text
    if text.startswith("/**/"):
        text = text[text.index("(") + 1 : -2]
    assert reply.status_code in {200, 400}
    assert json.loads(text)["result"] == "error"


@pytest.mark.anyio
async def test_old_tools_get_pages_of_the_size_that_they_count_on() -> None:
    """Whatever the backend would send unless told."""
    service = Recorder(models.Page())
    async with caller(gateway(service.connect)) as client:
        await client.post(PATH, data={"a": "rec_load_all", "z": "example.com", "tkn": "k", "email": "a@example.com"})

    ((_, asked),) = service.asked
    assert isinstance(asked, act.RecLoadAll)
    assert 180 == asked.size
