"""What every backend behind HTTP does with an address and with an exchange."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from urllib.parse import urlsplit

from .bounds import DEFAULT, Bounds, too_large
from .errors import CloudflareError, ConfigurationError, ConnectionFailed, UnexpectedAnswer
from .http import Http, Reply, Request
from .replies import hidden

__all__ = ["checked_address", "exchanged"]


def checked_address(url: str, *, allow_plain_http: bool = False, example: str) -> str:
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
        raise ConfigurationError(f"{url!r} is not an address: expected an absolute URL such as {example}")
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


async def exchanged(
    http: Http, request: Callable[[], Request], key: Callable[[], str], bounds: Bounds = DEFAULT
) -> Reply:
    """The reply to the request; whatever an adapter raises is an error of ours, without the key in its words.

    An adapter stops reading where the request says; of one that did not, the reply is refused here.

    The request and the key are made where they are needed: a kept exception keeps the locals of its frames.
    """
    try:
        return _bounded(await http.exchange(request()), bounds)
    except ConnectionFailed as error:
        # What an adapter quotes of a foreign error may hold the request.
        words = hidden(error.reason, (key(),))
        if words == error.reason:
            raise
        failure = ConnectionFailed(words, maybe_carried_out=error.maybe_carried_out)
    except CloudflareError:
        raise
    except Exception as error:
        reason = f"the HTTP adapter failed ({type(error).__name__})"
        failure = ConnectionFailed(reason, maybe_carried_out=True)
    raise failure


def _bounded(reply: Reply, bounds: Bounds) -> Reply:
    if len(reply.body) > bounds.size:
        raise UnexpectedAnswer(too_large(bounds.size), status=reply.status)
    return reply
