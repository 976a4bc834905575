"""The command `support`: which of the 22 actions is carried out how far, and what a token needs for it."""

from __future__ import annotations

from typing import Annotated

import attrs

from cfclient.actions import ACTIONS
from cfclient.backends.v4.support import PERMISSIONS, SUPPORT, Extent
from cfclient.output import destination, write

from .options import DEFAULT_OUTPUT, Output, flag


@attrs.frozen(kw_only=True)
class Row:
    """One action: how far each backend carries it out."""

    action: str
    v1: str
    emulator: str
    v4: str
    #: what is missing on version 4, or why and since when it is refused there
    note: str


@attrs.frozen(kw_only=True)
class Token:
    """One action: the smallest API token of today's Cloudflare for it."""

    action: str
    permissions: str


def support(
    *,
    permissions: Annotated[bool, flag("Show what an API token needs for each action instead.")] = False,
    output: Output = DEFAULT_OUTPUT,
) -> int:
    """Show which of the 22 actions each backend carries out, and how far.

    Version 1 and its emulator carry out all of them; today's Cloudflare
    (v4) has retired some things. With --permissions, the smallest API
    token for each action; Zone Read is not needed by whoever gives zone
    ids instead of names.

    For example:

        cfclient support
        cfclient support --permissions --format csv
    """
    rows = [_token(name) if permissions else _row(name) for name in ACTIONS]
    with destination(output.output, output.format) as stream:
        write(output.format, stream, tuple(rows))
    return 0


def _row(name: str) -> Row:
    found, full = SUPPORT[name], Extent.FULL.value
    return Row(action=name, v1=full, emulator=full, v4=found.extent.value, note=found.note)


def _token(name: str) -> Token:
    needed = "; ".join(permission.value for permission in PERMISSIONS[name])
    return Token(action=name, permissions=needed or "none: today's Cloudflare does not carry it out")
