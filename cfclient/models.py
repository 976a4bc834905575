"""What the service answers, as frozen values; the API's own field names, Python's types.

Nothing here does I/O and nothing here knows JSON: the small markers inside `Annotated` only name the
form that a value has on the wire (`"300"`, `0`, milliseconds), and `plain.py` carries the forms out.

Three rules hold for every class:

1. What a reply leaves out is None, or empty where the field is a collection.
2. Every id is a `str`, whatever the wire uses, and so is every address.
3. An enumeration is open: a value that is not listed is kept as it came, as an unnamed member.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Any, ClassVar, Final, Generic, TypeVar

import attrs
import msgspec

__all__ = [
    "ABSENT",
    "HOST_TYPES",
    "OURS",
    "CacheLevel",
    "DevelopmentMode",
    "FilePurge",
    "Form",
    "Hsts",
    "IPv6Mode",
    "ImageSettings",
    "Interval",
    "IpListing",
    "ListAction",
    "Minify",
    "MxProps",
    "OpenInt",
    "OpenStr",
    "Page",
    "Purge",
    "Record",
    "RecordProps",
    "RecordType",
    "RocketLoader",
    "SecurityLevel",
    "Served",
    "SslMode",
    "Stats",
    "ThreatScore",
    "Traffic",
    "TrafficBreakdown",
    "Visitor",
    "VisitorClass",
    "WafProfile",
    "Zone",
    "ZoneProps",
    "ZoneSettings",
]

T = TypeVar("T")
R = TypeVar("R", bound="_Row")


class OpenStr(enum.StrEnum):
    """Strings with readable names; a value that is not listed becomes an unnamed member."""

    @classmethod
    def _missing_(cls, value: object) -> OpenStr | None:
        if not isinstance(value, str):
            return None
        member = str.__new__(cls, value)
        member._name_ = "UNKNOWN"
        member._value_ = value
        return member


class OpenInt(enum.IntEnum):
    """Numbers with readable names; a value that is not listed becomes an unnamed member."""

    @classmethod
    def _missing_(cls, value: object) -> OpenInt | None:
        if not isinstance(value, int):
            return None
        member = int.__new__(cls, value)
        member._name_ = "UNKNOWN"
        member._value_ = int(value)
        return member


class SecurityLevel(OpenStr):
    """How hard visitors are challenged (§4.1)."""

    UNDER_ATTACK = "help"
    HIGH = "high"
    MEDIUM = "med"
    LOW = "low"
    ESSENTIALLY_OFF = "eoff"


class CacheLevel(OpenStr):
    """How much is cached (§4.2); SIMPLIFIED is read back (§3.7) and cannot be set on v1."""

    AGGRESSIVE = "agg"
    SIMPLIFIED = "iqs"
    BASIC = "basic"


class RocketLoader(OpenStr):
    """Whether scripts are loaded asynchronously (§4.8)."""

    OFF = "0"
    AUTOMATIC = "a"
    MANUAL = "m"


class Minify(enum.IntFlag, boundary=enum.KEEP):
    """What is minified (§4.9): any union of the three, `ALL` (7) among them."""

    NONE = 0
    JAVASCRIPT = 1
    CSS = 2
    HTML = 4
    ALL = 7


class Interval(OpenInt):
    """The stretch of time that `stats` covers (§3.1); the last three are for Pro accounts."""

    PAST_30_DAYS = 20
    PAST_7_DAYS = 30
    PAST_DAY = 40
    PRO_24_HOURS = 100
    PRO_12_HOURS = 110
    PRO_6_HOURS = 120


class VisitorClass(OpenStr):
    """The classes of visitors, as `zone_ips` takes them (§3.5)."""

    REGULAR = "r"
    CRAWLER = "s"
    THREAT = "t"


class RecordType(OpenStr):
    """The types of DNS records; a service's own table says which of them it writes.

    The first nine are the document's (§5.1); a record of any other type can be read all the same.
    """

    A = "A"
    AAAA = "AAAA"
    CNAME = "CNAME"
    MX = "MX"
    TXT = "TXT"
    SPF = "SPF"
    NS = "NS"
    SRV = "SRV"
    LOC = "LOC"
    CAA = "CAA"
    CERT = "CERT"
    DNSKEY = "DNSKEY"
    DS = "DS"
    HTTPS = "HTTPS"
    NAPTR = "NAPTR"
    OPENPGPKEY = "OPENPGPKEY"
    PTR = "PTR"
    SMIMEA = "SMIMEA"
    SSHFP = "SSHFP"
    SVCB = "SVCB"
    TLSA = "TLSA"
    URI = "URI"


#: the types whose content is, or ends in, a host name, which the DNS compares without regard to case
HOST_TYPES: Final = frozenset({RecordType.CNAME, RecordType.MX, RecordType.NS, RecordType.PTR, RecordType.SRV})


class SslMode(OpenInt):
    """How the zone is reached over TLS (§3.7)."""

    OFF = 0
    FLEXIBLE = 1
    FULL = 2
    STRICT = 3


class IPv6Mode(OpenInt):
    """Whether the zone is reachable over IPv6 (§3.7); SAFE is an older value that is only read."""

    OFF = 0
    FULL = 3
    SAFE = 5


class ImageSettings(OpenInt):
    """Polish and Mirage's automatic resizing (§3.7)."""

    OFF = 0
    RESIZE = 1
    POLISH = 200
    POLISH_AND_RESIZE = 201
    POLISH_JPEG = 170
    POLISH_JPEG_AND_RESIZE = 171


class WafProfile(OpenStr):
    """The web application firewall (§3.7)."""

    HIGH = "high"
    LOW = "low"
    OFF = "off"


class ListAction(OpenStr):
    """What was done with an address (§4.6)."""

    WHITELISTED = "WL"
    BANNED = "BAN"
    UNLISTED = "NUL"


class Form(enum.Enum):
    """The forms that a value can have on the wire, where it is not the JSON type of its Python type."""

    TEXT = "a number or a bool in a string: 300 as '300', True as '1'"
    BIT = "a bool as the number 0 or 1"
    SECONDS = "a time as seconds since 1970"
    TEXT_SECONDS = "a time as seconds since 1970 in a string"
    MILLISECONDS = "a time as milliseconds since 1970"
    EXPIRY = "0 for off, or the time at which it ends, in seconds since 1970"
    ARRAY_TEXT = "a list as a PostgreSQL array literal: '{A,B}', null for none"
    NULL_IF_EMPTY = "a list, null for none"


# The fields below whose names begin with a capital inside Annotated read: this Python type, in that form.
TextInt = Annotated[int, Form.TEXT]
TextBool = Annotated[bool, Form.TEXT]
BitBool = Annotated[bool, Form.BIT]
Seconds = Annotated[datetime, Form.SECONDS]
TextSeconds = Annotated[datetime, Form.TEXT_SECONDS]
Milliseconds = Annotated[datetime, Form.MILLISECONDS]
Expiry = Annotated[datetime | bool, Form.EXPIRY]

# Metadata of a field that a reply leaves out altogether where there is no value; the others are sent as null.
ABSENT: Final[Mapping[str, bool]] = {"absent": True}

# Metadata of a field that no wire knows: it is neither read from a reply nor written into one.
OURS: Final[Mapping[str, bool]] = {"ours": True}


@attrs.frozen(kw_only=True)
class Page(Generic[T]):
    """One page of a listing (§3.2, §3.3)."""

    has_more: bool = False
    #: how many entries this page has: neither a total nor an offset
    count: int = 0
    objs: tuple[T, ...] = ()


class _Row(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What comes 180 times a page: msgspec reads a struct in less than half the time of an attrs class."""

    __attrs_attrs__: ClassVar[tuple[Any, ...]]


def _like_attrs(*absent: str) -> Callable[[type[R]], type[R]]:
    """Makes `attrs.fields`, `has`, `evolve` and `asdict`, and so cattrs, take a struct for one of their classes.

    Args:
        absent: the fields that a reply leaves out where there is no value.
    """

    def listed(cls: type[R]) -> type[R]:
        fields: dict[str, Any] = {
            field.name: attrs.field(
                default=attrs.NOTHING if field.required else field.default,
                metadata=ABSENT if field.name in absent else {},
                type=cls.__annotations__[field.name],
            )
            for field in msgspec.structs.fields(cls)
        }
        # Only its list of fields is wanted, so no methods are written for it.
        namesake = attrs.make_class(cls.__name__, fields, kw_only=True, init=False, repr=False, eq=False)
        cls.__attrs_attrs__ = attrs.fields(namesake)
        return cls

    return listed


@_like_attrs("proxiable", "cloud_on", "cf_open", "vanity_lock", "ssl", "expired_ssl", "expiring_ssl", "pending_ssl")
class RecordProps(_Row, frozen=True, kw_only=True, gc=False):
    """What can be done with a record, and what its certificate is up to (§3.3)."""

    proxiable: BitBool | None = None
    cloud_on: BitBool | None = None
    cf_open: BitBool | None = None
    vanity_lock: BitBool | None = None
    ssl: BitBool | None = None
    expired_ssl: BitBool | None = None
    expiring_ssl: BitBool | None = None
    pending_ssl: BitBool | None = None


@_like_attrs("auto")
class MxProps(_Row, frozen=True, kw_only=True, gc=False):
    """What an MX record says beside its priority; seen in real replies only."""

    auto: bool | None = None


@_like_attrs("rec_tag", "rec_hash", "mx")
class Record(_Row, frozen=True, kw_only=True, gc=False):
    """A DNS record (§3.3, §5.1, §5.2)."""

    rec_id: str
    #: the older name of rec_hash; a reply carries one of the two
    rec_tag: str | None = None
    rec_hash: str | None = None
    zone_name: str | None = None
    #: the absolute name
    name: str
    #: the name relative to the zone, in Unicode; the zone's own name at the apex
    display_name: str | None = None
    type: RecordType
    #: the priority of an MX or SRV record
    prio: TextInt | None = None
    content: str = ""
    display_content: str | None = None
    #: seconds; 1 means that the service chooses
    ttl: TextInt | None = None
    ttl_ceil: int | None = None
    ssl_id: str | None = None
    ssl_status: str | None = None
    #: nothing but null was ever seen here, so it is kept as it comes
    ssl_expires_on: str | None = None
    auto_ttl: BitBool | None = None
    #: True: the proxy (the orange cloud) is on
    service_mode: TextBool | None = None
    props: RecordProps | None = None
    mx: MxProps | None = None


@attrs.frozen(kw_only=True)
class ZoneProps:
    """The plan and what is bought with it (§3.2); `force_interal` is spelt as the service spells it."""

    dns_cname: BitBool | None = attrs.field(default=None, metadata=ABSENT)
    dns_partner: BitBool | None = attrs.field(default=None, metadata=ABSENT)
    dns_anon_partner: BitBool | None = attrs.field(default=None, metadata=ABSENT)
    plan: str | None = attrs.field(default=None, metadata=ABSENT)
    pro: BitBool | None = attrs.field(default=None, metadata=ABSENT)
    expired_pro: BitBool | None = attrs.field(default=None, metadata=ABSENT)
    pro_sub: BitBool | None = attrs.field(default=None, metadata=ABSENT)
    plan_sub: BitBool | None = attrs.field(default=None, metadata=ABSENT)
    ssl: BitBool | None = attrs.field(default=None, metadata=ABSENT)
    expired_ssl: BitBool | None = attrs.field(default=None, metadata=ABSENT)
    expired_rs_pro: BitBool | None = attrs.field(default=None, metadata=ABSENT)
    reseller_pro: BitBool | None = attrs.field(default=None, metadata=ABSENT)
    reseller_plans: tuple[Any, ...] | None = attrs.field(default=None, metadata=ABSENT, hash=False)
    force_interal: BitBool | None = attrs.field(default=None, metadata=ABSENT)
    ssl_needed: BitBool | None = attrs.field(default=None, metadata=ABSENT)
    alexa_rank: int | None = attrs.field(default=None, metadata=ABSENT)
    has_vanity: BitBool | None = attrs.field(default=None, metadata=ABSENT)


@attrs.frozen(kw_only=True)
class Zone:
    """A domain of the account (§3.2)."""

    zone_id: str
    user_id: str | None = None
    zone_name: str
    display_name: str | None = None
    zone_status: str | None = None
    #: "1" active, "0" paused
    zone_mode: str | None = None
    host_id: str | None = None
    #: "F" full, "P" through a partner
    zone_type: str | None = None
    host_pubname: str | None = None
    host_website: str | None = None
    vtxt: str | None = None
    #: the name servers that CloudFlare assigned
    fqdns: Annotated[tuple[str, ...], Form.NULL_IF_EMPTY] = ()
    step: TextInt | None = None
    #: an open set: "status-active", "status-dev-mode", "status-deactivated", ...
    zone_status_class: str | None = None
    #: HTML, as the service sends it: escape it before showing it
    zone_status_desc: str | None = None
    ns_vanity_map: tuple[Any, ...] = attrs.field(default=(), hash=False)
    orig_registrar: str | None = None
    orig_dnshost: str | None = None
    #: the name servers before CloudFlare's
    orig_ns_names: Annotated[tuple[str, ...], Form.ARRAY_TEXT] = ()
    props: ZoneProps | None = None
    confirm_code: Mapping[str, str] = attrs.field(factory=dict, hash=False)
    allow: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class Traffic:
    """How many, by class of visitor (§3.1)."""

    regular: int | None = None
    threat: int | None = None
    crawler: int | None = None


@attrs.frozen(kw_only=True)
class TrafficBreakdown:
    """Page views and unique visitors (§3.1)."""

    pageviews: Traffic | None = None
    uniques: Traffic | None = None


@attrs.frozen(kw_only=True)
class Served:
    """What CloudFlare served from its cache and what the user's own server did (§3.1)."""

    cloudflare: float | None = None
    user: float | None = None


@attrs.frozen(kw_only=True)
class Stats:
    """The traffic of a zone over an interval, and some of its settings (§3.1).

    The reply wraps the traffic in a list of one entry; here its fields stand beside the times.
    """

    timeZero: Milliseconds | None = None
    timeEnd: Milliseconds | None = None
    cachedServerTime: Milliseconds | None = None
    cachedExpryTime: Milliseconds | None = None
    trafficBreakdown: TrafficBreakdown | None = None
    #: kilobytes
    bandwidthServed: Served | None = None
    requestsServed: Served | None = None
    pro_zone: bool | None = None
    pageLoadTime: float | None = None
    currentServerTime: Milliseconds | None = None
    interval: Interval | None = None
    zoneCDate: Milliseconds | None = None
    userSecuritySetting: str | None = None
    #: False: off; a time: on until then; True: on, nobody knows until when
    dev_mode: Expiry | None = None
    ipv46: IPv6Mode | None = None
    ob: BitBool | None = None
    cache_lvl: CacheLevel | None = None
    outboundLinks: str | None = attrs.field(default=None, metadata=ABSENT)
    #: keys of the traffic entry that this class does not know, and values that it cannot read, as they came
    extra: Mapping[str, Any] = attrs.field(factory=dict, hash=False)


@attrs.frozen(kw_only=True)
class Visitor:
    """An address that visited the zone (§3.5)."""

    ip: str
    #: "regular", "crawler" or "threat"
    classification: str | None = None
    hits: int | None = None
    latitude: float | None = attrs.field(default=None, metadata=ABSENT)
    longitude: float | None = attrs.field(default=None, metadata=ABSENT)
    zone_name: str | None = None


@attrs.frozen(kw_only=True)
class ThreatScore:
    """What is known of an address (§3.6); both are None for an address without a score.

    The scale is logarithmic: a higher score is a higher threat.
    """

    ip: str
    #: "BAD" in the document's example
    verdict: str | None = None
    score: int | None = None


@attrs.frozen(kw_only=True)
class Hsts:
    """What the Strict-Transport-Security header of the zone says (RFC 6797); of today's Cloudflare only."""

    enabled: bool | None = attrs.field(default=None, metadata=ABSENT)
    #: seconds
    max_age: int | None = attrs.field(default=None, metadata=ABSENT)
    include_subdomains: bool | None = attrs.field(default=None, metadata=ABSENT)
    preload: bool | None = attrs.field(default=None, metadata=ABSENT)
    #: whether X-Content-Type-Options: nosniff is sent as well
    nosniff: bool | None = attrs.field(default=None, metadata=ABSENT)


@attrs.frozen(kw_only=True)
class ZoneSettings:
    """All settings of a zone (§3.7); the keys vary by year and by plan.

    None means that the reply did not say, which is never the same as "off"; `missing` says why where that is known.
    The last settings are those of today's Cloudflare; version 1 never reports them.
    """

    userSecuritySetting: str | None = attrs.field(default=None, metadata=ABSENT)
    #: False: off; a time: on until then; True: on, nobody knows until when
    dev_mode: Expiry | None = attrs.field(default=None, metadata=ABSENT)
    ipv46: IPv6Mode | None = attrs.field(default=None, metadata=ABSENT)
    #: Always Online
    ob: BitBool | None = attrs.field(default=None, metadata=ABSENT)
    cache_lvl: CacheLevel | None = attrs.field(default=None, metadata=ABSENT)
    outboundLinks: str | None = attrs.field(default=None, metadata=ABSENT)
    #: Rocket Loader; the wire's `async`
    async_: RocketLoader | None = attrs.field(default=None, metadata=ABSENT)
    #: Browser Integrity Check
    bic: TextBool | None = attrs.field(default=None, metadata=ABSENT)
    #: the challenge's lifetime in seconds; the document explains it as `ch_ttl`
    chl_ttl: TextInt | None = attrs.field(default=None, metadata=ABSENT)
    #: how long browsers keep what the cache served, in seconds
    exp_ttl: TextInt | None = attrs.field(default=None, metadata=ABSENT)
    #: the last purge of the whole cache
    fpurge_ts: TextSeconds | None = attrs.field(default=None, metadata=ABSENT)
    hotlink: TextBool | None = attrs.field(default=None, metadata=ABSENT)
    img: Annotated[ImageSettings, Form.TEXT] | None = attrs.field(default=None, metadata=ABSENT)
    #: Mirage's lazy loading
    lazy: TextBool | None = attrs.field(default=None, metadata=ABSENT)
    minify: Annotated[Minify, Form.TEXT] | None = attrs.field(default=None, metadata=ABSENT)
    outlink: TextBool | None = attrs.field(default=None, metadata=ABSENT)
    preload: TextBool | None = attrs.field(default=None, metadata=ABSENT)
    #: Smart 404 error pages
    s404: TextBool | None = attrs.field(default=None, metadata=ABSENT)
    sec_lvl: SecurityLevel | None = attrs.field(default=None, metadata=ABSENT)
    spdy: TextBool | None = attrs.field(default=None, metadata=ABSENT)
    ssl: Annotated[SslMode, Form.TEXT] | None = attrs.field(default=None, metadata=ABSENT)
    waf_profile: WafProfile | None = attrs.field(default=None, metadata=ABSENT)
    #: e-mail address obfuscation
    email_filter: TextBool | None = attrs.field(default=None, metadata=ABSENT)
    #: Server Side Excludes
    sse: TextBool | None = attrs.field(default=None, metadata=ABSENT)
    #: IP geolocation
    geoloc: TextBool | None = attrs.field(default=None, metadata=ABSENT)
    cache_ttl: TextInt | None = attrs.field(default=None, metadata=ABSENT)
    host_spf: TextBool | None = attrs.field(default=None, metadata=ABSENT)
    dnssec: str | None = attrs.field(default=None, metadata=ABSENT)
    ddos: str | None = attrs.field(default=None, metadata=ABSENT)
    comodo_vc: str | None = attrs.field(default=None, metadata=ABSENT)
    #: JSON inside a string, as the service sends it
    secureheader_settings: str | None = attrs.field(default=None, metadata=ABSENT)
    #: whether http is redirected to https
    always_use_https: bool | None = attrs.field(default=None, metadata=ABSENT)
    automatic_https_rewrites: bool | None = attrs.field(default=None, metadata=ABSENT)
    opportunistic_encryption: bool | None = attrs.field(default=None, metadata=ABSENT)
    #: "1.0", "1.1", "1.2" or "1.3"
    min_tls_version: str | None = attrs.field(default=None, metadata=ABSENT)
    #: "on", "off", or "zrt": on, with 0-RTT
    tls_1_3: str | None = attrs.field(default=None, metadata=ABSENT)
    hsts: Hsts | None = attrs.field(default=None, metadata=ABSENT)
    #: "active", "pending", "disabled", "pending-disabled" or "error"
    dnssec_status: str | None = attrs.field(default=None, metadata=ABSENT)
    universal_ssl: bool | None = attrs.field(default=None, metadata=ABSENT)
    bot_fight_mode: bool | None = attrs.field(default=None, metadata=ABSENT)
    #: no setting, but what limits go by: "free", "pro", "business", "enterprise", or another word
    plan: str | None = attrs.field(default=None, metadata=ABSENT)
    #: when the zone was added to the account
    created_on: Seconds | None = attrs.field(default=None, metadata=ABSENT)
    #: by field: why it is None, where the service no longer has the setting or refused to tell it
    missing: Mapping[str, str] = attrs.field(factory=dict, hash=False, metadata=OURS)
    #: keys that this class does not know, and values that it cannot read, as they came
    extra: Mapping[str, Any] = attrs.field(factory=dict, hash=False)


@attrs.frozen(kw_only=True)
class DevelopmentMode:
    """The answer to `devmode` (§4.3); both are None in the short replies of later years."""

    #: when it switches itself off
    expires_on: Seconds | None = attrs.field(default=None, metadata=ABSENT)
    zone: Zone | None = attrs.field(default=None, metadata=ABSENT)


@attrs.frozen(kw_only=True)
class Purge:
    """The answer to `fpurge_ts` (§4.4)."""

    #: when the purge was accepted
    fpurge_ts: Seconds | None = attrs.field(default=None, metadata=ABSENT)
    zone: Zone | None = attrs.field(default=None, metadata=ABSENT)
    #: seconds until the next purge is accepted
    cooldown: int | None = None


@attrs.frozen(kw_only=True)
class FilePurge:
    """The answer to `zone_file_purge` (§4.5)."""

    url: str | None = None
    vtxt_match: str | None = None


@attrs.frozen(kw_only=True)
class IpListing:
    """The answer to `wl`, `ban` and `nul` (§4.6)."""

    ip: str | None = None
    action: ListAction | None = None
