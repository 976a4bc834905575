"""Records as text: zone files as BIND reads them (RFC 1035 §5), JSON and CSV, both ways; no I/O.

    text --read--> Zonefile(zone, entries, skipped)        records --write--> text

An `Entry` is a record as a file says it: None means that the file does not say.
The order of a round trip is the records' own, and every value comes back.

What a file cannot hold is Cloudflare's: whether a record is proxied stands in a comment behind it, in the
form of Cloudflare's own exports (`; cf_tags=cf-proxied:true`), and a ttl of 1 means that the service chooses.
The SOA and the apex's NS are the service's own: they are skipped, and said to be.

Zone files are read and checked by dnspython (the extra `zonefile`); JSON and CSV need nothing.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final, Literal, cast

import attrs

from . import shapes
from .actions import PROXIABLE
from .backends.account import Site, absolute_name, make_record, make_zone
from .errors import ConfigurationError, InvalidInput
from .models import HOST_TYPES, Record, RecordType
from .shapes import canonical, plain_text, punycode

if TYPE_CHECKING:
    import dns.name
    import dns.rdata

__all__ = ["Entry", "FileFormat", "Zonefile", "as_entry", "is_ours", "read", "site", "stored", "value", "write"]

FileFormat = Literal["bind", "json", "csv"]

_TEXTS: Final = frozenset({RecordType.TXT, RecordType.SPF})
_ADDRESSES: Final = frozenset({RecordType.A, RecordType.AAAA})


@attrs.frozen(kw_only=True)
class Entry:
    """A record as a file says it."""

    #: absolute, in small letters, without the final dot
    name: str
    type: RecordType
    #: as the API shows it: a text without quotes, an SRV as weight, port and target
    content: str
    #: seconds; 1 lets the service choose, None is not said
    ttl: int | None = None
    prio: int | None = None
    #: whether the proxy is on; None is not said
    service_mode: bool | None = None


@attrs.frozen(kw_only=True)
class Zonefile:
    """What a file holds."""

    zone: str
    entries: tuple[Entry, ...]
    #: what stands in the file and is not imported, each with the reason
    skipped: tuple[tuple[str, str], ...] = ()


def is_ours(type_: RecordType, name: str, zone: str) -> bool:
    """Whether a record is the user's to write; the SOA and the apex's NS are the service's."""
    return type_ != RecordType("SOA") and not (type_ == RecordType.NS and canonical(name) == zone)


def as_entry(record: Record, zone: str) -> Entry:
    """A record of a listing as a file would say it."""
    return Entry(
        name=canonical(absolute_name(record.name, zone)),
        type=record.type,
        content=plain_text(record.content) if record.type in _TEXTS else record.content,
        ttl=record.ttl,
        prio=record.prio,
        service_mode=record.service_mode if record.type in PROXIABLE else None,
    )


def value(entry: Entry | Record) -> str:
    """The content in a form in which equal contents are equal texts."""
    content = entry.content
    if entry.type in _TEXTS:
        return content if isinstance(entry, Entry) else plain_text(content)
    words = content.split()
    if entry.type in _ADDRESSES:
        try:
            return shapes.ip_address(content)
        except InvalidInput:
            return content
    if entry.type in HOST_TYPES:
        return "." if words == ["."] else canonical(" ".join(words))
    return _place(" ".join(words)) if entry.type == RecordType.LOC else " ".join(words)


def stored(entry: Entry) -> str:
    """The content as a service is told it: a text that itself begins with a quote is quoted once more."""
    quoted = entry.type in _TEXTS and entry.content.lstrip().startswith('"')
    return _strings(entry.content) if quoted else entry.content


_PLACE: Final = re.compile(
    r"([\d. ]+) ([NS]) ([\d. ]+) ([EW]) (-?[\d.]+)m?((?: [\d.]+m?){0,3})", re.IGNORECASE | re.ASCII
)


def _place(text: str) -> str:
    """A location without the differences that mean nothing: zeros, metres said, minutes and sizes left out."""
    match = _PLACE.fullmatch(text)
    if match is None:
        return text
    usual = ["1.0", "10000.0", "10.0"]
    try:
        north, east = ([float(part) for part in match[group].split()] for group in (1, 3))
        sizes = [repr(float(part.rstrip("mM"))) for part in match[6].split()]
        height = float(match[5])
    except ValueError:
        return text
    places = [*north, *[0.0] * (3 - len(north)), match[2].upper(), *east, *[0.0] * (3 - len(east)), match[4].upper()]
    return " ".join([*map(str, places), str(height), *sizes, *usual[len(sizes) :]])


# -- zone files --------------------------------------------------------------------------------------


def _needed() -> None:
    try:
        import dns.zonefile  # noqa: F401  so that it is found missing here
    except ModuleNotFoundError:
        raise ConfigurationError('zone files need one more package: pip install "cfclient-async[zonefile]"') from None


_PROXIED: Final = re.compile(r"\bcf-proxied:(true|false)\b")


def _content(rdata: dns.rdata.Rdata, type_: RecordType) -> tuple[int | None, str]:
    """The priority and the content, as the API shows them."""
    record = cast("Any", rdata)
    if type_ == RecordType.MX:
        return record.preference, _host(record.exchange)
    if type_ == RecordType.SRV:
        return record.priority, f"{record.weight} {record.port} {_host(record.target)}"
    if type_ in {RecordType.CNAME, RecordType.NS, RecordType.PTR}:
        return None, _host(record.target)
    if type_ in _TEXTS:
        # What is not UTF-8 is told apart by its surrogates, and skipped.
        return None, b"".join(record.strings).decode(errors="surrogateescape")
    return None, rdata.to_text()


def _host(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower() or "."


def _read_bind(text: str, zone: str | None) -> Zonefile:
    _needed()
    import dns.exception
    import dns.name
    import dns.rdataclass
    import dns.rdatatype
    import dns.tokenizer
    import dns.transaction
    import dns.zonefile

    found: list[tuple[str, int, Any]] = []

    class Collected(dns.zonefile.RRsetsReaderTransaction):
        """Takes every record by itself: a zone would join those of one name and type, and their ttls."""

        def add(self, *args: Any) -> None:
            found.append((args[0].to_text(omit_final_dot=True).lower(), args[1], args[2]))

    origin = dns.name.from_text(zone) if zone else dns.name.root
    manager = dns.zonefile.RRSetsReaderManager(origin, False, dns.rdataclass.IN)
    try:
        tokens = dns.tokenizer.Tokenizer(text, "<zone file>")
        collected: Any = Collected
        reader = dns.zonefile.Reader(tokens, dns.rdataclass.IN, collected(manager, True, False), default_ttl=1)
        # Names outside of the zone are to be told, not to be passed over.
        reader.zone_origin = dns.name.root
        reader.read()
    except (dns.exception.DNSException, ValueError, UnicodeError) as error:
        hint = "; $INCLUDE is not followed" if "INCLUDE" in text else ""
        raise ConfigurationError(f"the zone file cannot be read: {error}{hint}") from None
    owners = [name for name, _, rdata in found if rdata.rdtype == dns.rdatatype.SOA]
    zone = zone or (owners[0] if owners else None)
    if not zone or zone == ".":
        raise ConfigurationError("the zone file does not say which zone it is: it has no SOA, and no name was given")
    entries: list[Entry] = []
    for name, ttl, rdata in found:
        type_ = RecordType(dns.rdatatype.to_text(rdata.rdtype))
        prio, content = _content(rdata, type_)
        entries.append(
            Entry(name=name, type=type_, content=content, ttl=ttl, prio=prio, service_mode=_tag(rdata.rdcomment))
        )
    return _kept(zone, entries)


def _tag(comment: str | None) -> bool | None:
    match = _PROXIED.search(comment or "")
    return None if match is None else match[1] == "true"


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _kept(zone: str, entries: Iterable[Entry]) -> Zonefile:
    """The entries without those that are not for import."""
    kept: list[Entry] = []
    skipped: list[tuple[str, str]] = []
    for entry in entries:
        what = f"{entry.name} {entry.type.value}"
        if entry.name != zone and not entry.name.endswith(f".{zone}"):
            skipped.append((what, f"lies outside of {zone}"))
        elif not _is_utf8(entry.content):
            skipped.append((what, "is not text in UTF-8"))
        elif not is_ours(entry.type, entry.name, zone):
            skipped.append((what, "is the service's own"))
        else:
            kept.append(entry)
    return Zonefile(zone=zone, entries=tuple(kept), skipped=tuple(skipped))


def _strings(text: str) -> str:
    """The strings of a text, of at most 255 octets each, with what would end them escaped."""
    octets = text.encode(errors="replace")
    parts = [octets[start : start + 255] for start in range(0, len(octets), 255)] or [b""]
    return " ".join('"' + "".join(map(_escaped, part)) + '"' for part in parts)


def _escaped(octet: int) -> str:
    char = chr(octet)
    if char in '"\\':
        return f"\\{char}"
    return char if 32 <= octet < 127 else f"\\{octet:03}"


def _rdata(entry: Entry) -> str:
    if entry.type in _TEXTS:
        return _strings(entry.content)
    if entry.type in HOST_TYPES:
        *numbers, host = entry.content.split() or ["."]
        priority = [str(entry.prio or 0)] if entry.type in {RecordType.MX, RecordType.SRV} else []
        return " ".join([*priority, *numbers, f"{host.removesuffix('.')}."])
    return entry.content


#: what a zone file takes for itself (RFC 1035 §5.1) is in no name, and neither is what is not seen
_PLAIN_NAME: Final = re.compile(r"[!#-'*-:<-?A-\[\]-~]+")
_PLAIN_LINE: Final = re.compile(r"[^\x00-\x1f\x7f-\x9f]*")


def _line(entry: Entry) -> str:
    tag = "" if entry.service_mode is None else f" ; cf_tags=cf-proxied:{str(entry.service_mode).lower()}"
    ttl = 1 if entry.ttl is None else entry.ttl
    return f"{entry.name}.\t{ttl}\tIN\t{entry.type.value}\t{_rdata(entry)}{tag}"


def _in_ascii(entry: Entry) -> Entry:
    """The entry with its names in Punycode, as the DNS has them; raises a UnicodeError where that cannot be."""
    content = punycode(entry.content) if entry.type in HOST_TYPES else entry.content
    return attrs.evolve(entry, name=punycode(entry.name), content=content)


def _write_bind(zone: str, entries: Iterable[Entry]) -> str:
    _needed()
    import dns.exception
    import dns.name
    import dns.rdata

    lines = [f"$ORIGIN {zone}."]
    for entry in entries:
        line = _line(entry)
        try:
            entry = _in_ascii(entry)  # noqa: PLW2901  what follows is of what is written
            line = _line(entry)
            # Of what stands behind the end of a line, the parser says nothing; in a file it would be a line.
            if not _PLAIN_NAME.fullmatch(entry.name) or not _PLAIN_LINE.fullmatch(_rdata(entry)):
                raise ValueError("it has characters that would end the line or steer a terminal")
            if entry.type in HOST_TYPES and not _PLAIN_NAME.fullmatch("".join(entry.content.split())):
                raise ValueError("its target is no name")
            dns.name.from_text(entry.name)
            dns.rdata.from_text("IN", entry.type.value, _rdata(entry))
        except (dns.exception.DNSException, ValueError, UnicodeError) as error:
            # A file that cannot be read back would be worse than one that lacks a line.
            reason = str(error).encode("ascii", "backslashreplace").decode()
            line = f"; not written, {' '.join(reason.split())}: {' '.join(ascii(line).split())}"
        lines.append(line)
    return "\n".join(lines) + "\n"


# -- JSON and CSV ------------------------------------------------------------------------------------

_FIELDS: Final = tuple(field.name for field in attrs.fields(Entry))


def _plain(entry: Entry) -> dict[str, Any]:
    return {**attrs.asdict(entry), "type": entry.type.value}


def _write_json(_: str, entries: Iterable[Entry]) -> str:
    return json.dumps([_plain(entry) for entry in entries], indent=2) + "\n"


def _write_csv(_: str, entries: Iterable[Entry]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow(_FIELDS)
    for entry in entries:
        flag = {None: "", True: "true", False: "false"}[entry.service_mode]
        numbers = ["" if number is None else number for number in (entry.ttl, entry.prio)]
        writer.writerow([entry.name, entry.type.value, entry.content, *numbers, flag])
    return stream.getvalue()


_FLAGS: Final[Mapping[object, bool | None]] = {
    **dict.fromkeys((None, ""), None),
    **dict.fromkeys((True, "true", "1"), True),
    **dict.fromkeys((False, "false", "0"), False),
}


def _number(given: Mapping[str, Any], key: str, low: int) -> int | None:
    number = given.get(key)
    return None if number in {None, ""} else shapes.integer(key, number, low, 2**31 - 1)


def _entry(given: object, zone: str, place: str) -> Entry:
    if not isinstance(given, dict):
        raise ConfigurationError(f"{place}: expected an object with {', '.join(_FIELDS)}")
    if odd := sorted(str(key) for key in given if key not in _FIELDS):
        raise ConfigurationError(f"{place}: {odd[0]!r} is not known; known are {', '.join(_FIELDS)}")
    for key in ("name", "type", "content"):
        if not isinstance(given.get(key), str):
            raise ConfigurationError(f"{place}: {key}: expected text")
    flag = given.get("service_mode")
    if not isinstance(flag, str | bool | None) or (flag.lower() if isinstance(flag, str) else flag) not in _FLAGS:
        raise ConfigurationError(f"{place}: service_mode: expected true or false, got {flag!r}")
    try:
        return Entry(
            name=absolute_name(shapes.record_name(given["name"]), zone),
            type=RecordType(given["type"].upper()),
            content=given["content"],
            ttl=_number(given, "ttl", 1),
            prio=_number(given, "prio", 0),
            service_mode=_FLAGS[flag.lower() if isinstance(flag, str) else flag],
        )
    except InvalidInput as error:
        raise ConfigurationError(f"{place}: {error.msg}") from None


def _listed(entries: Iterable[object], zone: str | None, first: int) -> Zonefile:
    if zone is None:
        raise ConfigurationError("the file does not say which zone it is: name it")
    return _kept(zone, [_entry(given, zone, f"entry {number}") for number, given in enumerate(entries, first)])


def _read_json(text: str, zone: str | None) -> Zonefile:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"the file is not JSON: {error}") from None
    if not isinstance(data, list):
        raise ConfigurationError(f"the file is not a list of records with {', '.join(_FIELDS)}")
    return _listed(data, zone, 1)


def _read_csv(text: str, zone: str | None) -> Zonefile:
    try:
        rows = list(csv.DictReader(io.StringIO(text, newline=""), strict=True, restkey="more"))
    except csv.Error as error:
        raise ConfigurationError(f"the file is not CSV: {error}") from None
    return _listed(rows, zone, 1)


# -- both ways ---------------------------------------------------------------------------------------

_READ: Final[Mapping[str, Callable[[str, str | None], Zonefile]]] = {
    "bind": _read_bind,
    "json": _read_json,
    "csv": _read_csv,
}
_WRITE: Final[Mapping[str, Callable[[str, Iterable[Entry]], str]]] = {
    "bind": _write_bind,
    "json": _write_json,
    "csv": _write_csv,
}


def read(text: str, file_format: FileFormat = "bind", *, zone: str | None = None) -> Zonefile:
    """What a file holds.

    Args:
        text: the file's text.
        file_format: bind, json or csv.
        zone: the zone's name; a zone file with a SOA says it itself.

    Raises:
        ConfigurationError: it cannot be read; the message names the place.
    """
    return _READ[file_format](text, None if zone is None else shapes.domain_name(zone))


def write(zone: str, records: Iterable[Record], file_format: FileFormat = "bind") -> str:
    """The text of a file with these records, in their order, the service's own left out.

    Raises:
        ConfigurationError: dnspython is needed and missing.
    """
    zone = shapes.domain_name(zone)
    entries = (as_entry(record, zone) for record in records)
    return _WRITE[file_format](zone, [entry for entry in entries if is_ours(entry.type, entry.name, zone)])


# -- for the emulator --------------------------------------------------------------------------------

_NAME_IN: Final = re.compile(r"^\$ORIGIN[ \t]+(\S+)\.[ \t\r]*$", re.MULTILINE)


def _zone_of(text: str, path: PurePath) -> str | None:
    """The zone that the file's first $ORIGIN or its own name says."""
    match = _NAME_IN.search(text)
    for name in filter(None, (match and match[1], path.name, path.stem, path.name.partition(".")[2])):
        try:
            found = shapes.domain_name(re.sub(r"^db\.|\.(zone|db|txt|hosts|bind)$", "", name))
        except InvalidInput:
            continue
        if "." in found:
            return found
    return None


def site(text: str, path: PurePath, *, zone_id: str, ids: Iterator[int]) -> Site:
    """The zone of a zone file, as an emulator holds it.

    Raises:
        ConfigurationError: it cannot be read, or does not say which zone it is.
    """
    guess = _zone_of(text, path)
    try:
        found = read(text, zone=guess)
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: {error}") from None
    return Site(
        zone=make_zone(found.zone, zone_id=zone_id),
        records=tuple(
            make_record(
                found.zone,
                entry.type,
                entry.name,
                stored(entry),
                rec_id=str(next(ids)),
                ttl=entry.ttl or 1,
                prio=entry.prio,
                service_mode=bool(entry.service_mode),
            )
            for entry in found.entries
        ),
    )
