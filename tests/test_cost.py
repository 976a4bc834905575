"""Getting slower is noticed by counting: calls and bytes of a fixed workload against recorded figures."""

from __future__ import annotations

import json

import pytest

from tests.cost import FIGURES, VERSION, measured

#: how much more than recorded is still all right: a new release of a library may cost a little
BOUND = 1.25

RECORDED: dict[str, dict[str, float]] = json.loads(FIGURES.read_text())


def dearer(found: dict[str, float], recorded: dict[str, float]) -> list[str]:
    """What costs more than it may, each in a line that says how to go on."""
    return [
        f"{name}: {found[name]}, recorded {figure}; if that is meant, `make cost` records it"
        for name, figure in recorded.items()
        if found[name] > figure * BOUND
    ]


def test_figures_are_recorded_for_each_python() -> None:
    """All of them, and each is a number of something."""
    names = {"a small call", "a zone audited", "a page decoded", "bytes of a record"}

    assert {"3.11": names, "3.12": names, "3.13": names} == {version: {*kept} for version, kept in RECORDED.items()}
    assert all(figure > 0 for kept in RECORDED.values() for figure in kept.values())


def test_nothing_costs_more_than_recorded() -> None:
    """And a record stays small, whatever is recorded: a million of them are less than a gigabyte."""
    found = measured()

    assert dearer(found, RECORDED[VERSION]) == []
    assert found["bytes of a record"] <= 950


def test_a_quarter_more_is_too_much() -> None:
    """It is named, with both figures; a fifth more is not."""
    found = {"a small call": 126.0, "a page decoded": 12.0}

    (line,) = dearer(found, {"a small call": 100.0, "a page decoded": 10.0})
    assert line.startswith("a small call: 126.0, recorded 100.0")


@pytest.mark.slow
def test_what_is_counted_is_the_same_every_time() -> None:
    """So a figure that differs says something."""
    assert measured() == pytest.approx(measured(), rel=0.01)
