"""`make live` against the emulator: it changes nothing unasked, and writes down nothing that tells of anybody."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import attrs
import pytest

import cfclient
from cfclient.backends.emulator import Emulator
from tests.contract import CREATED, LISTED, READ, REFUSED, RETIRED, SET
from tests.judged import judged
from tests.live import Scrubbed, carried_out, main, steps

READING = [*READ, *(name for name, one in REFUSED.items() if not one.writes), *RETIRED]


@contextmanager
def socketed(emulator: Emulator, asked: list[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The emulator on a socket, behind the judge; each request is noted, and the environment has the key."""

    async def noted(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            asked.append(f"{scope['method']} {scope['path'].removeprefix('/client/v4')}")
        await emulator.v4(scope, receive, send)

    monkeypatch.setenv("CLOUDFLARE_EMAIL", "demo@example.com")
    monkeypatch.setenv("CLOUDFLARE_API_KEY", "demo-key")
    with judged(noted) as url:
        yield url


@pytest.mark.slow
def test_without_a_zone_it_only_reads(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every step passes, nothing is changed, and nothing but reads is sent."""
    emulator, asked = Emulator.demo(zones=3), list[str]()
    before = emulator.accounts
    with socketed(emulator, asked, monkeypatch) as url:
        code = main(["--url", url, "--output", str(tmp_path / "exchanges.json")])
    said = capsys.readouterr().out.splitlines()

    assert [f"passed  {name}" for name in READING] == said[:-1]
    assert f"{len(asked)} exchanges, without names and keys, are in {tmp_path / 'exchanges.json'}" == said[-1]
    assert 0 == code
    assert {"GET", "POST /graphql"} == {"GET" if line.startswith("GET ") else line for line in asked}
    assert before == emulator.accounts


@pytest.mark.slow
def test_in_a_zone_that_is_named_it_leaves_things_as_they_were(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All of the contract; and what it writes down names nobody."""
    emulator, asked = Emulator.demo(zones=3), list[str]()
    before = emulator.account()
    zone = before.sites[1].zone.zone_name
    with socketed(emulator, asked, monkeypatch) as url:
        code = main(["--url", url, "--zone", zone, "--output", str(tmp_path / "exchanges.json")])
        ids = anyio.run(private, url)
    said = capsys.readouterr().out.splitlines()
    text = (tmp_path / "exchanges.json").read_text().lower()
    exchanges = json.loads(text)

    assert [] == [line for line in said if line.startswith(("FAILED", "refused"))]
    assert len(said) - 1 == len(READ) + len(REFUSED) + len(RETIRED) + len(SET) + len(LISTED) + len(CREATED)
    assert 0 == code
    # All but the times of the purges is as before.
    after = emulator.account()
    assert [site.records for site in before.sites] == [site.records for site in after.sites]
    assert [attrs.evolve(site.settings, fpurge_ts=None) for site in before.sites] == [
        attrs.evolve(site.settings, fpurge_ts=None) for site in after.sites
    ]
    assert before.listed == after.listed
    assert {"put", "patch", "post", "delete", "get"} >= {one["request"]["method"] for one in exchanges}
    assert len(asked) == len(exchanges) + 1  # the one for the ids
    told = ["demo-key", "demo@", "x-auth", *(site.zone.zone_name.split(".")[0] for site in before.sites), *ids]
    assert [] == [secret for secret in told if secret in text]
    assert None is re.search(r"[0-9a-f]{32}|\b\d+\.\d+\.\d+\.\d+\b|2606:|2001:", text)


async def private(url: str) -> list[str]:
    """The ids of the account and of its zones."""
    async with cfclient.connect(url, email="demo@example.com", token="demo-key", retry=None) as cf:
        zones = await cf.zones().all()
        return [zone.zone_id for zone in zones] + [zone.user_id for zone in zones if zone.user_id]


@pytest.mark.anyio
async def test_a_step_that_fails_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the others are carried out all the same; what a plan refuses is told apart."""
    said: list[str] = []
    async with cfclient.connect(Emulator.demo(zones=2).connect, retry=None) as cf:
        stranger = cf.acting_as(cfclient.Credentials("demo@example.com", "wrong"))
        failed = await carried_out(stranger, "x.example", said.append)
        # Of version 1, which has what is retired, and refuses nothing for a plan's sake.
        missing = await carried_out(cf, None, said.append)
    words = [line.split()[0] for line in said]

    assert len(steps("x.example")) + len(steps(None)) == len(said)
    assert failed + missing == words.count("FAILED")
    assert sum(one.by_plan for one in READ.values()) == words.count("refused")
    assert len(RETIRED) == missing


def test_words_are_the_same_wherever_they_stand() -> None:
    """And what says nothing of anybody is left."""
    scrubbed = Scrubbed()

    assert "host-1 and host-1, xn: host-2" == scrubbed.text(
        "www.example.com and www.example.com, xn: b\u00fccher.xn--p1ai".replace("b\u00fccher", "xn--bcher-kva")
    )
    assert "firewallaccessrules.api.duplicate_of_existing" == scrubbed.text(
        "firewallaccessrules.api.duplicate_of_existing"
    )
