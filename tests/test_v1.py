"""Version 1 over HTTP: respx sees the exact bytes of every client method, and plays every kind of answer."""

from __future__ import annotations

import email.utils
import inspect
import logging
import traceback
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import httpx
import pytest
import respx

import cfclient
from cfclient import actions as act
from cfclient import models, wire
from cfclient.actions import ACTIONS
from cfclient.backends.v1 import DEFAULT_URL
from cfclient.client import Client
from cfclient.errors import (
    ApiError,
    ConfigurationError,
    ConnectionFailed,
    InvalidInput,
    MisusedClient,
    RateLimited,
    Unauthorized,
    UnexpectedAnswer,
)
from cfclient.exchanges import checked_address
from tests.samples import CREDENTIALS, EXAMPLES
from tests.test_wire import PINNED

pytestmark = pytest.mark.anyio

URL = "https://v1.example/api_json.html"
KEY = CREDENTIALS.key

# Each method as the document's example would call it.
CALLS: dict[str, Callable[[Client], Awaitable[Any]]] = {
    "stats": lambda cf: cf.stats("example.com", interval=20),
    "zone_load_multi": lambda cf: cf.zone_load_multi(),
    "rec_load_all": lambda cf: cf.rec_load_all("example.com"),
    "zone_check": lambda cf: cf.zone_check(["example.com", "example2.com", "example3.com"]),
    "zone_ips": lambda cf: cf.zone_ips("example.com", hours=48, visitor_class="r", geo=True),
    "ip_lkup": lambda cf: cf.ip_lkup("0.0.0.0"),
    "zone_settings": lambda cf: cf.zone_settings("example.com"),
    "sec_lvl": lambda cf: cf.sec_lvl("example.com", "help"),
    "cache_lvl": lambda cf: cf.cache_lvl("example.com", models.CacheLevel.AGGRESSIVE),
    "devmode": lambda cf: cf.devmode("example.com", True),
    "fpurge_ts": lambda cf: cf.fpurge_ts("example.com"),
    "zone_file_purge": lambda cf: cf.zone_file_purge("example.com", "http://www.example.com/style.css"),
    "wl": lambda cf: cf.wl("0.0.0.0"),
    "ban": lambda cf: cf.ban("0.0.0.0"),
    "nul": lambda cf: cf.nul("0.0.0.0"),
    "ipv46": lambda cf: cf.ipv46("example.com", True),
    "async": lambda cf: cf.async_("example.com", "a"),
    "minify": lambda cf: cf.minify("example.com", 6),
    "mirage2": lambda cf: cf.mirage2("example.com", True),
    "rec_new": lambda cf: cf.rec_new("example.com", "A", "sub", "1.2.3.4"),
    "rec_edit": lambda cf: cf.rec_edit("example.com", "9001", "A", "sub", "1.2.3.4", service_mode=True),
    "rec_delete": lambda cf: cf.rec_delete("example.com", "9001"),
}


def opened(**options: Any) -> Any:
    """A client of version 1 at an address that only respx answers; nothing is asked twice."""
    return cfclient.connect(URL, email=CREDENTIALS.email, token=KEY, **{"retry": None, "pace": None, **options})


def success(name: str) -> bytes:
    """The shortest success that the action's answer can be read from."""
    record = '{"rec_id":"1","type":"A","name":"sub.example.com","content":"1.2.3.4"}'
    response = f',"response":{{"rec":{{"obj":{record}}}}}' if name in {"rec_new", "rec_edit"} else ""
    return f'{{"request":{{"tkn":"{KEY}"}},"result":"success","msg":null{response}}}'.encode()


# -- every method -------------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_every_action_has_a_method_of_its_name() -> None:
    """Plain coroutine functions whose parameters are the action's fields."""
    for name, cls in ACTIONS.items():
        method = getattr(Client, "async_" if name == "async" else name)

        parameters = list(inspect.signature(method).parameters)[1:]

        assert inspect.iscoroutinefunction(method)
        assert f"(§{cls.section})" in (method.__doc__ or "")
        assert [field.name for field in attrs.fields(cls)] == parameters


@pytest.mark.parametrize("name", ACTIONS)
async def test_a_method_sends_the_pinned_bytes(name: str) -> None:
    """One POST, with the key in the body and nowhere else."""
    with respx.mock:
        route = respx.post(URL).respond(content=success(name))
        async with opened() as cf:
            answer = await CALLS[name](cf)

    request = route.calls.last.request
    more = f"&{PINNED[name]}" if PINNED[name] else ""
    assert 1 == route.call_count
    assert f"a={name}&tkn={KEY}&email=user%40example.com{more}".encode() == request.content
    assert "application/x-www-form-urlencoded" == request.headers["content-type"]
    assert f"cfclient/{cfclient.__version__}" == request.headers["user-agent"]
    assert KEY not in f"{request.url} {request.headers.raw}"
    assert wire.read(EXAMPLES[name], success(name)) == answer


@pytest.mark.parametrize("name", [name for name in ACTIONS if name != "nul"])
async def test_a_method_reads_the_documented_reply(name: str, shared: Path) -> None:
    """Every documented example, through the whole client."""
    body = (shared / "api" / "replies" / f"{name}.json").read_bytes()

    with respx.mock:
        respx.post(URL).respond(content=body)
        async with opened() as cf:
            answer = await CALLS[name](cf)

    assert wire.read(EXAMPLES[name], body) == answer


async def test_a_zone_s_records_come_from_two_pages() -> None:
    """By has_more and o."""

    def page(request: httpx.Request) -> httpx.Response:
        offset = int(wire.pairs(request.content).get("o", "0"))
        records = tuple(
            models.Record(rec_id=str(number), type=models.RecordType.A, name="x.example.com", content="192.0.2.1")
            for number in range(offset, min(offset + 180, 200))
        )
        answer = models.Page(has_more=offset + 180 < 200, count=len(records), objs=records)
        return httpx.Response(200, content=wire.encode(wire.write(act.RecLoadAll("example.com"), answer)))

    with respx.mock:
        route = respx.post(URL).mock(side_effect=page)
        async with opened() as cf:
            records = [record.rec_id async for record in cf.records("example.com")]

    assert [str(number) for number in range(200)] == records
    assert [None, "180"] == [wire.pairs(call.request.content).get("o") for call in route.calls]


async def test_raw_is_the_decoded_body_without_the_echo() -> None:
    """For keys that no class knows."""
    with respx.mock:
        respx.post(URL).respond(content=b'{"request":{"tkn":"k"},"result":"success","msg":null,"news":[1]}')
        async with opened() as cf:
            reply = await cf.raw(act.ZoneLoadMulti())

    assert {"result": "success", "msg": None, "news": [1]} == reply


async def test_raw_raises_what_the_method_raises() -> None:
    """A refusal, or an answer of another shape, without the frames that read it."""
    with respx.mock:
        respx.post(URL).mock(
            side_effect=[
                httpx.Response(200, content=b'{"result":"error","msg":"Invalid zone."}'),
                httpx.Response(200, content=b"<html>"),
            ]
        )
        async with opened() as cf:
            with pytest.raises(InvalidInput, match=r"Invalid zone\."):
                await cf.raw(act.Stats("example.com"))
            with pytest.raises(UnexpectedAnswer, match="HTML") as caught:
                await cf.raw(act.Stats("example.com"))

    assert (None, None) == (caught.value.__cause__, caught.value.__context__)


# -- every kind of answer -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (200, b'{"result":"error","msg":"Unknown token or email","err_code":"E_UNAUTH"}', Unauthorized),
        (200, b'{"result":"error","msg":"No.","err_code":"E_INVLDINPUT"}', InvalidInput),
        (429, b'{"result":"error","msg":"Enough.","err_code":"E_MAXAPI"}', RateLimited),
        (500, b'{"result":"error","msg":"Invalid zone."}', InvalidInput),
        (200, b'{"result":"error","msg":"Odd.","err_code":"v"}', ApiError),
        (404, b"<html>Not Found</html>", UnexpectedAnswer),
        (410, b"Gone", UnexpectedAnswer),
        (301, b"", UnexpectedAnswer),
        (502, b"<html>", UnexpectedAnswer),
        (200, b'{"result":"succ', UnexpectedAnswer),
        (200, b"\xff\xfe", UnexpectedAnswer),
        (200, b"{}", UnexpectedAnswer),
    ],
)
async def test_each_answer_ends_in_its_error(status: int, body: bytes, error: type[Exception]) -> None:
    """Judged by its bytes, whatever its content type; the client goes on afterwards."""
    with respx.mock:
        route = respx.post(URL)
        route.side_effect = [
            httpx.Response(status, content=body, headers={"content-type": "image/png", "location": "/x"}),
            httpx.Response(200, content=success("stats")),
        ]
        async with opened() as cf:
            with pytest.raises(error) as caught:
                await cf.stats("example.com")
            await cf.stats("example.com")

    assert error is type(caught.value)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    ("fault", "maybe"),
    [
        (httpx.ConnectError("refused"), False),
        (httpx.ConnectTimeout("slow"), False),
        (httpx.ReadTimeout("slow"), True),
        (httpx.RemoteProtocolError("odd"), True),
    ],
)
async def test_no_answer_says_what_is_known(fault: Exception, maybe: bool) -> None:
    """Whether the request may have been carried out."""
    with respx.mock:
        respx.post(URL).mock(side_effect=fault)
        async with opened() as cf:
            with pytest.raises(ConnectionFailed) as caught:
                await cf.stats("example.com")

    assert maybe is caught.value.maybe_carried_out


@pytest.mark.parametrize(
    ("status", "body", "header", "expected"),
    [
        (429, b"<html>", "17", 17.0),
        (429, b"<html>", "", None),
        (429, b"<html>", "soon", None),
        (429, b"<html>", "Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        (429, b"<html>", "Wed, 21 Oct 2015 07:28:00 -0000", 0.0),
        (200, b'{"result":"error","msg":"Enough.","err_code":"E_MAXAPI"}', "120", 120.0),
        (200, b'{"result":"error","msg":"Enough.","err_code":"E_MAXAPI"}', "", None),
    ],
)
async def test_how_long_to_wait_is_told_where_the_reply_says_it(
    status: int, body: bytes, header: str, expected: float | None
) -> None:
    """In seconds or as a date, with the service's own refusal or with an HTML page of what stands before it."""
    with respx.mock:
        respx.post(URL).respond(status, content=body, headers={"retry-after": header} if header else {})
        async with opened() as cf:
            with pytest.raises(RateLimited) as caught:
                await cf.stats("example.com")

    assert expected == caught.value.retry_after
    assert caught.value.action == "stats"


@pytest.mark.parametrize(("header", "expected"), [("120", 120.0), ("", None)])
async def test_a_service_that_is_down_may_say_for_how_long(header: str, expected: float | None) -> None:
    """With 503, in HTML; it holds back like a limit, but nobody knows whether the call was carried out."""
    with respx.mock:
        respx.post(URL).respond(503, content=b"<html>", headers={"retry-after": header} if header else {})
        async with opened() as cf:
            with pytest.raises(UnexpectedAnswer) as caught:
                await cf.stats("example.com")

    assert (True, expected) == (caught.value.transient, caught.value.retry_after)


async def test_a_date_to_wait_for_is_counted_from_now() -> None:
    """An hour ahead, give or take the seconds that this test takes."""
    date = email.utils.format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    with respx.mock:
        respx.post(URL).respond(429, headers={"retry-after": date})
        async with opened() as cf:
            with pytest.raises(RateLimited) as caught:
                await cf.raw(act.Stats("example.com"))

    assert caught.value.retry_after is not None
    assert 3000 < caught.value.retry_after <= 3600


async def test_what_is_out_of_the_service_s_limits_is_not_sent() -> None:
    """A ttl of 60 belongs to another service."""
    with respx.mock(assert_all_called=False):
        route = respx.post(URL)
        async with opened() as cf:
            with pytest.raises(InvalidInput, match="ttl=60 is not valid: expected 1 "):
                await cf.rec_new("example.com", "A", "x", "192.0.2.1", ttl=60)
            with pytest.raises(InvalidInput, match="zone='x' is not valid"):
                await cf.stats("x")

    assert not route.called


# -- the key ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        httpx.ConnectError("refused"),
        httpx.ReadTimeout("slow"),
        httpx.Response(200, content=f'{{"result":"error","msg":"no {KEY}","request":{{"tkn":"{KEY}"}}}}'.encode()),
        httpx.Response(502, content=f"<html>{KEY}".encode()),
        httpx.Response(200, content=f'{{"result":"success","request":{{"tkn":"{KEY}"'.encode()),
        httpx.Response(200, content=f'{{"result":"success","response":{{"recs":["{KEY}"]}}}}'.encode()),
    ],
    ids=lambda answer: type(answer).__name__,
)
async def test_the_key_is_in_no_error_and_no_log(answer: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Not in the text, the repr, the traceback with locals, or any logger at any level."""
    with caplog.at_level(logging.DEBUG), respx.mock:
        respx.post(URL).mock(side_effect=[answer])
        async with opened() as cf:
            with pytest.raises(cfclient.CloudflareError) as caught:
                await cf.rec_load_all("example.com")
            shown = f"{cf!r} {cf._backend!r}"

    ours = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    frames = [line for frame in ours.stack if "/tests/" not in frame.filename for line in (frame.locals or {}).values()]
    assert KEY not in f"{caught.value!s} {caught.value!r} {caught.value.__dict__} {shown}"
    assert KEY not in "\n".join(frames)
    assert KEY not in caplog.text


def chain(error: BaseException) -> list[BaseException]:
    """The error, its causes and its contexts, those that are suppressed among them."""
    found = [error]
    for one in found:
        found += [other for other in (one.__cause__, one.__context__) if other is not None and other not in found]
    return found


# -- addresses ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        DEFAULT_URL,
        "http://127.0.0.1:8080/api_json.html",
        "http://127.9.9.9/",
        "http://[::1]:80/",
        "http://localhost/x",
        "http://api.localhost:1/x",
        "HTTPS://V1.example/api_json.html",
    ],
)
def test_an_address_to_which_a_key_may_be_sent(url: str) -> None:
    """https, or this very machine."""
    assert url == checked_address(url, example=DEFAULT_URL)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("v1.example/api", "is not an address: expected an absolute URL such as https://"),
        ("https://", "is not an address"),
        ("https://a.example:x/", "is not an address"),
        ("https://a.example:99999/", "is not an address"),
        ("ftp://a.example/", "is not an address"),
        ("https://me:pw@a.example/", "holds a user name or password; give them as email= and token="),
        ("https://a.example/?a=1", "has a query or a fragment"),
        ("http://a.example/", "would send the API key unencrypted; use https, or say allow_plain_http=True"),
        ("http://10.0.0.1/", "would send the API key unencrypted"),
        (" https://a.example/", "is not an address"),
        ("https://a.example/\n", "is not an address"),
        ("https://a.example\\@b.example/", "is not an address"),
        ("https://b\u00fccher.example/", "is not an address"),
    ],
)
def test_any_other_address_is_refused(url: str, words: str) -> None:
    """Before anything is sent, with what would be right."""
    with pytest.raises(ConfigurationError, match=words.replace("(", r"\(")):
        checked_address(url, example=DEFAULT_URL)


async def test_plain_http_is_sent_where_it_is_asked_for_by_name() -> None:
    """And only there."""
    url = "http://v1.example/api_json.html"
    with respx.mock:
        respx.post(url).respond(content=success("stats"))
        async with cfclient.connect(url, email="a@example.com", token="k", allow_plain_http=True) as cf:
            await cf.stats("example.com")
        with pytest.raises(ConfigurationError, match="unencrypted"):
            async with cfclient.connect(url, email="a@example.com", token="k"):
                pass


# -- other people's parts -----------------------------------------------------------------------------


async def test_a_client_of_the_user_s_own_is_used_and_not_closed() -> None:
    """With its event hooks; and it still follows no redirect."""
    seen: list[str] = []

    async def hook(request: httpx.Request) -> None:
        seen.append(str(request.url))

    with respx.mock:
        respx.post(URL).mock(
            side_effect=[httpx.Response(200, content=success("stats")), httpx.Response(307, headers={"location": "/x"})]
        )
        async with httpx.AsyncClient(event_hooks={"request": [hook]}, follow_redirects=True) as mine:
            async with opened(http=mine) as cf:
                await cf.stats("example.com")
                with pytest.raises(UnexpectedAnswer, match="a redirect is not followed with a key in the body"):
                    await cf.stats("example.com")

            assert not mine.is_closed
    assert [URL, URL] == seen


async def test_an_adapter_of_the_user_s_own_is_used() -> None:
    """Anything that exchanges requests for replies."""

    class Canned:
        async def exchange(self, request: cfclient.Request, /) -> cfclient.Reply:
            assert KEY not in repr(request)
            return cfclient.Reply(status=200, body=success("stats"))

    async with opened(http=Canned()) as cf:
        assert models.Stats() == await cf.stats("example.com")


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (
            ConnectionFailed(f"broke at tkn={KEY}", maybe_carried_out=False),
            "broke at tkn=*** (the request was not carried out)",
        ),
        (OSError(KEY), "the HTTP adapter failed (OSError) (the request may have been carried out)"),
        (UnexpectedAnswer("odd"), "odd"),
    ],
)
async def test_an_adapter_s_own_faults_become_ours_without_the_key(fault: Exception, expected: str) -> None:
    """Whatever a user's adapter raises, and whatever it quotes."""

    class Failing:
        async def exchange(self, request: cfclient.Request, /) -> cfclient.Reply:
            raise fault

    async with opened(http=Failing()) as cf:
        with pytest.raises(cfclient.CloudflareError) as caught:
            await cf.stats("example.com")

    assert expected == str(caught.value)
    assert [] == [error for error in chain(caught.value) if KEY in repr(error)]


@pytest.mark.parametrize("http", ["nonsense", httpx.Client])
async def test_what_is_no_adapter_is_refused(http: Any) -> None:
    """When it is given, not at the first call."""
    with pytest.raises(ConfigurationError, match=r"^http.*expected one of httpx, aiohttp, pycurl"):
        async with opened(http=http):
            pass


async def test_another_account_over_the_same_connections() -> None:
    """`acting_as` shares everything but the credentials, and closes with the first client."""
    with respx.mock:
        route = respx.post(URL).respond(content=success("stats"))
        async with opened() as cf:
            other = cf.acting_as(cfclient.Credentials("other@example.com", "other-key"))
            await other.stats("example.com")
            await cf.stats("example.com")
            asked = [wire.pairs(call.request.content) for call in route.calls]

    assert [("other@example.com", "other-key"), (CREDENTIALS.email, KEY)] == [(p["email"], p["tkn"]) for p in asked]
    with pytest.raises(MisusedClient, match="this client is closed: open a new one"):
        await other.stats("example.com")
