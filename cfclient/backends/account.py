"""An account and what is in it, as frozen values; and the same as JSON.

    Account -- Site -- Zone, ZoneSettings, Record

`make_zone` and `make_record` fill in what the service itself would.
The JSON says only what differs from that, so the smallest file that makes a zone is
`{"accounts": [{"zones": [{"zone_name": "example.com"}]}]}`.

    accounts[]            email and key (those of the demo account where they are left out), whitelisted, banned, zones
    zones[]               zone_name, any other field of `Zone`; settings; records
    zones[].settings      any field of `ZoneSettings`, Rocket Loader as `async`
    zones[].records[]     type, name (relative, absolute or @), content, any other field of `Record`

What only version 4 knows stands beside it:

    accounts[].tokens[]   value; name, permissions (all where they are left out), zones (names; all), status
    accounts[].rules[]    mode, target, value; notes; scope: account, user, or the name of a zone
    accounts[].member_of  the e-mail addresses of other accounts, whose zones this one sees too
    zones[].today         today's settings by their version 4 names
    zones[].records[]     comment, tags, flags (the record's `settings`)

A flag is true or false, a time is seconds since 1970, an enumeration has the wire's own value, null is None.
A `dev_mode` of true means: switched on when the emulator starts.
What stands in the file is taken as it is: a seed may hold what the service would refuse.
"""

from __future__ import annotations

import enum
import functools
import hashlib
import ipaddress
import itertools
import json
import os
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import attrs

from cfclient import shapes
from cfclient.actions import PROXIABLE
from cfclient.errors import ConfigurationError, InvalidInput
from cfclient.models import (
    CacheLevel,
    ImageSettings,
    IPv6Mode,
    ListAction,
    Minify,
    MxProps,
    Record,
    RecordProps,
    RecordType,
    RocketLoader,
    SecurityLevel,
    SslMode,
    WafProfile,
    Zone,
    ZoneProps,
    ZoneSettings,
)

__all__ = [
    "DEFAULT_SETTINGS",
    "DEMO_EMAIL",
    "DEMO_KEY",
    "DEMO_TOKEN",
    "FREE_PLAN",
    "PERMISSIONS",
    "AccessRule",
    "Account",
    "Annotation",
    "ApiToken",
    "Site",
    "absolute_name",
    "accounts_from_json",
    "accounts_to_json",
    "in_words",
    "is_proxiable",
    "make_record",
    "make_zone",
    "next_id",
]

V = TypeVar("V")

DEMO_EMAIL: Final = "demo@example.com"
DEMO_KEY: Final = "demo-key"
#: the API token of the demo account, which version 4 takes and version 1 does not
DEMO_TOKEN: Final = "demo-token"  # noqa: S105  it is public

DEFAULT_SETTINGS: Final = ZoneSettings(
    userSecuritySetting="Medium",
    dev_mode=False,
    ipv46=IPv6Mode.FULL,
    ob=True,
    cache_lvl=CacheLevel.AGGRESSIVE,
    outboundLinks="disabled",
    async_=RocketLoader.OFF,
    bic=True,
    chl_ttl=3600,
    exp_ttl=14_400,
    hotlink=False,
    img=ImageSettings.OFF,
    lazy=False,
    minify=Minify.NONE,
    outlink=False,
    preload=False,
    s404=False,
    sec_lvl=SecurityLevel.MEDIUM,
    spdy=True,
    ssl=SslMode.FULL,
    waf_profile=WafProfile.HIGH,
    email_filter=True,
    sse=True,
    geoloc=True,
    cache_ttl=14_400,
    host_spf=False,
    dnssec="",
    ddos="Off",
)

FREE_PLAN: Final = ZoneProps(
    dns_cname=False,
    dns_partner=False,
    dns_anon_partner=False,
    plan="FREE_ZONE",
    pro=False,
    expired_pro=False,
    pro_sub=False,
    plan_sub=False,
    ssl=True,
    expired_ssl=False,
    expired_rs_pro=False,
    reseller_pro=False,
    reseller_plans=(),
    force_interal=False,
    ssl_needed=False,
    alexa_rank=0,
    has_vanity=False,
)

_SECURITY_WORDS: Final[Mapping[SecurityLevel, str]] = {
    SecurityLevel.UNDER_ATTACK: "I'm under attack!",
    SecurityLevel.HIGH: "High",
    SecurityLevel.MEDIUM: "Medium",
    SecurityLevel.LOW: "Low",
    SecurityLevel.ESSENTIALLY_OFF: "Essentially off",
}


def in_words(level: SecurityLevel | None) -> str | None:
    """What `userSecuritySetting` says of a level."""
    return None if level is None else _SECURITY_WORDS.get(level, level)


@attrs.frozen(kw_only=True)
class Annotation:
    """What version 4 keeps of a record and version 1 does not know."""

    comment: str | None = None
    tags: tuple[str, ...] = ()
    #: what version 4 calls the record's `settings`
    flags: Mapping[str, Any] = attrs.field(factory=dict, hash=False)


@attrs.frozen(kw_only=True)
class Site:
    """A zone with all that belongs to it; development mode stands in the settings only."""

    zone: Zone
    settings: ZoneSettings = DEFAULT_SETTINGS
    records: tuple[Record, ...] = ()
    #: by rec_id
    annotations: Mapping[str, Annotation] = attrs.field(factory=dict, hash=False)
    #: settings that only version 4 knows, by their names there, where they are not as on a new zone
    today: Mapping[str, Any] = attrs.field(factory=dict, hash=False)


#: what an API token of version 4 can be allowed to do, in the dashboard's words
PERMISSIONS: Final = (
    "Account Settings:Read",
    "Account Firewall Access Rules:Read",
    "Account Firewall Access Rules:Edit",
    "User Details:Read",
    "Zone:Read",
    "Zone:Edit",
    "Zone Settings:Read",
    "Zone Settings:Edit",
    "DNS:Read",
    "DNS:Edit",
    "SSL and Certificates:Read",
    "SSL and Certificates:Edit",
    "Firewall Services:Read",
    "Firewall Services:Edit",
    "Cache Purge:Purge",
    "Bot Management:Read",
    "Bot Management:Edit",
    "Analytics:Read",
)


@attrs.frozen(kw_only=True)
class ApiToken:
    """An API token of version 4: what it may, and in which zones; none named is all."""

    value: str = attrs.field(repr=False)
    name: str = ""
    permissions: tuple[str, ...] = PERMISSIONS
    zones: tuple[str, ...] = ()
    #: "active", "disabled" or "expired"
    status: str = "active"


@attrs.frozen(kw_only=True)
class AccessRule:
    """What version 4 does with an address, a network, a country, or a provider's network."""

    #: "whitelist", "block", "challenge", "js_challenge" or "managed_challenge"
    mode: str
    #: "ip", "ip6", "ip_range", "asn" or "country"
    target: str
    value: str
    notes: str = ""
    #: "account", "user", or the name of a zone
    scope: str = "account"

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes it another rule."""
        return (self.scope, self.target, self.value)


@attrs.frozen(kw_only=True)
class Account:
    """Who may ask, and for which zones."""

    email: str = DEMO_EMAIL
    key: str = attrs.field(default=DEMO_KEY, repr=False)
    sites: tuple[Site, ...] = ()
    #: addresses that are whitelisted or banned
    listed: Mapping[str, ListAction] = attrs.field(factory=dict, hash=False)
    #: the access rules of which `listed` does not say everything
    rules: tuple[AccessRule, ...] = ()
    tokens: tuple[ApiToken, ...] = ()
    #: the e-mail addresses of other accounts, whose zones version 4 shows too
    member_of: tuple[str, ...] = ()


# -- what the service fills in -----------------------------------------------------------------------


def _digest(*parts: object) -> str:
    return hashlib.blake2b("\n".join(map(str, parts)).encode(errors="surrogatepass"), digest_size=16).hexdigest()


def absolute_name(name: str, zone: str) -> str:
    """A record's name with the zone behind it; `@` is the zone itself."""
    if name in {"@", zone}:
        return zone
    return name if name.endswith(f".{zone}") else f"{name}.{zone}"


# In December 2015 the service showed records with such addresses as not proxiable.
# `is_private` would take documentation's own networks for private too, and changes with Python's version.
_UNREACHABLE: Final = tuple(
    map(
        ipaddress.ip_network,
        (
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "::/127",
            "fc00::/7",
            "fe80::/10",
        ),
    )
)


def is_proxiable(type_: RecordType, content: str) -> bool:
    """Whether the proxy can stand in front of this."""
    if type_ not in PROXIABLE:
        return False
    try:
        address = ipaddress.ip_address(content)
    except ValueError:
        return True
    return not any(address in network for network in _UNREACHABLE)


@functools.cache
def _props(proxiable: bool, on: bool) -> RecordProps:
    return RecordProps(
        proxiable=proxiable,
        cloud_on=on,
        cf_open=not on,
        vanity_lock=False,
        ssl=False,
        expired_ssl=False,
        expiring_ssl=False,
        pending_ssl=False,
    )


def make_record(
    zone: str,
    type_: RecordType,
    name: str,
    content: str,
    *,
    rec_id: str,
    ttl: int = 1,
    prio: int | None = None,
    service_mode: bool = False,
) -> Record:
    """A record as the service lists it; the name is absolute, and `service_mode` is taken as it is."""
    return Record(
        rec_id=rec_id,
        rec_hash=_digest("record", zone, rec_id, type_, name, content),
        zone_name=zone,
        name=name,
        display_name=shapes.unicode_name(name.removesuffix(f".{zone}")),
        type=type_,
        prio=prio,
        content=content,
        display_content=content,
        ttl=ttl,
        ttl_ceil=86_400,
        auto_ttl=ttl == 1,
        service_mode=service_mode,
        props=_props(is_proxiable(type_, content), service_mode),
        mx=MxProps(auto=False) if type_ is RecordType.MX else None,
    )


def make_zone(name: str, *, zone_id: str) -> Zone:
    """An active zone of the free plan."""
    return Zone(
        zone_id=zone_id,
        user_id="20801",
        zone_name=name,
        display_name=shapes.unicode_name(name),
        zone_status="V",
        zone_mode="1",
        zone_type="F",
        fqdns=("norm.ns.cloudflare.com", "pat.ns.cloudflare.com"),
        step=4,
        zone_status_class="status-active",
        zone_status_desc='This website is behind CloudFlare (<a href="#">info</a>)',
        props=FREE_PLAN,
        confirm_code={code: _digest(code, name, zone_id) for code in ("zone_deactivate", "zone_dev_mode1")},
        allow=(
            "analytics",
            "threat_control",
            "cf_apps",
            "dns_editor",
            "cf_settings",
            "page_rules",
            "zone_deactivate",
            "zone_dev_mode1",
        ),
    )


# -- to JSON -----------------------------------------------------------------------------------------

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# `async` is a keyword of Python, so the field has another name.
_KEYS: Final = {"async_": "async"}
_FIELDS: Final = {key: name for name, key in _KEYS.items()}


def _plain(value: Any, base: Any) -> Any:
    if attrs.has(type(value)):
        return _unlike(value, type(value)() if base is None else base)
    if isinstance(value, datetime):
        return (value - _EPOCH) // timedelta(seconds=1)
    if isinstance(value, enum.Enum):
        return value.value
    return list(value) if isinstance(value, tuple) else dict(value) if isinstance(value, Mapping) else value


def _unlike(value: attrs.AttrsInstance, base: attrs.AttrsInstance) -> dict[str, Any]:
    """The fields in which a value differs from another."""
    pairs = ((field.name, getattr(value, field.name), getattr(base, field.name)) for field in attrs.fields(type(value)))
    return {_KEYS.get(name) or name: _plain(mine, other) for name, mine, other in pairs if mine != other}


# What a record is made with, and the value that need not be said.
_USUAL: Final[Mapping[str, object]] = {"ttl": 1, "prio": None, "service_mode": False}


def _record_to_json(record: Record, zone: str) -> dict[str, Any]:
    base = make_record(
        zone,
        record.type,
        record.name,
        record.content,
        rec_id=record.rec_id,
        ttl=record.ttl or 1,
        prio=record.prio,
        service_mode=bool(record.service_mode),
    )
    return {
        "rec_id": record.rec_id,
        "type": record.type.value,
        "name": record.name,
        "content": record.content,
        **{name: getattr(base, name) for name, usual in _USUAL.items() if getattr(base, name) != usual},
        **_unlike(record, base),
    }


_NO_NOTE: Final = Annotation()


def _site_to_json(site: Site) -> dict[str, Any]:
    zone = site.zone
    return {
        "zone_name": zone.zone_name,
        "zone_id": zone.zone_id,
        **_unlike(zone, make_zone(zone.zone_name, zone_id=zone.zone_id)),
        "settings": _unlike(site.settings, DEFAULT_SETTINGS),
        **({"today": dict(site.today)} if site.today else {}),
        "records": [
            {
                **_record_to_json(record, zone.zone_name),
                **_unlike(site.annotations.get(record.rec_id, _NO_NOTE), _NO_NOTE),
            }
            for record in site.records
        ],
    }


def _beside_to_json(account: Account) -> dict[str, Any]:
    """What only version 4 knows of an account."""
    token, rule = ApiToken(value=""), AccessRule(mode="", target="", value="")
    beside = {
        "tokens": [_unlike(one, token) for one in account.tokens],
        "rules": [_unlike(one, rule) for one in account.rules],
        "member_of": list(account.member_of),
    }
    return {name: value for name, value in beside.items() if value}


_LISTS: Final = {"whitelisted": ListAction.WHITELISTED, "banned": ListAction.BANNED}


def accounts_to_json(accounts: tuple[Account, ...]) -> dict[str, Any]:
    """The JSON of these accounts, keys included."""
    return {
        "accounts": [
            {
                "email": account.email,
                "key": account.key,
                **{
                    name: [ip for ip, found in account.listed.items() if found is kind] for name, kind in _LISTS.items()
                },
                **_beside_to_json(account),
                "zones": [_site_to_json(site) for site in account.sites],
            }
            for account in accounts
        ]
    }


# -- from JSON ---------------------------------------------------------------------------------------

_WORDS: Final[Mapping[Any, str]] = {
    bool: "true or false",
    int: "a whole number",
    str: "text",
    dict: "an object",
    list: "a list",
}


def _wrong(place: str, expected: str, value: object) -> ConfigurationError:
    text = repr(value)
    shown = text if len(text) <= 60 else f"{text[:50]}..."
    return ConfigurationError(f"{place or 'the file'}: expected {expected}, got {shown}")


def _typed(kind: type[V], value: Any, place: str) -> V:
    # A bool is an int to isinstance.
    if type(value) is not kind:
        raise _wrong(place, _WORDS[kind], value)
    return value


@functools.cache
def _hints(cls: type) -> Mapping[str, Any]:
    return typing.get_type_hints(cls)


def _value(kind: Any, value: Any, place: str, base: Any) -> Any:
    """A value of this type, as a field's annotation names it."""
    origin, members = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return value
    if origin in {typing.Union, types.UnionType}:
        if (value is None and type(None) in members) or (isinstance(value, bool) and bool in members):
            return value
        return _value(members[0], value, place, base)
    if origin is tuple:
        parts = enumerate(_typed(list, value, place))
        return tuple(_value(members[0], part, f"{place}[{index}]", None) for index, part in parts)
    if origin is not None:
        pairs = _typed(dict, value, place).items()
        return {key: _value(members[1], part, f"{place}.{key}", None) for key, part in pairs}
    if attrs.has(kind):
        return _over(kind() if base is None else base, _typed(dict, value, place), place)
    if kind is datetime:
        try:
            return _EPOCH + timedelta(seconds=_typed(int, value, place))
        except OverflowError:
            raise _wrong(place, "seconds since 1970", value) from None
    if issubclass(kind, enum.Enum):
        return kind(_typed(int if issubclass(kind, int) else str, value, place))
    return _typed(kind, value, place)


def _over(base: V, given: Mapping[str, Any], place: str) -> V:
    """The value with these fields changed."""
    hints = _hints(cast("type", type(base)))
    changes: dict[str, Any] = {}
    for key, value in given.items():
        name = _FIELDS.get(key, key)
        if name not in hints or key in _KEYS:
            known = ", ".join(_KEYS.get(one, one) for one in hints)
            raise ConfigurationError(f"{place}: {key!r} is not known here; known are {known}")
        changes[name] = _value(hints[name], value, f"{place}.{key}", getattr(base, name))
    return cast("V", attrs.evolve(cast("Any", base), **changes))


def _required(given: Mapping[str, Any], names: tuple[str, ...], place: str) -> None:
    for name in names:
        if given.get(name) is None:
            raise ConfigurationError(f"{place}: {name!r} is missing")


_BARE_RECORD: Final = Record(rec_id="", type=RecordType.TXT, name="", content="")


def _record_from_json(given: Mapping[str, Any], zone: str, place: str, ids: Iterator[int]) -> Record:
    _required(given, ("type", "name", "content"), place)
    said = _over(_BARE_RECORD, given, place)
    try:
        name = shapes.record_name(said.name)
    except InvalidInput as error:
        raise ConfigurationError(f"{place}.name: {error.msg}") from None
    made = make_record(
        zone,
        said.type,
        absolute_name(name, zone),
        said.content,
        rec_id=said.rec_id or str(next(ids)),
        ttl=said.ttl or 1,
        prio=said.prio,
        service_mode=bool(said.service_mode),
    )
    return _over(made, {key: value for key, value in given.items() if key not in {"rec_id", "name"}}, place)


_ANNOTATED: Final = frozenset(field.name for field in attrs.fields(Annotation))


def _apart(given: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The record of version 1, and what version 4 keeps beside it."""
    return (
        {key: value for key, value in given.items() if key not in _ANNOTATED},
        {key: value for key, value in given.items() if key in _ANNOTATED},
    )


def _site_from_json(given: dict[str, Any], place: str, zone_ids: Iterator[int], rec_ids: Iterator[int]) -> Site:
    _required(given, ("zone_name",), place)
    try:
        name = shapes.domain_name(given["zone_name"])
    except InvalidInput as error:
        raise ConfigurationError(f"{place}.zone_name: {error.msg}") from None
    fields = {key: value for key, value in given.items() if key not in {"zone_name", "settings", "records", "today"}}
    if fields.get("zone_id") is None:
        fields["zone_id"] = str(next(zone_ids))
    said = _typed(dict, given.get("settings", {}), f"{place}.settings")
    settings = _over(DEFAULT_SETTINGS, said, f"{place}.settings")
    if "userSecuritySetting" not in said:
        settings = attrs.evolve(settings, userSecuritySetting=in_words(settings.sec_lvl))
    records: list[Record] = []
    annotations: dict[str, Annotation] = {}
    for whole, at in _objects(given, "records", place):
        known, beside = _apart(whole)
        records.append(_record_from_json(known, name, at, rec_ids))
        if beside:
            annotations[records[-1].rec_id] = _over(_NO_NOTE, beside, at)
    return Site(
        zone=_over(make_zone(name, zone_id=_typed(str, fields["zone_id"], f"{place}.zone_id")), fields, place),
        settings=settings,
        records=tuple(records),
        annotations=annotations,
        today=_typed(dict, given.get("today", {}), f"{place}.today"),
    )


def _objects(given: Mapping[str, Any], key: str, place: str) -> Iterator[tuple[dict[str, Any], str]]:
    """The objects of a list that may be left out, each with its place."""
    place = f"{place}.{key}".lstrip(".")
    for index, entry in enumerate(_typed(list, given.get(key, []), place)):
        yield _typed(dict, entry, f"{place}[{index}]"), f"{place}[{index}]"


def _account_from_json(given: dict[str, Any], place: str, zone_ids: Iterator[int], rec_ids: Iterator[int]) -> Account:
    if unknown := given.keys() - {"email", "key", "zones", "tokens", "rules", "member_of", *_LISTS}:
        offer = "email, key, whitelisted, banned, zones, tokens, rules, member_of"
        raise ConfigurationError(f"{place}: {min(unknown)!r} is not known here; known are {offer}")
    listed: dict[str, ListAction] = {}
    for name, kind in _LISTS.items():
        for index, ip in enumerate(_typed(list, given.get(name, []), f"{place}.{name}")):
            try:
                listed[shapes.ip_address(ip)] = kind
            except InvalidInput as error:
                raise ConfigurationError(f"{place}.{name}[{index}]: {error.msg}") from None
    tokens = list(_objects(given, "tokens", place))
    return Account(
        email=_typed(str, given.get("email", DEMO_EMAIL), f"{place}.email"),
        key=_typed(str, given.get("key", DEMO_KEY), f"{place}.key"),
        sites=tuple(_site_from_json(site, at, zone_ids, rec_ids) for site, at in _objects(given, "zones", place)),
        listed=listed,
        rules=tuple(
            _made(AccessRule(mode="", target="", value=""), ("mode", "target", "value"), rule, at)
            for rule, at in _objects(given, "rules", place)
        ),
        tokens=tuple(_made(ApiToken(value=""), ("value",), token, at) for token, at in tokens),
        member_of=_value(tuple[str, ...], given.get("member_of", []), f"{place}.member_of", None),
    )


def _made(base: V, required: tuple[str, ...], given: dict[str, Any], place: str) -> V:
    """A value of which these fields must be said."""
    _required(given, required, place)
    return _over(base, given, place)


def next_id(ids: Iterable[object]) -> Iterator[int]:
    """Numbers above all of these that are numbers."""
    # Python refuses to read a number of thousands of digits.
    numbers = (int(one) for one in ids if isinstance(one, str) and one.isdecimal() and len(one) < 19)
    return itertools.count(1 + max(numbers, default=0))


def _read(source: str | bytes | os.PathLike[str] | Mapping[str, Any]) -> Mapping[str, Any]:
    if isinstance(source, Mapping):
        return source
    try:
        text = Path(source).read_bytes() if isinstance(source, os.PathLike) else source
        data = json.loads(text)
    except OSError as error:
        raise ConfigurationError(f"the accounts cannot be read: {error}") from None
    except (ValueError, RecursionError) as error:
        hint = "; a file is given as a pathlib.Path" if isinstance(source, str) else ""
        raise ConfigurationError(f"the accounts are not JSON: {error}{hint}") from None
    return _typed(dict, data, "")


def accounts_from_json(source: str | bytes | os.PathLike[str] | Mapping[str, Any]) -> tuple[Account, ...]:
    """The accounts that this describes: a file, the text of one, or its data.

    Raises:
        ConfigurationError: it cannot be read, or is not of the shape that this module's docstring shows;
            the message names the place.
    """
    data = _read(source)
    if data.keys() != {"accounts"}:
        raise _wrong("", 'an object {"accounts": [...]}', dict(data))
    accounts = list(_objects(data, "accounts", ""))
    zones = [found for account, at in accounts for found in _objects(account, "zones", at)]
    records = [record for zone, at in zones for record, _ in _objects(zone, "records", at)]
    zone_ids = next_id(zone.get("zone_id") for zone, _ in zones)
    rec_ids = next_id(record.get("rec_id") for record in records)
    return tuple(_account_from_json(account, at, zone_ids, rec_ids) for account, at in accounts)
