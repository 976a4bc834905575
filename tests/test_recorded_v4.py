"""Replies that were recorded from the live version 4, or published: the emulator's have the same keys and types.

Key by key: what a recording has and the emulator has not, or of another type, stands in a table with the reason.
The other way round, what the emulator says beyond a recording is no fault: recordings of several years are compared.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cfclient.backends.emulator import Emulator
from cfclient.backends.v4 import envelope
from cfclient.backends.v4.analytics import _Graph
from cfclient.backends.v4.lists import _Rule
from cfclient.backends.v4.records import WireRecord, record_value
from cfclient.backends.v4.settings import Setting
from cfclient.backends.v4.support import Permission
from cfclient.backends.v4.zones import WireZone, zone_value
from cfclient.emulated.ids import v4_id
from cfclient.errors import ApiError, UnexpectedAnswer
from cfclient.http import Reply
from tests.emulated import Asker, Clock, asking
from tests.openapi import check_request

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
    ("cloudflare-php", "result.scope.email"): "the emulated rules are of an account",
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
    ("ons", "result[].owner.name"): USER,
    ("ons", "result[].plan_pending"): PLAN,
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


#: what is recorded of paths that nothing here asks for
UNUSED = {
    r"/zones/ID/firewall/ua_rules": "user agents, which version 1 had not",
    r"/zones/ID/firewall/lockdowns": "lockdowns, which version 1 had not",
    r"/zones/ID/subscription": "the plan stands in the zone itself",
    r"/zones/ID/settings": "all settings at once: the end of it is 2026-09-15",
}


def recordings(shared: Path) -> Iterator[tuple[str, str, str, Any, int, Any]]:
    """File, method, path, body, status, reply: those of the paths that the emulator has."""
    samples = shared / "v4" / "samples"
    for path in sorted(samples.glob("lexicon/**/*.json")) + sorted(samples.glob("cf-terraforming/**/*.json")):
        for exchange in json.loads(path.read_text()):
            asked, answered = exchange["request"], exchange["response"]
            where = asked["url"].partition("/client/v4")[2].partition("?")[0]
            if re.sub(r"[0-9a-f]{32}", "ID", where) in UNUSED:
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


RECORDS, RECORD = f"{ZONE}/dns_records", f"{ZONE}/dns_records/{v4_id('record', '1')}"
RULES, SETTINGS = f"{ZONE}/firewall/access_rules/rules", f"{ZONE}/settings"
#: samples of which only the reply was published: what it answers
PUBLISHED: dict[str, tuple[str, str, Any]] = {
    "cloudflare-php/listZones.json": ("GET", "/zones", None),
    "cloudflare-php/getZoneId.json": ("GET", "/zones", None),
    "cloudflare-php/getZoneById.json": ("GET", ZONE, None),
    "cloudflare-php/listRecords.json": ("GET", RECORDS, None),
    "cloudflare-php/getRecordId.json": ("GET", RECORDS, None),
    "cloudflare-php/getDNSRecordDetails.json": ("GET", RECORD, None),
    "cloudflare-php/updateDNSRecord.json": ("PATCH", RECORD, {"ttl": 120}),
    "cloudflare-php/addRecord.json": ("POST", RECORDS, {"type": "A", "name": "n", "content": "192.0.2.1"}),
    "cloudflare-php/cachePurgeEverything.json": ("POST", f"{ZONE}/purge_cache", {"purge_everything": True}),
    "cloudflare-php/cachePurge.json": ("POST", f"{ZONE}/purge_cache", {"files": ["https://example.com/"]}),
    "cloudflare-php/getUserDetails.json": ("GET", "/user", None),
    "cloudflare-php/getUserEmail.json": ("GET", "/user", None),
    "cloudflare-php/getUserId.json": ("GET", "/user", None),
    "cloudflare-php/listAccessRules.json": ("GET", RULES, None),
    "cloudflare-php/createAccessRule.json": (
        *("POST", RULES),
        {"mode": "challenge", "configuration": {"target": "ip", "value": "198.51.100.9"}, "notes": "x"},
    ),
    "cloudflare-php/updateAccessRule.json": ("PATCH", f"{RULES}/ID", {"mode": "challenge"}),
    "cloudflare-php/deleteAccessRule.json": ("DELETE", f"{RULES}/ID", None),
    **{
        f"cloudflare-php/{name}.json": ("GET", f"{SETTINGS}/{setting}", None)
        for name, setting in (
            ("getSSLSetting", "ssl"),
            ("getSecurityLevelSetting", "security_level"),
            ("getBrowserCacheTtlSetting", "browser_cache_ttl"),
            ("getBrowserIntegrityCheckSetting", "browser_check"),
            ("getChallengeTTLSetting", "challenge_ttl"),
            ("getOpportunisticEncryptionSetting", "opportunistic_encryption"),
        )
    },
    **{
        f"cloudflare-php/{name}.json": ("PATCH", f"{SETTINGS}/{setting}", {"value": value})
        for name, setting, value in (
            ("updateSSLSetting", "ssl", "off"),
            ("updateSecurityLevelSetting", "security_level", "medium"),
            ("updateBrowserCacheTtlSetting", "browser_cache_ttl", 14400),
            ("updateBrowserIntegrityCheckSetting", "browser_check", "on"),
            ("updateChallengeTTLSetting", "challenge_ttl", 1800),
            ("updateOpportunisticEncryptionSetting", "opportunistic_encryption", "on"),
            ("changeDevelopmentMode", "development_mode", "on"),
        )
    },
    "lego/zones.json": ("GET", "/zones", None),
    "lego/create_record.json": (
        *("POST", RECORDS),
        {"type": "A", "name": "n", "content": "192.0.2.1", "comment": "x", "tags": ["a:b"]},
    ),
    "lego/delete_record.json": ("DELETE", RECORD, None),
    "ons-cloudflare-exporter-graphql/zones_resp.json": ("GET", "/zones", None),
}
#: samples with a test of their own here
ALONE = {
    "lego/error.json",
    "lego/create_record-request.json",
    "ons-cloudflare-exporter-graphql/http_reqs_resp.json",
    "ons-cloudflare-exporter-graphql/firewall_events_resp.json",
    "ons-cloudflare-exporter-graphql/empty_http_reqs_resp.json",
}
BARE = "written by hand for one library: the bare value as `result`, which no recording of a setting has"
#: samples that are compared with nothing, and why
LEFT_OUT = {
    "cloudflare-php/addZone.json": "no action makes a zone",
    "cloudflare-php/cachePurgeHost.json": "purging by host is of one plan, and version 1 had it not",
    "cloudflare-php/getAnalyticsDashboard.json": "gone since 2021-03-01: GraphQL has taken its place",
    "cloudflare-php/getRecordDetails.json": "a lockdown of a zone, which version 1 had not",
    "cloudflare-php/getServerSideExclude.json": "the setting has gone",
    "cloudflare-php/updateServerSideExclude.json": "the setting has gone",
    "ons-cloudflare-exporter-graphql/health_check_events_resp.json": "health checks, which version 1 had not",
    **{
        f"cloudflare-php/{name}.json": BARE
        for name in (
            "changeMinimumTLSVersion",
            "getHTTPSRedirectSetting",
            "getHTTPSRewritesSetting",
            "getOnionRoutingSetting",
            "updateHTTPSRedirectSetting",
            "updateHTTPSRewritesSetting",
            "updateOnionRoutingSetting",
        )
    },
}


def test_no_sample_is_left_out_silently(shared: Path) -> None:
    """Each file is recorded and compared, published and compared, or stands in a table with the reason."""
    samples = shared / "v4" / "samples"
    files = {str(path.relative_to(samples)): json.loads(path.read_text()) for path in samples.rglob("*.json")}
    compared = {name for name, *_ in recordings(shared)}
    recorded = {name for name, content in files.items() if isinstance(content, list)}
    places = {
        re.sub(r"[0-9a-f]{32}", "ID", one["request"]["url"].partition("/client/v4")[2].partition("?")[0])
        for name in recorded
        for one in files[name]
    }

    assert files.keys() == {*recorded, *PUBLISHED, *ALONE, *LEFT_OUT}
    assert len(files) == len(recorded) + len(PUBLISHED) + len(ALONE) + len(LEFT_OUT)
    # Recordings of nothing else than unused paths.
    assert {
        "cf-terraforming/v4/cloudflare_user_agent_blocking_rule.json",
        "cf-terraforming/v4/cloudflare_zone_lockdown.json",
        "cf-terraforming/v4/cloudflare_zone_settings_override.json",
        "cf-terraforming/v5/cloudflare_zone_lockdown.json",
    } == recorded - compared
    assert UNUSED.keys() <= places
    assert {name for name, why in LEFT_OUT.items() if why is BARE} == {
        name for name in LEFT_OUT if isinstance(files[name].get("result"), str | float)
    }


#: what the backend reads a reply as, by its place
KINDS: tuple[tuple[str, Any, Any], ...] = (
    (r"/zones", list[WireZone], None),
    (r"/zones/[^/]+", WireZone, None),
    (r"/zones/[^/]+/dns_records", list[WireRecord], WireRecord),
    (r"/zones/[^/]+/dns_records/[^/]+", WireRecord, None),
    (r".*/firewall/access_rules/rules", list[_Rule], _Rule),
    (r".*/firewall/access_rules/rules/[^/]+", _Rule, None),
    (r"/zones/[^/]+/settings/[^/]+", Setting, None),
    (r"/zones/[^/]+/purge_cache", Any, Any),
    (r"/user", Any, None),
)


#: samples written by hand, of which the backend says what is wrong with them
UNREADABLE = {
    "cloudflare-php/getRecordId.json": r"Expected `float | null`, got `object` - at `\$.result\[0\].ttl`",
    "lego/delete_record.json": "success",
}


def test_the_backend_reads_them_all(shared: Path) -> None:
    """Zones, records, access rules and settings; refusals become errors with the service's numbers."""
    samples = shared / "v4" / "samples"
    published = [
        (name, method, where, None, 200, json.loads((samples / name).read_text()))
        for name, (method, where, _) in PUBLISHED.items()
    ]
    read: Counter[str] = Counter()
    for name, method, where, _, status, reply in [*recordings(shared), *published]:
        ((pattern, listed, made),) = [kind for kind in KINDS if re.fullmatch(kind[0], where)]
        kind = dict[str, str] if method == "DELETE" else made if method == "POST" else listed
        body = Reply(status=status, body=json.dumps(reply).encode())
        if name in UNREADABLE:
            with pytest.raises(UnexpectedAnswer, match=UNREADABLE[name]):
                envelope.read(name, body, kind, needs=Permission.ZONE_READ, hide=())
            continue
        if status >= 400 or reply.get("success") is False:
            with pytest.raises(ApiError) as refused:
                envelope.read(name, body, kind, needs=Permission.ZONE_READ, hide=())
            assert [error["code"] for error in reply["errors"]] == list(refused.value.numbers)
            read["refused"] += 1
            continue
        result = envelope.read(name, body, kind, needs=Permission.ZONE_READ, hide=()).result
        read[pattern] += 1
        for one in result if isinstance(result, list) else [result]:
            if isinstance(one, WireZone):
                assert one.id == zone_value(one).zone_id
            elif isinstance(one, WireRecord):
                value = record_value(one, "example.com")
                assert (one.id, one.name) == (value.rec_id, value.name)
                assert value.content

    assert {"refused", *(pattern for pattern, *_ in KINDS)} == read.keys()


def test_a_request_that_was_published_is_right(shared: Path) -> None:
    """So the judge takes it."""
    body = (shared / "v4" / "samples" / "lego" / "create_record-request.json").read_bytes()
    headers = {"authorization": "Bearer t", "content-type": "application/json"}

    check_request("POST", f"https://api.cloudflare.com/client/v4{RECORDS}", headers, body)


def test_graphql_replies_on_record_are_read(shared: Path) -> None:
    """As far as each goes."""
    for name in sorted(ALONE):
        if name.startswith("ons"):
            body = (shared / "v4" / "samples" / name).read_bytes()
            reply = msgspec.convert(envelope.graph("stats", Reply(status=200, body=body)), _Graph, strict=False)
            assert reply.data is not None
            assert reply.data.viewer is not None
            assert 1 == len(reply.data.viewer.zones or ())


@pytest.mark.parametrize("name", PUBLISHED)
async def test_what_was_published_has_the_same_keys_and_types(shared: Path, name: str) -> None:
    """Samples of settings PATCH, purges and the user, of which no recording exists."""
    method, path, body = PUBLISHED[name]
    emulated = emulator()
    async with asking(emulated) as ask:
        if path.endswith("/rules/ID"):
            account = (await ask.result("GET", ZONE))["account"]["id"]
            path = f"/accounts/{account}/firewall/access_rules/rules"
            path = f"{path}/{(await ask.result('GET', path))[0]['id']}"
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
