"""What a record says, by its type: the text of version 1, and version 4's `content` and `data`.

    SIMPLE    `content` is what is given: A, AAAA, CNAME, MX, NS, PTR, TXT
    DATA      `data` is what is given, and `content` is made of it: SRV, LOC, CAA, HTTPS, TLSA, ...

The text is kept as version 1 keeps it, and `data` is read from it again, so that there is one truth.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from cfclient.models import HOST_TYPES

from .replies import Refused

__all__ = ["PRIORITIES", "SIMPLE", "TYPES", "data_of", "host", "text_of", "written"]

_LABEL: Final = re.compile(r"[A-Za-z0-9_*](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
#: the types whose content is given as it is
SIMPLE: Final = frozenset({"A", "AAAA", "CNAME", "MX", "NS", "PTR", "TXT"})
#: the types that have a `priority` of their own
PRIORITIES: Final = frozenset({"MX", "URI"})


def host(name: str) -> str | None:
    """A host name as it is kept, in Punycode; None where it is none."""
    name = name.removesuffix(".")
    if not name.isascii():
        import idna

        try:
            name = idna.encode(name, uts46=True).decode()
        except UnicodeError:
            return None
    labels = name.split(".")
    return name if len(name) <= 253 and all(_LABEL.fullmatch(label) for label in labels) else None


@attrs.frozen
class _Field:
    """One member of `data`: how it stands in the text, and what it may be."""

    name: str
    #: a regular expression of its text
    text: str = r"\S+"
    #: the lowest and the highest number; None for text
    number: tuple[float, float] | None = None
    quoted: bool = False
    whole: bool = True

    def read(self, text: str) -> Any:
        """The value in this text."""
        if self.number is None:
            return re.sub(r"\\(.)", r"\1", text[1:-1]) if self.quoted else text
        number = float(text.removesuffix("m"))
        return int(number) if number.is_integer() else number

    def write(self, value: Any) -> str:
        """The text of this value."""
        if not self.quoted:
            return f"{value:.15g}" if isinstance(value, float) else str(value)
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'

    def number_of(self, value: Any) -> Any:
        """The number in a text, where one is wanted: external programs send texts, and are not known to be refused."""
        if self.number is not None and isinstance(value, str) and re.fullmatch(r"-?\d{1,10}(?:\.\d{1,10})?", value):
            return self.read(value)
        return value

    def taken(self, value: Any) -> bool:
        """Whether this is a value that it may have."""
        if self.number is None:
            return isinstance(value, str) and (self.quoted or re.fullmatch(self.text, value) is not None)
        numeric = isinstance(value, int | float) and not isinstance(value, bool)
        return numeric and self.number[0] <= value <= self.number[1] and (not self.whole or float(value).is_integer())


def _u8(name: str) -> _Field:
    return _Field(name, r"\d{1,3}", (0, 255))


def _u16(name: str) -> _Field:
    return _Field(name, r"\d{1,5}", (0, 65_535))


def _quoted(name: str) -> _Field:
    return _Field(name, r'"(?:[^"\\]|\\.)*"', quoted=True)


def _degrees(name: str, most: float, *, whole: bool = True) -> _Field:
    return _Field(name, r"\d+(?:\.\d+)?", (0, most), whole=whole)


def _metres(name: str, least: float, most: float) -> _Field:
    return _Field(name, r"-?\d+(?:\.\d+)?m?", (least, most), whole=False)


_HEX: Final = r"[0-9A-Fa-f ]+"
_REST: Final = r".*\S"
_CERTIFICATE: Final = (_u8("usage"), _u8("selector"), _u8("matching_type"), _Field("certificate", _HEX))
_SERVICE: Final = (_u16("priority"), _Field("target"), _Field("value", r".*"))

#: the members of `data` in the order of the text; where one is a priority of SRV, version 1 keeps it apart
_DATA: Final[Mapping[str, tuple[_Field, ...]]] = {
    "SRV": (_u16("weight"), _u16("port"), _Field("target")),
    "LOC": (
        _degrees("lat_degrees", 90),
        _degrees("lat_minutes", 59),
        _degrees("lat_seconds", 59.999, whole=False),
        _Field("lat_direction", "[NS]"),
        _degrees("long_degrees", 180),
        _degrees("long_minutes", 59),
        _degrees("long_seconds", 59.999, whole=False),
        _Field("long_direction", "[EW]"),
        _metres("altitude", -100_000, 42_849_672.95),
        _metres("size", 0, 90_000_000),
        _metres("precision_horz", 0, 90_000_000),
        _metres("precision_vert", 0, 90_000_000),
    ),
    "CAA": (_u8("flags"), _Field("tag", "[A-Za-z0-9]+"), _quoted("value")),
    "CERT": (_u16("type"), _u16("key_tag"), _u8("algorithm"), _Field("certificate", _REST)),
    "DNSKEY": (_u16("flags"), _u8("protocol"), _u8("algorithm"), _Field("public_key", _REST)),
    "DS": (_u16("key_tag"), _u8("algorithm"), _u8("digest_type"), _Field("digest", _HEX)),
    "HTTPS": _SERVICE,
    "NAPTR": (
        _u16("order"),
        _u16("preference"),
        _quoted("flags"),
        _quoted("service"),
        _quoted("regex"),
        _Field("replacement"),
    ),
    "SMIMEA": _CERTIFICATE,
    "SSHFP": (_u8("algorithm"), _u8("type"), _Field("fingerprint", _HEX)),
    "SVCB": _SERVICE,
    "TLSA": _CERTIFICATE,
    "URI": (_u16("weight"), _quoted("target")),
}
#: what may be left out of a location, as in RFC 1876
_LOCATION: Final = {
    "lat_minutes": 0,
    "lat_seconds": 0,
    "long_minutes": 0,
    "long_seconds": 0,
    "altitude": 0,
    "size": 1,
    "precision_horz": 10_000,
    "precision_vert": 10,
}
_METRES: Final = frozenset({"altitude", "size", "precision_horz", "precision_vert"})

#: the record types that version 4 writes; SPF is none of them
TYPES: Final = SIMPLE | _DATA.keys()

_TEXTS: Final = {
    type_: re.compile(r"\s+".join(f"({field.text})" for field in fields).replace(r"\s+(.*)", r"(?:\s+(.*))?"))
    for type_, fields in _DATA.items()
}
# RFC 1876 lets everything behind the degrees be left out.
_LOC: Final = re.compile(
    r"(\d+)(?:\s+(\d+)(?:\s+([\d.]+))?)?\s+([NS])\s+(\d+)(?:\s+(\d+)(?:\s+([\d.]+))?)?\s+([EW])"
    r"(?:\s+(-?[\d.]+m?))?(?:\s+([\d.]+m?))?(?:\s+([\d.]+m?))?(?:\s+([\d.]+m?))?"
)


def data_of(type_: str, content: str, prio: int | None) -> dict[str, Any] | None:
    """Version 4's `data` of this text; None where the type has none, or the text is not of that form."""
    fields = _DATA.get(type_)
    if fields is None:
        return None
    found = (_LOC if type_ == "LOC" else _TEXTS[type_]).fullmatch(content.strip())
    if found is None:
        return None
    given = {
        field.name: field.read(text if text is not None else "")
        for field, text in zip(fields, found.groups(), strict=True)
        if text is not None or field.name not in _LOCATION
    }
    if type_ == "SRV":
        given = {"priority": prio or 0, **given}
    return {**_LOCATION, **given} if type_ == "LOC" else given


def text_of(type_: str, content: str, prio: int | None) -> str:
    """Version 4's `content` of this text, which is never split into its parts."""
    return f"{prio or 0} {content}" if type_ == "SRV" else content


def written(type_: str, data: Mapping[str, Any]) -> tuple[str, int | None]:
    """The text that these `data` make, and the priority that version 1 keeps apart."""
    if type_ == "SRV" and {"service", "proto", "name"} & data.keys():
        # Since 2024-05-31, in these words; the code is not known.
        raise Refused(400, 9101, "SRV data fields 'service', 'proto' and 'name' are no longer supported")
    fields = (*_DATA[type_], _u16("priority")) if type_ == "SRV" else _DATA[type_]
    given = {**_LOCATION, **data} if type_ == "LOC" else dict(data)
    given |= {field.name: field.number_of(given[field.name]) for field in fields if field.name in given}
    for field in fields:
        if field.name not in given:
            raise Refused(400, 9101, f"{field.name} is a required data field.")
        if not field.taken(given[field.name]):
            raise Refused(400, 9102, f"{field.name} is not a valid data field value.")
    texts = [f"{field.write(given[field.name])}{'m' if field.name in _METRES else ''}" for field in _DATA[type_]]
    return " ".join(texts).strip(), int(given["priority"]) if type_ == "SRV" else None


# -- what is given as it is --------------------------------------------------------------------------


def _ipv4(content: str) -> str | None:
    try:
        return str(ipaddress.IPv4Address(content))
    except ValueError:
        return None


def _ipv6(content: str) -> str | None:
    try:
        return str(ipaddress.IPv6Address(content))
    except ValueError:
        return None


def _text(content: str) -> str | None:
    return content if 0 < len(content) <= 4_096 else None


# Code and words of A and AAAA are those of real refusals; the other codes are the order of the types.
_CHECKS: Final[Mapping[str, tuple[Callable[[str], str | None], int, str]]] = {
    "A": (_ipv4, 9005, "Content for A record must be a valid IPv4 address."),
    "AAAA": (_ipv6, 9006, "Content for AAAA record must be a valid IPv6 address."),
    "CNAME": (host, 9007, "Content for CNAME record is invalid."),
    "MX": (host, 9009, "Content for MX record must be a hostname."),
    "NS": (host, 9012, "Content for NS record must be a hostname."),
    "PTR": (host, 9013, "Content for PTR record is invalid."),
    "TXT": (_text, 9010, "Content for TXT record is invalid."),
}


def checked(type_: str, content: Any) -> str:
    """The content as it is kept."""
    check, code, words = _CHECKS[type_]
    kept = check(content) if isinstance(content, str) else None
    if kept is None:
        raise Refused(400, code, words)
    return kept


def same_content(type_: str, one: str, other: str) -> bool:
    """Whether two records of a type say the same; host names are compared without regard to case."""
    return one.lower() == other.lower() if type_ in HOST_TYPES else one == other
