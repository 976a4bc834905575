"""The traffic of a zone: numbers and visitors that depend on its name and on the time only.

Both faces tell the same: version 1 as statistics, version 4 by GraphQL.
"""

from __future__ import annotations

import functools
import hashlib
import types
from collections.abc import Mapping
from typing import Final

import attrs

from cfclient import models

__all__ = ["THREAT_NETWORK", "Totals", "Visit", "draw", "totals", "visits"]


def draw(*parts: object) -> tuple[int, ...]:
    """Sixteen numbers below 2**32 that these parts always give."""
    digest = hashlib.blake2b("\n".join(map(str, parts)).encode()).digest()
    return tuple(int.from_bytes(digest[at : at + 4], "big") for at in range(0, 64, 4))


@attrs.frozen(kw_only=True)
class Totals:
    """What a zone served within a number of days."""

    pages: models.Traffic
    uniques: models.Traffic
    requests: int
    cached_requests: int
    bytes: int
    cached_bytes: int


def totals(zone: str, days: float) -> Totals:
    """The same for the same zone and the same number of days."""
    seen, spiders, threats, hits, cached, size, *_ = draw("stats", zone)

    def total(per_day: int) -> int:
        return int(per_day * days)

    requests = total(1_000 + hits % 100_000)
    ours = requests * (40 + cached % 50) // 100
    cached_bytes = ours * (4_000 + size % 20_000)
    return Totals(
        pages=models.Traffic(
            regular=total(200 + seen % 20_000), threat=total(4 + threats % 300), crawler=total(4 + spiders % 1_000)
        ),
        uniques=models.Traffic(
            regular=total(40 + seen % 20_000 // 5),
            threat=total(4 + threats % 300 // 2),
            crawler=total(4 + spiders % 100),
        ),
        requests=requests,
        cached_requests=ours,
        bytes=cached_bytes + (requests - ours) * (8_000 + size % 20_000),
        cached_bytes=cached_bytes,
    )


# Documentation's own networks (RFC 5737, RFC 3849), so that nobody real gets a bad name.
_NETWORKS: Final[Mapping[models.VisitorClass, tuple[str, str]]] = types.MappingProxyType(
    {
        models.VisitorClass.REGULAR: ("regular", "198.51.100."),
        models.VisitorClass.CRAWLER: ("crawler", "192.0.2."),
        models.VisitorClass.THREAT: ("threat", "203.0.113."),
    }
)
#: where the visitors that are threats come from
THREAT_NETWORK: Final = _NETWORKS[models.VisitorClass.THREAT][1]
_CLASSES: Final = (*[models.VisitorClass.REGULAR] * 5, *[models.VisitorClass.CRAWLER] * 2, models.VisitorClass.THREAT)


@attrs.frozen
class Visit:
    """A visitor of the last 48 hours, and how many hours ago it came at the latest."""

    kind: models.VisitorClass
    ago: int
    visitor: models.Visitor

    def hits(self, hours: float) -> int:
        """How often it came within so many hours."""
        return int((self.visitor.hits or 0) * hours // 48) if self.ago <= hours else 0


@functools.lru_cache(maxsize=1024)
def visits(zone: str) -> tuple[Visit, ...]:
    """Who visited the zone within 48 hours, the most frequent first."""
    found = []
    for index in range(8 + draw("visitors", zone)[0] % 40):
        host, hits, ago, latitude, longitude, *_ = draw("visitor", zone, index)
        kind = _CLASSES[index % len(_CLASSES)]
        classification, network = _NETWORKS[kind]
        visitor = models.Visitor(
            # The index, which is below 50, keeps two visitors from having one address.
            ip=f"{network}{1 + host % 4 * 50 + index}",
            classification=classification,
            hits=48 + hits % 10_000,
            latitude=latitude % 120_000 / 1_000 - 50,
            longitude=longitude % 360_000 / 1_000 - 180,
            zone_name=zone,
        )
        # The first of each class is always there, whatever the hours.
        found.append(Visit(kind, 1 if index < len(_CLASSES) else 1 + ago % 48, visitor))
    return tuple(sorted(found, key=lambda visit: -(visit.visitor.hits or 0)))
