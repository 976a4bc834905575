"""A little version 4 in memory, for tests of the backend: it records what it is asked, and answers by rules.

It is written from the published description, shares no table with the backend, and knows only what tests need:
zones, records (a PUT overwrites whatever it does not say), settings, access rules, purges, GraphQL.
`rules` override anything: by method and path, a reply or a function that makes one.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from cfclient.http import Reply, Request

BASE = "/client/v4"
URL = f"https://v4.example{BASE}"
ZONE = "0da42c8d2132a9ddaf714f9e7c920711"
OTHER = "1da42c8d2132a9ddaf714f9e7c920722"
ACCOUNT = "5da32e1ae729aa30839477d7ff488fa0"
TIME = "2024-06-06T07:48:29.003893Z"
NOTHING: list[Any] = []

Rule = Reply | Callable[[Request], Reply]


def ok(result: Any, **more: Any) -> Reply:
    """A reply of success."""
    body = {"result": result, "success": True, "errors": [], "messages": [], **more}
    return Reply(status=200, headers={"content-type": "application/json"}, body=json.dumps(body).encode())


def no(status: int, code: int, message: str, chain: list[Any] | None = None, **headers: str) -> Reply:
    """A refusal."""
    error = {"code": code, "message": message, **({"error_chain": chain} if chain else {})}
    body = {"result": None, "success": False, "errors": [error], "messages": []}
    shown = {"content-type": "application/json", **headers}
    return Reply(status=status, headers=shown, body=json.dumps(body).encode())


def zone(name: str = "example.com", ident: str = ZONE, **more: Any) -> dict[str, Any]:
    """A zone as the live service sends it."""
    return {
        "id": ident,
        "name": name,
        "status": "active",
        "paused": False,
        "type": "full",
        "development_mode": 0,
        "name_servers": ["amy.ns.cloudflare.com", "mark.ns.cloudflare.com"],
        "original_name_servers": ["abby.ns.example.net"],
        "original_registrar": "a registrar",
        "original_dnshost": None,
        "modified_on": TIME,
        "created_on": TIME,
        "activated_on": TIME,
        "meta": {"step": 4, "custom_certificate_quota": 0, "page_rule_quota": 3, "phishing_detected": False},
        "owner": {"id": None, "type": "user", "email": None},
        "account": {"id": ACCOUNT, "name": "acme"},
        "permissions": ["#analytics:read", "#dns_records:edit", "#zone_settings:edit", "#zone:edit"],
        "plan": {"id": "f" * 32, "name": "Free Website", "legacy_id": "free"},
        **more,
    }


def record(ident: str, type_: str = "A", name: str = "www.example.com", **more: Any) -> dict[str, Any]:
    """A record as the live service sends it."""
    return {
        "id": ident,
        "name": name,
        "type": type_,
        "content": "192.0.2.1",
        "proxiable": type_ in {"A", "AAAA", "CNAME"},
        "proxied": False,
        "ttl": 1,
        "comment": None,
        "tags": [],
        "created_on": TIME,
        "modified_on": TIME,
        **more,
    }


SETTINGS: dict[str, Any] = {
    "security_level": "medium",
    "development_mode": "off",
    "ipv6": "on",
    "always_online": "on",
    "cache_level": "aggressive",
    "rocket_loader": "off",
    "browser_check": "on",
    "challenge_ttl": 1800,
    "browser_cache_ttl": 14400,
    "hotlink_protection": "off",
    "polish": "lossy",
    "prefetch_preload": "off",
    "http2": "on",
    "ssl": "strict",
    "waf": "off",
    "email_obfuscation": "on",
    "ip_geolocation": "on",
    "always_use_https": "on",
    "automatic_https_rewrites": "off",
    "opportunistic_encryption": "on",
    "min_tls_version": "1.2",
    "tls_1_3": "zrt",
    "security_header": {"strict_transport_security": {"enabled": True, "max_age": 86400, "nosniff": False}},
}


class Fake:
    """An `Http` that answers by itself."""

    def __init__(self) -> None:
        self.asked: list[Request] = []
        self.rules: dict[tuple[str, str], Rule] = {}
        self.zones: list[dict[str, Any]] = [zone()]
        self.records: dict[str, dict[str, Any]] = {}
        self.settings: dict[str, Any] = dict(SETTINGS)
        self.lists: dict[str, dict[str, Any]] = {}
        self._ids = iter(f"{number:032x}" for number in range(1, 10_000))

    def add(self, **fields: Any) -> dict[str, Any]:
        """A record that is there already."""
        made = record(next(self._ids), fields.pop("type_", "A"), **fields)
        self.records[made["id"]] = made
        return made

    @property
    def lines(self) -> list[str]:
        """What was asked, a line each."""
        return [f"{request.method} {request.url.partition(BASE)[2]}" for request in self.asked]

    def body(self, index: int = -1) -> Any:
        """The body of one request, decoded."""
        return json.loads(self.asked[index].body)

    async def exchange(self, request: Request, /) -> Reply:
        """The answer."""
        self.asked.append(request)
        parts = urlsplit(request.url)
        path = parts.path.partition(BASE)[2]
        rule = self.rules.get((request.method, path))
        if rule is not None:
            return rule if isinstance(rule, Reply) else rule(request)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        body = json.loads(request.body) if request.body else {}
        words = path.strip("/").split("/")
        if words == ["zones"]:
            found = [one for one in self.zones if query.get("name", one["name"]) == one["name"]]
            found = [one for one in found if query.get("account.id", one["account"]["id"]) == one["account"]["id"]]
            return self._page(found, query, 20)
        if words[0] == "zones":
            return self._zone(request.method, words[1], words[2:], query, body)
        if words[-1] == "rules" or words[-2] == "rules":
            return self._list(request.method, words[-1], query, body)
        return no(400, 7003, f"Could not route to {path}, perhaps your object identifier is invalid?")

    @staticmethod
    def _page(found: list[Any], query: dict[str, str], usual: int) -> Reply:
        page, size = int(query.get("page", 1)), int(query.get("per_page", usual))
        shown = found[(page - 1) * size : page * size]
        info = {
            "page": page,
            "per_page": size,
            "count": len(shown),
            "total_count": len(found),
            "total_pages": -(-len(found) // size),
        }
        return ok(shown, result_info=info)

    def _zone(self, method: str, ident: str, rest: list[str], query: dict[str, str], body: Any) -> Reply:
        found = next((one for one in self.zones if one["id"] == ident), None)
        if found is None:
            return no(404, 1001, "Invalid zone identifier")
        if not rest:
            return ok(found)
        if rest[0] == "settings" and rest[1] in self.settings:
            if method == "PATCH":
                self.settings[rest[1]] = body["value"]
            left = {"time_remaining": 10800} if self.settings[rest[1]] == "on" and rest[1] == "development_mode" else {}
            shown = {"id": rest[1], "value": self.settings[rest[1]], "modified_on": None, "editable": True, **left}
            return ok(shown)
        if rest == ["purge_cache"]:
            return ok({"id": ident})
        if rest[0] == "dns_records":
            return self._records(method, rest[1:], query, body)
        return no(400, 7003, f"Could not route to /zones/{ident}/{'/'.join(rest)}")

    def _records(self, method: str, rest: list[str], query: dict[str, str], body: Any) -> Reply:
        if rest == ["batch"]:
            gone = [self.records.pop(entry["id"]) for entry in body["deletes"]]
            made = [self._made(entry) for entry in body["posts"]]
            return ok({"deletes": gone, "posts": made, "patches": [], "puts": []})
        if not rest and method == "GET":
            return self._page(list(self.records.values()), query, 100)
        if not rest:
            same = {"type", "name", "content", "data"} & body.keys()
            if any(all(one.get(key) == body[key] for key in same) for one in self.records.values()):
                return no(400, 81058, "An identical record already exists.")
            return ok(self._made(body))
        if rest[0] not in self.records:
            return no(404, 81044, "Record does not exist.")
        old = self.records[rest[0]]
        if method == "DELETE":
            del self.records[rest[0]]
            return ok({"id": rest[0]})
        if method in {"PATCH", "PUT"} and body["type"] != old["type"]:
            return no(400, 1004, "DNS Validation Error")
        if method == "PATCH":
            old.update(body)
        elif method == "PUT":
            self.records[rest[0]] = record(rest[0], body["type"], **{k: v for k, v in body.items() if k != "type"})
        return ok(self.records[rest[0]])

    def _made(self, body: Any) -> dict[str, Any]:
        made = record(next(self._ids), body["type"], **{key: value for key, value in body.items() if key != "type"})
        if "data" in body:
            made["content"] = "as the service words it"
        self.records[made["id"]] = made
        return made

    def _list(self, method: str, ident: str, query: dict[str, str], body: Any) -> Reply:
        if method == "GET":
            wanted = query["configuration.value"]
            return self._page([r for r in self.lists.values() if r["configuration"]["value"] == wanted], query, 20)
        if method == "POST":
            if any(one["configuration"] == body["configuration"] for one in self.lists.values()):
                return no(400, 10009, "firewallaccessrules.api.duplicate_of_existing")
            made = {
                "id": next(self._ids),
                "allowed_modes": ["whitelist", "block"],
                "created_on": TIME,
                "modified_on": TIME,
                "scope": {"id": ACCOUNT, "email": "a@example.com", "type": "organization"},
                **body,
            }
            self.lists[made["id"]] = made
            return ok(made)
        if method == "DELETE":
            del self.lists[ident]
            return ok({"id": ident})
        self.lists[ident].update(body)
        return ok(self.lists[ident])
