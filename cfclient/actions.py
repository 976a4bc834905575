"""The 22 actions of the API, each a frozen value that knows everything about itself.

An action carries its parameters, already checked and in one form; its class says the rest:

- `wire_name`: the `a` of the request;
- `kind`: what repeating it does, which retrying rests on;
- `section`: the paragraph of the document;
- `place`: where in the reply the answer lies, `None` where there is none;
- `answer`: the type of the answer.

Each field says its wire name in its metadata (`wire("z")`; one without is a hint of ours), and takes the
wire's own text as well as Python's value, so that the pairs of a request make the same action again.
Making an action checks shape only, and raises `InvalidInput`; what one service allows is in `limits.py`.
"""

from __future__ import annotations

import enum
import functools
import ipaddress
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, ClassVar, Final, Generic, TypeVar

import attrs

from . import models, shapes
from .errors import InvalidInput

__all__ = [
    "ACTIONS",
    "Action",
    "Async",
    "Ban",
    "CacheLvl",
    "Devmode",
    "FpurgeTs",
    "IpLkup",
    "Ipv46",
    "Kind",
    "Minify",
    "Mirage2",
    "Nul",
    "RecDelete",
    "RecEdit",
    "RecLoadAll",
    "RecNew",
    "SecLvl",
    "Stats",
    "Wl",
    "ZoneCheck",
    "ZoneFilePurge",
    "ZoneIps",
    "ZoneLoadMulti",
    "ZoneSettings",
    "as_written",
    "on_wire",
]

T_co = TypeVar("T_co", covariant=True)


class Kind(enum.Enum):
    """What a repeat of the action does."""

    READ = "changes nothing"
    SET = "sets a value: a repeat sets the same value again"
    ACT = "does something once more, without harm: a purge"
    CREATE = "makes one more: a repeat makes another"
    DELETE = "removes: a repeat finds nothing to remove"


def _text(value: Any) -> str:
    """A parameter as the text that goes over the wire."""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, enum.Enum):
        return str(value.value)
    if isinstance(value, tuple):
        return ",".join(value)
    return str(value)


def wire(name: str, to_text: Callable[[Any], str] = _text, *, omit: object = None) -> Mapping[str, Any]:
    """The metadata of a field: its name on the wire, its text there, and the value that is not sent."""
    return types.MappingProxyType({"wire": name, "text": to_text, "omit": omit})


@attrs.frozen
class Action(Generic[T_co]):
    """One request of the API; `T_co` is the type of its answer."""

    wire_name: ClassVar[str]
    kind: ClassVar[Kind]
    section: ClassVar[str]
    place: ClassVar[tuple[str, ...] | None]
    answer: ClassVar[Any]
    #: parameters that have only one value, sent with every request
    fixed: ClassVar[Mapping[str, str]] = {}

    def parameters(self) -> Iterator[tuple[str, str]]:
        """The pairs of the request beyond `a`, `tkn` and `email`, in the order of the fields."""
        for name, attribute, to_text, omit in _columns(type(self)):  # type: ignore[arg-type]  # a generic class, to mypy
            value = getattr(self, attribute)
            if value is not None and value != omit:
                yield name, to_text(value)
        yield from self.fixed.items()


def on_wire(cls: type[Action[Any]]) -> tuple[attrs.Attribute[Any], ...]:
    """The fields of an action that are parameters of the request."""
    return tuple(field for field in attrs.fields(cls) if "wire" in field.metadata)


@functools.cache
def _columns(cls: type[Action[Any]]) -> tuple[tuple[str, str, Callable[[Any], str], object], ...]:
    return tuple(
        (field.metadata["wire"], field.name, field.metadata["text"], field.metadata["omit"]) for field in on_wire(cls)
    )


def _zone(value: str) -> str:
    return shapes.domain_name(value)


def _offset(value: int | str) -> int:
    return shapes.integer("offset", value, 0)


def _size(value: int | str | None) -> int | None:
    return None if value is None else shapes.integer("size", value, 1, 5_000_000)


def _on(value: bool | int | str) -> bool:
    return shapes.flag("on", value)


def _force(value: bool | int | str) -> bool:
    return shapes.flag("force", value)


def _id(value: str | int) -> str:
    """A record's id: the service's own string, or a number as older programs keep it."""
    number = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**64
    ident = str(value) if number else value
    if not isinstance(ident, str) or not ident.isalnum() or not ident.isascii() or len(ident) > 64:
        raise InvalidInput.of("id", value, "a record's id, as rec_load_all gives it")
    return ident


# -- 3. Access ---------------------------------------------------------------------------------------


def _interval(value: models.Interval | int | str) -> models.Interval:
    return shapes.listed("interval", value, models.Interval)


@attrs.frozen
class Stats(Action[models.Stats]):
    """The traffic and some settings of a zone (§3.1)."""

    wire_name = "stats"
    kind = Kind.READ
    section = "3.1"
    place: ClassVar[tuple[str, ...] | None] = ("response", "result")
    answer = models.Stats

    zone: str = attrs.field(converter=_zone, metadata=wire("z"))
    interval: models.Interval = attrs.field(
        default=models.Interval.PAST_30_DAYS, converter=_interval, kw_only=True, metadata=wire("interval")
    )


@attrs.frozen
class ZoneLoadMulti(Action[models.Page[models.Zone]]):
    """One page of the account's zones (§3.2; `o` is not documented, `has_more` is in the reply)."""

    wire_name = "zone_load_multi"
    kind = Kind.READ
    section = "3.2"
    place: ClassVar[tuple[str, ...] | None] = ("response", "zones")
    answer = models.Page[models.Zone]

    offset: int = attrs.field(default=0, converter=_offset, kw_only=True, metadata=wire("o", omit=0))


@attrs.frozen
class RecLoadAll(Action[models.Page[models.Record]]):
    """One page of a zone's records (§3.3); `size` is how many it may hold at most, where a service asks."""

    wire_name = "rec_load_all"
    kind = Kind.READ
    section = "3.3"
    place: ClassVar[tuple[str, ...] | None] = ("response", "recs")
    answer = models.Page[models.Record]

    zone: str = attrs.field(converter=_zone, metadata=wire("z"))
    offset: int = attrs.field(default=0, converter=_offset, kw_only=True, metadata=wire("o", omit=0))
    #: a hint, on no wire: version 1 chooses itself
    size: int | None = attrs.field(default=None, converter=_size, kw_only=True, eq=False)


def _zones(value: str | Iterable[str]) -> tuple[str, ...]:
    return shapes.names(value)


@attrs.frozen
class ZoneCheck(Action[Mapping[str, str]]):
    """The ids of the active ones among these zones (§3.4)."""

    wire_name = "zone_check"
    kind = Kind.READ
    section = "3.4"
    place: ClassVar[tuple[str, ...] | None] = ("response", "zones")
    answer = dict[str, str]

    zones: tuple[str, ...] = attrs.field(converter=_zones, metadata=wire("zones"))


def _hours(value: int | str) -> int:
    return shapes.integer("hours", value, 1, 48)


def _visitor_class(value: models.VisitorClass | str | None) -> models.VisitorClass | None:
    return None if value is None else shapes.listed("visitor_class", value, models.VisitorClass)


def _geo(value: bool | int | str) -> bool:
    return shapes.flag("geo", value)


@attrs.frozen
class ZoneIps(Action[tuple[models.Visitor, ...]]):
    """The addresses that visited a zone (§3.5); the service removed this action in September 2014."""

    wire_name = "zone_ips"
    kind = Kind.READ
    section = "3.5"
    place: ClassVar[tuple[str, ...] | None] = ("response", "ips")
    answer = tuple[models.Visitor, ...]

    zone: str = attrs.field(converter=_zone, metadata=wire("z"))
    hours: int = attrs.field(default=24, converter=_hours, kw_only=True, metadata=wire("hours"))
    visitor_class: models.VisitorClass | None = attrs.field(
        default=None, converter=_visitor_class, kw_only=True, metadata=wire("class")
    )
    geo: bool = attrs.field(default=False, converter=_geo, kw_only=True, metadata=wire("geo", omit=False))


def _ip(value: str | ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    return shapes.ip_address(value)


@attrs.frozen
class IpLkup(Action[models.ThreatScore]):
    """The threat score of an address (§3.6)."""

    wire_name = "ip_lkup"
    kind = Kind.READ
    section = "3.6"
    place: ClassVar[tuple[str, ...] | None] = ("response",)
    answer = models.ThreatScore

    ip: str = attrs.field(converter=_ip, metadata=wire("ip"))


#: the names that `only` may have, in their order: the fields that a service may tell
SETTINGS: Final = tuple(
    field.name for field in attrs.fields(models.ZoneSettings) if field.name not in {"extra", "missing"}
)


def _only(value: Iterable[str] | None) -> frozenset[str] | None:
    if value is None:
        return None
    expected = "names of fields of ZoneSettings: " + ", ".join(SETTINGS)
    try:
        names = [value] if isinstance(value, str) else list(value)
    except TypeError:
        raise InvalidInput.of("only", value, expected) from None
    for name in names:
        if name not in SETTINGS:
            raise InvalidInput.of("only", name, expected)
    return frozenset(names)


@attrs.frozen
class ZoneSettings(Action[models.ZoneSettings]):
    """All settings of a zone (§3.7); `only` names those that are wanted, for services that ask for each alone."""

    wire_name = "zone_settings"
    kind = Kind.READ
    section = "3.7"
    place: ClassVar[tuple[str, ...] | None] = ("response", "result", "objs")
    answer = models.ZoneSettings

    zone: str = attrs.field(converter=_zone, metadata=wire("z"))
    #: a hint, on no wire: more may be answered, and version 1 always answers all
    only: frozenset[str] | None = attrs.field(default=None, converter=_only, kw_only=True)


# -- 4. Modify ---------------------------------------------------------------------------------------


def _sec_lvl(value: models.SecurityLevel | str) -> models.SecurityLevel:
    return shapes.listed("value", value, models.SecurityLevel)


@attrs.frozen
class SecLvl(Action["models.Zone | None"]):
    """Sets the security level (§4.1)."""

    wire_name = "sec_lvl"
    kind = Kind.SET
    section = "4.1"
    place: ClassVar[tuple[str, ...] | None] = ("response", "zone", "obj")
    answer = models.Zone | None

    zone: str = attrs.field(converter=_zone, metadata=wire("z"))
    value: models.SecurityLevel = attrs.field(converter=_sec_lvl, metadata=wire("v"))


def _cache_lvl(value: models.CacheLevel | str) -> models.CacheLevel:
    return shapes.listed("value", value, models.CacheLevel)


@attrs.frozen
class CacheLvl(Action["models.Zone | None"]):
    """Sets the caching level (§4.2)."""

    wire_name = "cache_lvl"
    kind = Kind.SET
    section = "4.2"
    place: ClassVar[tuple[str, ...] | None] = ("response", "zone", "obj")
    answer = models.Zone | None

    zone: str = attrs.field(converter=_zone, metadata=wire("z"))
    value: models.CacheLevel = attrs.field(converter=_cache_lvl, metadata=wire("v"))


@attrs.frozen
class Devmode(Action[models.DevelopmentMode]):
    """Switches development mode, which ends by itself after three hours (§4.3)."""

    wire_name = "devmode"
    kind = Kind.SET
    section = "4.3"
    place: ClassVar[tuple[str, ...] | None] = ("response",)
    answer = models.DevelopmentMode

    zone: str = attrs.field(converter=_zone, metadata=wire("z"))
    on: bool = attrs.field(converter=_on, metadata=wire("v"))


@attrs.frozen
class FpurgeTs(Action[models.Purge]):
    """Purges the whole cache of a zone (§4.4)."""

    wire_name = "fpurge_ts"
    kind = Kind.ACT
    section = "4.4"
    place: ClassVar[tuple[str, ...] | None] = ()
    answer = models.Purge
    fixed: ClassVar[Mapping[str, str]] = {"v": "1"}

    zone: str = attrs.field(converter=_zone, metadata=wire("z"))


def _url(value: str) -> str:
    return shapes.web_url(value)


@attrs.frozen
class ZoneFilePurge(Action[models.FilePurge]):
    """Purges one file from the cache (§4.5); its http and https versions are two files."""

    wire_name = "zone_file_purge"
    kind = Kind.ACT
    section = "4.5"
    place: ClassVar[tuple[str, ...] | None] = ("response",)
    answer = models.FilePurge

    zone: str = attrs.field(converter=_zone, metadata=wire("z"))
    url: str = attrs.field(converter=_url, metadata=wire("url"))


@attrs.frozen
class Wl(Action[models.IpListing]):
    """Whitelists an address (§4.6)."""

    wire_name = "wl"
    kind = Kind.SET
    section = "4.6"
    place: ClassVar[tuple[str, ...] | None] = ("response", "result")
    answer = models.IpListing

    ip: str = attrs.field(converter=_ip, metadata=wire("key"))


@attrs.frozen
class Ban(Action[models.IpListing]):
    """Bans an address (§4.6)."""

    wire_name = "ban"
    kind = Kind.SET
    section = "4.6"
    place: ClassVar[tuple[str, ...] | None] = ("response", "result")
    answer = models.IpListing

    ip: str = attrs.field(converter=_ip, metadata=wire("key"))


@attrs.frozen
class Nul(Action[models.IpListing]):
    """Takes an address off both lists (§4.6); `force` also lifts what cfclient did not set, where that is told."""

    wire_name = "nul"
    kind = Kind.SET
    section = "4.6"
    place: ClassVar[tuple[str, ...] | None] = ("response", "result")
    answer = models.IpListing

    ip: str = attrs.field(converter=_ip, metadata=wire("key"))
    #: a hint, on no wire: version 1 does not know who set a rule
    force: bool = attrs.field(default=False, converter=_force, kw_only=True)


def _ipv46_on(value: bool | int | str) -> bool:
    return shapes.flag("on", value, on=("3", "1"))


def _ipv46_text(value: bool) -> str:
    return "3" if value else "0"


@attrs.frozen
class Ipv46(Action["models.Zone | None"]):
    """Switches IPv6 (§4.7); on is 3 on the wire."""

    wire_name = "ipv46"
    kind = Kind.SET
    section = "4.7"
    place: ClassVar[tuple[str, ...] | None] = ("response", "zone", "obj")
    answer = models.Zone | None

    zone: str = attrs.field(converter=_zone, metadata=wire("z"))
    on: bool = attrs.field(converter=_ipv46_on, metadata=wire("v", _ipv46_text))


def _async(value: models.RocketLoader | str | int) -> models.RocketLoader:
    return shapes.listed("value", value, models.RocketLoader)


@attrs.frozen
class Async(Action[None]):
    """Sets Rocket Loader (§4.8)."""

    wire_name = "async"
    kind = Kind.SET
    section = "4.8"
    place: ClassVar[tuple[str, ...] | None] = None
    answer = None

    zone: str = attrs.field(converter=_zone, metadata=wire("z"))
    value: models.RocketLoader = attrs.field(converter=_async, metadata=wire("v"))


def _minify(value: models.Minify | int | str) -> models.Minify:
    expected = "0 to 7: JavaScript 1, CSS 2, HTML 4 added up"
    try:
        number = shapes.integer("value", value, 0, 7)
    except InvalidInput:
        raise InvalidInput.of("value", value, expected) from None
    return models.Minify(number)


@attrs.frozen
class Minify(Action[None]):
    """Sets what is minified (§4.9)."""

    wire_name = "minify"
    kind = Kind.SET
    section = "4.9"
    place: ClassVar[tuple[str, ...] | None] = None
    answer = None

    zone: str = attrs.field(converter=_zone, metadata=wire("z"))
    value: models.Minify = attrs.field(converter=_minify, metadata=wire("v"))


@attrs.frozen
class Mirage2(Action[None]):
    """Switches Mirage 2 (§4.10)."""

    wire_name = "mirage2"
    kind = Kind.SET
    section = "4.10"
    place: ClassVar[tuple[str, ...] | None] = None
    answer = None

    zone: str = attrs.field(converter=_zone, metadata=wire("z"))
    on: bool = attrs.field(converter=_on, metadata=wire("v"))


# -- 5. DNS records ----------------------------------------------------------------------------------

PROXIABLE: Final = frozenset({models.RecordType.A, models.RecordType.AAAA, models.RecordType.CNAME})
SRV_ONLY: Final = ("service", "srvname", "protocol", "weight", "port", "target")


def _type(value: models.RecordType | str) -> models.RecordType:
    if not isinstance(value, str) or not value.isalnum() or not value.isascii():
        raise InvalidInput.of("type", value, "a record type such as 'A', 'MX' or 'SRV'")
    return models.RecordType(value.upper())


def _name(value: str) -> str:
    return shapes.record_name(value)


def _content(value: str) -> str:
    return shapes.text("content", value, empty=True)


def _ttl(value: int | str) -> int:
    return shapes.integer("ttl", value, 1, 2**31 - 1)


def _prio(value: int | str | None) -> int | None:
    return None if value is None else shapes.integer("prio", value, 0, 65_535)


def _weight(value: int | str | None) -> int | None:
    return None if value is None else shapes.integer("weight", value, 0, 65_535)


def _port(value: int | str | None) -> int | None:
    return None if value is None else shapes.integer("port", value, 0, 65_535)


def _service(value: str | None) -> str | None:
    if value is None:
        return None
    label = shapes.text("service", value).lower()
    if not label.startswith("_") or not shapes.is_label(label[1:]):
        raise InvalidInput.of("service", value, "a service such as '_sip'")
    return label


def _srvname(value: str | None) -> str | None:
    return None if value is None else shapes.record_name(value, "srvname")


def _protocol(value: str | None) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or value not in {"_tcp", "_udp", "_tls"}:
        raise InvalidInput.of("protocol", value, "one of '_tcp', '_udp', '_tls'")
    return value


def _target(value: str | None) -> str | None:
    return None if value is None else shapes.host_name(value, "target", root=True)


def _service_mode(value: bool | int | str | None) -> bool | None:
    return None if value is None else shapes.flag("service_mode", value)


_MX_SRV: Final = frozenset({models.RecordType.MX, models.RecordType.SRV})
_SRV: Final = frozenset({models.RecordType.SRV})
_APPLIES: Final[Mapping[str, frozenset[models.RecordType]]] = {
    "prio": _MX_SRV,
    **dict.fromkeys(SRV_ONLY, _SRV),
    "service_mode": PROXIABLE,
}


def _host_content(value: str) -> str:
    return shapes.host_name(value, "content")


def _mx_content(value: str) -> str:
    return shapes.host_name(value, "content", root=True)


def _txt_content(value: str) -> str:
    return shapes.txt_text(shapes.text("content", value))


_CONTENT: Final[Mapping[models.RecordType, Callable[[str], str]]] = {
    models.RecordType.A: shapes.ipv4_address,
    models.RecordType.AAAA: shapes.ipv6_address,
    models.RecordType.CNAME: _host_content,
    models.RecordType.MX: _mx_content,
    models.RecordType.NS: _host_content,
    models.RecordType.TXT: _txt_content,
    models.RecordType.SPF: _txt_content,
    models.RecordType.LOC: shapes.loc_text,
}


def _check_record(action: RecNew | RecEdit) -> None:
    """Which type of record needs which parameters; the apex gets its name, the content its one form."""
    if action.name == "@":
        object.__setattr__(action, "name", action.zone)
    if not f".{action.name}".endswith(f".{action.zone}") and len(action.name) + 1 + len(action.zone) > shapes.MAX_NAME:
        raise InvalidInput.of(
            "name", action.name, f"at most {shapes.MAX_NAME} characters together with the zone's name"
        )
    for name, applies in _APPLIES.items():
        value = getattr(action, name)
        if value is not None and action.type not in applies:
            offer = ", ".join(sorted(applies))
            raise InvalidInput.of(name, value, f"nothing for type {action.type.value!r}: it applies to {offer}")
        if value is None and action.type in applies and name != "service_mode":
            raise InvalidInput.of(name, value, f"a value for type {action.type.value!r}")
    check = _CONTENT.get(action.type)
    if check is not None:
        object.__setattr__(action, "content", check(action.content))
    elif not action.content and action.type is not models.RecordType.SRV:
        raise InvalidInput.of("content", action.content, f"the content of a record of type {action.type.value!r}")


@attrs.frozen
class RecNew(Action[models.Record]):
    """Creates a record (§5.1); `service_mode` is not documented here and sent only where given."""

    wire_name = "rec_new"
    kind = Kind.CREATE
    section = "5.1"
    place: ClassVar[tuple[str, ...] | None] = ("response", "rec", "obj")
    answer = models.Record

    zone: str = attrs.field(converter=_zone, metadata=wire("z"))
    type: models.RecordType = attrs.field(converter=_type, metadata=wire("type"))
    name: str = attrs.field(converter=_name, metadata=wire("name"))
    content: str = attrs.field(converter=_content, metadata=wire("content", omit=""))
    ttl: int = attrs.field(default=1, converter=_ttl, kw_only=True, metadata=wire("ttl"))
    prio: int | None = attrs.field(default=None, converter=_prio, kw_only=True, metadata=wire("prio"))
    service: str | None = attrs.field(default=None, converter=_service, kw_only=True, metadata=wire("service"))
    srvname: str | None = attrs.field(default=None, converter=_srvname, kw_only=True, metadata=wire("srvname"))
    protocol: str | None = attrs.field(default=None, converter=_protocol, kw_only=True, metadata=wire("protocol"))
    weight: int | None = attrs.field(default=None, converter=_weight, kw_only=True, metadata=wire("weight"))
    port: int | None = attrs.field(default=None, converter=_port, kw_only=True, metadata=wire("port"))
    target: str | None = attrs.field(default=None, converter=_target, kw_only=True, metadata=wire("target"))
    service_mode: bool | None = attrs.field(
        default=None, converter=_service_mode, kw_only=True, metadata=wire("service_mode")
    )

    def __attrs_post_init__(self) -> None:
        _check_record(self)


@attrs.frozen
class RecEdit(Action[models.Record]):
    """Edits a record (§5.2); the service does not let its type change."""

    wire_name = "rec_edit"
    kind = Kind.SET
    section = "5.2"
    place: ClassVar[tuple[str, ...] | None] = ("response", "rec", "obj")
    answer = models.Record

    zone: str = attrs.field(converter=_zone, metadata=wire("z"))
    id: str = attrs.field(converter=_id, metadata=wire("id"))
    type: models.RecordType = attrs.field(converter=_type, metadata=wire("type"))
    name: str = attrs.field(converter=_name, metadata=wire("name"))
    content: str = attrs.field(converter=_content, metadata=wire("content", omit=""))
    ttl: int = attrs.field(default=1, converter=_ttl, kw_only=True, metadata=wire("ttl"))
    service_mode: bool | None = attrs.field(
        default=None, converter=_service_mode, kw_only=True, metadata=wire("service_mode")
    )
    prio: int | None = attrs.field(default=None, converter=_prio, kw_only=True, metadata=wire("prio"))
    service: str | None = attrs.field(default=None, converter=_service, kw_only=True, metadata=wire("service"))
    srvname: str | None = attrs.field(default=None, converter=_srvname, kw_only=True, metadata=wire("srvname"))
    protocol: str | None = attrs.field(default=None, converter=_protocol, kw_only=True, metadata=wire("protocol"))
    weight: int | None = attrs.field(default=None, converter=_weight, kw_only=True, metadata=wire("weight"))
    port: int | None = attrs.field(default=None, converter=_port, kw_only=True, metadata=wire("port"))
    target: str | None = attrs.field(default=None, converter=_target, kw_only=True, metadata=wire("target"))

    def __attrs_post_init__(self) -> None:
        _check_record(self)


def as_written(action: RecNew | RecEdit) -> tuple[str, str]:
    """The name, relative or absolute, and the content of the record: those of an SRV are made of its parts.

    How version 1 showed an SRV record is not known, no real reply is left: this is what DNS makes of it.
    """
    if action.type is not models.RecordType.SRV:
        return action.name, action.content
    labels = [action.service, action.protocol, None if action.srvname == "@" else action.srvname]
    return ".".join(filter(None, labels)), f"{action.weight} {action.port} {action.target}"


@attrs.frozen
class RecDelete(Action[None]):
    """Deletes a record (§5.3)."""

    wire_name = "rec_delete"
    kind = Kind.DELETE
    section = "5.3"
    place: ClassVar[tuple[str, ...] | None] = None
    answer = None

    zone: str = attrs.field(converter=_zone, metadata=wire("z"))
    id: str = attrs.field(converter=_id, metadata=wire("id"))


#: Every action by its name on the wire, in the order of the document.
ACTIONS: Final[Mapping[str, type[Action[Any]]]] = types.MappingProxyType(
    {
        cls.wire_name: cls
        for cls in (
            Stats,
            ZoneLoadMulti,
            RecLoadAll,
            ZoneCheck,
            ZoneIps,
            IpLkup,
            ZoneSettings,
            SecLvl,
            CacheLvl,
            Devmode,
            FpurgeTs,
            ZoneFilePurge,
            Wl,
            Ban,
            Nul,
            Ipv46,
            Async,
            Minify,
            Mirage2,
            RecNew,
            RecEdit,
            RecDelete,
        )
    }
)
