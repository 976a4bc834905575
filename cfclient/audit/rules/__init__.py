"""The rules: a table of each area, beside the pure functions over one whole zone that it names.

What holds for all of them:

- They see this zone only, and what its CNAMEs run into in other zones of the account. A name outside of
  those may be anything, so nothing is said of it.
- A setting or a flag that is None was not reported: it is neither on nor off.
- The apex may hold a CNAME: the service answers with the addresses behind it, so nobody outside sees one.

`mend` speaks of a client `cf`. Where no action of the API writes a setting, it says so.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Final

from cfclient.audit.model import Rule

from . import addresses, caa_dnssec, caching, cname, mail, origin, records, security, targets, transport

__all__ = ["AREAS", "OPTIONAL", "RULES"]

#: Every rule by its area: first what settings say, then what records do.
AREAS: Final[Mapping[str, tuple[Rule, ...]]] = types.MappingProxyType(
    {
        "transport": transport.RULES,
        "security": security.RULES + security.OPTIONAL,
        "caching": caching.RULES + caching.OPTIONAL,
        "caa-dnssec": caa_dnssec.RULES,
        "origin": origin.RULES + origin.OPTIONAL,
        "addresses": addresses.RULES,
        "cname": cname.RULES,
        "targets": targets.RULES,
        "mail": mail.RULES,
        "records": records.RULES,
    }
)

#: The rules that people disagree about: they are checked where they are selected by name.
OPTIONAL: Final[tuple[Rule, ...]] = security.OPTIONAL + caching.OPTIONAL + origin.OPTIONAL

#: The rules that are checked unless something else is said.
RULES: Final[tuple[Rule, ...]] = tuple(rule for rules in AREAS.values() for rule in rules if rule not in OPTIONAL)
