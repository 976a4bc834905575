"""How visitors and the origin are reached: TLS, and what keeps visitors from going without it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cfclient.audit.model import Fault, Rule, Severity, ZoneData
from cfclient.models import Hsts, SslMode

from ._common import AAAA, CNAME, A, dashboard, reports

__all__ = ["RULES"]

#: half a year, below which a visitor who comes rarely comes unprotected
_HALF_A_YEAR: Final = 15_552_000
#: what browsers' preload lists ask for (hstspreload.org)
_PRELOADED: Final = 31_536_000

_EDGE: Final = "SSL/TLS > Edge Certificates"


def _hsts(data: ZoneData) -> Hsts:
    """What the zone sends, with nothing in it where it sends nothing: `hsts-off` says that."""
    hsts = data.settings.hsts
    return hsts if hsts is not None and hsts.enabled else Hsts()


def _hsts_off(data: ZoneData) -> Iterator[Fault]:
    hsts = data.settings.hsts
    if hsts is not None and hsts.enabled is False:
        yield Fault("HSTS is off: browsers do not learn to come by https only")


def _hsts_short(data: ZoneData) -> Iterator[Fault]:
    age = _hsts(data).max_age
    if age is not None and age < _HALF_A_YEAR:
        yield Fault(f"HSTS lasts {age:,} seconds, less than half a year ({_HALF_A_YEAR:,})")


def _hsts_without_subdomains(data: ZoneData) -> Iterator[Fault]:
    if _hsts(data).include_subdomains is False:
        yield Fault("HSTS leaves out the subdomains")


def _hsts_preload_unfit(data: ZoneData) -> Iterator[Fault]:
    hsts = _hsts(data)
    if not hsts.preload:
        return
    if hsts.max_age is not None and hsts.max_age < _PRELOADED:
        yield Fault(f"HSTS asks for preloading, but lasts {hsts.max_age:,} seconds instead of {_PRELOADED:,}")
    if hsts.include_subdomains is False:
        yield Fault("HSTS asks for preloading, but leaves out the subdomains")


def _certificate_too_shallow(data: ZoneData) -> Iterator[Fault]:
    """Universal SSL covers the zone and one label below it."""
    deep: dict[str, None] = {}
    for type_ in (A, AAAA, CNAME):
        for record in data.by_type.get(type_, ()):
            below = record.name.lower().removesuffix(".").removesuffix(f".{data.zone}")
            if record.service_mode and "." in below and below != data.zone:
                deep[record.name] = None
    for name in sorted(deep):
        yield Fault(f"{name} is proxied, but lies too deep for the universal certificate (*.{data.zone})", (name,))


RULES: Final[tuple[Rule, ...]] = (
    Rule(
        id="ssl-off",
        severity=Severity.HIGH,
        title="SSL is off",
        why="Anyone on the way can read and change what visitors send and see, passwords and cookies included.",
        mend='Set SSL to "Full (strict)" in the dashboard; version 1 of the API only reads it (zone_settings, ssl).',
        source="Client Interface API §3.7; RFC 7258",
        check=reports(
            "ssl", lambda mode: mode == SslMode.OFF, "SSL is off, so visitors reach the site unencrypted only"
        ),
        needs=("ssl",),
    ),
    Rule(
        id="ssl-flexible",
        severity=Severity.HIGH,
        title="The way to the origin is not encrypted",
        why="Visitors see a padlock while what they send goes on in the clear from the proxy to the origin.",
        mend=dashboard("SSL/TLS > Overview", "ssl", "strict", "after the origin has a certificate"),
        source="Client Interface API §3.7; Cloudflare documentation, SSL/TLS: encryption modes",
        check=reports(
            "ssl",
            lambda mode: mode == SslMode.FLEXIBLE,
            "SSL is flexible: the way from the proxy to the origin is not encrypted",
        ),
        needs=("ssl",),
    ),
    Rule(
        id="ssl-not-strict",
        severity=Severity.MEDIUM,
        title="The origin's certificate is not checked",
        why="Whoever stands between the proxy and the origin can pretend to be the origin.",
        mend=dashboard("SSL/TLS > Overview", "ssl", "strict", "after the origin has a certificate that is valid"),
        source="Client Interface API §3.7; Cloudflare documentation, SSL/TLS: encryption modes",
        check=reports(
            "ssl", lambda mode: mode == SslMode.FULL, "SSL is full, not strict: the origin's certificate is not checked"
        ),
        needs=("ssl",),
    ),
    Rule(
        id="https-not-enforced",
        severity=Severity.MEDIUM,
        title="Visitors who come by http stay there",
        why="A link or a habit without https leaves the visitor readable and changeable on the way.",
        mend=dashboard(_EDGE, "always_use_https", "on"),
        source="RFC 7258; Cloudflare documentation, SSL/TLS: Always Use HTTPS",
        check=reports(
            "always_use_https", lambda on: not on, "Always Use HTTPS is off: visitors who come by http stay there"
        ),
        needs=("always_use_https",),
    ),
    Rule(
        id="https-rewrites-off",
        severity=Severity.LOW,
        title="Links to http within pages stay as they are",
        why="A page over https that loads parts over http is broken by browsers, or open to change on the way.",
        mend=dashboard(_EDGE, "automatic_https_rewrites", "on"),
        source="Cloudflare documentation, SSL/TLS: Automatic HTTPS Rewrites",
        check=reports("automatic_https_rewrites", lambda on: not on, "Automatic HTTPS Rewrites is off"),
        needs=("automatic_https_rewrites",),
    ),
    Rule(
        id="opportunistic-encryption-off",
        severity=Severity.INFO,
        title="http is not encrypted where it could be",
        why="A browser that would encrypt a plain http request is not told that it may.",
        mend=dashboard(_EDGE, "opportunistic_encryption", "on"),
        source="RFC 8164; Cloudflare documentation, SSL/TLS: Opportunistic Encryption",
        check=reports("opportunistic_encryption", lambda on: not on, "Opportunistic Encryption is off"),
        needs=("opportunistic_encryption",),
    ),
    Rule(
        id="tls-too-old",
        severity=Severity.MEDIUM,
        title="TLS versions that are no longer safe are accepted",
        why="TLS 1.0 and 1.1 rest on broken ciphers and hashes, and no browser of today needs them.",
        mend=dashboard(_EDGE, "min_tls_version", "1.2"),
        source="RFC 8996; Cloudflare documentation, SSL/TLS: Minimum TLS Version",
        check=reports(
            "min_tls_version",
            lambda version: version in {"1.0", "1.1"},
            lambda version: f"TLS {version} is accepted; 1.2 is the oldest version that is safe",
        ),
        needs=("min_tls_version",),
    ),
    Rule(
        id="tls-1-3-off",
        severity=Severity.LOW,
        title="TLS 1.3 is off",
        why="Visitors connect with one round trip more, and with ciphers that 1.3 has dropped.",
        mend=dashboard(_EDGE, "tls_1_3", "on"),
        source="RFC 8446; Cloudflare documentation, SSL/TLS: TLS 1.3",
        check=reports("tls_1_3", lambda state: state == "off", "TLS 1.3 is off"),
        needs=("tls_1_3",),
    ),
    Rule(
        id="tls-0-rtt-on",
        severity=Severity.INFO,
        title="TLS 1.3 takes data before the handshake is complete",
        why="Such early data can be sent once more by whoever records it; an origin that acts on GET may act twice.",
        mend=dashboard("Speed > Optimization", "0rtt", "off", "where the origin does not reject early data itself"),
        source="RFC 8446 §8; RFC 8470",
        check=reports("tls_1_3", lambda state: state == "zrt", "TLS 1.3 is on with 0-RTT, whose data can be replayed"),
        needs=("tls_1_3",),
    ),
    Rule(
        id="hsts-off",
        severity=Severity.MEDIUM,
        title="No HSTS",
        why="The first request of each visit can be caught and kept on http, however the site redirects.",
        mend=dashboard(_EDGE, "security_header", "enabled, max_age 15552000 or more"),
        source="RFC 6797; Cloudflare documentation, SSL/TLS: HTTP Strict Transport Security",
        check=_hsts_off,
        needs=("hsts",),
    ),
    Rule(
        id="hsts-short",
        severity=Severity.LOW,
        title="HSTS does not last",
        why="Whoever comes more rarely than that comes unprotected each time.",
        mend=dashboard(_EDGE, "security_header", "max_age 15552000 or more"),
        source="RFC 6797 §11.2",
        check=_hsts_short,
        needs=("hsts",),
    ),
    Rule(
        id="hsts-without-subdomains",
        severity=Severity.LOW,
        title="HSTS leaves out the subdomains",
        why="A subdomain that is reached by http can set cookies for the whole domain.",
        mend=dashboard(_EDGE, "security_header", "include_subdomains", "when all of them are reachable by https"),
        source="RFC 6797 §14.4",
        check=_hsts_without_subdomains,
        needs=("hsts",),
    ),
    Rule(
        id="hsts-preload-unfit",
        severity=Severity.LOW,
        title="HSTS asks for preloading and does not qualify",
        why="Browsers' lists take in only what lasts a year and covers all subdomains, and drop what no longer does.",
        mend=dashboard(_EDGE, "security_header", "max_age 31536000 with include_subdomains, or no preload"),
        source="RFC 6797 §12.3; hstspreload.org",
        check=_hsts_preload_unfit,
        needs=("hsts",),
    ),
    Rule(
        id="universal-ssl-off",
        severity=Severity.MEDIUM,
        title="The universal certificate is off",
        why="Without a certificate of one's own at the edge, visitors get an error instead of the site by https.",
        mend=f"Dashboard, {_EDGE}: enable Universal SSL; on the API /zones/ID/ssl/universal/settings. "
        "An exception is right where the zone has a certificate of its own.",
        source="Cloudflare documentation, SSL/TLS: Universal SSL",
        check=reports("universal_ssl", lambda on: not on, "Universal SSL is off"),
        needs=("universal_ssl",),
    ),
    Rule(
        id="certificate-too-shallow",
        severity=Severity.LOW,
        title="A proxied name that the universal certificate does not cover",
        why="Visitors of the name by https get an error, unless the zone has a certificate of its own for it.",
        mend="Give the service a name directly below the zone, or order an advanced certificate for the deep one.",
        source="RFC 6125 §6.4.3; Cloudflare documentation, SSL/TLS: Universal SSL, limitations",
        check=_certificate_too_shallow,
    ),
    Rule(
        id="http2-off",
        severity=Severity.INFO,
        title="HTTP/2 is off",
        why="Pages of many parts load one after the other.",
        mend=dashboard("Speed > Optimization", "http2", "on"),
        source="RFC 9113; Client Interface API §3.7 (spdy)",
        check=reports("spdy", lambda on: not on, "HTTP/2 (SPDY on version 1) is off"),
        needs=("spdy",),
    ),
)
