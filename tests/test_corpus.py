"""The rules over the labelled corpus: none missed, none false."""

from __future__ import annotations

import httpx
import pytest

import cfclient
from cfclient.audit import RULES, judge
from cfclient.backends.emulator import DEMO

from .corpus import PLANTS, planted, zones


def test_every_rule_has_a_plant() -> None:
    """So that the corpus tries all of them."""
    assert {rule.id for rule in RULES} == set(PLANTS)


def test_the_zone_without_fault_has_none() -> None:
    """And nothing in it goes unchecked."""
    data, expected = planted("sound.example", frozenset())

    result = judge(data, RULES)

    assert ((), (), frozenset()) == (result.findings, result.not_checked, expected)


@pytest.mark.parametrize("rule", sorted(PLANTS))
def test_a_plant_is_found(rule: str) -> None:
    """By its rule, and by none that it is not known for."""
    data, expected = planted("one.example", frozenset({rule}))

    assert expected == {finding.rule for finding in judge(data, RULES).findings}


@pytest.mark.parametrize("seed", range(3))
def test_many_zones_have_the_findings_that_were_planted(seed: int) -> None:
    """Several faults in a zone neither hide nor make one another."""
    wrong = {
        data.zone: (expected, found)
        for data, expected in zones(150, seed)
        if expected != (found := {finding.rule for finding in judge(data, RULES).findings})
    }

    assert {} == wrong


@pytest.mark.slow
@pytest.mark.anyio
async def test_todays_service_tells_what_version_1_does_not() -> None:
    """CAA and today's settings are judged, and what it refuses is not checked, with its reason."""
    emulator = cfclient.emulator(zones=2)
    address = "https://emulator.example/client/v4"

    async with (
        httpx.AsyncClient(transport=httpx.ASGITransport(emulator.v4)) as http,
        cfclient.connect(address, email=DEMO.email, token=str(DEMO.token), http=http) as cf,
        cfclient.audit(cf) as run,
    ):
        (zone, _) = [zone async for zone in run]
    async with cfclient.audit(emulator.connect()) as run:
        (old, _) = [zone async for zone in run]

    assert {"caa-missing", "hsts-off"} <= {finding.rule for finding in zone.findings}
    reasons = dict(zone.not_checked)
    assert "sse: Cloudflare retired" in reasons["server-side-excludes-off"]
    assert [] == [reason for reason in reasons.values() if "version 1" in reason or "fault" in reason]
    assert "version 1 of the API does not list CAA records, so none can be seen" == dict(old.not_checked)["caa-missing"]
