"""The shape of what goes into an action: each function returns the value in its one form or raises.

What a particular service allows beyond the shape (which ttl, which record types) is that service's
own table, in `limits.py`.
"""

from __future__ import annotations

import enum
import ipaddress
import re
from collections.abc import Callable, Iterable
from typing import TypeVar
from urllib.parse import urlsplit

from .errors import InvalidInput

__all__ = [
    "MAX_NAME",
    "MAX_TXT_OCTETS",
    "canonical",
    "domain_name",
    "flag",
    "host_name",
    "integer",
    "ip_address",
    "ipv4_address",
    "ipv6_address",
    "is_label",
    "is_todays_id",
    "is_zone_id",
    "listed",
    "loc_text",
    "names",
    "plain_text",
    "punycode",
    "record_name",
    "text",
    "txt_text",
    "web_url",
]

E = TypeVar("E", bound=enum.Enum)

_ZONE_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
# Owner names are laxer than host names: underscores, RFC 2317's slashes, hyphens at either end.
_NAME_LABEL = re.compile(r"[a-z0-9_/-]{1,63}")
# The ids of today are 32 hexadecimal digits; those of version 1 were numbers.
_TODAYS_ID, _OLD_ID = re.compile(r"[0-9a-f]{32}"), re.compile(r"[0-9]{1,20}")

# RFC 1876 §3: degrees, optional minutes and seconds, hemisphere, altitude, optional size and precisions.
_LOC = re.compile(
    r"(?P<lat>\d{1,2})(?: (?P<latm>[0-5]?\d)(?: (?P<lats>[0-5]?\d(?:\.\d{1,3})?))?)? [NS] "
    r"(?P<lon>\d{1,3})(?: (?P<lonm>[0-5]?\d)(?: (?P<lons>[0-5]?\d(?:\.\d{1,3})?))?)? [EW] "
    r"(?P<alt>-?\d+(?:\.\d{1,2})?)m?(?P<precisions>(?: \d+(?:\.\d{1,2})?m?){0,3})",
    re.IGNORECASE | re.ASCII,
)

#: how long a name may be, in characters, without the final dot (RFC 1035 §2.3.4)
MAX_NAME = 253

# A record's data is at most 65,535 octets, in strings of at most 255, each with an octet of length.
MAX_TXT_OCTETS = 65_535 - 256


def punycode(name: str) -> str:
    """The name with each label that is not ASCII in Punycode; raises a UnicodeError where that cannot be."""
    if name.isascii():
        return name
    # httpx and anyio both depend on it; loaded only for names that need it.
    import idna

    return ".".join(
        label if label.isascii() else idna.encode(label, uts46=True).decode()
        for label in re.split("[.\u3002\uff0e\uff61]", name)
    )


def _ascii(parameter: str, value: object, expected: str) -> str:
    """The name in lower-case Punycode, without the final dot."""
    if not isinstance(value, str):
        raise InvalidInput.of(parameter, value, expected)
    try:
        return punycode(value.strip().removesuffix(".")).lower()
    except UnicodeError as error:
        raise InvalidInput.of(parameter, value, f"{expected} ({error})") from None


def _checked(parameter: str, value: object, expected: str, label: re.Pattern[str], *, wildcard: bool) -> str:
    name = _ascii(parameter, value, expected)
    labels = name.split(".")
    if wildcard and labels[0] == "*":
        labels = labels[1:] or ["x"]
    if len(name) > MAX_NAME or not all(label.fullmatch(part) for part in labels):
        raise InvalidInput.of(parameter, value, expected)
    return name


def is_todays_id(zone: str) -> bool:
    """Whether a zone is said by its id on today's Cloudflare, instead of by its name."""
    return _TODAYS_ID.fullmatch(zone) is not None


def is_zone_id(zone: str) -> bool:
    """Whether a zone is said by its id, of today or of version 1."""
    return is_todays_id(zone) or _OLD_ID.fullmatch(zone) is not None


def domain_name(value: str, parameter: str = "zone") -> str:
    """A zone: a domain of at least two labels, or a zone id of 32 hexadecimal digits."""
    expected = "a domain name such as 'example.com'"
    name = _checked(parameter, value, expected, _ZONE_LABEL, wildcard=False)
    if ("." not in name and not is_todays_id(name)) or (_ends_in_number(name) and "." in name):
        raise InvalidInput.of(parameter, value, expected)
    return name


def names(value: str | Iterable[str]) -> tuple[str, ...]:
    """One or more zones, given as an iterable or as the wire's comma-separated text."""
    try:
        # Old programs end the text in a comma.
        parts = [part for part in value.split(",") if part.strip()] if isinstance(value, str) else list(value)
    except TypeError:
        parts = []
    if not parts:
        raise InvalidInput.of("zones", value, "at least one domain name, in an iterable or separated by commas")
    return tuple(domain_name(part, "zones") for part in parts)


def record_name(value: str, parameter: str = "name") -> str:
    """A record's name: relative, absolute, `@` or the zone itself for the apex; `*` as first label."""
    if value == "@":
        return value
    expected = "a name such as 'www', 'www.example.com', '*' or '@'"
    return _checked(parameter, value, expected, _NAME_LABEL, wildcard=True)


def canonical(name: str) -> str:
    """A host name as the DNS compares it: lower case, without the final dot (RFC 4343)."""
    return name.strip().lower().removesuffix(".")


def is_label(value: str) -> bool:
    """Whether this is one label of a name."""
    return _NAME_LABEL.fullmatch(value) is not None


def host_name(value: str, parameter: str, *, root: bool = False) -> str:
    """A name that another record points to; an address is not one, the root (`.`) only where it has a meaning."""
    if value == "." and root:
        return value
    expected = "a host name such as 'mail.example.com', not an address"
    name = _checked(parameter, value, expected, _NAME_LABEL, wildcard=False)
    if _ends_in_number(name):
        raise InvalidInput.of(parameter, value, expected)
    return name


def _ends_in_number(name: str) -> bool:
    """Whether the last label is a number, as an IPv4 address's is and no domain's (RFC 3696 §2)."""
    return name.rpartition(".")[2].isdecimal()


def _address(parameter: str, value: object, make: Callable[[str], object], expected: str) -> str:
    try:
        address = str(value).strip()
        if "%" in address:  # a scope has a meaning on one machine only (RFC 4007 §11)
            raise ValueError(address)
        # An int would be taken for a packed address.
        return str(make(address))
    except ValueError:
        raise InvalidInput.of(parameter, value, expected) from None


def ip_address(value: str | ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    """An IPv4 or IPv6 address, in its canonical text."""
    return _address("ip", value, ipaddress.ip_address, "an IPv4 or IPv6 address such as '192.0.2.1'")


def ipv4_address(value: str) -> str:
    """The content of an A record."""
    return _address("content", value, ipaddress.IPv4Address, "an IPv4 address such as '192.0.2.1' for type A")


def ipv6_address(value: str) -> str:
    """The content of an AAAA record."""
    return _address("content", value, ipaddress.IPv6Address, "an IPv6 address such as '2001:db8::1' for type AAAA")


def unicode_name(name: str) -> str:
    """The name as people read it; a label that is no valid IDNA stays as it is."""
    if "xn--" not in name:
        return name
    import idna

    def readable(label: str) -> str:
        try:
            return idna.decode(label) if label.startswith("xn--") else label
        except UnicodeError:
            return label

    return ".".join(map(readable, name.split(".")))


def web_url(value: str) -> str:
    """An absolute http or https URL with a host."""
    expected = "an absolute URL such as 'https://www.example.com/style.css'"
    if not isinstance(value, str):
        raise InvalidInput.of("url", value, expected)
    try:
        parts = urlsplit(value)
        sound = parts.scheme in {"http", "https"} and _is_url_host(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound or re.search(r"[\x00-\x20\x7f\\]", value):
        raise InvalidInput.of("url", value, expected)
    return text("url", value)


def _is_url_host(host: str | None) -> bool:
    """Whether this is an address, or a name in ASCII or in letters of any script."""
    if not host:
        return False
    try:
        ipaddress.ip_address(host)
    except ValueError:
        name = host.removesuffix(".")
        return len(name) <= MAX_NAME and all(
            re.fullmatch(r"(?!-)[\w-]{1,63}(?<!-)", label) for label in name.split(".")
        )
    return True


def integer(parameter: str, value: int | str | None, low: int, high: int | None = None) -> int:
    """A whole number within bounds, given as a number or as its text."""
    expected = f"a whole number of at least {low}" if high is None else f"a whole number from {low} to {high}"
    number = int(value) if isinstance(value, str) and re.fullmatch(r"\s*-?[0-9]{1,18}\s*", value) else value
    if not isinstance(number, int) or isinstance(number, bool) or number < low or (high is not None and number > high):
        raise InvalidInput.of(parameter, value, expected)
    return int(number)


def flag(parameter: str, value: bool | int | str, *, on: tuple[str, ...] = ("1",)) -> bool:
    """On or off, given as a bool or as the wire's own number or text."""
    known = {"0": False, **dict.fromkeys(on, True)}
    state = value if isinstance(value, bool) else known.get(str(value).strip())
    if state is None:
        raise InvalidInput.of(parameter, value, "True or False, or the wire's " + ", ".join(known))
    return state


def listed(parameter: str, value: object, members: type[E], *, allowed: Iterable[E] | None = None) -> E:
    """A member of an enumeration, given as the member or as the wire's own text or number."""
    choices = list(allowed if allowed is not None else members)
    for member in choices:
        if value == member.value or (str(value) == str(member.value) and not isinstance(value, bool)):
            return member
    offer = ", ".join(f"{member.value!r} ({member.name})" for member in choices)
    raise InvalidInput.of(parameter, value, f"one of {offer}")


def text(parameter: str, value: object, *, empty: bool = False) -> str:
    """Text that can travel: no NUL, no half of a surrogate pair, and not empty unless that is allowed."""
    expected = "text" if empty else "text that is not empty"
    if not isinstance(value, str) or not (value or empty) or "\x00" in value:
        raise InvalidInput.of(parameter, value, expected)
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidInput.of(parameter, value, "text that can be encoded as UTF-8") from None
    return value


def txt_text(value: str) -> str:
    """The content of a TXT or SPF record: what fits into one record's data."""
    if len(value.encode()) > MAX_TXT_OCTETS:
        raise InvalidInput.of("content", value, f"at most {MAX_TXT_OCTETS} octets of text for one record")
    return value


def loc_text(value: str) -> str:
    """The content of a LOC record, as RFC 1876 §3 writes it; a leading `IN LOC` is dropped."""
    expected = "a location as RFC 1876 writes it, such as '51 30 12.748 N 0 7 39.611 W 0m 1m 10000m 10m'"
    body = " ".join(value.split())
    if body.upper().startswith("IN LOC "):
        body = body[7:]
    match = _LOC.fullmatch(body)
    if match is None:
        raise InvalidInput.of("content", value, expected)
    for degrees, minutes, seconds, limit in (("lat", "latm", "lats", 90), ("lon", "lonm", "lons", 180)):
        whole = int(match[degrees]) + int(match[minutes] or 0) / 60 + float(match[seconds] or 0) / 3600
        if whole > limit:
            raise InvalidInput.of("content", value, expected)
    if not -100_000.0 <= float(match["alt"]) <= 42_849_672.95:
        raise InvalidInput.of("content", value, expected + " (altitude from -100000 m to 42849672.95 m)")
    if any(float(size.rstrip("mM")) > 90_000_000.0 for size in match["precisions"].split()):
        raise InvalidInput.of("content", value, expected + " (size and precisions up to 90000000 m)")
    return body


_STRINGS = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)


def plain_text(content: str) -> str:
    """The text of a TXT record: its strings joined where it is quoted as in a zone file (RFC 7208 §3.3)."""
    strings = _STRINGS.findall(content) if content.lstrip().startswith('"') else []
    return re.sub(r"\\([0-9]{3}|.)", _unescaped, "".join(strings), flags=re.DOTALL) if strings else content


def _unescaped(match: re.Match[str]) -> str:
    code = match[1]
    return chr(int(code) % 256) if len(code) == 3 else code
