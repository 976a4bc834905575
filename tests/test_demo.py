"""The demo account: the same for the same seed, like real ones, and wrong only where it says so."""

from __future__ import annotations

import hashlib
import ipaddress
import itertools
import json
import random
from collections import Counter
from collections.abc import Mapping

import pytest

from cfclient import actions as act
from cfclient import limits, models, shapes
from cfclient.audit.model import ZoneData
from cfclient.audit.rules import RULES
from cfclient.backends import demo as module
from cfclient.backends.account import Account, Site, accounts_to_json, make_zone
from cfclient.backends.demo import FAULTS, demo_account
from cfclient.backends.emulator import DEMO, Emulator
from cfclient.models import RecordType

SEEDS = range(6)


@pytest.fixture(scope="module", params=SEEDS)
def demo(request: pytest.FixtureRequest) -> tuple[Account, Mapping[str, frozenset[str]]]:
    """The account of one seed, and what was planted."""
    return demo_account(25, request.param)


def addressed(site: Site) -> list[models.Record]:
    return [record for record in site.records if record.type in act.PROXIABLE]


def test_a_seed_makes_one_account() -> None:
    """The same again, another for another seed, and this very one on every Python."""
    text = json.dumps(accounts_to_json((demo_account(5, 1)[0],)), sort_keys=True)

    assert demo_account(5, 1) == demo_account(5, 1)
    assert demo_account(5, 1) != demo_account(5, 2)
    assert "da5ea32ce89efa16" == hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


@pytest.mark.parametrize("zones", [0, 1, 2, 3, 4, 40])
def test_there_are_as_many_zones_as_asked_for(zones: int) -> None:
    """The big one is the first, and there is no other of its size."""
    account, planted = demo_account(zones)

    names = [site.zone.zone_name for site in account.sites]
    assert zones == len(set(names)) == len(names)
    assert names == list(planted)
    assert [0][:zones] == [index for index, site in enumerate(account.sites) if len(site.records) > 1000]


def test_names_do_not_run_out() -> None:
    """There are more zones than pairs of words."""
    pairs = len(module._FIRST) * len(module._SECOND)
    names = list(itertools.islice(module._names(random.Random(1)), 2 * pairs))

    assert 2 * pairs == len(set(names))
    assert {True} == {
        again == name.replace(".example", "-2.example")
        for name, again in zip(names[:pairs], names[pairs:], strict=True)
        if "xn--" not in name
    }
    assert {models.Zone} == {type(make_zone(shapes.domain_name(name), zone_id="1")) for name in names}


def test_sizes_are_mixed(demo: tuple[Account, Mapping[str, frozenset[str]]]) -> None:
    """Most are small, a few fill more than a page."""
    _, *sizes = [len(site.records) for site in demo[0].sites]

    assert {True} == {4 <= size <= 66 or 180 <= size <= 366 for size in sizes}
    assert 3 == sum(size >= 180 for size in sizes)


def test_every_kind_of_fault_is_planted_in_about_a_third_of_the_zones(
    demo: tuple[Account, Mapping[str, frozenset[str]]],
) -> None:
    """One to three in each, all kinds among them, none in the big zone."""
    account, planted = demo
    faulty = {name: faults for name, faults in planted.items() if faults}

    assert 8 == len(faulty)
    assert {1, 2, 3} == {len(faults) for faults in faulty.values()}
    assert set(FAULTS) == set().union(*faulty.values())
    assert account.sites[0].zone.zone_name not in faulty


def test_the_audit_finds_what_was_planted_and_nothing_else(
    demo: tuple[Account, Mapping[str, frozenset[str]]],
) -> None:
    """Each fault in its zone, and no zone has one that was not planted."""
    account, planted = demo
    rules = [rule for rule in RULES if rule.id in FAULTS]

    found: dict[str, frozenset[str]] = {}
    for site in account.sites:
        data = ZoneData(zone=site.zone.zone_name, settings=site.settings, records=site.records)
        found[data.zone] = frozenset(rule.id for rule in rules if list(rule.check(data)))

    assert len(FAULTS) == len(rules)
    assert dict(planted) == found


def test_addresses_are_public_unless_planted(demo: tuple[Account, Mapping[str, frozenset[str]]]) -> None:
    """None is reserved, not even for documentation."""
    account, planted = demo

    odd = {
        site.zone.zone_name
        for site in account.sites
        for record in addressed(site)
        if record.type is not RecordType.CNAME and not ipaddress.ip_address(record.content).is_global
    }

    assert {name for name, faults in planted.items() if "private-address" in faults} == odd


def test_an_alias_stands_alone(demo: tuple[Account, Mapping[str, frozenset[str]]]) -> None:
    """As DNS demands of a CNAME (RFC 1034 §3.6.2)."""
    for site in demo[0].sites:
        names = Counter(record.name for record in site.records)

        assert [] == [
            record.name for record in site.records if record.type is RecordType.CNAME and names[record.name] > 1
        ]


def test_records_are_such_as_the_service_takes() -> None:
    """All nine types but SPF without fault; each could have been created, but for what is planted."""
    account, planted = demo_account(25, 1)
    types = {record.type for site in account.sites for record in site.records if not planted[site.zone.zone_name]}

    assert limits.V1.record_types - {RecordType.SPF} == types
    for site in account.sites:
        zone = site.zone.zone_name
        for record in site.records:
            if record.type is RecordType.SRV or (record.type is RecordType.MX and "mx-to-address" in planted[zone]):
                continue
            action = act.RecNew(zone, record.type, record.name, record.content, ttl=record.ttl or 0, prio=record.prio)
            limits.V1.check(action)
            assert (record.name, record.content) == (action.name, action.content)


def test_zones_and_records_have_names_in_other_scripts() -> None:
    """In Punycode, and shown in Unicode."""
    account, _ = demo_account(25, 1)

    zones = [site.zone for site in account.sites if "xn--" in site.zone.zone_name]
    records = [record for site in account.sites for record in site.records if record.name.startswith("xn--")]
    shown = [*(zone.display_name or "" for zone in zones), *(record.display_name or "" for record in records)]
    assert len(zones) > 0
    assert len(records) > 0
    assert [] == [name for name in shown if "xn--" in name or name.isascii()]


def test_plans_partners_and_pauses_are_mixed() -> None:
    """So that a client meets them."""
    account, _ = demo_account(100, 1)
    zones = [site.zone for site in account.sites]

    plans = {zone.props.plan for zone in zones if zone.props}
    assert {"FREE_ZONE", "PRO_ZONE", "BIZ_ZONE", "ENT_ZONE"} == plans
    assert {"F", "P"} == {zone.zone_type for zone in zones}
    assert {"status-active", "status-deactivated"} == {zone.zone_status_class for zone in zones}
    assert {(), ("norm.ns.cloudflare.com", "pat.ns.cloudflare.com")} == {zone.fqdns for zone in zones}
    ids = [record.rec_id for site in account.sites for record in site.records]
    assert len(ids) == len(set(ids))


def test_the_emulator_begins_with_it() -> None:
    """Development mode, where planted, was switched on when it started."""
    account, planted = demo_account(25, 3)
    emulator = Emulator.demo(zones=25, seed=3, clock=lambda: 1_700_000_000.0)
    developing = {name for name, faults in planted.items() if "development-mode-on" in faults}

    zones = emulator.perform(DEMO, act.ZoneLoadMulti()).objs

    assert [site.zone.zone_name for site in account.sites] == [zone.zone_name for zone in zones]
    assert developing == {zone.zone_name for zone in zones if zone.zone_status_class == "status-dev-mode"}
    assert [site.records for site in account.sites] == [site.records for site in emulator.account().sites]
