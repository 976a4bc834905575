"""The form of version 4 on the wire: headers, the envelope of every reply, and what its refusals mean; no I/O.

    {"success": true, "result": ..., "result_info": {...}, "errors": [], "messages": []}

A refusal becomes an error of cfclient by two tables: its HTTP status, then its codes.
`code` of the error is version 1's for the same, so that the same `except` and the same old programs serve both;
`numbers` are the service's own.
"""

from __future__ import annotations

import functools
import re
import types
from collections.abc import Iterable, Mapping
from typing import Any, Final, Generic, TypeVar

import msgspec

from cfclient._version import __version__
from cfclient.backend import Credentials
from cfclient.bounds import DEFAULT, Bounds, Excess
from cfclient.decoding import NOT_JSON, decoded
from cfclient.errors import ApiError, CloudflareError, InvalidInput, RateLimited, Unauthorized, UnexpectedAnswer
from cfclient.http import Reply
from cfclient.replies import excerpt, hidden, is_transient, no_json, seconds

from .listing import Info, listing_of
from .support import Permission

__all__ = [
    "DUPLICATE",
    "NO_RECORD",
    "NO_ZONE",
    "Envelope",
    "Info",
    "graph",
    "headers",
    "numbers_of",
    "read",
    "seconds_left",
]

T = TypeVar("T")

_COMMON: Final = {"accept": "application/json", "user-agent": f"cfclient/{__version__}"}


def headers(credentials: Credentials, *, body: bool) -> dict[str, str]:
    """The headers of a request: an API token, or the e-mail address and the global key."""
    common = {**_COMMON, "content-type": "application/json"} if body else dict(_COMMON)
    if credentials.email is None:
        return {**common, "authorization": f"Bearer {credentials.key}"}
    return {**common, "x-auth-email": credentials.email, "x-auth-key": credentials.key}


class Envelope(msgspec.Struct, Generic[T]):
    """What every reply is wrapped in."""

    success: bool | None = None
    result: T | None = None
    result_info: Info | None = None


@functools.cache
def _decoder(result: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(Envelope[result], strict=False)


def graph(action: str, reply: Reply, bounds: Bounds = DEFAULT) -> Mapping[str, Any] | None:
    """The reply to a GraphQL query, which has an envelope of its own; None where it is none.

    Raises:
        UnexpectedAnswer: it is larger than its bounds, or means two things at once.
    """
    try:
        data = decoded(reply.body, bounds)
    except Excess as error:
        raise UnexpectedAnswer(f"{action}: {error}", status=reply.status, transient=reply.status >= 500) from None
    except NOT_JSON:
        return None
    known = isinstance(data, dict) and ("data" in data or (data.get("errors") and "success" not in data))
    return data if known else None


# -- what the service's codes mean ---------------------------------------------------------------------

#: the credentials, or what they may do; 6003 (HTTP 400) only with one of the chain below
_UNAUTHORIZED: Final = frozenset({9103, 9106, 9107, 9109, 10000})
#: who asks is not known at all, whatever they may do
_UNKNOWN_CALLER: Final = frozenset({6003, 9103, 9106, 9107})
_BAD_HEADERS: Final = frozenset({6102, 6103, 6111})
_LIMITED: Final = frozenset({971, 10100})
#: no such zone, or none that these credentials may see; 7003: the path holds no id
NO_ZONE: Final = frozenset({1001, 7003})
NO_RECORD: Final = frozenset({1002, 81044})
#: an exact duplicate of a record
DUPLICATE: Final = frozenset({81057, 81058})

#: version 1's words for the same, which go before the service's own
_WORDS: Final[Mapping[int, str]] = types.MappingProxyType(
    {**dict.fromkeys(NO_ZONE, "Invalid zone."), **dict.fromkeys(NO_RECORD, "Invalid record id.")}
)

#: 9109 is said of a token that is wrong, and of one that may not do this
_WRONG_TOKEN: Final = re.compile(r"invalid (access|api) token", re.IGNORECASE)
_PERMISSION_WORDS = re.compile(r"permission|not allowed|forbidden|unauthorized", re.IGNORECASE)


def _number(value: Any) -> int | None:
    """A code, which is a number or its text."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return int(value) if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 10 else None


def _flat(errors: Any) -> list[Mapping[str, Any]]:
    """The errors of a reply, each followed by what led to it."""
    found: list[Mapping[str, Any]] = []
    todo = [entry for entry in errors if isinstance(entry, dict)] if isinstance(errors, list) else []
    while todo and len(found) < 20:
        entry = todo.pop(0)
        found.append(entry)
        chain = entry.get("error_chain")
        todo[:0] = [link for link in chain if isinstance(link, dict)] if isinstance(chain, list) else []
    return found


def numbers_of(error: CloudflareError) -> frozenset[int]:
    """The service's own codes of a refusal."""
    return frozenset(error.numbers) if isinstance(error, ApiError) else frozenset()


def _words(errors: Iterable[Mapping[str, Any]]) -> str:
    """What the service says, each with its code, in one line."""
    parts: dict[str, None] = {}
    for entry in errors:
        text, code = str(entry.get("message") or "").strip().rstrip("."), _number(entry.get("code"))
        if text or code:
            parts.setdefault(f"{text or 'no reason'} ({code})" if code else text)
    return "; ".join(parts)[:500] or "the service gives no reason"


def _refused(action: str, status: int, errors: list[Mapping[str, Any]], hide: Iterable[str]) -> ApiError:
    numbers = tuple(code for entry in errors if (code := _number(entry.get("code"))) is not None)
    said = set(numbers)
    words = hidden(_words(errors), hide)
    before = next((text for code, text in _WORDS.items() if code in said), None)
    msg = f"{before} {words}" if before else words
    error: ApiError
    if status == 429 or (status == 200 and said & _LIMITED):
        error = RateLimited(msg, action=action)
    elif status in {401, 403} or said & _UNAUTHORIZED or (6003 in said and said & _BAD_HEADERS):
        error = Unauthorized(msg, code="E_UNAUTH", action=action)
    elif status >= 400 or before or said:
        error = InvalidInput(msg, code="E_INVLDINPUT", action=action)
    else:
        error = ApiError(msg, action=action)
    error.numbers = numbers
    return error


def is_unknown_caller(error: ApiError) -> bool:
    """Whether it is not known who asks, whatever that one may do."""
    return bool(_UNKNOWN_CALLER & set(error.numbers)) or _WRONG_TOKEN.search(error.msg) is not None


def _lacking(error: ApiError, status: int, needs: Permission) -> ApiError:
    """The same, naming the permission that is missing where it is one."""
    if is_unknown_caller(error):
        return error
    if status == 403 or (isinstance(error, Unauthorized) and _PERMISSION_WORDS.search(error.msg)):
        error.msg += f"; it takes the permission {needs.value}"
        error.args = (error.msg,)
    return error


def seconds_left(reply: Reply) -> float | None:
    """The seconds to wait that a reply says: `retry-after`, or the budget that is used up (`ratelimit`)."""
    told = seconds(reply.headers.get("retry-after", ""))
    if told is not None:
        return told
    found = re.search(r"\br=0\b.*?\bt=(\d{1,6})\b", reply.headers.get("ratelimit", ""))
    return float(found[1]) if found else None


def read(
    action: str, reply: Reply, result: Any, *, needs: Permission, hide: Iterable[str], bounds: Bounds = DEFAULT
) -> Envelope[Any]:
    """The envelope of a reply, its result of the type that is asked for.

    Args:
        action: the wire name of the action, for messages.
        reply: what came.
        result: the type of the result.
        needs: the permission that the request takes, for messages.
        hide: secrets to keep out of every message.
        bounds: how large the reply may be.

    Raises:
        ApiError: the service said no.
        UnexpectedAnswer: the reply is not of the documented shape, or larger than its bounds, or the service itself
            failed (5xx).
    """
    status, body = reply.status, reply.body
    reason = ""
    found: Envelope[Any] | None = None
    try:
        if 200 <= status < 300:
            if not body.isascii():
                body.decode()  # msgspec passes over keys that it does not know, spoilt ones among them
            listing = listing_of(result, body, bounds)
            if listing is not None:
                return Envelope(True, *listing)
            try:
                found = _decoder(result).decode(body)
            except msgspec.ValidationError as error:
                reason = str(error)
            except NOT_JSON:
                pass  # said below
        said = decoded(body, bounds)
    except NOT_JSON:
        if status == 429:
            raise _limited(RateLimited("too many requests (HTTP 429)", action=action), reply) from None
        raise _no_reply(action, reply, no_json(body, status), hide, transient=is_transient(status)) from None
    except Excess as error:
        if status == 429:
            raise _limited(RateLimited("too many requests (HTTP 429)", action=action), reply) from None
        raise UnexpectedAnswer(f"{action}: {error}", status=status, transient=status >= 500) from None
    if found is not None and found.success is True:
        return found
    success, errors = (said.get("success"), _flat(said.get("errors"))) if isinstance(said, dict) else (None, [])
    if status == 429 and not isinstance(success, bool):
        raise _limited(RateLimited("too many requests (HTTP 429)", action=action), reply)
    if not isinstance(success, bool) or 300 <= status < 400:
        what = "the answer is JSON, but not a reply of this API: it has no `success`"
        raise _no_reply(action, reply, what, hide, transient=status >= 500)
    if status >= 500:
        raise _no_reply(action, reply, f"the service failed: {hidden(_words(errors), hide)}", hide, transient=True)
    if success and status < 400:
        raise UnexpectedAnswer(f"{action}: the reply is not of the documented shape: {reason}", status=status)
    raise _limited(_lacking(_refused(action, status, errors, hide), status, needs), reply)


def _limited(error: ApiError, reply: Reply) -> ApiError:
    if isinstance(error, RateLimited):
        error.retry_after = seconds_left(reply)
    return error


def _no_reply(action: str, reply: Reply, reason: str, hide: Iterable[str], *, transient: bool) -> UnexpectedAnswer:
    retired = "; is this the address of version 4, which ends in /client/v4?" if reply.status in {404, 410} else ""
    error = UnexpectedAnswer(
        f"{action}: {reason}{retired}", status=reply.status, excerpt=excerpt(reply.body, hide), transient=transient
    )
    if transient:
        error.retry_after = seconds(reply.headers.get("retry-after", ""))
    return error
