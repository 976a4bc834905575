"""Who may send mail in the name of the zone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from cfclient.audit.model import Fault, Rule, Severity, ZoneData

from ._common import ADDRESSING, CNAME, MX, NS, TXT, plain_text

__all__ = ["RULES"]


_SPF: Final = re.compile(r"v=spf1( |$)", re.IGNORECASE)
_DMARC: Final = re.compile(r"v[ \t]*=[ \t]*DMARC1[ \t]*(;|$)")


def _mail_can_be_forged(data: ZoneData) -> bool:
    """Whether the zone's own name is one that receivers of mail take for real: it has an MX or an address."""
    return bool(data.at(data.zone, MX, *ADDRESSING))


def _spf_missing(data: ZoneData) -> Iterator[Fault]:
    published = any(_SPF.match(plain_text(record.content)) for record in data.at(data.zone, TXT))
    if _mail_can_be_forged(data) and not published:
        yield Fault(f"{data.zone} has no TXT record that begins with v=spf1", (data.zone,))


def _dmarc_missing(data: ZoneData) -> Iterator[Fault]:
    name = f"_dmarc.{data.zone}"
    published = any(_DMARC.match(plain_text(record.content)) for record in data.at(name, TXT))
    # A CNAME or a delegation hands the name to somebody else, whose records are not here.
    if _mail_can_be_forged(data) and not published and not data.at(name, CNAME, NS):
        yield Fault(f"{name} has no TXT record that begins with v=DMARC1", (name,))


RULES: Final[tuple[Rule, ...]] = (
    Rule(
        id="spf-missing",
        severity=Severity.MEDIUM,
        title="No SPF policy",
        why="A domain with an address or an MX can be written into the sender of any mail; without SPF no receiver "
        "can tell. That holds for domains that never send mail as well.",
        mend='await cf.rec_new(zone, "TXT", "@", "v=spf1 ... -all"); "v=spf1 -all" where no mail is sent.',
        source="RFC 7208 §3, §4.5",
        check=_spf_missing,
    ),
    Rule(
        id="dmarc-missing",
        severity=Severity.MEDIUM,
        title="No DMARC policy",
        why="Receivers are not told what to do with forged mail, and nobody is told that there is any.",
        mend='await cf.rec_new(zone, "TXT", "_dmarc", "v=DMARC1; p=none; rua=mailto:..."), later p=reject.',
        source="RFC 7489 §6.1, §6.3",
        check=_dmarc_missing,
    ),
)
