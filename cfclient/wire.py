"""The form of version 1 on the wire, both ways; this module does no I/O.

    action --form-->  bytes  --parse--> action          the request
    answer --write--> plain data, JSON --read--> answer  the reply

`backends/v1.py` uses the one half, `gateway.py` the other, so that one law proves both at once:
`parse(form(a)) == a` and `read(a, write(a, x)) == x`.

A page of records, where nearly all bytes are, goes from JSON straight into its classes (`rows.py`).
Every other reply, and every page that the fast way refuses, goes through cattrs: it tolerates more,
and it can say which field is wrong.
The echo of the request that some replies carry, key included, is never looked at.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeVar, cast
from urllib.parse import parse_qsl, quote_plus

import attrs
import msgspec

from . import actions as act
from . import models
from .actions import ACTIONS, Action
from .backend import Credentials
from .bounds import DEFAULT, Bounds, Excess
from .decoding import NOT_JSON, decoded
from .errors import ApiError, InvalidInput, UnexpectedAnswer, refusal
from .plain import WHOLE, Mismatch, explained, structure, to_str, unstructure
from .replies import excerpt, hidden, is_transient, no_json
from .rows import page_of_records

__all__ = ["encode", "form", "hidden", "pairs", "parse", "raw", "read", "write", "write_error"]

T = TypeVar("T")

Plain = dict[str, Any]


# -- The request -------------------------------------------------------------------------------------


def form(action: Action[Any], credentials: Credentials) -> bytes:
    """The body of the POST: `a`, `tkn`, `email` and the action's own parameters (§2.1)."""
    # The key is the one value that no cache may keep.
    pairs = [f"a={action.wire_name}&tkn={quote_plus(credentials.key)}&email={_quoted(credentials.email or '')}"]
    pairs += [f"{name}={_quoted(value)}" for name, value in action.parameters()]
    return "&".join(pairs).encode()


# Most values come again and again: the zones' names, offsets, a bot's addresses.
_quoted = functools.lru_cache(1024)(quote_plus)


def pairs(body: bytes | str) -> dict[str, str]:
    """The parameters of a form-encoded body or query; of a name that comes twice the last one counts."""
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else body
    return dict(parse_qsl(text, keep_blank_values=True))


@functools.cache
def _fields(name: str) -> Mapping[str, tuple[str, bool, object]]:
    """By wire name: the attribute, whether it is required, and the value that stands for "not sent"."""
    return types.MappingProxyType(
        {
            field.metadata["wire"]: (field.name, field.default is attrs.NOTHING, field.metadata["omit"])
            for field in act.on_wire(ACTIONS[name])
        }
    )


def parse(parameters: Mapping[str, str]) -> Action[Any]:
    """The action that these pairs ask for; `tkn`, `email` and the fixed ones are not looked at."""
    name = parameters.get("a", "")
    cls = ACTIONS.get(name)
    if cls is None:
        raise InvalidInput.of("a", name, "one of the 22 actions: " + ", ".join(ACTIONS))
    given: dict[str, Any] = {}
    for wire_name, (attribute, required, omit) in _fields(name).items():
        if wire_name in parameters:
            given[attribute] = parameters[wire_name]
        elif required:
            if omit is None:
                raise InvalidInput.of(attribute, None, f"a value, because {name} needs one")
            given[attribute] = omit
    return cls(**given)


# -- The reply: what it says -------------------------------------------------------------------------


def read(action: Action[T], body: bytes, *, status: int = 200, hide: Iterable[str] = (), bounds: Bounds = DEFAULT) -> T:
    """The answer in this reply.

    Args:
        action: what was asked.
        body: the reply; it is judged by its bytes, whatever status or content type came with it.
        status: the HTTP status, for messages.
        hide: secrets to keep out of every message.
        bounds: how large the reply may be.

    Raises:
        ApiError: the service said no.
        UnexpectedAnswer: the reply is not of the documented shape, or larger than its bounds.
    """
    if type(action) is act.RecLoadAll and len(body) <= bounds.size:
        try:
            page = page_of_records(body, bounds)
        except Excess as error:
            raise UnexpectedAnswer(f"{action.wire_name}: {error}", status=status) from None
        if page is not None:
            return cast("T", page)
    data = raw(action, body, status=status, hide=hide, bounds=bounds)
    try:
        return cast("T", _CODECS[type(action)].read(action, data))
    except Exception as error:
        reason = explained(error)
        raise UnexpectedAnswer(f"{action.wire_name}: {reason}", status=status) from None


def raw(
    action: Action[Any], body: bytes, *, status: int = 200, hide: Iterable[str] = (), bounds: Bounds = DEFAULT
) -> Plain:
    """The whole reply as plain data, without the echoed request; raises like `read`."""
    try:
        data = decoded(body, bounds)
    except Excess as error:
        raise UnexpectedAnswer(f"{action.wire_name}: {error}", status=status) from None
    except NOT_JSON:
        raise UnexpectedAnswer(
            f"{action.wire_name}: {no_json(body, status)}{_retired(status)}",
            status=status,
            excerpt=excerpt(body, hide),
            transient=is_transient(status),
        ) from None
    if not isinstance(data, dict) or "result" not in data:
        reason = f"{action.wire_name}: the answer is JSON, but not a reply of this API: it has no `result`"
        raise UnexpectedAnswer(
            reason + _retired(status), status=status, excerpt=excerpt(body, hide), transient=status >= 500
        )
    data.pop("request", None)
    if data["result"] != "success":
        code = data.get("err_code")
        raise refusal(
            hidden(str(data.get("msg") or "the service gives no reason"), hide)[:500],
            code=None if code is None else hidden(str(code), hide)[:100],
            action=action.wire_name,
        )
    return data


def _retired(status: int) -> str:
    if status not in {404, 410}:
        return ""
    return "; CloudFlare retired version 1 of its API in 2018, so is this the address you mean?"


# -- The reply: values from plain data and back ------------------------------------------------------


def _at(data: Any, place: Iterable[str]) -> Any:
    """What lies there, None where the path ends early: every part of a reply may be missing."""
    for key in place:
        data = data.get(key) if isinstance(data, dict) else None
    return data


def _lay(value: Any, place: tuple[str, ...]) -> Plain:
    for key in reversed(place):
        value = {key: value}
    return cast("Plain", value)


@attrs.frozen(eq=False, repr=False)
class _Codec:
    """How one action's answer is read from a reply and written into one."""

    read: Callable[[Any, Plain], Any]
    write: Callable[[Any, Any], Plain]


def _read_nothing(_: Action[Any], __: Plain) -> None:
    return None


def _write_nothing(_: Action[Any], __: None) -> Plain:
    return {}


def _read_page(action: Action[Any], data: Plain) -> Any:
    return structure(_at(data, action.place or ()) or {}, action.answer)


def _write_at_place(action: Action[Any], value: Any) -> Plain:
    return _lay(unstructure(value, action.answer), action.place or ())


def _read_zone(action: Action[Any], data: Plain) -> models.Zone | None:
    found = _at(data, action.place or ())
    return cast("models.Zone", structure(found, models.Zone)) if found else None


def _write_zone(action: Action[Any], value: models.Zone | None) -> Plain:
    return _lay(unstructure(value, models.Zone), action.place or ()) if value is not None else {}


def _read_record(action: Action[Any], data: Plain) -> models.Record:
    found = _at(data, action.place or ())
    if not found:
        raise _MissingRecord
    return cast("models.Record", structure(found, models.Record))


class _MissingRecord(Mismatch):
    """Something was created or edited, and the reply does not show it."""

    def __init__(self) -> None:
        ValueError.__init__(self, "the service reports success, but its reply has no record (response.rec.obj)")


def _read_stats(_: Action[Any], data: Plain) -> Any:
    result = _at(data, ("response", "result")) or {}
    entries = _at(result, ("objs",)) or [{}]
    wrapper = {key: result[key] for key in ("timeZero", "timeEnd") if key in result}
    return structure({**entries[0], **wrapper}, models.Stats)


def _write_stats(_: Action[Any], value: models.Stats) -> Plain:
    entry = unstructure(value, models.Stats)
    times = {key: entry.pop(key) for key in ("timeZero", "timeEnd")}
    return {"response": {"result": {**times, "count": 1, "has_more": False, "objs": [entry]}}}


def _read_settings(action: Action[Any], data: Plain) -> Any:
    settings = (_at(data, action.place or ()) or [{}])[0]
    if "ch_ttl" in settings and "chl_ttl" not in settings:
        # The document's example says chl_ttl, its explanation ch_ttl (§3.7).
        settings = {**settings, "chl_ttl": settings["ch_ttl"]}
        del settings["ch_ttl"]
    return structure(settings, models.ZoneSettings)


def _write_settings(action: Action[Any], value: models.ZoneSettings) -> Plain:
    return _lay([unstructure(value, models.ZoneSettings)], action.place or ())


def _read_ids(action: Action[Any], data: Plain) -> dict[str, str]:
    found = _at(data, action.place or ()) or {}
    if not isinstance(found, dict):
        raise Mismatch("an object of zone ids", found)
    # In 2013 the last key ended in a newline.
    return {name.strip(): to_str(ident) for name, ident in found.items() if name.strip() and ident is not None}


def _write_ids(action: Action[Any], value: Mapping[str, str]) -> Plain:
    # Version 1's are numbers; today's are text, though one may consist of digits.
    ids = {name: int(ident) if ident.isdecimal() and len(ident) < 16 else ident for name, ident in value.items()}
    return _lay(ids, action.place or ())


def _read_score(action: act.IpLkup, data: Plain) -> models.ThreatScore:
    found = _at(data, action.place or ()) or {}
    if not isinstance(found, dict):
        raise Mismatch("an object of scores", found)
    ip = action.ip if action.ip in found or not found else next(iter(found))
    score = found.get(ip)
    if score is None or score is False:
        return models.ThreatScore(ip=ip)
    if isinstance(score, int):
        return models.ThreatScore(ip=ip, score=score)
    verdict, colon, number = to_str(score).rpartition(":")
    if colon and WHOLE.fullmatch(number):
        return models.ThreatScore(ip=ip, verdict=verdict, score=int(number))
    return models.ThreatScore(ip=ip, verdict=to_str(score))


def _write_score(_: Action[Any], value: models.ThreatScore) -> Plain:
    text: object
    if value.verdict is None:
        text = False if value.score is None else value.score
    else:
        text = value.verdict if value.score is None else f"{value.verdict}:{value.score}"
    return {"response": {value.ip: text}}


def _unwrapped(response: Any) -> Plain:
    """The zone of a reply lies in `zone.obj`; in the value it is `zone`."""
    data = dict(response or {})
    if zone := _at(data, ("zone", "obj")):
        data["zone"] = zone
    else:
        data.pop("zone", None)
    return data


def _wrapped(data: Plain) -> Plain:
    if "zone" in data:
        data["zone"] = {"obj": data["zone"]}
    return {"response": data} if data else {}


def _read_devmode(_: Action[Any], data: Plain) -> Any:
    return structure(_unwrapped(data.get("response")), models.DevelopmentMode)


def _write_devmode(_: Action[Any], value: models.DevelopmentMode) -> Plain:
    return _wrapped(unstructure(value, models.DevelopmentMode))


def _read_purge(_: Action[Any], data: Plain) -> Any:
    return structure({**_unwrapped(data.get("response")), **(data.get("attributes") or {})}, models.Purge)


def _write_purge(_: Action[Any], value: models.Purge) -> Plain:
    data = unstructure(value, models.Purge)
    cooldown = data.pop("cooldown")
    return {**_wrapped(data), **({"attributes": {"cooldown": cooldown}} if cooldown is not None else {})}


_NOTHING = _Codec(_read_nothing, _write_nothing)
_PLACED = _Codec(_read_page, _write_at_place)
_ZONE = _Codec(_read_zone, _write_zone)
_RECORD = _Codec(_read_record, _write_at_place)

_CODECS: Final[Mapping[type[Action[Any]], _Codec]] = {
    act.Stats: _Codec(_read_stats, _write_stats),
    act.ZoneLoadMulti: _PLACED,
    act.RecLoadAll: _PLACED,
    act.ZoneCheck: _Codec(_read_ids, _write_ids),
    act.ZoneIps: _PLACED,
    act.IpLkup: _Codec(_read_score, _write_score),
    act.ZoneSettings: _Codec(_read_settings, _write_settings),
    act.SecLvl: _ZONE,
    act.CacheLvl: _ZONE,
    act.Devmode: _Codec(_read_devmode, _write_devmode),
    act.FpurgeTs: _Codec(_read_purge, _write_purge),
    act.ZoneFilePurge: _PLACED,
    act.Wl: _PLACED,
    act.Ban: _PLACED,
    act.Nul: _PLACED,
    act.Ipv46: _ZONE,
    act.Async: _NOTHING,
    act.Minify: _NOTHING,
    act.Mirage2: _NOTHING,
    act.RecNew: _RECORD,
    act.RecEdit: _RECORD,
    act.RecDelete: _NOTHING,
}


def write(action: Action[T], value: T) -> Plain:
    """The reply that carries this answer, as plain data in the wire's own forms."""
    return {**_CODECS[type(action)].write(action, value), "result": "success", "msg": None}


def write_error(error: ApiError, *, request: Plain | None = None) -> Plain:
    """The reply that carries this refusal; an authentication error has no `request`, and most have no code."""
    reply: Plain = {"result": "error", "msg": error.msg}
    if error.code is not None:
        reply["err_code"] = error.code
    return reply if request is None else {"request": request, **reply}


def encode(reply: Plain) -> bytes:
    """The JSON of a reply."""
    return msgspec.json.encode(reply)
