"""Other people's programs drive the emulator's version 4 face over a socket, unmodified; what they write is read.

Each runs in a process of its own, with its client in a folder of its own, which `make clients` fills:
the dependencies of some clash with those of the tests.
Cloudflare's description judges what passes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import anyio
import httpx
import pytest

import cfclient
from cfclient import actions as act
from cfclient import models
from cfclient.backends.emulator import DEMO, Emulator
from cfclient.emulated import PATH
from tests.judged import judged

pytestmark = pytest.mark.slow

T = TypeVar("T")

SCRIPTS = Path(__file__).parent / "clients"
CLIENTS = Path(sys.prefix) / "clients"


def driven(client: str, emulator: Emulator) -> Any:
    """What this client says it saw; the zone with the most faults it may change."""
    folder = CLIENTS / client
    if not (folder / ".done").is_file():
        pytest.skip(f"{client} is not installed: make clients")
    script = next(SCRIPTS.glob(f"{client}*.py"))
    zone = emulator.account().sites[1].zone.zone_name
    with judged(emulator.v4) as url:
        done = subprocess.run(
            [sys.executable, script, url, zone],
            env={**os.environ, "PYTHONPATH": str(folder), "PYTHONWARNINGS": "ignore"},
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )
    assert 0 == done.returncode, done.stderr[-2000:]
    return json.loads(done.stdout)


def over_version_4(emulator: Emulator, call: Callable[[cfclient.Client], Awaitable[T]]) -> T:
    """What cfclient's own version 4 reads."""

    async def main() -> T:
        url = f"https://emulator.example{PATH}"
        async with (
            httpx.AsyncClient(transport=httpx.ASGITransport(emulator.v4)) as http,
            cfclient.connect(url, email=DEMO.email, token=DEMO.token, http=http, pace=None) as cf,
        ):
            return await call(cf)

    return anyio.run(main)


def written(emulator: Emulator, name: str) -> list[tuple[str, str, str, int | None, int | None]]:
    """The records with this in their names, as version 1 lists them; version 4 reads the same."""
    zone = emulator.account().sites[1].zone.zone_name

    def shown(records: Iterable[models.Record]) -> list[tuple[str, str, str, int | None, int | None]]:
        return [
            (str(record.type), record.name.removesuffix(f".{zone}"), record.content, record.prio, record.ttl)
            for record in records
            if name in record.name
        ]

    old = shown(emulator.perform(DEMO, act.RecLoadAll(zone)).objs)
    new = shown(over_version_4(emulator, lambda cf: cf.records(zone).all()))
    assert sorted(old, key=str) == sorted(new, key=str)
    return old


def test_the_official_sdk() -> None:
    """Records, the batch, settings, purges, access rules, DNSSEC, tokens."""
    emulator = Emulator.demo(zones=3)
    site = emulator.account().sites[1]
    seen = driven("sdk", emulator)
    settings = emulator.perform(DEMO, act.ZoneSettings(site.zone.zone_name))
    today = over_version_4(
        emulator,
        lambda cf: cf.zone_settings(site.zone.zone_name, only={"sec_lvl", "ipv46", "dnssec_status", "universal_ssl"}),
    )

    assert {
        "records": len(site.records) + 1,
        "edited": ["192.0.2.6", True, "hello"],
        "put": ["192.0.2.7", False, None],
        "export": True,
        "settings": [
            *("ssl", "always_use_https", "min_tls_version", "tls_1_3", "security_header", "development_mode"),
        ],
        "level": "high",
        "ipv6": "off",
        "rule": [True, "whitelist", "sdk"],
        "dnssec": "pending",
        "ssl": True,
        "user": "demo@example.com",
        "account": True,
        "token": "active",
        "zones by token": 3,
        "refused": [9005],
    } == seen
    assert [("SRV", "_sdk._tcp", "2 3 x.example", 1, 1)] == written(emulator, "sdk")
    assert (models.SecurityLevel.HIGH, models.IPv6Mode.OFF) == (settings.sec_lvl, settings.ipv46)
    assert (settings.sec_lvl, settings.ipv46) == (today.sec_lvl, today.ipv46)
    assert ("pending", True) == (today.dnssec_status, today.universal_ssl)
    assert settings.fpurge_ts is not None
    assert {"192.0.2.99": models.ListAction.WHITELISTED} == emulator.account().listed


def test_dns_lexicon() -> None:
    """It creates the same record twice and takes the refusal for done, as it does with the live service."""
    emulator = Emulator.demo(zones=3)
    before = len(emulator.account().sites[1].records)
    seen = driven("lexicon", emulator)

    assert [True, True] == seen["created"]
    assert ("token", 300) == (seen["listed"][0][1], seen["listed"][0][2])
    assert (["another"], before + 3) == (seen["updated"], seen["all"])
    assert [
        ("TXT", "lexicon", "another", None, 300),
        ("CAA", "lexicon", '0 issue "ca.example"', None, 300),
        ("SRV", "_lexicon._tcp", "2 3 target.example", 1, 300),
    ] == written(emulator, "lexicon")


def test_apache_libcloud() -> None:
    """Its current driver; the one for version 1 has tests of its own."""
    emulator = Emulator.demo(zones=3)
    site = emulator.account().sites[1]
    seen = driven("libcloud", emulator)

    assert {
        "zones": 3,
        "zone": site.zone.zone_name,
        "made": [f"libcloud.{site.zone.zone_name}", "A", "192.0.2.5", 300],
        "mail": ["mail.example", 10],
        "updated": ["192.0.2.6", "192.0.2.6"],
        "records": len(site.records) + 3,
        "gone": True,
        "missing": "81044: Record does not exist. (error chain: )",
    } == seen
    assert [("A", "libcloud", "192.0.2.6", None), ("MX", "libcloud", "mail.example", 10)] == [
        entry[:4] for entry in written(emulator, "libcloud")
    ]


def test_octodns() -> None:
    """What it has applied it finds again, so that nothing is left to plan; its SRV records are refused as live."""
    emulator = Emulator.demo(zones=3)
    seen = driven("octodns", emulator)

    words = "SRV data fields 'service', 'proto' and 'name' are no longer supported"
    assert {"created": 5, "after": 0, "updated": 1, "deleted": 2, "refused": words} == seen
    assert [
        ("LOC", "octo-loc", "51 30 12.7 N 0 7 39.6 W 10m 1m 100m 10m", None, 300),
        ("MX", "octo-mail", "mail.example", 10, 300),
        ("TXT", "octo-text", '"v=octo1; a b"', None, 300),
    ] == sorted(written(emulator, "octo-"))
