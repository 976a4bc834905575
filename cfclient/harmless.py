"""Text that came from outside, made harmless for where it is shown; all of it stays readable."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["harmless", "safe_cell"]

# C0, DEL and C1, the separators that end a line, the bidirectional controls, and halves of surrogate pairs.
_UNSAFE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

# What makes a spreadsheet take a cell for a formula, the full-width forms included.
_FORMULA: Final = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")


def harmless(text: str) -> str:
    """Text that does to a terminal what it says: characters that would steer it are shown as escapes."""
    return _UNSAFE.sub(lambda match: match[0].encode("unicode_escape", "surrogatepass").decode("ascii"), text)


def safe_cell(text: str) -> str:
    """Harmless text that a spreadsheet does not take for a formula: an apostrophe stands before what it would."""
    return ("'" if text.lstrip(" ").startswith(_FORMULA) else "") + harmless(text)
