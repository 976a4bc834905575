"""A zone as a zone file (RFC 1035), as version 4 exports it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

__all__ = ["exported"]

# The types whose content ends in a host name.
_HOST_LAST: Final = frozenset({"CNAME", "MX", "NS", "PTR", "SRV"})


def _strings(content: str) -> str:
    """A text as strings of at most 255 bytes; one that is in quotes already stays as it is."""
    if content.startswith('"') and content.endswith('"') and len(content) > 1:
        return content
    data = content.encode()
    parts = [data[at : at + 255] for at in range(0, len(data), 255)] or [b""]
    return " ".join('"{}"'.format("".join(map(_escaped, part))) for part in parts)


def _escaped(byte: int) -> str:
    if byte in b'"\\':
        return f"\\{chr(byte)}"
    return chr(byte) if 32 <= byte < 127 else f"\\{byte:03d}"


def _rdata(record: Mapping[str, Any]) -> str:
    content: str = record["content"]
    if record["type"] == "TXT":
        return _strings(content)
    if "priority" in record:
        content = f"{record['priority']} {content}"
    return f"{content}." if record["type"] in _HOST_LAST and not content.endswith(".") else content


def _line(record: Mapping[str, Any]) -> str:
    tags = [f"cf-proxied:{str(record['proxied']).lower()}", *record["tags"]]
    comment = " " + " ".join(record["comment"].split()) if record["comment"] else ""
    head = f"{record['name']}.\t{record['ttl']}\tIN\t{record['type']}"
    return f"{head}\t{_rdata(record)} ;{comment} cf_tags={','.join(tags)}"


def exported(zone: str, servers: Sequence[str], records: Iterable[Mapping[str, Any]], now: datetime) -> str:
    """The file's text."""
    first = servers[0] if servers else f"ns.{zone}"
    head = [
        ";;",
        f";; Domain:     {zone}.",
        f";; Exported:   {now:%Y-%m-%d %H:%M:%S}",
        ";;",
        f"{zone}.\t3600\tIN\tSOA\t{first}. dns.cloudflare.com. {int(now.timestamp())} 10000 2400 604800 3600",
        *(f"{zone}.\t86400\tIN\tNS\t{server}." for server in servers),
    ]
    by_type: dict[str, list[str]] = {}
    for record in records:
        by_type.setdefault(record["type"], []).append(_line(record))
    for type_, lines in sorted(by_type.items()):
        head += ["", f";; {type_} Records", *lines]
    return "\n".join([*head, ""])
