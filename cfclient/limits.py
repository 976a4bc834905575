"""What one service allows beyond the shape of an action, as a table, checked before anything is sent."""

from __future__ import annotations

from typing import Any, Final

import attrs

from .actions import Action, CacheLvl, RecEdit, RecNew
from .errors import InvalidInput
from .models import CacheLevel, RecordType

__all__ = ["V1", "V4", "Limits"]


@attrs.frozen(kw_only=True)
class Limits:
    """The values that a service takes."""

    #: the record types that it writes; it may list records of any other
    record_types: frozenset[RecordType]
    #: the shortest and the longest ttl in seconds, beside 1, which lets the service choose
    ttl: tuple[int, int]
    cache_levels: frozenset[CacheLevel]
    #: what each is called in messages
    service: str

    def check(self, action: Action[Any]) -> None:
        """Raises `InvalidInput` for what the service would refuse."""
        if isinstance(action, RecNew | RecEdit):
            self._record(action)
        elif isinstance(action, CacheLvl):
            self._cache_level(action)

    def _record(self, action: RecNew | RecEdit) -> None:
        if action.type not in self.record_types:
            offer = ", ".join(sorted(self.record_types))
            raise InvalidInput.of("type", action.type.value, f"a type that {self.service} writes: {offer}")
        low, high = self.ttl
        if action.ttl != 1 and not low <= action.ttl <= high:
            raise InvalidInput.of("ttl", action.ttl, f"1 (automatic) or {low} to {high} seconds on {self.service}")

    def _cache_level(self, action: CacheLvl) -> None:
        if action.value not in self.cache_levels:
            offer = ", ".join(sorted(repr(level.value) for level in self.cache_levels))
            raise InvalidInput.of("value", action.value.value, f"one of {offer} on {self.service}")


#: CloudFlare's Client Interface API, version 1 (§4.2, §5.1); the emulator of it holds to the same.
V1: Final = Limits(
    record_types=frozenset(
        {
            RecordType.A,
            RecordType.AAAA,
            RecordType.CNAME,
            RecordType.LOC,
            RecordType.MX,
            RecordType.NS,
            RecordType.SPF,
            RecordType.SRV,
            RecordType.TXT,
        }
    ),
    ttl=(120, 86_400),
    cache_levels=frozenset({CacheLevel.AGGRESSIVE, CacheLevel.BASIC}),
    service="API version 1",
)

#: Today's Cloudflare, version 4: whose content or data is known is written; SPF becomes TXT.
V4: Final = Limits(
    record_types=frozenset(RecordType),
    ttl=(60, 86_400),
    cache_levels=frozenset(CacheLevel),
    service="Cloudflare's API version 4",
)
