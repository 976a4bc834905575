"""What is cached, for how long, and by which protocol it is fetched."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from typing import Final

from cfclient.audit.model import Fault, Rule, Severity, ZoneData
from cfclient.models import CacheLevel, IPv6Mode

from ._common import dashboard, reports

__all__ = ["OPTIONAL", "RULES"]

_HOUR: Final = 3600
_MONTH: Final = 31 * 24 * _HOUR


def _development_mode_on(data: ZoneData) -> Iterator[Fault]:
    mode = data.settings.dev_mode
    if mode:
        until = "nobody knows until when" if mode is True else f"until {mode.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        yield Fault(f"development mode is on, {until}: nothing is cached")


RULES: Final[tuple[Rule, ...]] = (
    Rule(
        id="development-mode-on",
        severity=Severity.LOW,
        title="Development mode is on",
        why="Every request goes to the origin, which may not stand the load that the cache takes off it.",
        mend="await cf.devmode(zone, False); it also ends by itself three hours after it was switched on.",
        source="Client Interface API §3.7, §4.3",
        check=_development_mode_on,
        needs=("dev_mode",),
    ),
    Rule(
        id="cache-level-basic",
        severity=Severity.INFO,
        title="Nothing with a query string is cached",
        why="Every ?version=… of a script or a picture goes to the origin, and so does every flood of made-up ones.",
        mend='await cf.cache_lvl(zone, "agg")',
        source="Client Interface API §3.7, §4.2",
        check=reports("cache_lvl", lambda level: level == CacheLevel.BASIC, 'the cache level is "basic"'),
        needs=("cache_lvl",),
    ),
    Rule(
        id="browser-cache-short",
        severity=Severity.INFO,
        title="Browsers forget what they fetched within the hour",
        why="Visitors who come back load everything once more.",
        mend=dashboard("Caching > Configuration", "browser_cache_ttl", "14400"),
        source="Client Interface API §3.7 (exp_ttl); RFC 9111 §5.2.2.1",
        check=reports(
            "exp_ttl",
            # 0: the origin's own headers are respected.
            lambda seconds: 0 < seconds < _HOUR,
            lambda seconds: f"browsers keep what they fetched for {seconds:,} seconds only",
        ),
        needs=("exp_ttl",),
    ),
    Rule(
        id="browser-cache-long",
        severity=Severity.INFO,
        title="Browsers keep what they fetched for more than a month",
        why="No purge reaches a browser: a wrong file stays with visitors until then.",
        mend=dashboard("Caching > Configuration", "browser_cache_ttl", "14400"),
        source="Client Interface API §3.7 (exp_ttl); RFC 9111 §5.2.2.1",
        check=reports(
            "exp_ttl",
            lambda seconds: seconds > _MONTH,
            lambda seconds: f"browsers keep what they fetched for {seconds // 86_400:,} days",
        ),
        needs=("exp_ttl",),
    ),
    Rule(
        id="ipv6-off",
        severity=Severity.INFO,
        title="The zone is not reachable over IPv6",
        why="Visitors who have IPv6 only, as in many mobile networks, come through translators or not at all.",
        mend="await cf.ipv46(zone, True)",
        source="Client Interface API §3.7, §4.7; RFC 6540",
        check=reports("ipv46", lambda mode: mode == IPv6Mode.OFF, "IPv6 is off"),
        needs=("ipv46",),
    ),
)

#: What people disagree about; to be selected by name.
OPTIONAL: Final[tuple[Rule, ...]] = (
    Rule(
        id="always-online-on",
        severity=Severity.INFO,
        title="Old copies of pages are shown while the origin is away",
        why="A copy may show what was taken down, and hides from its owner that the origin is away.",
        mend=dashboard("Caching > Configuration", "always_online", "off"),
        source="Client Interface API §3.7 (ob)",
        check=reports("ob", bool, "Always Online is on"),
        needs=("ob",),
    ),
)
