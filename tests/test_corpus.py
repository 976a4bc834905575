"""The rules over the labelled corpus: none missed, none false."""

from __future__ import annotations

import pytest

from cfclient.audit import RULES, judge

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
