"""The judge itself: what Cloudflare's description refuses is refused here, and the rest goes through."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from cfclient.http import Reply, Request
from tests.judged import Judged
from tests.openapi import Checked, CheckedTransport, check_reply, check_request

ZONE = "0da42c8d2132a9ddaf714f9e7c920711"
BASE = f"https://api.cloudflare.com/client/v4/zones/{ZONE}"
TOKEN = {"authorization": "Bearer t"}
JSON = {**TOKEN, "content-type": "application/json"}
NOTHING = b'{"result":null,"success":true,"errors":[],"messages":[]}'
SRV = {
    "type": "SRV",
    "name": "_sip._tcp.example.com",
    "data": {"priority": 1, "weight": 2, "port": 3, "target": "a.example"},
}


def body(**fields: object) -> bytes:
    return json.dumps(fields).encode()


RIGHT = [
    ("GET", BASE, TOKEN, b""),
    ("GET", BASE, {"x-auth-email": "a@example.com", "x-auth-key": "k" * 37}, b""),
    ("PATCH", f"{BASE}/settings/security_level", JSON, body(value="under_attack")),
    ("POST", f"{BASE}/dns_records", JSON, body(**SRV)),
    ("POST", f"{BASE}/dns_records/batch", JSON, body(deletes=[{"id": ZONE}], posts=[SRV])),
    ("POST", "http://127.0.0.1:8080/client/v4/graphql", JSON, body(query="{viewer{zones{zoneTag}}}", variables={})),
]
WRONG = [
    ("GET", BASE, {}, b"", "Security not found"),
    ("GET", "https://api.cloudflare.com/client/v4/zones?per_page=500", TOKEN, b"", "greater than the maximum of 50"),
    ("GET", f"{BASE}/settings/minify", TOKEN, b"", "not found"),
    ("PATCH", f"{BASE}/settings/security_level", JSON, body(value="help"), "'help' is not one of"),
    ("POST", f"{BASE}/dns_records", JSON, body(**{**SRV, "data": {"service": "_sip"}}), "data"),
    ("POST", f"{BASE}/dns_records/batch", JSON, body(deletes=[{"id": ZONE, "x": 1}]), "id"),
    ("POST", f"{BASE}/dns_records/batch", JSON, body(puts=[{"id": ZONE, "type": "A"}]), "'name' is a required"),
    ("POST", "https://api.cloudflare.com/client/v4/graphql", JSON, body(query="{viewer{zones{x}}}"), "known schema"),
    ("GET", "https://api.cloudflare.com/v4/zones", TOKEN, b"", "begins with /client/v4"),
]


@pytest.mark.parametrize(("method", "url", "headers", "content"), RIGHT)
def test_a_right_request_passes(method: str, url: str, headers: dict[str, str], content: bytes) -> None:
    """With either kind of credentials, at any address."""
    check_request(method, url, headers, content)


@pytest.mark.parametrize(("method", "url", "headers", "content", "words"), WRONG)
def test_a_wrong_request_is_told_by_what_is_wrong(
    method: str, url: str, headers: dict[str, str], content: bytes, words: str
) -> None:
    """As an assertion that fails."""
    with pytest.raises(AssertionError, match=words):
        check_request(method, url, headers, content)


def test_a_wrong_reply_is_told_too() -> None:
    """A zone without what every zone has."""
    wrong = Reply(status=200, body=body(result={"id": 7}, success=True, errors=[], messages=[]))

    with pytest.raises(AssertionError, match=r"the reply to GET .* \(HTTP 200\)"):
        check_reply("GET", BASE, TOKEN, b"", wrong)


class _Fixed:
    async def exchange(self, request: Request, /) -> Reply:
        return Reply(status=503, body=NOTHING)


@pytest.mark.anyio
async def test_the_adapter_and_the_transport_judge_what_passes() -> None:
    """And count it."""
    checked = Checked(_Fixed())
    transport = CheckedTransport(httpx.MockTransport(lambda _: httpx.Response(503, content=NOTHING)))
    wrong = Request(method="GET", url=f"{BASE}/settings/minify", headers=TOKEN)

    assert 503 == (await checked.exchange(Request(method="GET", url=BASE, headers=TOKEN))).status
    with pytest.raises(AssertionError):
        await checked.exchange(wrong)
    async with httpx.AsyncClient(transport=transport) as http:
        assert 503 == (await http.get(BASE, headers=TOKEN)).status_code
        with pytest.raises(AssertionError):
            await http.get(wrong.url, headers=TOKEN)
    assert (1, 1) == (checked.passed, transport.passed)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("status", "result", "query", "words"),
    [
        (200, [{"id": 7}], "", "the reply to GET"),
        (200, [], "?per_page=500", "greater than the maximum of 50"),
        (400, None, "?per_page=500", None),
        (200, [], "?per_page=100", None),
        (200, [], "?per_page=5", None),
    ],
)
async def test_a_server_behind_the_judge_answers_for_its_replies_and_for_what_it_lets_through(
    status: int, result: object, query: str, words: str | None
) -> None:
    """The exchange itself goes on undisturbed; what the description and the server both refuse is no finding."""
    reply = body(
        result=result, success=status == 200, errors=[{"code": 1, "message": "x"}] * (status > 200), messages=[]
    )

    async def app(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": reply})

    seen = Judged(app)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(seen)) as http:
        answer = await http.get(f"https://api.cloudflare.com/client/v4/zones{query}", headers=TOKEN)

    assert (status, reply) == (answer.status_code, answer.content)
    assert (words is not None) == bool(seen.findings)
    assert (words or "") in " ".join(seen.findings)
    assert 1 == seen.passed + len(seen.findings)
