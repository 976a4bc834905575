"""What several areas share: the forms in which contents are compared."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from cfclient.audit.model import Check, Fault, Unseen, ZoneData
from cfclient.models import HOST_TYPES, Record, RecordType
from cfclient.shapes import canonical, plain_text

__all__ = [
    "AAAA",
    "ADDRESSING",
    "CNAME",
    "MX",
    "NS",
    "SPF",
    "SRV",
    "TXT",
    "A",
    "Address",
    "above",
    "comparable",
    "dashboard",
    "delegated",
    "inside",
    "is_dmarc",
    "plain_text",
    "reports",
    "target_of",
    "to_address",
    "unseen",
]

A, AAAA, CNAME = RecordType.A, RecordType.AAAA, RecordType.CNAME
MX, NS, SRV = RecordType.MX, RecordType.NS, RecordType.SRV
TXT, SPF = RecordType.TXT, RecordType.SPF

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

#: the types that lead a visitor somewhere
ADDRESSING: Final = (A, AAAA, CNAME)


def to_address(text: str) -> Address | None:
    """The address that a text is, in an address literal's brackets or with a final dot too."""
    try:
        found = ipaddress.ip_address(text.strip().removesuffix(".").removeprefix("[").removesuffix("]"))
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def comparable(record: Record) -> str:
    """The content in a form in which equal contents are equal texts."""
    if record.type in {A, AAAA}:
        return str(to_address(record.content) or record.content)
    if record.type in HOST_TYPES:
        return canonical(" ".join(record.content.split()))
    return plain_text(record.content) if record.type in {TXT, SPF} else record.content


def target_of(record: Record) -> str:
    """The host name that a record points to: the last word, since an SRV's weight and port stand before it."""
    words = record.content.split()
    return "." if words and words[-1] == "." else canonical(words[-1]) if words else ""


def above(zone: str) -> Iterator[str]:
    """The domains that a zone is a part of, from the inside, without the last label of all."""
    name = zone.partition(".")[2]
    while "." in name:
        yield name
        name = name.partition(".")[2]


_DMARC: Final = re.compile(r"v[ \t]*=[ \t]*DMARC1[ \t]*(;|$)")


def is_dmarc(content: str) -> bool:
    """Whether the content of a TXT record is a DMARC policy."""
    return _DMARC.match(plain_text(content)) is not None


def unseen(data: ZoneData, names: Iterable[str], what: str) -> Iterator[Unseen]:
    """Said last, behind what was found all the same: that some of these names, and what is behind, are not known."""
    failures = set[tuple[str, str]]()
    passed = set[str]()
    for start in names:
        name: str | None = start
        while name is not None and name in data.beyond and name not in passed:
            passed.add(name)
            one = data.beyond[name]
            if one.failure is not None:
                failures.add((one.zone, one.failure))
            name = one.leads
    for zone, reason in sorted(failures)[:1]:
        more = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
        yield Unseen(f"{what} the zone {zone}, whose records are not known: {reason}{more}")


def inside(data: ZoneData, name: str) -> bool:
    """Whether a name belongs to the zone."""
    return name == data.zone or name.endswith(f".{data.zone}")


def delegated(data: ZoneData, name: str) -> bool:
    """Whether a name lies at or below one that is handed to other servers, whose records are not here."""
    while name != data.zone and name:
        if data.at(name, NS):
            return True
        name = name.partition(".")[2]
    return False


def reports(field: str, wrong: Callable[[Any], bool], sentence: str | Callable[[Any], str]) -> Check:
    """The function of a rule about one setting: where it is wrong, the sentence is said."""

    def check(data: ZoneData) -> Iterator[Fault]:
        found = getattr(data.settings, field)
        if wrong(found):
            yield Fault(sentence if isinstance(sentence, str) else sentence(found))

    return check


def dashboard(place: str, setting: str, value: str, when: str = "") -> str:
    """How a setting is mended that no action of the API writes."""
    more = f", {when}" if when else ""
    return f"Dashboard, {place}: set it{more}; on today's API PATCH /zones/ID/settings/{setting} ({value})."
