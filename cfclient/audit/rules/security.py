"""What stands between a visitor and the origin: the security level, the firewall, and what hides content."""

from __future__ import annotations

from typing import Final

from cfclient.audit.model import Rule, Severity
from cfclient.models import SecurityLevel, WafProfile

from ._common import dashboard, reports

__all__ = ["OPTIONAL", "RULES"]

# A visitor who passed one challenge is not challenged again for that long.
_PASSAGE: Final = (900, 2700)

RULES: Final[tuple[Rule, ...]] = (
    Rule(
        id="security-essentially-off",
        severity=Severity.MEDIUM,
        title="The security level is essentially off",
        why="Addresses that are known for abuse reach the site unchallenged.",
        mend='await cf.sec_lvl(zone, "med")',
        source="Client Interface API §3.7, §4.1",
        check=reports(
            "sec_lvl",
            lambda level: level == SecurityLevel.ESSENTIALLY_OFF,
            'the security level is "essentially off" (eoff), so hardly any visitor is ever challenged',
        ),
        needs=("sec_lvl",),
    ),
    Rule(
        id="security-low",
        severity=Severity.INFO,
        title="The security level is low",
        why="Only the most threatening visitors are challenged.",
        mend='await cf.sec_lvl(zone, "med")',
        source="Client Interface API §3.7, §4.1",
        check=reports("sec_lvl", lambda level: level == SecurityLevel.LOW, 'the security level is "low"'),
        needs=("sec_lvl",),
    ),
    Rule(
        id="under-attack",
        severity=Severity.INFO,
        title="The zone is in the mode for attacks",
        why="Every visitor waits at a challenge, and programs that use the site's API do not get through.",
        mend='await cf.sec_lvl(zone, "med") when the attack is over',
        source="Client Interface API §3.7, §4.1",
        check=reports(
            "sec_lvl",
            lambda level: level == SecurityLevel.UNDER_ATTACK,
            'the security level is "I\'m under attack" (help): every visitor is challenged',
        ),
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
        check=reports("waf_profile", lambda profile: profile == WafProfile.OFF, "the web application firewall is off"),
        needs=("waf_profile",),
    ),
    Rule(
        id="browser-check-off",
        severity=Severity.LOW,
        title="The browser integrity check is off",
        why="Requests with the headers of spammers' programs reach the site.",
        mend=dashboard("Security > Settings", "browser_check", "on"),
        source="Client Interface API §3.7 (bic)",
        check=reports("bic", lambda on: not on, "the browser integrity check is off"),
        needs=("bic",),
    ),
    Rule(
        id="bot-fight-mode-off",
        severity=Severity.INFO,
        title="Bot Fight Mode is off",
        why="Programs that are known as abusive are served like anybody.",
        mend="Dashboard, Security > Bots: Bot Fight Mode; on the API /zones/ID/bot_management, fight_mode.",
        source="Cloudflare documentation, Bots: Bot Fight Mode",
        check=reports("bot_fight_mode", lambda on: not on, "Bot Fight Mode is off"),
        needs=("bot_fight_mode",),
    ),
    Rule(
        id="challenge-passage-odd",
        severity=Severity.INFO,
        title="Who passed a challenge is asked again too soon or too late",
        why="A short passage bothers visitors again and again; a long one lets a program that passed once go on.",
        mend=dashboard("Security > Settings", "challenge_ttl", "900 to 2700"),
        source="Client Interface API §3.7 (chl_ttl)",
        check=reports(
            "chl_ttl",
            lambda seconds: not _PASSAGE[0] <= seconds <= _PASSAGE[1],
            lambda seconds: f"a passed challenge holds for {seconds:,} seconds, not {_PASSAGE[0]} to {_PASSAGE[1]}",
        ),
        needs=("chl_ttl",),
    ),
    Rule(
        id="email-obfuscation-off",
        severity=Severity.INFO,
        title="E-mail addresses in pages are readable by programs",
        why="Addresses are gathered from the pages for spam and phishing.",
        mend=dashboard("Scrape Shield", "email_obfuscation", "on"),
        source="Client Interface API §3.7 (email_filter)",
        check=reports("email_filter", lambda on: not on, "e-mail address obfuscation is off"),
        needs=("email_filter",),
    ),
    Rule(
        id="hotlink-protection-off",
        severity=Severity.INFO,
        title="Other sites can show the zone's pictures as theirs",
        why="The traffic of other sites is paid for here, and one's pictures stand in places one did not choose.",
        mend=dashboard("Scrape Shield", "hotlink_protection", "on"),
        source="Client Interface API §3.7 (hotlink)",
        check=reports("hotlink", lambda on: not on, "hotlink protection is off"),
        needs=("hotlink",),
    ),
    Rule(
        id="server-side-excludes-off",
        severity=Severity.INFO,
        title="What pages hide from suspicious visitors is shown to them",
        why="Parts between the marks for it are sent to everybody.",
        mend="Switch Server Side Excludes on in the dashboard, where the service still has it.",
        source="Client Interface API §3.7 (sse)",
        check=reports("sse", lambda on: not on, "Server Side Excludes is off"),
        needs=("sse",),
    ),
)

#: What people disagree about; to be selected by name.
OPTIONAL: Final[tuple[Rule, ...]] = (
    Rule(
        id="ip-geolocation-off",
        severity=Severity.INFO,
        title="The origin is not told where visitors come from",
        why="The origin can neither refuse nor log by country.",
        mend=dashboard("Network", "ip_geolocation", "on"),
        source="Client Interface API §3.7 (geoloc)",
        check=reports("geoloc", lambda on: not on, "IP geolocation is off"),
        needs=("geoloc",),
    ),
)
