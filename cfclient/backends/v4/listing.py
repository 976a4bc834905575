"""A listing straight from its bytes, each of its keys accounted for, as `rows.py` has it for version 1; no I/O.

What nobody reads of an entry is among its fields all the same: its keys count, and the colons of its moments.
"""

from __future__ import annotations

import functools
import itertools
import operator
import typing
from collections.abc import Callable, Iterator
from typing import Any, Final

import attrs
import msgspec
from msgspec import UNSET

from cfclient.bounds import Bounds, check_items
from cfclient.decoding import NOT_JSON, count_keys, decoded
from cfclient.rows import accounted, counting, left_out

__all__ = ["Info", "Row", "listing_of"]


class Row(msgspec.Struct, gc=False):
    """An entry of a listing that names every key which it is documented to have, whether it is read or not."""


class Info(msgspec.Struct):
    """Where a page stands; some listings leave parts of it out."""

    page: int | None = None
    per_page: int | None = None
    count: int | None = None
    total_count: int | None = None
    total_pages: int | None = None


class _Beside(msgspec.Struct):
    """What stands in a reply beside the entries."""

    success: Any = UNSET
    result_info: Any = UNSET
    errors: Any = UNSET
    messages: Any = UNSET


_beside: Final = operator.attrgetter(*_Beside.__struct_fields__)


@attrs.frozen
class _Form:
    """What a list of rows is read by."""

    decoder: msgspec.json.Decoder[Any]
    fields: int
    #: those that are kept as bytes, those of text, and those of many texts
    raw: tuple[Callable[[Row], msgspec.Raw], ...]
    texts: tuple[Callable[[Row], str | None], ...]
    lists: tuple[Callable[[Row], list[str] | None], ...]


@functools.cache
def _form(result: Any) -> _Form | None:
    """Of a list of rows; None of anything else."""
    (cls,) = typing.get_args(result) if typing.get_origin(result) is list else (None,)
    # list[dict[str, Any]] has no class in it, although Python before 3.13 takes it for one.
    if not isinstance(cls, type) or not issubclass(cls, Row):
        return None
    reply = msgspec.defstruct("Listing", [("result", list[counting(cls)])], bases=(_Beside,), kw_only=True)  # type: ignore[misc]
    fields = msgspec.structs.fields(cls)

    def of(type_: object) -> tuple[Any, ...]:
        return tuple(operator.attrgetter(field.name) for field in fields if field.type == type_)

    decoder = msgspec.json.Decoder(reply, strict=False)
    return _Form(decoder, fields=len(fields), raw=of(msgspec.Raw), texts=of(str | None), lists=of(list[str] | None))


def listing_of(result: Any, body: bytes, bounds: Bounds) -> tuple[list[Any], Info | None] | None:
    """The entries of this reply, and its `result_info`; None where it has to be looked at in full.

    Args:
        result: the type of the reply's result.
        body: the reply, which is UTF-8.
        bounds: how large it may be.

    Raises:
        Excess: it is larger, or nested deeper, than its bounds, or a key comes twice.
    """
    form = _form(result)
    if form is None:
        return None
    before = left_out()
    try:
        reply = form.decoder.decode(body)
        lacking = left_out() - before
        info = None if reply.result_info is UNSET else msgspec.convert(reply.result_info, Info | None, strict=False)
    except NOT_JSON:
        return None
    rows = reply.result
    check_items(len(rows), bounds)
    colons = 1 + len(rows) * form.fields - lacking
    colons += sum((part is not UNSET) + count_keys(part, bounds) for part in _beside(reply))
    for raw_of in form.raw:
        all_of_them = b"".join(map(raw_of, rows))
        if all_of_them.strip(b"{}"):
            # Most rows have the same.
            for raw in set(map(bytes, map(raw_of, rows))):
                decoded(raw or b"null", bounds)
            colons += all_of_them.count(b":")
    if reply.success is not True or not accounted(body, colons, _texts(form, rows)):
        return None
    return rows, info


def _texts(form: _Form, rows: list[Row]) -> Iterator[str]:
    for text_of in form.texts:
        yield "".join(filter(None, map(text_of, rows)))
    for list_of in form.lists:
        yield "".join(itertools.chain.from_iterable(filter(None, map(list_of, rows))))
