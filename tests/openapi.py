"""Cloudflare's own description of version 4 as a judge between a client and a service, in process.

    check_request(method, url, headers, body)
    check_reply(method, url, headers, body, reply)

A request or a reply that the description refuses is an `AssertionError` that says what and where.
Tests need neither: `judged.py` lets the judge stand wherever version 4 is spoken.
The description (`../shared/v4/openapi-subset.json`) knows neither `/graphql` nor the batch of records: a
GraphQL query is parsed and judged by `SCHEMA`, which holds what is known of the schema; a batch by its parts.
Where the file is missing, `judge()` skips the test with the reason.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import graphql
import pytest
from openapi_core import Config, OpenAPI
from openapi_core.testing import MockRequest, MockResponse

from cfclient.http import Reply
from tests.compiled import Requests, Responses
from tests.conftest import SHARED

__all__ = [
    "BEYOND",
    "GONE",
    "HOST",
    "SCHEMA",
    "check_query",
    "check_reply",
    "check_request",
    "is_described",
    "judge",
]

#: the description's own server; whatever address is really asked, its path is judged as if it were here
HOST = "https://api.cloudflare.com"
BASE = "/client/v4"

#: What programs of 2026 are known to ask of the GraphQL schema, and what they get.
SCHEMA = graphql.build_schema(
    """
    scalar Date
    scalar Time
    scalar uint64
    scalar string

    type Query { viewer: Viewer }
    type Viewer { zones(filter: ZoneFilter): [Zone!] }
    input ZoneFilter { zoneTag: string, zoneTag_in: [string!] }

    type Zone {
      zoneTag: string
      httpRequests1dGroups(limit: uint64!, filter: Days): [Totals!]
      httpRequests1hGroups(limit: uint64!, filter: Hours): [Totals!]
      httpRequests1mGroups(limit: uint64!, filter: Hours): [Totals!]
      httpRequestsAdaptiveGroups(limit: uint64!, orderBy: [Order!], filter: Requests): [Group!]
      firewallEventsAdaptiveGroups(limit: uint64!, orderBy: [Order!], filter: Hours): [Event!]
      settings: Settings
    }
    type Settings { httpRequests1dGroups: Reach, httpRequests1hGroups: Reach, httpRequestsAdaptiveGroups: Reach }
    type Reach { enabled: Boolean!, maxDuration: uint64!, notOlderThan: uint64! }
    input Days { date: Date, date_geq: Date, date_gt: Date, date_lt: Date, date_leq: Date }
    input Hours { datetime_geq: Time, datetime_lt: Time }
    input Requests {
      datetime_geq: Time
      datetime_lt: Time
      clientIP: string
      requestSource: string
      verifiedBotCategory_neq: string
    }
    enum Order { count_DESC count_ASC }

    type Totals { dimensions: Moment, sum: Sum, uniq: Uniq }
    type Moment { date: Date, datetime: Time }
    type Sum {
      requests: uint64!
      cachedRequests: uint64!
      bytes: uint64!
      cachedBytes: uint64!
      pageViews: uint64!
      threats: uint64!
      ipClassMap: [IpClass!]
      browserMap: [Browser!]
      clientHTTPVersionMap: [Version!]
      countryMap: [Country!]
      responseStatusMap: [Status!]
      threatPathingMap: [Pathing!]
    }
    type Version { clientHTTPProtocol: string, requests: uint64! }
    type Country { clientCountryName: string, bytes: uint64!, requests: uint64!, threats: uint64! }
    type Status { edgeResponseStatus: uint64!, requests: uint64! }
    type Pathing { threatPathingName: string, requests: uint64! }
    type IpClass { ipType: string, requests: uint64! }
    type Browser { pageViews: uint64!, uaBrowserFamily: string }
    type Uniq { uniques: uint64! }
    type Group { count: uint64!, dimensions: Dimensions }
    type Dimensions { clientIP: string, verifiedBotCategory: string }
    type Event { count: uint64!, dimensions: EventDimensions }
    type EventDimensions {
      clientIP: string
      action: string
      datetime: Time
      edgeResponseStatus: uint64!
      originResponseStatus: uint64!
      ruleId: string
      source: string
    }
    """
)


_SETTINGS = (
    r"0rtt|always_use_https|automatic_https_rewrites|brotli|ciphers|early_hints|http3|min_tls_version"
    r"|opportunistic_encryption|opportunistic_onion|privacy_pass|pseudo_ipv4|replace_insecure_js|security_header"
    r"|sort_query_string_for_cache|tls_1_3|tls_client_auth|websockets"
)
#: endpoints of today that the description does not have: nothing is judged there
BEYOND = re.compile(
    rf"/accounts(/[^/]*)?|/accounts/[^/]+/tokens/verify|/user/firewall/access_rules/rules/[^/]+"
    rf"|/zones/[^/]+/(dnssec|bot_management|ssl/universal/settings|firewall/access_rules/rules/[^/]+|settings/({_SETTINGS}))"
)
#: what the emulator answers beside: settings that have gone, and one that never was; nothing of ours asks for them
GONE = re.compile(r"/zones/[^/]+/settings(/(minify|mirage|mobile_redirect|server_side_exclude|nonsense))?")


@functools.cache
def _description() -> OpenAPI | None:
    path = SHARED / "v4" / "openapi-subset.json"
    if not path.is_file():
        return None
    compiled = Config(request_validator_cls=Requests, response_validator_cls=Responses)
    return OpenAPI.from_dict(json.loads(path.read_text()), config=compiled)


def is_described() -> bool:
    """Whether the description is there, for tests that have something to say without it too."""
    return _description() is not None


def judge() -> OpenAPI:
    """The description, read once; without it the test is skipped."""
    description = _description()
    if description is None:
        pytest.skip("the description of version 4 (../shared/v4/openapi-subset.json) is not beside this checkout")
    return description


def _place(url: str) -> tuple[str, dict[str, str]]:
    """The path below /client/v4, and the parameters of the query."""
    parts = urlsplit(url)
    _, found, path = parts.path.partition(BASE)
    assert found, f"{url}: the path of version 4 begins with {BASE}"
    return path, dict(parse_qsl(parts.query, keep_blank_values=True))


def _asked(method: str, url: str, headers: Mapping[str, str], body: bytes, *, replied: bool = False) -> MockRequest:
    path, query = _place(url)
    if method == "PATCH" and not replied:
        # Described there: a whole rule, with all that only the service makes. The user's own is described rightly.
        path = re.sub(r"^/accounts/[^/]+/firewall/", "/user/firewall/", path)
    shown = {name.title(): value for name, value in headers.items()}
    kind = next((value for name, value in headers.items() if name.lower() == "content-type"), "")
    return MockRequest(
        HOST, method.lower(), BASE + path, args=query, headers=shown, data=body or None, content_type=kind
    )


def _explained(error: Exception) -> str:
    causes: list[str] = []
    link: BaseException | None = error
    while link is not None:
        causes += [str(link), *(str(more) for more in getattr(link, "schema_errors", ()))]
        link = link.__cause__
    return "; ".join(filter(None, causes))


def check_query(body: bytes) -> None:
    """Judges the body of a POST to /graphql."""
    asked = json.loads(body)
    problems = graphql.validate(SCHEMA, graphql.parse(asked["query"]))
    assert [] == problems, f"the query is not of the known schema: {problems}"
    assert asked.keys() <= {"query", "variables", "operationName"}, f"a query of {sorted(asked)}"


def check_request(method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> None:
    """Judges one request."""
    description = judge()
    path, _ = _place(url)
    if path == "/graphql":
        assert "POST" == method, f"{method} {url}"
        check_query(body)
        return
    if path.endswith("/dns_records/batch"):
        assert "POST" == method, f"{method} {url}"
        _check_batch(url.removesuffix("/batch"), headers, json.loads(body))
        return
    try:
        _validated(description, method, ID.sub("0" * 32, url), tuple(headers.items()), body)
    except Exception as error:
        raise AssertionError(f"{method} {url}: {_explained(error)}: {body[:300]!r}") from None


#: an id of the service; to the description one is as good as another
ID = re.compile(r"(?<![0-9A-Za-z])[0-9a-f]{32}(?![0-9A-Za-z])")


@functools.lru_cache(4096)
def _validated(description: OpenAPI, method: str, url: str, headers: tuple[tuple[str, str], ...], body: bytes) -> None:
    """Raises what is wrong; what was right once is right, which saves most of the time."""
    description.validate_request(_asked(method, url, dict(headers), body))


def _check_batch(records: str, headers: Mapping[str, str], batch: dict[str, list[dict[str, Any]]]) -> None:
    assert batch.keys() <= {"deletes", "patches", "puts", "posts"}, f"a batch of {sorted(batch)}"
    for entry in batch.get("deletes", []):
        assert {"id"} == entry.keys(), f"a delete of a batch has an id and nothing else: {entry}"
    for kind, method in (("patches", "PATCH"), ("puts", "PUT"), ("posts", "POST")):
        for entry in batch.get(kind, []):
            given = {key: value for key, value in entry.items() if key != "id" or method == "POST"}
            where = records if method == "POST" else f"{records}/{entry['id']}"
            check_request(method, where, headers, json.dumps(given).encode())


def check_reply(method: str, url: str, headers: Mapping[str, str], body: bytes, reply: Reply) -> None:
    """Judges the reply to this request; what is no reply of the API (5xx, 429) is not described."""
    description = judge()
    path, _ = _place(url)
    if path == "/graphql" or path.endswith("/dns_records/batch") or reply.status >= 500 or reply.status == 429:
        return
    kind = reply.headers.get("content-type", "application/json")
    answer = MockResponse(reply.body, reply.status, dict(reply.headers), kind)
    try:
        description.validate_response(_asked(method, url, headers, body, replied=True), answer)
    except Exception as error:
        raise AssertionError(
            f"the reply to {method} {url} (HTTP {reply.status}): {_explained(error)}: {reply.body[:300]!r}"
        ) from None
