"""CloudFlare's Client Interface API, version 1: one form POST for each action (§1.1, §2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar, cast

from cfclient import limits, wire
from cfclient._version import __version__
from cfclient.actions import Action
from cfclient.backend import Credentials
from cfclient.bounds import DEFAULT, Bounds
from cfclient.errors import CloudflareError, ConfigurationError, RateLimited, UnexpectedAnswer
from cfclient.exchanges import checked_address, exchanged
from cfclient.http import Budgeted, Http, Reply, Request
from cfclient.replies import seconds, without_frames

__all__ = ["DEFAULT_URL", "V1"]

T = TypeVar("T")

#: where the document says the API is (§2); CloudFlare switched it off in 2018
DEFAULT_URL: Final = "https://www.cloudflare.com/api_json.html"

_HEADERS: Final = {
    "content-type": "application/x-www-form-urlencoded",
    "accept": "application/json",
    "user-agent": f"cfclient/{__version__}",
}


class V1:
    """The documented endpoint, for one account, over any `Http`."""

    def __init__(
        self,
        http: Http,
        credentials: Credentials,
        *,
        url: str = DEFAULT_URL,
        bounds: Bounds = DEFAULT,
        allow_plain_http: bool = False,
    ) -> None:
        if credentials.email is None:
            raise ConfigurationError(
                "version 1 knows no API tokens: give email= and the account's global API key as token=, "
                "or the address of today's Cloudflare, which ends in /client/v4"
            )
        self._http = http
        self._credentials = credentials
        self._bounds = bounds
        self._url = checked_address(url, allow_plain_http=allow_plain_http, example=DEFAULT_URL)

    def __repr__(self) -> str:
        """Where, and for whom."""
        return f"<V1 {self._url} as {self._credentials.email}>"

    async def perform(self, action: Action[T], /) -> T:
        """The answer of the service (§2), checked against its limits before anything is sent."""
        return cast("T", await self._answered(action, wire.read))

    async def raw(self, action: Action[Any], /) -> dict[str, Any]:
        """The whole decoded reply, the echoed request left out."""
        return cast("dict[str, Any]", await self._answered(action, wire.raw))

    async def _answered(self, action: Action[Any], read: Callable[..., Any]) -> Any:
        limits.V1.check(action)
        credentials = await self._credentials.settled()
        reply = await self._exchange(action, credentials)
        try:
            return read(action, reply.body, status=reply.status, hide=(credentials.key,), bounds=self._bounds)
        except CloudflareError as error:
            failure = _as_limited(without_frames(error), reply, action)
        if isinstance(failure, RateLimited) and isinstance(self._http, Budgeted):
            await self._http.limited(failure)
        raise failure

    async def _exchange(self, action: Action[Any], credentials: Credentials) -> Reply:
        def request() -> Request:
            return Request(
                method="POST",
                url=self._url,
                headers=_HEADERS,
                body=wire.form(action, credentials),
                max_reply=self._bounds.size,
            )

        return await exchanged(self._http, request, lambda: credentials.key, self._bounds)


def _as_limited(error: CloudflareError, reply: Reply, action: Action[Any]) -> CloudflareError:
    """The error, or what status 429 makes of it; with the time to wait where the reply says one.

    Version 1 itself said `E_MAXAPI` and no time; what stands in front of a service may say 429 in HTML.
    """
    if reply.status == 429 and isinstance(error, UnexpectedAnswer):
        error = RateLimited("too many requests (HTTP 429)", code=None, action=action.wire_name)
    if isinstance(error, RateLimited) or (isinstance(error, UnexpectedAnswer) and error.transient):
        error.retry_after = seconds(reply.headers.get("retry-after", ""))
    return error
