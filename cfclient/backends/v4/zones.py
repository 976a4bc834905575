"""Zones: from a name to an id, and from version 4's zone to version 1's.

A name is not unique: a member of several accounts can see it more than once. So no result is ever taken
because it comes first; several raise `AmbiguousZone`, and a zone id in the name's place needs no look-up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

import attrs
import msgspec

from cfclient.actions import ZoneCheck, ZoneLoadMulti
from cfclient.errors import (
    AmbiguousZone,
    ApiError,
    CloudflareError,
    ConnectionFailed,
    InvalidInput,
    Unauthorized,
    UnexpectedAnswer,
    ZoneChoice,
)
from cfclient.models import Page, Zone, ZoneProps
from cfclient.shapes import domain_name, is_todays_id, unicode_name

from .asking import Asking, at_once
from .envelope import Info
from .memory import Memory, Seen
from .support import Permission

__all__ = ["LISTED", "PER_PAGE", "Zones", "has_more", "written", "zone_value"]

#: the most zones that a page holds
PER_PAGE: Final = 50
#: the most zones whose names a listing teaches: of more, the memory would forget them again
LISTED: Final = 4_000


class _Named(msgspec.Struct):
    id: str | None = None
    name: str | None = None


class _Plan(msgspec.Struct):
    name: str | None = None
    legacy_id: str | None = None


class _Meta(msgspec.Struct):
    step: int | None = None


class WireZone(msgspec.Struct):
    """A zone as version 4 sends it; all but the id and the name may be missing."""

    id: str
    name: str
    status: str | None = None
    paused: bool | None = None
    type: str | None = None
    #: seconds that are left; negative or 0: off
    development_mode: float | None = None
    name_servers: list[str] | None = None
    original_name_servers: list[str] | None = None
    original_registrar: str | None = None
    original_dnshost: str | None = None
    vanity_name_servers: list[str] | None = None
    verification_key: str | None = None
    created_on: str | None = None
    meta: _Meta | None = None
    owner: _Named | None = None
    account: _Named | None = None
    tenant: _Named | None = None
    permissions: list[str] | None = None
    plan: _Plan | None = None


class Reference(NamedTuple):
    """A zone that a call is about."""

    id: str
    #: None where only the id is known
    name: str | None
    account: str | None
    plan: str | None = None
    created_on: str | None = None


def written(name: str) -> str | None:
    """The name as an action has it; None for one that no action takes."""
    try:
        return domain_name(name)
    except InvalidInput:
        return None


@attrs.frozen
class _Walk:
    """A listing of all zones that is under way."""

    #: the last page that was read
    page: int
    #: by id
    names: Mapping[str, str]


# -- from version 4's zone to version 1's --------------------------------------------------------------

_STATUS: Final = {"active": "V"}
_TYPE: Final = {"full": "F", "partial": "P", "secondary": "F", "internal": "F"}
_PRO: Final = frozenset({"pro", "business", "enterprise"})
_NO_PROPS: Final = ZoneProps(
    dns_cname=False,
    dns_partner=False,
    dns_anon_partner=False,
    pro=False,
    expired_pro=False,
    pro_sub=False,
    plan_sub=False,
    ssl=False,
    expired_ssl=False,
    expired_rs_pro=False,
    reseller_pro=False,
    reseller_plans=(),
    force_interal=False,
    ssl_needed=False,
    alexa_rank=0,
    has_vanity=False,
)
#: by permission: what version 1 called it
_ALLOW: Final = {
    "#analytics:read": ("analytics",),
    "#dns_records:edit": ("dns_editor",),
    "#zone_settings:edit": ("cf_settings", "threat_control"),
}
_DESCRIPTION: Final = {
    "status-deactivated": "This zone is paused: Cloudflare answers its DNS and proxies nothing",
    "status-dev-mode": "Development mode is on: nothing is cached",
    "status-active": "This zone is active on Cloudflare",
    "status-pending": "This zone is not active yet",
}


def _class(zone: WireZone) -> str:
    if zone.paused:
        return "status-deactivated"
    if (zone.development_mode or 0) > 0:
        return "status-dev-mode"
    return "status-active" if zone.status == "active" else "status-pending"


def _allow(zone: WireZone) -> tuple[str, ...]:
    given = set(zone.permissions or ())
    allowed = [word for permission, words in _ALLOW.items() if permission in given for word in words]
    if "#zone_settings:edit" in given:
        allowed.append("zone_dev_mode0" if (zone.development_mode or 0) > 0 else "zone_dev_mode1")
    if "#zone:edit" in given:
        allowed += ("zone_reactivate", "zone_delete") if zone.paused else ("zone_deactivate",)
    return tuple(allowed)


def zone_value(zone: WireZone) -> Zone:
    """The zone as version 1 has it."""
    class_ = _class(zone)
    plan = zone.plan.legacy_id if zone.plan else None
    owner = (zone.owner and zone.owner.id) or (zone.account and zone.account.id) or None
    return Zone(
        zone_id=zone.id,
        user_id=owner,
        zone_name=zone.name,
        display_name=unicode_name(zone.name),
        zone_status=_STATUS.get(zone.status or "", "P"),
        zone_mode="0" if zone.paused else "1",
        zone_type=_TYPE.get(zone.type or "", "F"),
        host_pubname=zone.tenant.name if zone.tenant else None,
        vtxt=zone.verification_key,
        fqdns=tuple(zone.name_servers or ()) if zone.type != "partial" else (),
        step=zone.meta.step if zone.meta else None,
        zone_status_class=class_,
        zone_status_desc=_DESCRIPTION[class_],
        ns_vanity_map=tuple(zone.vanity_name_servers or ()),
        orig_registrar=zone.original_registrar,
        orig_dnshost=zone.original_dnshost,
        orig_ns_names=tuple(name.upper() for name in zone.original_name_servers or ()),
        props=attrs.evolve(_NO_PROPS, pro=plan in _PRO, dns_partner=zone.type == "partial"),
        allow=_allow(zone),
    )


def has_more(info: Info | None, before: int, count: int, size: int) -> bool:
    """Whether a listing goes on behind these entries; a total decides, and without one a page that is full."""
    total = info.total_count if info else None
    return bool(count) and (before + count < total if total is not None else count >= size)


# -- asking --------------------------------------------------------------------------------------------


class Zones:
    """The zones that one principal sees."""

    def __init__(self, asking: Asking, memory: Memory) -> None:
        self._asking = asking
        self._memory = memory
        self._mine = (asking.credentials.principal, asking.scope.account)

    async def reference(self, zone: str, *, named: bool = False) -> Reference:
        """The zone of this name or id.

        Args:
            zone: what the action says.
            named: whether the name is worth a call where only the id is given.
        """
        if not is_todays_id(zone):
            seen = await self._memory.once((*self._mine, "name", zone), lambda: self._find(zone))
        elif named:
            seen = await self._memory.once((*self._mine, "id", zone), lambda: self._name(zone))
        else:
            known = self._memory.get((*self._mine, "id", zone))
            seen = known if isinstance(known, Seen) else Seen(zone, None, None)
        return Reference(seen.id, seen.name, seen.account, seen.plan, seen.created_on)

    def forget(self, zone: str) -> None:
        """It turned out to be gone."""
        known = self._memory.get((*self._mine, "name", zone))
        ids = (known.id,) if isinstance(known, Seen) else ()
        self._memory.forget(*((*self._mine, "name", zone), *((*self._mine, "id", one) for one in (zone, *ids))))

    def _learn(self, zone: WireZone) -> Seen:
        plan = zone.plan.legacy_id if zone.plan else None
        seen = Seen(zone.id, zone.name, zone.account.id if zone.account else None, plan, zone.created_on)
        self._memory.put((*self._mine, "id", zone.id), seen)
        return seen

    async def _named(self, zone: str) -> list[WireZone]:
        query: dict[str, object] = {"name": zone, "per_page": PER_PAGE}
        if self._asking.scope.account is not None:
            query["account.id"] = self._asking.scope.account
        envelope = await self._asking.get("/zones", query, result=list[WireZone], needs=Permission.ZONE_READ)
        return [found for found in envelope.result or () if written(found.name) == zone]

    async def _find(self, zone: str) -> Seen:
        found = await self._named(zone)
        if not found:
            raise InvalidInput(
                f"Invalid zone. These credentials see no zone named {zone!r}"
                + (f" in account {self._asking.scope.account}" if self._asking.scope.account else ""),
                code="E_INVLDINPUT",
                action=self._asking.name,
            )
        if len(found) > 1:
            raise self._ambiguous(zone, found)
        return self._learn(found[0])

    def _ambiguous(self, zone: str, found: Iterable[WireZone]) -> AmbiguousZone:
        choices = [ZoneChoice((one.account and one.account.id) or "?", one.id, one.status or "?") for one in found]
        return AmbiguousZone.among(zone, choices, action=self._asking.name)

    async def _name(self, zone: str) -> Seen:
        try:
            return self._learn(await self.fetched(zone))
        except Unauthorized:
            # A token need not be able to read the zone: its id is enough for the rest.
            return Seen(zone, None, None)

    async def fetched(self, zone_id: str) -> WireZone:
        """The zone of this id, as it is now."""
        envelope = await self._asking.get(f"/zones/{zone_id}", result=WireZone, needs=Permission.ZONE_READ)
        if envelope.result is None:
            raise UnexpectedAnswer(f"{self._asking.name}: the reply has no zone")
        found: WireZone = envelope.result
        return found

    async def after(self, zone_id: str) -> Zone | None:
        """The zone once something was set; None where it cannot be read, since it was set all the same."""
        try:
            return zone_value(await self.fetched(zone_id))
        except (ApiError, ConnectionFailed, UnexpectedAnswer):
            return None

    async def page(self, number: int) -> tuple[list[WireZone], Info | None]:
        """One page of all zones."""
        query: dict[str, object] = {"page": number, "per_page": PER_PAGE}
        if self._asking.scope.account is not None:
            query["account.id"] = self._asking.scope.account
        envelope = await self._asking.get("/zones", query, result=list[WireZone], needs=Permission.ZONE_READ)
        found: list[WireZone] = envelope.result or []
        for zone in found:
            self._learn(zone)
        self._walk(number, found, envelope.result_info)
        return found, envelope.result_info

    def _walk(self, number: int, found: Iterable[WireZone], info: Info | None) -> None:
        """Learns the names of zones that are listed from the first page to the last, and so need no look-up.

        Not before the last page, since a zone of the same name may come there; a name that comes twice is
        left to the look-up, which says so.
        """
        key = (*self._mine, "listing")
        before = self._memory.get(key) if number > 1 else _Walk(0, {})
        self._memory.forget(key)
        if not isinstance(before, _Walk) or before.page != number - 1:
            return
        seen = {**before.names, **{zone.id: zone.name for zone in found}}
        total = info.total_count if info else None
        if total is None or len(seen) > LISTED:
            return
        if len(seen) < total:
            self._memory.put(key, _Walk(number, seen))
            return
        often = Counter(seen.values())
        for ident, name in seen.items():
            known = self._memory.get((*self._mine, "id", ident))
            if often[name] == 1 and isinstance(known, Seen) and (own := written(name)):
                self._memory.put((*self._mine, "name", own), known)

    async def count(self, account: str) -> int | None:
        """How many zones of an account are seen; None where the service does not say."""
        query = {"account.id": account, "per_page": 5}
        envelope = await self._asking.get("/zones", query, result=list[WireZone], needs=Permission.ZONE_READ)
        return envelope.result_info.total_count if envelope.result_info else None

    async def load_multi(self, action: ZoneLoadMulti) -> Page[Zone]:
        """Zones from an offset on, to the end of the page that holds it: one call."""
        number, skip = divmod(action.offset, PER_PAGE)
        found, info = await self.page(number + 1)
        objs = tuple(zone_value(zone) for zone in found[skip:])
        return Page(has_more=has_more(info, action.offset, len(objs), PER_PAGE - skip), count=len(objs), objs=objs)

    async def check(self, action: ZoneCheck) -> dict[str, str]:
        """The ids of the active ones among these, by name."""
        wanted = dict.fromkeys(action.zones)
        answers = await at_once({zone: _bind(self._active, zone) for zone in wanted})
        raise_first(answer for answer in answers.values() if isinstance(answer, CloudflareError))
        return {zone: answer for zone, answer in answers.items() if answer is not None}

    async def _active(self, zone: str) -> str | None:
        if is_todays_id(zone):
            try:
                found = [await self.fetched(zone)]
            except InvalidInput:
                return None
        else:
            found = await self._named(zone)
        active = [one for one in found if one.status == "active"]
        if len(active) > 1:
            raise self._ambiguous(zone, active)
        return self._learn(active[0]).id if active else None


def _bind(method: Any, *args: Any) -> Any:
    return lambda: method(*args)


def raise_first(failures: Iterable[CloudflareError]) -> None:
    """Raises the first of these, if there is one."""
    for failure in failures:
        raise failure
