"""`make live` against the emulator: it changes nothing unasked, and writes down nothing that tells of anybody."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import anyio
import attrs
import pytest

import cfclient
from cfclient.backends.emulator import Emulator
from tests.contract import CREATED, LISTED, READ, REFUSED, RETIRED, SET
from tests.judged import judged
from tests.live import URL, Scrubbed, carried_out, chosen, main, steps

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
        failed = await carried_out(stranger, "x.example", said.append, changing=True)
        # Of version 1, which has what is retired, and refuses nothing for a plan's sake.
        missing = await carried_out(cf, await chosen(cf, None), said.append, changing=False)
    words = [line.split()[0] for line in said]

    assert len(steps(changing=True)) + len(steps(changing=False)) == len(said)
    assert failed + missing == words.count("FAILED")
    assert sum(one.by_plan for one in READ.values()) == words.count("refused")
    assert len(RETIRED) == missing


@pytest.mark.parametrize(
    ("zones", "options"),
    [
        (None, (None, None, "no token is given")),
        (1, ("wrong", None, "Unknown X-Auth-Key or X-Auth-Email")),
        (0, ("demo-key", None, "these credentials see no zone")),
        (1, ("demo-key", "x.example", "these credentials see no zone named x.example")),
    ],
)
def test_what_makes_it_end_at_once_is_one_line(
    zones: int | None,
    options: tuple[str | None, str | None, str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """No key, a wrong one, no zone, or not this one; nothing is written to the service."""
    asked, (key, zone, words) = list[str](), options
    with ExitStack() as stack:
        url = URL if zones is None else stack.enter_context(socketed(Emulator.demo(zones=zones), asked, monkeypatch))
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
        for name in ("CLOUDFLARE_API_KEY", "CLOUDFLARE_API_TOKEN", "CFCLIENT_TOKEN", "CFCLIENT_PROFILE"):
            monkeypatch.delenv(name, raising=False)
        if key:
            monkeypatch.setenv("CLOUDFLARE_API_KEY", key)
        more = ["--zone", zone] if zone else []
        code = main(["--url", url, "--output", str(tmp_path / "exchanges.json"), *more])
    error = capsys.readouterr().err

    assert 2 == code
    assert words in error
    assert 1 == error.count("\n")
    assert {"GET"} >= {line.partition(" ")[0] for line in asked}


@pytest.mark.anyio
async def test_a_zone_that_waits_for_its_name_servers_is_not_the_one_that_is_read() -> None:
    """Version 4 tells its id to nobody who looks for active ones."""
    emulator = Emulator.from_json(
        {"accounts": [{"zones": [{"zone_name": "a.example", "zone_status": "P"}, {"zone_name": "b.example"}]}]}
    )
    async with cfclient.connect(emulator.connect, retry=None) as cf:
        assert "b.example" == await chosen(cf, None)


def test_no_place_and_no_id_is_told_of() -> None:
    """Where a LOC record is, addresses however they are written, and ids with dashes."""
    told = Scrubbed().value(
        {
            "data": {"lat_degrees": 51, "long_degrees": 7, "altitude": 12.5, "size": 1},
            "id": "7bd4f8a4-2f0f-4c5a-9d53-8a1f6f0c2c11",
            "message": "2001:DB8::AB and FE80:1:2::3 at 10:20",
        }
    )
    path = Scrubbed().path("/x?configuration.value=2001%3Adb8%3A%3A1&name=b%C3%BCcher.example")

    text = json.dumps(told)
    assert [] == [word for word in ("51", "7", "12.5", "7bd4", "DB8", "FE80", "2c11") if word in text]
    assert "10:20" in text
    assert [] == [word for word in ("db8", "cher") if word in path]


def test_words_are_the_same_wherever_they_stand() -> None:
    """And what says nothing of anybody is left."""
    scrubbed = Scrubbed()

    assert "host-1 and host-1, xn: host-2" == scrubbed.text(
        "www.example.com and www.example.com, xn: b\u00fccher.xn--p1ai".replace("b\u00fccher", "xn--bcher-kva")
    )
    assert "firewallaccessrules.api.duplicate_of_existing" == scrubbed.text(
        "firewallaccessrules.api.duplicate_of_existing"
    )
