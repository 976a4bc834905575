"""The endpoints under `/zones` and `/zones/{id}`: a zone of version 1 as version 4 shows it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from .call import Call, Place, account_id, account_name, token_id, user_id
from .ids import digest, v4_id
from .replies import Answer, Refused, paged, stamp

__all__ = ["edit_zone", "get_zone", "list_zones", "show_zone"]

_TYPES: Final = {"F": "full", "P": "partial"}
_PLANS: Final = {
    "FREE_ZONE": ("free", "Free Website", 0, "0feeeeeeeeeeeeeeeeeeeeeeeeeeeeee"),
    "PRO_ZONE": ("pro", "Pro Website", 20, digest("plan", "pro")),
    "BIZ_ZONE": ("business", "Business Website", 200, digest("plan", "business")),
    "ENT_ZONE": ("enterprise", "Enterprise Website", 0, "94f3b7b768b0458b56d2cac4fe5ec0f9"),
}
# What version 1 called it, and what version 4 does.
_PERMISSIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "analytics": ("#analytics:read",),
    "dns_editor": ("#dns_records:edit", "#dns_records:read"),
    "cf_settings": ("#zone_settings:edit", "#zone_settings:read"),
    "zone_deactivate": ("#zone:edit",),
    "zone_reactivate": ("#zone:edit",),
}


def plan_of(place: Place) -> str:
    """The plan by its short name: free, pro, business or enterprise."""
    props = place.site.zone.props
    return _PLANS.get((props and props.plan) or "", _PLANS["FREE_ZONE"])[0]


def _plan(place: Place) -> dict[str, Any]:
    props = place.site.zone.props
    legacy_id, name, price, ident = _PLANS.get((props and props.plan) or "", _PLANS["FREE_ZONE"])
    return {
        "id": ident,
        "name": name,
        "price": price,
        "currency": "USD",
        "frequency": "" if legacy_id == "free" else "monthly",
        "is_subscribed": legacy_id != "free",
        "can_subscribe": False,
        "legacy_id": legacy_id,
        "legacy_discount": False,
        "externally_managed": False,
    }


def _remaining(until: datetime | bool | None, now: datetime) -> int:
    return int((until - now).total_seconds()) if isinstance(until, datetime) else 0


def remaining(place: Place, now: datetime) -> int:
    """For how many seconds development mode is still on; 0 where it is off."""
    return _remaining(place.site.settings.dev_mode, now)


def _status(place: Place) -> str:
    return "active" if place.site.zone.zone_status == "V" else "pending"


def show_zone(call: Call, place: Place) -> dict[str, Any]:
    """The zone as it is sent."""
    site, zone = place.site, place.site.zone
    status = _status(place)
    granted = {name for allowed in zone.allow for name in _PERMISSIONS.get(allowed, ())}
    shown: dict[str, Any] = {
        "id": v4_id("zone", zone.zone_id),
        "name": zone.zone_name,
        "status": status,
        "paused": zone.zone_mode == "0",
        "type": _TYPES.get(zone.zone_type or "", "full"),
        "development_mode": remaining(place, call.now),
        "name_servers": list(zone.fqdns),
        "original_name_servers": [name.lower() for name in zone.orig_ns_names] or None,
        "original_registrar": zone.orig_registrar,
        "original_dnshost": zone.orig_dnshost,
        "modified_on": stamp(site.modified),
        "created_on": stamp(site.created),
        "activated_on": stamp(site.created) if status == "active" else None,
        "vanity_name_servers": list(zone.ns_vanity_map),
        "vanity_name_servers_ips": None,
        "meta": {
            "step": zone.step if zone.step is not None else 2,
            "custom_certificate_quota": 0,
            "page_rule_quota": 3,
            "phishing_detected": False,
        },
        # An API token is not told who the owner is.
        "owner": {"id": None, "type": "user", "email": None}
        if call.is_token
        else {
            "id": v4_id("user", zone.user_id) if zone.user_id else user_id(place.account),
            "type": "user",
            "email": place.account.email,
        },
        "account": {"id": account_id(place.account), "name": account_name(place.account)},
        "tenant": {"id": None, "name": None},
        "tenant_unit": {"id": None},
        "permissions": sorted({*granted, "#zone:read"}),
        "plan": _plan(place),
    }
    if zone.vtxt is not None:
        shown["verification_key"] = zone.vtxt
    return shown


# -- listing -----------------------------------------------------------------------------------------

_FIELDS: Final[Mapping[str, Callable[[Place], str]]] = {
    "name": lambda place: place.site.zone.zone_name,
    "status": _status,
    "account.id": lambda place: account_id(place.account),
    "account.name": lambda place: account_name(place.account),
    "type": lambda place: _TYPES.get(place.site.zone.zone_type or "", "full"),
}
_OPERATORS: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "contains": lambda text, given: given in text,
    "starts_with": lambda text, given: text.startswith(given),
    "ends_with": lambda text, given: text.endswith(given),
    "not": lambda text, given: text != given,
    "equal": lambda text, given: text == given,
}


def _matches(place: Place, field: str, given: str) -> bool:
    operator, colon, value = given.partition(":")
    compare = _OPERATORS.get(operator) if colon else None
    if compare is None:
        compare, value = _OPERATORS["equal"], given
    return any(compare(_FIELDS[field](place).lower(), one) for one in value.lower().split(","))


def list_zones(call: Call) -> Answer:
    """Those that are shown to whoever asks, filtered, in order, page by page."""
    if call.token is not None and not call.may("Zone:Read"):
        actor = f"com.cloudflare.api.token.{token_id(call.token)}"
        needed = "com.cloudflare.api.account.zone.list"
        raise Refused(403, 0, f"Actor '{actor}' requires permission '{needed}' to list zones")
    given = {name: value for name, value in call.query.items() if name in _FIELDS and value}
    quantifier = any if call.query.get("match") == "any" and given else all
    found = [place for place in call.places() if quantifier(_matches(place, *item) for item in given.items())]
    order = _FIELDS.get(call.query.get("order", ""))
    if order is not None:
        found.sort(key=order, reverse=call.query.get("direction") == "desc")
    # The description says 50 at most; 100 was taken and echoed when it was tried.
    return paged(found, call.query, lambda place: show_zone(call, place), default=20, low=5, high=100)


def get_zone(call: Call, zone: str) -> Answer:
    """One zone."""
    return Answer.of(show_zone(call, call.place(zone)))


def edit_zone(call: Call, zone: str) -> Answer:
    """Pauses a zone or lets it go on, which is all that can be changed here."""
    place, fields = call.place(zone), call.fields()
    if fields.keys() != {"paused"} or not isinstance(fields["paused"], bool):
        raise Refused(400, 1016, "The emulator changes one property of a zone only: paused, true or false")
    paused = fields["paused"]
    place.site.show(
        zone_mode="0" if paused else "1", zone_status_class="status-deactivated" if paused else "status-active"
    )
    place.site.modified = call.now
    return Answer.of(show_zone(call, place))
