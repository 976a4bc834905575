"""The white list and the black list: access rules of the account today, which bear a note of ours.

- A duplicate is no failure: the rule that is there is set to the mode that is asked for.
- `nul` lifts the rules of these two modes that bear our note. One that somebody else made is left and named,
  unless the lifting is forced.
"""

from __future__ import annotations

import ipaddress
from typing import Any, Final

import msgspec

from cfclient.actions import Ban, Nul, Wl
from cfclient.errors import InvalidInput
from cfclient.models import IpListing, ListAction

from .asking import Asking
from .memory import Memory
from .support import Permission
from .zones import PER_PAGE, Zones, has_more

__all__ = ["NOTE", "forget", "lift", "put"]

#: what our rules bear
NOTE: Final = "set by cfclient"
#: "duplicate of existing"
_DUPLICATE: Final = 10009
_GONE: Final = "firewallaccessrules.api.not_found"
_RULES: Final = 100
#: in words for whoever calls cfclient, for whoever runs a gateway, and for the owner of a program behind it
_CHOICE: Final = (
    "use an API token that sees one account only, or name the account: --account of the gateway, connect(account=...), "
    "?account= in the address, or `account` in the profile"
)
#: what a caller of cfclient can do about a rule that is not ours
_FORCED: Final = "nul(ip, force=True) to lift it all the same"


class _Configuration(msgspec.Struct):
    target: str | None = None
    value: str | None = None


class _Rule(msgspec.Struct):
    id: str
    mode: str | None = None
    notes: str | None = None
    configuration: _Configuration = msgspec.field(default_factory=_Configuration)


def _is(rule: _Rule, ip: str) -> bool:
    """Whether the rule is about this address, however the service spells it."""
    try:
        return ipaddress.ip_address(rule.configuration.value or "") == ipaddress.ip_address(ip)
    except ValueError:
        return False


async def _rules_path(asking: Asking, zones: Zones, memory: Memory) -> str:
    """Where the access rules lie: the account's, which is the one that all visible zones belong to."""
    if asking.scope.lists == "user":
        return "/user/firewall/access_rules/rules"
    account = asking.scope.account
    if account is None:
        account = await memory.once(_known(asking), lambda: _account(asking, zones))
    return f"/accounts/{account}/firewall/access_rules/rules"


def _known(asking: Asking) -> tuple[str, str]:
    return (asking.credentials.principal, "account")


def forget(asking: Asking, memory: Memory) -> None:
    """The account whose access rules were meant is to be looked for again."""
    memory.forget(_known(asking))


async def _account(asking: Asking, zones: Zones) -> str:
    """The one account that all visible zones belong to; none is taken because it comes first."""
    found, info = await zones.page(1)
    accounts = list(dict.fromkeys(zone.account.id for zone in found if zone.account and zone.account.id))
    if len(accounts) == 1 and has_more(info, 0, len(found), PER_PAGE):
        # The account's zones are counted, because reading on would be a call for each fifty of them.
        counted = await zones.count(accounts[0])
        if counted is None or info is None or counted != info.total_count:
            accounts.append("and others")
    if len(accounts) != 1:
        raise InvalidInput(f"{_seen(accounts)}; {_CHOICE}", code="E_INVLDINPUT", action=asking.name)
    return accounts[0]


def _seen(accounts: list[str]) -> str:
    if not accounts:
        return "these credentials see no zone, so nobody knows whose access rules are meant"
    shown = accounts[:5] + ["and others"] * (len(accounts) > 5)
    return f"these credentials see zones of several accounts ({', '.join(shown)}), each with access rules of its own"


async def _about(asking: Asking, path: str, ip: str) -> list[_Rule]:
    """The rules about this address."""
    address = ipaddress.ip_address(ip)
    # The filter by target knows no ip6; and an IPv6 address may be kept in either spelling.
    spellings = [ip] if address.version == 4 else [ip, address.exploded]
    for spelling in spellings:
        page, found, more = 1, [], True
        while more:
            query: dict[str, object] = {"configuration.value": spelling, "page": page, "per_page": _RULES}
            if address.version == 4:
                query["configuration.target"] = "ip"
            envelope = await asking.get(path, query, result=list[_Rule], needs=Permission.ACCESS_EDIT)
            rules: list[_Rule] = envelope.result or []
            found += [rule for rule in rules if _is(rule, ip)]
            total = envelope.result_info.total_count if envelope.result_info else None
            more = len(rules) == _RULES and (total is None or page * _RULES < total)
            page += 1
        if found:
            return found
    return []


async def put(asking: Asking, zones: Zones, memory: Memory, action: Wl | Ban) -> IpListing:
    """Puts an address on one of the lists."""
    path = await _rules_path(asking, zones, memory)
    mode, done = ("whitelist", ListAction.WHITELISTED) if isinstance(action, Wl) else ("block", ListAction.BANNED)
    target = "ip" if ipaddress.ip_address(action.ip).version == 4 else "ip6"
    body: dict[str, Any] = {"mode": mode, "configuration": {"target": target, "value": action.ip}, "notes": NOTE}
    try:
        await asking.send("POST", path, body, needs=Permission.ACCESS_EDIT)
    except InvalidInput as refused:
        if _DUPLICATE not in refused.numbers and "duplicate_of_existing" not in refused.msg:
            raise
        rules = await _about(asking, path, action.ip)
        if not rules:
            raise
        for rule in rules:
            if rule.mode != mode:
                # Its note stays: whoever made it is to know it again.
                await asking.send("PATCH", f"{path}/{rule.id}", {"mode": mode}, needs=Permission.ACCESS_EDIT)
    return IpListing(ip=action.ip, action=done)


async def lift(asking: Asking, zones: Zones, memory: Memory, action: Nul) -> IpListing:
    """Takes an address off both lists."""
    path = await _rules_path(asking, zones, memory)
    rules = [rule for rule in await _about(asking, path, action.ip) if rule.mode in {"whitelist", "block"}]
    left = [rule for rule in rules if not action.force and NOTE not in (rule.notes or "")]
    for rule in rules:
        if rule not in left:
            try:
                await asking.send("DELETE", f"{path}/{rule.id}", None, needs=Permission.ACCESS_EDIT)
            except InvalidInput as refused:
                # Somebody else was quicker.
                if _GONE not in refused.msg:
                    raise
    if left:
        named = "; ".join(f"rule {rule.id} ({rule.mode}, note {rule.notes or ''!r})" for rule in left)
        what = f"left as it is, because cfclient did not set it: {named}; it can be removed in Cloudflare's dashboard"
        refusal = InvalidInput(f"{what}: expected {_FORCED}", code="E_INVLDINPUT", action=action.wire_name)
        refusal.expected = _FORCED
        raise refusal
    return IpListing(ip=action.ip, action=ListAction.UNLISTED)
