"""One contract over every backend: the emulator directly, through the whole HTTP stack in process, and over a socket.

Whatever stands between a client and the service's state must not change an answer.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import attrs
import httpx
import pytest

import cfclient
from cfclient import models
from cfclient.backends.emulator import Emulator
from cfclient.client import Client
from tests.served import serving

pytestmark = pytest.mark.anyio

NOW = 1_700_000_000.0


@attrs.define
class Clock:
    """A clock that stands still until it is moved."""

    now: float = NOW

    def __call__(self) -> float:
        return self.now


@attrs.frozen
class World:
    """A service, its clock, and a client of it."""

    cf: Client
    emulator: Emulator
    clock: Clock
    zone: str


@asynccontextmanager
async def directly(emulator: Emulator) -> AsyncIterator[Client]:
    """The client speaks values with the emulator."""
    async with cfclient.connect(emulator.connect, retry=None) as cf:
        yield cf


@asynccontextmanager
async def in_process(emulator: Emulator) -> AsyncIterator[Client]:
    """Through wire, httpx and the gateway, without a socket."""
    transport = httpx.ASGITransport(cfclient.gateway(emulator.connect))
    async with httpx.AsyncClient(transport=transport) as http:
        url = "https://emulator.example/api_json.html"
        async with cfclient.connect(
            url, email="demo@example.com", token="demo-key", http=http, retry=None, pace=None
        ) as cf:
            yield cf


@asynccontextmanager
async def over_a_socket(emulator: Emulator) -> AsyncIterator[Client]:
    """Through lanes to a real server on the loopback interface."""
    with serving(cfclient.gateway(emulator.connect, echo=True)) as url:
        async with cfclient.connect(url, email="demo@example.com", token="demo-key", retry=None, pace=None) as cf:
            yield cf


WAYS: list[Callable[[Emulator], object]] = [directly, in_process, over_a_socket]


@pytest.fixture(params=WAYS, ids=lambda way: way.__name__)
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    """A small account behind each way of reaching it."""
    clock = Clock()
    emulator = Emulator.demo(zones=3, seed=11, page_size=50, clock=clock)
    async with AsyncExitStack() as stack:
        cf = await stack.enter_async_context(request.param(emulator))
        names = [zone.zone_name async for zone in cf.zones()]
        yield World(cf, emulator, clock, names[-1])


# -- reading ------------------------------------------------------------------------------------------


async def test_all_zones_and_all_records_are_listed(world: World) -> None:
    """Each once, however many pages they fill, ahead or not."""
    for zone in await world.cf.zones().all():
        records = await world.cf.records(zone.zone_name).all()
        async with world.cf.records(zone.zone_name).ahead(3) as ahead:
            again = [record async for record in ahead]

        assert records == again
        assert len({record.rec_id for record in records}) == len(records) > 0
        assert {zone.zone_name} == {record.zone_name for record in records}


async def test_a_page_says_how_many_it_has_and_whether_more_follow(world: World) -> None:
    """`count` is its own size."""
    big = max(
        [(await world.cf.records(zone.zone_name).all(), zone.zone_name) async for zone in world.cf.zones()],
        key=lambda pair: len(pair[0]),
    )

    first = await world.cf.rec_load_all(big[1])
    beyond = await world.cf.rec_load_all(big[1], offset=len(big[0]))

    assert (True, 50, tuple(big[0][:50])) == (first.has_more, first.count, first.objs)
    assert models.Page() == beyond


async def test_zones_are_checked_by_name(world: World) -> None:
    """Those that are not there are left out."""
    ids = {zone.zone_name: zone.zone_id async for zone in world.cf.zones()}

    assert ids == dict(await world.cf.zone_check([*ids, "not-there.example"]))


async def test_visitors_have_places_only_where_asked_for(world: World) -> None:
    """And a class only where one is given."""
    all_ = await world.cf.zone_ips(world.zone, hours=48)
    placed = await world.cf.zone_ips(world.zone, hours=48, geo=True)
    crawlers = await world.cf.zone_ips(world.zone, hours=48, visitor_class="s")

    assert {None} == {visitor.latitude for visitor in all_}
    assert None not in {visitor.longitude for visitor in placed}
    assert {"crawler"} >= {visitor.classification for visitor in crawlers}
    assert len(all_) == len(placed) > len(crawlers)


async def test_an_address_has_a_score_or_none(world: World) -> None:
    """A banned one has."""
    await world.cf.ban("198.51.100.7")

    banned = await world.cf.ip_lkup("198.51.100.7")
    unknown = await world.cf.ip_lkup("192.0.2.200")

    assert ("198.51.100.7", "BAD") == (banned.ip, banned.verdict)
    assert models.ThreatScore(ip="192.0.2.200") == unknown


async def test_statistics_cover_the_interval(world: World) -> None:
    """And tell the settings of the moment."""
    await world.cf.cache_lvl(world.zone, "basic")

    month = await world.cf.stats(world.zone)
    day = await world.cf.stats(world.zone, interval=40)

    assert (models.Interval.PAST_30_DAYS, models.Interval.PAST_DAY) == (month.interval, day.interval)
    assert month.timeZero is not None
    assert month.timeEnd is not None
    assert 30 == (month.timeEnd - month.timeZero).days
    assert models.CacheLevel.BASIC == day.cache_lvl


# -- setting ------------------------------------------------------------------------------------------


async def test_what_is_set_is_read(world: World) -> None:
    """Each setter shows in `zone_settings`."""
    cf, zone = world.cf, world.zone

    await cf.sec_lvl(zone, "help")
    await cf.cache_lvl(zone, "agg")
    await cf.ipv46(zone, False)
    await cf.async_(zone, "m")
    await cf.minify(zone, 5)
    await cf.mirage2(zone, True)
    settings = await cf.zone_settings(zone)

    assert models.SecurityLevel.UNDER_ATTACK == settings.sec_lvl
    assert models.CacheLevel.AGGRESSIVE == settings.cache_lvl
    assert models.IPv6Mode.OFF == settings.ipv46
    assert models.RocketLoader.MANUAL == settings.async_
    assert models.Minify.JAVASCRIPT | models.Minify.HTML == settings.minify
    assert settings.lazy is True


async def test_setters_answer_with_the_zone(world: World) -> None:
    """As the document shows; the last three answer nothing."""
    zone = await world.cf.sec_lvl(world.zone, "low")

    assert zone is not None
    assert world.zone == zone.zone_name
    assert await world.cf.ipv46(world.zone, True) == zone
    assert await world.cf.cache_lvl(world.zone, "basic") == zone


async def test_development_mode_ends_by_itself(world: World) -> None:
    """After three hours, or when it is switched off."""
    cf, zone = world.cf, world.zone
    off = await cf.devmode(zone, False)

    on = await cf.devmode(zone, True)
    during = await cf.zone_settings(zone)
    world.clock.now += 3 * 3600 + 1
    after = await cf.zone_settings(zone)

    assert on.expires_on is not None
    assert NOW + 3 * 3600 == on.expires_on.timestamp()
    assert (on.expires_on, False) == (during.dev_mode, after.dev_mode)
    assert off.zone is not None
    assert on.zone is not None
    assert ("status-active", "status-dev-mode") == (off.zone.zone_status_class, on.zone.zone_status_class)


async def test_a_purge_says_when_and_when_again(world: World) -> None:
    """With its cooldown; and the settings remember it."""
    purge = await world.cf.fpurge_ts(world.zone)
    settings = await world.cf.zone_settings(world.zone)
    one = await world.cf.zone_file_purge(world.zone, "https://www.example.com/a.css")

    assert purge.fpurge_ts is not None
    assert (NOW, 20) == (purge.fpurge_ts.timestamp(), purge.cooldown)
    assert purge.fpurge_ts == settings.fpurge_ts
    assert models.FilePurge(url="https://www.example.com/a.css") == one


@pytest.mark.parametrize("ip", ["192.0.2.1", "2001:db8::1"])
async def test_addresses_are_listed_and_unlisted(world: World, ip: str) -> None:
    """Of both families."""
    answers = [await world.cf.wl(ip), await world.cf.ban(ip), await world.cf.nul(ip)]

    assert [models.IpListing(ip=ip, action=models.ListAction(action)) for action in ("WL", "BAN", "NUL")] == answers


# -- records ------------------------------------------------------------------------------------------


async def test_a_record_s_life(world: World) -> None:
    """Created, listed, edited, deleted, gone."""
    cf, zone = world.cf, world.zone
    before = await cf.records(zone).all()

    created = await cf.rec_new(zone, "A", "brand-new", "192.0.2.1", ttl=300)
    listed = await cf.records(zone).all()
    edited = await cf.rec_edit(zone, created.rec_id, "A", "brand-new", "192.0.2.2", service_mode=True)
    await cf.rec_delete(zone, created.rec_id)
    after = await cf.records(zone).all()

    assert ("brand-new", f"brand-new.{zone}", 300, False) == (
        created.display_name,
        created.name,
        created.ttl,
        created.auto_ttl,
    )
    assert [*before, created] == listed
    assert (created.rec_id, "192.0.2.2", 1, True) == (edited.rec_id, edited.content, edited.ttl, edited.service_mode)
    assert before == after
    for again in (cf.rec_delete(zone, created.rec_id), cf.rec_edit(zone, created.rec_id, "A", "x", "192.0.2.1")):
        with pytest.raises(cfclient.InvalidInput, match=r"Invalid record id\.") as caught:
            await again
        assert caught.value.code is None


async def test_every_documented_type_can_be_created(world: World) -> None:
    """With the parameters that it needs."""
    cf, zone = world.cf, world.zone
    srv = {"service": "_sip", "srvname": "voice", "protocol": "_tcp", "weight": 5, "port": 5060, "target": "a.example"}

    records = [
        await cf.rec_new(zone, "A", "t", "192.0.2.1"),
        await cf.rec_new(zone, "AAAA", "t", "2001:db8::1"),
        await cf.rec_new(zone, "CNAME", "c", "www.example.net"),
        await cf.rec_new(zone, "MX", "@", "mail.example.net", prio=10),
        await cf.rec_new(zone, "TXT", "t", 'quotes " and \\ and ünicode'),
        await cf.rec_new(zone, "SPF", "t", "v=spf1 -all"),
        await cf.rec_new(zone, "NS", "sub", "ns.example.net"),
        await cf.rec_new(zone, "SRV", "voice", "", prio=1, **srv),  # type: ignore[arg-type]  # a mixed dict
        await cf.rec_new(zone, "LOC", "t", "51 30 12.748 N 0 7 39.611 W 0m 1m 10000m 10m"),
    ]

    assert records == (await cf.records(zone).all())[-len(records) :]
    assert list(models.RecordType)[:3] == [record.type for record in records[:3]]
    assert ('quotes " and \\ and ünicode', 10) == (records[4].content, records[3].prio)
    assert (f"_sip._tcp.voice.{zone}", 1) == (records[7].name, records[7].prio)


# -- refusals -----------------------------------------------------------------------------------------


async def test_another_s_zone_is_invalid(world: World) -> None:
    """As is one that does not exist; the service sent no code."""
    with pytest.raises(cfclient.InvalidInput, match=r"Invalid zone\.") as caught:
        await world.cf.zone_settings("somebody-else.example")

    assert (None, "zone_settings") == (caught.value.code, caught.value.action)


async def test_a_wrong_key_is_unauthorized(world: World) -> None:
    """And says nothing of the zone."""
    stranger = world.cf.acting_as(cfclient.Credentials("demo@example.com", "wrong"))

    with pytest.raises(cfclient.Unauthorized, match="Unknown token or email") as caught:
        await stranger.zone_settings(world.zone)

    assert "E_UNAUTH" == caught.value.code


async def test_more_calls_than_allowed_are_refused(world: World) -> None:
    """1,200 in 300 s, and again when they are over."""
    lookup = cfclient.actions.ZoneSettings(world.zone)

    outcomes = await world.cf.perform_all([lookup] * 1210, concurrency=20)
    world.clock.now += 301
    again = await world.cf.zone_settings(world.zone)

    refused = [outcome.error for outcome in outcomes if outcome.error is not None]
    assert 10 <= len(refused) < 40
    assert {cfclient.RateLimited} == {type(error) for error in refused}
    assert outcomes[0].answer == again
