"""How visitors and the origin are reached: TLS."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cfclient.audit.model import Fault, Rule, Severity, ZoneData
from cfclient.models import SslMode

__all__ = ["RULES"]


def _ssl_off(data: ZoneData) -> Iterator[Fault]:
    if data.settings.ssl == SslMode.OFF:
        yield Fault("SSL is off, so visitors reach the site unencrypted only")


RULES: Final[tuple[Rule, ...]] = (
    Rule(
        id="ssl-off",
        severity=Severity.HIGH,
        title="SSL is off",
        why="Anyone on the way can read and change what visitors send and see, passwords and cookies included.",
        mend='Set SSL to "Full (strict)" in the dashboard; version 1 of the API only reads it (zone_settings, ssl).',
        source="Client Interface API §3.7; RFC 7258",
        check=_ssl_off,
        needs=("ssl",),
    ),
)
