"""The contract as data: what is asked of a service, and what has to hold of the answer whichever service it is.

`test_contract_v4.py` asks it of version 1 and of version 4 over emulators of the same account, and compares the
answers value by value; `live.py` asks it of one service, such as the live one, and puts back what it changed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import attrs

import cfclient
from cfclient import models
from cfclient.client import Client

__all__ = ["CREATED", "LISTED", "NAME", "READ", "REFUSED", "RETIRED", "SET", "Ask", "Read", "Refused", "Set"]

#: asks something about a zone
Ask = Callable[[Client, str], Awaitable[Any]]

#: the name of the records that are made; nobody has it
NAME: Final = "cfclient-contract"


# -- reading ------------------------------------------------------------------------------------------


@attrs.frozen
class Read:
    """Changes nothing."""

    ask: Ask
    #: what holds of the answer about this zone
    holds: Callable[[Any, str], bool]
    #: whether a service may refuse it for the plan's sake
    by_plan: bool = False


def _told(settings: models.ZoneSettings, _: str) -> bool:
    """What is not told has a reason."""
    fields = [field.name for field in attrs.fields(models.ZoneSettings) if field.name not in {"extra", "missing"}]
    silent = [name for name in fields if getattr(settings, name) is None and name not in settings.missing]
    return settings.sec_lvl is not None and (not settings.missing or silent == [])


def _interval(interval: int, *, by_plan: bool) -> Read:
    return Read(
        lambda cf, zone: cf.stats(zone, interval=interval),
        lambda stats, _: stats.requestsServed is not None and stats.interval == interval,
        by_plan,
    )


def _visitors(hours: int, kind: str | None) -> Read:
    return Read(
        lambda cf, zone: cf.zone_ips(zone, hours=hours, visitor_class=kind),
        lambda found, _: all(one.ip and one.classification for one in found),
        by_plan=True,
    )


READ: Final[Mapping[str, Read]] = {
    "zones": Read(
        lambda cf, _: cf.zones().all(),
        lambda zones, zone: (
            len({one.zone_id for one in zones}) == len(zones)
            and all(one.zone_status for one in zones)
            and zone in {one.zone_name for one in zones}
        ),
    ),
    "records": Read(
        lambda cf, zone: cf.records(zone).all(),
        lambda records, zone: (
            len({one.rec_id for one in records}) == len(records)
            and all(one.name and one.type and one.zone_name == zone for one in records)
        ),
    ),
    "zone_check": Read(
        lambda cf, zone: cf.zone_check([zone, "not-there.example"]), lambda found, zone: list(found) == [zone]
    ),
    "zone_settings": Read(lambda cf, zone: cf.zone_settings(zone), _told),
    **{f"stats {interval}": _interval(interval, by_plan=False) for interval in (20, 30, 40)},
    **{f"stats {interval}": _interval(interval, by_plan=True) for interval in (100, 110, 120)},
    **{f"zone_ips {hours} {kind or 'all'}": _visitors(hours, kind) for hours in (24, 48) for kind in (None, *"rst")},
}


# -- setting ------------------------------------------------------------------------------------------


@attrs.frozen
class Set:
    """Changes a setting of the zone, and knows the way back."""

    ask: Ask
    #: where the settings show it
    field: str
    #: whether what they show is what was set
    shows: Callable[[Any], bool]
    #: puts back what they showed before; None for a purge, which has no way back and needs none
    back: Callable[[Client, str, Any], Awaitable[Any]] | None = None


def _level(value: str) -> Set:
    return Set(
        lambda cf, zone: cf.sec_lvl(zone, value),
        "sec_lvl",
        lambda now: now == models.SecurityLevel(value),
        lambda cf, zone, before: cf.sec_lvl(zone, before),
    )


def _ipv6(*, on: bool) -> Set:
    return Set(
        lambda cf, zone: cf.ipv46(zone, on),
        "ipv46",
        lambda now: now == (models.IPv6Mode.FULL if on else models.IPv6Mode.OFF),
        lambda cf, zone, before: cf.ipv46(zone, before != models.IPv6Mode.OFF),
    )


def _devmode(*, on: bool) -> Set:
    return Set(
        lambda cf, zone: cf.devmode(zone, on),
        "dev_mode",
        lambda now: bool(now) is on,
        lambda cf, zone, before: cf.devmode(zone, bool(before)),
    )


SET: Final[Mapping[str, Set]] = {
    "sec_lvl": _level("help"),
    "sec_lvl, essentially off": _level("eoff"),
    "cache_lvl": Set(
        lambda cf, zone: cf.cache_lvl(zone, "basic"),
        "cache_lvl",
        lambda now: now == models.CacheLevel.BASIC,
        lambda cf, zone, before: cf.cache_lvl(zone, before),
    ),
    "ipv46 off": _ipv6(on=False),
    "ipv46 on": _ipv6(on=True),
    "async": Set(
        lambda cf, zone: cf.async_(zone, "a"),
        "async_",
        lambda now: now == models.RocketLoader.AUTOMATIC,
        lambda cf, zone, before: cf.async_(zone, before),
    ),
    "devmode on": _devmode(on=True),
    "devmode off": _devmode(on=False),
    "fpurge_ts": Set(lambda cf, zone: cf.fpurge_ts(zone), "fpurge_ts", lambda now: now is not None),
    "zone_file_purge": Set(
        lambda cf, zone: cf.zone_file_purge(zone, f"https://{zone}/{NAME}.css"), "fpurge_ts", lambda _: True
    ),
}

#: the account's lists, each with the address that it is about, of those that nobody has
LISTED: Final[Mapping[str, tuple[Ask, str]]] = {
    "wl": (lambda cf, _: cf.wl("192.0.2.1"), "192.0.2.1"),
    "ban": (lambda cf, _: cf.ban("2001:db8::1"), "2001:db8::1"),
    "nul of nothing": (lambda cf, _: cf.nul("192.0.2.77"), "192.0.2.77"),
}

_SRV: Final[dict[str, Any]] = {"service": "_sip", "srvname": NAME, "protocol": "_tcp", "weight": 5, "port": 5060}
#: by what is made of it: a record
CREATED: Final[Mapping[str, Callable[[Client, str], Awaitable[models.Record]]]] = {
    "A": lambda cf, zone: cf.rec_new(zone, "A", NAME, "192.0.2.1", ttl=300),
    "A, proxied": lambda cf, zone: cf.rec_new(zone, "A", NAME, "192.0.2.1", service_mode=True),
    "AAAA": lambda cf, zone: cf.rec_new(zone, "AAAA", NAME, "2001:db8::1"),
    "CNAME": lambda cf, zone: cf.rec_new(zone, "CNAME", NAME, "www.example.net"),
    "MX": lambda cf, zone: cf.rec_new(zone, "MX", NAME, "mail.example.net", prio=17),
    "TXT": lambda cf, zone: cf.rec_new(zone, "TXT", NAME, 'quotes " and \\ and ünicode'),
    "NS": lambda cf, zone: cf.rec_new(zone, "NS", NAME, "ns.example.net"),
    "SRV": lambda cf, zone: cf.rec_new(zone, "SRV", NAME, "", prio=1, target="a.example", **_SRV),
    "LOC": lambda cf, zone: cf.rec_new(zone, "LOC", NAME, "51 30 12.748 N 0 7 39.611 W 0m 1m 10000m 10m"),
}


# -- refusals -----------------------------------------------------------------------------------------


@attrs.frozen
class Refused:
    """Is refused by every service."""

    ask: Ask
    error: type[cfclient.CloudflareError]
    #: whether a service that did not refuse it would change something
    writes: bool = False


REFUSED: Final[Mapping[str, Refused]] = {
    "a zone that is not there": Refused(lambda cf, _: cf.zone_settings("somebody-else.example"), cfclient.InvalidInput),
    "a record that is not there": Refused(
        lambda cf, zone: cf.rec_delete(zone, "0" * 32), cfclient.InvalidInput, writes=True
    ),
    "an address that is none": Refused(
        lambda cf, zone: cf.rec_new(zone, "A", NAME, "nowhere"), cfclient.InvalidInput, writes=True
    ),
}

#: what today's Cloudflare has no more
RETIRED: Final[Mapping[str, Ask]] = {
    "minify": lambda cf, zone: cf.minify(zone, 0),
    "mirage2": lambda cf, zone: cf.mirage2(zone, False),
    "ip_lkup": lambda cf, _: cf.ip_lkup("192.0.2.1"),
}
