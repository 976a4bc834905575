"""Version 1's ids as version 4's, and back.

Version 1 counted: `16606`. Version 4's are 32 hexadecimal digits that tell nothing.
A number is multiplied by an odd constant modulo 2**128, which loses nothing, so that the way back needs no table.
An id that is no such number stays as it is where it could be one of version 4's, and is hashed otherwise.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Container, Iterable
from typing import Final, Literal, Protocol

__all__ = ["Kind", "digest", "known", "v4_id"]

Kind = Literal["zone", "record", "user"]

_MODULUS: Final = 2**128
_HEX: Final = re.compile("[0-9a-f]{32}")


def digest(*parts: str) -> str:
    """An id that these parts always give."""
    return hashlib.blake2b("\n".join(parts).encode(errors="surrogatepass"), digest_size=16).hexdigest()


# Another constant for each kind, so that a zone's id is no record's.
_FACTORS: Final[dict[str, int]] = {kind: int(digest("factor", kind), 16) | 1 for kind in ("zone", "record", "user")}
_INVERSES: Final = {kind: pow(factor, -1, _MODULUS) for kind, factor in _FACTORS.items()}


def _counted(ident: str) -> bool:
    """Whether it is a number, written as numbers are."""
    return ident.isascii() and ident.isdecimal() and len(ident) < 39 and str(int(ident)) == ident


def v4_id(kind: Kind, ident: str) -> str:
    """The id that version 4 shows for version 1's."""
    if _counted(ident) and int(ident) < _MODULUS:
        return f"{int(ident) * _FACTORS[kind] % _MODULUS:032x}"
    return ident if _HEX.fullmatch(ident) else digest(kind, ident)


class _Idents(Container[str], Iterable[str], Protocol):
    """What an id is looked for in."""


def known(kind: Kind, shown: str, among: _Idents) -> str | None:
    """Version 1's id, among these, of what version 4 shows so; None where it is none of them."""
    if not _HEX.fullmatch(shown):
        return None
    number = str(int(shown, 16) * _INVERSES[kind] % _MODULUS)
    if number in among:
        return number
    return next((ident for ident in among if not _counted(ident) and v4_id(kind, ident) == shown), None)
