"""DNS records, both ways: version 1's fields and version 4's content, data, priority and proxied.

- Types whose content is text are written as content; those of `DATA` as components, in the order in which
  their text has them (the same table reads a record whose content a reply leaves out).
- An edit sends exactly the fields that are given, by PATCH: a PUT would reset proxying, comment and tags.
- A type cannot be changed in place any more: one batch deletes the old record and creates the new one.
  Where its answer was lost and the call is repeated, the old record is gone: the new one is looked for.
"""

from __future__ import annotations

import functools
import re
import types
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from cfclient.actions import PROXIABLE, RecDelete, RecEdit, RecLoadAll, RecNew, as_written
from cfclient.errors import ConnectionFailed, InvalidInput, OutcomeUnknown, UnexpectedAnswer
from cfclient.models import HOST_TYPES, Page, Record, RecordProps, RecordType
from cfclient.shapes import canonical, unicode_name

from .asking import Asking
from .envelope import DUPLICATE, NO_RECORD
from .listing import Row
from .memory import Memory
from .support import Permission
from .zones import Reference, Zones, has_more, written

__all__ = ["DATA", "PER_PAGE", "body_of", "create", "delete", "edit", "load_all", "record_value"]

#: how many records a page holds unless the action says otherwise; version 4 allows far more
PER_PAGE: Final = 5_000
_TTL_CEIL: Final = 86_400


class WireRecord(Row, gc=False):
    """A record as version 4 sends it."""

    id: str
    name: str
    type: RecordType
    content: str | None = None
    ttl: float | None = None
    proxiable: bool | None = None
    proxied: bool | None = None
    priority: float | None = None
    #: read where it is needed
    data: msgspec.Raw = msgspec.Raw()
    comment: str | None = None
    tags: list[str] | None = None
    # Read by nobody, and counted.
    settings: msgspec.Raw = msgspec.Raw()
    meta: msgspec.Raw = msgspec.Raw()
    created_on: str | None = None
    modified_on: str | None = None
    comment_modified_on: str | None = None
    tags_modified_on: str | None = None
    private_routing: bool | None = None
    locked: bool | None = None
    zone_id: str | None = None
    zone_name: str | None = None


class _Edited(WireRecord):
    """A record that may be replaced by one of another type, with all that is to survive it."""

    settings: dict[str, Any] | None = None  # type: ignore[assignment]  # here it is read


# -- components ----------------------------------------------------------------------------------------

# How a component stands in the text of the content.
_INT: Final = "a whole number"
_WORD: Final = "a word"
_QUOTED: Final = "text in quotes, or one word"
_REST: Final = "all that follows"
_JOINED: Final = "all that follows, without its spaces"

#: by type: the components in the order of the content's text, and how each stands there
DATA: Final[Mapping[RecordType, tuple[tuple[str, str], ...]]] = types.MappingProxyType(
    {
        RecordType.CAA: (("flags", _INT), ("tag", _WORD), ("value", _QUOTED)),
        RecordType.CERT: (("type", _INT), ("key_tag", _INT), ("algorithm", _INT), ("certificate", _JOINED)),
        RecordType.DNSKEY: (("flags", _INT), ("protocol", _INT), ("algorithm", _INT), ("public_key", _JOINED)),
        RecordType.DS: (("key_tag", _INT), ("algorithm", _INT), ("digest_type", _INT), ("digest", _JOINED)),
        RecordType.HTTPS: (("priority", _INT), ("target", _WORD), ("value", _REST)),
        RecordType.NAPTR: (
            ("order", _INT),
            ("preference", _INT),
            ("flags", _QUOTED),
            ("service", _QUOTED),
            ("regex", _QUOTED),
            ("replacement", _WORD),
        ),
        RecordType.SMIMEA: (("usage", _INT), ("selector", _INT), ("matching_type", _INT), ("certificate", _JOINED)),
        RecordType.SSHFP: (("algorithm", _INT), ("type", _INT), ("fingerprint", _JOINED)),
        RecordType.SVCB: (("priority", _INT), ("target", _WORD), ("value", _REST)),
        RecordType.TLSA: (("usage", _INT), ("selector", _INT), ("matching_type", _INT), ("certificate", _JOINED)),
        # The priority stands beside the data, as an MX record's does.
        RecordType.URI: (("priority", _INT), ("weight", _INT), ("target", _QUOTED)),
    }
)

_PATTERN: Final[Mapping[str, str]] = {
    _INT: r"(\d{1,10})",
    _WORD: r"(\S+)",
    _QUOTED: r'("(?:[^"\\]|\\.)*"|[^\s"]+)',
    _REST: r"(.*)",
    _JOINED: r"(\S.*)",
}


@functools.cache
def _text_of(type_: RecordType) -> re.Pattern[str]:
    patterns = [_PATTERN[kind] for _, kind in DATA[type_]]
    text = r"\s+".join(patterns[:-1])
    # A service binding may have no parameters at all.
    last = rf"(?:\s+{patterns[-1]})?" if DATA[type_][-1][1] is _REST else rf"\s+{patterns[-1]}"
    return re.compile(text + last, re.ASCII | re.DOTALL)


_READ: Final[Mapping[str, Callable[[str], Any]]] = {
    _INT: int,
    _WORD: str,
    _QUOTED: lambda text: re.sub(r"\\(.)", r"\1", text[1:-1]) if text.startswith('"') else text,
    _REST: str.strip,
    _JOINED: lambda text: "".join(text.split()),
}


def _components(type_: RecordType, content: str) -> dict[str, Any]:
    """What the text of a content says, by component."""
    match = _text_of(type_).fullmatch(content.strip())
    if match is None:
        example = " ".join(name.upper() if kind is not _QUOTED else f'"{name.upper()}"' for name, kind in DATA[type_])
        raise InvalidInput.of("content", content, f"the text of a record of type {type_.value!r}: {example}")
    return {name: _READ[kind](text or "") for (name, kind), text in zip(DATA[type_], match.groups(), strict=True)}


def _number_text(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _content_of(type_: RecordType, data: Mapping[str, Any]) -> str:
    """The text of a content, from its components."""
    parts = []
    for name, kind in DATA[type_]:
        if name in data:
            text = _number_text(data[name])
            parts.append('"' + re.sub(r'(["\\])', r"\\\1", text) + '"' if kind is _QUOTED else text)
    return " ".join(parts)


_LOC: Final = re.compile(
    r"(\d+)(?: (\d+)(?: ([\d.]+))?)? ([NS]) (\d+)(?: (\d+)(?: ([\d.]+))?)? ([EW]) (-?[\d.]+)m?"
    r"(?: ([\d.]+)m?)?(?: ([\d.]+)m?)?(?: ([\d.]+)m?)?",
    re.IGNORECASE,
)
_LOC_NAMES: Final = (
    "lat_degrees",
    "lat_minutes",
    "lat_seconds",
    "lat_direction",
    "long_degrees",
    "long_minutes",
    "long_seconds",
    "long_direction",
    "altitude",
    "size",
    "precision_horz",
    "precision_vert",
)
#: what RFC 1876 has for what a text leaves out
_LOC_USUAL: Final = ("0", "0", "0", "", "0", "0", "0", "", "0", "1", "10000", "10")


def _location(content: str) -> dict[str, Any]:
    """The components of a location, whose text the action has checked."""
    match = _LOC.fullmatch(content)
    assert match is not None, content  # noqa: S101 (shapes.loc_text lets nothing else through)
    said = (text if text is not None else usual for text, usual in zip(match.groups(), _LOC_USUAL, strict=True))
    return {
        name: text.upper() if "direction" in name else _plain_number(text)
        for name, text in zip(_LOC_NAMES, said, strict=True)
    }


def _plain_number(text: str) -> int | float:
    value = float(text)
    return int(value) if value.is_integer() else value


# -- writing -------------------------------------------------------------------------------------------


def _owner(action: RecNew | RecEdit, zone: Reference, name: str) -> str:
    """The absolute name; a relative one where the zone's own name is not known, which the service completes."""
    # The action has it in Punycode, whatever the service has.
    own = zone.name and (written(zone.name) or zone.name)
    if name in {action.zone, "@"}:
        return own or "@"
    if own is None or name == own or name.endswith(f".{own}"):
        return name
    return f"{name}.{own}"


def body_of(action: RecNew | RecEdit, zone: Reference) -> dict[str, Any]:
    """The body of a POST or PATCH: exactly what the action says."""
    name, content = as_written(action)
    type_ = RecordType.TXT if action.type is RecordType.SPF else action.type
    body: dict[str, Any] = {"type": type_.value, "name": _owner(action, zone, name), "ttl": action.ttl}
    if type_ is RecordType.SRV:
        body["data"] = {
            "priority": action.prio,
            "weight": action.weight,
            "port": action.port,
            "target": action.target,
        }
    elif type_ is RecordType.LOC:
        body["data"] = _location(content)
    elif type_ in DATA:
        body["data"] = _components(type_, content)
        if type_ is RecordType.URI:
            body["priority"] = body["data"].pop("priority")
    else:
        body["content"] = content
        if type_ is RecordType.MX:
            body["priority"] = action.prio
    if action.service_mode is not None:
        body["proxied"] = action.service_mode
    return body


# -- reading -------------------------------------------------------------------------------------------


@functools.cache
def _props(proxiable: bool | None, on: bool, lock: bool | None) -> RecordProps:
    return RecordProps(
        proxiable=proxiable,
        cloud_on=on,
        cf_open=True,
        vanity_lock=lock,
        ssl=False,
        expired_ssl=False,
        expiring_ssl=False,
        pending_ssl=False,
    )


def _data(record: WireRecord) -> dict[str, Any]:
    """What was looked at already where the reply was read, within its bounds."""
    found = msgspec.json.decode(record.data) if bytes(record.data) else None
    return found if isinstance(found, dict) else {}


def _srv(record: WireRecord) -> tuple[str, int | None]:
    """The content of an SRV record and its priority, from its components: the text's format is not promised."""
    data = _data(record)
    priority = _number(data.get("priority", record.priority))
    weight, port, target = _number(data.get("weight")), _number(data.get("port")), data.get("target")
    if not isinstance(target, str | None):
        raise _no_srv(target)
    if weight is None or port is None or target is None:
        return record.content or "", priority
    return f"{weight} {port} {target}", priority


def _number(value: Any) -> int | None:
    """A component that is a number, or its text."""
    if value is None:
        return None
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= 5:
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 65_535:
        raise _no_srv(value)
    return int(value)


def _no_srv(value: object) -> UnexpectedAnswer:
    return UnexpectedAnswer(f"the data of a record of type SRV: {str(value)[:40]!r} is not what stands there")


def _uri(record: WireRecord, prio: int | None) -> str:
    """The content of a URI record as it is written: with the priority, which the service keeps beside the rest."""
    data = {"priority": prio, **_data(record)}
    known = all(data.get(name) is not None for name, _ in DATA[RecordType.URI])
    return _content_of(RecordType.URI, data) if known else record.content or ""


def record_value(record: WireRecord, zone: str | None, *, lock: bool | None = None) -> Record:
    """The record as version 1 has it.

    Args:
        record: what came.
        zone: the zone's name, None where only its id is known.
        lock: whether the reply says `vanity_lock`, which only those to `rec_new` and `rec_edit` did.
    """
    content, prio = record.content, None if record.priority is None else int(record.priority)
    if record.type is RecordType.SRV:
        content, prio = _srv(record)
    elif record.type is RecordType.URI:
        content = _uri(record, prio)
    elif record.type is not RecordType.MX:
        prio = None
    if not content:
        content = _content_of(record.type, _data(record)) if record.type in DATA else ""
    name = record.name
    shown = name if zone is None or name == zone else name.removesuffix(f".{zone}")
    on = bool(record.proxied)
    ttl = None if record.ttl is None else int(record.ttl)
    return Record(
        rec_id=record.id,
        rec_tag=record.id,
        zone_name=zone,
        name=name,
        display_name=unicode_name(shown) if "xn--" in shown else shown,
        type=record.type,
        prio=prio,
        content=content,
        display_content=content,
        ttl=ttl,
        ttl_ceil=_TTL_CEIL,
        auto_ttl=ttl == 1,
        service_mode=on,
        props=_props(record.proxiable, on, lock),
    )


def _shown(asking: Asking, record: WireRecord | None, zone: Reference) -> Record:
    if record is None:
        raise UnexpectedAnswer(f"{asking.name}: the service reports success, but its reply has no record")
    return record_value(record, zone.name, lock=False)


# -- carrying out --------------------------------------------------------------------------------------


async def load_all(asking: Asking, zones: Zones, action: RecLoadAll) -> Page[Record]:
    """Records from an offset on, to the end of the page that holds it: one call, whatever the offset."""
    zone = await zones.reference(action.zone, named=True)
    size = action.size or PER_PAGE
    number, skip = divmod(action.offset, size)
    envelope = await asking.get(
        f"/zones/{zone.id}/dns_records",
        {"page": number + 1, "per_page": size},
        result=list[WireRecord],
        needs=Permission.DNS_READ,
    )
    found: list[WireRecord] = envelope.result or []
    objs = tuple(record_value(record, zone.name) for record in (found[skip:] if skip else found))
    more = has_more(envelope.result_info, action.offset, len(objs), size - skip)
    return Page(has_more=more, count=len(objs), objs=objs)


async def create(asking: Asking, zones: Zones, action: RecNew) -> Record:
    """A record more."""
    zone = await zones.reference(action.zone, named=True)
    envelope = await asking.send(
        "POST",
        f"/zones/{zone.id}/dns_records",
        body_of(action, zone),
        result=WireRecord,
        needs=Permission.DNS_EDIT,
    )
    return _shown(asking, envelope.result, zone)


async def edit(asking: Asking, zones: Zones, memory: Memory, action: RecEdit) -> Record:
    """The record with what is given changed, and nothing else."""
    zone = await zones.reference(action.zone, named=True)
    body = body_of(action, zone)
    path = f"/zones/{zone.id}/dns_records/{action.id}"
    doubt = (asking.credentials.principal, "replaced", zone.id, action.id)
    try:
        envelope = await asking.send("PATCH", path, body, result=_Edited, needs=Permission.DNS_EDIT)
    except InvalidInput as refused:
        # Most likely a wrong value; but so is another type answered, whose code nobody has written down.
        if DUPLICATE & set(refused.numbers):
            raise
        if NO_RECORD & set(refused.numbers) and memory.get(doubt) == body:
            return _shown(asking, await _made_instead(asking, zone, action, body), zone)
        old = await _unlike(asking, path, body["type"], refused)
    else:
        changed: _Edited | None = envelope.result
        if changed is None or changed.type.value == body["type"]:
            return _shown(asking, changed, zone)
        old = changed
    try:
        replaced = await _replaced(asking, zone, old, body)
    except (ConnectionFailed, UnexpectedAnswer):
        memory.put(doubt, body)
        raise
    memory.forget(doubt)
    return _shown(asking, replaced, zone)


#: the types whose content comes back as it was given, but for what the DNS does not tell apart
_AS_GIVEN: Final = HOST_TYPES | {RecordType.A, RecordType.AAAA}


async def _made_instead(asking: Asking, zone: Reference, action: RecEdit, body: Mapping[str, Any]) -> WireRecord:
    """The record that a batch made whose answer was lost.

    Raises:
        OutcomeUnknown: it is not there, or cannot be told from others.
    """
    name = canonical(body["name"])
    envelope = await asking.get(
        f"/zones/{zone.id}/dns_records",
        {"type": body["type"], "name.exact": name, "per_page": 100},
        result=list[WireRecord],
        needs=Permission.DNS_READ,
    )
    listed: list[WireRecord] = envelope.result or []
    alike = [one for one in listed if one.type.value == body["type"] and canonical(one.name) == name]
    _, content = as_written(action)
    same = [one for one in alike if canonical(record_value(one, zone.name).content) == canonical(content)]
    # Text that is told to be another one may be ours; where the service keeps what it is given, it is not.
    found = same or alike
    if len(found) == 1 and (same or found[0].type not in _AS_GIVEN):
        return found[0]
    raise OutcomeUnknown(
        asking.name,
        "the record was replaced by one of another type, and which one that is cannot be told",
        seen=tuple(one.id for one in found),
        advice="list the zone's records",
    )


async def _unlike(asking: Asking, path: str, type_: str, refused: InvalidInput) -> _Edited:
    """The record that is of another type than the edit says; raises the refusal where it is not."""
    try:
        envelope = await asking.get(path, result=_Edited, needs=Permission.DNS_READ)
    except InvalidInput:
        raise refused from None
    found: _Edited | None = envelope.result
    if found is None or found.type.value == type_:
        raise refused
    return found


class _Batch(msgspec.Struct):
    posts: list[WireRecord] | None = None


async def _replaced(asking: Asking, zone: Reference, old: _Edited, body: dict[str, Any]) -> WireRecord | None:
    """The record of the new type in the place of the old one, in one transaction; its id is a new one."""
    kept: dict[str, Any] = {}
    if old.comment:
        kept["comment"] = old.comment
    if old.tags:
        kept["tags"] = old.tags
    proxiable = RecordType(body["type"]) in PROXIABLE
    if proxiable and old.proxied is not None:
        kept["proxied"] = old.proxied
    # Of the CNAME alone is that it is flattened, and it is no CNAME any more, or was none.
    settings = {name: value for name, value in (old.settings or {}).items() if name != "flatten_cname"}
    if proxiable and settings:
        kept["settings"] = settings
    envelope = await asking.send(
        "POST",
        f"/zones/{zone.id}/dns_records/batch",
        {"deletes": [{"id": old.id}], "posts": [{**kept, **body}]},
        result=_Batch,
        needs=Permission.DNS_EDIT,
    )
    posts = envelope.result.posts if envelope.result else None
    return posts[0] if posts else None


async def delete(asking: Asking, zones: Zones, action: RecDelete) -> None:
    """A record less."""
    zone = await zones.reference(action.zone)
    await asking.send("DELETE", f"/zones/{zone.id}/dns_records/{action.id}", None, needs=Permission.DNS_EDIT)
