"""The rules: a table of each area, beside the pure functions over one whole zone that it names.

What holds for all of them:

- They see this zone only. A name outside of it may be anything, so nothing is said of it.
- A setting or a flag that is None was not reported: it is neither on nor off.
- The apex may hold a CNAME: the service answers with the addresses behind it, so nobody outside sees one.

`mend` speaks of a client `cf`. Where version 1 can only read a setting, it says so.
"""

from __future__ import annotations

import itertools
from typing import Final

from cfclient.audit.model import Rule

from . import addresses, caching, mail, origin, records, security, targets, transport

__all__ = ["RULES"]

#: Every rule, area by area: first what settings say, then what records do.
RULES: Final[tuple[Rule, ...]] = tuple(
    itertools.chain.from_iterable(
        area.RULES for area in (transport, security, caching, origin, addresses, targets, mail, records)
    )
)
