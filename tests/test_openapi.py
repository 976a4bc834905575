"""The judge itself: what Cloudflare's description refuses is refused here, and the rest goes through."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from jsonschema_path import SchemaPath
from openapi_core.validation.schemas.exceptions import InvalidSchemaValue
from openapi_core.validation.schemas.validators import SchemaValidator

import cfclient
from cfclient.backends.v4 import envelope
from cfclient.emulated.replies import Answer
from cfclient.http import Reply
from tests import judged
from tests.compiled import Compiled, Requests, Responses
from tests.emulated import KEY
from tests.openapi import check_reply, check_request, judge
from tests.v4fake import URL, Fake

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

    before = judged.passed
    async with httpx.AsyncClient(transport=httpx.ASGITransport(judged.Judged(app))) as http:
        answer = await http.get(f"https://api.cloudflare.com/client/v4/zones{query}", headers=TOKEN)
    found = judged.taken()

    assert (status, reply) == (answer.status_code, answer.content)
    assert (words is not None) == bool(found)
    assert (words or "") in " ".join(found)
    assert before + 1 == judged.passed


# -- where it stands ----------------------------------------------------------------------------------


@pytest.mark.anyio
@pytest.mark.usefixtures("shared")  # the description, without which nothing is judged
async def test_no_test_goes_around_it() -> None:
    """A request of the backend, and a reply of the emulator and what it lets through, without a word of the test's."""
    emulator, fake = cfclient.emulator(zones=1), Fake()
    odd = Answer.of({"id": "security_level", "value": "odd"})
    async with httpx.AsyncClient(transport=httpx.ASGITransport(emulator.v4), headers=KEY) as http:
        zone = (await http.get("https://x.example/client/v4/zones")).json()["result"][0]["id"]
        right = judged.taken()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(emulator.v4, "_answer", lambda *_: odd)
            await http.get(f"https://x.example/client/v4/zones/{zone}/settings/security_level")
            of_the_reply = judged.taken()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(envelope, "headers", lambda *_, **__: {})
            async with cfclient.connect(URL, token="t", http=fake, retry=None) as cf:
                await cf.sec_lvl("example.com", "help")
            of_the_request = judged.taken()

    assert [] == right
    assert "the reply to GET" in of_the_reply[0]
    assert "Security not found" in of_the_request[0]


# -- the compiled schemas -----------------------------------------------------------------------------

SPOILED = 10
#: keys that come to what is there; some are the service's to write
ADDED = ("zone_id", "service", "paused", "x", "ttl", "data", "id", "created_on", "modified_on", "proxiable", "content")
#: what stands in the place of something
ODD: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 1.0, 0.5, 59, 86401, 10**30, [], [1, 1], [True, 1], [None], {}, {"id": 1}),
    *("", "x" * 300, "on", "ON", "free", "A", "SRV", "192.0.2.1", "192.0.2", "2001:db8::1", "2014-01-01T05:20:00Z"),
    *(
        "2014-13-01T05:20:00Z",
        "2014-01-01",
        "a.example",
        "a.example\n",
        "-a..example",
        "0" * 32,
        "0" * 33,
        "\ud800",
        "1",
    ),
)


#: what only the service writes
READ_ONLY: tuple[Any, ...] = (
    {"paused": True},
    {"type": "CAA", "name": "a.example", "content": '0 issue "a.example"', "data": {}},
    {"type": "SRV", "name": "_a._tcp.example.com", "content": "1 2 3 a.example"},
)


def spoiled(value: Any, draw: random.Random) -> Any:
    """One thing in it is another, or gone, or too much."""
    if isinstance(value, dict) and value and draw.random() < 0.85:
        key = draw.choice(sorted(value))
        if draw.random() < 0.15:
            return {name: inner for name, inner in value.items() if name != key}
        if draw.random() < 0.3:
            return {**value, draw.choice(ADDED): draw.choice(ODD)}
        return {**value, key: spoiled(value[key], draw)}
    if isinstance(value, list) and value and draw.random() < 0.85:
        place = draw.randrange(len(value))
        return [spoiled(inner, draw) if index == place else inner for index, inner in enumerate(value)]
    return draw.choice(ODD)


def bodies(parts: Iterable[SchemaPath]) -> Iterator[SchemaPath]:
    """The schemas of the bodies of an operation's request, or of its replies."""
    for part in parts:
        for kind in part / "content":
            if str(kind.parts[-1]).startswith("application/json"):
                yield kind / "schema"


def verdict(validator: SchemaValidator, value: Any) -> bool:
    try:
        validator.validate(value)
    except InvalidSchemaValue:
        return False
    return True


@pytest.mark.slow
def test_the_compiled_schemas_refuse_what_openapi_core_refuses(shared: Path) -> None:
    """All schemas of all operations: recorded replies and written requests, spoiled in every way."""
    spec, draw = judge().spec, random.Random(4)
    files = [json.loads(path.read_text()) for path in sorted((shared / "v4" / "samples").rglob("*.json"))]
    exchanges = [exchange for file in files if isinstance(file, list) for exchange in file]
    replies = [one["response"]["json"] for one in exchanges] + [file for file in files if isinstance(file, dict)]
    requests = [one["request"]["json"] for one in exchanges if one["request"].get("json")] + [
        json.loads(content) for *_, content in RIGHT if content
    ]
    requests += [{"value": value} for value in ("on", "high", 3600, "full", "lossy", "basic")]
    requests += [{"purge_everything": True}, {"files": ["https://a.example/"]}, {"mode": "block"}]
    compared: Counter[tuple[str, bool]] = Counter()
    for path in spec / "paths":
        for method in path:
            if "responses" not in method:
                continue
            asked = [method / "requestBody"] if "requestBody" in method else []
            for maker, schemas, samples in (
                (Requests, bodies(asked), requests),
                (Responses, bodies(method / "responses"), replies),
            ):
                factory: Any = maker.schema_validators_factory
                for schema in schemas:
                    fast, slow = factory.create(spec, schema), factory.slow.create(spec, schema)
                    right = [sample for sample in samples if fast.is_valid(sample)]
                    right.sort(key=lambda sample: len(json.dumps(sample)))
                    for sample in (*READ_ONLY, *(right or samples)[:3]):
                        for value in (sample, *(spoiled(sample, draw) for _ in range(SPOILED))):
                            expected = verdict(slow, value)
                            compared[maker.__name__, expected] += 1

                            assert expected == verdict(fast, value), (str(schema), value)
                            assert expected or not _lets_through(fast, value), (str(schema), value)

    assert min(compared.values()) > 100


def _lets_through(fast: Compiled, value: Any) -> bool:
    try:
        return fast.is_valid(value)
    except ValueError:
        return False
