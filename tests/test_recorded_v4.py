"""Replies that were recorded from the live version 4, or published: the emulator's have the same keys and types.

Key by key: what a recording has and the emulator has not, or of another type, stands in a table with the reason.
The other way round, what the emulator says beyond a recording is no fault: recordings of several years are compared.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cfclient.backends.emulator import Emulator
from cfclient.emulated.ids import v4_id
from tests.emulated import Asker, Clock, asking

pytestmark = pytest.mark.anyio

OLD = "left the replies before today, as Cloudflare's log of deprecations says"
PLAN = "of a plan or a property that the emulated zones do not have"
USER = "the emulated owner is a user, not an organization"
WRITTEN = "a published sample, written by hand, not recorded"

#: by a part of the file's name and the key: why the emulator's reply is without it, or of another type
KNOWN: dict[tuple[str, str], str] = {
    ("", "result[].zone_id"): OLD,
    ("", "result[].zone_name"): OLD,
    ("", "result[].locked"): OLD,
    ("", "result.zone_id"): OLD,
    ("", "result.zone_name"): OLD,
    ("", "result.locked"): OLD,
    ("", "result[].meta.source"): OLD,
    ("", "result.meta.source"): OLD,
    ("", "result[].meta.wildcard_proxiable"): OLD,
    ("", "result[].meta.multiple_railguns_allowed"): OLD,
    ("cf-terraforming/v5/cloudflare_dns_record", "result[].meta.email_routing"): PLAN,
    ("cf-terraforming/v5/cloudflare_dns_record", "result[].meta.read_only"): PLAN,
    (
        "cf-terraforming/v5/cloudflare_zone.json",
        "result[].owner.name",
    ): USER,
    (
        "cf-terraforming/v4/cloudflare_zone.json",
        "result[].owner.name",
    ): USER,
    ("cf-terraforming/v5/cloudflare_zone.json", "result[].tenant.id"): PLAN,
    ("cf-terraforming/v5/cloudflare_zone.json", "result[].tenant.name"): PLAN,
    ("cf-terraforming/v5/cloudflare_zone.json", "result[].tenant_unit.id"): PLAN,
    ("cf-terraforming/v4/cloudflare_access_rule", "result[].scope.email"): "the emulated rules are of an account",
    ("cloudflare-php", "errors[]"): WRITTEN,
    ("cloudflare-php", "messages[]"): WRITTEN,
    ("cloudflare-php", "result.data"): WRITTEN,
    ("cloudflare-php", "result[].ttl"): WRITTEN,
    ("cloudflare-php", "result.plan_pending"): PLAN,
    ("cloudflare-php", "result[].plan_pending"): PLAN,
    ("cloudflare-php", "result[].owner.owner_type"): "an older name of `type`",
    ("cloudflare-php", "result[].scope.email"): "the emulated rules are of an account",
    ("cloudflare-php/getUser", "result.first_name"): "nobody has said it, so it is null",
    ("cloudflare-php/getUser", "result.last_name"): "nobody has said it, so it is null",
    ("cloudflare-php/getUser", "result.telephone"): "nobody has said it, so it is null",
    ("cloudflare-php/getUser", "result.country"): "nobody has said it, so it is null",
    ("cloudflare-php/getUser", "result.zipcode"): "nobody has said it, so it is null",
    ("lego", "errors[]"): WRITTEN,
    ("lego", "messages[]"): WRITTEN,
    ("lego", "result.settings.ipv4_only"): "shown where it is set",
    ("lego", "result.settings.ipv6_only"): "shown where it is set",
    ("lego", "result[].meta.cdn_only"): PLAN,
    ("lego", "result[].meta.dns_only"): PLAN,
    ("lego", "result[].meta.foundation_dns"): PLAN,
    ("lego", "result[].owner.name"): USER,
    ("lego", "result[].tenant.id"): PLAN,
    ("lego", "result[].tenant.name"): PLAN,
    ("lego", "result[].tenant_unit.id"): PLAN,
    ("lego", "result[].cname_suffix"): PLAN,
}

ZONE = f"/zones/{v4_id('zone', '1')}"


def kinds(value: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """Each key with its type; whole numbers and others are one type, as in JSON."""
    if isinstance(value, dict):
        if place:
            yield place, "object"
        for key, inner in value.items():
            yield from kinds(inner, f"{place}.{key}".lstrip("."))
    elif isinstance(value, list):
        yield place, "array"
        for inner in value:
            yield from kinds(inner, f"{place}[]")
    else:
        yield place, {bool: "bool", int: "number", float: "number", str: "text", type(None): "null"}[type(value)]


def emulator() -> Emulator:
    """A zone in which there is something of everything that was recorded."""
    zone = {
        "zone_name": "example.com",
        "zone_id": "1",
        "user_id": "5",
        "orig_registrar": "a registrar",
        "orig_ns_names": ["NS1.EXAMPLE.NET"],
        "orig_dnshost": "a host",
        "ns_vanity_map": ["ns1.example.com"],
        "records": [
            {"type": "A", "name": "@", "content": "198.51.100.4", "rec_id": "1", "comment": "mine", "tags": ["a:b"]},
            {"type": "MX", "name": "@", "content": "mx.example.com", "prio": 71},
            {"type": "CNAME", "name": "atmdfzvyns.origin", "content": "example.com"},
            {"type": "CAA", "name": "@", "content": '0 issuewild "example.com"'},
            {"type": "HTTPS", "name": "bryzmhjmhl", "content": '1 . alpn="h2"'},
            {"type": "PTR", "name": "ptr", "content": "255.2.0.192.in-addr.arpa"},
            {"type": "TXT", "name": "txtspf", "content": '"v=spf1 ~all"', "ttl": 300},
            {"type": "SRV", "name": "_a._tcp", "content": "1 2 x.example", "prio": 1},
        ],
    }
    account = {
        "tokens": [{"value": "demo-token"}],
        "zones": [zone],
        "rules": [{"mode": "challenge", "target": "ip", "value": "198.51.100.4", "notes": "a note"}],
    }
    return Emulator.from_json({"accounts": [account]}, clock=Clock())


SHAPES = {
    "zones": r"/zones",
    "zone": r"/zones/ID",
    "records": r"/zones/ID/dns_records",
    "record": r"/zones/ID/dns_records/ID",
}


def recordings(shared: Path) -> Iterator[tuple[str, str, str, Any, int, Any]]:
    """File, method, path, body, status, reply: those of the paths that the emulator has."""
    samples = shared / "v4" / "samples"
    for path in sorted(samples.glob("lexicon/**/*.json")) + sorted(samples.glob("cf-terraforming/**/*.json")):
        for exchange in json.loads(path.read_text()):
            asked, answered = exchange["request"], exchange["response"]
            where = asked["url"].partition("/client/v4")[2].partition("?")[0]
            if re.search(r"ua_rules|lockdowns|subscription|/settings$", where):
                continue
            name = str(path.relative_to(samples))
            yield name, asked["method"], where, asked.get("json"), answered["status"], answered["json"]


async def said(ask: Asker, method: str, where: str, body: Any, status: int) -> Any:
    """The emulator's reply to a request of that form."""
    account = (await ask.result("GET", ZONE))["account"]["id"]
    path = re.sub(r"/zones/[0-9a-f]{32}", ZONE, where)
    path = re.sub(r"/accounts/[0-9a-f]{32}", f"/accounts/{account}", path)
    path = re.sub(r"(dns_records/)[0-9a-f]{32}", rf"\g<1>{v4_id('record', '1')}", path)
    if method == "PUT":
        # The record that is there has a type, which stays.
        body = {"type": "A", "name": "updated", "content": "192.0.2.9", "ttl": 3600}
    elif method == "POST" and body:
        body = {**body, "name": re.sub(r"\.pacalis\.net$", ".example.com", body["name"])}
        body["content"] = body["content"].replace("127.0.0.1", "192.0.2.1")
        if status == 400:
            await ask.result("POST", path, body)
    _, reply = await ask(method, path, body or None)
    return reply


def missing(name: str, recorded: Any, found: Any) -> list[str]:
    """What a recording has and the emulator has not, reasons aside."""
    had: dict[str, set[str]] = {}
    for place, kind in kinds(found):
        had.setdefault(place, set()).add(kind)
    return sorted(
        f"{place}: {kind} instead of {', '.join(sorted(had.get(place, {'nothing'})))}"
        for place, kind in set(kinds(recorded))
        if kind not in had.get(place, set())
        and kind != "null"
        and not any(part in name and f"{place}.".startswith((f"{key}.", f"{key}[")) for part, key in KNOWN)
    )


async def test_what_was_recorded_has_the_same_keys_and_types(shared: Path) -> None:
    """Zones, records, settings and access rules: read, created, overwritten, deleted, refused."""
    compared = 0
    for name, method, where, body, status, reply in recordings(shared):
        token = status == 403
        emulated = emulator()
        headers = {"Authorization": "Bearer demo-token"} if token else None
        if token:
            emulated = Emulator.from_json(
                {"accounts": [{"tokens": [{"value": "demo-token", "permissions": []}], "zones": []}]}
            )
        async with asking(emulated, headers) as ask:
            found = (await ask(method, where))[1] if token else await said(ask, method, where, body, status)

        assert reply["success"] == found["success"], (name, method, where, found)
        assert [] == missing(name, reply, found), (name, method, where)
        compared += 1

    assert compared > 100


PUBLISHED = {
    "cloudflare-php/listZones.json": ("GET", "/zones", None),
    "cloudflare-php/getZoneById.json": ("GET", ZONE, None),
    "cloudflare-php/listRecords.json": ("GET", f"{ZONE}/dns_records", None),
    "cloudflare-php/getRecordId.json": ("GET", f"{ZONE}/dns_records", None),
    "cloudflare-php/getDNSRecordDetails.json": ("GET", f"{ZONE}/dns_records/{v4_id('record', '1')}", None),
    "cloudflare-php/updateDNSRecord.json": ("PATCH", f"{ZONE}/dns_records/{v4_id('record', '1')}", {"ttl": 120}),
    "cloudflare-php/addRecord.json": (
        "POST",
        f"{ZONE}/dns_records",
        {"type": "A", "name": "n", "content": "192.0.2.1"},
    ),
    "cloudflare-php/cachePurgeEverything.json": ("POST", f"{ZONE}/purge_cache", {"purge_everything": True}),
    "cloudflare-php/cachePurge.json": ("POST", f"{ZONE}/purge_cache", {"files": ["https://example.com/"]}),
    "cloudflare-php/getUserDetails.json": ("GET", "/user", None),
    "cloudflare-php/getSSLSetting.json": ("GET", f"{ZONE}/settings/ssl", None),
    "cloudflare-php/updateSSLSetting.json": ("PATCH", f"{ZONE}/settings/ssl", {"value": "off"}),
    "cloudflare-php/getSecurityLevelSetting.json": ("GET", f"{ZONE}/settings/security_level", None),
    "cloudflare-php/updateSecurityLevelSetting.json": (
        *("PATCH", f"{ZONE}/settings/security_level"),
        {"value": "medium"},
    ),
    "cloudflare-php/getBrowserCacheTtlSetting.json": ("GET", f"{ZONE}/settings/browser_cache_ttl", None),
    "cloudflare-php/getChallengeTTLSetting.json": ("GET", f"{ZONE}/settings/challenge_ttl", None),
    "cloudflare-php/changeDevelopmentMode.json": ("PATCH", f"{ZONE}/settings/development_mode", {"value": "on"}),
    "cloudflare-php/updateOpportunisticEncryptionSetting.json": (
        *("PATCH", f"{ZONE}/settings/opportunistic_encryption"),
        {"value": "on"},
    ),
    "cloudflare-php/listAccessRules.json": ("GET", f"{ZONE}/firewall/access_rules/rules", None),
    "lego/zones.json": ("GET", "/zones", None),
    "lego/create_record.json": (
        *("POST", f"{ZONE}/dns_records"),
        {"type": "A", "name": "n", "content": "192.0.2.1", "comment": "x", "tags": ["a:b"]},
    ),
    "lego/delete_record.json": ("DELETE", f"{ZONE}/dns_records/{v4_id('record', '1')}", None),
}


@pytest.mark.parametrize("name", PUBLISHED)
async def test_what_was_published_has_the_same_keys_and_types(shared: Path, name: str) -> None:
    """Samples of settings PATCH, purges and the user, of which no recording exists."""
    method, path, body = PUBLISHED[name]
    emulated = emulator()
    async with asking(emulated) as ask:
        # A setting that was never set was never modified; here each was.
        if "/settings/" in path and method == "GET":
            setting = await ask.result("GET", path)
            await ask.result("PATCH", path, {"value": setting["value"]})
        status, found = await ask(method, path, body)

    assert 200 == status
    assert [] == missing(name, json.loads((shared / "v4" / "samples" / name).read_text()), found)


async def test_the_refusal_that_was_published(shared: Path) -> None:
    """6003, with its cause in a chain."""
    published = json.loads((shared / "v4" / "samples" / "lego" / "error.json").read_text())
    async with asking(emulator(), {"X-Auth-Email": "demo@example.com", "X-Auth-Key": "a b"}) as ask:
        _, found = await ask("GET", "/zones")

    assert published == found


async def test_traffic_has_the_keys_of_what_was_published(shared: Path) -> None:
    """One-minute groups and firewall events, as another program asks for them."""
    samples = shared / "v4" / "samples" / "ons-cloudflare-exporter-graphql"
    tag = v4_id("zone", "1")
    minutes = """{ viewer { zones(filter: {zoneTag: "TAG"}) { zoneTag
        httpRequests1mGroups(limit: 9, filter: {
          datetime_geq: "2023-11-14T10:00:00Z", datetime_lt: "2023-11-14T10:02:00Z"}) {
          dimensions { datetime } sum { cachedBytes cachedRequests
            clientHTTPVersionMap { clientHTTPProtocol requests }
            countryMap { bytes clientCountryName requests threats }
            responseStatusMap { edgeResponseStatus requests }
            threatPathingMap { threatPathingName requests } } } } } }"""
    events = """{ viewer { zones(filter: {zoneTag: "TAG"}) { zoneTag
        firewallEventsAdaptiveGroups(limit: 9, filter: {datetime_geq: "2023-11-14T00:00:00Z"}) { count dimensions {
          action datetime edgeResponseStatus originResponseStatus ruleId source } } } } }"""
    async with asking(emulator()) as ask:
        for name, query in (("http_reqs_resp.json", minutes), ("firewall_events_resp.json", events)):
            _, found = await ask("POST", "/graphql", {"query": query.replace("TAG", tag)})

            assert [] == missing(name, json.loads((samples / name).read_text()), found)
