"""An audit over version 4: the emulator's two faces are audited, and the calls of the new one are counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import httpx
import pytest

import cfclient
from cfclient.audit.model import TODAYS, Rule, ZoneAudit, wanted
from cfclient.audit.rules import RULES
from cfclient.backends.emulator import Emulator
from cfclient.backends.v4.settings import PLACES
from cfclient.client import Client
from cfclient.emulated.ids import v4_id
from tests.emulated import BASE, KEY

pytestmark = pytest.mark.anyio

PAGE = (Path(__file__).parents[1] / "docs" / "howto" / "bulk-audit.md").read_text(encoding="utf-8")


#: rules whose findings differ, each with the reason
UNLIKE = {
    "obsolete-type": "what was an SPF record is a TXT record today",
    "spf-several": "so it is a second policy beside a TXT record's",
}


@attrs.define
class Counting(httpx.AsyncBaseTransport):
    """Version 4's face of an emulator; what is asked of each zone is counted by its place."""

    emulator: Emulator
    asked: Counter[tuple[str, str]] = attrs.field(factory=Counter)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The emulator's."""
        _, _, rest = request.url.path.partition("/zones/")
        zone, _, place = rest.partition("/")
        self.asked[zone, place] += 1
        return await httpx.ASGITransport(self.emulator.v4).handle_async_request(request)


@asynccontextmanager
async def opened(transport: httpx.AsyncBaseTransport) -> AsyncIterator[Client]:
    """A client of version 4 over it."""
    async with (
        httpx.AsyncClient(transport=transport) as http,
        cfclient.connect(BASE, email="demo@example.com", token="demo-key", http=http, pace=None) as cf,
    ):
        yield cf


async def audited(client: Client, rules: Iterable[Rule] = RULES) -> dict[str, ZoneAudit]:
    """The zones' audits by name."""
    async with cfclient.audit(client, rules=rules) as run:
        return {zone.zone: zone async for zone in run}


def found(zone: ZoneAudit, leave: Iterable[str]) -> list[tuple[str, str]]:
    """What was found, without what these rules say."""
    return sorted((finding.rule, finding.message) for finding in zone.findings if finding.rule not in leave)


async def test_both_faces_of_an_account_are_audited_alike() -> None:
    """Every zone is read whole, and every rule that both versions can check finds the same."""
    emulator = Emulator.demo(zones=8, seed=5, limit=None)
    async with cfclient.connect(emulator.connect) as cf:
        old = await audited(cf)
    async with opened(Counting(emulator)) as cf:
        new = await audited(cf)

    assert old.keys() == new.keys()
    compared = set[str]()
    for name, zone in new.items():
        assert zone.failure is None
        assert zone.size == old[name].size
        leave = {*UNLIKE, *(rule for rule, _ in (*zone.not_checked, *old[name].not_checked))}
        assert found(old[name], leave) == found(zone, leave)
        compared.update(rule for rule, _ in found(zone, leave))
    assert {"ssl-off", "origin-exposed", "private-address"} <= compared


async def test_what_cannot_be_checked_says_why() -> None:
    """A setting that the service refuses, and one that has been retired: no finding, and no passing either."""
    async with opened(Counting(Emulator.demo(zones=1))) as cf:
        (zone,) = (await audited(cf)).values()

    reasons = dict(zone.not_checked)
    assert "waf_profile: refused: Unrecognized zone setting name: waf (1006)" == reasons["waf-off"]
    assert "sse: Cloudflare retired Server-side Excludes" == reasons["server-side-excludes-off"]
    assert not reasons.keys() & {finding.rule for finding in zone.findings}


async def test_only_the_settings_that_the_rules_need_are_asked_for() -> None:
    """One call for each place, and one for the records: the number that is documented."""
    http = Counting(Emulator.demo(zones=1))
    async with opened(http) as cf:
        await audited(cf)

    ident = v4_id("zone", http.emulator.account().sites[0].zone.zone_id)
    places = {PLACES[name].path for name in wanted(RULES) & PLACES.keys()}
    assert Counter({(ident, place): 1 for place in (*places, "dns_records")}) == Counter(
        {key: count for key, count in http.asked.items() if key[0]}
    )
    # To list the account's zones, which says their ids too.
    assert 1 == http.asked["", ""]
    assert f"all rules take {http.asked.total() - 1} calls for a zone" in PAGE


async def test_an_audit_of_all_settings_checks_no_less() -> None:
    """Whoever wants them in the report gets today's too, and so do the rules that look at them."""
    async with opened(Counting(Emulator.demo(zones=1))) as cf:
        (least,) = (await audited(cf)).values()
        async with cfclient.audit(cf, all_settings=True) as run:
            (most,) = [zone async for zone in run]

    assert least.not_checked == most.not_checked
    assert least.findings == most.findings
    assert most.settings is not None
    assert most.settings.min_tls_version is not None


async def test_a_listing_of_all_zones_spares_the_look_ups() -> None:
    """Of several pages too; zones that are named are looked up, each once."""
    http = Counting(Emulator.demo(zones=60, limit=None))
    rules = [rule for rule in RULES if rule.id == "duplicate-record"]
    async with opened(http) as cf:
        listed = await audited(cf, rules)
    calls, http.asked = http.asked, Counter()
    async with opened(http) as cf, cfclient.audit(cf, list(listed)[:7], rules=rules) as run:
        named = [zone async for zone in run]

    assert [None] * 67 == [zone.failure for zone in (*listed.values(), *named)]
    # Two pages, of which the first is looked at twice; and the records of each zone.
    assert (3, 60) == (calls["", ""], sum(count for (_, place), count in calls.items() if place == "dns_records"))
    assert 63 == calls.total()
    assert (7, 14) == (http.asked["", ""], http.asked.total())


@pytest.mark.parametrize(
    ("rule", "places"),
    [
        ("hsts-off", {"settings/security_header"}),
        ("dnssec-off", {"dnssec"}),
        ("tls-too-old", {"settings/min_tls_version"}),
        ("duplicate-record", set()),
    ],
)
async def test_one_rule_takes_the_calls_that_it_needs(rule: str, places: set[str]) -> None:
    """One that looks at records only takes none for settings."""
    http = Counting(Emulator.demo(zones=1))
    async with opened(http) as cf:
        await audited(cf, [one for one in RULES if one.id == rule])

    assert {*places, "dns_records"} == {place for zone, place in http.asked if zone}


async def test_what_is_put_right_is_found_no_longer() -> None:
    """HSTS, DNSSEC, TLS and HTTPS, set through version 4 itself."""
    emulator = Emulator.demo(zones=1)
    ident = v4_id("zone", emulator.account().sites[0].zone.zone_id)
    header = {"enabled": True, "max_age": 31536000, "include_subdomains": True, "preload": True, "nosniff": True}
    values: dict[str, Any] = {
        "always_use_https": "on",
        "automatic_https_rewrites": "on",
        "min_tls_version": "1.2",
        "tls_1_3": "on",
        "security_header": {"strict_transport_security": header},
    }
    http = Counting(emulator)
    mine = {"hsts-off", "https-not-enforced", "tls-too-old"}
    async with opened(http) as cf:
        (before,) = (await audited(cf)).values()
        async with httpx.AsyncClient(transport=http, headers=KEY) as right:
            for name, value in values.items():
                done = await right.patch(f"{BASE}/zones/{ident}/settings/{name}", json={"value": value})
                assert 200 == done.status_code, done.text
            done = await right.patch(f"{BASE}/zones/{ident}/dnssec", json={"status": "active"})
            assert 200 == done.status_code, done.text
        (after,) = (await audited(cf)).values()

    assert mine == mine & {rule for rule, _ in found(before, ())}
    changing = {*mine, "dnssec-off"}
    assert found(before, changing) == found(after, changing)
    assert set() == mine & {rule for rule, _ in found(after, ())}
    assert after.settings is not None
    assert ("pending", "1.2", True, True) == (
        after.settings.dnssec_status,
        after.settings.min_tls_version,
        after.settings.always_use_https,
        after.settings.hsts and after.settings.hsts.enabled,
    )
    assert set() == {field for field in TODAYS if getattr(after.settings, field) is None}
