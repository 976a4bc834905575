"""The endpoints `/zones/{id}/settings/{name}`, DNSSEC, universal SSL, and purging.

A setting that version 1 knew is kept in its words and told in version 4's; one that it did not know stands beside.
A setting that has gone is refused as one that is not there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from cfclient import models
from cfclient.backends.account import in_words

from .call import Call, Place
from .ids import v4_id
from .replies import Answer, Refused, stamp
from .state import DEVELOPMENT, SiteState
from .zones import plan_of, remaining

__all__ = [
    "RETIRED",
    "SETTINGS",
    "delete_dnssec",
    "edit_dnssec",
    "edit_setting",
    "edit_universal_ssl",
    "get_all_settings",
    "get_dnssec",
    "get_setting",
    "get_universal_ssl",
    "purge",
]

#: settings that have gone, and when
RETIRED: Final[Mapping[str, str]] = {
    "minify": "2024-08-05",
    "mobile_redirect": "2024-06-01",
    "server_side_exclude": "2024-06-14",
    "waf": "2025-06-15",
    "mirage": "2026-01",
}

_ON_OFF: Final = ("on", "off")


# -- those that version 1 knew -----------------------------------------------------------------------


@attrs.frozen
class _Old:
    """A setting that version 1 knew: its field there, and the words of both."""

    field: str
    #: version 4's value to version 1's
    words: Mapping[str, Any]
    #: version 1's values that it cannot say, and what it shows for them
    shown: Mapping[Any, str] = attrs.field(factory=dict, hash=False)

    def read(self, site: SiteState) -> Any:
        """Version 4's value."""
        kept = getattr(site.settings, self.field)
        for word, value in self.words.items():
            if value == kept:
                return word
        return self.shown.get(kept, "off")

    def write(self, site: SiteState, value: Any) -> None:
        """Keeps it in version 1's words."""
        changes = {self.field: self.words[value]}
        if self.field == "sec_lvl":
            changes["userSecuritySetting"] = in_words(self.words[value])
        site.set(**changes)


def _switch(field: str) -> _Old:
    return _Old(field, {"on": True, "off": False})


_OLD: Final[Mapping[str, _Old]] = {
    "security_level": _Old(
        "sec_lvl",
        {
            "essentially_off": models.SecurityLevel.ESSENTIALLY_OFF,
            "low": models.SecurityLevel.LOW,
            "medium": models.SecurityLevel.MEDIUM,
            "high": models.SecurityLevel.HIGH,
            "under_attack": models.SecurityLevel.UNDER_ATTACK,
        },
        {None: "medium"},
    ),
    "cache_level": _Old(
        "cache_lvl",
        {
            "aggressive": models.CacheLevel.AGGRESSIVE,
            "simplified": models.CacheLevel.SIMPLIFIED,
            "basic": models.CacheLevel.BASIC,
        },
        {None: "aggressive"},
    ),
    "ipv6": _Old("ipv46", {"on": models.IPv6Mode.FULL, "off": models.IPv6Mode.OFF}, {models.IPv6Mode.SAFE: "on"}),
    "always_online": _switch("ob"),
    "browser_check": _switch("bic"),
    "hotlink_protection": _switch("hotlink"),
    "email_obfuscation": _switch("email_filter"),
    "ip_geolocation": _switch("geoloc"),
    "prefetch_preload": _switch("preload"),
    "http2": _switch("spdy"),
    "rocket_loader": _Old(
        "async_",
        {"off": models.RocketLoader.OFF, "on": models.RocketLoader.AUTOMATIC},
        {models.RocketLoader.MANUAL: "on"},
    ),
    "ssl": _Old(
        "ssl",
        {
            "off": models.SslMode.OFF,
            "flexible": models.SslMode.FLEXIBLE,
            "full": models.SslMode.FULL,
            "strict": models.SslMode.STRICT,
        },
    ),
    "polish": _Old(
        "img",
        {
            "off": models.ImageSettings.OFF,
            "lossless": models.ImageSettings.POLISH,
            "lossy": models.ImageSettings.POLISH_JPEG,
        },
        {
            models.ImageSettings.POLISH_AND_RESIZE: "lossless",
            models.ImageSettings.POLISH_JPEG_AND_RESIZE: "lossy",
        },
    ),
}

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
# As the description enumerates them.
_CHALLENGE: Final = frozenset(
    {300, 900, 1_800, 2_700, *(_HOUR * hours for hours in (1, 2, 3, 4, 8, 16, 24)), 604_800, 2_592_000, 31_536_000}
)
_BROWSER: Final = frozenset(
    {
        *(0, 30, 60, 120, 300, 1_200, 1_800),
        *(_HOUR * hours for hours in (1, 2, 3, 4, 5, 8, 12, 16, 20, 24)),
        *(_DAY * days for days in (2, 3, 4, 5, 8, 16, 24, 31, 62, 186, 365)),
    }
)
_TTLS: Final[Mapping[str, tuple[str, frozenset[int]]]] = {
    "challenge_ttl": ("chl_ttl", _CHALLENGE),
    "browser_cache_ttl": ("exp_ttl", _BROWSER),
}


# -- today's -----------------------------------------------------------------------------------------


def _one_of(*values: str) -> Callable[[Any], bool]:
    return lambda value: value in values and isinstance(value, str)


def _list_of_text(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _header(value: Any) -> bool:
    """HTTP Strict Transport Security."""
    if not isinstance(value, dict) or not isinstance(policy := value.get("strict_transport_security"), dict):
        return False
    age = policy.get("max_age", 0)
    switches = all(isinstance(on, bool) for name, on in policy.items() if name != "max_age")
    return policy.keys() <= _HSTS.keys() and switches and type(age) is int and age >= 0


_HSTS: Final = {"enabled": False, "max_age": 0, "include_subdomains": False, "preload": False, "nosniff": False}
_HEADER: Final = {"strict_transport_security": _HSTS}

_switched: Final = _one_of(*_ON_OFF)

#: what a new zone has, and what is taken
_TODAY: Final[Mapping[str, tuple[Any, Callable[[Any], bool]]]] = {
    "0rtt": ("off", _switched),
    "always_use_https": ("off", _switched),
    "automatic_https_rewrites": ("on", _switched),
    "brotli": ("on", _switched),
    "ciphers": ([], _list_of_text),
    "early_hints": ("off", _switched),
    "http3": ("on", _switched),
    "min_tls_version": ("1.0", _one_of("1.0", "1.1", "1.2", "1.3")),
    "opportunistic_encryption": ("on", _switched),
    "opportunistic_onion": ("on", _switched),
    "privacy_pass": ("on", _switched),
    "pseudo_ipv4": ("off", _one_of("off", "add_header", "overwrite_header")),
    "replace_insecure_js": ("on", _switched),
    "security_header": (_HEADER, _header),
    "sort_query_string_for_cache": ("off", _switched),
    "tls_1_3": ("on", _one_of("on", "off", "zrt")),
    "tls_client_auth": ("off", _switched),
    "websockets": ("on", _switched),
}

#: every setting that can be read and written
SETTINGS: Final = frozenset({*_OLD, *_TTLS, *_TODAY, "development_mode"})


# -- the endpoints -----------------------------------------------------------------------------------


def _read(place: Place, name: str) -> Any:
    site = place.site
    if name in _OLD:
        return _OLD[name].read(site)
    if name in _TTLS:
        kept = getattr(site.settings, _TTLS[name][0])
        return 0 if kept is None else kept
    if name == "development_mode":
        return "on" if site.settings.dev_mode else "off"
    return site.today.get(name, _TODAY[name][0])


def _taken(name: str, value: Any, plan: str) -> bool:
    if name in _OLD:
        # `off` is a security level of the Enterprise plan, of which version 1 knew the next best.
        extra = {"off"} if name == "security_level" and plan == "enterprise" else set()
        return isinstance(value, str) and value in _OLD[name].words.keys() | extra
    if name in _TTLS:
        return type(value) is int and value in _TTLS[name][1]
    if name == "development_mode":
        return value in _ON_OFF
    return _TODAY[name][1](value)


def _write(call: Call, place: Place, name: str, value: Any) -> None:
    site = place.site
    if name in _OLD:
        _OLD[name].write(site, "essentially_off" if name == "security_level" and value == "off" else value)
    elif name in _TTLS:
        site.set(**{_TTLS[name][0]: value})
    elif name == "development_mode":
        place.account.develop(site, call.now + DEVELOPMENT if value == "on" else None)
    elif name == "security_header":
        old = _read(place, name)["strict_transport_security"]
        site.today[name] = {"strict_transport_security": {**_HSTS, **old, **value["strict_transport_security"]}}
    else:
        site.today[name] = value


def _shown(call: Call, place: Place, name: str) -> dict[str, Any]:
    changed = place.site.set_on.get(name)
    shown = {
        "id": name,
        "value": _read(place, name),
        "modified_on": None if changed is None else stamp(changed),
        "editable": True,
    }
    if name == "development_mode":
        shown["time_remaining"] = remaining(place, call.now)
    return shown


def _known(name: str) -> None:
    if name not in SETTINGS:
        # The words and the code are real ones for a name that is not there; that a setting that has gone
        # is refused so is a guess.
        raise Refused(400, 1006, f"Unrecognized zone setting name: {name}")


def get_all_settings(call: Call, zone: str) -> Answer:
    """Gone: all settings in one reply ended on 2026-09-15; the status and the words are not known."""
    call.place(zone)
    raise Refused(410, 1006, "This endpoint has been retired: ask for one setting at a time")


def get_setting(call: Call, zone: str, name: str) -> Answer:
    """One setting."""
    place = call.place(zone)
    _known(name)
    return Answer.of(_shown(call, place, name))


def edit_setting(call: Call, zone: str, name: str) -> Answer:
    """Sets one."""
    place, fields = call.place(zone), call.fields()
    _known(name)
    if "value" not in fields or not _taken(name, fields["value"], plan_of(place)):
        raise Refused(400, 1007, f"Invalid value for zone setting {name}")
    _write(call, place, name, fields["value"])
    place.site.set_on[name] = place.site.modified = call.now
    return Answer.of(_shown(call, place, name))


# -- DNSSEC ------------------------------------------------------------------------------------------


def _dnssec(place: Place) -> Answer:
    status = place.site.today.get("dnssec", "disabled")
    changed = place.site.set_on.get("dnssec")
    shown: dict[str, Any] = {
        "status": status,
        "flags": None,
        "algorithm": None,
        "key_type": None,
        "digest_type": None,
        "digest_algorithm": None,
        "digest": None,
        "ds": None,
        "key_tag": None,
        "public_key": None,
        "modified_on": None if changed is None else stamp(changed),
    }
    if status in {"active", "pending"}:
        name = place.site.zone.zone_name
        digest = v4_id("zone", place.site.zone.zone_id) * 2
        shown |= {
            "flags": 257,
            "algorithm": "13",
            "key_type": "ECDSAP256SHA256",
            "digest_type": "2",
            "digest_algorithm": "SHA256",
            "digest": digest,
            "ds": f"{name}. 3600 IN DS 2371 13 2 {digest}",
            "key_tag": 2371,
            "public_key": "mdsswUyr3DPW132mOi8V9xESWE8jTo0dxCjjnopKl+GqJxpVXckHAeF+KkxLbxILfDLUT0rAK9iUzy1L53eKGQ==",
        }
    return Answer.of(shown)


def get_dnssec(call: Call, zone: str) -> Answer:
    """Whether the zone is signed."""
    return _dnssec(call.place(zone))


def edit_dnssec(call: Call, zone: str) -> Answer:
    """Signs the zone, or stops; it is pending for as long as the parent zone knows nothing of it."""
    place, fields = call.place(zone), call.fields()
    if (status := fields.get("status")) not in {"active", "disabled"}:
        raise Refused(400, 1002, "Invalid status: expected active or disabled")
    if status == "disabled" or place.site.today.get("dnssec", "disabled") != "active":
        place.site.today["dnssec"] = "pending" if status == "active" else status
    place.site.set_on["dnssec"] = place.site.modified = call.now
    return _dnssec(place)


def delete_dnssec(call: Call, zone: str) -> Answer:
    """Forgets the keys."""
    place = call.place(zone)
    place.site.today["dnssec"] = "disabled"
    place.site.set_on["dnssec"] = call.now
    return Answer.of("")


# -- universal SSL -----------------------------------------------------------------------------------


def get_universal_ssl(call: Call, zone: str) -> Answer:
    """Whether the zone has a certificate of its own accord."""
    return Answer.of({"enabled": call.place(zone).site.today.get("universal_ssl", True)})


def edit_universal_ssl(call: Call, zone: str) -> Answer:
    """Whether it shall have one."""
    place, fields = call.place(zone), call.fields()
    if not isinstance(fields.get("enabled"), bool):
        raise Refused(400, 1007, "Invalid value for enabled: expected true or false")
    place.site.today["universal_ssl"] = fields["enabled"]
    place.site.modified = call.now
    return Answer.of({"enabled": fields["enabled"]})


# -- bots --------------------------------------------------------------------------------------------

#: of the free plan; a plan above it has more switches
_BOTS: Final[Mapping[str, bool]] = {"enable_js": False, "fight_mode": False}


def _bots(place: Place) -> Answer:
    set_ = place.site.today.get("bot_management", {})
    return Answer.of({**{name: set_.get(name, usual) for name, usual in _BOTS.items()}, "using_latest_model": True})


def get_bots(call: Call, zone: str) -> Answer:
    """Whether Bot Fight Mode is on."""
    return _bots(call.place(zone))


def edit_bots(call: Call, zone: str) -> Answer:
    """Switches it, and what belongs to it."""
    place, fields = call.place(zone), call.fields()
    for name, value in fields.items():
        # The code is a setting's; which one is sent here is not known.
        if name not in _BOTS or not isinstance(value, bool):
            raise Refused(400, 1007, f"Invalid value for {name}")
    place.site.today["bot_management"] = {**place.site.today.get("bot_management", {}), **fields}
    place.site.modified = call.now
    return _bots(place)


# -- purging -----------------------------------------------------------------------------------------

#: the free plan's bucket: 25 purges at once, and 5 more with every minute
_BUCKET, _PER_MINUTE = 25, 5
_LISTS: Final = ("files", "tags", "hosts", "prefixes")


def _bucket(place: Place, now: float) -> None:
    """Takes one purge out of the account's bucket; the history of an hour says how full it is."""
    purged = place.account.purged
    while purged and purged[0] < now - 3_600:
        purged.popleft()
    level, last = float(_BUCKET), now - 3_600
    for at in purged:
        level = min(_BUCKET, level + (at - last) * _PER_MINUTE / 60) - 1
        last = at
    level = min(_BUCKET, level + (now - last) * _PER_MINUTE / 60)
    if level < 1:
        wait = -(-(1 - level) * 60 // _PER_MINUTE)
        raise Refused(
            429,
            1134,
            "Unable to purge: rate limit exceeded. Please wait and try again.",
            headers={"retry-after": str(max(1, int(wait)))},
        )
    purged.append(now)


def purge(call: Call, zone: str) -> Answer:
    """Empties the cache, or takes some files out of it."""
    place, fields = call.place(zone), call.fields()
    everything = fields.get("purge_everything")
    lists = [name for name in _LISTS if fields.get(name)]
    if everything is not True and len(lists) != 1:
        raise Refused(400, 1094, "Invalid request body: expected purge_everything, files, tags, hosts or prefixes")
    for name in lists:
        _purged_files(name, fields[name])
    if call.limited:
        _bucket(place, call.clock)
    if everything is True:
        place.site.set(fpurge_ts=call.now)
    return Answer.of({"id": v4_id("zone", place.site.zone.zone_id)})


def _purged_files(name: str, given: Any) -> None:
    kinds: Any = (str, dict) if name == "files" else str
    if not isinstance(given, list) or not all(isinstance(one, kinds) for one in given):
        raise Refused(400, 1094, f"Invalid request body: {name} is a list of text")
    if len(given) > 30:
        raise Refused(400, 1137, f"Number of {name} in the request exceeds the maximum of 30")
