"""Version 4 over HTTP: what each action asks for, judged by Cloudflare's description, and what its answer says."""

from __future__ import annotations

import json
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import anyio
import pytest

import cfclient
from cfclient import actions as act
from cfclient import models
from cfclient.actions import ACTIONS, Action
from cfclient.backends import v4
from cfclient.backends.v4 import HANDLERS, V4, Scope, asking
from cfclient.backends.v4.memory import Memory
from cfclient.backends.v4.retired import NO_SETTING, RETIRED
from cfclient.backends.v4.settings import PLACES
from cfclient.backends.v4.support import PERMISSIONS, SUPPORT, Extent
from cfclient.client import Client
from cfclient.connect import V4_URL
from cfclient.errors import (
    AmbiguousZone,
    ApiError,
    ConfigurationError,
    ConnectionFailed,
    InvalidInput,
    RateLimited,
    Unauthorized,
    UnexpectedAnswer,
    Unsupported,
)
from cfclient.http import Reply, Request
from cfclient.retry import Retry
from tests.samples import EXAMPLES
from tests.v4fake import ACCOUNT, OTHER, TIME, URL, ZONE, Fake, no, ok, zone

pytestmark = pytest.mark.anyio

TOKEN = "a-token-of-forty-characters-0123456789ab"
NOW = 1_700_000_000.0


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """It stands still."""
    monkeypatch.setattr(asking.Asking, "now", lambda _: NOW)


@pytest.fixture
def fake() -> Fake:
    return Fake()


@asynccontextmanager
async def opened(http: Any, **options: Any) -> AsyncIterator[Client]:
    """A client of version 4; nothing is asked twice, or waits for its turn."""
    given = {"token": TOKEN, "retry": None, "pace": None, "url": URL, **options}
    async with cfclient.connect(given.pop("url"), http=http, **given) as cf:
        yield cf


# -- every action -------------------------------------------------------------------------------------


def test_handlers_and_refusals_are_all_actions() -> None:
    """None forgotten, none twice; and the tables of support say the same."""
    handled = [cls.wire_name for cls in HANDLERS]
    refused = [name for name, support in SUPPORT.items() if support.extent is Extent.REFUSED]

    assert sorted(ACTIONS) == sorted([*handled, *RETIRED])
    assert list(ACTIONS) == list(SUPPORT) == list(PERMISSIONS)
    assert sorted(RETIRED) == sorted(refused)
    assert 15 == sum(support.extent is Extent.FULL for support in SUPPORT.values())


@pytest.mark.parametrize(
    ("action", "words"),
    [
        (act.Minify("example.com", 7), r"minify: Cloudflare retired Auto Minify \(2024-08-05\); minify when you build"),
        (act.Mirage2("example.com", True), r"mirage2: Cloudflare retired Mirage \(2026-01\); use Polish"),
        (act.IpLkup("192.0.2.1"), r"ip_lkup: Cloudflare retired threat scores .*; ask the account's security centre"),
    ],
)
async def test_what_is_retired_is_refused_with_the_date_and_the_way_out(
    fake: Fake, action: Action[Any], words: str
) -> None:
    """Before anything is sent."""
    async with opened(fake) as cf:
        with pytest.raises(Unsupported, match=words):
            await cf.perform(action)

    assert [] == fake.asked


async def test_an_action_of_another_document_is_unsupported(fake: Fake) -> None:
    """As on every backend."""

    class Odd(act.Stats):
        wire_name = "odd"

    async with opened(fake) as cf:
        with pytest.raises(Unsupported, match="odd: no action of version 1"):
            await cf.perform(Odd("example.com"))


V4_EXAMPLES = {
    **{name: action for name, action in EXAMPLES.items() if name not in RETIRED},
    "rec_edit": act.RecEdit("example.com", f"{1:032x}", "A", "sub", "192.0.2.4", service_mode=True),
    "rec_delete": act.RecDelete("example.com", f"{1:032x}"),
}


@pytest.mark.parametrize("name", V4_EXAMPLES)
@pytest.mark.parametrize("email", [None, "user@example.com"])
async def test_every_request_is_one_that_the_description_allows(fake: Fake, name: str, email: str | None) -> None:
    """With a token as Bearer, or with the e-mail address and the global key; the key nowhere else."""
    fake.add()
    fake.rules["POST", "/graphql"] = GRAPH
    async with opened(fake, email=email) as cf:
        await cf.perform(V4_EXAMPLES[name])

    assert fake.asked
    for request in fake.asked:
        said = {key: value for key, value in request.headers.items() if TOKEN in value}
        auth = {"authorization": f"Bearer {TOKEN}"} if email is None else {"x-auth-key": TOKEN}
        assert auth == said
        assert email == request.headers.get("x-auth-email")
        assert f"cfclient/{cfclient.__version__}" == request.headers["user-agent"]
        assert TOKEN not in f"{request!r}{request.url}{request.body!r}"
        assert ("graphql" if request.url.endswith("/graphql") else "api") == request.window


@pytest.mark.parametrize("name", V4_EXAMPLES)
async def test_a_refusal_for_want_of_a_permission_names_one_of_the_table(fake: Fake, name: str) -> None:
    """Every exchange of an action takes a permission that `cfclient support --permissions` prints for it."""
    needed = {permission.value for permission in PERMISSIONS[name]}
    refused = no(403, 0, "Actor 'com.cloudflare.api.token.x' requires permission 'x' to do it")

    async def exchange(request: Request, /) -> Reply:
        fake.asked.append(request)
        return refused

    fake.exchange = exchange  # type: ignore[method-assign]  # every request is refused
    async with opened(fake) as cf:
        with pytest.raises(Unauthorized, match="it takes the permission ") as caught:
            await cf.perform(V4_EXAMPLES[name])

    assert caught.value.msg.rpartition("it takes the permission ")[2] in needed
    assert (0,) == caught.value.numbers


GRAPH = Reply(
    status=200,
    body=json.dumps(
        {
            "data": {
                "viewer": {
                    "zones": [
                        {
                            "totals": [
                                {
                                    "sum": {
                                        "requests": 100,
                                        "cachedRequests": 60,
                                        "bytes": 4096,
                                        "cachedBytes": 1024,
                                        "pageViews": 40,
                                        "threats": 3,
                                        "browserMap": [
                                            {"pageViews": 7, "uaBrowserFamily": "GoogleBot"},
                                            {"pageViews": 30, "uaBrowserFamily": "Chrome"},
                                        ],
                                    },
                                    "uniq": {"uniques": 12},
                                }
                            ]
                        }
                    ]
                }
            },
            "errors": None,
        }
    ).encode(),
)


# -- zones ---------------------------------------------------------------------------------------------


async def test_a_zone_is_read_whole(fake: Fake) -> None:
    """In version 1's fields."""
    fake.zones = [zone(tenant={"id": "t", "name": "host"}, vanity_name_servers=["ns1.example.com"])]
    async with opened(fake) as cf:
        page = await cf.zone_load_multi()

    (found,) = page.objs
    assert (False, 1) == (page.has_more, page.count)
    assert (ZONE, ACCOUNT, "example.com") == (found.zone_id, found.user_id, found.zone_name)
    assert ("V", "1", "F", 4, "host") == (
        found.zone_status,
        found.zone_mode,
        found.zone_type,
        found.step,
        found.host_pubname,
    )
    assert ("ABBY.NS.EXAMPLE.NET",) == found.orig_ns_names
    assert ("amy.ns.cloudflare.com", "mark.ns.cloudflare.com") == found.fqdns
    assert ("analytics", "dns_editor", "cf_settings", "threat_control", "zone_dev_mode1", "zone_deactivate") == (
        found.allow
    )
    assert found.props is not None
    assert (False, False) == (found.props.pro, found.props.dns_partner)


@pytest.mark.parametrize(
    ("more", "class_", "mode", "type_"),
    [
        ({"paused": True}, "status-deactivated", "0", "F"),
        ({"development_mode": 7200}, "status-dev-mode", "1", "F"),
        ({"development_mode": -7200}, "status-active", "1", "F"),
        ({"status": "pending", "type": "partial", "verification_key": "k"}, "status-pending", "1", "P"),
        ({"type": "secondary", "plan": {"legacy_id": "pro"}, "permissions": None}, "status-active", "1", "F"),
    ],
)
async def test_a_zone_s_state_is_told_in_version_1_s_words(
    fake: Fake, more: dict[str, Any], class_: str, mode: str, type_: str
) -> None:
    """Paused, in development mode, pending, of a partner."""
    fake.zones = [zone(**more)]
    async with opened(fake) as cf:
        (found,) = (await cf.zone_load_multi()).objs

    assert (class_, mode, type_) == (found.zone_status_class, found.zone_mode, found.zone_type)
    assert found.props is not None
    assert ((type_ == "P"), "plan" in more) == (found.props.dns_partner, found.props.pro)
    assert (() if type_ == "P" else ("amy.ns.cloudflare.com", "mark.ns.cloudflare.com")) == found.fqdns


async def test_zones_are_listed_in_the_fewest_calls(fake: Fake) -> None:
    """Fifty to a page, and no call for an empty last one; an offset within a page is one call too."""
    fake.zones = [zone(f"z{number:03d}.example", f"{number:032x}") for number in range(100)]
    async with opened(fake) as cf:
        everything = await cf.zones().all()
        page = await cf.zone_load_multi(offset=60)

    assert [one["id"] for one in fake.zones] == [found.zone_id for found in everything]
    assert ["GET /zones?page=1&per_page=50", "GET /zones?page=2&per_page=50"] == fake.lines[:2]
    assert ["GET /zones?page=2&per_page=50"] == fake.lines[2:]
    assert (40, False, "z060.example") == (page.count, page.has_more, page.objs[0].zone_name)


async def test_a_name_is_looked_up_once_for_all_who_wait(fake: Fake) -> None:
    """And never again, for any account that sees it as these credentials."""
    async with opened(fake) as cf:
        async with anyio.create_task_group() as tasks:
            for _ in range(30):
                tasks.start_soon(cf.async_, "example.com", "a")
        await cf.acting_as(cfclient.Credentials(None, TOKEN)).async_("example.com", "0")

    assert 1 == fake.lines.count("GET /zones?name=example.com&per_page=50")
    assert 32 == len(fake.lines)


async def test_a_look_up_that_fails_has_failed_for_all_who_wait_and_is_made_again_later(fake: Fake) -> None:
    """Thirty waiting callers are not thirty calls that all fail."""
    errors: list[ApiError] = []

    async def ask() -> None:
        with pytest.raises(
            InvalidInput, match=r"Invalid zone\. These credentials see no zone named 'new\.example'"
        ) as e:
            await cf.zone_settings("new.example")
        errors.append(e.value)

    fake.rules["GET", "/zones"] = slow = _Slow(ok([], result_info={"total_count": 0}))
    async with opened(slow.around(fake)) as cf:
        async with anyio.create_task_group() as tasks:
            for _ in range(30):
                tasks.start_soon(ask)
        waited = len(fake.asked)
        await ask()

    assert 31 == len(errors)
    assert (1, 2) == (waited, len(fake.asked))


class _Slow:
    """Answers after every other task had its turn."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply

    def __call__(self, request: Request) -> Reply:
        return self.reply

    def around(self, fake: Fake) -> Any:
        class Around:
            async def exchange(self, request: Request, /) -> Reply:
                await anyio.sleep(0.001)
                return await fake.exchange(request)

        return Around()


async def test_another_principal_looks_for_itself(fake: Fake) -> None:
    """What one may see, another may not."""
    async with opened(fake) as cf:
        await cf.async_("example.com", "a")
        await cf.acting_as(cfclient.Credentials("b@example.com", "b")).async_("example.com", "a")

    assert 2 == fake.lines.count("GET /zones?name=example.com&per_page=50")


async def test_a_listing_teaches_names_once_it_is_whole(fake: Fake) -> None:
    """A name that comes twice, on whichever page, is looked up and ambiguous as ever."""
    fake.zones = [zone(f"{number}.example", f"{number:032x}") for number in range(1, 60)]
    fake.zones += [zone("1.example", "f" * 32, account={"id": "b" * 32}), zone("b\u00fccher.example", OTHER)]
    async with opened(fake) as cf:
        await cf.zone_load_multi()
        await cf.fpurge_ts("2.example")
        early = len([line for line in fake.lines if "name=" in line])
        await cf.zones().all()
        fake.asked.clear()
        await cf.fpurge_ts("3.example")
        await cf.fpurge_ts("b\u00fccher.example")
        with pytest.raises(AmbiguousZone):
            await cf.fpurge_ts("1.example")
    looked = [line for line in fake.lines if "name=" in line]

    assert (1, ["GET /zones?name=1.example&per_page=50"]) == (early, looked)
    assert f"POST /zones/{OTHER}/purge_cache" in fake.lines


@pytest.mark.parametrize(
    "offsets",
    [(50,), (0, 100), (50, 0), (0, 50, 0, 100)],
    ids=["not from the start", "with a gap", "backwards", "begun anew"],
)
async def test_half_a_listing_teaches_nothing(fake: Fake, offsets: tuple[int, ...]) -> None:
    """For what is missing may have the same name."""
    fake.zones = [zone(f"{number}.example", f"{number:032x}") for number in range(120)]
    async with opened(fake) as cf:
        for offset in offsets:
            await cf.zone_load_multi(offset=offset)
        await cf.fpurge_ts("3.example")

    assert "GET /zones?name=3.example&per_page=50" in fake.lines


async def test_a_listing_that_says_no_total_or_is_enormous_teaches_nothing(
    fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody knows whether it is whole; and names that would be forgotten again are not learnt."""
    fake.rules["GET", "/zones"] = ok([zone()])
    async with opened(fake) as cf:
        await cf.zone_load_multi()
        await cf.fpurge_ts("example.com")
    del fake.rules["GET", "/zones"]
    monkeypatch.setattr("cfclient.backends.v4.zones.LISTED", 0)
    async with opened(fake) as cf:
        await cf.zone_load_multi()
        await cf.fpurge_ts("example.com")

    assert 2 == len([line for line in fake.lines if "name=" in line])


async def test_a_name_in_two_accounts_is_ambiguous(fake: Fake) -> None:
    """No zone is taken because it comes first; account, id and status of each are told."""
    fake.zones = [zone(), zone(ident=OTHER, status="pending", account={"id": "b" * 32, "name": "other"})]
    async with opened(fake) as cf:
        with pytest.raises(AmbiguousZone) as caught:
            await cf.sec_lvl("example.com", "high")
    async with opened(fake, account="b" * 32) as cf:
        narrowed = await cf.zone_check("example.com")
        page = await cf.zone_load_multi()
    async with opened(fake, url=f"{URL}?account={ACCOUNT}") as cf:
        checked = await cf.zone_check("example.com")

    assert [(ACCOUNT, ZONE, "active"), ("b" * 32, OTHER, "pending")] == [tuple(one) for one in caught.value.zones]
    assert f"account {ACCOUNT}, id {ZONE}, active; account {'b' * 32}, id {OTHER}, pending" in str(caught.value)
    assert ({}, {"example.com": ZONE}) == (narrowed, checked)
    assert [OTHER] == [found.zone_id for found in page.objs]


async def test_only_active_zones_pass_a_check(fake: Fake) -> None:
    """By name or by id; two active ones of one name are ambiguous there too."""
    fake.zones = [zone(), zone("b.example", OTHER, status="pending")]
    async with opened(fake) as cf:
        found = await cf.zone_check(["example.com", "b.example", "c.example", ZONE, OTHER, "f" * 32])
        fake.zones.append(zone(ident="e" * 32))
        with pytest.raises(AmbiguousZone):
            await cf.zone_check("example.com")

    assert {"example.com": ZONE, ZONE: ZONE} == found


async def test_a_zone_id_needs_no_look_up(fake: Fake) -> None:
    """Nor the right to read zones, where no name is shown."""
    fake.zones.append(zone(ident=OTHER))
    async with opened(fake) as cf:
        await cf.async_(ZONE, "a")
        await cf.zone_file_purge(ZONE, "https://www.example.com/a.css")
        await cf.rec_delete(ZONE, fake.add()["id"])

    assert [f"PATCH /zones/{ZONE}/settings/rocket_loader", f"POST /zones/{ZONE}/purge_cache"] == fake.lines[:2]
    assert 3 == len(fake.lines)


async def test_records_by_zone_id_show_names(fake: Fake) -> None:
    """A listing of zones has told the name already; otherwise the zone is read once."""
    fake.add(name="www.example.com")
    async with opened(fake) as cf:
        await cf.zones().all()
        (first,) = await cf.records(ZONE).all()
    fake.asked.clear()
    async with opened(fake) as cf:
        (second,) = await cf.records(ZONE).all()
        await cf.rec_load_all(ZONE)
        made = await cf.rec_new(ZONE, "A", "@", "192.0.2.9")

    assert ("example.com", "www") == (first.zone_name, first.display_name)
    assert first == second
    assert ("example.com", "example.com", "example.com") == (made.zone_name, made.name, made.display_name)
    assert 1 == fake.lines.count(f"GET /zones/{ZONE}")


async def test_a_token_that_cannot_read_zones_works_with_ids(fake: Fake) -> None:
    """Names are then relative for the service to complete, and shown as it tells them."""
    fake.rules["GET", f"/zones/{ZONE}"] = no(403, 9109, "Unauthorized to access requested resource")
    fake.add()
    async with opened(fake) as cf:
        (found,) = await cf.records(ZONE).all()
        await cf.rec_new(ZONE, "A", "sub", "192.0.2.9")
        relative = fake.body()["name"]
        await cf.rec_new(ZONE, "A", "@", "192.0.2.9")
        level = await cf.sec_lvl(ZONE, "low")

    assert (None, "www.example.com") == (found.zone_name, found.display_name)
    assert ("sub", "@", None) == (relative, fake.body(-3)["name"], level)


async def test_a_zone_that_is_gone_is_forgotten(fake: Fake) -> None:
    """So that one made anew under the same name is found."""
    async with opened(fake) as cf:
        await cf.async_("example.com", "a")
        fake.zones = [zone(ident=OTHER)]
        with pytest.raises(InvalidInput, match=r"Invalid zone\. Invalid zone identifier \(1001\)"):
            await cf.async_("example.com", "a")
        await cf.async_("example.com", "a")

    assert f"PATCH /zones/{OTHER}/settings/rocket_loader" == fake.lines[-1]


@pytest.mark.parametrize("asked", ["records", "visitors"])
async def test_a_zone_that_was_made_anew_is_found_again(fake: Fake, asked: str) -> None:
    """The old id is refused like one that may not be seen, and GraphQL shows nothing of it."""
    nothing = Reply(status=200, body=b'{"data":{"viewer":{"zones":[]}},"errors":null}')
    old = {
        ("GET", f"/zones/{ZONE}"): no(403, 9109, "Unauthorized to access requested resource"),
        ("GET", f"/zones/{ZONE}/dns_records"): no(403, 9109, "Unauthorized to access requested resource"),
        ("POST", "/graphql"): nothing,
    }
    async with opened(fake) as cf:
        await cf.rec_load_all("example.com")
        fake.zones = [zone(ident=OTHER)]
        fake.rules.update(old)
        with pytest.raises(Unauthorized):
            await (cf.rec_load_all("example.com") if asked == "records" else cf.zone_ips("example.com"))
        await cf.rec_load_all("example.com")

    assert f"GET /zones/{OTHER}/dns_records?page=1&per_page=5000" == fake.lines[-1]


async def test_stats_of_a_zone_that_is_not_there(fake: Fake) -> None:
    """Are not said to lack a permission."""
    fake.rules["POST", "/graphql"] = Reply(status=200, body=b'{"data":{"viewer":{"zones":[]}},"errors":null}')
    async with opened(fake) as cf:
        with pytest.raises(InvalidInput, match="Invalid zone"):
            await cf.stats("f" * 32)


async def test_a_service_that_ignores_the_name_is_not_believed(fake: Fake) -> None:
    """Another zone is never taken for the one that is meant."""
    fake.rules["GET", "/zones"] = ok([zone("other.example", OTHER), zone("what?", "e" * 32)])
    async with opened(fake) as cf:
        with pytest.raises(InvalidInput, match=r"no zone named 'example\.com'"):
            await cf.zone_settings("example.com")


def test_what_is_remembered_is_bounded() -> None:
    """The one not used for longest goes first."""
    memory = Memory(2)
    memory.put("a", 1)
    memory.put("b", 2)
    memory.get("a")
    memory.put("c", 3)

    assert (1, None, 3) == (memory.get("a"), memory.get("b"), memory.get("c"))
    assert "<Memory of 2 entries>" == repr(memory)


# -- refusals ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "error", "code", "words"),
    [
        (no(401, 10000, "Authentication error"), Unauthorized, "E_UNAUTH", r"Authentication error \(10000\)"),
        (no(403, 9109, "Invalid access token"), Unauthorized, "E_UNAUTH", r"token \(9109\) \(E_UNAUTH\)$"),
        (no(403, 9109, "Not allowed"), Unauthorized, "E_UNAUTH", "it takes the permission Zone > Zone > Read"),
        (no(403, 9103, "Unknown X-Auth-Key or X-Auth-Email"), Unauthorized, "E_UNAUTH", r"X-Auth-Email \(9103\) \(E_"),
        (
            no(
                400,
                6003,
                "Invalid request headers",
                [{"code": 6103, "message": "Invalid format for X-Auth-Key header"}],
            ),
            Unauthorized,
            "E_UNAUTH",
            r"Invalid request headers \(6003\); Invalid format for X-Auth-Key (header )?\(6103\)",
        ),
        (no(400, 6003, "Invalid request headers"), InvalidInput, "E_INVLDINPUT", "6003"),
        (no(400, 1007, "Invalid value for setting"), InvalidInput, "E_INVLDINPUT", "1007"),
        (no(404, 7003, "Could not route"), InvalidInput, "E_INVLDINPUT", r"Invalid zone\. Could not route \(7003\)"),
        (no(200, 1004, "DNS Validation Error"), InvalidInput, "E_INVLDINPUT", "1004"),
        (no(200, 9109, "Invalid access token"), Unauthorized, "E_UNAUTH", "9109"),
        (no(200, 10100, "More than 1200 requests per 300 seconds"), RateLimited, "E_MAXAPI", "1200"),
        (no(429, 971, "Please wait"), RateLimited, "E_MAXAPI", "Please wait"),
        (Reply(status=429, body=b"<html>"), RateLimited, "E_MAXAPI", "HTTP 429"),
        (Reply(status=200, body=b'{"success":false}'), ApiError, None, "the service gives no reason"),
        (
            Reply(status=400, body=b'{"success":false,"errors":[{},7,{"code":"1007"}]}'),
            InvalidInput,
            "E_INVLDINPUT",
            "1007",
        ),
    ],
)
async def test_each_refusal_ends_in_its_error(
    fake: Fake, reply: Reply, error: type[ApiError], code: str | None, words: str
) -> None:
    """By status and codes; HTTP 200 without success is a refusal too."""
    fake.rules["GET", "/zones"] = reply
    async with opened(fake) as cf:
        with pytest.raises(error, match=words) as caught:
            await cf.zone_load_multi()

    assert (error, code, "zone_load_multi") == (type(caught.value), caught.value.code, caught.value.action)


@pytest.mark.parametrize(
    ("reply", "words", "transient"),
    [
        (no(500, 1003, "Internal error"), r"the service failed: Internal error \(1003\) \(HTTP 500\)", True),
        (Reply(status=502, body=b"<html>"), "an HTML page, not JSON", True),
        (Reply(status=200, body=b"<html>"), "an HTML page, not JSON", True),
        (Reply(status=200, body=b'{"success":tr'), "truncated or broken JSON", True),
        (Reply(status=200, body=b""), "the answer is empty", True),
        (Reply(status=200, body=b"\xff\xfe{"), "not JSON", True),
        (Reply(status=403, body=b"<html>"), "an HTML page, not JSON", False),
        (Reply(status=404, body=b"<html>"), "is this the address of version 4, which ends in /client/v4", False),
        (Reply(status=301, body=b""), "the address redirects", False),
        (Reply(status=301, body=b'{"success":true}'), "has no `success`", False),
        (Reply(status=200, body=b"{}"), "has no `success`", False),
        (Reply(status=503, body=b"{}"), "has no `success`", True),
        (Reply(status=200, body=b'{"success":true,"result":[{"id":7}]}'), r"not of the documented shape: .*\$", False),
    ],
)
async def test_what_is_no_reply_is_an_unexpected_answer(fake: Fake, reply: Reply, words: str, transient: bool) -> None:
    """As on version 1: passing where the next attempt may get a reply."""
    fake.rules["GET", "/zones"] = reply
    async with opened(fake) as cf:
        with pytest.raises(UnexpectedAnswer, match=words) as caught:
            await cf.zone_load_multi()

    assert (reply.status, transient) == (caught.value.status, caught.value.transient)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "37"}, 37.0),
        ({"ratelimit": '"default";r=0;t=12'}, 12.0),
        ({"ratelimit": '"default";r=50;t=30'}, None),
        ({}, None),
    ],
)
async def test_a_limit_says_how_long(fake: Fake, headers: dict[str, str], seconds: float | None) -> None:
    """In either header; a service that fails may say it too."""
    fake.rules["GET", "/zones"] = no(429, 10100, "More than 1200 requests per 300 seconds", None, **headers)
    async with opened(fake) as cf:
        with pytest.raises(RateLimited) as caught:
            await cf.zone_load_multi()
        fake.rules["GET", "/zones"] = Reply(status=503, headers={"retry-after": "5"}, body=b"<html>")
        with pytest.raises(UnexpectedAnswer) as failed:
            await cf.zone_load_multi()

    assert (seconds, 5.0) == (caught.value.retry_after, failed.value.retry_after)


async def test_http_429_is_a_limit_whatever_json_comes_with_it(fake: Fake) -> None:
    """A proxy on the way may have a form of its own."""
    fake.rules["GET", "/zones"] = Reply(status=429, headers={"retry-after": "7"}, body=b'{"error":"slow down"}')
    async with opened(fake) as cf:
        with pytest.raises(RateLimited) as caught:
            await cf.zone_load_multi()

    assert 7.0 == caught.value.retry_after


async def test_a_success_without_a_zone_is_no_answer(fake: Fake) -> None:
    """It was asked for by its id."""
    fake.rules["GET", f"/zones/{ZONE}"] = ok(None)
    async with opened(fake) as cf:
        with pytest.raises(UnexpectedAnswer, match="rec_load_all: the reply has no zone"):
            await cf.rec_load_all(ZONE)


async def test_no_error_holds_the_key(fake: Fake) -> None:
    """However it is echoed; nor does anything that led to it."""
    fake.rules["GET", "/zones"] = no(400, 1004, f"bad {TOKEN}")
    fake.rules["POST", "/graphql"] = Reply(status=502, body=f"<html>{TOKEN}".encode())
    async with opened(fake) as cf:
        with pytest.raises(InvalidInput, match=r"bad \*\*\*") as first:
            await cf.zone_load_multi()
        with pytest.raises(UnexpectedAnswer, match=r"\*\*\*") as second:
            await cf.stats(ZONE)

    for caught in (first, second):
        shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
        assert TOKEN not in "".join(shown.format())
    assert TOKEN not in repr(cf)
    assert f"<V4 {URL} as an API token>" in repr(cf)


async def test_an_adapter_s_failure_is_one_of_ours(fake: Fake) -> None:
    """Whatever it raises."""

    class Broken:
        def __init__(self, error: Exception) -> None:
            self.error = error

        async def exchange(self, request: Request, /) -> Reply:
            raise self.error

    for error in (OSError(TOKEN), ConnectionFailed(f"no {TOKEN}", maybe_carried_out=True)):
        async with opened(Broken(error)) as cf:
            with pytest.raises(ConnectionFailed) as caught:
                await cf.zone_load_multi()
        assert TOKEN not in str(caught.value)


# -- settings ------------------------------------------------------------------------------------------


async def test_all_settings_take_seventeen_calls(fake: Fake) -> None:
    """Those of version 1 that are left; the rest is None with the reason beside it."""
    async with opened(fake) as cf:
        settings = await cf.zone_settings("example.com")

    assert 1 + 17 == len(fake.lines)
    assert (
        models.ZoneSettings(
            userSecuritySetting="Medium",
            dev_mode=False,
            ipv46=models.IPv6Mode.FULL,
            ob=True,
            cache_lvl=models.CacheLevel.AGGRESSIVE,
            async_=models.RocketLoader.OFF,
            bic=True,
            chl_ttl=1800,
            exp_ttl=14_400,
            hotlink=False,
            img=models.ImageSettings.POLISH_JPEG,
            preload=False,
            sec_lvl=models.SecurityLevel.MEDIUM,
            spdy=True,
            ssl=models.SslMode.STRICT,
            waf_profile=models.WafProfile.OFF,
            email_filter=True,
            geoloc=True,
            missing=settings.missing,
        )
        == settings
    )
    assert NO_SETTING.items() <= settings.missing.items()
    assert {"fpurge_ts", "hsts", "dnssec_status"} <= settings.missing.keys()
    assert [] == [name for name in settings.missing if getattr(settings, name) is not None]


async def test_fewer_settings_are_fewer_calls(fake: Fake) -> None:
    """Two fields that lie at one place are one call, and what has no place is none."""
    async with opened(fake) as cf:
        some = await cf.zone_settings("example.com", only={"sec_lvl", "userSecuritySetting", "ssl", "minify"})
        none = await cf.zone_settings("example.com", only={"minify"})

    assert {f"GET /zones/{ZONE}/settings/{name}" for name in ("security_level", "ssl")} == set(fake.lines[1:])
    assert (
        models.ZoneSettings(
            userSecuritySetting="Medium",
            sec_lvl=models.SecurityLevel.MEDIUM,
            ssl=models.SslMode.STRICT,
            missing={"minify": NO_SETTING["minify"]},
        )
        == some
    )
    assert models.ZoneSettings(missing={"minify": NO_SETTING["minify"]}) == none


async def test_today_s_settings_are_asked_for_by_name(fake: Fake) -> None:
    """Each where it lies."""
    fake.rules["GET", f"/zones/{ZONE}/dnssec"] = ok({"status": "active", "flags": 257})
    fake.rules["GET", f"/zones/{ZONE}/ssl/universal/settings"] = ok({"enabled": True})
    fake.rules["GET", f"/zones/{ZONE}/bot_management"] = ok({"fight_mode": False})
    today = [name for name, place in PLACES.items() if not place.usual]
    async with opened(fake) as cf:
        settings = await cf.zone_settings(ZONE, only=today)

    assert (
        models.ZoneSettings(
            always_use_https=True,
            automatic_https_rewrites=False,
            opportunistic_encryption=True,
            min_tls_version="1.2",
            tls_1_3="zrt",
            hsts=models.Hsts(enabled=True, max_age=86_400, nosniff=False),
            dnssec_status="active",
            universal_ssl=True,
            bot_fight_mode=False,
        )
        == settings
    )
    assert len(today) == len(fake.lines)


async def test_plan_and_age_come_with_the_zone(fake: Fake) -> None:
    """They cost no call where the zone is looked up by its name, and one where only its id is known."""
    async with opened(fake) as cf:
        named = await cf.zone_settings("example.com", only={"plan", "created_on"})
    looked_up = len(fake.lines)
    async with opened(fake) as cf:
        by_id = await cf.zone_settings(ZONE, only={"plan"})

    assert (1, 2) == (looked_up, len(fake.lines))
    assert ("free", datetime.fromisoformat(TIME).replace(microsecond=0)) == (named.plan, named.created_on)
    assert models.ZoneSettings(plan="free") == by_id


@pytest.mark.parametrize(
    ("told", "expected"),
    [("2024-09-01", datetime(2024, 9, 1, tzinfo=UTC)), ("2024-08-31T23:00:00-01:00", datetime(2024, 9, 1, tzinfo=UTC))],
)
async def test_a_day_of_any_form_is_one(fake: Fake, told: str, expected: datetime) -> None:
    """In UTC, where nothing else is said."""
    fake.rules["GET", f"/zones/{ZONE}"] = ok(zone(created_on=told))
    async with opened(fake) as cf:
        assert expected == (await cf.zone_settings(ZONE, only={"created_on"})).created_on


async def test_plan_and_age_that_are_not_told(fake: Fake) -> None:
    """By the service, or to a token that may not read the zone: unknown, with the reason, which refuses no setting."""
    fake.rules["GET", f"/zones/{ZONE}"] = ok(zone(plan=None, created_on="long ago"))
    async with opened(fake) as cf:
        untold = await cf.zone_settings(ZONE, only={"plan", "created_on"})
    fake.rules["GET", f"/zones/{ZONE}"] = no(403, 9109, "Unauthorized to access requested resource")
    async with opened(fake) as cf:
        refused = await cf.zone_settings(ZONE, only={"plan", "ssl"})

    reason = "the service did not tell it with the zone, or may not show the zone to this token"
    assert models.ZoneSettings(missing={"plan": reason, "created_on": reason}) == untold
    assert models.ZoneSettings(ssl=models.SslMode.STRICT, missing={"plan": reason}) == refused


async def test_a_setting_that_is_refused_is_unknown_and_costs_no_other(fake: Fake) -> None:
    """Never "off"; an odd value is unknown too."""
    refused = no(403, 1006, "Not allowed to read it on this plan")
    fake.rules["GET", f"/zones/{ZONE}/settings/waf"] = no(400, 1007, "The WAF setting is gone")
    fake.rules["GET", f"/zones/{ZONE}/settings/polish"] = refused
    fake.rules["GET", f"/zones/{ZONE}/settings/http2"] = ok({"value": "maybe"})
    fake.rules["GET", f"/zones/{ZONE}/settings/ssl"] = ok({"value": ["odd"]})
    fake.rules["GET", f"/zones/{ZONE}/settings/challenge_ttl"] = ok({"value": "long"})
    fake.rules["GET", f"/zones/{ZONE}/settings/browser_check"] = Reply(status=200, body=b'{"success":true,"result":7}')
    async with opened(fake) as cf:
        settings = await cf.zone_settings("example.com")
        odd = await cf.zone_settings(ZONE, only=["tls_1_3", "hsts", "ob"])
        fake.settings.update(tls_1_3=7, security_header={})
        odd = await cf.zone_settings(ZONE, only=["tls_1_3", "hsts", "ob"])

    assert [None] * 6 == [
        settings.waf_profile,
        settings.img,
        settings.spdy,
        settings.ssl,
        settings.chl_ttl,
        settings.bic,
    ]
    assert "refused: The WAF setting is gone (1007)" == settings.missing["waf_profile"]
    assert settings.missing["img"].startswith("refused: Not allowed to read it on this plan (1006); it takes the perm")
    assert "the value 'maybe' is neither 'on' nor 'off'" == settings.missing["spdy"]
    assert "the value ['odd'] is none of off, flexible" in settings.missing["ssl"]
    assert "the value 'long' is no number" == settings.missing["chl_ttl"]
    assert "not of the documented shape" in settings.missing["bic"]
    assert (True, {"tls_1_3": "the value 7 is no text", "hsts": "the value has no strict_transport_security"}) == (
        odd.ob,
        odd.missing,
    )


async def test_where_all_settings_are_refused_the_refusal_is_raised(fake: Fake) -> None:
    """As for a zone that is gone, or a key that is wrong."""
    async with opened(fake) as cf:
        with pytest.raises(InvalidInput, match=r"Invalid zone\."):
            await cf.zone_settings("f" * 32)


class _EveryTenth:
    """Every tenth exchange is refused a connection."""

    def __init__(self, fake: Fake) -> None:
        self.fake = fake
        self.count = 0

    async def exchange(self, request: Request, /) -> Reply:
        self.count += 1
        if self.count % 10 == 0:
            raise ConnectionFailed("refused", maybe_carried_out=False)
        return await self.fake.exchange(request)


async def test_an_attempt_asks_for_what_the_one_before_it_has_not_read(fake: Fake) -> None:
    """Otherwise seventeen exchanges hardly ever go well together; a call of its own reads everything anew."""
    flaky, policy = _EveryTenth(fake), Retry(attempts=2, first=0.001)
    async with opened(flaky, retry=policy) as cf:
        await cf.zone_settings("example.com")
        first = len(fake.asked)
        again = await cf.zone_settings("example.com")

    assert again.sec_lvl is not None
    assert len(set(fake.lines[:first])) == first
    assert set(fake.lines[first:]) == set(fake.lines[:first]) - {"GET /zones?name=example.com&per_page=50"}


@pytest.mark.parametrize("limited", [False, True])
async def test_what_an_earlier_request_of_a_call_did_is_not_denied(fake: Fake, limited: bool) -> None:
    """The rule is there already, and then the service cannot be reached: not "the request was not carried out"."""

    def gone(request: Request) -> Reply:
        if limited:
            return no(429, 10100, "Enough")
        raise ConnectionFailed("refused", maybe_carried_out=False)

    path = f"/accounts/{ACCOUNT}/firewall/access_rules/rules"
    async with opened(fake) as cf:
        await cf.ban("192.0.2.1")
        fake.rules["GET", path] = gone
        with pytest.raises((ConnectionFailed, RateLimited)) as caught:
            await cf.ban("192.0.2.1")

    error = caught.value
    expected = "an earlier request of the same call was answered"
    assert expected in " ".join([str(error), *getattr(error, "__notes__", ())])
    assert limited or (isinstance(error, ConnectionFailed) and error.maybe_carried_out)


async def test_a_setting_that_fails_in_passing_fails_the_call(fake: Fake) -> None:
    """So that it is asked again as a whole, and a busy service is not taken for an answer."""
    fake.rules["GET", f"/zones/{ZONE}/settings/ssl"] = no(429, 10100, "Enough")
    async with opened(fake) as cf:
        with pytest.raises(RateLimited):
            await cf.zone_settings("example.com")
        fake.rules["GET", f"/zones/{ZONE}/settings/ssl"] = Reply(status=502, body=b"<html>")
        with pytest.raises(UnexpectedAnswer):
            await cf.zone_settings("example.com")


@pytest.mark.parametrize(
    ("call", "name", "value"),
    [
        (lambda cf: cf.sec_lvl("example.com", "help"), "security_level", "under_attack"),
        (lambda cf: cf.sec_lvl("example.com", "eoff"), "security_level", "essentially_off"),
        (lambda cf: cf.sec_lvl("example.com", "med"), "security_level", "medium"),
        (lambda cf: cf.cache_lvl("example.com", "agg"), "cache_level", "aggressive"),
        (lambda cf: cf.cache_lvl("example.com", "iqs"), "cache_level", "simplified"),
        (lambda cf: cf.ipv46("example.com", True), "ipv6", "on"),
        (lambda cf: cf.ipv46("example.com", False), "ipv6", "off"),
    ],
)
async def test_a_setter_sets_and_answers_with_the_zone(
    fake: Fake, call: Callable[[Client], Any], name: str, value: str
) -> None:
    """In version 4's words."""
    async with opened(fake) as cf:
        found = await call(cf)

    assert [f"PATCH /zones/{ZONE}/settings/{name}", f"GET /zones/{ZONE}"] == fake.lines[1:]
    assert {"value": value} == fake.body(1)
    assert ZONE == found.zone_id


@pytest.mark.parametrize(("value", "sent"), [("a", "on"), ("0", "off")])
async def test_rocket_loader_is_on_or_off(fake: Fake, value: str, sent: str) -> None:
    """The manual one is gone, and refused by name before anything is sent."""
    async with opened(fake) as cf:
        await cf.async_("example.com", value)
        with pytest.raises(InvalidInput, match="value='m' is not valid: expected '0' or 'a'"):
            await cf.async_("example.com", "m")

    assert [{"value": sent}] == [fake.body(1)]
    assert 2 == len(fake.asked)


async def test_development_mode_says_when_it_ends(fake: Fake) -> None:
    """Now and the seconds that are left."""
    ends = datetime.fromtimestamp(NOW + 10_800, UTC)
    async with opened(fake) as cf:
        on = await cf.devmode("example.com", True)
        during = await cf.zone_settings("example.com", only=["dev_mode"])
        off = await cf.devmode("example.com", False)
        fake.rules["PATCH", f"/zones/{ZONE}/settings/development_mode"] = ok({})
        brief = await cf.devmode("example.com", True)

    assert (ends, ends, None, None) == (on.expires_on, during.dev_mode, off.expires_on, brief.expires_on)


async def test_a_purge_has_a_time_and_a_cooldown_of_ours(fake: Fake) -> None:
    """The settings remember it, for these credentials only."""
    now = datetime.fromtimestamp(NOW, UTC)
    async with opened(fake) as cf:
        purge = await cf.fpurge_ts("example.com")
        settings = await cf.zone_settings("example.com", only=["fpurge_ts"])
        others = await cf.acting_as(cfclient.Credentials("b@example.com", "b")).zone_settings(ZONE, only=["fpurge_ts"])
        one = await cf.zone_file_purge("example.com", "https://www.example.com/a.css")

    assert (now, 20, ZONE) == (purge.fpurge_ts, purge.cooldown, purge.zone and purge.zone.zone_id)
    assert (now, None) == (settings.fpurge_ts, others.fpurge_ts)
    assert "has purged nothing" in others.missing["fpurge_ts"]
    assert models.FilePurge(url="https://www.example.com/a.css") == one
    assert {"purge_everything": True} == fake.body(1)
    assert {"files": ["https://www.example.com/a.css"]} == fake.body()


# -- access rules --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("ip", "target"), [("192.0.2.1", "ip"), ("2001:db8::1", "ip6")])
async def test_addresses_are_listed_and_unlisted(fake: Fake, ip: str, target: str) -> None:
    """In the account that the zones belong to, with a note of ours."""
    async with opened(fake) as cf:
        answers = [await cf.wl(ip), await cf.ban(ip), await cf.ban(ip), await cf.nul(ip), await cf.nul(ip)]
        made = fake.body(1)

    assert [
        models.IpListing(ip=ip, action=models.ListAction(name)) for name in ["WL", "BAN", "BAN", "NUL", "NUL"]
    ] == answers
    assert {"mode": "whitelist", "configuration": {"target": target, "value": ip}, "notes": "set by cfclient"} == made
    assert f"POST /accounts/{ACCOUNT}/firewall/access_rules/rules" == fake.lines[1]
    assert [{"mode": "block"}] == [fake.body(i) for i, line in enumerate(fake.lines) if "PATCH" in line]
    assert {} == fake.lists


async def test_a_rule_that_a_human_made_is_left_and_named(fake: Fake) -> None:
    """Unless it is forced; and a change of its mode keeps its note."""
    async with opened(fake) as cf:
        await cf.wl("192.0.2.1")
        (rule,) = fake.lists.values()
        rule["notes"] = "the office"
        await cf.ban("192.0.2.1")
        with pytest.raises(InvalidInput, match=rf"rule {rule['id']} \(block, note 'the office'\); .* nul\("):
            await cf.nul("192.0.2.1")
        kept = dict(rule)
        await cf.nul("192.0.2.1", force=True)

    assert ("block", "the office") == (kept["mode"], kept["notes"])
    assert {} == fake.lists


async def test_a_challenge_is_no_listing(fake: Fake) -> None:
    """It is neither list of version 1, so it stays."""
    async with opened(fake) as cf:
        await cf.ban("192.0.2.1")
        (rule,) = fake.lists.values()
        rule["mode"] = "challenge"
        await cf.nul("192.0.2.1")

    assert [rule] == list(fake.lists.values())


async def test_an_address_is_found_in_the_spelling_that_the_service_keeps(fake: Fake) -> None:
    """IPv6 written out."""
    async with opened(fake) as cf:
        await cf.ban("2001:db8::1")
        (rule,) = fake.lists.values()
        rule["configuration"]["value"] = "2001:0db8:0000:0000:0000:0000:0000:0001"
        await cf.nul("2001:db8::1")

    assert {} == fake.lists


async def test_a_duplicate_that_is_not_found_is_the_refusal(fake: Fake) -> None:
    """As is any other."""
    path = f"/accounts/{ACCOUNT}/firewall/access_rules/rules"
    async with opened(fake) as cf:
        fake.rules["POST", path] = no(400, 10009, "firewallaccessrules.api.duplicate_of_existing")
        with pytest.raises(InvalidInput, match="10009"):
            await cf.ban("192.0.2.1")
        fake.rules["POST", path] = no(400, 10001, "firewallaccessrules.api.validation")
        with pytest.raises(InvalidInput, match="10001"):
            await cf.ban("192.0.2.1")
        fake.rules["GET", path] = ok([{"id": "x", "configuration": {"value": "not an address"}}])
        assert models.ListAction.UNLISTED == (await cf.nul("192.0.2.1")).action


async def test_a_rule_that_somebody_else_has_deleted_is_lifted(fake: Fake) -> None:
    """Between the look and the deletion: it is on no list, which is what was asked for; other refusals are told."""
    path = f"/accounts/{ACCOUNT}/firewall/access_rules/rules"
    rules = [
        {"id": "a", "mode": "block", "notes": "set by cfclient", "configuration": {"value": "192.0.2.1"}},
        {"id": "b", "mode": "whitelist", "notes": "set by cfclient", "configuration": {"value": "192.0.2.1"}},
    ]
    fake.rules["GET", path] = ok(rules)
    fake.rules["DELETE", f"{path}/a"] = no(404, 10001, "firewallaccessrules.api.not_found")
    fake.rules["DELETE", f"{path}/b"] = ok({"id": "b"})
    async with opened(fake) as cf:
        lifted = await cf.nul("192.0.2.1")
        deleted = [line for line in fake.lines if line.startswith("DELETE")]
        fake.rules["DELETE", f"{path}/b"] = no(400, 10001, "firewallaccessrules.api.validation")
        with pytest.raises(InvalidInput, match="validation"):
            await cf.nul("192.0.2.1")

    assert models.ListAction.UNLISTED == lifted.action
    assert [f"DELETE {path}/a", f"DELETE {path}/b"] == deleted


async def test_many_rules_are_read_page_by_page(fake: Fake) -> None:
    """Whether or not the reply says how many there are."""
    path, pages = f"/accounts/{ACCOUNT}/firewall/access_rules/rules", iter([100, 3])

    def page(request: Request) -> Reply:
        rules = [{"id": f"r{n}", "mode": "block", "configuration": {"value": "192.0.2.1"}} for n in range(next(pages))]
        return ok(rules, result_info={"page": 1, "count": len(rules)})

    fake.rules["GET", path] = page
    async with opened(fake, account=ACCOUNT) as cf:
        with pytest.raises(InvalidInput, match="rule r99"):
            await cf.nul("192.0.2.1")

    assert ["page=1" in fake.lines[0], "page=2" in fake.lines[1]] == [True, True]


async def test_whose_access_rules_are_meant_is_never_guessed(fake: Fake) -> None:
    """With zones of two accounts, or none; the user's own list is a choice."""
    fake.zones = [zone(), zone("b.example", OTHER, account={"id": "b" * 32})]
    async with opened(fake) as cf:
        with pytest.raises(InvalidInput, match=rf"zones of several accounts \({ACCOUNT}, b+\), each .*account="):
            await cf.ban("192.0.2.1")
        fake.zones = []
        with pytest.raises(InvalidInput, match="see no zone"):
            await cf.ban("192.0.2.1")
    async with opened(fake, url=f"{URL}?lists=user") as cf:
        await cf.ban("192.0.2.1")

    assert "POST /user/firewall/access_rules/rules" == fake.lines[-1]


async def test_an_account_behind_the_first_page_is_not_overlooked(fake: Fake) -> None:
    """The zones of the first are counted, so that many zones cost one call more, once."""
    mine = [zone(f"{number}.example", f"{number:032x}") for number in range(120)]
    fake.zones = mine
    async with opened(fake) as cf:
        await cf.ban("192.0.2.1")
        await cf.ban("192.0.2.2")
    few = list(fake.lines)
    fake.zones = [*mine, zone("b.example", OTHER, account={"id": "b" * 32})]
    async with opened(fake) as cf:
        with pytest.raises(InvalidInput, match=rf"zones of several accounts \({ACCOUNT}, and others\)"):
            await cf.ban("192.0.2.1")

    assert ["GET /zones?page=1&per_page=50", f"GET /zones?account.id={ACCOUNT}&per_page=5"] == few[:2]
    assert [f"POST /accounts/{ACCOUNT}/firewall/access_rules/rules"] * 2 == few[2:]


@pytest.mark.parametrize("infos", [[None, None], [{"total_count": 60}, None], [None, {"total_count": 60}]])
async def test_where_zones_cannot_be_counted_no_account_is_taken(fake: Fake, infos: list[Any]) -> None:
    """A full page may have others behind it."""
    page = [zone(f"{number}.example", f"{number:032x}") for number in range(50)]
    replies = iter([ok(page, result_info=infos[0]), ok(page[:5], result_info=infos[1])])
    fake.rules["GET", "/zones"] = lambda _: next(replies)
    async with opened(fake) as cf:
        with pytest.raises(InvalidInput, match="and others"):
            await cf.ban("192.0.2.1")


async def test_an_account_that_is_another_s_now_is_forgotten(fake: Fake) -> None:
    """The next call looks again."""
    path = f"/accounts/{ACCOUNT}/firewall/access_rules/rules"
    fake.rules["POST", path] = no(403, 10000, "Authentication error")
    async with opened(fake) as cf:
        with pytest.raises(Unauthorized):
            await cf.ban("192.0.2.1")
        del fake.rules["POST", path]
        fake.zones = [zone(account={"id": "b" * 32})]
        await cf.ban("192.0.2.1")

    assert f"POST /accounts/{'b' * 32}/firewall/access_rules/rules" == fake.lines[-1]


# -- analytics -----------------------------------------------------------------------------------------


async def test_stats_are_read_from_one_row(fake: Fake) -> None:
    """Whole days, in UTC; and the settings that stats had."""
    fake.rules["POST", "/graphql"] = GRAPH
    async with opened(fake) as cf:
        stats = await cf.stats("example.com", interval=30)

    variables = next(fake.body(i) for i, line in enumerate(fake.lines) if line == "POST /graphql")["variables"]
    assert {"zone": ZONE, "since": "2023-11-07", "until": "2023-11-14"} == variables
    traffic = stats.trafficBreakdown
    assert traffic is not None
    assert models.Traffic(regular=33, threat=3, crawler=7) == traffic.pageviews
    assert models.Traffic(regular=12) == traffic.uniques
    assert (models.Served(cloudflare=1.0, user=3.0), models.Served(cloudflare=60, user=40)) == (
        stats.bandwidthServed,
        stats.requestsServed,
    )
    assert (False, None, "Medium", False, models.IPv6Mode.FULL, True, models.CacheLevel.AGGRESSIVE) == (
        stats.pro_zone,
        stats.pageLoadTime,
        stats.userSecuritySetting,
        stats.dev_mode,
        stats.ipv46,
        stats.ob,
        stats.cache_lvl,
    )
    assert (datetime(2023, 11, 7, tzinfo=UTC), datetime(2023, 11, 14, tzinfo=UTC)) == (stats.timeZero, stats.timeEnd)
    assert datetime(2024, 6, 6, 7, 48, 29, 3000, tzinfo=UTC) == stats.zoneCDate


EXTENSIONS: list[Any] = [[], ["code"], "code", 7, {"code": ["authz"]}]
ERRORS: list[Any] = ["no", 7, {"message": "no"}, [["no"]], [None], [{"message": {"a": [1]}}], [{}]]
DATA: list[Any] = [None, [], "none", {"viewer": []}, {"viewer": {"zones": {"a": 1}}}]
ODD: list[Any] = [
    *[{"errors": [{"message": "no", "extensions": extensions}]} for extensions in EXTENSIONS],
    *[{"errors": errors} for errors in ERRORS],
    *[{"data": data} for data in DATA],
]


@pytest.mark.parametrize("reply", ODD)
async def test_a_graphql_reply_of_another_shape_is_an_error_of_ours(reply: Any, fake: Fake) -> None:
    """Whatever stands where; an error of Python's would carry frames that hold the key."""
    fake.rules["POST", "/graphql"] = Reply(status=200, body=json.dumps(reply).encode())
    async with opened(fake) as cf:
        with pytest.raises(cfclient.CloudflareError) as caught:
            await cf.stats("example.com")

    assert "stats" in str(caught.value)


async def test_hours_are_asked_for_by_the_hour(fake: Fake) -> None:
    """And what cannot be read beside them is None."""
    fake.rules["POST", "/graphql"] = Reply(status=200, body=b'{"data":{"viewer":{"zones":[{"totals":[]}]}}}')
    fake.rules["GET", f"/zones/{ZONE}"] = no(403, 9109, "no")
    for name in ("security_level", "development_mode", "ipv6", "always_online", "cache_level"):
        fake.rules["GET", f"/zones/{ZONE}/settings/{name}"] = no(403, 9109, "no")
    async with opened(fake) as cf:
        stats = await cf.stats("example.com", interval=120)

    variables = next(fake.body(i) for i, line in enumerate(fake.lines) if line == "POST /graphql")["variables"]
    assert {"zone": ZONE, "since": "2023-11-14T16:13:20Z", "until": "2023-11-14T22:13:20Z"} == variables
    assert (None, None, None, None) == (stats.pro_zone, stats.zoneCDate, stats.ob, stats.dev_mode)
    assert 0 == (stats.requestsServed or models.Served()).user


@pytest.mark.parametrize("more", [{"plan": None}, {"plan": {"id": "f" * 32}}])
async def test_stats_of_a_zone_that_does_not_say_its_plan(fake: Fake, more: dict[str, Any]) -> None:
    """Nobody knows whether it is a free one; a time that is none is None too."""
    fake.zones = [zone(created_on="once", **more)]
    fake.rules["POST", "/graphql"] = GRAPH
    async with opened(fake) as cf:
        stats = await cf.stats("example.com")

    assert (None, None) == (stats.pro_zone, stats.zoneCDate)


def _errors(message: str, **more: Any) -> dict[str, Any]:
    return {"data": None, "errors": [{"message": message, **more}]}


async def test_a_key_that_a_function_gives_is_in_no_refusal_of_graphql(fake: Fake) -> None:
    """Should the service echo it; a refusal may come without data."""
    body = json.dumps({"errors": [{"message": f"not authorized: {TOKEN}"}]}).encode()
    fake.rules["POST", "/graphql"] = Reply(status=200, body=body)
    async with opened(fake, token=lambda: TOKEN) as cf:
        with pytest.raises(Unauthorized, match=r"not authorized: \*\*\*") as caught:
            await cf.zone_ips("example.com")

    assert TOKEN not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("body", "error", "words"),
    [
        (
            {"data": None, "errors": [{"message": "not authorized", "extensions": {"code": "authz"}}]},
            Unauthorized,
            "Anal",
        ),
        (
            _errors("zone does not have permission to do it"),
            Unauthorized,
            "it takes the",
        ),
        (
            _errors("limit reached, please try reduced time"),
            RateLimited,
            "limit reached",
        ),
        (_errors("cannot request data older than 2w"), InvalidInput, "older than 2w"),
        (_errors("Internal server error"), UnexpectedAnswer, "the service failed"),
        ({"data": None, "errors": "odd"}, InvalidInput, "no reason"),
        ({"data": {"viewer": {"zones": []}}, "errors": None}, Unauthorized, "see no analytics of this zone"),
        ({"data": {"viewer": 7}}, UnexpectedAnswer, "not of the known shape"),
        ({"success": True, "result": {}}, UnexpectedAnswer, "no reply to a GraphQL query"),
    ],
)
async def test_graphql_refuses_with_http_200(
    fake: Fake, body: dict[str, Any], error: type[Exception], words: str
) -> None:
    """Sorted by its code and its words."""
    fake.rules["POST", "/graphql"] = Reply(status=200, body=json.dumps(body).encode())
    async with opened(fake) as cf:
        with pytest.raises(error, match=words):
            await cf.stats("example.com")


async def test_stats_fail_where_something_fails_in_passing(fake: Fake) -> None:
    """A busy service is no reason to answer None."""
    fake.rules["POST", "/graphql"] = GRAPH
    fake.rules["GET", f"/zones/{ZONE}"] = Reply(status=502, body=b"<html>")
    async with opened(fake) as cf:
        with pytest.raises(UnexpectedAnswer):
            await cf.stats(ZONE)


def _hits(*pairs: tuple[str, int]) -> list[dict[str, Any]]:
    return [{"count": count, "dimensions": {"clientIP": ip, "action": "block"}} for ip, count in pairs]


async def test_visitors_are_sorted_into_classes(fake: Fake) -> None:
    """Who is a threat is no regular visitor; two days are two queries."""
    rows = {
        "all": _hits(("192.0.2.1", 9), ("192.0.2.2", 5), ("192.0.2.3", 4)),
        "threats": _hits(("192.0.2.2", 2)),
        "crawlers": _hits(("192.0.2.3", 3), ("192.0.2.2", 1), ("", 1)),
    }
    fake.rules["POST", "/graphql"] = Reply(
        status=200, body=json.dumps({"data": {"viewer": {"zones": [rows]}}}).encode()
    )
    async with opened(fake) as cf:
        everyone = await cf.zone_ips("example.com", hours=30, geo=True)
        crawlers = await cf.zone_ips("example.com", visitor_class="s")

    spans = [(fake.body(i)["variables"]["since"], fake.body(i)["variables"]["until"]) for i in (1, 2)]
    assert [("2023-11-13T22:13:20Z", "2023-11-14T22:13:20Z"), ("2023-11-13T16:13:20Z", "2023-11-13T22:13:20Z")] == spans
    assert [("192.0.2.1", "regular", 18), ("192.0.2.3", "crawler", 6), ("192.0.2.2", "threat", 4)] == [
        (one.ip, one.classification, one.hits) for one in everyone
    ]
    assert [("192.0.2.3", "example.com", None)] == [(one.ip, one.zone_name, one.latitude) for one in crawlers]


async def test_a_plan_that_tells_no_bots_tells_the_rest(fake: Fake) -> None:
    """The part that is refused is left out, and asked for no more; what is refused without it is refused."""
    rows = {"all": _hits(("192.0.2.1", 9)), "threats": []}

    def answer(request: Request) -> Reply:
        if b"verifiedBotCategory" in request.body:
            return Reply(status=200, body=b'{"data":null,"errors":[{"message":"unknown field verifiedBotCategory"}]}')
        return Reply(status=200, body=json.dumps({"data": {"viewer": {"zones": [rows]}}}).encode())

    fake.rules["POST", "/graphql"] = answer
    async with opened(fake) as cf:
        found = await cf.zone_ips(ZONE, hours=48)
        asked = len([line for line in fake.lines if line == "POST /graphql"])
        fake.rules["POST", "/graphql"] = Reply(status=200, body=b'{"data":null,"errors":[{"message":"too old"}]}')
        with pytest.raises(InvalidInput, match="too old"):
            await cf.zone_ips(ZONE)

    assert [("192.0.2.1", 18)] == [(one.ip, one.hits) for one in found]
    assert 3 == asked


async def test_a_later_day_of_visitors_may_be_refused(fake: Fake) -> None:
    """Once the part about crawlers is left out, a refusal has another reason."""
    refusals = iter(["unknown field verifiedBotCategory", None, "cannot request data older than 1d"])

    def answer(request: Request) -> Reply:
        words = next(refusals)
        body = {"data": {"viewer": {"zones": [{}]}}} if words is None else _errors(words)
        return Reply(status=200, body=json.dumps(body).encode())

    fake.rules["POST", "/graphql"] = answer
    async with opened(fake) as cf:
        with pytest.raises(InvalidInput, match="older than 1d"):
            await cf.zone_ips(ZONE, hours=48)


@pytest.mark.parametrize("value", [[], {}, {"a": 1}, None, True, 0, "perhaps"])
async def test_a_setting_of_an_odd_value_is_not_known(fake: Fake, value: Any) -> None:
    """With what it is; and development mode is on where it was set."""
    odd = ("ipv6", "always_online", "security_level", "development_mode", "security_header", "min_tls_version")
    fake.settings |= dict.fromkeys(odd[:5], value)
    fake.rules["PATCH", f"/zones/{ZONE}/settings/development_mode"] = ok({"value": value})
    only = frozenset({"ipv46", "ob", "sec_lvl", "dev_mode", "hsts"})
    async with opened(fake) as cf:
        shown = await cf.zone_settings("example.com", only=only)
        done = await cf.devmode("example.com", True)

    assert only == shown.missing.keys()
    assert done.expires_on is None


@pytest.mark.parametrize(
    "totals",
    [
        {"browserMap": ["x"]},
        {"browserMap": {"a": 1}},
        {"browserMap": 7},
        {"browserMap": [{"uaBrowserFamily": "bot", "pageViews": "x"}]},
        {"browserMap": [{"uaBrowserFamily": "bot", "pageViews": [1]}]},
        {"requests": "many"},
    ],
)
async def test_traffic_of_no_form_is_an_unexpected_answer(fake: Fake, totals: Any) -> None:
    """And no fault of Python's, nor a number that nobody told."""
    data = {"viewer": {"zones": [{"totals": [{"sum": totals, "uniq": {"uniques": 1}}]}]}}
    fake.rules["POST", "/graphql"] = Reply(status=200, body=json.dumps({"data": data, "errors": None}).encode())
    async with opened(fake) as cf:
        with pytest.raises(UnexpectedAnswer, match="not of the known shape"):
            await cf.stats("example.com")


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "yesterday"])
async def test_a_zone_s_age_in_no_calendar_is_not_known(fake: Fake, moment: str) -> None:
    """With the reason."""
    fake.zones[0]["created_on"] = moment
    async with opened(fake) as cf:
        shown = await cf.zone_settings("example.com", only={"created_on"})

    assert shown.created_on is None
    assert {"created_on"} == set(shown.missing)


@pytest.mark.parametrize("left", [1e18, 1e300, 10**15])
async def test_an_end_of_development_mode_in_no_calendar_is_none(fake: Fake, left: float) -> None:
    """It is on, and nobody knows until when."""
    fake.rules["GET", f"/zones/{ZONE}/settings/development_mode"] = ok(
        {"id": "development_mode", "value": "on", "time_remaining": left}
    )
    fake.rules["PATCH", f"/zones/{ZONE}/settings/development_mode"] = ok({"value": "on", "time_remaining": left})
    async with opened(fake) as cf:
        shown = await cf.zone_settings("example.com")
        done = await cf.devmode("example.com", True)

    assert shown.dev_mode is True
    assert done.expires_on is None


# -- the scope and the address ------------------------------------------------------------------------


def test_the_scope_is_checked() -> None:
    """Before anything is asked with it."""
    for options, words in (({"account": "a/b"}, "account='a/b'"), ({"lists": "zone"}, "lists='zone'")):
        with pytest.raises(ConfigurationError, match=words):
            Scope(**options)


def test_the_address_is_checked(fake: Fake) -> None:
    """As version 1's is."""
    credentials = cfclient.Credentials(None, TOKEN)
    with pytest.raises(ConfigurationError, match="would send the API key unencrypted"):
        V4(fake, credentials, url="http://v4.example/client/v4")

    assert "<V4 https://api.cloudflare.com/client/v4 as a@example.com>" == repr(
        V4(fake, cfclient.Credentials("a@example.com", "k"))
    )
    assert v4.DEFAULT_URL == V4_URL
