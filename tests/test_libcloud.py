"""apache-libcloud 2.5.0, a real client of version 1, unmodified, in a process of its own, over a real socket."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anyio
import pytest

import cfclient
from cfclient import models
from tests.served import demo_server

pytestmark = pytest.mark.anyio

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """`cfclient serve --demo` in another process."""
    with demo_server("--zones", "3") as url:
        yield url


def libcloud_python() -> str:
    """An interpreter on which libcloud 2.5.0 imports: this one if it is a 3.11."""
    if sys.version_info[:2] != (3, 11):
        pytest.skip("apache-libcloud 2.5.0 imports on Python 3.11 only")
    return shutil.which(sys.executable) or sys.executable


async def test_libcloud_drives_all_of_its_actions(address: str) -> None:
    """Its writes are visible to cfclient, and cfclient's to it."""
    python = libcloud_python()
    async with cfclient.connect(address, email="demo@example.com", token="demo-key") as cf:
        zones = await cf.zones().all()
        zone = zones[-1].zone_name
        before = await cf.records(zone).all()
        await cf.minify(zone, models.Minify.ALL)
        with anyio.fail_after(60):
            done = await anyio.run_process(
                [python, str(HERE / "libcloud_v1.py"), str(urlsplit(address).port), zone], check=False
            )
        assert b"" == done.stderr
        saw: dict[str, Any] = json.loads(done.stdout)
        after = await cf.records(zone).all()
        settings = await cf.zone_settings(zone)
        score = await cf.ip_lkup("198.51.100.2")

    # What cfclient wrote, libcloud saw.
    assert {one.zone_name: one.zone_id for one in zones} == saw["zones"]
    assert len(before) == saw["records"]
    assert "7" == saw["settings before"]["minify"]
    assert {zone: int(zones[-1].zone_id)} == saw["zone_check"]
    assert {"192.0.2.200": False} == saw["ip_lkup"]

    # What libcloud wrote, cfclient sees.
    (record,) = [record for record in after if record not in before]
    assert [record.rec_id, "from-libcloud", "A", "192.0.2.10", 300] == saw["created"]
    assert [record.rec_id, record.content, record.ttl] == saw["updated"] == [record.rec_id, "192.0.2.11", 120]
    assert "MX" == saw["exchange"][1]
    assert saw["deleted"] is True
    assert "deleted again" in saw
    assert [True] * 11 == saw["done"]
    assert (models.SecurityLevel.UNDER_ATTACK, models.CacheLevel.AGGRESSIVE) == (settings.sec_lvl, settings.cache_lvl)
    assert models.IPv6Mode.OFF == settings.ipv46
    assert settings.dev_mode not in {None, False}
    assert settings.fpurge_ts is not None
    assert "BAD" == score.verdict
    assert ("help", 40) == (saw["settings after"]["sec_lvl"], saw["stats"])
