"""IP access rules, at the account, the user and the zone; a rule of a zone is seen there, with those above it."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Any, Final

import attrs

from cfclient.backends.account import AccessRule

from .call import Call, account_id, account_name, user_id
from .ids import digest
from .replies import Answer, Refused, paged, stamp
from .state import AccountState, RuleState

__all__ = ["create_rule", "delete_rule", "edit_rule", "get_rule", "list_rules"]

_MODES: Final = ("whitelist", "block", "challenge", "js_challenge", "managed_challenge")
_NETWORKS: Final = {4: (16, 24), 6: (32, 48, 64)}


@attrs.frozen(eq=False)
class _Scope:
    """Where rules are asked for: an account, its user, or one of its zones."""

    account: AccountState
    #: "account", "user", or the zone's name
    name: str


def _scope(call: Call, kind: str, ident: str) -> _Scope:
    if kind == "user":
        return _Scope(call.user, "user")
    if kind == "accounts":
        return _Scope(call.account(ident), "account")
    place = call.place(ident)
    return _Scope(place.account, place.site.zone.zone_name)


def _rule_id(account: AccountState, rule: AccessRule) -> str:
    return digest("rule", account.email, *rule.key)


def _show(account: AccountState, state: RuleState) -> dict[str, Any]:
    rule = state.rule
    if rule.scope == "user":
        scope = {"id": user_id(account), "email": account.email, "type": "user"}
    elif rule.scope == "account":
        scope = {"id": account_id(account), "name": account_name(account), "type": "organization"}
    else:
        scope = {"id": user_id(account), "email": account.email, "name": rule.scope, "type": "zone"}
    return {
        "id": _rule_id(account, rule),
        "paused": False,
        "modified_on": stamp(state.modified),
        "allowed_modes": list(_MODES),
        "mode": rule.mode,
        "notes": rule.notes,
        "configuration": {"target": rule.target, "value": rule.value},
        "scope": scope,
        "created_on": stamp(state.created),
    }


# -- what a rule can be about ------------------------------------------------------------------------


def _address(version: int, value: str) -> str | None:
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        return None
    return str(address) if address.version == version else None


def _network(value: str) -> str | None:
    try:
        network = ipaddress.ip_network(value, strict=False)
    except ValueError:
        return None
    return str(network) if "/" in value and network.prefixlen in _NETWORKS[network.version] else None


def _provider(value: str) -> str | None:
    return value.upper() if re.fullmatch(r"(?i:AS)\d{1,10}", value) else None


def _country(value: str) -> str | None:
    return value.upper() if re.fullmatch(r"[A-Za-z][A-Za-z0-9]", value) else None


_TARGETS: Final = {
    "ip": lambda value: _address(4, value),
    "ip6": lambda value: _address(6, value),
    "ip_range": _network,
    "asn": _provider,
    "country": _country,
}


def _configuration(given: Any) -> tuple[str, str]:
    if isinstance(given, dict) and isinstance(given.get("value"), str):
        target, value = given.get("target"), given["value"]
        kept = _TARGETS[target](value) if isinstance(target, str) and target in _TARGETS else None
        if kept is not None:
            return str(target), kept
    # The code and the words are those of external programs; which of several is sent is not known.
    raise Refused(400, 10001, "firewallaccessrules.api.invalid_configuration")


def _mode(given: Any) -> str:
    if not isinstance(given, str) or given not in _MODES:
        raise Refused(400, 10001, "firewallaccessrules.api.invalid_mode")
    return given


def _notes(given: Any) -> str:
    if not isinstance(given, str):
        raise Refused(400, 10001, "firewallaccessrules.api.invalid_notes")
    return given


# -- the endpoints -----------------------------------------------------------------------------------


def _seen(scope: _Scope) -> list[RuleState]:
    """The rules that are in force there: a zone has those of its account and its user too."""
    names = {scope.name} if scope.name in {"account", "user"} else {scope.name, "account", "user"}
    return [state for (where, _, _), state in scope.account.rules.items() if where in names]


def _matches(shown: Mapping[str, Any], name: str, given: str) -> bool:
    if name == "notes":
        return given.lower() in shown["notes"].lower()
    if name == "mode":
        return bool(shown["mode"] == given)
    field = name.removeprefix("configuration.")
    return bool(shown["configuration"][field].lower() == given.lower())


def list_rules(call: Call, kind: str, ident: str) -> Answer:
    """Those in force there, filtered, in order, page by page."""
    scope = _scope(call, kind, ident)
    names = ("mode", "notes", "configuration.target", "configuration.value")
    given = {name: call.query[name] for name in names if call.query.get(name)}
    target = given.get("configuration.target", "ip")
    if target not in {"ip", "ip_range", "asn", "country"}:
        raise Refused(400, 10001, "firewallaccessrules.api.invalid_target")
    quantifier = any if call.query.get("match") == "any" and given else all
    shown = [_show(scope.account, state) for state in _seen(scope)]
    found = [rule for rule in shown if quantifier(_matches(rule, *item) for item in given.items())]
    order = call.query.get("order", "")
    if order in {"configuration.target", "configuration.value", "mode"}:
        field = order.removeprefix("configuration.")
        found.sort(
            key=lambda rule: rule["mode"] if field == "mode" else rule["configuration"][field],
            reverse=call.query.get("direction") == "desc",
        )
    return paged(found, call.query, lambda rule: rule, default=20, low=1, high=1000)


def _find(scope: _Scope, ident: str) -> RuleState:
    for state in scope.account.rules.values():
        if state.rule.scope == scope.name and _rule_id(scope.account, state.rule) == ident:
            return state
    raise Refused(404, 10001, "firewallaccessrules.api.not_found")


def get_rule(call: Call, kind: str, ident: str, rule: str) -> Answer:
    """One rule."""
    scope = _scope(call, kind, ident)
    return Answer.of(_show(scope.account, _find(scope, rule)))


def create_rule(call: Call, kind: str, ident: str) -> Answer:
    """A new rule; one about the same thing must not be there."""
    scope, fields = _scope(call, kind, ident), call.fields()
    target, value = _configuration(fields.get("configuration"))
    rule = AccessRule(
        mode=_mode(fields.get("mode")),
        target=target,
        value=value,
        notes=_notes(fields.get("notes", "")),
        scope=scope.name,
    )
    if rule.key in scope.account.rules:
        raise Refused(400, 10009, "firewallaccessrules.api.duplicate_of_existing")
    scope.account.rules[rule.key] = RuleState(rule=rule, created=call.now, modified=call.now)
    return Answer.of(_show(scope.account, scope.account.rules[rule.key]))


def edit_rule(call: Call, kind: str, ident: str, rule: str) -> Answer:
    """Changes the mode or the notes; what a rule is about stays."""
    scope, fields = _scope(call, kind, ident), call.fields()
    state = _find(scope, rule)
    changed = attrs.evolve(
        state.rule,
        mode=_mode(fields.get("mode", state.rule.mode)),
        notes=_notes(fields.get("notes", state.rule.notes)),
    )
    scope.account.rules[changed.key] = attrs.evolve(state, rule=changed, modified=call.now)
    return Answer.of(_show(scope.account, scope.account.rules[changed.key]))


def delete_rule(call: Call, kind: str, ident: str, rule: str) -> Answer:
    """Removes a rule."""
    scope = _scope(call, kind, ident)
    del scope.account.rules[_find(scope, rule).rule.key]
    return Answer.of({"id": rule})
