"""Version 4's face of the emulator: an ASGI application.

    request -> who asks? -> how often? -> which endpoint? -> may a token do this? -> the endpoint

Four laws:

1. A request is carried out whole or not at all, and no other runs in between: `answer` never waits.
2. Whatever comes in, a reply of version 4's form goes out, and no key is in it.
3. Refusals bear the codes and words of recorded ones; where those are not known, a comment says so.
4. Both faces count in one window, as the service counts all that a user does; GraphQL has one of its own.
"""

from __future__ import annotations

import hmac
import json
import math
import re
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

import anyio
import anyio.lowlevel
import attrs

from cfclient.asgi import Receive, Scope, Send, Unread, path_of, responded, served, whole_body
from cfclient.backends.account import ApiToken

from . import PATH, analytics, records, rules, settings, users, zones
from .call import Call, allows
from .replies import Answer, Fault, Refused, no_route
from .state import AccountState, moment

__all__ = ["PATH", "V4", "Asked", "World"]

#: how many queries in how many seconds GraphQL takes
_QUERIES: Final = (300, 300.0)
_MAX_BODY: Final = 10_000_000


@attrs.frozen(kw_only=True)
class World:
    """What the emulator lends to this face."""

    accounts: Mapping[str, AccountState]
    clock: Callable[[], float]
    limit: tuple[int, float] | None
    latency: float
    ids: Iterator[int]
    calls: Counter[str]


@attrs.frozen(kw_only=True)
class Asked:
    """A request; its credentials are in no repr."""

    method: str
    #: without the base
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str] = attrs.field(repr=False)
    body: bytes = attrs.field(default=b"", repr=False)


_Handler = Callable[..., Answer]

_ZONE: Final = "/zones/{}"
_RECORDS: Final = f"{_ZONE}/dns_records"
_RULES: Final = "/firewall/access_rules/rules"

#: method, path, what a token needs, and what answers; {} is an identifier
_ROUTES: Final[tuple[tuple[str, str, str, _Handler], ...]] = (
    ("GET", "/user", "User Details:Read", users.get_user),
    ("GET", "/user/tokens/verify", "", users.verify_token),
    ("GET", "/accounts", "Account Settings:Read", users.list_accounts),
    ("GET", "/accounts/{}", "Account Settings:Read", users.get_account),
    ("GET", "/zones", "", zones.list_zones),
    ("GET", _ZONE, "Zone:Read", zones.get_zone),
    ("PATCH", _ZONE, "Zone:Edit", zones.edit_zone),
    ("GET", _RECORDS, "DNS:Read", records.list_records),
    ("POST", _RECORDS, "DNS:Edit", records.create_record),
    ("GET", f"{_RECORDS}/export", "DNS:Read", records.export_records),
    ("POST", f"{_RECORDS}/batch", "DNS:Edit", records.batch),
    ("GET", f"{_RECORDS}/{{}}", "DNS:Read", records.get_record),
    ("PATCH", f"{_RECORDS}/{{}}", "DNS:Edit", records.edit_record),
    ("PUT", f"{_RECORDS}/{{}}", "DNS:Edit", records.overwrite_record),
    ("DELETE", f"{_RECORDS}/{{}}", "DNS:Edit", records.delete_record),
    ("GET", f"{_ZONE}/settings", "Zone Settings:Read", settings.get_all_settings),
    ("PATCH", f"{_ZONE}/settings", "Zone Settings:Edit", settings.get_all_settings),
    ("GET", f"{_ZONE}/settings/{{}}", "Zone Settings:Read", settings.get_setting),
    ("PATCH", f"{_ZONE}/settings/{{}}", "Zone Settings:Edit", settings.edit_setting),
    ("GET", f"{_ZONE}/dnssec", "DNS:Read", settings.get_dnssec),
    ("PATCH", f"{_ZONE}/dnssec", "DNS:Edit", settings.edit_dnssec),
    ("DELETE", f"{_ZONE}/dnssec", "DNS:Edit", settings.delete_dnssec),
    ("GET", f"{_ZONE}/ssl/universal/settings", "SSL and Certificates:Read", settings.get_universal_ssl),
    ("PATCH", f"{_ZONE}/ssl/universal/settings", "SSL and Certificates:Edit", settings.edit_universal_ssl),
    ("GET", f"{_ZONE}/bot_management", "Bot Management:Read", settings.get_bots),
    ("PUT", f"{_ZONE}/bot_management", "Bot Management:Edit", settings.edit_bots),
    ("POST", f"{_ZONE}/purge_cache", "Cache Purge:Purge", settings.purge),
    ("POST", "/graphql", "Analytics:Read", analytics.graphql),
)
_RULE_ROUTES: Final[tuple[tuple[str, str, str, _Handler], ...]] = (
    ("GET", "", "Read", rules.list_rules),
    ("POST", "", "Edit", rules.create_rule),
    ("GET", "/{}", "Read", rules.get_rule),
    ("PATCH", "/{}", "Edit", rules.edit_rule),
    ("DELETE", "/{}", "Edit", rules.delete_rule),
)
_SCOPES: Final = (
    ("/user", "Account Firewall Access Rules"),
    ("/accounts/{}", "Account Firewall Access Rules"),
    (_ZONE, "Firewall Services"),
)


def _at(kind: str, handler: _Handler) -> _Handler:
    """The handler of a rule for one kind of place where rules are."""
    if kind == "user":
        return lambda call, *rest: handler(call, "user", "", *rest)
    return lambda call, ident, *rest: handler(call, kind, ident, *rest)


def _routes() -> Iterator[tuple[str, tuple[str, ...], str, _Handler]]:
    for method, path, permission, handler in _ROUTES:
        yield method, tuple(path.split("/")), permission, handler
    for place, group in _SCOPES:
        for method, path, right, handler in _RULE_ROUTES:
            where = tuple(f"{place}{_RULES}{path}".split("/"))
            yield method, where, f"{group}:{right}", _at(place.split("/")[1], handler)


_TABLE: Final = tuple(_routes())


def _fits(route: tuple[str, ...], parts: tuple[str, ...]) -> bool:
    return len(route) == len(parts) and all(
        mine in {theirs, "{}"} and theirs for mine, theirs in zip(route[1:], parts[1:], strict=True)
    )


class V4:
    """Today's API over the emulator's accounts: an ASGI application.

        http = httpx.AsyncClient(transport=httpx.ASGITransport(emulator.v4))

    Attributes:
        hook: is shown each request before it is answered; an `Answer` that it returns is sent instead,
            a `Refused` that it raises is sent as a refusal, None lets the request pass.
        chained: whether refusals of records are as they were before October 2024: 1004, the cause in `error_chain`.
    """

    def __init__(self, world: World, *, path: str = PATH) -> None:
        self._world = world
        self._path = path
        self.hook: Callable[[Asked], Answer | None] | None = None
        self.chained = False

    def __repr__(self) -> str:
        """Where it answers."""
        return f"<V4 at {self._path}>"

    # -- ASGI ----------------------------------------------------------------------------------------

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One ASGI connection."""
        await served(scope, receive, send, self._http)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await _body(receive)
        except Refused as refused:
            await _send(send, refused.answer())
            return
        # After the latency; a request that is cancelled before that was not carried out.
        if self._world.latency:
            await anyio.sleep(self._world.latency)
        else:
            await anyio.lowlevel.checkpoint()
        path = path_of(scope)
        if not path.startswith(f"{self._path}/"):
            await _send(send, no_route(path).answer())
            return
        asked = Asked(
            method=scope["method"],
            path=path.removeprefix(self._path).rstrip("/"),
            query=dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)),
            headers={name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]},
            body=body,
        )
        await _send(send, self.answer(asked))

    # -- answering -----------------------------------------------------------------------------------

    def answer(self, asked: Asked) -> Answer:
        """The reply to a request."""
        headers: dict[str, str] = {}
        try:
            instead = self.hook(asked) if self.hook is not None else None
            answer = self._answer(asked, headers) if instead is None else instead
        except Refused as refused:
            answer = refused.answer()
        return attrs.evolve(answer, headers={**headers, **answer.headers})

    def _answer(self, asked: Asked, headers: dict[str, str]) -> Answer:
        now = self._world.clock()
        user, token = self._authorized(asked)
        self._count(user, "graphql" if asked.path == "/graphql" else "default", now, headers)
        permission, handler, idents = _routed(asked)
        if token is not None and permission and not allows(token, permission):
            raise Refused(403, 10000, "Authentication error")
        accounts = (user, *(self._world.accounts[email] for email in user.member_of if email in self._world.accounts))
        call = Call(
            user=user,
            token=token,
            accounts=accounts,
            now=moment(now),
            clock=now,
            ids=self._world.ids,
            path=asked.path,
            query=asked.query,
            body=_decoded(asked),
            chained=self.chained,
            limited=self._world.limit is not None,
        )
        for account in accounts:
            account.settle(call.now)
        return handler(call, *idents)

    # -- who -----------------------------------------------------------------------------------------

    def _authorized(self, asked: Asked) -> tuple[AccountState, ApiToken | None]:
        bearer = asked.headers.get("authorization")
        if bearer is not None:
            return self._bearer(bearer)
        email, key = asked.headers.get("x-auth-email"), asked.headers.get("x-auth-key")
        if email is None and key is None:
            raise Refused(400, 9106, "Missing X-Auth-Key, X-Auth-Email or Authorization headers")
        if key is None:
            raise Refused(400, 9107, "Missing X-Auth-Key header")
        if email is None:
            raise Refused(400, 9106, "Missing X-Auth-Email header")
        if not re.fullmatch(r"[^\s@]+@[^\s@]+", email):
            raise _header(6102, "X-Auth-Email")
        if not key or re.search(r"\s", key):
            raise _header(6103, "X-Auth-Key")
        account = self._world.accounts.get(email)
        # Python compares text in constant time only where it is ASCII, so bytes are compared.
        if account is None or not hmac.compare_digest(account.key, key.encode()):
            raise Refused(403, 9103, "Unknown X-Auth-Key or X-Auth-Email")
        return account, None

    def _bearer(self, bearer: str) -> tuple[AccountState, ApiToken]:
        scheme, _, given = bearer.partition(" ")
        if scheme.lower() != "bearer" or not re.fullmatch(r"[A-Za-z0-9_.-]+", given):
            raise _header(6111, "Authorization")
        for account in self._world.accounts.values():
            for token in account.tokens:
                if hmac.compare_digest(token.value.encode(), given.encode()):
                    if token.status != "active":
                        raise Refused(403, 9109, "Cannot use the access token: it is not active")
                    return account, token
        raise Refused(403, 9109, "Invalid access token")

    # -- how often -----------------------------------------------------------------------------------

    def _count(self, user: AccountState, window: str, now: float, headers: dict[str, str]) -> None:
        self._world.calls[user.email] += 1
        if self._world.limit is None:
            return
        (most, seconds), called = (_QUERIES, user.queried) if window == "graphql" else (self._world.limit, user.called)
        _forget(called, now - seconds)
        headers["ratelimit-policy"] = f'"{window}";q={most};w={math.ceil(seconds)}'
        until = user.blocked.get(window, 0.0)
        if until <= now and len(called) >= most:
            # Whoever asks too often is refused for as long as the window is, whatever leaves it meanwhile.
            until = user.blocked[window] = now + seconds
        if until > now:
            wait = math.ceil(until - now)
            headers |= {"ratelimit": f'"{window}";r=0;t={wait}', "retry-after": str(wait)}
            words = f"More than {most} requests per {math.ceil(seconds)} seconds reached. "
            raise Refused(429, 10100, f"{words}Please wait and consider throttling your request speed")
        called.append(now)
        left = math.ceil(called[0] + seconds - now)
        headers["ratelimit"] = f'"{window}";r={most - len(called)};t={left}'


def _forget(called: deque[float], before: float) -> None:
    while called and called[0] <= before:
        called.popleft()


def _header(code: int, name: str) -> Refused:
    cause = Fault(code, f"Invalid format for {name} header")
    return Refused.chained(400, 6003, "Invalid request headers", cause)


def _routed(asked: Asked) -> tuple[str, _Handler, tuple[str, ...]]:
    """What a token needs, what answers, and the identifiers."""
    parts = tuple(asked.path.split("/"))
    found = [route for route in _TABLE if _fits(route[1], parts)]
    if not found:
        raise no_route(asked.path)
    for method, route, permission, handler in found:
        if method == asked.method:
            return permission, handler, tuple(part for part, mine in zip(parts, route, strict=True) if mine == "{}")
    raise Refused(
        405,
        10405,
        "Method not allowed for this authentication scheme",
        headers={"allow": ", ".join(sorted({route[0] for route in found}))},
    )


def _constant(name: str) -> Any:
    raise ValueError(name)


def _decoded(asked: Asked) -> Any:
    """The JSON of the body; that of a GET means nothing, but programs send one."""
    if asked.method in {"GET", "DELETE"} or not asked.body:
        return None
    kind = asked.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if kind != "application/json":
        cause = Fault(6105, "Invalid Content-Type header, valid values are application/json,multipart/form-data")
        raise Refused.chained(400, 6003, "Invalid request headers", cause)
    try:
        return json.loads(asked.body, parse_constant=_constant)
    except (ValueError, RecursionError):
        raise Refused(400, 6007, "Malformed JSON in request body") from None


# -- bytes -------------------------------------------------------------------------------------------


async def _body(receive: Receive) -> bytes:
    try:
        return await whole_body(receive, _MAX_BODY)
    except Unread as unread:
        large = unread.large
    if large:
        raise Refused(413, 6007, f"The body is too large: at most {_MAX_BODY} bytes")
    raise Refused(400, 6007, "Malformed JSON in request body")


async def _send(send: Send, answer: Answer) -> None:
    text = answer.body if isinstance(answer.body, str) else json.dumps(answer.body)
    body = text.encode()
    headers = {"content-type": "application/json", "content-length": str(len(body)), **answer.headers}
    encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await responded(send, answer.status, encoded, body)
