"""The endpoints under `/zones/{id}/dns_records`: listing, one record, the batch.

A write is checked whole before anything is changed, so that a refusal changes nothing; a batch that is refused
leaves everything as it was. PUT overwrites: what it leaves out is as on a new record, the proxy off among it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from cfclient import models
from cfclient.backends.account import Annotation, absolute_name, is_proxiable, make_record

from . import contents
from .call import Call, Place, record_of
from .export import exported
from .ids import v4_id
from .replies import Answer, Refused, paged, stamp
from .zones import plan_of

__all__ = [
    "batch",
    "create_record",
    "delete_record",
    "edit_record",
    "export_records",
    "get_record",
    "list_records",
    "overwrite_record",
]

_NOTHING: Final = Annotation()
#: external programs cut their batches at this number, which is what the free plan takes
_BATCH: Final = 200


def _type(record: models.Record) -> str:
    # SPF is no type of version 4; what was left of it became TXT.
    return "TXT" if record.type is models.RecordType.SPF else record.type.value


def show_record(place: Place, record: models.Record) -> dict[str, Any]:
    """The record as it is sent."""
    site, type_ = place.site, _type(record)
    created, modified = site.written(record.rec_id)
    note = site.annotations.get(record.rec_id, _NOTHING)
    data = contents.data_of(type_, record.content, record.prio)
    flags = {"flatten_cname": False, **note.flags} if type_ == "CNAME" else dict(note.flags)
    return {
        "id": v4_id("record", record.rec_id),
        "name": record.name,
        "type": type_,
        "content": contents.text_of(type_, record.content, record.prio),
        **({"priority": record.prio or 0} if type_ in contents.PRIORITIES else {}),
        "proxiable": is_proxiable(record.type, record.content),
        "proxied": bool(record.service_mode),
        "ttl": record.ttl or 1,
        **({} if data is None else {"data": data}),
        "settings": flags,
        "meta": {"auto_added": False, "managed_by_apps": False, "managed_by_argo_tunnel": False},
        "comment": note.comment,
        "tags": list(note.tags),
        "created_on": stamp(created),
        "modified_on": stamp(modified),
    }


# -- listing -----------------------------------------------------------------------------------------

_Shown = Mapping[str, Any]
_COMPARE: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "exact": lambda text, given: text == given,
    "contains": lambda text, given: given in text,
    "startswith": lambda text, given: text.startswith(given),
    "endswith": lambda text, given: text.endswith(given),
}


def _tag(shown: _Shown, how: str, given: str) -> bool:
    names = [tag.lower().partition(":") for tag in shown["tags"]]
    if how in {"present", "absent"}:
        return any(name == given.lower() for name, _, _ in names) is (how == "present")
    wanted, _, value = given.lower().partition(":")
    return any(name == wanted and _COMPARE[how](found, value) for name, _, found in names)


def _matches(shown: _Shown, field: str, how: str, given: str) -> bool:
    if field == "tag":
        return _tag(shown, how or ("exact" if ":" in given else "present"), given)
    if field == "proxied":
        return bool(shown["proxied"]) is (given == "true")
    if field == "search":
        texts = (shown["name"], shown["content"], shown["comment"] or "", *shown["tags"])
        return any(given.lower() in text.lower() for text in texts)
    if how in {"present", "absent"}:
        return (shown[field] is not None) is (how == "present")
    return _COMPARE[how or "exact"](str(shown[field] or "").lower(), given.lower())


_FILTERS: Final[Mapping[str, frozenset[str]]] = {
    "name": frozenset(_COMPARE),
    "content": frozenset(_COMPARE),
    "comment": frozenset({*_COMPARE, "present", "absent"}),
    "tag": frozenset({*_COMPARE, "present", "absent"}),
    "type": frozenset(),
    "proxied": frozenset(),
    "search": frozenset(),
}


def _filters(query: Mapping[str, str]) -> list[tuple[str, str, str]]:
    found = []
    for name, given in query.items():
        field, _, how = name.partition(".")
        if field in _FILTERS and (how in _FILTERS[field] or not how) and (given or how in {"present", "absent"}):
            found.append((field, how, given))
    return found


def list_records(call: Call, zone: str) -> Answer:
    """The records of a zone, filtered, in order, page by page."""
    place = call.place(zone)
    records = place.site.listing()
    wanted = _filters(call.query)
    order = call.query.get("order") or "type"
    if order not in {"type", "name", "content", "ttl", "proxied"}:
        raise Refused(400, 6003, "Invalid order: expected type, name, content, ttl or proxied")
    # As it was seen: by type, then by name, then by age.
    keys = {
        "type": lambda record: (_type(record), record.name),
        "name": lambda record: (record.name, _type(record)),
        "content": lambda record: (record.content,),
        "ttl": lambda record: (record.ttl or 1,),
        "proxied": lambda record: (bool(record.service_mode),),
    }
    ordered = sorted(records, key=keys[order], reverse=call.query.get("direction") == "desc")
    if not wanted:
        return paged(ordered, call.query, lambda one: show_record(place, one), default=100, low=1, high=5_000_000)
    quantifier = any if call.query.get("match") == "any" else all
    shown = [show_record(place, record) for record in ordered]
    found = [one for one in shown if quantifier(_matches(one, *item) for item in wanted)]
    return paged(found, call.query, lambda one: one, default=100, low=1, high=5_000_000)


def export_records(call: Call, zone: str) -> Answer:
    """The zone as a zone file."""
    place = call.place(zone)
    shown = [show_record(place, record) for record in place.site.listing()]
    text = exported(place.site.zone.zone_name, place.site.zone.fqdns, shown, call.now)
    return Answer(body=text, headers={"content-type": "text/plain; charset=utf-8"})


# -- one record --------------------------------------------------------------------------------------


def _found(place: Place, shown: str) -> models.Record:
    ident = record_of(place.site, shown)
    if ident is None:
        raise Refused(404, 81044, "Record does not exist.")
    return place.site.records[ident]


def get_record(call: Call, zone: str, record: str) -> Answer:
    """One record."""
    place = call.place(zone)
    return Answer.of(show_record(place, _found(place, record)))


@attrs.frozen
class _Written:
    """A record that has been checked."""

    record: models.Record
    note: Annotation


def _name(given: Any, zone: str) -> str:
    name = contents.host(given) if isinstance(given, str) and given not in {"@", ""} else None
    if given != "@" and name is None:
        raise Refused(400, 9000, "DNS name is invalid.")
    absolute = absolute_name((name or "@").lower(), zone)
    if len(absolute) > 253:
        raise Refused(400, 9000, "DNS name is invalid.")
    return absolute


def _ttl(given: Any, plan: str) -> int:
    least = 30 if plan == "enterprise" else 60
    if type(given) not in {int, float} or not (given == 1 or least <= given <= 86_400) or given != int(given):
        words = f"Invalid TTL. Must be between {least} and 86,400 seconds, or 1 for Automatic."
        raise Refused(400, 9021, words)
    return int(given)


def _priority(given: Any) -> int:
    if type(given) not in {int, float} or not 0 <= given <= 65_535:
        # Not known: the code.
        raise Refused(400, 9100, "priority must be a number between 0 and 65535.")
    return int(given)


def _note(fields: Mapping[str, Any], old: Annotation) -> Annotation:
    comment, tags, flags = (
        fields.get("comment", old.comment),
        fields.get("tags", list(old.tags)),
        fields.get("settings", dict(old.flags)),
    )
    if comment is not None and (not isinstance(comment, str) or len(comment) > 500):
        raise Refused(400, 9208, "Invalid comment: expected text of at most 500 characters")
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise Refused(400, 9209, "Invalid tags: expected a list of text")
    if flags is not None and not isinstance(flags, dict):
        raise Refused(400, 9207, "Request body is invalid.")
    return Annotation(comment=comment or None, tags=tuple(dict.fromkeys(tags)), flags=flags or {})


def _content(type_: str, fields: Mapping[str, Any], old: models.Record | None) -> tuple[str, int | None]:
    """The text and the priority."""
    if type_ in contents.SIMPLE:
        content = contents.checked(type_, fields.get("content", old.content if old else None))
        if type_ != "MX":
            return content, None
        return content, _priority(fields.get("priority", old.prio or 0 if old else None))
    data = fields.get("data")
    # A text alone makes no such record, and a new text beside the old `data` would be lost without a word.
    if (
        data is None
        and old is not None
        and fields.get("content") in {None, contents.text_of(type_, old.content, old.prio)}
    ):
        data = contents.data_of(type_, old.content, old.prio)
    if not isinstance(data, dict):
        raise Refused(400, 9101, f"data is a required field of a record of type {type_}.")
    text, prio = contents.written(type_, data)
    return text, _priority(fields.get("priority", old.prio or 0 if old else 0)) if type_ == "URI" else prio


def _checked(place: Place, fields: Mapping[str, Any], ident: str, old: models.Record | None) -> _Written:
    """The record that these fields make, over an old one where there is one."""
    zone = place.site.zone.zone_name
    type_ = fields.get("type", _type(old) if old else None)
    if not isinstance(type_, str) or type_ not in contents.TYPES:
        # Not known: the code. 9207 is the one for bodies of the wrong shape.
        raise Refused(400, 9207, "Request body is invalid: type is missing, or none that can be written.")
    name = _name(fields.get("name", old.name if old else None), zone)
    content, prio = _content(type_, fields, old)
    proxied = fields.get("proxied", bool(old.service_mode) if old else False)
    if not isinstance(proxied, bool):
        raise Refused(400, 9003, "Invalid 'proxied' value, must be a boolean")
    kind = models.RecordType(type_)
    if proxied and not is_proxiable(kind, content):
        if type_ not in {"A", "AAAA", "CNAME"}:
            raise Refused(400, 9004, "This record type cannot be proxied.")
        raise Refused(400, 9041, "Invalid proxied mode. Record cannot be proxied")
    ttl = _ttl(fields.get("ttl", old.ttl or 1 if old else 1), plan_of(place))
    note = _note(fields, place.site.annotations.get(ident, _NOTHING) if old else _NOTHING)
    record = make_record(
        zone,
        kind,
        name,
        content,
        rec_id=ident,
        # The proxy answers with a lifetime of its own.
        ttl=1 if proxied else ttl,
        prio=prio,
        service_mode=proxied,
    )
    return _Written(record, note)


_HOSTS: Final = frozenset({"A", "AAAA", "CNAME"})


def _beside(place: Place, made: models.Record) -> None:
    """Refuses a record that cannot stand beside those that are there."""
    for other in place.site.listing():
        if other.rec_id == made.rec_id or other.name != made.name:
            continue
        here, there = made.type.value, _type(other)
        if here == there and contents.same_content(here, other.content, made.content) and other.prio == made.prio:
            raise Refused(400, 81058, "An identical record already exists.")
        if here == "CNAME" and there in _HOSTS:
            raise Refused(400, 81053, "An A, AAAA, or CNAME record with that host already exists.")
        if there == "CNAME" and here in _HOSTS:
            raise Refused(400, 81054, "A CNAME record with that host already exists.")


def _put(call: Call, place: Place, made: _Written) -> dict[str, Any]:
    record = place.site.write(made.record, call.now)
    if made.note == _NOTHING:
        place.site.annotations.pop(record.rec_id, None)
    else:
        place.site.annotations[record.rec_id] = made.note
    return show_record(place, record)


def _create(call: Call, place: Place, fields: Mapping[str, Any]) -> dict[str, Any]:
    made = _checked(place, fields, "", None)
    _beside(place, made.record)
    # An id is used up by what is written only.
    return _put(call, place, attrs.evolve(made, record=_named(made.record, str(next(call.ids)))))


def _named(record: models.Record, ident: str) -> models.Record:
    return make_record(
        record.zone_name or "",
        record.type,
        record.name,
        record.content,
        rec_id=ident,
        ttl=record.ttl or 1,
        prio=record.prio,
        service_mode=bool(record.service_mode),
    )


def _edit(call: Call, place: Place, shown: str, fields: Mapping[str, Any], *, whole: bool) -> dict[str, Any]:
    old = _found(place, shown)
    given = fields.get("type")
    if given is not None and given != _type(old):
        # In-place changes ended on 2026-06-30; code and words are not known.
        raise Refused(400, 9207, "The type of a record cannot be changed: delete it and create another.")
    made = _checked(place, fields, old.rec_id, None if whole else old)
    _beside(place, made.record)
    return _put(call, place, made)


def _delete(place: Place, shown: str) -> None:
    place.site.delete(_found(place, shown))


def _as_before(call: Call, refused: Refused) -> Refused:
    """A refusal of a record in the form that the service had before October 2024, if that is wanted."""
    fault = refused.faults[0]
    if not call.chained or not 9000 <= fault.code < 10_000:
        return refused
    return Refused.chained(refused.status, 1004, "DNS Validation Error", fault)


def create_record(call: Call, zone: str) -> Answer:
    """A new record."""
    place, fields = call.place(zone), call.fields()
    try:
        return Answer.of(_create(call, place, fields))
    except Refused as refused:
        raise _as_before(call, refused) from None


def edit_record(call: Call, zone: str, record: str) -> Answer:
    """Changes what is given."""
    place, fields = call.place(zone), call.fields()
    try:
        return Answer.of(_edit(call, place, record, fields, whole=False))
    except Refused as refused:
        raise _as_before(call, refused) from None


def overwrite_record(call: Call, zone: str, record: str) -> Answer:
    """Puts another record in its place: what is left out is as on a new one."""
    place, fields = call.place(zone), call.fields()
    try:
        return Answer.of(_edit(call, place, record, fields, whole=True))
    except Refused as refused:
        raise _as_before(call, refused) from None


def delete_record(call: Call, zone: str, record: str) -> Answer:
    """Removes a record."""
    _delete(call.place(zone), record)
    return Answer.of({"id": record})


# -- the batch ---------------------------------------------------------------------------------------


def _entries(fields: Mapping[str, Any], name: str, *needed: str) -> list[dict[str, Any]]:
    entries = [] if fields.get(name) is None else fields[name]
    if not isinstance(entries, list) or not all(
        isinstance(entry, dict) and all(isinstance(entry.get(key), str) for key in needed) for entry in entries
    ):
        raise Refused(400, 9207, "Request body is invalid.")
    return entries


def batch(call: Call, zone: str) -> Answer:
    """Deletes, patches, puts, posts, in this order; all or nothing."""
    place, fields = call.place(zone), call.fields()
    deletes, patches, puts = (_entries(fields, name, "id") for name in ("deletes", "patches", "puts"))
    posts = _entries(fields, "posts")
    if sum(map(len, (deletes, patches, puts, posts))) > _BATCH:
        raise Refused(400, 9207, f"A batch has at most {_BATCH} operations.")
    before = place.site.snapshot()
    try:
        gone = []
        for entry in deletes:
            gone.append(show_record(place, _found(place, entry["id"])))
            _delete(place, entry["id"])
        patched = [_edit(call, place, entry["id"], entry, whole=False) for entry in patches]
        overwritten = [_edit(call, place, entry["id"], entry, whole=True) for entry in puts]
        posted = [_create(call, place, entry) for entry in posts]
    except Refused as refused:
        place.site.restore(before)
        raise _as_before(call, refused) from None
    return Answer.of({"deletes": gone, "patches": patched, "puts": overwritten, "posts": posted})
