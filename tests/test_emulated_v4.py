"""The emulator's version 4 face: who asks, how often, zones, settings, access rules, users, traffic, and faults."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
import httpx
import pytest

from cfclient import actions as act
from cfclient import models
from cfclient.backends.account import ApiToken
from cfclient.backends.emulator import DEMO, Emulator
from cfclient.emulated.app import Asked
from cfclient.emulated.ids import v4_id
from cfclient.emulated.query import Unreadable, read
from cfclient.emulated.replies import Answer, Refused
from cfclient.emulated.settings import RETIRED, SETTINGS
from cfclient.emulated.state import EPOCH, AccountState
from tests.emulated import BASE, KEY, TOKEN, Asker, Clock, asking, strict

pytestmark = pytest.mark.anyio


def world(clock: Callable[[], float] | None = None, **options: Any) -> Emulator:
    """Two accounts, of which the second sees the zones of the first, one of them of the same name as its own."""
    return Emulator.from_json(
        {
            "accounts": [
                {
                    "tokens": [
                        {"value": "demo-token", "name": "all"},
                        {"value": "dns", "permissions": ["DNS:Read", "DNS:Edit", "Zone:Read"], "zones": ["a.example"]},
                        {"value": "old", "status": "disabled"},
                        {"value": "nothing", "permissions": []},
                    ],
                    "rules": [{"mode": "block", "target": "country", "value": "T1", "notes": "seeded"}],
                    "banned": ["192.0.2.66"],
                    "zones": [
                        {"zone_name": "a.example", "zone_id": "1", "user_id": "20801", "today": {"http3": "off"}},
                        {"zone_name": "b.example", "zone_id": "2", "zone_mode": "0", "vtxt": "x", "zone_type": "P"},
                        {"zone_name": "c.example", "zone_id": "3", "zone_status": "P", "user_id": None},
                    ],
                },
                {
                    "email": "member@example.com",
                    "key": "sesame",
                    "member_of": ["demo@example.com", "gone@example.com"],
                    "zones": [{"zone_name": "a.example", "zone_id": "4", "user_id": None}],
                },
            ]
        },
        clock=Clock() if clock is None else clock,
        **options,
    )


def zone(ident: str) -> str:
    """The path of a zone."""
    return f"/zones/{v4_id('zone', ident)}"


MEMBER = {"X-Auth-Email": "member@example.com", "X-Auth-Key": "sesame"}


# -- who ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "status", "code", "cause"),
    [
        ({}, 400, 9106, None),
        ({"X-Auth-Email": "demo@example.com"}, 400, 9107, None),
        ({"X-Auth-Key": "demo-key"}, 400, 9106, None),
        ({**KEY, "X-Auth-Email": "nobody"}, 400, 6003, 6102),
        ({**KEY, "X-Auth-Key": "a b"}, 400, 6003, 6103),
        ({**KEY, "X-Auth-Key": "wrong"}, 403, 9103, None),
        ({**KEY, "X-Auth-Email": "nobody@example.com"}, 403, 9103, None),
        ({"Authorization": "Bearer "}, 400, 6003, 6111),
        ({"Authorization": "Basic abc"}, 400, 6003, 6111),
        ({"Authorization": "Bearer wrong"}, 403, 9109, None),
        ({"Authorization": "Bearer old"}, 403, 9109, None),
    ],
)
async def test_whoever_cannot_be_known_is_refused(
    headers: dict[str, str], status: int, code: int, cause: int | None
) -> None:
    """With the codes of real refusals, the cause in a chain."""
    async with asking(world(), headers) as ask:
        found, reply = await ask("GET", "/zones")

    (error,) = reply["errors"]
    assert (status, code) == (found, error["code"])
    assert cause == (error["error_chain"][0]["code"] if "error_chain" in error else None)


async def test_a_token_may_what_it_says() -> None:
    """And sees the zones that it names; a listing is refused in the words of a recorded refusal."""
    async with strict(world(), {"Authorization": "Bearer dns"}) as ask:
        zones = await ask.result("GET", "/zones")
        records = await ask.result("GET", f"{zone('1')}/dns_records")
        other = await ask.refusal("GET", f"{zone('2')}/dns_records")
        settings = await ask.refusal("GET", f"{zone('1')}/settings/ssl")
    async with strict(world(), {"Authorization": "Bearer nothing"}) as ask:
        refused = await ask.refusal("GET", "/zones")

    assert (["a.example"], []) == ([one["name"] for one in zones], records)
    assert {"id": None, "type": "user", "email": None} == zones[0]["owner"]
    assert (404, 1001) == other[:2]
    assert (403, 10000, "Authentication error") == settings
    assert (403, 0) == refused[:2]
    assert refused[2].endswith("requires permission 'com.cloudflare.api.account.zone.list' to list zones")


async def test_tokens_are_verified_and_users_named() -> None:
    """A key is no token."""
    async with strict(world(), TOKEN) as ask:
        _, verified = await ask("GET", "/user/tokens/verify")
    async with asking(world()) as ask:
        none = await ask.refusal("GET", "/user/tokens/verify")
        user = await ask.result("GET", "/user")

    assert ("active", 10000) == (verified["result"]["status"], verified["messages"][0]["code"])
    assert (400, 1000, "Invalid API Token") == none
    assert ("demo@example.com", v4_id("user", "20801")) == (user["email"], user["id"])


async def test_no_key_is_in_a_repr() -> None:
    """Neither of a request, nor of the face, nor of an account."""
    asked = Asked(method="GET", path="/user", query={}, headers=KEY)
    told = f"{asked!r} {world().v4!r} {world().account()!r} {ApiToken(value='secret-token')!r}"

    assert ["demo-key" in told, "demo-token" in told, "secret-token" in told] == [False] * 3


# -- how often ----------------------------------------------------------------------------------------


async def test_more_requests_than_allowed_are_refused_for_as_long_as_the_window_is() -> None:
    """Both faces count in one; the headers say how many are left, and when to come again."""
    clock = Clock()
    emulator = world(clock, limit=(3, 300.0))
    emulator.perform(DEMO, act.ZoneLoadMulti())
    async with asking(emulator) as ask:
        clock.now += 10
        first = await ask.http.get(f"{BASE}/user")
        await ask.result("GET", "/user")
        refused = await ask.http.get(f"{BASE}/user")
        clock.now += 299
        still = await ask.http.get(f"{BASE}/user")
        clock.now += 1
        again = await ask.http.get(f"{BASE}/user")

    assert ('"default";q=3;w=300', '"default";r=1;t=290') == (
        first.headers["ratelimit-policy"],
        first.headers["ratelimit"],
    )
    assert (429, "300", '"default";r=0;t=300') == (
        refused.status_code,
        refused.headers["retry-after"],
        refused.headers["ratelimit"],
    )
    assert 10100 == refused.json()["errors"][0]["code"]
    assert (429, "1", 200) == (still.status_code, still.headers["retry-after"], again.status_code)
    assert 6 == emulator.calls["demo@example.com"]


async def test_graphql_has_a_window_of_its_own() -> None:
    """300 queries in five minutes, whatever else is asked."""
    async with strict(world(limit=(1, 300.0))) as ask:
        replies = [await ask.http.post(f"{BASE}/graphql", json={"query": "{viewer{zones{zoneTag}}}"}) for _ in "ab"]
        await ask.result("GET", "/user")

    assert ['"graphql";r=299;t=300', '"graphql";r=298;t=300'] == [reply.headers["ratelimit"] for reply in replies]


async def test_without_a_limit_nothing_is_counted() -> None:
    """Nor told."""
    async with strict(world(limit=None)) as ask:
        reply = await ask.http.get(f"{BASE}/user")

    assert "ratelimit" not in reply.headers


# -- what is asked ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "status", "codes"),
    [
        ("GET", "/nowhere", 404, [7003, 7000]),
        ("GET", "/zones/abc", 400, [7003, 7000]),
        ("GET", f"/zones/{'0' * 32}", 404, [1001]),
        ("GET", "/accounts/abc", 404, [7003, 7000]),
        ("DELETE", "/zones", 405, [10405]),
    ],
)
async def test_paths_that_lead_nowhere(method: str, path: str, status: int, codes: list[int]) -> None:
    """Are refused with both codes, as live."""
    async with asking(world()) as ask:
        found, reply = await ask(method, path)

    assert (status, codes) == (found, [error["code"] for error in reply["errors"]])


async def test_bodies_that_are_no_json() -> None:
    """Nothing is changed; the body of a GET means nothing, but programs send one."""
    async with asking(world()) as ask:
        path = f"{BASE}{zone('1')}/dns_records"
        broken = [
            await ask.http.post(path, content=content, headers={"content-type": "application/json"})
            for content in (b"{", b"[" * 100_000, b'{"ttl": NaN}', b"\xff")
        ]
        form = await ask.http.post(path, data={"type": "A"})
        read = await ask.http.request("GET", path, content=b"{")
        outside = await ask.http.get("https://emulator.example/zones")

    assert {(400, 6007)} == {(reply.status_code, reply.json()["errors"][0]["code"]) for reply in broken}
    assert 6105 == form.json()["errors"][0]["error_chain"][0]["code"]
    assert (200, 404) == (read.status_code, outside.status_code)


async def test_the_edges_of_asgi() -> None:
    """Lifespan is answered, a websocket closed, and a request that breaks off carries nothing out."""
    app = world().v4
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    def incoming(*messages: Any) -> Any:
        queue = list(messages)

        async def receive() -> Any:
            return queue.pop(0)

        return receive

    await app({"type": "lifespan"}, incoming({"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}), send)
    await app({"type": "websocket"}, incoming(), send)
    scope = {
        "type": "http",
        "method": "POST",
        "path": f"/client/v4{zone('1')}/dns_records",
        "query_string": b"",
        "headers": [],
    }
    await app(scope, incoming({"type": "http.request", "more_body": True}, {"type": "http.disconnect"}), send)
    await app(scope, incoming({"type": "http.request", "body": b" " * 10_000_001, "more_body": True}), send)

    assert ["lifespan.startup.complete", "lifespan.shutdown.complete", "websocket.close"] == [
        message["type"] for message in sent[:3]
    ]
    assert [400, 413] == [message["status"] for message in sent[3:] if "status" in message]


async def test_a_request_that_is_cancelled_in_its_latency_is_not_carried_out() -> None:
    """As with version 1."""
    emulator = world(latency=3600.0)
    async with strict(emulator) as ask:
        with anyio.move_on_after(0.05):
            await ask("PATCH", f"{zone('1')}/settings/ssl", {"value": "off"})

    assert models.SslMode.FULL == emulator.site("a.example").settings.ssl


async def test_a_hook_sees_each_request_and_may_answer_it() -> None:
    """With a page of a proxy, with a refusal, or not at all."""
    emulator = world()
    seen: list[str] = []

    def hook(asked: Asked) -> Answer | None:
        seen.append(f"{asked.method} {asked.path}")
        if asked.path == "/user":
            return Answer(status=502, body="<h1>Bad gateway</h1>", headers={"content-type": "text/html"})
        if asked.path == "/accounts":
            raise Refused(403, 9109, "Not today")
        return None

    emulator.v4.hook = hook
    async with asking(emulator) as ask:
        page = await ask.http.get(f"{BASE}/user")
        refused = await ask.refusal("GET", "/accounts")
        zones = await ask.result("GET", "/zones")

    assert (502, "text/html", "<h1>Bad gateway</h1>") == (page.status_code, page.headers["content-type"], page.text)
    assert ((403, 9109, "Not today"), 3) == (refused, len(zones))
    assert ["GET /user", "GET /accounts", "GET /zones"] == seen


# -- zones --------------------------------------------------------------------------------------------


async def names(ask: Asker, **params: Any) -> list[str]:
    """The zones of a listing."""
    return [one["name"] for one in await ask.result("GET", "/zones", params=params)]


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, "abc"),
        ({"name": "b.example"}, "b"),
        ({"name": "B.EXAMPLE"}, "b"),
        ({"name": "contains:example"}, "abc"),
        ({"name": "starts_with:a"}, "a"),
        ({"name": "ends_with:.org"}, ""),
        ({"name": "unknown:thing"}, ""),
        ({"status": "pending"}, "c"),
        ({"status": "active", "name": "c.example"}, ""),
        ({"status": "active", "name": "c.example", "match": "any"}, "abc"),
        ({"order": "name", "direction": "desc"}, "cba"),
        ({"account.name": "contains:Demo"}, "abc"),
        ({"per_page": 5, "page": 2}, ""),
    ],
)
async def test_zones_are_filtered(params: dict[str, Any], expected: str) -> None:
    """As the description says."""
    async with strict(world()) as ask:
        assert expected == "".join(name[0] for name in await names(ask, **params))


@pytest.mark.parametrize("params", [{"per_page": 4}, {"per_page": 101}, {"page": 0}, {"page": "x"}])
async def test_pages_that_cannot_be(params: dict[str, Any]) -> None:
    """Fewer than 5 zones or more than 100 are refused."""
    async with asking(world()) as ask:
        assert 400 == (await ask.refusal("GET", "/zones", params=params))[0]


async def test_a_member_sees_the_zones_of_other_accounts_too() -> None:
    """Two of one name, which the account tells apart."""
    async with strict(world(), MEMBER) as ask:
        zones = await ask.result("GET", "/zones", params={"name": "a.example"})
        accounts = await ask.result("GET", "/accounts")
        narrowed = await ask.result("GET", "/zones", params={"account.id": accounts[1]["id"]})
        one = await ask.result("GET", f"/accounts/{accounts[1]['id']}")
        named = await ask.result("GET", "/accounts", params={"name": accounts[0]["name"]})
        made = await ask.result("POST", f"{zone('1')}/dns_records", {"type": "A", "name": "x", "content": "192.0.2.1"})

    assert [zone("4"), zone("1")] == [f"/zones/{found['id']}" for found in zones]
    assert (2, "abc", accounts[1], [accounts[0]]) == (
        len(accounts),
        "".join(found["name"][0] for found in narrowed),
        one,
        named,
    )
    assert "x.a.example" == made["name"]


async def test_a_zone_as_version_4_shows_it() -> None:
    """Paused, partial, pending, in development: from what version 1 knows."""
    clock = Clock()
    emulator = world(clock)
    emulator.perform(DEMO, act.Devmode("a.example", True))
    clock.now += 60
    async with strict(emulator) as ask:
        a, b, c = [await ask.result("GET", zone(ident)) for ident in "123"]

    assert ("active", False, "full", 10_740) == (a["status"], a["paused"], a["type"], a["development_mode"])
    assert ("active", True, "partial", "x") == (b["status"], b["paused"], b["type"], b["verification_key"])
    assert ("pending", None, "free") == (c["status"], c["activated_on"], c["plan"]["legacy_id"])
    assert {"#dns_records:edit", "#zone_settings:edit", "#zone:read"} <= set(a["permissions"])
    assert v4_id("user", "20801") == a["owner"]["id"]


async def test_a_zone_is_paused_and_let_go_on() -> None:
    """In development mode or not; nothing else of a zone is changed here."""
    emulator = world()
    emulator.perform(DEMO, act.Devmode("a.example", True))
    # The description takes `paused` for read-only, against its own words.
    async with asking(emulator) as ask:
        paused = await ask.result("PATCH", zone("1"), {"paused": True})
        shown = emulator.perform(DEMO, act.ZoneLoadMulti()).objs[0]
        emulator.perform(DEMO, act.Devmode("a.example", False))
        off = emulator.perform(DEMO, act.ZoneLoadMulti()).objs[0]
        resumed = await ask.result("PATCH", zone("1"), {"paused": False})
        other = await ask.refusal("PATCH", zone("1"), {"type": "partial"})

    assert (True, False, 400) == (paused["paused"], resumed["paused"], other[0])
    assert ("0", "status-dev-mode", "status-deactivated") == (
        shown.zone_mode,
        shown.zone_status_class,
        off.zone_status_class,
    )


# -- settings -----------------------------------------------------------------------------------------

VALUES: dict[str, tuple[Any, str, Any]] = {
    "security_level": ("under_attack", "sec_lvl", models.SecurityLevel.UNDER_ATTACK),
    "cache_level": ("simplified", "cache_lvl", models.CacheLevel.SIMPLIFIED),
    "ipv6": ("off", "ipv46", models.IPv6Mode.OFF),
    "always_online": ("off", "ob", False),
    "browser_check": ("off", "bic", False),
    "hotlink_protection": ("on", "hotlink", True),
    "email_obfuscation": ("off", "email_filter", False),
    "ip_geolocation": ("off", "geoloc", False),
    "prefetch_preload": ("on", "preload", True),
    "http2": ("off", "spdy", False),
    "rocket_loader": ("on", "async_", models.RocketLoader.AUTOMATIC),
    "ssl": ("strict", "ssl", models.SslMode.STRICT),
    "polish": ("lossy", "img", models.ImageSettings.POLISH_JPEG),
    "challenge_ttl": (2700, "chl_ttl", 2700),
    "browser_cache_ttl": (0, "exp_ttl", 0),
}


@pytest.mark.parametrize("name", VALUES)
async def test_a_setting_of_both_versions_is_one(name: str) -> None:
    """What version 4 sets, version 1 reads; and it was not so before."""
    value, field, kept = VALUES[name]
    emulator = world()
    before = emulator.perform(DEMO, act.ZoneSettings("a.example"))
    async with strict(emulator) as ask:
        first = await ask.result("GET", f"{zone('1')}/settings/{name}")
        answer = await ask.result("PATCH", f"{zone('1')}/settings/{name}", {"value": value})
        again = await ask.result("GET", f"{zone('1')}/settings/{name}")
    after = emulator.perform(DEMO, act.ZoneSettings("a.example"))

    assert first["value"] != value == answer["value"] == again["value"]
    assert (None, "2023-11-14T22:13:20.000000Z") == (first["modified_on"], again["modified_on"])
    assert getattr(before, field) != kept == getattr(after, field)


async def test_values_that_only_version_1_has_are_told_as_well_as_can_be() -> None:
    """And never as off."""
    emulator = world()
    emulator.perform(DEMO, act.Async("a.example", "m"))
    site = {
        "img": models.ImageSettings.POLISH_AND_RESIZE.value,
        "ipv46": models.IPv6Mode.SAFE.value,
        "chl_ttl": None,
        "sec_lvl": None,
    }
    seeded = Emulator.from_json(
        {"accounts": [{"zones": [{"zone_name": "a.example", "zone_id": "1", "settings": site}]}]}
    )
    async with strict(emulator) as ask:
        loader = await ask.result("GET", f"{zone('1')}/settings/rocket_loader")
    async with strict(seeded) as ask:
        polish, ipv6, level = [
            (await ask.result("GET", f"{zone('1')}/settings/{name}"))["value"]
            for name in ("polish", "ipv6", "security_level")
        ]
    async with asking(seeded) as ask:
        assert 404 == (await ask("GET", f"{zone('1')}/dns_records/{'0' * 32}"))[0]

    assert ("on", "lossless", "on", "medium") == (loader["value"], polish, ipv6, level)


TODAY: dict[str, tuple[Any, Any]] = {
    "0rtt": ("on", 1),
    "always_use_https": ("on", True),
    "automatic_https_rewrites": ("off", None),
    "brotli": ("off", ""),
    "ciphers": (["AES128-SHA"], [5]),
    "early_hints": ("on", "of"),
    "http3": ("on", {}),
    "min_tls_version": ("1.2", 1.2),
    "opportunistic_encryption": ("off", []),
    "opportunistic_onion": ("off", 0),
    "privacy_pass": ("off", 0),
    "pseudo_ipv4": ("add_header", "on"),
    "replace_insecure_js": ("off", 0),
    "security_header": (
        {
            "strict_transport_security": {
                "enabled": True,
                "max_age": 86400,
                "include_subdomains": True,
                "preload": False,
                "nosniff": False,
            }
        },
        {"strict_transport_security": {"enabled": "on"}},
    ),
    "sort_query_string_for_cache": ("on", 0),
    "tls_1_3": ("zrt", "maybe"),
    "tls_client_auth": ("on", 0),
    "websockets": ("off", 0),
}


@pytest.mark.parametrize("name", TODAY)
async def test_today_s_settings(name: str) -> None:
    """Are set and read by version 4 only, checked, and go through JSON."""
    value, wrong = TODAY[name]
    emulator = world()
    path = f"{zone('1')}/settings/{name}"
    async with strict(emulator) as ask:
        first = await ask.result("GET", path)
        answer = await ask.result("PATCH", path, {"value": value})
        refused = await ask.refusal("PATCH", path, {"value": wrong})
    async with strict(Emulator.from_json(emulator.to_json())) as ask:
        again = await ask.result("GET", path)

    assert first["value"] != value == answer["value"] == again["value"]
    assert (400, 1007, f"Invalid value for zone setting {name}") == refused


WRONG_HEADERS: list[Any] = [5, {"x": {}}, {"strict_transport_security": {"max_age": -1}}]


async def test_a_header_is_changed_in_part() -> None:
    """What is left out stays."""
    path = f"{zone('1')}/settings/security_header"
    async with strict(world()) as ask:
        await ask.result("PATCH", path, {"value": {"strict_transport_security": {"enabled": True, "max_age": 5}}})
        changed = await ask.result("PATCH", path, {"value": {"strict_transport_security": {"preload": True}}})
        refused = [await ask.refusal("PATCH", path, {"value": wrong}) for wrong in WRONG_HEADERS]

    assert {"enabled": True, "max_age": 5, "include_subdomains": False, "preload": True, "nosniff": False} == changed[
        "value"
    ]["strict_transport_security"]
    assert [1007] * 3 == [code for _, code, _ in refused]


@pytest.mark.parametrize("name", sorted({*RETIRED, "nonsense"}))
async def test_settings_that_have_gone_are_not_there(name: str) -> None:
    """Neither to read nor to write."""
    async with asking(world()) as ask:
        for method in ("GET", "PATCH"):
            status, reply = await ask(method, f"{zone('1')}/settings/{name}", {"value": "on"})

            assert (400, 1006) == (status, reply["errors"][0]["code"])
        assert 410 == (await ask("GET", f"{zone('1')}/settings"))[0]
    assert name not in SETTINGS


def test_every_setting_is_tried() -> None:
    """A new one is missed here."""
    assert {*VALUES, *TODAY, "development_mode"} == SETTINGS


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("security_level", "off"),
        ("security_level", "help"),
        ("ssl", 5),
        ("challenge_ttl", 301),
        ("challenge_ttl", True),
        ("browser_cache_ttl", "0"),
        ("development_mode", True),
    ],
)
async def test_values_that_a_setting_does_not_take(name: str, value: Any) -> None:
    """1007, and nothing is changed."""
    emulator = world()
    before = emulator.accounts
    async with asking(emulator) as ask:
        missing = await ask.refusal("PATCH", f"{zone('1')}/settings/{name}", {})
        wrong = await ask.refusal("PATCH", f"{zone('1')}/settings/{name}", {"value": value})

    assert [(400, 1007)] * 2 == [missing[:2], wrong[:2]]
    assert before == emulator.accounts


async def test_off_is_a_security_level_of_an_enterprise() -> None:
    """Version 1's next best is "essentially off"."""
    emulator = Emulator.from_json(
        {"accounts": [{"zones": [{"zone_name": "a.example", "zone_id": "1", "props": {"plan": "ENT_ZONE"}}]}]}
    )
    async with strict(emulator) as ask:
        await ask.result("PATCH", f"{zone('1')}/settings/security_level", {"value": "off"})

    assert models.SecurityLevel.ESSENTIALLY_OFF == emulator.site("a.example").settings.sec_lvl
    assert "Essentially off" == emulator.site("a.example").settings.userSecuritySetting


async def test_development_mode_ends_by_itself() -> None:
    """After three hours, for both versions."""
    clock = Clock()
    emulator = world(clock)
    path = f"{zone('1')}/settings/development_mode"
    async with strict(emulator) as ask:
        on = await ask.result("PATCH", path, {"value": "on"})
        clock.now += 10_801
        ended = await ask.result("GET", path)
        await ask.result("PATCH", path, {"value": "on"})
        off = await ask.result("PATCH", path, {"value": "off"})

    assert [("on", 10_800), ("off", 0), ("off", 0)] == [
        (one["value"], one["time_remaining"]) for one in (on, ended, off)
    ]
    assert emulator.site("a.example").settings.dev_mode is False


async def test_a_token_that_may_edit_may_read() -> None:
    """As the service has it; and one that may only read may not edit."""
    owner = {
        "tokens": [
            {"value": "editor", "permissions": ["DNS:Edit", "Zone:Edit"]},
            {"value": "reader", "permissions": ["DNS:Read", "Zone:Read"]},
        ],
        "zones": [{"zone_name": "a.example", "zone_id": "1"}],
    }
    emulator = Emulator.from_json({"accounts": [owner]})
    record = {"type": "A", "name": "www", "content": "192.0.2.1"}
    async with strict(emulator, {"Authorization": "Bearer editor"}) as ask:
        made = await ask.result("POST", f"{zone('1')}/dns_records", record)
        listed = [await ask.result("GET", path) for path in ("/zones", f"{zone('1')}/dns_records")]
    async with strict(emulator, {"Authorization": "Bearer reader"}) as ask:
        refused = await ask.refusal("POST", f"{zone('1')}/dns_records", record)

    assert [1, [made]] == [len(listed[0]), listed[1]]
    assert (403, 10000, "Authentication error") == refused


async def test_bot_fight_mode() -> None:
    """It is switched, and what is no switch is refused; a saved account keeps it."""
    emulator = Emulator.demo(zones=1)
    ident = v4_id("zone", emulator.account().sites[0].zone.zone_id)
    async with strict(emulator) as ask:
        bots = f"/zones/{ident}/bot_management"
        seen = [await ask.result("GET", bots), await ask.result("PUT", bots, {"fight_mode": True})]
        refused = [await ask.refusal("PUT", bots, body) for body in ({"fight_mode": "on"}, {"other": True})]
    async with strict(Emulator.from_json(emulator.to_json()), TOKEN) as ask:
        seen.append(await ask.result("GET", bots))

    assert [False, True, True] == [one["fight_mode"] for one in seen]
    assert [(400, 1007, "Invalid value for fight_mode"), (400, 1007, "Invalid value for other")] == refused


async def test_dnssec_and_universal_ssl() -> None:
    """Signing is pending until the parent zone knows of it."""
    async with strict(world()) as ask:
        first = await ask.result("GET", f"{zone('1')}/dnssec")
        signed = await ask.result("PATCH", f"{zone('1')}/dnssec", {"status": "active"})
        wrong = await ask.refusal("PATCH", f"{zone('1')}/dnssec", {"status": "maybe"})
        off = await ask.result("PATCH", f"{zone('1')}/dnssec", {"status": "disabled"})
        gone = await ask.result("DELETE", f"{zone('1')}/dnssec")
        ssl = f"{zone('1')}/ssl/universal/settings"
        universal = [await ask.result("GET", ssl), await ask.result("PATCH", ssl, {"enabled": False})]
        universal.append(await ask.result("GET", ssl))
        refused = await ask.refusal("PATCH", ssl, {"enabled": "no"})

    assert [("disabled", None), ("pending", 2371), ("disabled", None)] == [
        (one["status"], one["key_tag"]) for one in (first, signed, off)
    ]
    assert ((400, 1002), "", (400, 1007)) == (wrong[:2], gone, refused[:2])
    assert [True, False, False] == [one["enabled"] for one in universal]


async def test_a_zone_that_is_signed_stays_so() -> None:
    """Switching it on again does not make it pending."""
    emulator = Emulator.from_json(
        {"accounts": [{"zones": [{"zone_name": "a.example", "zone_id": "1", "today": {"dnssec": "active"}}]}]}
    )
    async with strict(emulator) as ask:
        assert "active" == (await ask.result("PATCH", f"{zone('1')}/dnssec", {"status": "active"}))["status"]


# -- purging ------------------------------------------------------------------------------------------


async def test_purging() -> None:
    """Everything, which version 1 tells too, or files; each takes one out of the bucket, which fills again."""
    clock = Clock()
    emulator = world(clock)
    path = f"{zone('1')}/purge_cache"
    async with strict(emulator) as ask:
        one = await ask.result("POST", path, {"files": ["https://a.example/x.css"]})
        for _ in range(24):
            await ask.result("POST", path, {"purge_everything": True})
        empty = await ask.http.post(f"{BASE}{path}", json={"purge_everything": True})
        clock.now += 12
        again = await ask.result("POST", path, {"hosts": ["a.example"]})
        clock.now += 3_601
        later = await ask.result("POST", path, {"tags": ["x"]})

    assert {"id": v4_id("zone", "1")} == one == again == later
    assert (429, 1134, "12") == (
        empty.status_code,
        empty.json()["errors"][0]["code"],
        empty.headers["retry-after"],
    )
    assert Clock().now == emulator.site("a.example").settings.fpurge_ts.timestamp()  # type: ignore[union-attr]  # it is set


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"purge_everything": False},
        {"files": ["a"], "hosts": ["b"]},
        {"files": "https://a.example"},
        {"hosts": [{}]},
        {"files": ["x"] * 31},
    ],
)
async def test_purges_that_are_none(body: Any) -> None:
    """Nothing is purged."""
    emulator = world(limit=None)
    async with asking(emulator) as ask:
        assert 400 == (await ask.refusal("POST", f"{zone('1')}/purge_cache", body))[0]
        await ask.result("POST", f"{zone('1')}/purge_cache", {"files": ["https://a.example/x"]})

    assert emulator.site("a.example").settings.fpurge_ts is None


# -- access rules -------------------------------------------------------------------------------------

RULES = "/firewall/access_rules/rules"
IP = {"target": "ip", "value": "192.0.2.5"}


async def account(ask: Asker) -> str:
    """The path of the account."""
    return f"/accounts/{(await ask.result('GET', zone('1')))['account']['id']}"


@pytest.mark.parametrize("where", ["account", "user", "zone"])
async def test_a_rule_s_life(where: str) -> None:
    """Created once, listed, read, changed, removed; at each of the three places."""
    # The description wants a rule's scope and more in a change, which no program sends.
    async with asking(world()) as ask:
        path = {"account": await account(ask), "user": "/user", "zone": zone("1")}[where] + RULES
        made = await ask.result("POST", path, {"mode": "block", "configuration": IP, "notes": "n"})
        again = await ask.refusal("POST", path, {"mode": "whitelist", "configuration": IP})
        found = await ask.result("GET", path, params={"configuration.target": "ip", "configuration.value": IP["value"]})
        changed = await ask.result("PATCH", f"{path}/{made['id']}", {"mode": "challenge"})
        noted = await ask.result("PATCH", f"{path}/{made['id']}", {"notes": "m"})
        one = await ask.result("GET", f"{path}/{made['id']}") if where == "account" else noted
        gone = await ask.result("DELETE", f"{path}/{made['id']}")
        missing = await ask.refusal("DELETE", f"{path}/{made['id']}")

    assert (400, 10009, "firewallaccessrules.api.duplicate_of_existing") == again
    assert [made] == found
    assert ("challenge", "n", "m") == (changed["mode"], changed["notes"], noted["notes"])
    assert (noted, {"id": made["id"]}) == (one, gone)
    assert (404, "firewallaccessrules.api.not_found") == (missing[0], missing[2])


async def test_a_zone_sees_the_rules_above_it() -> None:
    """Those of the account and of the user; they are not changed there."""
    async with strict(world()) as ask:
        path = await account(ask) + RULES
        await ask.result("POST", f"{zone('1')}{RULES}", {"mode": "challenge", "configuration": IP})
        await ask.result("POST", f"/user{RULES}", {"mode": "js_challenge", "configuration": IP})
        seen = [rule["scope"]["type"] for rule in await ask.result("GET", f"{zone('1')}{RULES}")]
        other = [rule["scope"]["type"] for rule in await ask.result("GET", f"{zone('2')}{RULES}")]
        seeded = (await ask.result("GET", path, params={"mode": "block"}))[0]
        refused = await ask.refusal("DELETE", f"{zone('1')}{RULES}/{seeded['id']}")

    assert ["organization", "organization", "user", "zone"] == sorted(seen)
    assert ["organization", "organization", "user"] == sorted(other)
    assert 404 == refused[0]


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"mode": "block"}, ["192.0.2.66", "T1"]),
        ({"notes": "SEED"}, ["T1"]),
        ({"configuration.target": "country", "mode": "whitelist"}, []),
        ({"configuration.target": "country", "mode": "block", "match": "any"}, ["192.0.2.66", "T1"]),
        ({"order": "configuration.value", "direction": "desc"}, ["T1", "192.0.2.66"]),
        ({"order": "mode", "per_page": 1}, ["192.0.2.66"]),
    ],
)
async def test_rules_are_filtered(params: dict[str, Any], expected: list[str]) -> None:
    """As the description says."""
    async with strict(world()) as ask:
        path = await account(ask) + RULES
        found = await ask.result("GET", path, params=params)

    assert expected == [rule["configuration"]["value"] for rule in found]


async def test_lists_of_version_1_are_rules_of_the_account() -> None:
    """Whichever writes, both read; a note stays when version 1 changes its mind."""
    emulator = world()
    async with strict(emulator) as ask:
        path = await account(ask) + RULES
        emulator.perform(DEMO, act.Wl("2001:db8::5"))
        await ask.result("POST", path, {"mode": "whitelist", "configuration": IP, "notes": "mine"})
        emulator.perform(DEMO, act.Ban("192.0.2.5"))
        listed = dict(emulator.account().listed)
        rules = {rule["configuration"]["value"]: rule for rule in await ask.result("GET", path)}
        again = Emulator.from_json(emulator.to_json())
        emulator.perform(DEMO, act.Nul("192.0.2.5"))
        left = await ask.result("GET", path, params={"configuration.value": "192.0.2.5"})

    assert {
        "192.0.2.66": models.ListAction.BANNED,
        "2001:db8::5": models.ListAction.WHITELISTED,
        "192.0.2.5": models.ListAction.BANNED,
    } == listed
    assert ("block", "mine", "ip6") == (
        rules["192.0.2.5"]["mode"],
        rules["192.0.2.5"]["notes"],
        rules["2001:db8::5"]["configuration"]["target"],
    )
    assert ["mine", "seeded"] == [rule.notes for rule in again.account().rules]
    assert [] == left


async def test_rules_that_version_1_cannot_say_are_not_on_its_lists() -> None:
    """A challenge, and a network."""
    emulator = world()
    async with strict(emulator) as ask:
        path = await account(ask) + RULES
        await ask.result("POST", path, {"mode": "challenge", "configuration": IP})
        await ask.result(
            "POST", path, {"mode": "block", "configuration": {"target": "ip_range", "value": "192.0.2.0/24"}}
        )
    emulator.perform(DEMO, act.Nul("192.0.2.7"))

    assert {"192.0.2.66"} == set(emulator.account().listed)
    assert 1 == len(AccountState(emulator.account(), EPOCH).listed(EPOCH))
    assert 3 == len(emulator.account().rules)


@pytest.mark.parametrize(
    ("target", "value", "kept"),
    [
        ("ip", "192.0.2.1", "192.0.2.1"),
        ("ip", "2001:db8::1", None),
        ("ip", "nonsense", None),
        ("ip6", "2001:DB8:0::1", "2001:db8::1"),
        ("ip_range", "192.0.2.0/24", "192.0.2.0/24"),
        ("ip_range", "192.0.2.0/25", None),
        ("ip_range", "192.0.2.1", None),
        ("ip_range", "2001:db8::/48", "2001:db8::/48"),
        ("ip_range", "x/24", None),
        ("asn", "as64496", "AS64496"),
        ("asn", "64496", None),
        ("country", "ch", "CH"),
        ("country", "CHE", None),
        ("planet", "earth", None),
        ("ip", 5, None),
    ],
)
async def test_what_a_rule_can_be_about(target: str, value: Any, kept: str | None) -> None:
    """Addresses, some networks, providers, countries."""
    async with asking(world()) as ask:
        path = await account(ask) + RULES
        body = {"mode": "block", "configuration": {"target": target, "value": value}}
        status, reply = await ask("POST", path, body)

    assert (200 if kept else 400) == status
    assert kept == (reply["result"] or {}).get("configuration", {}).get("value")


async def test_rules_that_are_none() -> None:
    """Mode, notes, and a target that is not searched for."""
    async with asking(world()) as ask:
        path = await account(ask) + RULES
        refused = [
            await ask.refusal("POST", path, {"configuration": IP}),
            await ask.refusal("POST", path, {"mode": "block", "configuration": IP, "notes": 5}),
            await ask.refusal("POST", path, {"mode": "block"}),
            await ask.refusal("GET", path, params={"configuration.target": "ip6"}),
        ]

    assert [(400, 10001)] * 4 == [one[:2] for one in refused]


# -- traffic ------------------------------------------------------------------------------------------

TOTALS = """
query($zone:string!,$since:Date!,$until:Date!){viewer{zones(filter:{zoneTag:$zone}){
  totals:httpRequests1dGroups(limit:1,filter:{date_geq:$since,date_lt:$until}){
    sum{requests cachedRequests bytes cachedBytes pageViews threats ipClassMap{ipType requests}
        browserMap{pageViews uaBrowserFamily}} uniq{uniques}}}}}
"""
VISITORS = """
query($zone:string!,$since:Time!,$until:Time!,$n:uint64!){viewer{zones(filter:{zoneTag:$zone}){
  all:httpRequestsAdaptiveGroups(limit:$n,orderBy:[count_DESC],
    filter:{datetime_geq:$since,datetime_lt:$until,requestSource:"eyeball"}){count dimensions{clientIP}}
  threats:firewallEventsAdaptiveGroups(limit:$n,orderBy:[count_DESC],
    filter:{datetime_geq:$since,datetime_lt:$until}){count dimensions{clientIP action}}
  crawlers:httpRequestsAdaptiveGroups(limit:$n,orderBy:[count_DESC],
    filter:{datetime_geq:$since,datetime_lt:$until,verifiedBotCategory_neq:""}){count dimensions{clientIP}}}}}
"""


async def queried(ask: Asker, query: str, **variables: Any) -> dict[str, Any]:
    """The reply to a query."""
    status, reply = await ask("POST", "/graphql", {"query": query, "variables": variables})
    assert 200 == status
    answer: dict[str, Any] = reply
    return answer


async def test_the_totals_are_those_of_version_1() -> None:
    """Seven days of both."""
    emulator = world()
    stats = emulator.perform(DEMO, act.Stats("a.example", interval=30))
    async with strict(emulator) as ask:
        reply = await queried(ask, TOTALS, zone=v4_id("zone", "1"), since="2023-11-07", until="2023-11-14")

    (row,) = reply["data"]["viewer"]["zones"][0]["totals"]
    served, pages = stats.requestsServed, stats.trafficBreakdown
    assert served is not None
    assert pages is not None
    assert pages.pageviews is not None
    assert pages.uniques is not None
    crawled = pages.pageviews.crawler or 0
    assert reply["errors"] is None
    assert (served.cloudflare, served.user) == (
        row["sum"]["cachedRequests"],
        row["sum"]["requests"] - row["sum"]["cachedRequests"],
    )
    assert ((pages.pageviews.regular or 0) + crawled, pages.pageviews.threat, pages.uniques.regular) == (
        row["sum"]["pageViews"],
        row["sum"]["threats"],
        row["uniq"]["uniques"],
    )
    assert crawled == sum(
        entry["pageViews"] for entry in row["sum"]["browserMap"] if entry["uaBrowserFamily"].endswith("Bot")
    )


@pytest.mark.parametrize("hours", [1, 24])
async def test_the_visitors_are_those_of_version_1(hours: int) -> None:
    """By class; two halves of a stretch make the whole."""
    emulator = world()
    visitors = emulator.perform(DEMO, act.ZoneIps("a.example", hours=hours))
    until = "2023-11-14T22:13:20Z"
    since = {1: "2023-11-14T21:13:20Z", 24: "2023-11-13T22:13:20Z"}[hours]
    async with strict(emulator) as ask:
        whole = await queried(ask, VISITORS, zone=v4_id("zone", "1"), since=since, until=until, n=10_000)
        halves = [
            await queried(ask, VISITORS, zone=v4_id("zone", "1"), since=start, until=end, n=10_000)
            for start, end in ((since, "2023-11-14T21:43:20Z"), ("2023-11-14T21:43:20Z", until))
        ]

    def counts(reply: dict[str, Any], part: str) -> dict[str, int]:
        rows = reply["data"]["viewer"]["zones"][0][part]
        return {row["dimensions"]["clientIP"]: row["count"] for row in rows}

    def of(classification: str) -> dict[str, int | None]:
        return {one.ip: one.hits for one in visitors if one.classification == classification}

    assert {one.ip: one.hits for one in visitors} == counts(whole, "all")
    assert (of("threat"), of("crawler")) == (counts(whole, "threats"), counts(whole, "crawlers"))
    for ip, count in counts(whole, "all").items():
        assert count == sum(counts(half, "all").get(ip, 0) for half in halves)


async def test_days_hours_and_minutes_one_by_one() -> None:
    """With `dimensions`, a row for each; and what a plan reaches."""
    async with strict(world()) as ask:
        reply = await queried(
            ask,
            """{ viewer { zones(filter: {zoneTag_in: ["ZONE", "x"]}) {
              zoneTag
              days: httpRequests1dGroups(limit: 10, filter: {date_gt: "2023-11-07", date_leq: "2023-11-10"}) {
                dimensions { date } uniq { uniques } }
              day: httpRequests1dGroups(limit: 10, filter: {date: "2023-11-07"}) { dimensions { date } }
              hours: httpRequests1hGroups(limit: 2, filter: {datetime_geq: "2023-11-14T10:00:00Z"}) {
                dimensions { datetime } }
              minutes: httpRequests1mGroups(limit: 10, filter: {
                datetime_geq: "2023-11-14T10:00:00", datetime_lt: "2023-11-14T10:02:00Z"}) {
                dimensions { datetime } sum { responseStatusMap { edgeResponseStatus requests } } }
              none: httpRequests1dGroups(limit: 10, filter: {date_geq: "2023-11-07", date_lt: "2023-11-07"}) {
                uniq { uniques } }
              one: httpRequestsAdaptiveGroups(limit: 10, filter: {
                datetime_geq: "2023-11-14T10:00:00Z", clientIP: "192.0.2.250"}) { count }
              settings { httpRequestsAdaptiveGroups { enabled maxDuration } }
            } } }""".replace("ZONE", v4_id("zone", "1")),
        )

    (found,) = reply["data"]["viewer"]["zones"]
    assert ["2023-11-08", "2023-11-09", "2023-11-10"] == [row["dimensions"]["date"] for row in found["days"]]
    assert [{"dimensions": {"date": "2023-11-07"}}] == found["day"]
    assert (2, 2) == (len(found["hours"]), len(found["minutes"]))
    assert ([], []) == (found["none"], found["one"])
    assert {"enabled": True, "maxDuration": 86_400} == found["settings"]["httpRequestsAdaptiveGroups"]


GROUPS = "{viewer{zones(filter:{zoneTag:$z}){%s}}}"
SINCE = 'filter:{datetime_geq:"2023-11-14T00:00:00Z"}'


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("", "Expected Name, found <EOF>"),
        ("mutation { x }", "mutation is not understood"),
        ("{ viewer { zones { zoneTag } } } { viewer }", "expected one query"),
        ("{ viewer { ...x } }", "Fragments"),
        ("{ nobody }", 'unknown field "nobody"'),
        ("{ viewer { accounts { id } } }", 'unknown field "accounts"'),
        ("{ viewer { zones(filter: {zoneTag: $tag}) { zoneTag } } }", "is not defined"),
        ("query($tag: string!) { viewer { zones { zoneTag } } }", "was not provided"),
        ("query Q($tags: [string!]) { viewer { accounts } }", 'unknown field "accounts"'),
        ("{ viewer { zones(filter: ;) } }", "Unexpected character"),
        ("{ viewer { zones(filter: }) } }", "Unexpected }"),
        ("{" + "a{" * 40, "nested too deeply"),
        ("{ a(b: " + "[" * 40, "nested too deeply"),
        (GROUPS % "httpRequests1dGroups{uniq{uniques}}", "limit must be positive"),
        (GROUPS % "httpRequests1dGroups(limit:1){uniq{uniques}}", "date_geq is needed"),
        (GROUPS % "httpRequests1dGroups(limit:1,filter:{date_geq:5}){uniq{uniques}}", "invalid value"),
        (GROUPS % f"httpRequests1hGroups(limit:1,{SINCE}){{uniq{{what}}}}", 'unknown field "what"'),
        (GROUPS % f"httpRequests1hGroups(limit:1,{SINCE}){{uniq}}", "must have a selection"),
        (GROUPS % f"httpRequests1hGroups(limit:1,{SINCE}){{uniq{{uniques{{x}}}}}}", "must not have a selection"),
        (
            GROUPS % 'httpRequestsAdaptiveGroups(limit:1,filter:{datetime_geq:"2023-11-12T00:00:00Z"}){count}',
            "wider than 86400s",
        ),
        (
            GROUPS % 'httpRequests1mGroups(limit:1,filter:{datetime_geq:"2023-01-01T00:00:00Z",'
            'datetime_lt:"2023-01-01T01:00:00Z"}){uniq{uniques}}',
            "older than",
        ),
    ],
)
async def test_queries_that_fail(query: str, words: str) -> None:
    """With an HTTP status of 200, no data, and what is wrong."""
    async with asking(world()) as ask:
        query = query.replace("$z}", f'"{v4_id("zone", "1")}"}}')
        reply = await queried(ask, query)

    assert reply["data"] is None
    assert words in reply["errors"][0]["message"]


async def test_another_s_zone_is_not_there() -> None:
    """No error, no zone; and a body that is none is an error."""
    async with strict(world()) as ask:
        reply = await queried(ask, TOTALS, zone="0" * 32, since="2023-11-07", until="2023-11-14")
    async with asking(world()) as ask:
        _, nothing = await ask("POST", "/graphql", [])

    assert [] == reply["data"]["viewer"]["zones"]
    assert nothing["data"] is None


def test_the_reader_knows_queries_with_a_name_only() -> None:
    """And such without one."""
    assert read("query Q { a }", {}) == read("query { a }", {}) == read("{ a }", {})


def test_the_reader_knows_values_of_all_kinds() -> None:
    """Numbers, texts, lists, objects, constants, names, variables and their defaults."""
    text = """
    # a comment
    query Q($a: [string!]! = ["x"], $b: int, $c: bool = true) {
      one: two(a: $a, b: $b, c: $c, d: -1.5e3, e: 7, f: "a\\"b", g: [ASC, null], h: {i: false})
    }
    """
    (field,) = read(text, None)

    assert ("one", "two", ()) == (field.alias, field.name, field.fields)
    assert {
        "a": ["x"],
        "b": None,
        "c": True,
        "d": -1500.0,
        "e": 7,
        "f": 'a"b',
        "g": ["ASC", None],
        "h": {"i": False},
    } == field.arguments
    with pytest.raises(Unreadable, match="variables"):
        read(text, [])


async def test_it_can_be_mounted_under_another_application() -> None:
    """ASGI's path begins with the mount's then."""
    emulator = world()

    async def mounted(scope: Any, receive: Any, send: Any) -> None:
        await emulator.v4({**scope, "root_path": "/cf"}, receive, send)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(mounted), headers=KEY) as http:
        reply = await http.get("https://emulator.example/cf/client/v4/zones/")

    assert 3 == reply.json()["result_info"]["total_count"]
