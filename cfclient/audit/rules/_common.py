"""What several areas share: the forms in which contents are compared."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator
from typing import Any, Final

from cfclient.audit.model import Check, Fault, ZoneData
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
    "comparable",
    "dashboard",
    "delegated",
    "inside",
    "plain_text",
    "reports",
    "target_of",
    "to_address",
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
