"""One exchange with version 4: what is asked, as whom, and the envelope that comes back.

An `Asking` belongs to one action of one principal; the rooms beside this one are given it and nothing else.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any, Final
from urllib.parse import urlencode

import anyio
import attrs
import msgspec

from cfclient.actions import Action, Kind
from cfclient.backend import Credentials, Departure, departing
from cfclient.bounds import DEFAULT, Bounds
from cfclient.errors import (
    ApiError,
    CloudflareError,
    ConfigurationError,
    ConnectionFailed,
    RateLimited,
    UnexpectedAnswer,
)
from cfclient.exchanges import exchanged
from cfclient.http import Http, Request
from cfclient.replies import without_frames

from . import envelope
from .envelope import Envelope
from .support import Permission

__all__ = ["Asking", "Scope", "at_once"]

_BEFORE: Final = "an earlier request of the same call was answered"
#: the most exchanges of one action that are under way at a time
_WIDTH: Final = 20


def _account(_: object, __: object, value: str | None) -> None:
    if value is not None and not (isinstance(value, str) and re.fullmatch("[0-9A-Za-z_-]{1,64}", value)):
        raise ConfigurationError(f"account={value!r} is not valid: expected an account's id, 32 hexadecimal digits")


def _lists(_: object, __: object, value: str) -> None:
    if value not in {"account", "user"}:
        raise ConfigurationError(f"lists={value!r} is not valid: expected 'account' or 'user'")


@attrs.frozen(kw_only=True)
class Scope:
    """What a connection was narrowed to."""

    #: the only account whose zones and access rules count; None for whatever the credentials see
    account: str | None = attrs.field(default=None, validator=_account)
    #: whose access rules `wl`, `ban` and `nul` set: the account's, or the user's own (an older place)
    lists: str = attrs.field(default="account", validator=_lists)


@attrs.frozen(kw_only=True)
class Asking:
    """How one action asks."""

    http: Http
    url: str
    credentials: Credentials
    action: Action[Any]
    scope: Scope
    bounds: Bounds = DEFAULT
    #: the requests of this action that change something and were answered
    _sent: list[str] = attrs.field(factory=list, init=False, eq=False, repr=False)
    #: those that change something, whatever became of them
    _tried: list[str] = attrs.field(factory=list, init=False, eq=False, repr=False)

    @property
    def name(self) -> str:
        """The action's name, for messages."""
        return self.action.wire_name

    def now(self) -> float:
        """Seconds since 1970."""
        return time.time()

    async def get(
        self, path: str, query: Mapping[str, object] | None = None, *, result: Any, needs: Permission
    ) -> Envelope[Any]:
        """What lies there."""
        asked = f"?{urlencode(query)}" if query else ""
        return await self._exchange("GET", path + asked, b"", result, needs)

    async def send(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        *,
        result: Any = Any,
        needs: Permission,
    ) -> Envelope[Any]:
        """Changes what lies there."""
        content = msgspec.json.encode(body) if body is not None else b""
        return await self._exchange(method, path, content, result, needs)

    async def query(
        self,
        query: str,
        variables: Mapping[str, Any],
        needs: Permission,
        refused: Callable[[Any, str], CloudflareError],
    ) -> Mapping[str, Any]:
        """The data of the reply to a GraphQL query, whose envelope is another."""
        content = msgspec.json.encode({"query": query, "variables": variables})
        credentials = await self.credentials.settled()
        request = self._request(credentials, "POST", "/graphql", content, "graphql")
        reply = await exchanged(self.http, lambda: request, lambda: credentials.key, self.bounds)
        try:
            if reply.status != 429 and reply.status < 500:
                found = envelope.graph(self.name, reply, self.bounds)
                if found is not None and found.get("errors"):
                    raise refused(found["errors"], credentials.key)
                if found is not None:
                    return found
            envelope.read(self.name, reply, Any, needs=needs, hide=(credentials.key,), bounds=self.bounds)
        except CloudflareError as error:
            failure = without_frames(error)
        else:
            failure = UnexpectedAnswer(f"{self.name}: the answer is no reply to a GraphQL query", status=reply.status)
        if isinstance(failure, RateLimited | UnexpectedAnswer):
            failure.window = "graphql"
        raise failure

    def _request(self, credentials: Credentials, method: str, path: str, content: bytes, window: str) -> Request:
        return Request(
            method=method,
            url=self.url + path,
            headers=envelope.headers(credentials, body=bool(content)),
            body=content,
            window=window,
            max_reply=self.bounds.size,
        )

    async def _exchange(self, method: str, path: str, content: bytes, result: Any, needs: Permission) -> Envelope[Any]:
        before = bool(self._sent)
        if method != "GET":
            self._tried.append(path)
        looks = not self._tried and self.action.kind is not Kind.READ
        try:
            with _looking() if looks else nullcontext():
                answer = await self._asked(method, path, content, result, needs)
        except CloudflareError as error:
            failure = _of_a_look(error) if looks else error
        else:
            if method != "GET":
                self._sent.append(path)
            return answer
        if method != "GET" and isinstance(failure, ApiError) and not isinstance(failure, RateLimited):
            self._sent.append(path)
        raise _of_the_whole(failure) if before else failure

    async def _asked(self, method: str, path: str, content: bytes, result: Any, needs: Permission) -> Envelope[Any]:
        credentials = await self.credentials.settled()
        request = self._request(credentials, method, path, content, "api")
        reply = await exchanged(self.http, lambda: request, lambda: credentials.key, self.bounds)
        try:
            return envelope.read(self.name, reply, result, needs=needs, hide=(credentials.key,), bounds=self.bounds)
        except CloudflareError as error:
            failure = without_frames(error)
        raise failure


@contextmanager
def _looking() -> Iterator[None]:
    """While what is to be changed is only looked for, a call that ends has changed nothing."""
    departure = departing.get() or Departure()
    departure.looking += 1
    try:
        yield
    finally:
        departure.looking -= 1


def _of_a_look(failure: CloudflareError) -> CloudflareError:
    """What the failure of a look says of the call: it was surely not carried out."""
    if isinstance(failure, ConnectionFailed) and failure.maybe_carried_out:
        return ConnectionFailed(f"{failure.reason}; it only looked what to change", maybe_carried_out=False)
    if isinstance(failure, UnexpectedAnswer):
        failure.maybe_carried_out = False
    return failure


def _of_the_whole(failure: CloudflareError) -> CloudflareError:
    """What a request's failure says of a call that sent another before: that one may well have been carried out."""
    if isinstance(failure, ConnectionFailed) and not failure.maybe_carried_out:
        return ConnectionFailed(f"{failure.reason}; {_BEFORE}", maybe_carried_out=True)
    if isinstance(failure, RateLimited):
        failure.add_note(f"It may have been carried out: {_BEFORE}.")
    return failure


async def at_once(calls: Mapping[str, Any]) -> dict[str, Any]:
    """The answers of several calls made at the same time, by name; an error stands where a call failed.

    Args:
        calls: by name, functions without parameters that make the call.
    """
    answers: dict[str, Any] = {}
    width = anyio.CapacityLimiter(_WIDTH)

    async def call(name: str, make: Any) -> None:
        async with width:
            try:
                answers[name] = await make()
            except CloudflareError as error:
                answers[name] = error

    async with anyio.create_task_group() as tasks:
        for name, make in calls.items():
            tasks.start_soon(call, name, make)
    return {name: answers[name] for name in calls}
