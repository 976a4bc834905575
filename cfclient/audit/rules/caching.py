"""What is cached, and for how long."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from typing import Final

from cfclient.audit.model import Fault, Rule, Severity, ZoneData

__all__ = ["RULES"]


def _development_mode_on(data: ZoneData) -> Iterator[Fault]:
    mode = data.settings.dev_mode
    if mode:
        until = "nobody knows until when" if mode is True else f"until {mode.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        yield Fault(f"development mode is on, {until}: nothing is cached")


RULES: Final[tuple[Rule, ...]] = (
    Rule(
        id="development-mode-on",
        severity=Severity.LOW,
        title="Development mode is on",
        why="Every request goes to the origin, which may not stand the load that the cache takes off it.",
        mend="await cf.devmode(zone, False); it also ends by itself three hours after it was switched on.",
        source="Client Interface API §3.7, §4.3",
        check=_development_mode_on,
        needs=("dev_mode",),
    ),
)
