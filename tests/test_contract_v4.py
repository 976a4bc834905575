"""One contract, carried out on version 1 and on version 4 over emulators of the same account, compared value by value.

What differs is known: each entry of the tables below names a field, and the reason why the two cannot agree.
Cloudflare's description judges every request and every reply of version 4.
"""

from __future__ import annotations

import enum
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import attrs
import httpx
import pytest

import cfclient
from cfclient import models
from cfclient.backends.emulator import Emulator
from cfclient.backends.v4.asking import Asking
from cfclient.client import Client
from cfclient.emulated.ids import v4_id
from tests.contract import CREATED, LISTED, READ, REFUSED, RETIRED, SET
from tests.emulated import Clock

pytestmark = pytest.mark.anyio

GONE = "Cloudflare has it no longer, so version 4 says None, with the reason in `missing`"
CONSTANT = "version 4 does not tell it: the backend says what cannot be otherwise, or None"

#: fields that are not compared, by class, each with the reason
UNLIKE: Mapping[type, Mapping[str, str]] = {
    models.Zone: {
        "zone_status_desc": "each face has words of its own",
        "confirm_code": CONSTANT,
        "props": "of the plan only `pro` and `dns_partner` can be told; they are compared",
        "allow": "version 1's rights of apps and page rules have no counterpart; the others are compared",
        "vtxt": CONSTANT,
        "host_id": CONSTANT,
        "host_pubname": CONSTANT,
        "host_website": CONSTANT,
    },
    models.Record: {
        "rec_tag": "version 4 has one id, which the backend shows as the tag too",
        "rec_hash": "version 4 has one id, which the backend shows as the tag too",
        "mx": "seen in version 1's real replies only",
    },
    models.RecordProps: {
        "vanity_lock": "shown after a write only, as the mapping has it",
        "cf_open": "version 1 says the opposite of cloud_on, the mapping a constant",
    },
    models.Stats: {
        "timeZero": "days of version 4 begin at midnight",
        "timeEnd": "days of version 4 begin at midnight",
        "cachedServerTime": CONSTANT,
        "cachedExpryTime": CONSTANT,
        "outboundLinks": CONSTANT,
    },
    models.ZoneSettings: {
        **dict.fromkeys(("lazy", "minify", "sse", "waf_profile"), GONE),
        **dict.fromkeys(("outboundLinks", "outlink", "s404", "cache_ttl", "host_spf", "dnssec", "ddos"), GONE),
        "missing": "version 1 misses nothing",
        **dict.fromkeys(
            (
                *("always_use_https", "automatic_https_rewrites", "opportunistic_encryption", "min_tls_version"),
                *("tls_1_3", "hsts", "dnssec_status", "universal_ssl"),
            ),
            "version 1 did not have it",
        ),
    },
    models.TrafficBreakdown: {
        "uniques": "version 4 does not tell unique threats and crawlers; the regular are compared"
    },
}


@attrs.frozen
class Worlds:
    """The same account twice, and a client of each version."""

    old: Client
    new: Client
    emulators: tuple[Emulator, Emulator]
    clock: Clock
    zone: str

    async def both(self, ask: Callable[[Client], Awaitable[Any]]) -> tuple[Any, Any]:
        """The two answers, or the two errors."""
        return await outcome(ask(self.old)), await outcome(ask(self.new))


async def outcome(answer: Awaitable[Any]) -> Any:
    """The answer, or what kind of error it was."""
    try:
        return await answer
    except cfclient.ApiError as error:
        return type(error)


def plain(value: Any) -> Any:
    """What is compared of a value: all but the fields that are known to differ."""
    if attrs.has(type(value)):
        unlike = UNLIKE.get(type(value), {})
        return {
            field.name: plain(getattr(value, field.name))
            for field in attrs.fields(type(value))
            if field.name not in unlike
        }
    if isinstance(value, enum.Enum):
        return value
    if isinstance(value, tuple | list):
        return [plain(one) for one in value]
    return value


def translated(given: Any) -> Any:
    """Version 1's value with version 4's ids in it."""
    value: Any = given
    if isinstance(value, models.Zone):
        user = value.user_id and v4_id("user", value.user_id)
        return attrs.evolve(value, zone_id=v4_id("zone", value.zone_id), user_id=user)
    if isinstance(value, models.Record):
        return attrs.evolve(given, rec_id=v4_id("record", value.rec_id))
    if isinstance(value, models.DevelopmentMode | models.Purge):
        return attrs.evolve(value, zone=translated(value.zone))
    if isinstance(value, tuple | list):
        return [translated(one) for one in value]
    return value


def same(answers: tuple[Any, Any]) -> None:
    """The two answers are one, ids and known differences aside."""
    old, new = answers
    assert type(new) is type(old)
    assert plain(new) == plain(translated(old))


@pytest.fixture
async def worlds(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Worlds]:
    """Four zones; the clock stands still for all three."""
    clock = Clock()
    monkeypatch.setattr(Asking, "now", lambda _: clock())
    emulators = (Emulator.demo(zones=4, seed=11, clock=clock), Emulator.demo(zones=4, seed=11, clock=clock))
    url = "https://emulator.example/client/v4"
    async with (
        httpx.AsyncClient(transport=httpx.ASGITransport(emulators[1].v4)) as http,
        cfclient.connect(emulators[0].connect, retry=None) as old,
        cfclient.connect(url, email="demo@example.com", token="demo-key", http=http, retry=None, pace=None) as new,
    ):
        yield Worlds(old, new, emulators, clock, emulators[0].account().sites[-1].zone.zone_name)


def in_order(records: list[models.Record]) -> list[models.Record]:
    """Version 1 lists by age, version 4 by type and name."""
    return sorted(records, key=lambda record: (record.type, record.name, record.content, record.prio or 0))


# -- reading ------------------------------------------------------------------------------------------


async def test_zones(worlds: Worlds) -> None:
    """All of them, each with its plan and its rights."""
    old, new = await worlds.both(lambda cf: READ["zones"].ask(cf, worlds.zone))

    same((old, new))
    assert [(one.props.pro, one.props.dns_partner) for one in old] == [
        (one.props.pro, one.props.dns_partner) for one in new
    ]
    assert [set(one.allow) - {"cf_apps", "page_rules"} for one in old] == [set(one.allow) for one in new]


@pytest.mark.slow
async def test_records(worlds: Worlds) -> None:
    """Of every zone, of every type."""
    for zone in await worlds.old.zones().all():
        old, new = await worlds.both(lambda cf, name=zone.zone_name: READ["records"].ask(cf, name))  # type: ignore[misc]  # bound now

        # What was an SPF record is a TXT record today.
        old = [
            attrs.evolve(record, type=models.RecordType.TXT) if record.type is models.RecordType.SPF else record
            for record in old
        ]
        same((in_order(old), in_order(new)))


async def test_zones_by_name(worlds: Worlds) -> None:
    """Those that are not there are left out."""
    old, new = await worlds.both(lambda cf: READ["zone_check"].ask(cf, worlds.zone))

    assert {name: v4_id("zone", ident) for name, ident in old.items()} == dict(new)


async def test_settings(worlds: Worlds) -> None:
    """Of every zone; what one of them cannot say, the other says as near as it can."""
    for site in worlds.emulators[0].account().sites:
        old, new = await worlds.both(lambda cf, name=site.zone.zone_name: READ["zone_settings"].ask(cf, name))  # type: ignore[misc]  # bound now
        nearest: dict[str, dict[Any, Any]] = {
            "async_": {models.RocketLoader.MANUAL: models.RocketLoader.AUTOMATIC},
            "ipv46": {models.IPv6Mode.SAFE: models.IPv6Mode.FULL},
            "img": {
                models.ImageSettings.RESIZE: models.ImageSettings.OFF,
                models.ImageSettings.POLISH_AND_RESIZE: models.ImageSettings.POLISH,
                models.ImageSettings.POLISH_JPEG_AND_RESIZE: models.ImageSettings.POLISH_JPEG,
            },
        }
        old = attrs.evolve(
            old, **{name: kept.get(getattr(old, name), getattr(old, name)) for name, kept in nearest.items()}
        )

        same((old, new))
        for name, reason in UNLIKE[models.ZoneSettings].items():
            if reason is GONE:
                assert getattr(new, name) is None
                assert new.missing[name]


@pytest.mark.parametrize("interval", [20, 30, 40, 100, 110, 120])
async def test_statistics(worlds: Worlds, interval: int) -> None:
    """The traffic of each interval, and the settings of the moment."""
    await worlds.both(lambda cf: cf.ipv46(worlds.zone, True))
    old, new = await worlds.both(lambda cf: READ[f"stats {interval}"].ask(cf, worlds.zone))

    same((old, new))
    assert old.trafficBreakdown.uniques.regular == new.trafficBreakdown.uniques.regular


@pytest.mark.parametrize("name", [name for name in READ if name.startswith("zone_ips")])
async def test_visitors(worlds: Worlds, name: str) -> None:
    """By class, with their hits, over one day or two; the hits of two days may each lose a fraction."""
    old, new = await worlds.both(lambda cf: READ[name].ask(cf, worlds.zone))

    assert {one.ip: (one.classification, one.hits) for one in old} == {
        one.ip: (one.classification, one.hits) for one in new
    }


# -- setting ------------------------------------------------------------------------------------------

SETTERS: Mapping[str, Any] = {
    **{name: one.ask for name, one in SET.items()},
    **{k: ask for k, (ask, _) in LISTED.items()},
}


@pytest.mark.parametrize("name", SETTERS)
async def test_what_is_set_is_answered_and_kept_alike(worlds: Worlds, name: str) -> None:
    """The answers, and afterwards both states."""
    same(await worlds.both(lambda cf: SETTERS[name](cf, worlds.zone)))
    one, other = (emulator.site(worlds.zone).settings for emulator in worlds.emulators)

    assert one == other
    assert worlds.emulators[0].account().listed == worlds.emulators[1].account().listed


async def test_development_mode_runs_out(worlds: Worlds) -> None:
    """For both at once."""
    same(await worlds.both(lambda cf: cf.devmode(worlds.zone, True)))
    worlds.clock.now += 3 * 3600 + 1
    old, new = await worlds.both(lambda cf: cf.zone_settings(worlds.zone))

    assert [False, False] == [old.dev_mode, new.dev_mode]


async def test_an_address_goes_from_list_to_list(worlds: Worlds) -> None:
    """And off again."""
    for ask in (
        lambda cf: cf.wl("192.0.2.5"),
        lambda cf: cf.ban("192.0.2.5"),
        lambda cf: cf.ban("192.0.2.5"),
        lambda cf: cf.nul("192.0.2.5"),
    ):
        same(await worlds.both(ask))
        assert worlds.emulators[0].account().listed == worlds.emulators[1].account().listed


# -- records ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("type_", CREATED)
async def test_a_record_is_created_edited_and_deleted_alike(worlds: Worlds, type_: str) -> None:
    """Answer for answer; what is left is what was."""
    old, new = await worlds.both(lambda cf: CREATED[type_](cf, worlds.zone))
    same((old, new))
    records = [emulator.site(worlds.zone).records for emulator in worlds.emulators]
    assert [plain(one) for one in records[0]] == [plain(one) for one in records[1]]

    if type_ not in {"SRV", "LOC"}:
        for cf, made in ((worlds.old, old), (worlds.new, new)):
            edited = await cf.rec_edit(
                worlds.zone, made.rec_id, made.type, made.display_name or "", made.content, prio=made.prio, ttl=600
            )
            assert (made.rec_id, made.service_mode) == (edited.rec_id, edited.service_mode)
        one, other = (emulator.site(worlds.zone).records[-1] for emulator in worlds.emulators)
        # The proxy has a lifetime of its own in version 4.
        assert (one.ttl if type_ != "A, proxied" else 1, plain(one)["content"]) == (other.ttl, other.content)

    for cf, made in ((worlds.old, old), (worlds.new, new)):
        await cf.rec_delete(worlds.zone, made.rec_id)
    before, after = (emulator.site(worlds.zone).records for emulator in worlds.emulators)
    assert before == after


async def test_an_spf_record_is_a_text_today(worlds: Worlds) -> None:
    """The same in all else."""
    old, new = await worlds.both(lambda cf: cf.rec_new(worlds.zone, "SPF", "t", "v=spf1 -all"))

    assert ("SPF", "TXT") == (old.type, new.type)
    assert (old.name, old.content, old.ttl) == (new.name, new.content, new.ttl)


# -- refusals -----------------------------------------------------------------------------------------


async def test_what_is_refused_is_refused_by_both(worlds: Worlds) -> None:
    """With the same kind of error."""
    stranger = cfclient.Credentials("demo@example.com", "wrong")
    for ask, error in (
        *((one.ask, one.error) for one in REFUSED.values()),
        (lambda cf, zone: cf.acting_as(stranger).zone_settings(zone), cfclient.Unauthorized),
    ):
        assert (error, error) == await worlds.both(lambda cf, ask=ask: ask(cf, worlds.zone))  # type: ignore[misc]  # bound now


async def test_what_today_s_cloudflare_has_no_more(worlds: Worlds) -> None:
    """Version 1 answers, and version 4 says that it cannot."""
    for ask in RETIRED.values():
        await ask(worlds.old, worlds.zone)
        with pytest.raises(cfclient.Unsupported):
            await ask(worlds.new, worlds.zone)


async def test_more_calls_than_allowed_are_refused_by_both(worlds: Worlds) -> None:
    """And again allowed when they are over."""
    for emulator in worlds.emulators:
        emulator._accounts["demo@example.com"].called.extend([worlds.clock.now] * 1200)
    refused = await worlds.both(lambda cf: cf.zone_check([worlds.zone]))
    worlds.clock.now += 301
    again = await worlds.both(lambda cf: cf.zone_check([worlds.zone]))

    assert (cfclient.RateLimited, cfclient.RateLimited) == refused
    assert [worlds.zone] == list(again[0]) == list(again[1])
