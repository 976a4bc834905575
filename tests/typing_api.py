"""The public API as a type checker sees it: this file is checked by mypy and pyright, and never run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_type

import httpx

import cfclient
from cfclient import actions


async def answers(cf: cfclient.Client) -> None:
    """Each method's answer."""
    assert_type(await cf.stats("example.com", interval="20"), cfclient.Stats)
    assert_type(await cf.zone_load_multi(), cfclient.Page[cfclient.Zone])
    assert_type(await cf.rec_load_all("example.com", offset=180), cfclient.Page[cfclient.Record])
    assert_type(await cf.zone_check(["example.com"]), Mapping[str, str])
    assert_type(await cf.zone_ips("example.com", visitor_class="t"), tuple[cfclient.Visitor, ...])
    assert_type(await cf.ip_lkup("192.0.2.1"), cfclient.ThreatScore)
    assert_type(await cf.zone_settings("example.com"), cfclient.ZoneSettings)
    assert_type(await cf.sec_lvl("example.com", cfclient.SecurityLevel.HIGH), cfclient.Zone | None)
    assert_type(await cf.devmode("example.com", True), cfclient.DevelopmentMode)
    assert_type(await cf.fpurge_ts("example.com"), cfclient.Purge)
    assert_type(await cf.ban("192.0.2.1"), cfclient.IpListing)
    assert_type(await cf.rec_new("example.com", "A", "www", "192.0.2.1"), cfclient.Record)
    assert_type(await cf.perform(actions.Stats("example.com")), cfclient.Stats)
    assert_type(await cf.perform(actions.RecDelete("example.com", "1")), None)


async def listings(cf: cfclient.Client) -> None:
    """Each way of iterating."""
    async for record in cf.records("example.com"):
        assert_type(record, cfclient.Record)
    async for page in cf.zones().pages():
        assert_type(page, cfclient.Page[cfclient.Zone])
    async with cf.zones().ahead(2) as zones:
        async for zone in zones:
            assert_type(zone, cfclient.Zone)
    assert_type(await cf.records("example.com").all(), list[cfclient.Record])


async def bulk(cf: cfclient.Client) -> None:
    """Actions of one kind keep their answer's type."""
    todo = [actions.ZoneSettings("example.com")]
    async with cf.stream_all(todo, ordered=True) as outcomes:
        async for outcome in outcomes:
            assert_type(outcome.unwrap(), cfclient.ZoneSettings)
            assert_type(outcome.error, cfclient.CloudflareError | None)


async def mixed(cf: cfclient.Client) -> None:
    """Actions of several kinds are taken together."""
    todo = [actions.Stats("example.com"), actions.IpLkup("192.0.2.1")]
    for outcome in await cf.perform_all([actions.Stats("example.com")]):
        assert_type(outcome.answer, cfclient.Stats | None)
    async with cf.stream_all(todo) as outcomes:
        async for one in outcomes:
            one.unwrap()


async def connections(http: httpx.AsyncClient) -> None:
    """Each way of connecting."""
    async with cfclient.connect("https://v1.example/", email="a@example.com", token="k", http=http) as cf:
        assert_type(cf, cfclient.Client)
        assert_type(cf.acting_as(cfclient.Credentials("b@example.com", "k")), cfclient.Client)
    async with cfclient.connect(cfclient.emulator(zones=3).connect) as cf:
        assert_type(cf, cfclient.Client)
        async with cfclient.audit(cf) as run:
            async for zone in run:
                assert_type(zone.zone, str)
    cfclient.gateway(cfclient.emulator().connect)


def fields(settings: cfclient.ZoneSettings, record: cfclient.Record) -> None:
    """Python's types, whatever strings the wire uses."""
    assert_type(settings.sec_lvl, cfclient.SecurityLevel | None)
    assert_type(settings.chl_ttl, int | None)
    assert_type(record.type, cfclient.RecordType)
    assert_type(record.ttl, int | None)
    assert_type(record.service_mode, bool | None)
