"""Zones in, findings out: what is wrong with them, why it matters and how it is mended.

    async with cfclient.audit(client) as run:
        async for zone in run:
            print(zone.zone, *(finding.message for finding in zone.findings))
    print(run.summary.complete)

- `model.py`: the values, and `judge`, which applies rules to a zone; no I/O;
- `rules/`: the rules, pure functions over one zone, a file for each area;
- `policy.py`: which rules are checked, rules of one's own, and what is known already;
- `gather.py`: the only part that asks: it reads whole zones, or says why it could not;
- `neighbours.py`: what CNAMEs run into in the account's other zones;
- `report/`: what was found, as text for people and programs.
"""

from __future__ import annotations

from .gather import Audit, audit
from .model import (
    Beyond,
    Excepted,
    Exemption,
    Fault,
    Finding,
    Rule,
    Severity,
    Summary,
    Tally,
    Unseen,
    ZoneAudit,
    ZoneData,
    judge,
)
from .policy import Policy, joined, read_policy, rule, selected
from .rules import AREAS, OPTIONAL, RULES

__all__ = [
    "AREAS",
    "OPTIONAL",
    "RULES",
    "Audit",
    "Beyond",
    "Excepted",
    "Exemption",
    "Fault",
    "Finding",
    "Policy",
    "Rule",
    "Severity",
    "Summary",
    "Tally",
    "Unseen",
    "ZoneAudit",
    "ZoneData",
    "audit",
    "joined",
    "judge",
    "read_policy",
    "rule",
    "selected",
]
