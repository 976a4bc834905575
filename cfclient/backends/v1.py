"""CloudFlare's Client Interface API, version 1: one form POST for each action (§1.1, §2)."""

from __future__ import annotations

import email.utils
import ipaddress
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, TypeVar, cast
from urllib.parse import urlsplit

from cfclient import limits, wire
from cfclient._version import __version__
from cfclient.actions import Action
from cfclient.backend import Credentials
from cfclient.errors import CloudflareError, ConfigurationError, ConnectionFailed, RateLimited, UnexpectedAnswer
from cfclient.http import Http, Reply, Request

__all__ = ["DEFAULT_URL", "V1", "checked_address"]

T = TypeVar("T")

#: where the document says the API is (§2); CloudFlare switched it off in 2018
DEFAULT_URL: Final = "https://www.cloudflare.com/api_json.html"

_HEADERS: Final = {
    "content-type": "application/x-www-form-urlencoded",
    "accept": "application/json",
    "user-agent": f"cfclient/{__version__}",
}


def checked_address(url: str, *, allow_plain_http: bool = False) -> str:
    """The address, if a key may be sent there: https, or http to this very machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        sound = parts.scheme in {"http", "https"} and bool(host) and parts.port != 0
        # urlsplit drops or keeps what an HTTP library may read otherwise, and then the key goes elsewhere.
        sound = sound and url.isascii() and url.isprintable() and not set(url) & set(" \\")
    except ValueError:
        sound, host, parts = False, "", urlsplit("")
    if not sound:
        raise ConfigurationError(f"{url!r} is not an address: expected an absolute URL such as {DEFAULT_URL}")
    if parts.username is not None:
        raise ConfigurationError("the address holds a user name or password; give them as email= and token=")
    if parts.query or parts.fragment:
        raise ConfigurationError("the address has a query or a fragment; the API takes its parameters in the body")
    if parts.scheme == "http" and not allow_plain_http and not _is_loopback(host):
        raise ConfigurationError(
            f"{url!r} would send the API key unencrypted; use https, or say allow_plain_http=True to mean it"
        )
    return url


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class V1:
    """The documented endpoint, for one account, over any `Http`."""

    def __init__(
        self, http: Http, credentials: Credentials, *, url: str = DEFAULT_URL, allow_plain_http: bool = False
    ) -> None:
        if credentials.email is None:
            raise ConfigurationError(
                "version 1 knows no API tokens: give email= and the account's global API key as token=, "
                "or the address of today's Cloudflare, which ends in /client/v4"
            )
        self._http = http
        self._credentials = credentials
        self._url = checked_address(url, allow_plain_http=allow_plain_http)

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
            return read(action, reply.body, status=reply.status, hide=(credentials.key,))
        except CloudflareError as error:
            failure = _as_limited(_without_frames(error), reply, action)
        raise failure

    async def _exchange(self, action: Action[Any], credentials: Credentials) -> Reply:
        try:
            # The body holds the key, so it is never a local: a kept exception keeps the frame's locals.
            return await self._http.exchange(
                Request(method="POST", url=self._url, headers=_HEADERS, body=wire.form(action, credentials))
            )
        except ConnectionFailed as error:
            # What an adapter quotes of a foreign error may hold the request.
            hidden = wire.hidden(error.reason, (credentials.key,))
            if hidden == error.reason:
                raise
            failure = ConnectionFailed(hidden, maybe_carried_out=error.maybe_carried_out)
        except CloudflareError:
            raise
        except Exception as error:
            reason = f"the HTTP adapter failed ({type(error).__name__})"
            failure = ConnectionFailed(reason, maybe_carried_out=True)
        raise failure


def _without_frames(error: CloudflareError) -> CloudflareError:
    """The error, without the frames that read the reply: a reply may echo the key, and they hold it."""
    error.__context__ = error.__cause__ = None
    return error.with_traceback(None)


def _as_limited(error: CloudflareError, reply: Reply, action: Action[Any]) -> CloudflareError:
    """The error, or what status 429 makes of it; with the time to wait where the reply says one.

    Version 1 itself said `E_MAXAPI` and no time; what stands in front of a service may say 429 in HTML.
    """
    if reply.status == 429 and isinstance(error, UnexpectedAnswer):
        error = RateLimited("too many requests (HTTP 429)", code=None, action=action.wire_name)
    if isinstance(error, RateLimited) or (isinstance(error, UnexpectedAnswer) and error.transient):
        error.retry_after = _seconds(reply.headers.get("retry-after", ""))
    return error


def _seconds(retry_after: str) -> float | None:
    """The seconds to wait that a `Retry-After` says, in seconds or as a date (RFC 9110 §10.2.3)."""
    text = retry_after.strip()
    if text.isascii() and text.isdecimal() and len(text) <= 9:
        return float(text)
    try:
        date = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (date.replace(tzinfo=date.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
