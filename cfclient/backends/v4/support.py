"""What today's Cloudflare carries out of the 22 actions, and what a token needs for it; data in one place.

`cfclient support` prints this, an HTTP 403 names the permission from it, and tests hold both to the handlers.
"""

from __future__ import annotations

import enum
import types
from collections.abc import Mapping
from typing import Final

import attrs

from .retired import RETIRED

__all__ = ["PERMISSIONS", "SUPPORT", "Extent", "Permission", "Support"]


class Extent(enum.Enum):
    """How far an action is carried out."""

    FULL = "full"
    PARTIAL = "partial"
    REFUSED = "refused"


@attrs.frozen
class Support:
    """How far, and what is missing or why it is refused."""

    extent: Extent
    note: str = ""


class Permission(enum.Enum):
    """A permission of an API token, as the dashboard spells it: scope, group, level."""

    ZONE_READ = "Zone > Zone > Read"
    ANALYTICS_READ = "Zone > Analytics > Read"
    DNS_READ = "Zone > DNS > Read"
    DNS_EDIT = "Zone > DNS > Edit"
    SETTINGS_READ = "Zone > Zone Settings > Read"
    SETTINGS_EDIT = "Zone > Zone Settings > Edit"
    SSL_READ = "Zone > SSL and Certificates > Read"
    BOTS_READ = "Zone > Bot Management > Read"
    PURGE = "Zone > Cache Purge > Purge"
    ACCESS_EDIT = "Account > Account Firewall Access Rules > Edit"


_FULL: Final = Support(Extent.FULL)


def _partial(note: str) -> Support:
    return Support(Extent.PARTIAL, note)


#: by action, in the order of the document
SUPPORT: Final[Mapping[str, Support]] = types.MappingProxyType(
    {
        "stats": _partial(
            "no pageLoadTime; threats and crawlers among unique visitors are not told; how far back depends on the plan"
        ),
        "zone_load_multi": _FULL,
        "rec_load_all": _FULL,
        "zone_check": _FULL,
        "zone_ips": _partial("sampled; no latitude and longitude; how far back depends on the plan"),
        "ip_lkup": Support(Extent.REFUSED, str(RETIRED["ip_lkup"])),
        "zone_settings": _partial("what no longer exists or is refused is None, with the reason in `missing`"),
        "sec_lvl": _FULL,
        "cache_lvl": _FULL,
        "devmode": _FULL,
        "fpurge_ts": _FULL,
        "zone_file_purge": _FULL,
        "wl": _FULL,
        "ban": _FULL,
        "nul": _FULL,
        "ipv46": _FULL,
        "async": _partial('the value "m" (manual) no longer exists'),
        "minify": Support(Extent.REFUSED, str(RETIRED["minify"])),
        "mirage2": Support(Extent.REFUSED, str(RETIRED["mirage2"])),
        "rec_new": _FULL,
        "rec_edit": _FULL,
        "rec_delete": _FULL,
    }
)

_READ_ZONE: Final = (Permission.ZONE_READ,)
_SET: Final = (Permission.ZONE_READ, Permission.SETTINGS_EDIT)
_EDIT_DNS: Final = (Permission.ZONE_READ, Permission.DNS_EDIT)
_LISTS: Final = (Permission.ZONE_READ, Permission.ACCESS_EDIT)

#: by action: the smallest token; Zone Read is for names, and not needed by whoever gives zone ids.
PERMISSIONS: Final[Mapping[str, tuple[Permission, ...]]] = types.MappingProxyType(
    {
        "stats": (Permission.ZONE_READ, Permission.ANALYTICS_READ, Permission.SETTINGS_READ),
        "zone_load_multi": _READ_ZONE,
        "rec_load_all": (Permission.ZONE_READ, Permission.DNS_READ),
        "zone_check": _READ_ZONE,
        "zone_ips": (Permission.ZONE_READ, Permission.ANALYTICS_READ),
        "ip_lkup": (),
        "zone_settings": (Permission.ZONE_READ, Permission.SETTINGS_READ),
        "sec_lvl": _SET,
        "cache_lvl": _SET,
        "devmode": _SET,
        "fpurge_ts": (Permission.ZONE_READ, Permission.PURGE),
        "zone_file_purge": (Permission.ZONE_READ, Permission.PURGE),
        "wl": _LISTS,
        "ban": _LISTS,
        "nul": _LISTS,
        "ipv46": _SET,
        "async": _SET,
        "minify": (),
        "mirage2": (),
        "rec_new": _EDIT_DNS,
        "rec_edit": _EDIT_DNS,
        "rec_delete": _EDIT_DNS,
    }
)
