"""Whole days of clients and faults from one seed each; and that the invariants would notice what they are there for."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest

from cfclient import retry
from cfclient.actions import Kind
from cfclient.audit import gather
from tests.simulation.network import FAULTS
from tests.simulation.world import Result, simulate


def run(seeds: range) -> list[Result]:
    return [simulate(seed) for seed in seeds]


def findings(results: list[Result]) -> list[str]:
    """Each with the seed that replays it."""
    return [f"make simulate SEED={result.seed}: {finding}" for result in results for finding in result.findings]


def test_some_seeds() -> None:
    """A few of them on every version of Python."""
    assert [] == findings(run(range(8)))


@pytest.mark.slow
@pytest.mark.no_cover
@pytest.mark.parametrize("first", range(0, 200, 50))
def test_200_seeds(first: int) -> None:
    """Nothing lost, nothing twice, no zone half, nothing left over; and every fault and outcome was among them."""
    results = run(range(first, first + 50))

    assert [] == findings(results)
    assert set(FAULTS) <= {fault for result in results for fault in result.met}
    assert {"answered", "unknown", "failed", "cancelled", "killed"} <= {
        outcome for result in results for outcome in result.outcomes
    }


@pytest.mark.slow
@pytest.mark.no_cover
def test_a_year_of_a_bot() -> None:
    """Four looks a day, kills, hours without the service: in the end its record says what it should."""
    result = simulate(2016, year=True)

    assert [] == result.findings
    assert 350 * 86_400 < result.seconds
    assert result.outcomes["killed"] > 0 < result.outcomes["unknown"] < result.outcomes["answered"]


def test_a_seed_is_replayed_step_by_step() -> None:
    """The same trace again, in another process too, where text has other hashes."""
    first = simulate(5).trace
    command = [sys.executable, "-m", "tests.simulation", "--seed", "5"]
    again = subprocess.run(
        command, capture_output=True, text=True, check=True, env={**os.environ, "PYTHONHASHSEED": "7"}, timeout=60
    )

    assert len(first) > 100
    assert first == simulate(5).trace
    assert first == again.stdout.splitlines()


def _no_warning(self: Any, call: Any) -> None:
    """Says nothing."""


async def _takes_any(self: Any, call: Any, action: Any, *others: Any) -> Any:
    for record in await self._alike(call, action):
        return record
    raise self._unknown(action, "nothing there", ()) from others[-1]


_hold = retry._Retrying._hold


def _for_any_refusal(self: Any, failure: Any, action: Any) -> Any:
    own, failure.held_back = getattr(failure, "held_back", None), False
    try:
        return _hold(self, failure, action)
    finally:
        failure.held_back = own


async def _looked_at_once(fetch: Any, key: Any, what: str, *, keep: Any) -> tuple[Any, ...]:
    found: list[Any] = []
    more = True
    while more:
        page = await fetch(len(found))
        found += keep(page.objs)
        more = page.has_more and bool(page.objs)
    return tuple(found)


@pytest.mark.slow
@pytest.mark.no_cover
@pytest.mark.parametrize(
    ("worse", "first", "expected"),
    [
        ((retry, "REPEATABLE", {kind: frozenset(retry.Fault) for kind in Kind}), 30, "made 2 times: 1 answered"),
        ((retry._Retrying, "_cancelled", _no_warning), 0, "0 warned, 0 killed, 0 failed, 1 cancelled"),
        ((retry._Retrying, "_found", _takes_any), 50, "one record was given to two callers"),
        ((retry._Retrying, "_hold", _for_any_refusal), 30, "held back, and the service never said so"),
        ((retry, "_is_gone", lambda _: False), 45, "carried out 1 times, and said to have failed"),
        ((gather, "whole", _looked_at_once), 40, "an audit's records never were so"),
    ],
    ids=[
        "creates are repeated blindly",
        "cancelled calls are not logged",
        "any record like it is taken for the new one",
        "a refusal of our own holds all back",
        "a delete that is repeated has to find something",
        "an audit looks at each page once",
    ],
)
def test_the_invariants_notice(
    worse: tuple[Any, str, Any], first: int, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within a few seeds of the first hundred, a client that is worse in one way only."""
    monkeypatch.setattr(*worse)

    assert any(expected in finding for seed in range(first, first + 5) for finding in simulate(seed).findings)
