"""The demo account: made up, the same for the same seed, and it is known what is wrong with it.

- The first zone is the big one, of more than 1,000 records, and has no fault.
- Of every three zones after it, one has one to three faults; each of the others has none at all.
- Every eighth zone has 180 to 360 records, the others 5 to 60, faults aside.

A zone is first made without fault, then faults are planted.
What keeps it free of others is that proxied names, names beside the proxy and mail each have networks of their own.
The names are reserved ones (RFC 2606); the addresses are public ones, since a reserved one would be a fault.
"""

from __future__ import annotations

import itertools
import random
import string
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import attrs

from cfclient.backends.account import (
    DEFAULT_SETTINGS,
    DEMO_TOKEN,
    FREE_PLAN,
    Account,
    ApiToken,
    Site,
    absolute_name,
    in_words,
    make_record,
    make_zone,
)
from cfclient.models import (
    CacheLevel,
    ImageSettings,
    IPv6Mode,
    Minify,
    Record,
    RecordType,
    RocketLoader,
    SecurityLevel,
    SslMode,
    WafProfile,
    Zone,
)

__all__ = ["FAULTS", "demo_account"]

A, AAAA, CNAME = RecordType.A, RecordType.AAAA, RecordType.CNAME
MX, NS, SRV, TXT = RecordType.MX, RecordType.NS, RecordType.SRV, RecordType.TXT

_PROXIED, _BESIDE, _MAIL = "93.184.216", "93.184.214", "93.184.215"
_PROXIED6, _BESIDE6, _MAIL6 = "2606:2800:220:1", "2606:2800:220:2", "2606:2800:220:3"

_FIRST: Final = (
    *("alder", "amber", "aspen", "basil", "birch", "cedar", "clover", "coral", "fern", "garnet", "hazel", "heron"),
    *("indigo", "iris", "ivory", "jasmine", "juniper", "larch", "lilac", "linden", "lotus", "maple", "mistral"),
    *(
        "orchid",
        "osprey",
        "poppy",
        "quartz",
        "rowan",
        "saffron",
        "sienna",
        "willow",
        "zinnia",
        "grün",
        "señal",
        "étoile",
    ),
)
_SECOND: Final = (
    *("archive", "atelier", "bakery", "bikes", "books", "brewery", "clinic", "coffee", "design", "fabrics", "films"),
    *("florist", "garage", "gazette", "guitars", "hostel", "kitchen", "labs", "letters", "market", "museum", "nursery"),
    *(
        "optics",
        "pottery",
        "press",
        "radio",
        "school",
        "studio",
        "tailors",
        "tea",
        "theatre",
        "tools",
        "travel",
        "works",
    ),
)
_HOSTS: Final = (
    *("admin", "api", "app", "archive", "assets", "backup", "beta", "billing", "blog", "calendar", "cdn", "chat", "ci"),
    *(
        "cloud",
        "crm",
        "db",
        "demo",
        "dev",
        "docs",
        "events",
        "feeds",
        "files",
        "forum",
        "gallery",
        "git",
        "help",
        "img",
    ),
    *(
        "jobs",
        "labs",
        "legacy",
        "login",
        "lists",
        "maps",
        "media",
        "metrics",
        "mobile",
        "monitor",
        "news",
        "old",
        "pay",
    ),
    *("photos", "portal", "press", "preview", "search", "shop", "sip", "staging", "static", "stats", "status", "store"),
    *("support", "test", "tickets", "tracker", "uploads", "video", "vpn", "webmail", "wiki", "café", "żaba", "日本"),
)
_SERIES: Final = ("customer", "node", "store")


# -- making a zone without fault ---------------------------------------------------------------------


def _ascii(label: str) -> str:
    return label if label.isascii() else label.encode("idna").decode()


class _Draft:
    """A zone in the making."""

    def __init__(self, zone: Zone, rng: random.Random, ids: Iterator[int]) -> None:
        self.zone = zone
        self.rng = rng
        self.records: list[Record] = []
        self.settings: dict[str, Any] = {}
        self._ids = ids
        hosts = [_ascii(host) for host in rng.sample(_HOSTS, len(_HOSTS))]
        series = rng.choice(_SERIES)
        self._labels = itertools.chain(hosts, (f"{series}-{number:04}" for number in itertools.count(1)))
        self.origin = self.address(_PROXIED)
        self.mail = self.address(_MAIL)

    @property
    def name(self) -> str:
        return self.zone.zone_name

    def address(self, network: str) -> str:
        return f"{network}.{self.rng.randint(1, 254)}"

    def address6(self, network: str) -> str:
        return f"{network}::{self.rng.randint(1, 65_535):x}"

    def label(self) -> str:
        """A label that no record of the zone has yet."""
        return next(self._labels)

    def token(self, length: int) -> str:
        return "".join(self.rng.choices(string.ascii_letters + string.digits, k=length))

    def add(self, type_: RecordType, name: str, content: str, **options: Any) -> None:
        self.records.append(
            make_record(
                self.name, type_, absolute_name(name, self.name), content, rec_id=str(next(self._ids)), **options
            )
        )

    def site(self) -> Site:
        settings = attrs.evolve(DEFAULT_SETTINGS, **self.settings)
        return Site(
            zone=self.zone,
            settings=attrs.evolve(settings, userSecuritySetting=in_words(settings.sec_lvl)),
            records=tuple(self.records),
        )


def _proxied(draft: _Draft) -> None:
    draft.add(A, draft.label(), draft.address(_PROXIED), service_mode=True)


def _alias(draft: _Draft) -> None:
    draft.add(CNAME, draft.label(), draft.name, service_mode=True)


def _beside(draft: _Draft) -> None:
    draft.add(A, draft.label(), draft.address(_BESIDE), ttl=draft.rng.choice([1, 300, 3600]))


def _beside6(draft: _Draft) -> None:
    draft.add(AAAA, draft.label(), draft.address6(_BESIDE6))


def _elsewhere(draft: _Draft) -> None:
    draft.add(CNAME, draft.label(), f"{draft.token(8).lower()}.saas.example", ttl=draft.rng.choice([1, 1, 7200]))


def _verification(draft: _Draft) -> None:
    draft.add(TXT, "@", f"{draft.rng.choice(['search', 'office', 'shop'])}-site-verification={draft.token(43)}")


def _dkim(draft: _Draft) -> None:
    draft.add(TXT, f"{draft.label()}._domainkey", f"v=DKIM1; k=rsa; p=MIGfMA0{draft.token(209)}")


def _service(draft: _Draft) -> None:
    service, port = draft.rng.choice([("_sip._tls", 443), ("_xmpp-server._tcp", 5269), ("_imaps._tcp", 993)])
    target = f"{service[1:4]}.provider.example"
    draft.add(SRV, f"{service}.{draft.label()}", f"{draft.rng.randint(0, 10)} {port} {target}", prio=10)


def _delegation(draft: _Draft) -> None:
    label = draft.label()
    for number in (1, 2):
        draft.add(NS, label, f"ns{number}.dns-host.example", ttl=86_400)


def _location(draft: _Draft) -> None:
    latitude, longitude = draft.rng.randint(0, 59), draft.rng.randint(0, 59)
    draft.add(RecordType.LOC, draft.label(), f"51 {latitude} 12.748 N 0 {longitude} 39.611 W 12m 1m 10000m 10m")


_FILLERS: Final[Mapping[Callable[[_Draft], None], int]] = {
    _proxied: 24,
    _alias: 20,
    _beside: 22,
    _beside6: 6,
    _elsewhere: 14,
    _verification: 5,
    _dkim: 3,
    _service: 3,
    _delegation: 2,
    _location: 1,
}


def _furnish(draft: _Draft, size: int) -> None:
    """What every zone has, then more until it has so many records."""
    rng = draft.rng
    draft.add(A, "@", draft.origin, service_mode=True)
    draft.add(CNAME, "www", draft.name, service_mode=True)
    if size > 7 and rng.random() < 0.6:
        draft.add(MX, "@", f"mail.{draft.name}", prio=10)
        draft.add(A, "mail", draft.mail)
        draft.add(TXT, "@", f"v=spf1 ip4:{draft.mail} -all")
        if rng.random() < 0.5:
            draft.add(AAAA, "mail", draft.address6(_MAIL6))
    else:
        draft.add(MX, "@", f"mx{rng.randint(1, 9)}.mail-host.example", prio=10)
        draft.add(TXT, "@", "v=spf1 include:_spf.mail-host.example ~all")
    draft.add(TXT, "_dmarc", f"v=DMARC1; p={rng.choice(['quarantine', 'reject'])}; rua=mailto:dmarc@{draft.name}")
    draft.add(TXT, "mail._domainkey", f"v=DKIM1; k=rsa; p=MIGfMA0{draft.token(209)}")
    if size > 7 and rng.random() < 0.5:
        draft.add(AAAA, "@", draft.address6(_PROXIED6), service_mode=True)
    fillers, weights = list(_FILLERS), list(_FILLERS.values())
    while (missing := size - len(draft.records)) > 0:
        # A delegation is two records, which may be one too many.
        (filler,) = rng.choices(fillers, weights) if missing > 1 else [_proxied]
        filler(draft)


def _settle(draft: _Draft) -> None:
    """Settings as people have them."""
    rng = draft.rng
    draft.settings = {
        "ipv46": rng.choice([IPv6Mode.FULL, IPv6Mode.FULL, IPv6Mode.FULL, IPv6Mode.SAFE]),
        "ob": rng.random() < 0.8,
        "cache_lvl": rng.choice(
            [CacheLevel.AGGRESSIVE, CacheLevel.AGGRESSIVE, CacheLevel.AGGRESSIVE, CacheLevel.SIMPLIFIED]
        ),
        "async_": rng.choice([RocketLoader.OFF, RocketLoader.OFF, RocketLoader.AUTOMATIC, RocketLoader.MANUAL]),
        "chl_ttl": rng.choice([900, 1800, 2700]),
        "exp_ttl": rng.choice([7200, 14_400, 86_400]),
        "hotlink": True,
        "img": rng.choice([ImageSettings.OFF, ImageSettings.OFF, ImageSettings.POLISH, ImageSettings.POLISH_JPEG]),
        "lazy": rng.random() < 0.2,
        "minify": Minify(rng.randint(0, 7)),
        "sec_lvl": rng.choice(
            [
                SecurityLevel.MEDIUM,
                SecurityLevel.MEDIUM,
                SecurityLevel.HIGH,
            ]
        ),
        "ssl": SslMode.STRICT,
        "waf_profile": rng.choice([WafProfile.HIGH, WafProfile.LOW]),
    }


def _planned(zone: Zone, index: int, rng: random.Random) -> Zone:
    """The zone with a plan; every twelfth is with a partner, and every twelfth is paused."""
    (plan,) = rng.choices(["FREE_ZONE", "PRO_ZONE", "BIZ_ZONE", "ENT_ZONE"], [60, 25, 10, 5])
    pro, partner, paused = plan != "FREE_ZONE", index % 12 == 4, index % 12 == 9
    zone = attrs.evolve(
        zone,
        props=attrs.evolve(FREE_PLAN, plan=plan, pro=pro, plan_sub=pro, dns_partner=partner),
        orig_registrar=rng.choice(["A REGISTRAR, INC.", "Namen und Mehr", None]),
        orig_ns_names=(f"NS1.{zone.zone_name.upper()}", f"NS2.{zone.zone_name.upper()}"),
    )
    if partner:
        zone = attrs.evolve(
            zone,
            zone_type="P",
            host_id="415",
            host_pubname="A Partner",
            host_website="http://www.partner.example",
            fqdns=(),
            orig_ns_names=(),
        )
    if paused:
        allow = ("zone_reactivate", "analytics", "zone_delete", "dns_editor", "cf_settings", "page_rules")
        zone = attrs.evolve(
            zone,
            zone_mode="0",
            zone_status_class="status-deactivated",
            zone_status_desc="Paused: names are resolved, and nothing passes through CloudFlare",
            confirm_code={"zone_delete": zone.confirm_code["zone_deactivate"]},
            allow=allow,
        )
    return zone


# -- planting faults ---------------------------------------------------------------------------------


def _ssl_off(draft: _Draft) -> None:
    draft.settings["ssl"] = SslMode.OFF


def _security_essentially_off(draft: _Draft) -> None:
    draft.settings["sec_lvl"] = SecurityLevel.ESSENTIALLY_OFF


def _development_mode_on(draft: _Draft) -> None:
    draft.settings["dev_mode"] = True


def _waf_off(draft: _Draft) -> None:
    draft.settings["waf_profile"] = WafProfile.OFF


def _origin_exposed(draft: _Draft) -> None:
    draft.add(A, draft.rng.choice(["direct", "ftp", "cpanel"]), draft.origin)


def _private_address(draft: _Draft) -> None:
    draft.add(A, "intranet", f"10.0.{draft.rng.randint(0, 255)}.{draft.rng.randint(1, 254)}")


def _without(draft: _Draft, beginning: str) -> None:
    draft.records = [record for record in draft.records if not record.content.startswith(beginning)]


def _spf_missing(draft: _Draft) -> None:
    _without(draft, "v=spf1")


def _dmarc_missing(draft: _Draft) -> None:
    _without(draft, "v=DMARC1")


def _mx_to_cname(draft: _Draft) -> None:
    draft.add(CNAME, "mx-alias", "mx.mail-host.example")
    draft.add(MX, "@", f"mx-alias.{draft.name}", prio=20)


def _mx_to_address(draft: _Draft) -> None:
    draft.add(MX, "@", draft.mail, prio=30)


def _ns_to_cname(draft: _Draft) -> None:
    draft.add(CNAME, "ns-alias", "ns1.dns-host.example")
    for target in (f"ns-alias.{draft.name}", "ns2.dns-host.example"):
        draft.add(NS, "delegated", target, ttl=86_400)


def _obsolete_type(draft: _Draft) -> None:
    draft.add(RecordType.SPF, "@", "v=spf1 a mx -all")


def _duplicate_record(draft: _Draft) -> None:
    verification = f"backup-site-verification={draft.token(32)}"
    draft.add(TXT, "@", verification)
    draft.add(TXT, "@", verification)


_PLANTERS: Final[Mapping[str, Callable[[_Draft], None]]] = {
    "ssl-off": _ssl_off,
    "security-essentially-off": _security_essentially_off,
    "development-mode-on": _development_mode_on,
    "waf-off": _waf_off,
    "origin-exposed": _origin_exposed,
    "private-address": _private_address,
    "spf-missing": _spf_missing,
    "dmarc-missing": _dmarc_missing,
    "mx-to-cname": _mx_to_cname,
    "mx-to-address": _mx_to_address,
    "ns-to-cname": _ns_to_cname,
    "obsolete-type": _obsolete_type,
    "duplicate-record": _duplicate_record,
}

#: the ids of all faults that can be planted
FAULTS: Final = tuple(_PLANTERS)

# An SPF policy in a record of the obsolete type may or may not count as a missing one.
_APART: Final = frozenset({"spf-missing", "obsolete-type"})


def _hands(rng: random.Random) -> Iterator[frozenset[str]]:
    """One to three faults at a time, dealt like cards, so that each comes before one comes again."""
    deck: list[str] = []
    while True:
        for count in rng.sample([1, 2, 3], 3):
            hand: set[str] = set()
            while len(hand) < count:
                if len(deck) < 5:
                    deck += rng.sample(FAULTS, len(FAULTS))
                fault = next(card for card in deck if card not in hand and not hand | {card} >= _APART)
                deck.remove(fault)
                hand.add(fault)
            yield frozenset(hand)


# -- the account -------------------------------------------------------------------------------------


def _names(rng: random.Random) -> Iterator[str]:
    """Endless; when all pairs of words are used up they are numbered."""
    pairs = [f"{first}-{second}" for first in _FIRST for second in _SECOND]
    rng.shuffle(pairs)
    rounds = itertools.chain([pairs], ([f"{pair}-{count}" for pair in pairs] for count in itertools.count(2)))
    return (f"{_ascii(name)}.example" for name in itertools.chain.from_iterable(rounds))


def _size(index: int, rng: random.Random) -> int:
    if index == 0:
        return rng.randint(1001, 1200)
    return rng.randint(180, 360) if index % 8 == 5 else rng.randint(5, 60)


def demo_account(zones: int = 25, seed: int = 1) -> tuple[Account, Mapping[str, frozenset[str]]]:
    """The account, and for each of its zones the faults that were planted in it, by their ids (`FAULTS`).

    Args:
        zones: how many zones it has.
        seed: the same seed makes the same account.
    """
    rng = random.Random(seed)  # noqa: S311  # what must come out the same cannot be secret
    names, hands = _names(rng), _hands(rng)
    zone_ids, rec_ids = itertools.count(rng.randint(10**6, 10**7)), itertools.count(rng.randint(10**8, 10**9))
    faulty = {first + rng.randrange(min(3, zones - first)) for first in range(1, zones, 3)}
    sites: list[Site] = []
    planted: dict[str, frozenset[str]] = {}
    for index in range(zones):
        zone = make_zone(next(names), zone_id=str(next(zone_ids)))
        draft = _Draft(_planned(zone, index, rng), rng, rec_ids)
        _furnish(draft, _size(index, rng))
        _settle(draft)
        planted[zone.zone_name] = next(hands) if index in faulty else frozenset()
        for fault in sorted(planted[zone.zone_name]):
            _PLANTERS[fault](draft)
        sites.append(draft.site())
    return Account(sites=tuple(sites), tokens=(ApiToken(value=DEMO_TOKEN, name="demo"),)), planted
