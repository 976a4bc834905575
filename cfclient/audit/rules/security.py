"""What stands between a visitor and the origin: the security level and the firewall."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cfclient.audit.model import Fault, Rule, Severity, ZoneData
from cfclient.models import SecurityLevel, WafProfile

__all__ = ["RULES"]


def _security_essentially_off(data: ZoneData) -> Iterator[Fault]:
    if data.settings.sec_lvl == SecurityLevel.ESSENTIALLY_OFF:
        yield Fault('the security level is "essentially off" (eoff), so hardly any visitor is ever challenged')


def _waf_off(data: ZoneData) -> Iterator[Fault]:
    if data.settings.waf_profile == WafProfile.OFF:
        yield Fault("the web application firewall is off")


RULES: Final[tuple[Rule, ...]] = (
    Rule(
        id="security-essentially-off",
        severity=Severity.MEDIUM,
        title="The security level is essentially off",
        why="Addresses that are known for abuse reach the site unchallenged.",
        mend='await cf.sec_lvl(zone, "med")',
        source="Client Interface API §3.7, §4.1",
        check=_security_essentially_off,
        needs=("sec_lvl",),
    ),
    Rule(
        id="waf-off",
        severity=Severity.MEDIUM,
        title="The web application firewall is off",
        why="Attempts at injection and the like reach the application unfiltered.",
        mend="Switch the firewall on in the dashboard (Pro plans and above); version 1 of the API only reads it "
        "(zone_settings, waf_profile).",
        source="Client Interface API §3.7",
        check=_waf_off,
        needs=("waf_profile",),
    ),
)
