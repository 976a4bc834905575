"""Settings of a zone: each lies at a place of its own, so all of them are many calls, made at once.

`PLACES` says for each field of `ZoneSettings` where it is asked for and how its value is read.
Calls per zone: `zone_settings` without `only` makes 17 (the fields of version 1 that still exist); with `only`
one for each place that the named fields lie at. Since September 2026 there is no way to ask for all at once.

What is refused is None with the service's reason, and never "off"; so is what no longer exists.
Only where everything that was asked is refused is the first refusal raised.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

import attrs
import msgspec

from cfclient.actions import Action, Async, CacheLvl, Devmode, Ipv46, SecLvl
from cfclient.actions import ZoneSettings as AskSettings
from cfclient.backend import earlier
from cfclient.errors import ApiError, CloudflareError, ConnectionFailed, InvalidInput, RateLimited, UnexpectedAnswer
from cfclient.models import (
    CacheLevel,
    DevelopmentMode,
    Hsts,
    ImageSettings,
    IPv6Mode,
    RocketLoader,
    SecurityLevel,
    SslMode,
    WafProfile,
    Zone,
    ZoneSettings,
)

from .asking import Asking, at_once
from .memory import Memory
from .retired import NO_SETTING
from .support import Permission
from .zones import Zones, raise_first

__all__ = [
    "LEGACY",
    "PLACES",
    "Place",
    "Setting",
    "ask_all",
    "is_passing",
    "read_all",
    "set_async",
    "set_devmode",
    "set_value",
]


class Setting(msgspec.Struct):
    """A setting as version 4 sends it."""

    value: Any = None
    #: of development mode: seconds until its end
    time_remaining: float | None = None


class _Odd(Exception):
    """A value that is none of the known ones; the text says which."""


def _on(setting: Setting) -> bool:
    if setting.value not in ("on", "off"):  # a value that cannot be hashed is looked for too
        raise _Odd(f"the value {setting.value!r} is neither 'on' nor 'off'")
    return bool(setting.value == "on")


def _one_of(values: Mapping[Any, Any]) -> Callable[[Setting], Any]:
    def read(setting: Setting) -> Any:
        try:
            return values[setting.value]
        except (KeyError, TypeError):
            raise _Odd(f"the value {setting.value!r} is none of {', '.join(map(str, values))}") from None

    return read


def _whole(setting: Setting) -> int:
    if isinstance(setting.value, bool) or not isinstance(setting.value, int | float):
        raise _Odd(f"the value {setting.value!r} is no number")
    return int(setting.value)


def _text(setting: Setting) -> str:
    if not isinstance(setting.value, str):
        raise _Odd(f"the value {setting.value!r} is no text")
    return setting.value


_YEAR: Final = 366 * 86_400


def dev_mode(setting: Setting, now: float) -> datetime | bool:
    """When development mode ends; False where it is off, True where it is on and nobody says until when."""
    if not _on(setting):
        return False
    left = setting.time_remaining or 0
    # It ends by itself after three hours, so what lies in another year is no end.
    known = 0 < left < _YEAR
    return datetime.fromtimestamp(int(now), UTC) + timedelta(seconds=int(left)) if known else True


def _hsts(setting: Setting) -> Hsts:
    header = setting.value.get("strict_transport_security") if isinstance(setting.value, dict) else None
    if not isinstance(header, dict):
        raise _Odd("the value has no strict_transport_security")
    known = {field.name for field in attrs.fields(Hsts)}
    return Hsts(**{name: value for name, value in header.items() if name in known})


LEVELS: Final[Mapping[str, SecurityLevel]] = {
    "essentially_off": SecurityLevel.ESSENTIALLY_OFF,
    "low": SecurityLevel.LOW,
    "medium": SecurityLevel.MEDIUM,
    "high": SecurityLevel.HIGH,
    "under_attack": SecurityLevel.UNDER_ATTACK,
    # Of the Enterprise plan only.
    "off": SecurityLevel.ESSENTIALLY_OFF,
}
_CACHE: Final[Mapping[str, CacheLevel]] = {
    "aggressive": CacheLevel.AGGRESSIVE,
    "simplified": CacheLevel.SIMPLIFIED,
    "basic": CacheLevel.BASIC,
}
_SSL: Final[Mapping[str, SslMode]] = {
    "off": SslMode.OFF,
    "flexible": SslMode.FLEXIBLE,
    "full": SslMode.FULL,
    "strict": SslMode.STRICT,
    "origin_pull": SslMode.STRICT,
}
_POLISH: Final[Mapping[str, ImageSettings]] = {
    "off": ImageSettings.OFF,
    "lossless": ImageSettings.POLISH,
    "lossy": ImageSettings.POLISH_JPEG,
}


def _in_words(setting: Setting) -> str:
    return _text(setting).replace("_", " ").title()


@attrs.frozen(kw_only=True)
class Place:
    """Where a field is asked for, and how its value is read."""

    path: str
    read: Callable[[Setting], Any]
    #: whether it is asked for without being named
    usual: bool = True
    needs: Permission = Permission.SETTINGS_READ
    #: the key of the result that is the value; "value" for settings
    key: str = "value"


def _setting(name: str, read: Callable[[Setting], Any], *, usual: bool = True) -> Place:
    return Place(path=f"settings/{name}", read=read, usual=usual)


#: by field of `ZoneSettings`
PLACES: Final[Mapping[str, Place]] = types.MappingProxyType(
    {
        "userSecuritySetting": _setting("security_level", _in_words),
        "dev_mode": _setting("development_mode", _on),
        "ipv46": _setting("ipv6", _one_of({"on": IPv6Mode.FULL, "off": IPv6Mode.OFF})),
        "ob": _setting("always_online", _on),
        "cache_lvl": _setting("cache_level", _one_of(_CACHE)),
        "async_": _setting("rocket_loader", _one_of({"on": RocketLoader.AUTOMATIC, "off": RocketLoader.OFF})),
        "bic": _setting("browser_check", _on),
        "chl_ttl": _setting("challenge_ttl", _whole),
        "exp_ttl": _setting("browser_cache_ttl", _whole),
        "hotlink": _setting("hotlink_protection", _on),
        "img": _setting("polish", _one_of(_POLISH)),
        "preload": _setting("prefetch_preload", _on),
        "sec_lvl": _setting("security_level", _one_of(LEVELS)),
        "spdy": _setting("http2", _on),
        "ssl": _setting("ssl", _one_of(_SSL)),
        "waf_profile": _setting("waf", _one_of({"on": WafProfile.HIGH, "off": WafProfile.OFF})),
        "email_filter": _setting("email_obfuscation", _on),
        "geoloc": _setting("ip_geolocation", _on),
        "always_use_https": _setting("always_use_https", _on, usual=False),
        "automatic_https_rewrites": _setting("automatic_https_rewrites", _on, usual=False),
        "opportunistic_encryption": _setting("opportunistic_encryption", _on, usual=False),
        "min_tls_version": _setting("min_tls_version", _text, usual=False),
        "tls_1_3": _setting("tls_1_3", _text, usual=False),
        "hsts": _setting("security_header", _hsts, usual=False),
        "dnssec_status": Place(path="dnssec", read=_text, usual=False, needs=Permission.DNS_READ, key="status"),
        "universal_ssl": Place(
            path="ssl/universal/settings",
            read=_one_of({True: True, False: False}),
            usual=False,
            needs=Permission.SSL_READ,
            key="enabled",
        ),
        "bot_fight_mode": Place(
            path="bot_management",
            read=_one_of({True: True, False: False}),
            usual=False,
            needs=Permission.BOTS_READ,
            key="fight_mode",
        ),
    }
)

#: the fields that are asked for where `only` does not say
LEGACY: Final = frozenset(name for name, place in PLACES.items() if place.usual)
#: what the zone itself tells, so that it costs no call where the zone is looked up by its name
_ABOUT: Final = frozenset({"plan", "created_on"})
_MORE: Final = "a call more, so it is asked for only where `only` names it"
_NO_PURGE: Final = "today's Cloudflare does not tell it, and this client has purged nothing since it was opened"


def purged_at(memory: Memory, asking: Asking, zone_id: str) -> datetime | None:
    """When this connection purged the zone's whole cache last, as these credentials."""
    found = memory.get((asking.credentials.principal, "purge", zone_id))
    return found if isinstance(found, datetime) else None


async def _ask(asking: Asking, zone_id: str, place: Place) -> Setting:
    result: Any = Setting if place.key == "value" else dict[str, Any]
    envelope = await asking.get(f"/zones/{zone_id}/{place.path}", result=result, needs=place.needs)
    found = envelope.result
    if isinstance(found, dict):
        return Setting(value=found.get(place.key))
    return found if isinstance(found, Setting) else Setting()


async def ask_all(asking: Asking, zone_id: str, fields: Iterable[str]) -> tuple[dict[str, Any], dict[str, str]]:
    """The values of these fields, and why some have none."""
    by_path: dict[str, Place] = {PLACES[name].path: PLACES[name] for name in fields}
    answers = await at_once({path: _bind(asking, zone_id, place) for path, place in by_path.items()})
    failures = [answer for answer in answers.values() if isinstance(answer, CloudflareError)]
    raise_first(failure for failure in failures if is_passing(failure))
    if failures and len(failures) == len(answers):
        raise failures[0]
    values: dict[str, Any] = {}
    missing: dict[str, str] = {}
    for name in fields:
        answer = answers[PLACES[name].path]
        if isinstance(answer, CloudflareError):
            missing[name] = f"refused: {answer.msg if isinstance(answer, ApiError) else answer}"
            continue
        try:
            if name == "dev_mode":
                values[name] = dev_mode(answer, asking.now())
            else:
                values[name] = PLACES[name].read(answer)
        except _Odd as odd:
            missing[name] = str(odd)
    return values, missing


def calls(only: frozenset[str] | None) -> int:
    """How many calls `zone_settings(only=...)` makes when the zone's id is known."""
    return len({place.path for name, place in PLACES.items() if (place.usual if only is None else name in only)})


def _bind(asking: Asking, zone_id: str, place: Place) -> Callable[[], Any]:
    """Asks for what no earlier attempt of the same call has read: of twenty exchanges, one fails easily."""

    async def ask() -> Setting:
        kept, key = earlier.get(), (zone_id, place.path)
        if kept is None:
            return await _ask(asking, zone_id, place)
        if key not in kept:
            kept[key] = await _ask(asking, zone_id, place)
        return cast("Setting", kept[key])

    return ask


def is_passing(failure: CloudflareError) -> bool:
    """Whether the same may well be answered the next time, or says nothing of this one setting."""
    if isinstance(failure, UnexpectedAnswer):
        return failure.transient
    return isinstance(failure, RateLimited | ConnectionFailed) or not isinstance(failure, ApiError)


def _moment(text: str | None) -> datetime | None:
    """The moment that the service writes, None where it writes none."""
    try:
        moment = datetime.fromisoformat(text or "").replace(microsecond=0)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):  # the first and the last day have no other zone's time
        return None


async def read_all(asking: Asking, zones: Zones, memory: Memory, action: AskSettings) -> ZoneSettings:
    """The settings that are wanted, as far as the service tells them."""
    wanted = action.only
    about = _ABOUT & (wanted or frozenset())
    zone = await zones.reference(action.zone, named=bool(about))
    fields = [name for name in PLACES if (name in LEGACY if wanted is None else name in wanted)]
    values, missing = await ask_all(asking, zone.id, fields) if fields else ({}, {})
    for name, told in (("plan", zone.plan), ("created_on", _moment(zone.created_on))):
        if name in about and told is not None:
            values[name] = told
        elif name in about:
            missing[name] = "the service did not tell it with the zone, or may not show the zone to this token"
    purged = purged_at(memory, asking, zone.id)
    if purged is not None:
        values["fpurge_ts"] = purged
    reasons = {
        **NO_SETTING,
        **({} if purged else {"fpurge_ts": _NO_PURGE}),
        **({name: _MORE for name in (*PLACES, *_ABOUT) if name not in LEGACY} if wanted is None else {}),
    }
    missing.update((name, why) for name, why in reasons.items() if wanted is None or name in wanted)
    return ZoneSettings(**values, missing=missing)


# -- setting -------------------------------------------------------------------------------------------

_TO_LEVEL: Final = {level: name for name, level in LEVELS.items() if name != "off"}
_TO_CACHE: Final = {level: name for name, level in _CACHE.items()}


async def _patch(asking: Asking, zone_id: str, name: str, value: object) -> Setting:
    envelope = await asking.send(
        "PATCH",
        f"/zones/{zone_id}/settings/{name}",
        {"value": value},
        result=Setting,
        needs=Permission.SETTINGS_EDIT,
    )
    return envelope.result if isinstance(envelope.result, Setting) else Setting()


def _said(action: Action[Any]) -> tuple[str, object]:
    """Which setting an action sets, and to what."""
    if isinstance(action, SecLvl):
        return "security_level", _TO_LEVEL[action.value]
    if isinstance(action, CacheLvl):
        return "cache_level", _TO_CACHE[action.value]
    assert isinstance(action, Ipv46)  # noqa: S101 (the table of handlers says so)
    return "ipv6", "on" if action.on else "off"


async def set_value(asking: Asking, zones: Zones, action: SecLvl | CacheLvl | Ipv46) -> Zone | None:
    """Sets one of the settings whose answer is the zone."""
    zone = await zones.reference(action.zone)
    name, value = _said(action)
    await _patch(asking, zone.id, name, value)
    return await zones.after(zone.id)


async def set_devmode(asking: Asking, zones: Zones, action: Devmode) -> DevelopmentMode:
    """Switches development mode; switched on, it says when it ends."""
    zone = await zones.reference(action.zone)
    setting = await _patch(asking, zone.id, "development_mode", "on" if action.on else "off")
    if setting.value not in ("on", "off"):
        setting = msgspec.structs.replace(setting, value="on" if action.on else "off")
    ends = dev_mode(setting, asking.now())
    return DevelopmentMode(expires_on=ends if isinstance(ends, datetime) else None, zone=await zones.after(zone.id))


async def set_async(asking: Asking, zones: Zones, action: Async) -> None:
    """Sets Rocket Loader, which is on or off today."""
    if action.value is RocketLoader.MANUAL:
        raise InvalidInput.of("value", action.value.value, "'0' or 'a': Cloudflare retired the manual Rocket Loader")
    zone = await zones.reference(action.zone)
    await _patch(asking, zone.id, "rocket_loader", "off" if action.value is RocketLoader.OFF else "on")
