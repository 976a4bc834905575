"""A page of records straight from its bytes, each of its keys accounted for; no I/O.

Reading plain data first, in which a key that comes twice shows, would take twice as long and twice the memory.
So the records are made at once, and it is counted how many keys they had: as many as there are fields, less those
that were left to their defaults. Every key has its colon, and so has one that comes twice, or that no class knows:
where there are no more colons than these keys and the contents have, no key came twice.
"""

from __future__ import annotations

import itertools
import operator
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from .bounds import Bounds, check_items
from .decoding import NOT_JSON, count_keys, decoded
from .models import MxProps, Page, Record, RecordProps

__all__ = ["accounted", "counting", "left_out", "page_of_records"]

# Made in C, so that a field that is left out costs little more than its default. They only ever count down, and more
# than they should where another thread reads a page at the same time; that page then is looked at in full.
_DEFAULTS: Final = tuple((default, itertools.repeat(default, sys.maxsize)) for default in (None, "", msgspec.Raw()))

_lays_class: Final = object.__dict__["__class__"].__set__


def left_out() -> int:
    """How many fields of such classes were left to their defaults so far."""
    return sum(sys.maxsize - operator.length_hint(source) for _, source in _DEFAULTS)


def counting(cls: type[msgspec.Struct], **types: Any) -> Any:
    """This class, but that what is left to its defaults is counted; `types` stand for those of its fields."""
    fields: list[Any] = []
    for field in msgspec.structs.fields(cls):
        counted: tuple[Any, ...] = ()
        if not field.required:
            (source,) = [source for default, source in _DEFAULTS if default == field.default]
            counted = (msgspec.field(default_factory=source.__next__),)
        fields.append((field.name, types.get(field.name, field.type), *counted))
    return msgspec.defstruct(cls.__name__, fields, bases=(cls,), frozen=True, kw_only=True, gc=False)


_Props: Final = counting(RecordProps)
_Mx: Final = counting(MxProps)
_Record: Final = counting(Record, props=_Props | None, mx=_Mx | None)
_FIELDS: Final = len(Record.__struct_fields__)
_PROPS_FIELDS: Final = len(RecordProps.__struct_fields__)
_MX_FIELDS: Final = len(MxProps.__struct_fields__)

_props_of: Final = operator.attrgetter("props")
_mx_of: Final = operator.attrgetter("mx")


class _Listing(msgspec.Struct):
    has_more: bool | UnsetType = UNSET
    count: int | UnsetType = UNSET
    objs: tuple[_Record, ...] | UnsetType = UNSET  # type: ignore[valid-type]  # made above


class _Recs(msgspec.Struct):
    recs: _Listing | None = None


class _Reply(msgspec.Struct):
    result: str | None = None
    response: _Recs | None = None
    #: read for their keys only
    request: Any = UNSET
    msg: Any = UNSET


_replies: Final = msgspec.json.Decoder(_Reply, strict=False)


def page_of_records(body: bytes, bounds: Bounds) -> Page[Record] | None:
    """The records in this reply to `rec_load_all`; None where it is another reply, and plain data have to tell which.

    Raises:
        Excess: a key comes twice in one object, or a list is longer than its bounds.
    """
    before = left_out()
    try:
        if not body.isascii():
            body.decode()  # msgspec passes over keys that it does not know, spoilt ones among them
        reply = _replies.decode(body)
    except NOT_JSON:
        return None
    lacking = left_out() - before
    listing = None if reply.response is None else reply.response.recs
    if reply.result != "success" or listing is None:
        return None
    has_more, count, records = listing.has_more, listing.count, listing.objs
    # Three more are `result`, `response` and `recs`.
    keys = 3 + sum(part is not UNSET for part in (reply.request, reply.msg, has_more, count, records)) - lacking
    rows: tuple[Record, ...] = () if records is UNSET else records
    check_items(len(rows), bounds)
    keys += _plain(rows, Record) * _FIELDS
    keys += _plain(filter(None, map(_props_of, rows)), RecordProps) * _PROPS_FIELDS
    keys += _plain(filter(None, map(_mx_of, rows)), MxProps) * _MX_FIELDS
    keys += count_keys(reply.request, bounds)
    if not accounted(body, keys, _texts(rows)):
        decoded(body, bounds)  # counts every key, also those that no class knows
    return Page(has_more=False if has_more is UNSET else has_more, count=0 if count is UNSET else count, objs=rows)


def _plain(rows: Iterable[msgspec.Struct], cls: type[msgspec.Struct]) -> int:
    """Makes these what they are to the user; returns how many they are."""
    return len(deque(map(_lays_class, rows, itertools.repeat(cls))))


def _texts(rows: Iterable[Record]) -> Iterator[str]:
    yield "".join([f"{row.content}{row.display_content}" for row in rows])


def accounted(body: bytes, colons: int, texts: Iterable[str]) -> bool:
    """Whether every colon is one of so many, or stands in one of these texts that were read; then no key came twice."""
    more = body.count(b":") - colons
    if not more:
        return True
    # A colon that is written as an escape is in a text and not among those counted.
    if b"\\" in body and b"\\u003" in body:
        return False
    return any(not (more := more - text.count(":")) for text in texts)
