"""`make live` against the emulator: it changes nothing unasked, and writes down nothing that tells of anybody."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

import cfclient
from cfclient.backends.emulator import Emulator
from cfclient.client import Client
from cfclient.http.httpx import Borrowed
from tests.live import READING, WRITING, Recorder, carried_out

pytestmark = pytest.mark.anyio

URL = "https://emulator.example/client/v4"


@asynccontextmanager
async def recorded(emulator: Emulator) -> AsyncIterator[tuple[Client, Recorder]]:
    """A client of the emulator, and what passes."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(emulator.v4)) as http:
        recorder = Recorder(Borrowed(http))
        async with cfclient.connect(URL, email="demo@example.com", token="demo-key", http=recorder, retry=None) as cf:
            yield cf, recorder


async def test_without_a_zone_it_only_reads() -> None:
    """Every step passes, and nothing is changed."""
    emulator = Emulator.demo(zones=3)
    before, said = emulator.accounts, list[str]()
    async with recorded(emulator) as (cf, recorder):
        failed = await carried_out(cf, None, said.append)

    assert (0, [f"passed  {step.name}" for step in READING]) == (failed, said)
    assert {"GET", "POST /client/v4/graphql"} == {
        "GET" if one["request"]["method"] == "GET" else f"{one['request']['method']} {one['request']['path']}"
        for one in recorder.exchanges
    }
    assert before == emulator.accounts


async def test_in_a_zone_that_is_named_it_leaves_things_as_they_were() -> None:
    """Records and settings; and what it writes down names nobody."""
    emulator = Emulator.demo(zones=3)
    before = emulator.account()
    zone = before.sites[1].zone.zone_name
    said: list[str] = []
    async with recorded(emulator) as (cf, recorder):
        failed = await carried_out(cf, zone, said.append)
    text = json.dumps(recorder.exchanges)

    assert (0, len(READING) + len(WRITING)) == (failed, len(said))
    assert before == emulator.account()
    assert [] == [
        told
        for told in ("demo-key", "demo@", zone.split(".")[0], "93.184.", "2606:", "192.0.2.")
        if told in text.lower()
    ]


async def test_a_step_that_fails_is_told() -> None:
    """And the others are carried out all the same."""
    emulator = Emulator.demo(zones=2)
    said: list[str] = []
    async with recorded(emulator) as (cf, _):
        failed = await carried_out(
            cf.acting_as(cfclient.Credentials("demo@example.com", "wrong")), "x.example", said.append
        )

    assert len(READING) + len(WRITING) == len(said)
    assert failed == sum(line.startswith("FAILED") for line in said) > 5
