"""The waist between a backend and HTTP: one request, one reply, both plain values.

Adapters live beside this file, one for each HTTP library, and are imported when they are used.
An adapter raises `ConnectionFailed` where no answer came, and returns whatever answer did, unless it is
larger than the request allows, which is an `UnexpectedAnswer`.
It calls `cfclient.backend.departed()` before anything of a request may leave, so that a call that is
cancelled later is known to have an unknown outcome.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import attrs

from cfclient.bounds import DEFAULT
from cfclient.errors import RateLimited

__all__ = ["Budgeted", "Http", "Reply", "Request"]


@attrs.frozen(kw_only=True)
class Request:
    """One HTTP request; its headers and its body may hold a key and are in no repr."""

    method: str
    url: str
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False, hash=False)
    body: bytes = attrs.field(default=b"", repr=False)
    #: which of the principal's budgets the exchange counts in: "api", or "graphql"
    window: str = "api"
    #: how many bytes the body of the reply may have, after decompression; an adapter stops reading there
    max_reply: int = DEFAULT.size


@attrs.frozen(kw_only=True)
class Reply:
    """One HTTP reply; its body may echo a key and is in no repr. Header names are in lower case."""

    status: int
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False, hash=False)
    body: bytes = attrs.field(default=b"", repr=False)


class Http(Protocol):
    """Exchanges requests for replies."""

    async def exchange(self, request: Request, /) -> Reply:
        """The reply, its body read to the end; `ConnectionFailed` where none came."""
        ...


@runtime_checkable
class Budgeted(Http, Protocol):
    """An adapter that keeps count of a budget."""

    async def limited(self, error: RateLimited, /) -> None:
        """Is told by the backend that the body of a reply was a refusal for the limit."""
        ...
