"""A short version of `make chaos`: real sockets that fail, a server in another process, and the emulator's state."""

from __future__ import annotations

from collections.abc import Iterator

import attrs
import pytest

from tests import chaos, faults, soak
from tests.counting import needs_proc
from tests.faults import Service

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.no_cover]


@pytest.fixture(scope="module")
def spoiled() -> Iterator[Service]:
    """The service behind the proxy."""
    with faults.service(zones=25) as there:
        yield there


async def test_an_audit_through_faults_and_a_restart_is_complete(spoiled: Service, anyio_backend: str) -> None:
    """Every zone is given, none has failed, and each is as the emulator has it."""
    row = await chaos.audit(spoiled, rate=0.2)

    assert () == row.wrong
    assert "25 complete and equal, 0 named as failed" == row.result
    assert int(row.faulted.split()[0]) > 3


async def test_writes_through_faults_are_there_once_or_said_to_be_unknown(anyio_backend: str) -> None:
    """Whatever happened to the request or to its answer; over version 1 on asyncio, over version 4 on trio."""
    way = "v1" if anyio_backend == "asyncio" else "v4"
    with faults.service(zones=5) as there:
        row = await chaos.writes(there, number=50, way=way, rate=0.15)

    assert () == row.wrong
    assert int(row.faulted.split()[0]) > 3


@needs_proc
async def test_cancelled_calls_leave_nothing_behind(anyio_backend: str) -> None:
    """No socket, task or lane; and the next calls are all answered, though each is asked once."""
    with faults.service(zones=3, latency=6) as there:
        row = await chaos.cancelled(there, number=300, then=100, backend=anyio_backend)

    assert () == row.wrong


@pytest.mark.parametrize("anyio_backend", ["asyncio"])  # what a byte does is not the loop's business
async def test_each_fault_is_noticed_or_harmless(spoiled: Service, anyio_backend: str) -> None:
    """One after the other, on a connection of its own: an error that may be tried again, or the right answer."""
    truth = {site.zone.zone_name: site.settings for site in spoiled.truth().account().sites}
    outcomes = await chaos.one_of_each(spoiled, list(truth))

    assert {*faults.BEFORE, *faults.AFTER} == set(outcomes)
    assert {fault for fault, outcome in outcomes.items() if outcome != "right"} >= {*faults.BEFORE, "reset after"}
    assert {"right"} == {outcomes["trickling"], outcomes["doubled"]}
    assert set(outcomes.values()) <= {"right", "ConnectionFailed", "UnexpectedAnswer"}


@needs_proc
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_soak_fills_what_is_bounded_before_it_counts(anyio_backend: str) -> None:
    """Its creates and its cancelled calls leave no record behind, and no exchange is under way when it counts."""
    with faults.service(zones=2) as there:
        records = [len(site.records) for site in there.truth().account().sites]
        before, samples = await soak.soak(there.direct, seconds=0.3, every=0.1, warm=30)
        left = [len(site.records) for site in there.truth().account().sites]

    assert before >= 60
    assert samples
    assert [0] * len(samples) == [sample.tasks for sample in samples]
    assert records == left


def test_what_has_grown_is_named() -> None:
    """From the second third of the counts to the last; what a count varies by is allowed."""
    flat = [
        soak.Sample(seconds=number, calls=number, kib=50_000 + number % 3 * 400, sockets=2, tasks=0, blocks=280_000)
        for number in range(12)
    ]
    worse = [
        attrs.evolve(
            one, kib=one.kib + 400 * number, sockets=2 + number, tasks=number // 11, blocks=one.blocks + 900 * number
        )
        for number, one in enumerate(flat)
    ]

    assert [] == soak.grown(flat)
    assert ["sockets", "memory", "objects", "exchanges under way"] == soak.grown(worse)
