"""How much of a reply is read: what answers may be hostile, or broken, and still costs no more than this."""

from __future__ import annotations

from typing import Final

import attrs

from .errors import ConfigurationError

__all__ = ["DEFAULT", "Bounds", "Excess", "check_items", "check_size", "too_deep", "too_large"]


def _natural(_: object, attribute: attrs.Attribute[int], value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ConfigurationError(f"bounds: {attribute.name}={value!r} is not valid: expected a whole number, 1 or more")


@attrs.frozen(kw_only=True)
class Bounds:
    """How large a reply may be; a page of 180 records has 100 KB and a nesting of 6."""

    #: bytes of a body, after decompression
    size: int = attrs.field(default=16 * 1024 * 1024, validator=_natural)
    #: objects and lists within each other
    depth: int = attrs.field(default=64, validator=_natural)
    #: entries of one list or object, such as the records of a page
    items: int = attrs.field(default=100_000, validator=_natural)


DEFAULT: Final = Bounds()


class Excess(ValueError):
    """A reply that is larger than its bounds, or ambiguous; the text says how, without a value of it."""


def check_size(size: int, bounds: Bounds) -> None:
    """Raises `Excess` where so many bytes are too many."""
    if size > bounds.size:
        raise Excess(too_large(bounds.size))


def check_items(count: int, bounds: Bounds) -> None:
    """Raises `Excess` where so many entries of one list are too many."""
    if count > bounds.items:
        raise Excess(f"a list or object has more than {bounds.items:,} entries; `bounds` can be set wider")


def too_large(size: int) -> str:
    """The words for a body that goes beyond so many bytes."""
    return f"the answer is larger than {size:,} bytes; `bounds` can be set wider"


def too_deep(bounds: Bounds) -> str:
    """The words for an answer that is nested deeper than it may be."""
    return f"the answer is nested more than {bounds.depth} deep; `bounds` can be set wider"
