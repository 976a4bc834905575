"""JSON from outside, read within bounds; no I/O.

Nesting and entries are counted before anything is made of them, and JSON that means two things at once
(a key that comes twice) is refused; msgspec by itself refuses NaN, halves of surrogate pairs and what is no UTF-8.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from .bounds import DEFAULT, Bounds, Excess, check_items, check_size, too_deep

__all__ = ["NOT_JSON", "count_keys", "decoded"]

#: what msgspec raises at bytes that are no JSON
NOT_JSON: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


# Possessive, so that a string of millions of escapes needs no memory for ways back.
_STRING: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)


def decoded(body: bytes, bounds: Bounds = DEFAULT) -> Any:
    """The plain data in these bytes; raises one of `NOT_JSON`, or `Excess`."""
    check_size(len(body), bounds)
    try:
        data = msgspec.json.decode(body)
    except RecursionError:
        raise Excess(too_deep(bounds)) from None
    keys = count_keys(data, bounds)
    # Outside of strings a colon stands behind a key, so more colons than keys are keys that come twice.
    if body.count(b":") != keys and _STRING.sub(b"", body).count(b":") != keys:
        raise Excess("a key comes twice in one object")
    return data


def count_keys(data: Any, bounds: Bounds) -> int:
    """How many keys there are; raises `Excess`. Level by level, so no nesting is too deep for the counting itself."""
    keys = 0
    level = [data] if type(data) in {dict, list} else []
    for _ in range(bounds.depth):
        below: list[Any] = []
        for item in level:
            check_items(len(item), bounds)
            values = item
            if type(item) is dict:
                keys += len(item)
                values = item.values()
            below += [value for value in values if type(value) is dict or type(value) is list]
        if not below:
            return keys
        level = below
    raise Excess(too_deep(bounds))
