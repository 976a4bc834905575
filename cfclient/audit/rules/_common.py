"""What several areas share: the forms in which contents are compared."""

from __future__ import annotations

import ipaddress
import re
from typing import Final

from cfclient.models import HOST_TYPES, Record, RecordType
from cfclient.shapes import canonical

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
    "plain_text",
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


_STRINGS: Final = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)


def plain_text(content: str) -> str:
    """The text of a TXT record: its strings joined where it is quoted as in a zone file (RFC 7208 §3.3)."""
    strings = _STRINGS.findall(content) if content.lstrip().startswith('"') else []
    return re.sub(r"\\(.)", r"\1", "".join(strings)) if strings else content


def comparable(record: Record) -> str:
    """The content in a form in which equal contents are equal texts."""
    if record.type in {A, AAAA}:
        return str(to_address(record.content) or record.content)
    if record.type in HOST_TYPES:
        return canonical(" ".join(record.content.split()))
    return plain_text(record.content) if record.type in {TXT, SPF} else record.content
