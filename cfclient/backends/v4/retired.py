"""What Cloudflare retired or will retire of its API, as data: the dates are its own (its log of deprecations).

`RETIRED` is what is gone for us; `DATES` is what holds for something that a handler still relies on.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Final

import attrs

__all__ = ["DATES", "NO_SETTING", "RETIRED", "Retired"]


@attrs.frozen(kw_only=True)
class Retired:
    """One thing that version 1 had and today's Cloudflare has no more."""

    what: str
    #: the day, or the month where no day was published; None where neither was
    since: str | None
    #: what is left to use
    instead: str

    def __str__(self) -> str:
        """The reason, the date, and what to use instead, in one line."""
        when = f" ({self.since})" if self.since else ""
        return f"Cloudflare retired {self.what}{when}; {self.instead}"


#: by action
RETIRED: Final[Mapping[str, Retired]] = types.MappingProxyType(
    {
        "minify": Retired(
            what="Auto Minify",
            since="2024-08-05",
            instead="minify when you build the site, and let Cloudflare compress it",
        ),
        "mirage2": Retired(
            what="Mirage",
            since="2026-01",
            instead="use Polish (dashboard, Pro plans and above) or Cloudflare Images",
        ),
        "ip_lkup": Retired(
            what="threat scores (cf.threat_score is always 0 now)",
            since=None,
            instead="ask the account's security centre: GET /accounts/{account}/intel/ip names risk types, not a score",
        ),
    }
)

#: by field of `ZoneSettings`: why today's Cloudflare cannot tell it
NO_SETTING: Final[Mapping[str, str]] = types.MappingProxyType(
    {
        "lazy": str(RETIRED["mirage2"]),
        "minify": str(RETIRED["minify"]),
        "sse": "Cloudflare retired Server-side Excludes",
        "s404": "Cloudflare retired Smart 404 pages",
        "outlink": "Cloudflare retired outbound link tracking",
        "outboundLinks": "Cloudflare retired outbound link tracking",
        "cache_ttl": "today's Cloudflare has no such setting; it is a cache rule",
        "host_spf": "today's Cloudflare has no such setting",
        "dnssec": "today's Cloudflare has no such setting; dnssec_status says whether zones are signed",
        "ddos": "today's Cloudflare has no such setting; it is a ruleset",
        "comodo_vc": "today's Cloudflare has no such setting",
        "secureheader_settings": "today's Cloudflare has no such setting; hsts says what is sent",
    }
)

#: what else is dated, by the thing that it concerns
DATES: Final[Mapping[str, tuple[str, str]]] = types.MappingProxyType(
    {
        "GET /zones/{id}/settings": ("2026-09-15", "all settings at once; each is asked for alone"),
        "PATCH /zones/{id}/dns_records/{id} {type}": ("2026-06-30", "a record's type in place; a batch instead"),
        "SRV data.service, data.proto, data.name": ("2024-05-31", "the owner name says them"),
        "dns_records name=contains:": ("2025-02-21", "name.contains"),
        "record.locked": ("2024-07-14", "left the replies"),
        "record.zone_id, record.zone_name": ("2024-11-30", "left the replies"),
        "GET /zones/{id}/settings/waf": ("2025-06-15", "managed rules are rulesets now"),
        "GET /zones/{id}/analytics/dashboard": ("2021-03-01", "GraphQL instead"),
        "GET /zones/{id}/settings/minify": ("2024-08-05", "Auto Minify is gone"),
        "GET /zones/{id}/settings/mirage": ("2026-01", "Mirage is gone"),
    }
)
